"""Sparse parity solved by EP, on exact weights and on devices, beside its backprop twin: epochs, time, memory traffic.

The benchmark of the SutroYaro project: the product of k secret inputs among n, of which no k − 1 tell anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from neuroep import checks
from neuroep.cost.byte_dmd import byte_dmd, program_of
from neuroep.cost.reuse import Access, ClockTracker, granular_dmd
from neuroep.cost.traces import backprop_of
from neuroep.data import Dataset, parity
from neuroep.errors import BadInput
from neuroep.learning.trainer import Progress
from neuroep.network import Network
from neuroep.recipe import Recipe, Training
from neuroep.specs import DeviceSpec, ModelSpec
from neuroep.studies.rig import Rig
from neuroep.studies.traffic import ep_trace
from neuroep.studies.training import IDEAL, Outcome, materials, train_backprop, train_ep

STEADY = 5
"""Epochs in a row without one wrong free output after which a training ends: on noisy hardware one may be luck."""


class Solving(Progress):
    """A training that ends when it has solved its training set; the test set has no say."""

    def stalled(self, patience: int) -> bool:
        """Whether the last epochs named every training sample right, as they met it."""
        last = self.history[-STEADY:]
        return len(last) == STEADY and min(epoch.train_accuracy for epoch in last) == 1.0


@dataclass(frozen=True, kw_only=True)
class Task:
    """One size of the benchmark.

    Attributes
    ----------
    bits, degree : int
        n inputs, k secret ones.
    hidden : int
        Units.
    train, test : int
        Samples.
    seeds : tuple of int
        Of the secret, the samples, initial weights and data order.
    epochs : int, optional
        At most, in place of the recipe's own.

    Raises
    ------
    BadInput
        Unless there is such a task.
    """

    bits: int = 20
    degree: int = 3
    hidden: int = 200
    train: int = 500
    test: int = 200
    seeds: tuple[int, ...] = (42, 43, 44)
    epochs: int | None = None

    def __post_init__(self) -> None:
        for name, value in (("--n", self.bits), ("--k", self.degree), ("--train", self.train), ("--test", self.test)):
            checks.whole(value, name, 1)
        checks.room(checks.whole(self.hidden, "--hidden", 1) * self.bits, "--hidden")
        checks.room(max(self.train, self.test) * max(self.bits, self.hidden), "--train")
        if self.epochs is not None:
            checks.count(self.epochs, "--epochs", noun="epochs")
        if self.degree > self.bits:
            raise BadInput(f"{self.degree} secret inputs of {self.bits}", "--k", "1 to n")
        doubled = [seed for seed in self.seeds if self.seeds.count(seed) > 1]
        if doubled or not self.seeds:
            raise BadInput(f"seed {doubled[0]} is named twice" if doubled else "no seeds", "--seed", "each once")

    def datasets(self) -> dict[int, Dataset]:
        """Return the data of each seed."""
        return {seed: parity(self.bits, self.degree, self.train, self.test, seed) for seed in self.seeds}

    def network(self, network: Network) -> Network:
        """Return a model's network at this task's size."""
        x, hidden, y = network.layers
        return replace(network, layers=(replace(x, size=self.bits), replace(hidden, size=self.hidden), y))

    def recipe(self, recipe: Recipe, network: Network) -> Recipe:
        """Return a network's recipe at this task's size.

        A step moves the output by rate · units · ⟨s s'⟩ of the read-out, and of n inputs that are ±1 a share 1/n of
        the states' variance goes along with each: the read-out's rate is in proportion to n and inverse to the units.
        """
        training, backprop = (self._sized(of, network) for of in (recipe.training, recipe.backprop))
        return replace(recipe, training=training, backprop=backprop).lasting(self.epochs)

    def _sized(self, training: Training, network: Network) -> Training:
        bits, hidden, _ = network.sizes
        below, readout = training.rates(2, 0)
        return replace(training, learning_rates=(below, readout * (self.bits / bits) * (hidden / self.hidden)))


class Traffic(NamedTuple):
    """Memory traffic of a training step on one sample (:mod:`neuroep.cost.reuse`, :mod:`neuroep.cost.byte_dmd`)."""

    weighted_ard: float
    dmc: float
    dmd: float
    byte_dmd: int

    @classmethod
    def of(cls, trace: Sequence[Access]) -> Traffic:
        """Return the figures of a trace; reads don't refresh the stack of the DMD, as where it was published."""
        clock = ClockTracker().follow(trace)
        return cls(clock.weighted_ard, clock.dmc, granular_dmd(trace), byte_dmd(*program_of(trace)))

    def of_steps(self, steps: int) -> dict[str, float]:
        """Return what so many steps move; a mean distance is no sum."""
        return {name: value * steps for name, value in self._asdict().items() if name != "weighted_ard"}


