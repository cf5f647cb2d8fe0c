"""One training with its checkpoints: EP on a device, or the backprop twin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.engines import create
from neuroep.errors import BadInput
from neuroep.hardware.device import Mounted, effective_weights
from neuroep.learning.methods.continual import trainer_for
from neuroep.learning.trainer import Epoch, Evaluation, Progress, evaluate
from neuroep.ledger import Ledger
from neuroep.recipe import Recipe
from neuroep.report.store import FRESH, RunFolder, job_name
from neuroep.rng import stream
from neuroep.studies.experiment import Experiment, Job, Materials, materials, remark_on
from neuroep.weights import Weights

Arrays = dict[str, NDArray[np.generic]]
OnEpoch = Callable[[Job, Epoch, int], None]


class Outcome(NamedTuple):
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
    """

    job: Job
    test_accuracy: float
    history: list[Epoch]
    ledger: Ledger
    weights: Weights
    stuck: tuple[int, ...] = ()


def run_job(experiment: Experiment, job: Job, folder: RunFolder, on_epoch: OnEpoch) -> Outcome:
    """Carry out one training, going on from its checkpoint where there is one."""
    name = job_name(*job)
    saved = folder.load_checkpoint(name)
    if saved is not None:
        _check_meta(saved[1], epochs_of(experiment, job))
        if saved[1]["test_accuracy"] is not None:
            return _finished(experiment, job, *saved)
    folder.require_writable()
    recipe = experiment.recipe(job.device)
    network = experiment.model.network()
    training = recipe.training if job.method == "ep" else recipe.backprop
    dataset = experiment.dataset(job.seed)
    stock = materials(network, dataset, training, job.seed)
    remark_on(dataset)
    work = _run_ep if job.method == "ep" else _run_backprop
    return work(experiment, job, recipe, stock, folder, saved, on_epoch)


def epochs_of(experiment: Experiment, job: Job) -> int:
    """Return how many epochs a training has at most."""
    recipe = experiment.recipe(job.device)
    return (recipe.training if job.method == "ep" else recipe.backprop).epochs


def mounted_for(experiment: Experiment, job: Job, weights: Weights, arrays: Arrays | None = None) -> Mounted:
    """Return a training's network on its device: as mounted at first, or as a checkpoint's arrays left it.

    Parameters
    ----------
    experiment, job : Experiment, Job
        Which training.
    weights : Weights
        Its initial weights.
    arrays : dict of str to ndarray, optional
        Of :meth:`neuroep.report.store.RunFolder.load_checkpoint`.

    Raises
    ------
    BadInput
        If the arrays are those of another network or device.
    """
    network, device = experiment.model.network(), experiment.hardware(job.device)
    if arrays is None:
        return device.mount(network, weights, stream(job.seed, "mount", job.device))
    state = {name.removeprefix("state."): a for name, a in arrays.items() if name.startswith("state.")}
    _same_kind(state, device.mount(network, weights, stream(job.seed, "mount", job.device)).state)
    return device.restore(network, _weights(weights, arrays, ""), state)


def _run_ep(
    experiment: Experiment,
    job: Job,
    recipe: Recipe,
    stock: Materials,
    folder: RunFolder,
    saved: tuple[Arrays, dict[str, Any]] | None,
    on_epoch: OnEpoch,
) -> Outcome:
    device, engine = experiment.hardware(job.device), create(experiment.engine, experiment.threads)
    mounted = mounted_for(experiment, job, stock.weights, None if saved is None else saved[0])
    progress = Progress.fresh(stock.weights) if saved is None else _progress(stock.weights, *saved)
    trainer = trainer_for(recipe.phases)(
        engine, device, mounted, recipe.phases, recipe.training, stock.train, stock.orders, job.seed, stock.validation
    )

    def keep(epoch: Epoch) -> None:
        _save(folder, job, progress, mounted)
        on_epoch(job, epoch, recipe.training.epochs)

    trainer.run(progress, keep)
    plan = trainer.plans.free
    reached = evaluate(engine, mounted.circuit, stock.test, plan, job.seed, progress.ledger)
    _save(folder, job, progress, mounted, reached)
    weights = effective_weights(mounted.circuit)
    return Outcome(job, reached.accuracy, progress.history, progress.ledger, weights, reached.stuck)


def _run_backprop(
    experiment: Experiment,
    job: Job,
    recipe: Recipe,
    stock: Materials,
    folder: RunFolder,
    saved: tuple[Arrays, dict[str, Any]] | None,
    on_epoch: OnEpoch,
) -> Outcome:
    from neuroep.bridges import torch_backprop as twin

    network, training = experiment.model.network(), recipe.backprop
    progress = Progress.fresh(stock.weights) if saved is None else _progress(stock.weights, *saved)
    threads = experiment.threads

    def keep(epoch: twin.TwinEpoch, model: twin.Twin) -> bool:
        kept, validation = stock.validation, None
        if kept is not None:
            validation = twin.accuracy(network, model.weights(), kept.x, kept.labels, threads=threads)
        progress.history.append(Epoch(epoch.epoch, epoch.train_accuracy, epoch.train_cost, validation, epoch.seconds))
        folder.save_checkpoint(job_name(*job), _twin_arrays(model.state(), progress), _meta(progress))
        on_epoch(job, progress.history[-1], training.epochs)
        return progress.stalled(training.patience)

    result = twin.train_twin(
        network, stock.weights, training, stock.train.x, stock.train.targets, stock.train.labels, stock.orders,
        keep, progress.ledger, state=None if saved is None else saved[0], first_epoch=len(progress.history),
        threads=threads,
    )  # fmt: skip
    test = stock.test
    share = twin.accuracy(network, result.weights, test.x, test.labels, progress.ledger, threads=threads)
    reached = Evaluation(share, twin.stuck(network, result.weights, test.x, test.labels, threads=threads))
    folder.save_checkpoint(job_name(*job), _twin_arrays(result.state, progress), _meta(progress, reached))
    return Outcome(job, reached.accuracy, progress.history, progress.ledger, result.weights, reached.stuck)


