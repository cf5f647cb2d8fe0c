"""Explicit Runge–Kutta solvers: a tableau, its order and its error estimate, and nothing else.

    Y_i = y + h Σ_{j<i} a_ij f(Y_j),   y₁ = y + h Σ_i b_i f(Y_i),   error = h Σ_i (b_i − b̂_i) f(Y_i)

Step sizes are the controllers' business, stopping is the plan's, and what f is the problem's. Sources:
Hairer, Nørsett & Wanner, Solving Ordinary Differential Equations I (1993), II.1, II.4 and II.5; Bogacki &
Shampine, Appl. Math. Lett. 2 (1989); Dormand & Prince, J. Comput. Appl. Math. 6 (1980); Tsitouras,
Comput. Math. Appl. 62 (2011); Hochbruck & Ostermann, Acta Numerica 19 (2010) for exponential Euler;
Kloeden & Platen, Numerical Solution of Stochastic Differential Equations (1992) for the stochastic ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuroep import checks

Coefficients = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Solver:
    """An explicit one-step solver.

    Attributes
    ----------
    name : str
        As on the command line.
    a : ndarray, shape (stages, stages)
        Strictly lower triangular.
    b, c : ndarray, shape (stages,)
        Weights and nodes.
    error : ndarray, shape (stages,)
        b − b̂; all zero where there is no error estimate.
    order : int
        p: the global error falls as h^p on smooth problems.
    error_order : int
        Order of the embedded solution b̂; 0 where there is none.
    exponential : bool
        The leak −y/τ is integrated exactly: h/τ is replaced by 1 − e^{−h/τ}.
    stochastic : bool
        Takes thermal noise: stage i sees c_i times the Wiener increment of the step, the result all of it.
        `order` is then the weak order, for noise that doesn't depend on the state.
    """

    name: str
    a: Coefficients
    b: Coefficients
    c: Coefficients
    error: Coefficients
    order: int
    error_order: int = 0
    exponential: bool = False
    stochastic: bool = False

    @property
    def stages(self) -> int:
        """Number of stages."""
        return len(self.b)

    @property
    def first_same_as_last(self) -> bool:
        """Whether the last stage is the velocity at the result, so that the next step has its first."""
        return self.stages > 1 and bool(np.array_equal(self.a[-1], self.b))

    @property
    def adaptive(self) -> bool:
        """Whether there is an error estimate to control steps by."""
        return self.error_order > 0


def _solver(
    name: str,
    rows: Sequence[Sequence[float]],
    weights: Sequence[float],
    order: int,
    embedded: Sequence[float] = (),
    error_order: int = 0,
    exponential: bool = False,
    stochastic: bool = False,
) -> Solver:
    stages = len(weights)
    a = np.zeros((stages, stages))
    for i, row in enumerate(rows, start=1):
        a[i, : len(row)] = row
    b = np.asarray(weights, dtype=np.float64)
    error = b - np.asarray(embedded) if len(embedded) else np.zeros(stages)
    for shared in (a, b, error):
        shared.setflags(write=False)
    return Solver(name, a, b, a.sum(axis=1), error, order, error_order, exponential, stochastic)


EULER = _solver("euler", (), (1.0,), 1)
EXPONENTIAL_EULER = _solver("exponential-euler", (), (1.0,), 1, exponential=True)
EULER_MARUYAMA = _solver("euler-maruyama", (), (1.0,), 1, stochastic=True)
HEUN = _solver("heun", ((1.0,),), (0.5, 0.5), 2, (1.0, 0.0), 1)
STOCHASTIC_HEUN = _solver("stochastic-heun", ((1.0,),), (0.5, 0.5), 2, stochastic=True)
RK4 = _solver("rk4", ((0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)), (1 / 6, 1 / 3, 1 / 3, 1 / 6), 4)
BOSH3 = _solver(
    "bosh3",
    ((1 / 2,), (0.0, 3 / 4), (2 / 9, 1 / 3, 4 / 9)),
    (2 / 9, 1 / 3, 4 / 9, 0.0),
    3,
    (7 / 24, 1 / 4, 1 / 3, 1 / 8),
    2,
)
_DOPRI5 = (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84)
DOPRI5 = _solver(
    "dopri5",
    (
        (1 / 5,),
        (3 / 40, 9 / 40),
        (44 / 45, -56 / 15, 32 / 9),
        (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
        (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
        _DOPRI5,
    ),
    (*_DOPRI5, 0.0),
    5,
    (5179 / 57600, 0.0, 7571 / 16695, 393 / 640, -92097 / 339200, 187 / 2100, 1 / 40),
    4,
)
_TSIT5 = (
    0.09646076681806523,
    0.01,
    0.4798896504144996,
    1.379008574103742,
    -3.290069515436081,
    2.324710524099774,
)
_TSIT5_ERROR = (
    -0.00178001105222577714,
    -0.0008164344596567469,
    0.007880878010261995,
    -0.1447110071732629,
    0.5823571654525552,
    -0.45808210592918697,
    1 / 66,
)
TSIT5 = _solver(
    "tsit5",
    (
        (0.161,),
        (-0.008480655492356989, 0.335480655492357),
        (2.8971530571054935, -6.359448489975075, 4.3622954328695815),
        (5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525),
        (5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401, -0.028269050394068383),
        _TSIT5,
    ),
    (*_TSIT5, 0.0),
    5,
    tuple(weight - gap for weight, gap in zip((*_TSIT5, 0.0), _TSIT5_ERROR, strict=True)),
    4,
)

#: Every solver by name.
SOLVERS: dict[str, Solver] = {
    solver.name: solver
    for solver in (
        EULER,
        EXPONENTIAL_EULER,
        HEUN,
        RK4,
        BOSH3,
        DOPRI5,
        TSIT5,
        EULER_MARUYAMA,
        STOCHASTIC_HEUN,
    )
}


def named(name: str, where: str = "", besides: Iterable[str] = ()) -> Solver:
    """Return a solver by name; errors also allow what the caller takes `besides`.

    Raises
    ------
    UnknownName
        For a name that isn't in `SOLVERS`.
    """
    return SOLVERS[checks.one_of(name, SOLVERS if name in SOLVERS else (*besides, *SOLVERS), "solver", where)]
