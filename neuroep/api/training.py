"""`train`: one network, by one method, on one device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from neuroep import checks
from neuroep.api.given import Data, Hardware, Model, data_name, dataset_of, device_of, is_module, model_of, network_in
from neuroep.api.trained import Trained
from neuroep.data import Dataset
from neuroep.data.dataset import Scaling
from neuroep.errors import BadInput
from neuroep.hardware.device import Mounted, refuse_below_least
from neuroep.learning.trainer import Epoch
from neuroep.network import Network
from neuroep.physics.known import refuse_without_limit
from neuroep.recipe import Recipe
from neuroep.studies.following import following
from neuroep.studies.python_words import in_python
from neuroep.studies.rig import Rig, built, recipe_for, refuse_idle_threads, refuse_prices_alone
from neuroep.studies.run import Listener
from neuroep.studies.training import IDEAL, Job, Outcome, materials, remark_on, train_backprop, train_ep
from neuroep.weights import Weights, fitting

_ELSE = "ep_gradients trains any module"


@in_python
def train(
    model: Model | None = None,
    device: Hardware = "ideal",
    data: Data = None,
    seed: int = 0,
    epochs: int | None = None,
    method: str = "ep",
    engine: str = "auto",
    threads: int = 1,
    *,
    network: Network | None = None,
    recipe: Recipe | None = None,
    weights: Weights | None = None,
    progress: bool | None = None,
) -> Trained:
    """Train one network by one method on one device.

    Parameters
    ----------
    model : str, Path, spec, Network or torch module, optional
        A name, the path of a TOML file, or what :func:`load_model` returns; or a network, or a torch module
        (:func:`network_of` gives its network, and training starts from its weights).
    device : str, Path, spec or device model
        Likewise, by :func:`load_device`.
    data : str, Path, Dataset, arrays, frame or loaders, optional
        Name or path of a data set, what :func:`load_data` returns, or a data frame or arrays ``(x, y)``, of which a
        fifth becomes the test set, or ``(x_train, y_train, x_test, y_test)``; or a torch ``DataLoader`` in place of
        ``(x, y)``, or ``(train, test)`` loaders: their data sets are read out once, and batches are the recipe's. The
        model's own if left out.
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
        Another word for a network given as `model`.
    recipe : Recipe, optional
        How, in place of the model's recipe for the device; of a network alone, the defaults of :class:`Recipe`.
    weights : Weights, optional
        What training starts from, in place of weights drawn with the seed; it goes on in their floating-point type.
    progress : bool, optional
        Whether to show how training goes on; in notebooks alone if left out.

    Returns
    -------
    Trained
        Test accuracy, history, ledger and final weights; it predicts, and shows itself in notebooks.

    Raises
    ------
    BadInput
        If something can't be used or doesn't fit.
    Diverged
        If training leaves the finite range.

    Examples
    --------
    >>> trained = neuroep.train("digits-mlp", device="ecram", seed=0, epochs=1)
    >>> trained.test_accuracy > 0.5
    True
    >>> trained.predict(neuroep.load_data("digits").x_test).shape
    (360,)
    """
    method = checks.one_of(method, ("ep", "backprop"), "method")
    if method == "ep":
        refuse_idle_threads(engine, threads)
    if weights is None and network is None and is_module(model):
        network = network_in(model)
        assert network is not None
        model, weights = None, _weights_of(model, network)
    rig, dataset = _rig(model, device, data, seed, engine, threads, network, recipe)
    if method == "backprop":
        refuse_without_limit(rig.network.physics, "backprop")
    start = None if weights is None else _start(rig.network, weights)
    asked = None if epochs is None else checks.count(epochs, "epochs")
    rig = replace(rig, recipe=rig.recipe.lasting(asked))
    if method == "ep":
        rig.check()
    with following(progress) as about:
        done, mounted, scaling = _outcome(rig, dataset, method, start, threads, about(""))
    return Trained(
        **vars(done), network=rig.network, phases=rig.recipe.phases, engine=engine, mounted=mounted, scaling=scaling
    )


def _outcome(
    rig: Rig, dataset: Callable[[], Dataset], method: str, start: Weights | None, threads: int, heard: Listener
) -> tuple[Outcome, Mounted | None, Scaling | None]:
    """Return what training comes to, the network on its device, and what the inputs were scaled by."""
    training = rig.recipe.training if method == "ep" else rig.recipe.backprop
    read = dataset()
    stock = materials(rig.network, read, training, rig.seed, start)
    remark_on(read)
    job = Job(method, rig.device.name if method == "ep" else IDEAL, rig.seed)
    heard.started([job], {job: training.epochs})

    def tell(epoch: Epoch, _: object = None) -> None:
        heard.epoch(job, epoch, training.epochs)

    mounted = rig.mount(stock.weights) if method == "ep" else None
    if mounted is None:
        done = train_backprop(rig, stock, on_epoch=tell, threads=threads)[0]
    else:
        done = train_ep(rig, stock, mounted, on_epoch=tell)
    heard.finished(done)
    return done, mounted, read.scaling


def _weights_of(module: Any, network: Network) -> Weights:
    """Return a module's weights, of which EP trains each: refuse what it says against that."""
    from neuroep.bridges.torch_weights import from_torch

    frozen = [name for name, parameter in module.named_parameters() if not parameter.requires_grad]
    if frozen:
        raise BadInput(f"{frozen[0]} needs no gradient", "model", f"parameters that are all trained; {_ELSE}")
    if len({id(parameter) for parameter in module.parameters() if parameter.ndim == 2}) < network.depth:
        raise BadInput("layers that share their weights", "model", f"layers with weights of their own; {_ELSE}")
    drops = [name for name, part in module.named_modules() if part.training and getattr(part, "p", 0.0) > 0.0]
    if drops:
        raise BadInput(f"layer {drops[0]!r} drops units, which nothing here does", "model", f"module.eval(); {_ELSE}")
    return from_torch(module, network)


def _start(network: Network, weights: Weights) -> Weights:
    """Return weights to start from, after they have been held to the network."""
    fits = fitting(weights, network.sizes)
    refuse_below_least(network, fits)
    return fits


def _rig(
    model: Model | None, device: Hardware, data: Data, seed: int, engine: str, threads: int,
    network: Network | None, recipe: Recipe | None,
) -> tuple[Rig, Callable[[], Dataset]]:  # fmt: skip
    """Return what is trained, and what reads the data, after all else has been checked."""
    if (model is None) == (network is None):
        both = "neither a model nor a network" if model is None else "a model and a network"
        raise BadInput(both, "model, network", "one of the two")
    network = network_in(model) if network is None else network
    profile = device_of(device)
    refuse_prices_alone(profile)
    hardware, scale = built(profile), "none"
    if network is None:
        spec = model_of(model)
        network, scale = spec.network(), spec.scale
        data = data_name(data, spec) if data is None or isinstance(data, str | Path) else data
        recipe = recipe_for(spec, profile) if recipe is None else recipe
    elif data is None:
        raise BadInput("a network without data", "data", "a data set's name, its path, or arrays (x, y)")
    return Rig.of(network, recipe, hardware, engine, threads, seed), lambda: dataset_of(data, checks.seed(seed), scale)
