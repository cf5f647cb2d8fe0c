"""Training by EP on a mounted network: epochs, checkpoints, early stop, evaluation."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep import checks
from neuroep.circuit import Circuit
from neuroep.engines import Accumulation, Engine, How
from neuroep.equilibrium import ResultCode
from neuroep.errors import BadInput, Diverged
from neuroep.hardware.device import Bounding, Device, Mounted, Selective, Update, by_states
from neuroep.learning.loop_watch import LoopWatch
from neuroep.learning.methods.estimators import scheme
from neuroep.learning.methods.phases import plans, step_keys
from neuroep.learning.readings import reading
from neuroep.learning.rules import Memory, Rule, rule_of
from neuroep.learning.state_products import state_update
from neuroep.ledger import Ledger, Phase
from neuroep.physics.activations import stuck_units
from neuroep.physics.costs import confusion, cost, predicted_labels
from neuroep.physics.hopfield import HOPFIELD, safe_feedback
from neuroep.physics.known import physics_of, refuse_other
from neuroep.recipe import Phases, Programming, Recipe, Training
from neuroep.rng import stream
from neuroep.weights import FloatArray, Weights

LOG = logging.getLogger("neuroep")
#: Samples settled at once when nothing is learned.
EVALUATION_BATCH = 512

Orders = Callable[[int], Iterable[NDArray[np.intp]]]


class Samples(NamedTuple):
    """Inputs (N, n_0), targets (N, n_L) and labels (N,) of a set; only learning reads targets."""

    x: FloatArray
    targets: FloatArray
    labels: NDArray[np.int64]


def fitting(samples: Samples, circuit: Circuit, where: str = "samples", learned: bool = False) -> Samples:
    """Return samples as a circuit takes them: of its sizes and float type, finite, contiguous.

    Parameters
    ----------
    samples : Samples
        Arrays or what numpy makes arrays of; labels may stand in one column.
    circuit : Circuit
        A mounted network.
    where : str
        The argument's name.
    learned : bool
        Whether they are to be learned from: without, targets aren't looked at.

    Raises
    ------
    BadInput
        If they don't fit.
    """
    checks.instance(samples, Samples, where)
    inputs, outputs, dtype = int(circuit.sizes[0]), int(circuit.sizes[-1]), circuit.up.dtype
    x = checks.array(samples.x, f"{where}.x", ("samples", inputs), dtype)
    labels = checks.labels(samples.labels, f"{where}.labels", len(x), max(2, outputs))
    if not learned:
        return samples._replace(x=x, labels=labels)
    return Samples(x, checks.array(samples.targets, f"{where}.targets", (len(x), outputs), dtype), labels)


class Epoch(NamedTuple):
    """What one epoch gave. Training figures are of the free phases met on the way."""

    epoch: int
    train_accuracy: float
    train_cost: float
    validation_accuracy: float | None
    seconds: float


def log_epoch(training: str, epoch: Epoch, epochs: int) -> None:
    """Tell whoever listens to the logger how an epoch went, on one line."""
    LOG.info(
        "%s: epoch %d of %d, %.2f %% right, cost %.4g, %.3g s",
        training, epoch.epoch + 1, epochs, 100.0 * epoch.train_accuracy, epoch.train_cost, epoch.seconds,
    )  # fmt: skip


@dataclass
class Progress:
    """Everything that a checkpoint holds of a training run besides the hardware's state.

    Attributes
    ----------
    velocity : Weights
        The gradient's buffer, which keeps momentum where there is some.
    ledger : Ledger
        Events so far.
    history : list of Epoch
        Epochs finished.
    memory : dict of str to ndarray
        What else the rule keeps from step to step.
    """

    velocity: Weights
    ledger: Ledger
    history: list[Epoch] = field(default_factory=list)
    memory: Memory = field(default_factory=dict)

    @classmethod
    def fresh(cls, weights: Weights) -> Progress:
        """Return the state before the first epoch."""
        return cls(Weights.zeros(weights.sizes, weights.couplings.dtype), Ledger.empty(weights.sizes))

    def remembering(self, rule: Rule) -> Memory:
        """Return the rule's memory, made anew before the first step."""
        if not self.memory:
            self.memory = rule.fresh(self.velocity)
        return self.memory

    def stalled(self, patience: int) -> bool:
        """Whether the last `patience` epochs brought no better validation accuracy."""
        seen = [e.validation_accuracy for e in self.history if e.validation_accuracy is not None]
        return patience > 0 and len(seen) > patience and max(seen[-patience:]) <= max(seen[:-patience])


