"""The buffer accesses of a training step as a recipe has it run: one answer for whatever shows memory traffic.

A plain rule (`Training.is_plain`) adds to exact weights as soon as a coupling's contrast, or backprop's gradient, is
there; with momentum, decay or another rule, and on hardware, which takes a whole update, it stands in a buffer first.
"""

from __future__ import annotations

from neuroep.cost.reuse import Access
from neuroep.cost.traces import backprop_of
from neuroep.learning.access import ep_step_trace
from neuroep.network import Network
from neuroep.recipe import Recipe
from neuroep.specs import DeviceSpec


def ep_trace(network: Network, recipe: Recipe, device: DeviceSpec | None = None) -> list[Access]:
    """Return the accesses of one step of EP on one sample.

    Parameters
    ----------
    network : Network
        What is trained.
    recipe : Recipe
        That of the device.
    device : DeviceSpec, optional
        Hardware; without it, and under a profile that only has prices, weights are exact.

    Returns
    -------
    list of Access

    Raises
    ------
    BadInput
        If the recipe isn't traced (`Phases.traced`).
    """
    exact = device is None or not device.is_hardware
    return ep_step_trace(network, recipe.phases, direct=exact and recipe.training.is_plain)


def backprop_trace(network: Network, recipe: Recipe) -> list[Access]:
    """Return the accesses of one step of the backprop twin on one sample."""
    return backprop_of(network, direct=recipe.backprop.is_plain)
