"""How equilibrium is reached."""
