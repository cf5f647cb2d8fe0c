"""Crossbars of analog cells: wires, converters, reads, and pulses that move weights."""
