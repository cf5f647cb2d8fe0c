"""Equilibrium Propagation as neuromorphic and analog hardware would run it, with what it costs.

>>> import neuroep
>>> model = neuroep.load_model("digits-mlp")
>>> trained = neuroep.train(model, device="ecram", seed=0)  # doctest: +SKIP
>>> trained.test_accuracy  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

#: Silent until whoever uses the library sets logging up: then a line an epoch, at level INFO.
logging.getLogger(__name__).addHandler(logging.NullHandler())

#: Public name → module that has it; imported at first use, so that `import neuroep` stays fast.
_HOMES = {
    "BadInput": "neuroep.errors",
    "Chip": "neuroep.studies.chip",
    "EPClassifier": "neuroep.studies.sklearn_estimators",
    "EPRegressor": "neuroep.studies.sklearn_estimators",
    "NeuroepError": "neuroep.errors",
    "Network": "neuroep.network",
    "Weights": "neuroep.weights",
    "ablate": "neuroep.api.studies",
    "check": "neuroep.api.costs",
    "compare": "neuroep.api.comparing",
    "continual": "neuroep.api.studies",
    "ep_gradients": "neuroep.api.gradients",
    "estimate_cost": "neuroep.api.costs",
    "fit_device": "neuroep.api.fitting",
    "from_torch": "neuroep.bridges.torch_weights",
    "life": "neuroep.api.studies",
    "load_data": "neuroep.data",
    "load_device": "neuroep.specs.catalogue",
    "load_model": "neuroep.specs.catalogue",
    "load_weights": "neuroep.bridges.weights_file",
    "network_of": "neuroep.bridges.torch_network",
    "run": "neuroep.api.studies",
    "save_weights": "neuroep.bridges.weights_file",
    "settle": "neuroep.api.settling",
    "to_torch": "neuroep.studies.torch_modules",
    "train": "neuroep.api.training",
}

#: Without the two estimators, so that `from neuroep import *` works where scikit-learn isn't installed.
__all__ = [
    "BadInput",
    "Chip",
    "Network",
    "NeuroepError",
    "Weights",
    "ablate",
    "check",
    "compare",
    "continual",
    "ep_gradients",
    "estimate_cost",
    "fit_device",
    "from_torch",
    "life",
    "load_data",
    "load_device",
    "load_model",
    "load_weights",
    "network_of",
    "run",
    "save_weights",
    "settle",
    "to_torch",
    "train",
]

if TYPE_CHECKING:
    from neuroep.api.comparing import compare
    from neuroep.api.costs import check, estimate_cost
    from neuroep.api.fitting import fit_device
    from neuroep.api.gradients import ep_gradients
    from neuroep.api.settling import settle
    from neuroep.api.studies import ablate, continual, life, run
    from neuroep.api.training import train
    from neuroep.bridges.torch_network import network_of
    from neuroep.bridges.torch_weights import from_torch
    from neuroep.bridges.weights_file import load_weights, save_weights
    from neuroep.data import load_data
    from neuroep.errors import BadInput, NeuroepError
    from neuroep.network import Network
    from neuroep.specs.catalogue import load_device, load_model
    from neuroep.studies.chip import Chip
    from neuroep.studies.sklearn_estimators import EPClassifier as EPClassifier
    from neuroep.studies.sklearn_estimators import EPRegressor as EPRegressor
    from neuroep.studies.torch_modules import to_torch
    from neuroep.weights import Weights


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'neuroep' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
