"""What is minimised: energies, their velocities and their contrasts."""
