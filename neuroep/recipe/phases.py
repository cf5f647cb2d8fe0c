"""How the free phase and the nudged phases settle, and how the gradient is read off them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, Literal

from neuroep.checks import LARGEST
from neuroep.errors import BadInput
from neuroep.fields import settle

#: Points on the circle of the holomorphic estimator; its bias is below rounding with some tens of them.
MOST_POINTS = 1000


class Estimator(StrEnum):
    """How the gradient is read off the equilibria: a name, and of which family the estimator is."""

    family: Literal["difference", "circle", "continual"]

    ONE_SIDED = "one-sided", "difference"
    RANDOM_SIGN = "random-sign", "difference"
    CENTERED = "centered", "difference"
    HOLOMORPHIC = "holomorphic", "circle"
    CONTINUAL = "continual", "continual"
    CONTINUAL_SYMMETRIC = "continual-symmetric", "continual"

    def __new__(cls, value: str, family: Literal["difference", "circle", "continual"]) -> Estimator:
        """Make a member of its name and family."""
        member = str.__new__(cls, value)
        member._value_, member.family = value, family
        return member

    @property
    def is_difference(self) -> bool:
        """Whether it is a finite difference of real equilibria at fixed weights."""
        return self.family == "difference"

    @property
    def is_continual(self) -> bool:
        """Whether weights change while the nudged phase runs."""
        return self.family == "continual"


class Order(StrEnum):
    """In which order one sweep updates the layers 1..L."""

    FORWARD = "forward"
    BACKWARD = "backward"
    EVEN_ODD = "even-odd"
    SYMMETRIC = "symmetric"


class Form(StrEnum):
    """Which variable obeys the differential equation in continuous time (:mod:`neuroep.solvers.problems`)."""

    MEMBRANE = "membrane"
    GRADIENT = "gradient"


class Encoder(StrEnum):
    """How states become spikes, a solver of its own (:mod:`neuroep.solvers.spikes`)."""

    INTEGRATE_AND_FIRE = "integrate-and-fire"
    SIGMA_DELTA = "sigma-delta"
    POISSON = "poisson"
    LOIHI = "loihi"
    GRADED = "graded"


#: Settings of spikes, which nothing else reads.
OF_SPIKES = ("relaxation", "leak", "peak", "grain", "window")
#: Settings of continuous time, which sweeps and spikes don't read.
IN_TIME = ("form", "step_seconds", "rtol", "atol", "free_seconds", "nudged_seconds", "noise")
SWEEPS = "sweeps"
"""The solver that isn't one of a differential equation: block sweeps."""
MOST_SWEEPS = 100_000
"""Of a phase; recipes take a few, and what hasn't settled after so many won't."""


