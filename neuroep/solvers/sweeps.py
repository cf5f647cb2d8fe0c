"""Block sweeps: each layer in turn is set to the exact minimiser given its neighbours.

For hard-sigmoid, sigmoid, tanh, relu6, relu and linear layers no block update can raise the energy, so sweeps descend
monotonically. Updating all even layers and then all odd ones is the order of Scellier & Bengio's later
code; a forward sweep from zero states is the feedforward pass; a backward sweep carries a nudge from the
output to the first layer in one go; a symmetric sweep does both.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neuroep import checks
from neuroep.recipe import Order


def layer_order(order: Order, depth: int) -> NDArray[np.int64]:
    """Return the layers 1..L in the order in which one sweep updates them."""
    order = checks.choice(order, Order, "order")
    forward = np.arange(1, depth + 1, dtype=np.int64)
    if order is Order.FORWARD:
        return forward
    if order is Order.BACKWARD:
        return forward[::-1].copy()
    if order is Order.SYMMETRIC:
        return np.concatenate([forward, forward[-2::-1]])
    return np.concatenate([forward[1::2], forward[0::2]])
