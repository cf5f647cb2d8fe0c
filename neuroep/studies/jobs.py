"""One training of an experiment, with its checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neuroep.errors import BadInput
from neuroep.hardware.device import Mounted
from neuroep.hardware.wear import Wear
from neuroep.learning.rules import rule_of
from neuroep.learning.trainer import Epoch, Progress
from neuroep.report.store import FRESH, RunFolder, job_name
from neuroep.studies.experiment import Experiment
from neuroep.studies.inspection import Inspection, inspected
from neuroep.studies.rig import Rig
from neuroep.studies.training import Arrays, Job, Materials, Outcome, materials, remark_on, train_backprop, train_ep
from neuroep.weights import Weights

Saved = tuple[Arrays, dict[str, Any]]
OnEpoch = Callable[[Job, Epoch, int], None]


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
    training = recipe.training if job.method == "ep" else recipe.backprop
    dataset = experiment.dataset(job.seed)
    stock = materials(experiment.model.network(), dataset, training, job.seed)
    remark_on(dataset)
    work = _run_ep if job.method == "ep" else _run_backprop
    return work(experiment, job, stock, folder, saved, on_epoch)


def epochs_of(experiment: Experiment, job: Job) -> int:
    """Return how many epochs a training has at most."""
    recipe = experiment.recipe(job.device)
    return (recipe.training if job.method == "ep" else recipe.backprop).epochs


def mounted_for(rig: Rig, weights: Weights, arrays: Arrays | None = None) -> Mounted:
    """Return a training's network on its device: as mounted at first, or as a checkpoint's arrays left it.

    Parameters
    ----------
    rig : Rig
        Of the training.
    weights : Weights
        Its initial weights.
    arrays : dict of str to ndarray, optional
        Of :meth:`neuroep.report.store.RunFolder.load_checkpoint`.

    Raises
    ------
    BadInput
        If the arrays are those of another network or device.
    """
    fresh = rig.mount(weights)
    if arrays is None:
        return fresh
    state = {name.removeprefix("state."): a for name, a in arrays.items() if name.startswith("state.")}
    _same_kind(state, fresh.state, "hardware state")
    return rig.device.restore(rig.network, _weights(weights, arrays, ""), state)


def _run_ep(
    experiment: Experiment, job: Job, stock: Materials, folder: RunFolder, saved: Saved | None, on_epoch: OnEpoch
) -> Outcome:
    rig = experiment.rig(job.device, job.seed)
    mounted = mounted_for(rig, stock.weights, None if saved is None else saved[0])
    progress = Progress.fresh(stock.weights) if saved is None else _progress(stock.weights, *saved)
    if progress.history:
        _same_kind(progress.memory, rule_of(rig.recipe.training).fresh(stock.weights), "memory of its rule")

    def keep(epoch: Epoch) -> None:
        _save(folder, job, progress, mounted)
        on_epoch(job, epoch, rig.recipe.training.epochs)

    outcome = train_ep(rig, stock, mounted, progress, keep)
    seen = inspected(rig, stock.train, mounted, outcome.inspection, twin=experiment.backprop)
    outcome = replace(outcome, inspection=seen)
    _save(folder, job, progress, mounted, outcome)
    return outcome


def _run_backprop(
    experiment: Experiment, job: Job, stock: Materials, folder: RunFolder, saved: Saved | None, on_epoch: OnEpoch
) -> Outcome:
    rig, name = experiment.rig(job.device, job.seed), job_name(*job)
    progress = Progress.fresh(stock.weights) if saved is None else _progress(stock.weights, *saved)

    def keep(epoch: Epoch, state: Arrays) -> None:
        folder.save_checkpoint(name, _twin_arrays(state, progress), _meta(progress))
        on_epoch(job, epoch, rig.recipe.backprop.epochs)

    outcome, state = train_backprop(
        rig, stock, progress, keep, state=None if saved is None else saved[0], threads=experiment.threads
    )
    folder.save_checkpoint(name, _twin_arrays(state, progress), _meta(progress, outcome))
    return outcome


def _twin_arrays(state: Mapping[str, NDArray[np.generic]], progress: Progress) -> Arrays:
    return dict(state) | {"ledger": progress.ledger.counts}


def _meta(progress: Progress, outcome: Outcome | None = None) -> dict[str, Any]:
    accuracy, stuck, wear = (
        (None, (), None) if outcome is None else (outcome.test_accuracy, outcome.stuck, outcome.wear)
    )
    return {
        "history": [list(epoch) for epoch in progress.history], "test_accuracy": accuracy, "stuck": list(stuck),
        "wear": None if wear is None else list(wear),
    } | ({} if outcome is None else {"inspection": outcome.inspection.as_dict()})  # fmt: skip


def _save(folder: RunFolder, job: Job, progress: Progress, mounted: Mounted, outcome: Outcome | None = None) -> None:
    arrays: Arrays = {f"state.{name}": array for name, array in mounted.state.items()}
    arrays |= {"couplings": mounted.circuit.up, "biases": mounted.circuit.biases, "ledger": progress.ledger.counts}
    velocity = progress.velocity
    arrays |= {"velocity_couplings": velocity.couplings, "velocity_biases": velocity.biases}
    arrays |= {f"rule.{name}": array for name, array in progress.memory.items()}
    folder.save_checkpoint(job_name(*job), arrays, _meta(progress, outcome))


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
    progress.memory = {name.removeprefix("rule."): a for name, a in arrays.items() if name.startswith("rule.")}
    ledger, counts = arrays.get("ledger"), progress.ledger.counts
    if ledger is None or (ledger.shape, ledger.dtype) != (counts.shape, counts.dtype) or np.less(ledger, 0).any():
        raise BadInput("a checkpoint whose ledger counts other events", "jobs", FRESH)
    counts[...] = ledger
    progress.history.extend(Epoch(*epoch) for epoch in meta["history"])
    return progress


def _check_meta(meta: dict[str, Any], epochs: int) -> None:
    """Refuse a checkpoint whose epochs or test accuracy can't be those of a training of so many epochs."""
    rows, test, wear = meta.get("history"), meta.setdefault("test_accuracy", None), meta.get("wear")
    right = isinstance(rows, list) and len(rows) <= epochs and all(_is_epoch(row, i) for i, row in enumerate(rows))
    worn = wear is None or (isinstance(wear, list) and len(wear) == len(Wear._fields) and all(map(_is_number, wear)))
    if not (right and worn) or not (test is None or _is_share(test)):
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


