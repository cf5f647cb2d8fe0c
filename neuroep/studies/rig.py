"""Whether a network, a device, a recipe and an engine go together, before data are read and anything is trained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from neuroep.engines import Engine
from neuroep.errors import BadInput
from neuroep.hardware.device import Device, Limited
from neuroep.learning.methods.continual import trainer_for
from neuroep.learning.trainer import Samples
from neuroep.network import Network, initial_weights
from neuroep.recipe import Recipe
from neuroep.rng import stream


def stand_in(network: Network) -> Network:
    """Return the same network with one unit a layer, for all that doesn't depend on sizes."""
    return replace(network, layers=tuple(replace(layer, size=1) for layer in network.layers))


def refuse(engine: Engine, device: Device, network: Network, recipe: Recipe) -> None:
    """Put a stand-in of the network on the device and prepare its training, which refuses what can't be done.

    Parameters
    ----------
    engine : Engine
        Where it would run.
    device : Device
        Programmed as the recipe says.
    network, recipe : Network, Recipe
        What would be trained, and how.

    Raises
    ------
    BadInput
        Naming the device, if training would.
    """
    small = stand_in(network)
    weights = initial_weights(small, stream(0, "weights"))
    zeros = np.zeros((1, 1), dtype=np.float32)
    try:
        recipe.refuse_idle()
        if isinstance(device, Limited):
            device.check_sizes(network)
        mounted = device.mount(small, weights, stream(0, "mount", device.name))
        trainer_for(recipe.phases)(
            engine, device, mounted, recipe.phases, recipe.training, Samples(zeros, zeros, np.zeros(1, dtype=np.int64)),
            lambda _: (), seed=0,
        )  # fmt: skip
    except BadInput as error:
        raise BadInput(str(error), f"on {device.name}") from error
