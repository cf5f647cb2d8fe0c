"""What users hand in, brought to what studies take: models, devices and data, by name or as objects."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from neuroep import checks
from neuroep.data import Dataset, load_data
from neuroep.data.arrays import from_arrays
from neuroep.data.frames import from_frame, is_frame
from neuroep.data.handed import fingerprinted, handed
from neuroep.data.loaders import is_loader, without_loaders
from neuroep.engines import NAMES
from neuroep.errors import BadInput
from neuroep.hardware.device import Device
from neuroep.network import Network
from neuroep.recipe import Recipe
from neuroep.specs import DeviceSpec, ModelSpec
from neuroep.specs.catalogue import load_device, load_model
from neuroep.specs.written import written_model
from neuroep.studies.rig import built

if TYPE_CHECKING:
    from torch import nn
    from torch.utils.data import DataLoader

Model: TypeAlias = "str | Path | ModelSpec | Network | nn.Module"
Hardware: TypeAlias = "str | Path | DeviceSpec | Device"
Data: TypeAlias = "str | Path | Dataset | Sequence[Any] | DataLoader[Any] | None"

MODELS = "a name, a path, what load_model returns, a Network or a torch module"
PROFILES = "a name, a path or what load_device returns"


def is_module(value: object) -> bool:
    """Whether something is a torch module; torch isn't imported for it."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


def network_in(model: object) -> Network | None:
    """Return a network given in place of a model, or that of a torch module; None of anything else."""
    if is_module(model):
        from neuroep.bridges.torch_network import network_of

        return network_of(model)  # type: ignore[arg-type]
    return model if isinstance(model, Network) else None


def model_of(model: object, recipe: Recipe | None = None) -> ModelSpec:
    """Return the model that was named or handed in, a recipe in place of its own.

    Raises
    ------
    BadInput
        If it is none; data are told where they go.
    """
    asked = None if recipe is None else checks.instance(recipe, Recipe, "recipe")
    network = network_in(model)
    if network is not None:
        return written_model(network, asked)
    if isinstance(model, str | os.PathLike):
        model = load_model(model)  # type: ignore[arg-type]
    if not isinstance(model, ModelSpec):
        hint = "; data go into data=" if is_data(model) else ""
        raise BadInput(f"a {type(model).__name__}", "model", MODELS + hint)
    if asked is None:
        return model
    return replace(written_model(model.network(), asked, model.table.data), name=model.name, path=model.path)


def is_data(value: object) -> bool:
    """Whether something looks like data: arrays, a data set, a frame or a loader."""
    known = isinstance(value, Dataset | tuple | list) or hasattr(value, "__array__")
    return known or is_loader(value) or is_frame(value)


def device_of(device: Hardware) -> DeviceSpec | Device:
    """Return the profile that was named, or the profile or device model that was handed in.

    Raises
    ------
    BadInput
        If it is none.
    """
    if isinstance(device, str) and device in NAMES:
        raise BadInput(f"{device!r} is where code runs", "device", f"{PROFILES}; engines go into engine=")
    if is_data(device) and not (isinstance(device, list | tuple) and all(isinstance(name, str) for name in device)):
        raise BadInput(f"a {type(device).__name__}", "device", f"{PROFILES}; data go into data=")
    found = load_device(device) if isinstance(device, str | os.PathLike) else device
    built(found)  # refuses what is no device
    return found


def profile_of(device: Hardware, why: str) -> DeviceSpec:
    """Return a profile; a device model has none, and `why` says what that is needed for."""
    found = device_of(device)
    if not isinstance(found, DeviceSpec):
        raise BadInput(f"a {type(found).__name__}, which has no {why}", "device", PROFILES)
    return found


def data_name(data: str | Path | None, spec: ModelSpec) -> str:
    """Return the data's name, or a path spelt so that it isn't taken for a name.

    Raises
    ------
    BadInput
        If there are none.
    """
    if data is None and not spec.data:
        raise BadInput("a network without data", "data", "a data set's name, its path, or arrays (x, y)")
    if data is None:
        return spec.data
    if isinstance(data, Path):
        return os.path.join(data.parent, data.name) if data.parent != Path() else os.path.join(".", data)
    return data


def data_for(spec: ModelSpec, data: Data) -> str | Dataset:
    """Return what a study learns from: the name of data that it reads itself, or data that were handed in.

    The latter go by the fingerprint of their arrays, scaled as the model says, so that a folder is only gone on from
    with what it was begun with.

    Raises
    ------
    BadInput
        If there are none, or they can't be used.
    """
    if data is None or isinstance(data, str | Path):
        return data_name(data, spec)
    found = dataset_of(data, 0, spec.scale)
    return fingerprinted(found) if isinstance(data, Dataset) else found


def dataset_of(data: Data, seed: int, scale: str = "none") -> Dataset:
    """Return data that were named or handed in.

    Raises
    ------
    BadInput
        If they can't be used.
    """
    if isinstance(data, Dataset):
        return handed(data)
    if isinstance(data, str | Path):
        return load_data(data, seed=seed, scale=scale)
    if is_frame(data):
        return from_frame(data, scale=scale)
    arrays = without_loaders(data)
    if not isinstance(arrays, tuple | list):
        raise BadInput(f"a {type(data).__name__}", "data", "a name, a path, a Dataset, arrays (x, y) or a DataLoader")
    return from_arrays(arrays, scale)


def dataset_for(spec: ModelSpec, data: Data, seed: int) -> Dataset | None:
    """Return data given in place of a model's own; None where none are."""
    if data is None:
        return None
    named = data_name(data, spec) if isinstance(data, str | Path) else data
    return dataset_of(named, checks.seed(seed), spec.scale)