def _same_kind(state: Arrays, like: Mapping[str, NDArray[np.generic]], what: str) -> None:
    """Refuse arrays that aren't those of the device as mounted, or of the rule as it begins."""
    kinds, wanted = ({name: (a.dtype, a.shape) for name, a in s.items()} for s in (state, like))
    if kinds != wanted:
        raise BadInput(f"a checkpoint whose {what} isn't {', '.join(wanted) or 'empty'}", "jobs", FRESH)


def _finished(experiment: Experiment, job: Job, arrays: Arrays, meta: dict[str, Any]) -> Outcome:
    sizes = experiment.model.network().sizes
    like = Weights.zeros(sizes)
    progress = _progress(like, arrays, meta)
    weights, stuck = _weights(like, arrays, ""), tuple(int(unit) for unit in meta.get("stuck", ()))
    wear = None if meta.get("wear") is None else Wear(*meta["wear"])
    return Outcome(job, meta["test_accuracy"], progress.history, progress.ledger, weights, stuck, wear, _seen(meta))


def _seen(meta: dict[str, Any]) -> Inspection:
    """What was looked at after the last epoch; nothing in checkpoints of earlier versions."""
    try:
        return Inspection.restored(meta["inspection"]) if "inspection" in meta else Inspection()
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"a checkpoint whose inspection isn't one ({error})", "jobs", FRESH) from error
