"""When a sample has settled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neuroep.equilibrium import ResultCode
from neuroep.weights import FloatArray


def result_codes(residual: FloatArray, tolerance: float) -> NDArray[np.int64]:
    """Return the ResultCode of each sample from the residual of its last sweep.

    A residual that isn't finite means divergence; one above the tolerance means that the limit of sweeps
    was reached first.
    """
    codes = np.where(residual <= tolerance, ResultCode.CONVERGED, ResultCode.STEP_LIMIT)
    return np.where(np.isfinite(residual), codes, ResultCode.DIVERGED).astype(np.int64)