def solve(
    model: ModelSpec,
    task: Task,
    devices: Sequence[DeviceSpec] = (),
    backprop: bool = True,
    engine: str = "auto",
    follow: Callable[[dict[str, Any]], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Train on sparse parity by every method, seed by seed.

    Parameters
    ----------
    model : ModelSpec
        A network of one hidden layer, and its recipes.
    task : Task
        The size.
    devices : sequence of DeviceSpec
        Hardware, besides exact weights.
    backprop : bool
        Whether the twin is trained.
    engine : str
        Where EP runs.
    follow : callable
        Takes each row as it is there.

    Returns
    -------
    list of dict
        A row a training, as docs/json.md describes it.

    Raises
    ------
    BadInput
        Before anything is trained, if something doesn't go together.
    """
    jobs: list[tuple[str, DeviceSpec | None]] = [("ep", None), *(("ep", device) for device in devices)]
    jobs += [("backprop", None)] if backprop else []
    _check(devices)
    data = task.datasets()
    for _, device in jobs:
        _rig(model, task, device, engine, task.seeds[0]).check()
    rows = []
    for method, device in jobs:
        traffic = _traffic(model, task, device, method)
        warm = replace(task, epochs=1)
        _outcome(method, _rig(model, warm, device, engine, task.seeds[0]), data[task.seeds[0]])  # compiles
        for seed in task.seeds:
            rows.append(_row(task, _outcome(method, _rig(model, task, device, engine, seed), data[seed]), traffic))
            follow(rows[-1])
    return rows


def _check(devices: Sequence[DeviceSpec]) -> None:
    names = [device.name for device in devices]
    for device in devices:
        if not device.is_hardware:
            raise BadInput(f"{device.name} only has prices", "--device", "a hardware profile")
        if names.count(device.name) > 1:
            raise BadInput(f"device {device.name} is named twice", "--device", "each once")


def _rig(model: ModelSpec, task: Task, device: DeviceSpec | None, engine: str, seed: int) -> Rig:
    recipe = task.recipe(model.recipe(device), model.network())
    return Rig.of(task.network(model.network()), recipe, IDEAL if device is None else device, engine, 1, seed)


def _outcome(method: str, rig: Rig, data: Dataset) -> Outcome:
    if method == "ep":
        stock = materials(rig.network, data, rig.recipe.training, rig.seed)
        return train_ep(rig, stock, progress=Solving.fresh(stock.weights))
    stock = materials(rig.network, data, rig.recipe.backprop, rig.seed)
    return train_backprop(rig, stock, Solving.fresh(stock.weights))[0]


def _traffic(model: ModelSpec, task: Task, device: DeviceSpec | None, method: str) -> Traffic:
    """Return what a step moves; backprop's as the benchmark defines it, with buffers for gradients above W_1."""
    network = task.network(model.network())
    return Traffic.of(backprop_of(network) if method == "backprop" else ep_trace(network, model.recipe(device), device))


def _row(task: Task, outcome: Outcome, traffic: Traffic) -> dict[str, Any]:
    epochs, solved = len(outcome.history), outcome.test_accuracy == 1.0
    return {
        "method": outcome.job.method,
        "device": outcome.job.device,
        "n": task.bits,
        "k": task.degree,
        "hidden": task.hidden,
        "seed": outcome.job.seed,
        "test_accuracy": outcome.test_accuracy,
        "epochs": epochs,
        "seconds": sum(epoch.seconds for epoch in outcome.history),
        "step": traffic._asdict(),
        "to_solution": traffic.of_steps(epochs * task.train) if solved else None,
    }
