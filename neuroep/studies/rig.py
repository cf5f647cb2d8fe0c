"""A network, a device, an engine, a recipe and a seed, put together and checked in one place.

>>> rig = Rig.of(network, recipe, "ecram")  # doctest: +SKIP
>>> rig.check()  # doctest: +SKIP
>>> mounted = rig.mount(rig.initial_weights())  # doctest: +SKIP
>>> rig.trainer(mounted, samples).run(Progress.fresh(weights))  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from neuroep import checks
from neuroep.data import order
from neuroep.engines import THREADED, Engine, create, phases_on
from neuroep.errors import BadInput
from neuroep.hardware.device import Device, Ideal, Limited, Mounted, OfKind, Selective, programmed, refuse_unbounded
from neuroep.hardware.effects import without
from neuroep.learning.methods.continual import trainer_for
from neuroep.learning.methods.phases import plans
from neuroep.learning.trainer import Evaluation, Orders, Samples, Trainer, evaluate
from neuroep.ledger import Ledger
from neuroep.network import Network, initial_weights
from neuroep.recipe import Programming, Recipe, Training
from neuroep.rng import stream
from neuroep.specs import DeviceSpec, ModelSpec
from neuroep.specs.catalogue import load_device
from neuroep.weights import Weights


@dataclass(frozen=True, kw_only=True)
class Rig:
    """What a training stands on.

    Attributes
    ----------
    network : Network
        What is trained.
    recipe : Recipe
        How; the device is programmed as it says.
    device : Device
        On what.
    engine : Engine
        Where the code runs.
    seed : int
        Of everything drawn.

    Raises
    ------
    BadInput
        If one of them is something else, or the device can't be programmed as the recipe says.
    """

    network: Network
    recipe: Recipe = field(default_factory=Recipe)
    device: Device = field(default_factory=Ideal)
    engine: Engine = field(default_factory=create)
    seed: int = 0

    def __post_init__(self) -> None:
        checks.instance(self.network, Network, "network")
        programming = checks.instance(self.recipe, Recipe, "recipe").programming
        refuse_unbounded(self.network, self.device)
        object.__setattr__(self, "device", programmed(self.device, programming))
        object.__setattr__(self, "seed", checks.seed(self.seed))

    @classmethod
    def of(
        cls,
        network: Network,
        recipe: Recipe | None = None,
        device: str | Path | DeviceSpec | Device = "ideal",
        engine: str | Engine = "auto",
        threads: int | None = None,
        seed: int = 0,
        off: Iterable[str] = (),
    ) -> Rig:
        """Return a rig from names as well as from objects.

        Parameters
        ----------
        network : Network
            What is trained.
        recipe : Recipe, optional
            How; the defaults of :class:`Recipe` if left out.
        device : str, Path, DeviceSpec or Device
            A profile's name or file, a profile, or a device model. A profile that only prices is the ideal device.
        engine : str or Engine
            A name, or an engine.
        threads : int, optional
            Of an engine by name.
        seed : int
            Of everything drawn.
        off : iterable of str
            Effects that hardware is freed of.

        Raises
        ------
        BadInput
            If something can't be used.
        """
        recipe = Recipe() if recipe is None else checks.instance(recipe, Recipe, "recipe")
        own = callable(getattr(engine, "settle_free", None)) and not isinstance(engine, type)
        name = cast(Engine, engine).name if own else cast(str, engine)
        recipe = replace(recipe, phases=phases_on(name, recipe.phases))
        runner = cast(Engine, engine) if own else create(name, threads, recipe.phases)
        return cls(network=network, recipe=recipe, device=without(built(device), off), engine=runner, seed=seed)

    def check(self) -> None:
        """Make sure, before data are read, that the training can be carried out.

        A stand-in of the network, with one unit a layer, is put on the device and its training prepared.

        Raises
        ------
        BadInput
            Naming the device, if training would.
        """
        small, zeros = stand_in(self.network), np.zeros((1, 1), dtype=np.float32)
        try:
            self.recipe.refuse_idle()
            if isinstance(self.device, Ideal) and self.recipe.programming != Programming():
                raise BadInput("settings of hardware on exact weights", "programming", "left out")
            if isinstance(self.device, Limited):
                self.device.check_sizes(self.network)
            rig = replace(self, network=small)
            alone = Samples(small.clamped(zeros), zeros, np.zeros(1, dtype=np.int64))
            rig.trainer(rig.mount(rig.initial_weights()), alone)
            if isinstance(self.device, Selective):
                self._check_states()
        except BadInput as error:
            raise BadInput(str(error), f"on {self.device.name}") from error

    def _check_states(self) -> None:
        """Refuse rates that the device hasn't, which depend on the weights of the network itself."""
        x, targets = (np.zeros((1, n), dtype=np.float32) for n in (self.network.columns, self.network.sizes[-1]))
        alone = Samples(self.network.clamped(x), targets, np.zeros(1, dtype=np.int64))
        self.trainer(self.mount(self.initial_weights()), alone).check_states()

    def initial_weights(self, dtype: DTypeLike = np.float32) -> Weights:
        """Return the network's first weights, as this seed draws them."""
        return initial_weights(self.network, stream(self.seed, "weights"), dtype)

    def mount(self, weights: Weights) -> Mounted:
        """Return weights on fresh hardware, as this seed draws it."""
        return self.device.mount(self.network, weights, stream(self.seed, "mount", self.device.name))

    def trainer(
        self,
        mounted: Mounted,
        samples: Samples,
        orders: Orders | None = None,
        validation: Samples | None = None,
        training: Training | None = None,
    ) -> Trainer:
        """Return what trains the mounted network by the recipe.

        Parameters
        ----------
        mounted : Mounted
            Of :meth:`mount`; changed in place.
        samples : Samples
            To learn from.
        orders : callable, optional
            Index batches of an epoch; :func:`shuffled` if left out.
        validation : Samples, optional
            Read after each epoch.
        training : Training, optional
            In place of the recipe's.

        Raises
        ------
        BadInput
            If something doesn't fit.
        """
        training = self.recipe.training if training is None else training
        trainer = trainer_for(self.recipe.phases)(
            self.engine, self.device, mounted, self.recipe.phases, training, samples,
            (lambda _: ()) if orders is None else orders, self.seed, validation,
        )  # fmt: skip
        if orders is None:  # of the samples once they are known to be some
            trainer.orders = shuffled(len(trainer.samples.x), training.batch_size, self.seed)
        return trainer

    def evaluate(self, mounted: Mounted, samples: Samples, ledger: Ledger | None = None) -> Evaluation:
        """Return how free outputs name labels; events are counted in `ledger`, if one is given."""
        plan = plans(self.recipe.phases, self.network.depth).free
        counted = Ledger.empty(self.network.sizes) if ledger is None else ledger
        return evaluate(self.engine, mounted.circuit, samples, plan, self.seed, counted)


