"""An estimator in one file: the difference of second order from the free states and two nudges of one sign.

dC/dθ ≈ [−3 ∂E(s⁰) + 4 ∂E(s^{β/2}) − ∂E(s^β)] / β,   bias O(β²)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from neuroep.learning.methods.estimators import Scheme


def forward(beta: float, batch: int, dtype: DTypeLike, rng: np.random.Generator | None) -> Scheme:
    nudges = np.repeat(np.array([beta / 2.0, beta], dtype=dtype), batch)
    coefficients = np.repeat(np.array([-3.0, 4.0, -1.0], dtype=dtype) / (beta * batch), batch)
    return Scheme(nudges, coefficients.astype(dtype), True)
