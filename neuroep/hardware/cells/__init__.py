"""What one cell does at a pulse, and how cells of an array differ."""