def free_outputs(engine: Engine, circuit: Circuit, x: FloatArray, plan: How, seed: int, ledger: Ledger) -> FloatArray:
    """Return the free equilibrium's output of each sample, (N, n_L), counted as inference.

    Raises
    ------
    Diverged
        If a sample's states leave the finite range: an argmax over NaN would name a class all the same.
    """
    outputs = np.empty((len(x), int(circuit.sizes[-1])), dtype=circuit.up.dtype)
    for start in range(0, len(x), EVALUATION_BATCH):
        rows = slice(start, start + EVALUATION_BATCH)
        keys = step_keys(circuit, plan, seed, "inference", start)
        drive = engine.drive(circuit, x[rows], keys.drive, ledger, Phase.INFERENCE)
        free = engine.settle_free(circuit, drive, plan, keys.free, ledger, Phase.INFERENCE)
        if free.code.max() == ResultCode.DIVERGED:
            sample = start + int(np.argmax(free.code == ResultCode.DIVERGED))
            what = f"inference diverged on sample {sample}: the weights or the feedback gain are too large"
            raise Diverged(what + _safe_gain(circuit))
        outputs[rows] = free.output
    return outputs


def _safe_gain(circuit: Circuit) -> str:
    """Return which feedback gain would do for the weights as they are, where the present one is too large."""
    if circuit.physics != HOPFIELD.code or not np.isfinite(circuit.up).all():
        return ""
    safe = safe_feedback(circuit)
    return f" (unbounded units of these weights settle under any below {safe:.3g})" if safe < circuit.feedback else ""


class Evaluation(NamedTuple):
    """The share of samples named right, the output units stuck at a bound for all of them, and what each was taken for.

    `confusion` is that of :func:`neuroep.physics.costs.confusion`.
    """

    accuracy: float
    stuck: tuple[int, ...]
    confusion: tuple[tuple[int, ...], ...]


def evaluate(engine: Engine, circuit: Circuit, samples: Samples, plan: How, seed: int, ledger: Ledger) -> Evaluation:
    """Return how the free outputs name the labels of some samples."""
    samples = fitting(samples, circuit)
    with engine.session():
        outputs = free_outputs(engine, circuit, samples.x, plan, seed, ledger)
    right = float((predicted_labels(circuit.cost, outputs) == samples.labels).mean())
    stuck = stuck_units(int(circuit.activations[-1]), outputs, samples.labels)
    return Evaluation(right, stuck, confusion(circuit.cost, outputs, samples.labels))


def accuracy(engine: Engine, circuit: Circuit, samples: Samples, plan: How, seed: int, ledger: Ledger) -> float:
    """Return the share of samples whose free output names their label."""
    return evaluate(engine, circuit, samples, plan, seed, ledger).accuracy


