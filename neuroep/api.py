"""The Python face: the words of the command line as functions of names or objects."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from neuroep import checks
from neuroep.engines import create
from neuroep.hardware.device import Ideal
from neuroep.learning.readings import ep_gradients as _gradients
from neuroep.network import Network
from neuroep.recipe import WINDOW, Phases
from neuroep.report.ablation_figure import write_ablation_figure
from neuroep.report.store import RunFolder
from neuroep.rng import stream
from neuroep.specs import DeviceSpec, ModelSpec
from neuroep.specs.catalogue import load_device, load_model
from neuroep.studies.ablation import FIGURE, Study
from neuroep.studies.ablation import ablate as _ablate
from neuroep.studies.estimate import Estimate
from neuroep.studies.estimate import estimate_cost as _estimate
from neuroep.studies.experiment import Experiment, Job
from neuroep.studies.jobs import Outcome, run_job
from neuroep.weights import FloatArray, Weights, fitting


def _model(model: str | Path | ModelSpec) -> ModelSpec:
    return model if isinstance(model, ModelSpec) else load_model(model)


def _data(data: str | Path | None, spec: ModelSpec) -> str:
    """Return the data's name, or a path spelt so that it isn't taken for a name."""
    if data is None:
        return spec.data
    if isinstance(data, Path):
        return os.path.join(data.parent, data.name) if data.parent != Path() else os.path.join(".", data)
    return checks.text(data, "data")


def _device(device: str | Path | DeviceSpec) -> DeviceSpec:
    return device if isinstance(device, DeviceSpec) else load_device(device)


def train(
    model: str | Path | ModelSpec,
    device: str | Path | DeviceSpec = "ideal",
    data: str | Path | None = None,
    seed: int = 0,
    epochs: int | None = None,
    method: str = "ep",
    engine: str = "auto",
    threads: int = 1,
) -> Outcome:
    """Train one model by one method on one device.

    Parameters
    ----------
    model, device : str, Path or spec
        Names, paths of TOML files, or what :func:`load_model` and :func:`load_device` return.
    data : str or Path, optional
        Name or path of a data set in place of the model's.
    seed : int
        Of initial weights, data order, device spread, noise and rounding.
    epochs : int, optional
        In place of the recipe's.
    method : str
        ``"ep"`` or ``"backprop"`` (in torch, always with ideal weights).
    engine : str
        ``"auto"``, ``"cpu"`` or ``"reference"``.
    threads : int
        Of the engine or of torch.

    Returns
    -------
    Outcome
        Test accuracy, history, ledger and final weights.

    Raises
    ------
    BadInput
        If something can't be used or doesn't fit.
    Diverged
        If training leaves the finite range.
    """
    method = checks.one_of(method, ("ep", "backprop"), "method")
    spec, profile = _model(model), _device(device)
    named = _data(data, spec)
    experiment = Experiment(spec, (profile,), named, (seed,), epochs, method == "backprop", engine, threads)
    job = Job(method, "ideal" if method == "backprop" else experiment.trained_on(profile), *experiment.seeds)
    experiment.check([job])
    with tempfile.TemporaryDirectory() as scratch, RunFolder(Path(scratch) / "run").open({}) as folder:
        return run_job(experiment, job, folder, lambda *_: None)


def ablate(
    model: str | Path | ModelSpec,
    device: str | Path | DeviceSpec,
    out: str | Path,
    data: str | Path | None = None,
    seeds: tuple[int, ...] = (0,),
    epochs: int | None = None,
    effects: tuple[str, ...] = (),
    alone: bool = False,
    window: int = WINDOW,
    engine: str = "auto",
    threads: int = 1,
    fresh: bool = False,
) -> dict[str, Any]:
    """Return what each effect of a device costs, in accuracy and in the fidelity of gradients and updates.

    Parameters
    ----------
    model, device, data, epochs, engine, threads
        As for :func:`train`.
    out : str or Path
        Folder of the study; a stopped one goes on from it.
    seeds : tuple of int
        Of the trainings of each variant.
    effects : tuple of str
        Effects to switch off one at a time; all that the device has if empty.
    alone : bool
        Whether to train with each effect alone, too.
    window : int
        Minibatches over which an update is followed where the recipe saves requests up.
    fresh : bool
        Start anew instead of going on.

    Returns
    -------
    dict
        One row per variant and seed, as ``neuroep ablate --json`` prints them; docs/json.md describes the keys.

    Raises
    ------
    BadInput
        If something can't be used or doesn't fit.
    Diverged
        If a training leaves the finite range.
    """
    spec = _model(model)
    study = Study(
        model=spec, device=_device(device), data=_data(data, spec), seeds=seeds, epochs=epochs, effects=effects,
        alone=alone, window=window, engine=engine, threads=threads,
    )  # fmt: skip
    folder = checks.path(out, "out")
    found = _ablate(study, folder, checks.flag(fresh, "fresh"))
    write_ablation_figure(found, folder / FIGURE)
    return found


def estimate_cost(
    model: str | Path | ModelSpec, device: str | Path | DeviceSpec, seed: int = 0, engine: str = "auto"
) -> Estimate:
    """Return energy, time and memory traffic of a model on a device, without training.

    Parameters
    ----------
    model, device : str, Path or spec
        As for :func:`train`.
    seed : int
        Of initial weights and the samples settled.
    engine : str
        Where to settle.

    Returns
    -------
    Estimate
        Joules and seconds a sample by phase and event, event counts, memory traffic.

    Raises
    ------
    BadInput
        If something can't be used or doesn't fit.
    """
    return _estimate(_model(model), _device(device), checks.seed(seed), engine)


def ep_gradients(
    network: Network,
    weights: Weights,
    x: FloatArray,
    targets: FloatArray,
    phases: Phases | None = None,
    engine: str = "auto",
    seed: int = 0,
) -> Weights:
    """Return EP's estimate of dC/dθ on ideal weights, mean over the samples.

    Parameters
    ----------
    network, weights : Network, Weights
        In float32 or float64, which is the type of the result.
    x : ndarray, shape (batch, n_0)
        Inputs.
    targets : ndarray, shape (batch, n_L)
        y.
    phases : Phases, optional
        Estimator, β, sweeps; centered with β = 0.01 and up to 1000 sweeps by default.
    engine : str
        Where to settle.
    seed : int
        Of random signs.

    Returns
    -------
    Weights
        The gradient, laid out like the weights.

    Raises
    ------
    BadInput
        If something can't be used or doesn't fit.
    """
    checks.instance(network, Network, "network")
    usual = Phases(beta=0.01, free_sweeps=1000, nudged_sweeps=1000, tolerance=1e-6)
    settled = usual if phases is None else checks.instance(phases, Phases, "phases")
    circuit = Ideal().mount(network, fitting(weights, network.sizes), stream(seed, "mount")).circuit
    return _gradients(create(engine), circuit, x, targets, settled, checks.seed(seed))
