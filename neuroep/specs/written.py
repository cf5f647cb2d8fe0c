"""A network in memory as the model file that would say it, so that every study takes one."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec

from neuroep.network import Network
from neuroep.physics.known import PHYSICS
from neuroep.recipe import Phases, Programming, Recipe, Training
from neuroep.specs.kinds import KINDS
from neuroep.specs.model import ANY, CouplingTable, LayerTable, ModelSpec, ModelTable
from neuroep.specs.reading import Table

NAME = "network"
"""What a network without a file is called."""


def written_model(network: Network, recipe: Recipe | None = None, data: str | Table = "") -> ModelSpec:
    """Return the model whose file would describe a network and its recipe.

    Parameters
    ----------
    network : Network
        What the file describes.
    recipe : Recipe, optional
        On every device; settings of programming hold on hardware. The defaults of :class:`Recipe` if left out.
    data : str or dict
        Name or path of the data set, or the table ``[data]``; empty if there is none.

    Returns
    -------
    ModelSpec
        Called `NAME`, without a file.
    """
    asked = Recipe() if recipe is None else recipe
    twin = asked.backprop != asked.training and PHYSICS[network.physics].feedforward
    programming = _changed(asked.programming, Programming())
    kinds = [kind.name for kind in KINDS.values() if kind.is_hardware] if programming else []
    table = ModelTable(
        summary="a network in memory", data=data, layers=_layers(network), cost=network.cost.label,
        feedback=network.feedback, physics=network.physics, input_gain=network.input_gain,
        couplings=[CouplingTable(skip.source, skip.target, "identity", skip.gain) for skip in network.skips],
        phases=_changed(asked.phases, Phases()), training=_changed(asked.training, Training()),
        backprop=_plain(asked.backprop) if twin else {},
        on={f"{ANY}{kind}": {"programming": programming} for kind in kinds},
    )  # fmt: skip
    return ModelSpec(NAME, Path(NAME), table)


def _layers(network: Network) -> list[LayerTable]:
    first = network.layers[0]
    return [
        LayerTable(first.size, tau_seconds=first.tau_seconds),
        *(
            LayerTable(layer.size, layer.activation.label, coupling.gain, coupling.bias, layer.tau_seconds)
            for layer, coupling in zip(network.layers[1:], network.couplings, strict=True)
        ),
    ]


def _plain(part: Phases | Training | Programming) -> Table:
    found: Table = msgspec.to_builtins(part)
    return found


def _changed(part: Any, usual: Any) -> Table:
    """Settings other than the usual ones, as TOML has them: those that others would refuse are the usual ones."""
    changed = {field.name for field in fields(part) if getattr(part, field.name) != getattr(usual, field.name)}
    return {key: value for key, value in _plain(part).items() if key in changed}
