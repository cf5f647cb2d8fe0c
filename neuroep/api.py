"""The Python face: the words of the command line as functions of names or objects."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from neuroep import checks
from neuroep.data import Dataset, load_data
from neuroep.data.arrays import from_arrays
from neuroep.data.frames import from_frame, is_frame
from neuroep.data.loaders import without_loaders
from neuroep.engines import create
from neuroep.errors import BadInput
from neuroep.hardware.device import Device, Ideal, refuse_below_least
from neuroep.learning.keepers import Keeping
from neuroep.learning.readings import ep_gradients as _gradients
from neuroep.network import Network
from neuroep.physics.known import refuse_without_limit
from neuroep.recipe import WINDOW, Phases, Recipe
from neuroep.report.ablation_figure import write_ablation_figure
from neuroep.report.continual_figure import write_continual
from neuroep.rng import stream
from neuroep.specs import DeviceSpec, ModelSpec
from neuroep.specs.catalogue import load_device, load_model
from neuroep.studies.ablation import FIGURE, Study
from neuroep.studies.ablation import ablate as _ablate
from neuroep.studies.continual import Question
from neuroep.studies.continual import continual as _continual
from neuroep.studies.estimate import Estimate
from neuroep.studies.estimate import estimate_cost as _estimate
from neuroep.studies.rig import Rig, built, refuse_idle_threads
from neuroep.studies.training import IDEAL, Outcome, materials, remark_on, train_backprop, train_ep
from neuroep.weights import FloatArray, Weights, fitting

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.utils.data import DataLoader

    from neuroep.modules.costs import CostFunction
    from neuroep.modules.gradients import Settling


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
    model: str | Path | ModelSpec | None = None,
    device: str | Path | DeviceSpec | Device = "ideal",
    data: str | Path | Dataset | Sequence[Any] | DataLoader[Any] | None = None,
    seed: int = 0,
    epochs: int | None = None,
    method: str = "ep",
    engine: str = "auto",
    threads: int = 1,
    *,
    network: Network | None = None,
    recipe: Recipe | None = None,
    weights: Weights | None = None,
) -> Outcome:
    """Train one network by one method on one device.

    Parameters
    ----------
    model : str, Path or spec, optional
        A name, the path of a TOML file, or what :func:`load_model` returns; or a `network` in its place.
    device : str, Path, spec or device model
        Likewise, by :func:`load_device`.
    data : str, Path, Dataset, arrays or loaders, optional
        Name or path of a data set, what :func:`load_data` returns, or arrays ``(x, y)``, of which a fifth becomes the
        test set, or ``(x_train, y_train, x_test, y_test)``; or a torch ``DataLoader`` in place of ``(x, y)``, or
        ``(train, test)`` loaders: their data sets are read out once, and batches are the recipe's. The model's own if
        left out.
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
    network : Network, optional
        What is trained, where there is no model.
    recipe : Recipe, optional
        How, in place of the model's recipe for the device; of a network alone, the defaults of :class:`Recipe`.
    weights : Weights, optional
        What training starts from, in place of weights drawn with the seed; it goes on in their floating-point type.

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
    if method == "ep":
        refuse_idle_threads(engine, threads)
    rig, dataset = _rig(model, device, data, seed, engine, threads, network, recipe)
    if method == "backprop":
        refuse_without_limit(rig.network.physics, "backprop")
    start = None if weights is None else _start(rig.network, weights)
    asked = None if epochs is None else checks.count(epochs, "epochs")
    rig = replace(rig, recipe=rig.recipe.lasting(asked))
    if method == "ep":
        rig.check()
    training = rig.recipe.training if method == "ep" else rig.recipe.backprop
    read = dataset()
    stock = materials(rig.network, read, training, rig.seed, start)
    remark_on(read)
    return train_ep(rig, stock) if method == "ep" else train_backprop(rig, stock, threads=threads)[0]


def _start(network: Network, weights: Weights) -> Weights:
    """Return weights to start from, after they have been held to the network."""
    fits = fitting(weights, network.sizes)
    refuse_below_least(network, fits)
    return fits


def _rig(
    model: str | Path | ModelSpec | None,
    device: str | Path | DeviceSpec | Device,
    data: str | Path | Dataset | Sequence[Any] | DataLoader[Any] | None,
    seed: int,
    engine: str,
    threads: int,
    network: Network | None,
    recipe: Recipe | None,
) -> tuple[Rig, Callable[[], Dataset]]:
    """Return what is trained, and what reads the data, after all else has been checked."""
    if (model is None) == (network is None):
        both = "neither a model nor a network" if model is None else "a model and a network"
        raise BadInput(both, "model, network", "one of the two")
    profile = load_device(device) if isinstance(device, str | Path) else device
    hardware = built(profile)  # refuses what is no device
    scale, own = "none", data
    if model is not None:
        spec = _model(model)
        network, scale = spec.network(), spec.scale
        own = _data(data, spec) if data is None or isinstance(data, str | Path) else data
        recipe = _recipe(spec, profile, hardware.name) if recipe is None else recipe
    elif data is None:
        raise BadInput("a network without data", "data", "a data set's name, its path, or arrays (x, y)")
    assert network is not None
    return Rig.of(network, recipe, hardware, engine, threads, seed), lambda: _dataset(own, checks.seed(seed), scale)


def _recipe(model: ModelSpec, device: DeviceSpec | Device, name: str) -> Recipe:
    """Return the model's recipe for a device; a device model of one's own goes by its name alone."""
    if isinstance(device, DeviceSpec):
        return model.recipe(device) if device.is_hardware else model.overridden(IDEAL)
    return model.overridden(name)


