"""One experiment from first sample to last figure: train, price, keep, show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

from neuroep.bridges.weights_file import METADATA, tensors_of
from neuroep.cost.energy import INFERENCE, TRAINING_STEP, Bill, coverage_of, per_sample, price
from neuroep.cost.reuse import ClockTracker
from neuroep.data import Dataset
from neuroep.learning.trainer import Epoch
from neuroep.ledger import Event, Ledger, Phase
from neuroep.report.page import write_report
from neuroep.report.store import RunFolder, versions
from neuroep.report.wear import wear_lines
from neuroep.specs import DeviceSpec
from neuroep.studies.command_line import command_of
from neuroep.studies.experiment import Experiment
from neuroep.studies.inspection import Inspection
from neuroep.studies.jobs import epochs_of, run_job
from neuroep.studies.traffic import backprop_trace, ep_trace
from neuroep.studies.training import IDEAL, Job, Outcome, told
from neuroep.studies.wear import wear_row


class Listener(Protocol):
    """Who wants to hear how a run goes on."""

    def started(self, jobs: list[Job], epochs: Mapping[Job, int]) -> None:
        """Called once, with every training and its number of epochs."""
        ...

    def epoch(self, job: Job, epoch: Epoch, epochs: int) -> None:
        """Called after each epoch."""
        ...

    def finished(self, outcome: Outcome) -> None:
        """Called after each training, also when it was found finished."""
        ...


class Silent:
    """A listener that says nothing."""

    def started(self, jobs: list[Job], epochs: Mapping[Job, int]) -> None:
        """Say nothing."""

    def epoch(self, job: Job, epoch: Epoch, epochs: int) -> None:
        """Say nothing."""

    def finished(self, outcome: Outcome) -> None:
        """Say nothing."""


def run(
    experiment: Experiment, out: Path | str, fresh: bool = False, listener: Listener | None = None
) -> dict[str, Any]:
    """Train every job of an experiment and leave a folder that holds all of it.

    Parameters
    ----------
    experiment : Experiment
        What to compare.
    out : path
        Folder for result.json, weights.safetensors, history.csv, report.html and checkpoints. A stopped run
        of the same experiment goes on from its last finished epoch; a finished one may be read-only.
    fresh : bool
        Start anew even so.
    listener : Listener, optional
        Hears of progress.

    Returns
    -------
    dict
        As result.json holds it; docs/json.md describes it.

    Raises
    ------
    BadInput
        If data, model and devices don't fit, or the folder holds another run.
    Diverged
        If a training leaves the finite range.
    """
    heard = Silent() if listener is None else listener
    experiment.check()
    dataset = experiment.dataset(experiment.seeds[0])
    spec = experiment.spec(dataset)
    with RunFolder(out).open(spec, fresh) as folder:
        jobs = experiment.jobs()
        heard.started(jobs, {job: epochs_of(experiment, job) for job in jobs})
        outcomes = {}
        for job in jobs:
            outcomes[job] = run_job(experiment, job, folder, heard.epoch)
            heard.finished(outcomes[job])
        result = assemble(experiment, dataset, spec, outcomes)
        if folder.writable:  # a finished run may also be only read
            history = history_rows(outcomes.values())
            folder.write_weights(_tensors(outcomes.values()), METADATA)
            folder.write_history(history)
            folder.write_result(result)
            write_report(result, history, folder.path)
    return result


def _tensors(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    tensors: dict[str, Any] = {}
    for o in outcomes:
        tensors |= tensors_of(o.weights, f"{o.job.method}/{o.job.device}/{o.job.seed}")
    return tensors


def history_rows(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """Return one flat row per epoch of every training."""
    return [o.job._asdict() | epoch._asdict() for o in outcomes for epoch in o.history]


def assemble(
    experiment: Experiment, dataset: Dataset, spec: Mapping[str, Any], outcomes: Mapping[Job, Outcome]
) -> dict[str, Any]:
    """Return the result: rows by method, device and seed, and what each device's events cost."""
    sizes = {"train": len(dataset.x_train), "test": len(dataset.x_test)}
    data: dict[str, Any] = {"name": dataset.name, "sha256": dataset.sha256, "source": dataset.source} | sizes
    data |= {"scale": dataset.scale} if dataset.scale != "none" else {}
    reference = [None] if experiment.reference else []
    profiles: list[DeviceSpec | None] = [*reference, *(d for d in experiment.devices if d.name != IDEAL)]
    rows, events, costs, seconds, coverage = [], {}, {}, {}, {}
    for profile in profiles:
        for method in ("ep", "backprop") if experiment.backprop else ("ep",):
            found = _outcomes(experiment, profile, method, outcomes)
            bills = [None if profile is None else _bill(experiment, profile, o) for o in found]
            ard = _weighted_ard(experiment, method, profile)
            rows += [_row(o, profile, bill, ard) for o, bill in zip(found, bills, strict=True)]
            name = _name(profile) if method == "ep" else f"{_name(profile)} (backprop)"
            if found:
                events[name] = per_sample(_counted(experiment, profile, found[0]))
            if bills and bills[0] is not None:
                costs[name], seconds[name] = bills[0].as_dict(), bills[0].time_as_dict()
                coverage[name] = coverage_of(bills[0])
    remarks = experiment.remarks() + told(dataset) + spike_lines(events) + wear_lines(rows)
    caveats = {p.name: list(p.caveats) for p in profiles if p is not None and p.caveats}
    return {
        "model": experiment.model.name, "data": data, "command": command_of(experiment), "versions": versions(),
        "spec": dict(spec), "rows": rows,
        "events": events, "costs": costs, "seconds": seconds, "coverage": coverage, "caveats": caveats,
    } | ({"remarks": remarks} if remarks else {})  # fmt: skip


