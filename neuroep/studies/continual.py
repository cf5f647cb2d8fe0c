"""Tasks learned one after another by one network, and what it still knows of the earlier ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from neuroep import checks
from neuroep.data import Dataset, named_or_given
from neuroep.data.dataset import check_inputs
from neuroep.data.tasks import Tasks, check_tasks, kept_aside
from neuroep.engines import NAMES
from neuroep.errors import BadInput, Diverged
from neuroep.fields import settle
from neuroep.hardware.device import Mounted, by_states
from neuroep.learning.consolidation import Readout
from neuroep.learning.fisher import fisher, refuse_no_likelihood, require_samplewise
from neuroep.learning.keepers import KEEPERS, Keeper, Keeping, keeper_of
from neuroep.learning.methods.backprop import Backprop
from neuroep.learning.trainer import Epoch, Progress, Samples, Trainer
from neuroep.ledger import Ledger, Phase
from neuroep.physics.known import refuse_other, refuse_without_limit
from neuroep.recipe import SGD, Recipe
from neuroep.report.continual_summary import scores
from neuroep.rng import noise_key
from neuroep.specs import DeviceSpec, ModelSpec
from neuroep.studies.rig import Rig, refuse_idle_threads, refuse_prices_alone, shuffled, stand_in
from neuroep.studies.run import Listener, Silent
from neuroep.studies.training import IDEAL, Job, remark_on, samples_of
from neuroep.weights import Weights

GRADIENTS = ("ep", "backprop")


@dataclass(frozen=True, kw_only=True)
class Question:
    """A study of continual learning.

    Attributes
    ----------
    model, device : ModelSpec, DeviceSpec
        What learns on what.
    keeping : Keeping
        By which method it keeps earlier tasks.
    data : str or Dataset
        Name or path of the data set, or one in memory.
    gradient : str
        ``"ep"`` or ``"backprop"``, the latter on ideal weights.
    kind : str
        Of tasks: ``"permuted"`` or ``"split"``.
    tasks : int
        How many.
    epochs : int, optional
        Of each task, in place of the recipe's own.
    seeds : tuple of int
        Of everything drawn, permutations too.
    validation : float
        Share of the training set kept aside and read in place of the test set; 0 reads the test set.
    engine, threads : str, int
        Where EP runs.

    Raises
    ------
    BadInput
        If a setting can't be, or would have no effect.
    """

    model: ModelSpec
    device: DeviceSpec
    keeping: Keeping
    data: str | Dataset
    gradient: str = "ep"
    kind: str = "permuted"
    tasks: int = 5
    epochs: int | None = None
    seeds: tuple[int, ...] = (0,)
    validation: float = 0.0
    engine: str = "auto"
    threads: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "seeds", tuple(checks.seed(s, "--seed") for s in checks.several(self.seeds, "--seed")))
        settle(self, "--")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise BadInput(f"seeds {self.seeds}", "--seed", "whole numbers from 0, each once")
        checks.one_of(self.gradient, GRADIENTS, "gradient", "--gradient")
        check_tasks(self.kind, self.tasks, max(2, self.model.network().sizes[-1]))
        if self.epochs is not None:
            checks.count(self.epochs, "--epochs", noun="epochs")
        checks.one_of(self.engine, NAMES, "engine", "--engine")
        refuse_idle_threads(self.engine, self.threads, "--threads")
        if not 0.0 <= self.validation < 1.0:
            raise BadInput(f"a share of {self.validation:g}", "--validation", "0 <= share < 1")
        refuse_prices_alone(self.device, "--device")
        if self.gradient == "backprop":
            self._refuse_beside_backprop()

    def _refuse_beside_backprop(self) -> None:
        if self.device.is_hardware:
            raise BadInput(f"backprop on {self.device.name}", "--device", "left out with --gradient backprop")
        if self.engine != "auto":
            raise BadInput("without effect with --gradient backprop", "--engine", "left out")
        if self.threads > 1:
            raise BadInput("without effect with --gradient backprop", "--threads", "1")
        refuse_without_limit(self.model.network().physics, "backprop")

    def recipe(self) -> Recipe:
        """Return the model's recipe for the device, as it is for each task: all of its epochs, and samples."""
        whole = self.model.recipe(self.device) if self.device.is_hardware else self.model.overridden(IDEAL)
        if self.gradient == "backprop":  # nothing settles
            whole = Recipe(training=whole.backprop)
        epochs = whole.training.epochs if self.epochs is None else self.epochs
        return replace(whole, training=replace(whole.training, epochs=epochs, validation=0.0, patience=0))

    def rig(self, seed: int) -> Rig:
        """Return what the tasks of a seed are learned on."""
        hardware = self.device if self.device.is_hardware else IDEAL
        return Rig.of(self.model.network(), self.recipe(), hardware, self.engine, self.threads, seed)

    def dataset(self, seed: int) -> Dataset:
        """Return the data from which a seed's tasks are made."""
        return named_or_given(self.data, seed, self.model.scale)

    def head(self) -> dict[str, Any]:
        """Return what was asked, as the JSON object and its figure's title have it."""
        settings = {"strength": None, "decay": None, "damping": None} | self.keeping.settings()
        return {
            "model": self.model.name, "device": self.device.name,
            "data": self.data.name if isinstance(self.data, Dataset) else self.data,
            "method": self.keeping.method, "gradient": self.gradient,
            "kind": self.kind, "tasks": self.tasks, "epochs": self.recipe().training.epochs, **settings,
            "validation": self.validation,
        }  # fmt: skip


