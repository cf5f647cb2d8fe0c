"""The command line that asks for an experiment."""

from __future__ import annotations

import shlex
from dataclasses import fields
from pathlib import Path

from neuroep.specs import DeviceSpec, ModelSpec
from neuroep.specs.catalogue import Kind, folder
from neuroep.studies.experiment import Experiment

DEFAULTS = {field.name: field.default for field in fields(Experiment)}


def command_of(experiment: Experiment) -> str | None:
    """Return the `neuroep run` that asks the same, but for where it goes; None if no file holds its model or data."""
    model, data = _typed("models", experiment.model), experiment.data
    if model is None or not isinstance(data, str) or not experiment.reference:
        return None
    words = ["neuroep", "run", model]
    devices = [_typed("devices", spec) for spec in experiment.devices]
    if devices:
        if None in devices:
            return None
        words += ["--device", *map(str, devices)]
    words += ["--data", data] if data != experiment.model.data else []
    words += [] if experiment.epochs is None else ["--epochs", str(experiment.epochs)]
    words += ["--seed", *map(str, experiment.seeds)]
    words += ["--engine", experiment.engine] if experiment.engine != DEFAULTS["engine"] else []
    words += ["--threads", str(experiment.threads)] if experiment.threads != DEFAULTS["threads"] else []
    words += [] if experiment.backprop or experiment.left_out else ["--no-backprop"]
    words += ["--without", ",".join(experiment.without)] if experiment.without else []
    return shlex.join(words)


def _typed(kind: Kind, spec: ModelSpec | DeviceSpec) -> str | None:
    """Return a shipped name, or the path of a file; None of what has none."""
    path = Path(spec.path)
    if path == folder(kind) / f"{spec.name}.toml":
        return spec.name
    return str(path) if path.is_file() else None