def _name(profile: DeviceSpec | None) -> str:
    return IDEAL if profile is None else profile.name


def _counted(experiment: Experiment, profile: DeviceSpec | None, outcome: Outcome) -> Ledger:
    return outcome.ledger if profile is None else profile.counted(experiment.model.network(), outcome.ledger)


def _bill(experiment: Experiment, profile: DeviceSpec, outcome: Outcome) -> Bill:
    return price(_counted(experiment, profile, outcome), profile.prices())


def spike_lines(events: Mapping[str, Mapping[str, Mapping[str, float]]]) -> list[str]:
    """Return a line about each training in spikes: how many a sample took, and how many synapses they met."""
    lines = []
    for name, phases in events.items():
        if phases.get("inference", {}).get("spike"):
            (tested, met), (trained, met_in_it) = (
                [sum(phases[phase].get(event, 0.0) for phase in stages) for event in ("spike", "synop")]
                for stages in (("inference",), ("free", "nudged"))
            )
            lines.append(
                f"{name}, a sample: {tested:,.0f} spikes and {met:,.0f} synaptic operations an inference, "
                f"{trained:,.0f} and {met_in_it:,.0f} a training step"
            )
    return lines


def _outcomes(
    experiment: Experiment, profile: DeviceSpec | None, method: str, outcomes: Mapping[Job, Outcome]
) -> list[Outcome]:
    """Return a profile's trainings; backprop only counts on a profile that prices software."""
    if profile is None:
        return [o for job, o in outcomes.items() if (job.method, job.device) == (method, IDEAL)]
    if method == "backprop" and profile.build() is not None:
        return []
    device = experiment.trained_on(profile)
    return [o for job, o in outcomes.items() if (job.method, job.device) == (method, device)]


def _weighted_ard(experiment: Experiment, method: str, profile: DeviceSpec | None) -> float | None:
    trained = IDEAL if profile is None else experiment.trained_on(profile)
    network, recipe = experiment.model.network(), experiment.recipe(trained)
    if method == "backprop":
        return ClockTracker().follow(backprop_trace(network, recipe)).weighted_ard
    return ClockTracker().follow(ep_trace(network, recipe, profile)).weighted_ard if recipe.phases.traced else None


def _figure(bill: Bill | None, kind: Literal["energy", "time"], phases: tuple[Phase, ...]) -> dict[str, float] | None:
    found = None if bill is None else bill.known(kind, phases)
    return None if found is None else found._asdict()


def _row(outcome: Outcome, profile: DeviceSpec | None, bill: Bill | None, ard: float | None) -> dict[str, Any]:
    return {
        "method": outcome.job.method,
        "device": _name(profile),
        "seed": outcome.job.seed,
        "epochs": len(outcome.history),
        "test_accuracy": outcome.test_accuracy,
        "seconds": sum(epoch.seconds for epoch in outcome.history),
        "energy_inference_joules": _figure(bill, "energy", INFERENCE),
        "energy_training_step_joules": _figure(bill, "energy", TRAINING_STEP),
        "latency_inference_seconds": _figure(bill, "time", INFERENCE),
        "weighted_ard": ard,
        "outputs_at_bound": len(outcome.stuck),
        "inspection": outcome.inspection.as_dict() if outcome.inspection != Inspection() else None,
        "wear": wear_row(outcome.wear, {} if profile is None else profile.endurance()),
        "weight_writes": int(outcome.ledger.counts[Phase.UPDATE, Event.WRITE].sum()),
    }