def check(question: Question) -> None:
    """Make sure, before data are read, that every task can be learned and kept.

    Raises
    ------
    BadInput
        If something doesn't go together.
    """
    rig, kept = question.rig(question.seeds[0]), KEEPERS[question.keeping.method]
    rig.check()
    if question.keeping.method != "none":
        what = f"--method {question.keeping.method}"
        if rig.recipe.phases.estimator.is_continual:
            name = rig.recipe.phases.estimator.value
            raise BadInput(f"the {name} estimator, whose updates are no gradients, with {what}", "phases.estimator",
                           "another, or --method none")  # fmt: skip
        if by_states(rig.device) is not None:
            raise BadInput(f"updates by states, to which no penalty can be added, with {what}", "programming.method",
                           "accumulated, or --method none")  # fmt: skip
    if kept.ASKS_FISHER:
        small = replace(rig, network=stand_in(rig.network))
        zeros = np.zeros((1, 1), dtype=np.float32)
        alone = Samples(small.network.clamped(zeros), zeros, np.zeros(1, dtype=np.int64))
        learner = Learner(question, small, small.mount(small.initial_weights()), keeper_of(question.keeping))
        refuse_no_likelihood(rig.network.cost)
        refuse_other(learner.mounted.circuit, "the gradient of each sample")
        require_samplewise(learner.trainer(alone, 0).reading)


class Learner:
    """One network on one device, and the method by which it keeps what it has learned."""

    def __init__(self, question: Question, rig: Rig, mounted: Mounted, keeper: Keeper) -> None:
        self.question, self.rig, self.mounted, self.keeper = question, rig, mounted, keeper
        circuit, sizes = mounted.circuit, rig.network.sizes
        self.weights = Weights(sizes, circuit.up, circuit.biases)
        self.training, self.keeping = Ledger.empty(sizes), Ledger.empty(sizes)

    def trainer(self, samples: Samples, seed: int) -> Trainer:
        """Return what learns a task's samples."""
        rig = replace(self.rig, seed=seed)
        orders = shuffled(len(samples.x), rig.recipe.training.batch_size, seed)
        trainer, training = rig.trainer(self.mounted, samples, orders), rig.recipe.training
        if self.question.gradient == "backprop":
            trainer.reading = Backprop(self.mounted.circuit)
        hardware = rig.device.direct(self.mounted, Ledger.empty(rig.network.sizes)) is None
        readout = Readout(self.mounted.circuit, self.keeping) if hardware else None
        steady = training.rule == SGD and not training.momentum
        rates = training.rates(rig.network.depth, 0) if steady else ()
        trainer.rule = self.keeper.rule(trainer.rule, self.weights, rates, readout)
        return trainer

    def learn(self, samples: Samples, task: int, on_epoch: Callable[[Epoch], None]) -> None:
        """Learn one task, and take down what keeps it."""
        seed = self.rig.seed if task == 0 else noise_key(self.rig.seed, "task", task)
        trainer = self.trainer(samples, seed)
        trainer.run(Progress(Weights.zeros(self.weights.sizes, self.weights.couplings.dtype), self.training), on_epoch)

        def information() -> Weights:
            cost, sizes = self.mounted.circuit.cost, self.rig.network.sizes
            with trainer.engine.session():
                return fisher(trainer.reading, cost, trainer.samples.x, sizes, seed, task, self.keeping)

        self.keeper.end(self.weights, information)

    def accuracy(self, samples: Samples) -> float:
        """Return the share of samples that are named right."""
        if self.question.gradient == "backprop":
            return Backprop(self.mounted.circuit).accuracy(samples.x, samples.labels)
        return self.rig.evaluate(self.mounted, samples).accuracy


