"""How a network is trained: phases, step sizes, epochs. Frozen, and without state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, Literal, NamedTuple

from neuroep.checks import LARGEST
from neuroep.errors import BadInput
from neuroep.fields import settle

Scale = Literal["none", "standard", "minmax"]
"""How inputs are scaled by what the training set says (:func:`neuroep.data.scaling.scaled`)."""


#: Points on the circle of the holomorphic estimator; its bias is below rounding with some tens of them.
MOST_POINTS = 1000


class Estimator(StrEnum):
    """How the gradient is read off the equilibria (EQUATIONS §2)."""

    ONE_SIDED = "one-sided"
    RANDOM_SIGN = "random-sign"
    CENTERED = "centered"
    HOLOMORPHIC = "holomorphic"
    CONTINUAL = "continual"
    CONTINUAL_SYMMETRIC = "continual-symmetric"

    @property
    def is_difference(self) -> bool:
        """Whether it is a finite difference of real equilibria at fixed weights."""
        return self in (Estimator.ONE_SIDED, Estimator.RANDOM_SIGN, Estimator.CENTERED)

    @property
    def is_continual(self) -> bool:
        """Whether weights change while the nudged phase runs."""
        return self in (Estimator.CONTINUAL, Estimator.CONTINUAL_SYMMETRIC)


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
        continuous time, in at most `free_sweeps` and `nudged_sweeps` steps, and differences of real equilibria alone
        can be read.
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

    @property
    def in_time(self) -> bool:
        """Whether phases are integrated in continuous time."""
        return self.solver != SWEEPS

    @property
    def traced(self) -> bool:
        """Whether its memory accesses are known: those of sweeps to real equilibria at fixed weights."""
        return self.estimator.is_difference and not self.in_time

    def swept(self) -> Phases:
        """Return the same phases settled by block sweeps, whose equilibria are those of the differential equation."""
        usual: dict[str, Any] = {f.name: f.default for f in fields(self) if f.name in ("solver", *IN_TIME)}
        return replace(self, **usual)

    def __post_init__(self) -> None:
        settle(self, "phases.", LARGEST)
        if self.in_time and (self.scaled or not self.estimator.is_difference):
            what = "scaled displacements" if self.scaled else f"the {self.estimator.value} estimator"
            raise BadInput(f"{what} in continuous time", "phases.solver", SWEEPS)
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


SGD = "sgd"
"""The rule of descent that there is without any other: gradients, their momentum and weight decay."""
PLAIN = 'rule = "sgd", momentum = 0 and weight_decay = 0'
ADAMS = ("betas", "epsilon")


@dataclass(frozen=True, slots=True)
class Training:
    """Stochastic descent by a rule, with weight decay and a decaying learning rate.

    Attributes
    ----------
    epochs, batch_size : int
        Passes over the training set, samples a step.
    learning_rates : tuple of float
        One per coupling (its biases too), or a single one for all.
    decay : float
        Factor on the learning rates after each epoch.
    momentum : float
        Of ``sgd`` and ``muon``, as in ``torch.optim``.
    weight_decay : float
        Of couplings, as in ``torch.optim``; biases don't decay.
    validation : float
        Share of the training set kept aside, in [0, 1); 0 keeps nothing.
    patience : int
        Stop after this many epochs without a better validation accuracy; 0 never stops early.
    rule : str
        How gradients become directions: a name of :data:`neuroep.learning.rules.RULES`, ``sgd``, ``adam`` or ``muon``.
    betas : tuple of float
        Of Adam: what its running means of the gradient and of its square keep.
    epsilon : float
        Of Adam: added to the root of the mean square.
    """

    epochs: int = 20
    batch_size: int = 64
    learning_rates: tuple[float, ...] = (0.1,)
    decay: float = 1.0
    momentum: float = 0.0
    weight_decay: float = 0.0
    validation: float = 0.0
    patience: int = 0
    rule: str = SGD
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8

    @property
    def is_plain(self) -> bool:
        """Whether updates are gradients, without memory: for those that no digital buffer holds."""
        return self.rule == SGD and not (self.momentum or self.weight_decay)

    def __post_init__(self) -> None:
        settle(self, "training.", LARGEST)
        if len(self.betas) != 2 or not all(0.0 <= beta < 1.0 for beta in self.betas):
            raise BadInput(f"betas {self.betas}", "training.betas", "two numbers, 0 <= β < 1")
        if not self.epsilon > 0.0:
            raise BadInput(f"epsilon {self.epsilon}", "training.epsilon", "more than 0")
        if min(self.epochs, self.batch_size) < 1:
            raise BadInput("no epochs or an empty batch", "training", "epochs and batch_size of at least 1")
        if not self.learning_rates or min(self.learning_rates) <= 0.0:
            raise BadInput(f"learning rates {self.learning_rates}", "training.learning_rates", "positive numbers")
        if not 0.0 < self.decay <= 1.0:
            raise BadInput(f"decay {self.decay}", "training.decay", "0 < decay <= 1")
        if not 0.0 <= self.momentum < 1.0:
            raise BadInput(f"momentum {self.momentum}", "training.momentum", "0 <= momentum < 1")
        if self.weight_decay < 0.0:
            raise BadInput(f"weight decay {self.weight_decay}", "training.weight_decay", "0 or more")
        if not 0.0 <= self.validation < 1.0:
            raise BadInput(f"validation share {self.validation}", "training.validation", "0 <= share < 1")
        if self.patience < 0 or (self.patience and not self.validation):
            raise BadInput(f"patience {self.patience}", "training.patience", "0, or more with a validation share")

    def rates(self, depth: int, epoch: int) -> tuple[float, ...]:
        """Return the learning rate of each of `depth` couplings in an epoch counted from 0."""
        if len(self.learning_rates) not in (1, depth):
            raise BadInput(
                f"{len(self.learning_rates)} learning rates for {depth} couplings",
                "training.learning_rates",
                f"1 or {depth} numbers",
            )
        spread = self.learning_rates * depth if len(self.learning_rates) == 1 else self.learning_rates
        return tuple(rate * self.decay**epoch for rate in spread)


WINDOW = 32
"""Minibatches over which updates are looked at where requests are saved up."""


class Method(StrEnum):
    """How a requested change becomes pulses, or steps of an integer weight."""

    STOCHASTIC = "stochastic"
    NEAREST = "nearest"
    ACCUMULATED = "accumulated"
    TRANSFER = "transfer"
    OPPOSITE = "opposite"
    NET = "net"

    @property
    def by_states(self) -> bool:
        """Whether the states themselves are sent, sample by sample, as trains on rows and columns: no gradient."""
        return self in (Method.OPPOSITE, Method.NET)


class Trains(StrEnum):
    """How a state becomes a train of pulses on its line."""

    STOCHASTIC = "stochastic"
    DETERMINISTIC = "deterministic"


class Reads(StrEnum):
    """What drives an array in a read."""

    STATES = "states"
    CHANGES = "changes"
    ADJOINT = "adjoint"


@dataclass(frozen=True, slots=True)
class Programming:
    """How hardware is used: how its weights are asked to change, and how they are read.

    Attributes
    ----------
    method : Method
        ``stochastic``: rounded at random, right in the mean. ``nearest``: rounded to the nearest, requests under half
        a step are lost. ``accumulated``: a digital accumulator a weight keeps what a step can't express and sends whole
        steps (mixed-precision training, Nandakumar et al. 2020). ``transfer``: a second array takes the stochastic
        pulses and is moved to the weights row by row through a digital buffer (Tiki-Taka, Gokmen & Haensch 2020;
        version 2, Gokmen 2021). ``opposite`` and ``net`` form no gradient: pulse trains on rows and columns carry the
        states of each sample, and where they coincide a device is pulsed
        (:mod:`neuroep.hardware.crossbar.state_trains`): ``opposite`` sends the products of both phases in opposite
        directions, ``net`` their difference.
    most_pulses : int
        Longest train of one update; with ``opposite`` and ``net``, most slots of one train of one sample.
    least_pulses : int
        Pulses that an accumulator saves up before it sends them. Every write draws new write noise, so rare long trains
        suit devices with much of it.
    transfer_every : int
        Updates between two transfers of a row.
    transfer_gain : float
        What is read of the second array, times this, goes to the buffer.
    headroom : float, optional
        How many times the largest initial weight a coupling can hold, in place of the profile's own choice: full scale
        is set when weights are mounted, and how far they grow is the model's affair.
    averaged_reads : int
        Conversions of each read, of which the mean is taken.
    trains : Trains
        Of ``opposite`` and ``net``: ``stochastic``, bits drawn at random with the right mean of coincidences;
        ``deterministic``, bits counted out, which rounds.
    reads : Reads
        ``states``: lines are driven with the states. ``changes``: with what has changed since they were last driven,
        and what comes back is added to the sum that a register keeps. Under range management noise and steps shrink
        with the change, and the free phase's noise, which nudged copies share, falls out of the contrast.
        ``adjoint``: the same, but nudged phases read upward changes through the downward weights and the other way
        round (Asymmetric EP, arXiv 2602.03670), which makes the gradient exact where the two differ.
    decay : float
        λ: every array is also asked for −λ times the learning rate times its own weights, as read, at every update
        (Kolen & Pollack 1994). Two arrays that get the same updates then meet.
    average_every : int
        Updates after which both arrays of a coupling are read and programmed to their mean; 0 never.
    """

    method: Method = Method.STOCHASTIC
    most_pulses: int = 31
    least_pulses: int = 1
    transfer_every: int = 1
    transfer_gain: float = 1.0
    headroom: float | None = None
    averaged_reads: int = 1
    trains: Trains = Trains.STOCHASTIC
    reads: Reads = Reads.STATES
    decay: float = 0.0
    average_every: int = 0

    @property
    def steps_to_see(self) -> int:
        """Minibatches after which what updates do shows: more than one where requests wait for later ones."""
        return WINDOW if self.method in (Method.ACCUMULATED, Method.TRANSFER) else 1

    def __post_init__(self) -> None:
        settle(self, "programming.", LARGEST)
        if not 1 <= self.most_pulses <= 1000:
            raise BadInput(f"{self.most_pulses} pulses", "programming.most_pulses", "1 to 1000")
        if not 1 <= self.least_pulses <= self.most_pulses:
            raise BadInput(f"{self.least_pulses} pulses", "programming.least_pulses", "1 to most_pulses")
        if not 1 <= self.averaged_reads <= 1000:
            raise BadInput(f"{self.averaged_reads} reads", "programming.averaged_reads", "1 to 1000")
        if self.headroom is not None and not 1.0 <= self.headroom <= 1e3:
            raise BadInput(f"a headroom of {self.headroom}", "programming.headroom", "1 to 1000")
        if self.transfer_every < 1:
            raise BadInput(f"every {self.transfer_every}", "programming.transfer_every", "1 or more")
        if not 0.0 < self.transfer_gain < 1e6:
            raise BadInput(f"a gain of {self.transfer_gain}", "programming.transfer_gain", "more than 0")
        if not 0.0 <= self.decay < 1e3:
            raise BadInput(f"a decay of {self.decay}", "programming.decay", "0 to 1000")
        if self.average_every < 0:
            raise BadInput(f"every {self.average_every}", "programming.average_every", "0 for never, or 1 or more")


class Readers(NamedTuple):
    """Who reads a setting: some choices of the field that chooses, or all `others`."""

    chooser: str
    choices: tuple[str, ...]
    others: bool = False

    def __contains__(self, choice: object) -> bool:
        """Whether a choice reads it."""
        return (choice in self.choices) != self.others

    def __str__(self) -> str:
        """What is allowed."""
        named = " or ".join(f"'{choice!s}'" for choice in self.choices)
        return f"{self.chooser} other than {named}" if self.others else f"{self.chooser} {named}"


#: Settings of continuous time, which sweeps don't read.
IN_TIME = ("form", "step_seconds", "rtol", "atol", "free_seconds", "nudged_seconds", "noise")
#: Settings that only some estimators, solvers or methods read.
OWN_SETTINGS: Mapping[str, Readers] = {
    "points": Readers("estimator", (Estimator.HOLOMORPHIC,)),
    "free_order": Readers("solver", (SWEEPS,)),
    "nudged_order": Readers("solver", (SWEEPS,)),
    **dict.fromkeys(IN_TIME, Readers("solver", (SWEEPS,), others=True)),
    "momentum": Readers("rule", ("adam",), others=True),
    **dict.fromkeys(ADAMS, Readers("rule", (SGD, "muon"), others=True)),
    "least_pulses": Readers("method", (Method.ACCUMULATED,)),
    "transfer_every": Readers("method", (Method.TRANSFER,)),
    "transfer_gain": Readers("method", (Method.TRANSFER,)),
    "trains": Readers("method", (Method.OPPOSITE, Method.NET)),
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How EP trains a network, on hardware how that is programmed, and how its backprop twin is trained."""

    phases: Phases = Phases()
    training: Training = Training()
    backprop: Training = Training()
    programming: Programming = Programming()

    def __post_init__(self) -> None:
        settle(self)
        if self.phases.estimator.is_continual and not self.training.is_plain:
            raise BadInput(
                f"momentum, weight decay or another rule with the {self.phases.estimator.value} estimator",
                "training",
                PLAIN,
            )
        if self.phases.estimator.is_continual and self.programming.reads is not Reads.STATES:
            raise BadInput(
                f"sums kept while weights change, with the {self.phases.estimator.value} estimator",
                "programming.reads",
                Reads.STATES.value,
            )
        if self.programming.method.by_states:
            self._check_states()

    def lasting(self, epochs: int | None) -> Recipe:
        """Return the recipe with another number of epochs, of EP and of its twin; None leaves it as it is."""
        if epochs is None:
            return self
        training, backprop = (replace(part, epochs=epochs) for part in (self.training, self.backprop))
        return replace(self, training=training, backprop=backprop)

    def refuse_idle(self) -> None:
        """Refuse settings of estimators and methods that aren't chosen.

        Raises
        ------
        BadInput
            Naming the first, and what would read it.
        """
        for prefix in ("phases", "training", "backprop", "programming"):
            part = getattr(self, prefix)
            for field in (field for field in fields(part) if field.name in OWN_SETTINGS):
                readers, given = OWN_SETTINGS[field.name], getattr(part, field.name)
                choice = getattr(part, readers.chooser)
                if given != field.default and choice not in readers:
                    what = f"without effect with {readers.chooser} '{choice!s}'"
                    raise BadInput(what, f"{prefix}.{field.name}", f"left out, or {readers}")

    def _check_states(self) -> None:
        """Refuse what pulse trains of states can't carry."""
        method = f"with programming.method {self.programming.method.value!r}"
        if not self.training.is_plain:
            raise BadInput(f"momentum, weight decay or another rule {method}", "training", PLAIN)
        if not self.phases.estimator.is_difference:
            raise BadInput(
                f"the {self.phases.estimator.value} estimator {method}",
                "phases.estimator",
                "one-sided, random-sign or centered",
            )
        if self.phases.scaled:
            raise BadInput(f"scaled displacements {method}", "phases.scaled", "false: states as the chip has them")
        if self.programming.decay:
            raise BadInput(f"a decay {method}", "programming.decay", "0")