class Trainer:
    """EP on one device, epoch by epoch.

    Parameters
    ----------
    engine, device, mounted
        Where it runs, what it runs on, and the mounted network.
    phases, training : Phases, Training
        The recipe.
    samples : Samples
        Training set.
    validation : Samples or None
        Kept aside for the early stop.
    orders : callable
        Index batches of an epoch.
    seed : int
        Of random signs, read noise and stochastic rounding.

    Raises
    ------
    BadInput
        If they don't go together: whatever a recipe can't do on a device is refused here, before anything is trained.
    """

    def __init__(
        self,
        engine: Engine,
        device: Device,
        mounted: Mounted,
        phases: Phases,
        training: Training,
        samples: Samples,
        orders: Orders,
        seed: int,
        validation: Samples | None = None,
    ) -> None:
        depth = len(mounted.circuit.sizes) - 1
        checks.instance(phases, Phases, "phases")
        checks.instance(training, Training, "training").rates(depth, 0)
        try:
            samples = fitting(samples, mounted.circuit, learned=True)
        except BadInput as error:
            sizes = f"{mounted.circuit.sizes[0]} and {mounted.circuit.sizes[-1]}"
            raise BadInput(f"{error} ({sizes} inputs and outputs, as the network has)") from error
        validation = None if validation is None else fitting(validation, mounted.circuit, "validation")
        self.states_to = by_states(device)
        bounded = physics_of(mounted.circuit).least_weight > -np.inf
        # asked once: the answer takes microseconds
        self.bounding = device if bounded and isinstance(device, Bounding) else None
        if self.states_to is not None:
            refuse_other(mounted.circuit, "trains of states")
        sent = Programming() if self.states_to is None else self.states_to.programming
        Recipe(phases, training, training, sent)  # refuses what states can't carry, or learning at every sweep
        self.engine, self.device, self.mounted = engine, device, mounted
        self.phases, self.training, self.seed = phases, training, checks.seed(seed)
        self.samples, self.validation, self.orders = samples, validation, orders
        self.plans, self.rule = plans(phases, depth), rule_of(training)
        self.reading = reading(engine, mounted.circuit, phases, seed)

    def run(self, progress: Progress, on_epoch: Callable[[Epoch], None] | None = None) -> Progress:
        """Train from where `progress` stands to the last epoch, calling back after each.

        Raises
        ------
        BadInput
            If hardware can't be taught with these states or rates.
        Diverged
            When settling or the weights leave the finite range. The mounted weights are then of no use; a
            checkpoint holds those of the last finished epoch.
        """
        self.check_states()
        watch = LoopWatch(self.mounted.circuit, self.samples.x)
        while len(progress.history) < self.training.epochs and not progress.stalled(self.training.patience):
            record = self._epoch(len(progress.history), progress)
            progress.history.append(record)
            log_epoch(f"EP on {self.device.name}, seed {self.seed}", record, self.training.epochs)
            if on_epoch is not None:
                on_epoch(record)
            watch.look(record.epoch)
        return progress

    def check_states(self) -> None:
        """Refuse states and rates that hardware can't be taught with; weights as mounted say what a rate is there.

        Raises
        ------
        BadInput
            Naming what would do.
        """
        if isinstance(self.states_to, Selective):
            depth = len(self.mounted.circuit.sizes) - 1
            nudges = scheme(self.phases.estimator, self.phases.beta, self.training.batch_size, stream(self.seed))
            rates = [self.training.rates(depth, epoch) for epoch in range(self.training.epochs)]
            asked = np.abs(nudges.coefficients[0]) * np.asarray(rates) / self.mounted.circuit.reach[1:]
            self.states_to.check_states(self.mounted, self.samples.x, asked)

    def _epoch(self, epoch: int, progress: Progress) -> Epoch:
        started = time.perf_counter()
        rng = stream(self.seed, "program", self.device.name, epoch)
        rates = tuple(-rate for rate in self.training.rates(len(self.mounted.circuit.sizes) - 1, epoch))
        outputs, indices = [], []
        with self.engine.session():
            for number, batch in enumerate(self.orders(epoch)):
                outputs.append(self.step(batch, (epoch, number), rates, rng, progress))
                indices.append(batch)
        if not np.isfinite(self.mounted.circuit.up.sum()) or not np.isfinite(self.mounted.circuit.biases.sum()):
            raise Diverged(f"the weights left the finite range in epoch {epoch + 1}: lower the learning rates")
        seen, order = np.concatenate(outputs), np.concatenate(indices)
        code = self.mounted.circuit.cost
        with np.errstate(over="ignore"):  # a cost beyond the floats is what the next line looks for
            mean_cost = float(cost(code, seen, self.samples.targets[order]).mean())
        if not np.isfinite(mean_cost):
            raise Diverged(f"the cost left the finite range in epoch {epoch + 1}: lower the learning rates")
        right = float((predicted_labels(code, seen) == self.samples.labels[order]).mean())
        seconds = time.perf_counter() - started
        return Epoch(epoch, right, mean_cost, self._validate(epoch), seconds)

    def _validate(self, epoch: int) -> float | None:
        if self.validation is None:
            return None
        aside = Ledger.empty(tuple(int(n) for n in self.mounted.circuit.sizes))
        return accuracy(self.engine, self.mounted.circuit, self.validation, self.plans.free, self.seed + epoch, aside)

    def step(
        self,
        batch: NDArray[np.intp],
        place: tuple[int, int],
        rates: tuple[float, ...],
        rng: np.random.Generator,
        progress: Progress,
    ) -> FloatArray:
        """Settle, contrast and program one minibatch; return the free outputs, (batch, n_L)."""
        circuit = self.mounted.circuit
        x, targets = self.samples.x.take(batch, axis=0), self.samples.targets.take(batch, axis=0)
        settled = self.reading.settle(x, targets, place, progress.ledger)
        self._check(place, settled.nudged.code)
        if self.states_to is not None:
            method = self.states_to.programming.method
            update = state_update(circuit, x, targets, *settled[:3], method, rates)
            self.states_to.program_states(self.mounted, update, rng, progress.ledger)
            return settled.free.output.copy()
        direct = self.device.direct(self.mounted, progress.ledger) if self.rule.plain else None
        into = (
            Accumulation(progress.velocity, (1.0,) * len(rates), self.rule.keep)
            if direct is None
            else Accumulation(direct, rates, 1.0)
        )
        self.reading.accumulate(x, targets, settled, into, progress.ledger)
        if direct is not None and self.bounding is not None:
            self.bounding.bound(self.mounted)
        if direct is None:
            self.rule.turn(progress.velocity, circuit.up, progress.remembering(self.rule))
            self.device.program(self.mounted, Update(progress.velocity, rates), rng, progress.ledger)
        return settled.free.output.copy()

    def _check(self, place: tuple[int, int], codes: NDArray[np.int64]) -> None:
        """Refuse to learn from states that aren't finite; a free phase that diverged takes the nudged ones along."""
        if codes.max() == ResultCode.DIVERGED:
            where = f"epoch {place[0] + 1}, step {place[1] + 1}"
            what = f"settling diverged in {where}: lower the learning rates or the feedback gain"
            raise Diverged(what + _safe_gain(self.mounted.circuit))