def learned(question: Question, seed: int, listener: Callable[[str], Listener] = lambda _: Silent()) -> dict[str, Any]:
    """Return what one network knows of every task after each, as plain data.

    Parameters
    ----------
    question : Question
        Checked.
    seed : int
        Of everything drawn.
    listener : callable
        Returns who hears how a task goes on, by its name.

    Raises
    ------
    BadInput
        If the data don't fit.
    Diverged
        If a task's training leaves the finite range.
    """
    rig, job = question.rig(seed), Job(question.gradient, question.device.name, seed)
    tasks = _tasks(question, seed)
    began, weights, epochs = time.perf_counter(), rig.initial_weights(), rig.recipe.training.epochs
    learner = Learner(question, rig, rig.mount(weights), keeper_of(question.keeping))
    untrained = _accuracies(learner, tasks)
    matrix = []
    for number in range(question.tasks):
        heard = listener(f"task {number + 1} of {question.tasks}")
        train = samples_of(rig.network, tasks.dataset, *tasks.train(number))
        try:
            learner.learn(train, number, lambda epoch, heard=heard: heard.epoch(job, epoch, epochs))  # type: ignore[misc]
        except Diverged as error:
            raise Diverged(f"task {number + 1}: {error}") from error
        matrix.append(_accuracies(learner, tasks))
    found = {"seed": seed, "accuracy": matrix, "untrained": untrained, **scores(matrix, untrained)._asdict()}
    events = {"training": _events(learner.training), "keeping": _events(learner.keeping)}
    return found | {"seconds": time.perf_counter() - began, "events": events}


def _tasks(question: Question, seed: int) -> Tasks:
    dataset = question.dataset(seed)
    check_inputs(dataset, question.model.network().columns)
    remark_on(dataset)
    if question.validation:
        dataset = kept_aside(dataset, question.validation, seed)
    return Tasks(dataset, question.kind, question.tasks, seed)


def _accuracies(learner: Learner, tasks: Tasks) -> list[float]:
    network, numbers = learner.rig.network, range(tasks.number)
    return [learner.accuracy(samples_of(network, tasks.dataset, *tasks.test(number))) for number in numbers]


def _events(ledger: Ledger) -> dict[str, dict[str, int]]:
    return {phase.name.lower(): ledger.events(phase) for phase in Phase if ledger.counts[phase].any()}


def continual(question: Question, listener: Callable[[str], Listener] = lambda _: Silent()) -> dict[str, Any]:
    """Return what networks know of every task after each, one a seed, as ``neuroep continual --json`` prints it.

    Parameters
    ----------
    question : Question
        What is learned, and how it is kept.
    listener : callable
        Returns who hears how a task goes on, by its name.

    Raises
    ------
    BadInput
        If things don't go together, before data are read; or data don't fit.
    Diverged
        If a task's training leaves the finite range.
    """
    check(question)
    jobs = [Job(question.gradient, question.device.name, seed) for seed in question.seeds]
    listener("").started(jobs, dict.fromkeys(jobs, question.tasks * question.recipe().training.epochs))
    return question.head() | {"rows": [learned(question, seed, listener) for seed in question.seeds]}