def shuffled(samples: int, batch_size: int, seed: int) -> Callable[[int], list[NDArray[np.int64]]]:
    """Return what gives the index batches of an epoch, alike for every method and device."""

    def batches(epoch: int) -> list[NDArray[np.int64]]:
        return order(samples, batch_size, stream(seed, "order", epoch))

    return batches


def refuse_idle_threads(engine: str, threads: int, where: str = "threads") -> None:
    """Refuse several threads of an engine that has none, where no twin uses them either."""
    if checks.count(threads, where, noun="threads") > 1 and engine not in THREADED:
        raise BadInput(f"threads with the {engine} engine, and no twin to use them", where, "1")


def built(device: str | Path | DeviceSpec | Device) -> Device:
    """Return a device model from a profile's name or file, a profile, or itself; ideal where there are only prices."""
    spec = load_device(device) if isinstance(device, str | Path) else device
    if isinstance(spec, DeviceSpec):
        return spec.build() or Ideal()
    if isinstance(spec, type) or not callable(getattr(spec, "mount", None)):
        raise BadInput(f"a {type(spec).__name__}", "device", "a name, a path, a profile or a device model")
    return spec


def refuse_prices_alone(device: DeviceSpec | Device, where: str = "device") -> None:
    """Refuse a profile without hardware where nothing is priced: the ideal device alone has neither."""
    if isinstance(device, DeviceSpec) and not device.is_hardware and device.name != "ideal":
        what = f"{device.name!r} only has prices, and nothing is priced"
        raise BadInput(what, where, "ideal, or a profile that says what hardware does")


def recipe_for(model: ModelSpec, device: DeviceSpec | Device) -> Recipe:
    """Return a model's recipe for a profile or a device model alike; by its name alone for one that has no kind."""
    trained = built(device) if isinstance(device, DeviceSpec) and not device.is_hardware else device
    return model.recipe(trained) if isinstance(trained, OfKind) else model.overridden(trained.name)


def stand_in(network: Network) -> Network:
    """Return the same network with one unit a layer and one column of data, for all that doesn't depend on sizes."""
    rails = network.sizes[0] // network.columns
    layers = (replace(layer, size=1 if k else rails) for k, layer in enumerate(network.layers))
    return replace(network, layers=tuple(layers))
