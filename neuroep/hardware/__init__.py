"""What the hardware does to a weight, a read and an update."""