@dataclass(frozen=True, slots=True)
class Phases:
    """The free phase and the nudged phases.

    Attributes
    ----------
    estimator : Estimator
        One-sided, random-sign (one nudged phase), centered (two), holomorphic (`points` on a circle of complex β),
        or continual, plain or symmetric.
    beta : float
        Nudging strength β > 0.
    free_sweeps, nudged_sweeps : int
        Most sweeps of each phase.
    free_order, nudged_order : Order
        Order of the layers within a sweep.
    tolerance : float
        A sample stops when the norm of its velocity falls to this; 0 stops at an exact fixed point only.
    points : int
        Points N on the circle of the holomorphic estimator.
    scaled : bool
        Settle displacements scaled by the feedback gain instead of raw states, so that float32 resolves the nudge
        at any depth; exact reads only.
    solver : str
        ``"sweeps"``, or a solver of :mod:`neuroep.solvers.tableaux`, as ``"dopri5"``: phases are then integrated in
        continuous time, in at most `free_sweeps` and `nudged_sweeps` steps; or an :class:`Encoder`: units then send
        spikes, for just as many steps. Either gives differences of real equilibria alone.
    form : Form
        In continuous time, of membrane potentials or of the energy's gradient.
    step_seconds : float, optional
        Fixed step; without one a solver with an error estimate chooses its steps by `rtol` and `atol`.
    rtol, atol : float
        Error of a step, relative and absolute.
    free_seconds, nudged_seconds : float, optional
        Time at which a phase ends, settled or not; noise never settles, so it needs them.
    noise : float
        Thermal noise of all neurons per √second (:mod:`neuroep.solvers.stochastic`).
    relaxation, leak : float
        Of spikes: shares of a membrane's and of a synaptic current's time constant that one step takes, ε and λ.
    peak : float
        Spikes a step at a state of 1.
    grain : float
        Of graded spikes, the smallest change of a state that is sent.
    window : int
        Last steps of a phase whose mean states are read.
    """

    estimator: Estimator = Estimator.CENTERED
    beta: float = 0.3
    free_sweeps: int = 10
    nudged_sweeps: int = 5
    free_order: Order = Order.FORWARD
    nudged_order: Order = Order.BACKWARD
    tolerance: float = 0.0
    points: int = 4
    scaled: bool = False
    solver: str = SWEEPS
    form: Form = Form.MEMBRANE
    step_seconds: float | None = None
    rtol: float = 1e-3
    atol: float = 1e-6
    free_seconds: float | None = None
    nudged_seconds: float | None = None
    noise: float = 0.0
    relaxation: float = 0.1
    leak: float = 0.2
    peak: float = 0.5
    grain: float = 1.0 / 64.0
    window: int = 20

    @property
    def spiking(self) -> bool:
        """Whether units send spikes."""
        return self.solver in tuple(Encoder)

    @property
    def in_time(self) -> bool:
        """Whether phases are integrated in continuous time."""
        return self.solver != SWEEPS and not self.spiking

    @property
    def traced(self) -> bool:
        """Whether its memory accesses are known: those of sweeps to real equilibria at fixed weights."""
        return self.estimator.is_difference and self.solver == SWEEPS

    def swept(self) -> Phases:
        """Return the same phases settled by block sweeps, whose equilibria are those of the differential equation."""
        usual: dict[str, Any] = {f.name: f.default for f in fields(self) if f.name in ("solver", *IN_TIME, *OF_SPIKES)}
        return replace(self, **usual)

    def __post_init__(self) -> None:
        settle(self, "phases.", LARGEST)
        if self.solver != SWEEPS and (self.scaled or not self.estimator.is_difference):
            what = "scaled displacements" if self.scaled else f"the {self.estimator.value} estimator"
            raise BadInput(f"{what} {'with spikes' if self.spiking else 'in continuous time'}", "phases.solver", SWEEPS)
        self._check_spikes()
        for key in ("step_seconds", "free_seconds", "nudged_seconds"):
            value = getattr(self, key)
            if value is not None and not value > 0.0:
                raise BadInput(f"{value} s", f"phases.{key}", "more than 0")
        if self.noise < 0.0:
            raise BadInput(f"noise of {self.noise}", "phases.noise", "0 or more, per √second")
        if not 0.0 < self.beta < 1.0 and self.estimator is not Estimator.ONE_SIDED:
            raise BadInput(f"β = {self.beta} with the {self.estimator.value} estimator", "phases.beta", "0 < β < 1")
        if not 0.0 < self.beta <= 1e6:
            raise BadInput(f"β = {self.beta}", "phases.beta", "β > 0, at most 1e6")
        if min(self.free_sweeps, self.nudged_sweeps) < 1:
            raise BadInput("a phase without sweeps", "phases", "free_sweeps and nudged_sweeps of at least 1")
        if max(self.free_sweeps, self.nudged_sweeps) > MOST_SWEEPS:
            most = f"free_sweeps and nudged_sweeps of at most {MOST_SWEEPS:,}"
            raise BadInput(f"{max(self.free_sweeps, self.nudged_sweeps):.3g} sweeps", "phases", most)
        if not 2 <= self.points <= MOST_POINTS:
            raise BadInput(f"{self.points:.3g} point(s) on the circle", "phases.points", f"2 to {MOST_POINTS}")
        if self.scaled and not self.estimator.is_difference:
            raise BadInput(
                f"scaled displacements with the {self.estimator.value} estimator",
                "phases.scaled",
                "one-sided, random-sign or centered",
            )
        if not 0.0 <= self.tolerance < 1.0:
            raise BadInput(f"tolerance {self.tolerance}", "phases.tolerance", "0 <= tolerance < 1")

    def _check_spikes(self) -> None:
        if self.spiking and self.tolerance:
            raise BadInput("spikes never come to rest", "phases.tolerance", "0: phases last free_sweeps, nudged_sweeps")
        for key in ("relaxation", "leak", "peak", "grain"):
            if not 0.0 < getattr(self, key) <= 1.0:
                raise BadInput(f"{getattr(self, key)}", f"phases.{key}", f"0 < {key} <= 1")
        if self.window < 1 or (self.spiking and self.window > min(self.free_sweeps, self.nudged_sweeps)):
            shortest = min(self.free_sweeps, self.nudged_sweeps)
            raise BadInput(f"the last {self.window} steps", "phases.window", f"1 to {shortest}, the shorter phase")
