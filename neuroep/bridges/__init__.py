"""Bridges to other worlds: torch modules, the backprop twin, weight files."""