def _dataset(data: str | Path | Dataset | Sequence[Any] | DataLoader[Any] | None, seed: int, scale: str) -> Dataset:
    if isinstance(data, Dataset):
        return data
    if isinstance(data, str | Path):
        return load_data(data, seed=seed, scale=scale)
    if is_frame(data):
        return from_frame(data, scale=scale)
    arrays = without_loaders(data)
    if not isinstance(arrays, tuple | list):
        raise BadInput(f"a {type(data).__name__}", "data", "a name, a path, a Dataset, arrays (x, y) or a DataLoader")
    return from_arrays(arrays, scale)


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


def continual(
    model: str | Path | ModelSpec,
    tasks: int = 5,
    method: str = "online-ewc",
    gradient: str = "ep",
    kind: str = "permuted",
    device: str | Path | DeviceSpec = "ideal",
    data: str | Path | None = None,
    seeds: tuple[int, ...] = (0,),
    epochs: int | None = None,
    strength: float | None = None,
    decay: float | None = None,
    damping: float | None = None,
    validation: float = 0.0,
    engine: str = "auto",
    threads: int = 1,
    out: str | Path | None = None,
) -> dict[str, Any]:
    """Learn tasks one after another, and tell what is kept of the earlier ones.

    Parameters
    ----------
    model, device, data, engine, threads
        As for :func:`train`.
    tasks, kind : int, str
        How many: ``"permuted"`` inputs, or the classes ``"split"``.
    method : str
        ``"ewc"``, ``"online-ewc"``, ``"si"`` or ``"none"`` (:mod:`neuroep.learning.consolidation`).
    gradient : str
        ``"ep"``, or ``"backprop"`` on ideal weights.
    seeds : tuple of int
        One network each.
    epochs : int, optional
        Of each task, in place of the recipe's own.
    strength, decay, damping : float, optional
        λ of EWC or c of SI; γ of online EWC; ξ of SI. The method's own if left out.
    validation : float
        Share of the training set kept aside and read in place of the test set, to choose settings.
    out : str or Path, optional
        Folder for continual.json and continual.png, which take the place of what is there.

    Returns
    -------
    dict
        One row a seed, as ``neuroep continual --json`` prints them; docs/json.md describes the keys.

    Raises
    ------
    BadInput
        If something can't be used or doesn't fit.
    Diverged
        If a training leaves the finite range.
    """
    spec, keeping = _model(model), Keeping(method, strength, decay, damping)
    question = Question(
        model=spec, device=_device(device), keeping=keeping, data=_data(data, spec), gradient=gradient, kind=kind,
        tasks=tasks, epochs=epochs, seeds=seeds, validation=validation, engine=engine, threads=threads,
    )  # fmt: skip
    folder = None if out is None else checks.path(out, "out")
    found = _continual(question)
    if folder is not None:
        write_continual(found, folder)
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


@overload
def ep_gradients(
    network: Network, /, weights: Weights, x: FloatArray, targets: FloatArray, phases: Phases | None = None,
    engine: str = "auto", seed: int = 0,
) -> Weights: ...  # fmt: skip


@overload
def ep_gradients(
    network: nn.Module, /, x: Tensor, y: Tensor, *, cost: str | CostFunction = "mse", estimator: str = "centered",
    beta: float | Tensor | None = None, relative: bool = False, sweeps: int | None = None,
    tolerance: float | None = None, local: bool = False, energy: str = "prediction", feedback: float | None = None,
    accumulate: bool = False,
) -> Settling: ...  # fmt: skip


def ep_gradients(network: Network | nn.Module, /, *given: Any, **how: Any) -> Weights | Settling:
    """Return EP's estimate of dC/dθ, mean over the samples.

    Of a :class:`Network` with weights, inputs and targets on ideal weights; of a torch module with inputs and targets
    into its parameters' ``.grad``, as ``loss.backward()`` would.

    Parameters
    ----------
    network : Network or torch.nn.Module
        What has a cost.
    *given, **how
        ``weights, x, targets, phases=None, engine="auto", seed=0``, in float32 or float64, for a network: centered with
        β = 0.01 and up to 1000 sweeps without `phases`; x is what the input layer is clamped to, of a resistive network
        :meth:`Network.clamped` of the data. ``x, y, cost=…, estimator=…, beta=…, relative=…, sweeps=…,
        tolerance=…, local=…, energy=…, feedback=…, accumulate=…`` for a module: see
        :func:`neuroep.modules.gradients.ep_gradients`.

    Returns
    -------
    Weights or Settling
        The gradient, laid out like the weights; or what settling the module gave.

    Raises
    ------
    BadInput
        If something can't be used or doesn't fit.
    """
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(network, torch.nn.Module):
        from neuroep.modules.gradients import ep_gradients as of_module

        return of_module(network, *given, **how)
    if not isinstance(network, Network):
        raise BadInput(f"a {type(network).__name__}", "network", "a Network or a torch module")
    return _of_network(network, *given, **how)


def _of_network(
    network: Network, weights: Weights, x: FloatArray, targets: FloatArray, phases: Phases | None = None,
    engine: str = "auto", seed: int = 0,
) -> Weights:  # fmt: skip
    usual = Phases(beta=0.01, free_sweeps=1000, nudged_sweeps=1000, tolerance=1e-6)
    settled = usual if phases is None else checks.instance(phases, Phases, "phases")
    circuit = Ideal().mount(network, fitting(weights, network.sizes), stream(seed, "mount")).circuit
    return _gradients(create(engine), circuit, x, targets, settled, checks.seed(seed))
