"""What becomes of a programmed conductance."""
