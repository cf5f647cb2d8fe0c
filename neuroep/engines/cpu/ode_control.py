"""Step-size control, compiled. Same definition as `neuroep.solvers.controllers`."""

from __future__ import annotations

import math
from typing import NamedTuple

from neuroep.engines.cpu.ode_flow import FAST, Equation, Scratch
from neuroep.engines.cpu.read_kernels import IntArray
from neuroep.kernel_cache import njit
from neuroep.physics import scalars
from neuroep.weights import FloatArray


class Scheme(NamedTuple):
    """Tableau and controller in numbers; `a`, `b`, `c` and `error` in the type of the states."""

    a: FloatArray
    b: FloatArray
    c: FloatArray
    error: FloatArray
    exponential: bool
    same_last: bool
    adaptive: bool
    q: int
    rtol: float
    atol: float
    settling: float
    longest: float
    safety: float
    shrink: float
    grow: float
    integral: float
    proportional: float
    sliver: float
    vanishing: float


@njit(cache=True, fastmath=FAST)
def scaled_error(
    method: Scheme, equation: Equation, scratch: Scratch, sizes: IntArray, starts: IntArray, units: int, r: int,
    eps: float,
) -> float:  # fmt: skip
    """Scaled error of one row's step: see `controllers.scaled_error`; `reached` holds y₁, `free` the same unclipped."""
    scaled, wrong, moved, after = 0.0, 0.0, 0.0, 0.0
    for k in range(1, equation.last + 1):
        n, z = sizes[k], scratch.z[r, k]
        for i in range(starts[k] + r * n, starts[k] + (r + 1) * n):
            total = method.error[0] * scratch.velocities[0, i]
            for j in range(1, len(method.b)):
                total += method.error[j] * scratch.velocities[j, i]
            error = z * total
            lower = scratch.free[i] - error
            other = scalars.clip(lower, equation.low[k], equation.high[k])
            if scratch.reached[i] != scratch.free[i] or other != lower:
                error = scratch.reached[i] - other
            scale = method.atol + method.rtol * max(abs(scratch.y[i]), abs(scratch.reached[i]))
            scaled += (error / scale) ** 2
            wrong += float(error) ** 2
            moved += float(z * scratch.velocities[0, i]) ** 2
            after += float(scratch.reached[i]) ** 2
    room = method.settling * math.sqrt(moved) + 10.0 * eps * math.sqrt(after)
    worst = max(math.sqrt(scaled / units), math.sqrt(wrong) / max(room, 1e-300))
    return worst if math.isfinite(worst) else math.inf


@njit(cache=True)
def step_factor(method: Scheme, error: float, previous: float) -> float:
    """Factor on the step: see `controllers.step_factor`."""
    bounded = min(max(error, 1e-10), 1e10)
    if error <= 1.0:
        wanted: float = bounded ** (-method.integral / method.q) * previous ** (method.proportional / method.q)
        return min(max(method.safety * wanted, method.shrink), method.grow)
    shorter: float = bounded ** (-1.0 / method.q)
    return min(max(method.safety * shorter, method.shrink), 1.0)
