"""How accurately a model settles in continuous time unless one says: numbers alone, which help texts name."""

RTOL, ATOL = 1e-6, 1e-9
"""Of adaptive solvers."""
SHARE = 0.1
"""Step of the others, as a share of the shortest time constant."""
TOLERANCE = 1e-8
"""On the velocity of a sample that has settled."""
STEPS = 100_000
"""Most steps."""
