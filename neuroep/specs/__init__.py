"""TOML files read, checked and turned into networks, recipes, devices and prices."""

from __future__ import annotations

from neuroep.specs.device import DeviceSpec, read_device
from neuroep.specs.model import Measured, ModelSpec, read_model

__all__ = ["DeviceSpec", "Measured", "ModelSpec", "read_device", "read_model"]
