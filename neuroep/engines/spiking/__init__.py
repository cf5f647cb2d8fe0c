"""Settling by spikes: a compiled, clock-driven twin of what brian2 simulates."""