def _twin_arrays(state: Mapping[str, NDArray[np.generic]], progress: Progress) -> Arrays:
    return dict(state) | {"ledger": progress.ledger.counts}


def _meta(progress: Progress, reached: Evaluation | None = None) -> dict[str, Any]:
    accuracy, stuck = (None, ()) if reached is None else reached
    return {"history": [list(epoch) for epoch in progress.history], "test_accuracy": accuracy, "stuck": list(stuck)}


def _save(folder: RunFolder, job: Job, progress: Progress, mounted: Mounted, reached: Evaluation | None = None) -> None:
    arrays: Arrays = {f"state.{name}": array for name, array in mounted.state.items()}
    arrays |= {"couplings": mounted.circuit.up, "biases": mounted.circuit.biases, "ledger": progress.ledger.counts}
    velocity = progress.velocity
    arrays |= {"velocity_couplings": velocity.couplings, "velocity_biases": velocity.biases}
    folder.save_checkpoint(job_name(*job), arrays, _meta(progress, reached))


def _weights(like: Weights, arrays: Arrays, prefix: str) -> Weights:
    parts = []
    for name, expected in (("couplings", like.couplings), ("biases", like.biases)):
        found = arrays.get(prefix + name)
        if found is None or found.shape != expected.shape:
            raise BadInput(f"a checkpoint without {prefix}{name} of {expected.size} entries", "jobs", FRESH)
        if found.dtype != expected.dtype or not np.isfinite(found).all():
            raise BadInput(f"a checkpoint whose {prefix}{name} aren't finite {expected.dtype}", "jobs", FRESH)
        parts.append(found.astype(expected.dtype))
    return Weights(like.sizes, *parts)


def _progress(like: Weights, arrays: Arrays, meta: dict[str, Any]) -> Progress:
    progress = Progress.fresh(like)
    if "velocity_couplings" in arrays:
        progress.velocity = _weights(like, arrays, "velocity_")
    ledger, counts = arrays.get("ledger"), progress.ledger.counts
    if ledger is None or (ledger.shape, ledger.dtype) != (counts.shape, counts.dtype) or np.less(ledger, 0).any():
        raise BadInput("a checkpoint whose ledger counts other events", "jobs", FRESH)
    counts[...] = ledger
    progress.history.extend(Epoch(*epoch) for epoch in meta["history"])
    return progress


def _check_meta(meta: dict[str, Any], epochs: int) -> None:
    """Refuse a checkpoint whose epochs or test accuracy can't be those of a training of so many epochs."""
    rows, test = meta.get("history"), meta.setdefault("test_accuracy", None)
    right = isinstance(rows, list) and len(rows) <= epochs and all(_is_epoch(row, i) for i, row in enumerate(rows))
    if not right or not (test is None or _is_share(test)):
        raise BadInput(f"a checkpoint that isn't of {epochs} epochs or fewer", "jobs", FRESH)


def _is_epoch(row: Any, number: int) -> bool:
    if not isinstance(row, list) or len(row) != len(Epoch._fields):
        return False
    epoch = Epoch(*row)
    shares = (epoch.train_accuracy, *([] if epoch.validation_accuracy is None else [epoch.validation_accuracy]))
    figures = (epoch.train_cost, epoch.seconds)  # None where a number wasn't finite
    return epoch.epoch == number and all(map(_is_share, shares)) and all(f is None or _is_number(f) for f in figures)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_share(value: Any) -> bool:
    return _is_number(value) and 0.0 <= value <= 1.0


def _same_kind(state: Arrays, like: Mapping[str, NDArray[np.generic]]) -> None:
    """Refuse a hardware state whose arrays aren't those of the device as mounted."""
    kinds, wanted = ({name: (a.dtype, a.shape) for name, a in s.items()} for s in (state, like))
    if kinds != wanted:
        raise BadInput(f"a checkpoint whose hardware state isn't {', '.join(wanted)} of this device", "jobs", FRESH)


def _finished(experiment: Experiment, job: Job, arrays: Arrays, meta: dict[str, Any]) -> Outcome:
    sizes = experiment.model.network().sizes
    like = Weights.zeros(sizes)
    progress = _progress(like, arrays, meta)
    weights, stuck = _weights(like, arrays, ""), tuple(int(unit) for unit in meta.get("stuck", ()))
    return Outcome(job, meta["test_accuracy"], progress.history, progress.ledger, weights, stuck)
