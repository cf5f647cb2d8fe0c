"""One training from its materials to its outcome: EP on a device, or the backprop twin. Nothing is written."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.data import Dataset, check_inputs
from neuroep.data.tasks import validation_rows
from neuroep.errors import Remark, printable
from neuroep.hardware.device import Mounted, effective_weights
from neuroep.hardware.wear import Wear, wear
from neuroep.learning.trainer import Epoch, Progress, Samples, log_epoch
from neuroep.ledger import Ledger
from neuroep.network import Network, initial_weights
from neuroep.physics.activations import stuck_units
from neuroep.physics.costs import confusion
from neuroep.recipe import Training
from neuroep.rng import stream
from neuroep.studies.inspection import Inspection
from neuroep.studies.rig import Rig, shuffled
from neuroep.weights import Weights

IDEAL = "ideal"
Arrays = dict[str, NDArray[np.generic]]


class Job(NamedTuple):
    """One training: a method on a device with a seed. Profiles that only price share the ideal training."""

    method: str
    device: str
    seed: int


class Materials(NamedTuple):
    """What EP and its backprop twin start from alike."""

    train: Samples
    validation: Samples | None
    test: Samples
    weights: Weights
    orders: Callable[[int], list[NDArray[np.int64]]]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a finished training leaves.

    Attributes
    ----------
    job : Job
        Which training.
    test_accuracy : float
        Share of the test set named right, read once, after the last epoch.
    history : list of Epoch
        Every epoch.
    ledger : Ledger
        Events of training and of the test set's inference.
    weights : Weights
        As reads see them in the end.
    stuck : tuple of int
        Output units that stood at a bound, where they can't learn, for every test sample.
    wear : Wear, optional
        What the training did to the device's cells, if they wear out.
    inspection : Inspection
        What test samples were taken for; in a run also how phases settle and gradients agree.
    """

    job: Job
    test_accuracy: float
    history: list[Epoch]
    ledger: Ledger
    weights: Weights
    stuck: tuple[int, ...] = ()
    wear: Wear | None = None
    inspection: Inspection = field(default_factory=Inspection)


def train_ep(
    rig: Rig,
    stock: Materials,
    mounted: Mounted | None = None,
    progress: Progress | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> Outcome:
    """Train by EP on the rig's device, and read the test set once.

    Parameters
    ----------
    rig : Rig
        What is trained on what.
    stock : Materials
        What it starts from.
    mounted, progress : Mounted and Progress, optional
        Where an earlier training stopped; changed in place.
    on_epoch : callable, optional
        Called after each epoch.

    Raises
    ------
    BadInput
        If something doesn't fit.
    Diverged
        If training leaves the finite range.
    """
    mounted = rig.mount(stock.weights) if mounted is None else mounted
    progress = Progress.fresh(stock.weights) if progress is None else progress
    rig.trainer(mounted, stock.train, stock.orders, stock.validation).run(progress, on_epoch)
    reached = rig.evaluate(mounted, stock.test, progress.ledger)
    job, weights = Job("ep", rig.device.name, rig.seed), effective_weights(mounted.circuit)
    worn = wear(rig.device, mounted)
    seen = Inspection(reached.confusion)
    return Outcome(job, reached.accuracy, progress.history, progress.ledger, weights, reached.stuck, worn, seen)


def train_backprop(
    rig: Rig,
    stock: Materials,
    progress: Progress | None = None,
    on_epoch: Callable[[Epoch, Arrays], None] = lambda *_: None,
    state: Mapping[str, NDArray[np.generic]] | None = None,
    threads: int = 1,
) -> tuple[Outcome, Arrays]:
    """Train the rig's network by backprop in torch, on ideal weights, and read the test set once.

    Parameters
    ----------
    rig, stock, progress
        As for :func:`train_ep`.
    on_epoch : callable
        Called after each epoch, with the twin's state.
    state : mapping of str to ndarray, optional
        Where an earlier training stopped.
    threads : int
        Of torch.

    Returns
    -------
    Outcome, dict of str to ndarray
        What it left, and the twin's last state.

    Raises
    ------
    BadInput, Diverged
        As :func:`train_ep` does.
    """
    from neuroep.bridges import torch_backprop as twin

    network, training, test = rig.network, rig.recipe.backprop, stock.test
    progress = Progress.fresh(stock.weights) if progress is None else progress

    def keep(epoch: twin.TwinEpoch, model: twin.Twin) -> bool:
        kept, validation = stock.validation, None
        if kept is not None:
            validation = twin.accuracy(network, model.weights(), kept.x, kept.labels, threads=threads)
        progress.history.append(Epoch(epoch.epoch, epoch.train_accuracy, epoch.train_cost, validation, epoch.seconds))
        log_epoch(f"backprop, seed {rig.seed}", progress.history[-1], training.epochs)
        on_epoch(progress.history[-1], dict(model.state()))
        return progress.stalled(training.patience)

    result = twin.train_twin(
        network, stock.weights, training, stock.train.x, stock.train.targets, stock.train.labels, stock.orders,
        keep, progress.ledger, state=state, first_epoch=len(progress.history), threads=threads,
    )  # fmt: skip
    share = twin.accuracy(network, result.weights, test.x, test.labels, progress.ledger, threads=threads)
    outputs = twin.outputs(network, result.weights, test.x, threads=threads)
    stuck = stuck_units(network.layers[-1].activation, outputs, test.labels)
    seen = Inspection(confusion(int(network.cost), outputs, test.labels))
    job = Job("backprop", IDEAL, rig.seed)
    done = Outcome(job, share, progress.history, progress.ledger, result.weights, stuck, None, seen)
    return done, dict(result.state)


def told(dataset: Dataset) -> list[str]:
    """Return what is odd about data that are trained on nevertheless, a line each."""
    return [f"data {dataset.name}: {remark}" for remark in dataset.remarks]


def remark_on(dataset: Dataset) -> None:
    """Warn of what is odd about data, before the training."""
    for line in told(dataset):
        warnings.warn(printable(line), Remark, stacklevel=2)


def materials(
    network: Network, dataset: Dataset, training: Training, seed: int, weights: Weights | None = None
) -> Materials:
    """Return samples, initial weights and data order of one seed, alike for every method; weights given stay as given.

    Raises
    ------
    BadInput
        If the data don't fit the network.
    """
    check_inputs(dataset, network.columns)
    train, kept = samples_of(network, dataset, dataset.x_train, dataset.y_train), None
    if training.validation:
        train, kept = _split(train, training.validation, seed)
    test = samples_of(network, dataset, dataset.x_test, dataset.y_test)
    weights = initial_weights(network, stream(seed, "weights")) if weights is None else weights
    return Materials(train, kept, test, weights, shuffled(len(train.x), training.batch_size, seed))


def samples_of(network: Network, dataset: Dataset, x: NDArray[np.float32], labels: NDArray[np.int64]) -> Samples:
    """Return rows of a data set as a network's input layer is clamped to them, and with targets as its cost has them.

    What learns or is evaluated comes by here: data become voltages once.
    """
    return Samples(network.clamped(x), dataset.targets(labels, network.cost, network.sizes[-1]), labels)


def _split(samples: Samples, share: float, seed: int) -> tuple[Samples, Samples]:
    train, validation = validation_rows(len(samples.x), share, seed, "training.validation")
    return _taken(samples, train), _taken(samples, validation)


def _taken(samples: Samples, rows: NDArray[np.int64]) -> Samples:
    return Samples(samples.x[rows], samples.targets[rows], samples.labels[rows])
