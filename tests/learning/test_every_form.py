"""Every function × every form of a model, a device and data: it runs, or one line says why not, as listed here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import neuroep
from neuroep.errors import BadInput
from neuroep.network import chain
from neuroep.recipe import Phases, Recipe, Training
from neuroep.specs.catalogue import folder
from neuroep.studies.rig import built

X, Y = np.random.default_rng(0).random((24, 2)), np.arange(24) % 2
FEW = Recipe(Phases(beta=0.5), Training(epochs=1, batch_size=8, learning_rates=(0.1,)))
MODELS: dict[str, tuple[Any, Recipe | None]] = {
    "a name": ("xor", None),
    "a path": (folder("models") / "xor.toml", None),
    "a spec": (neuroep.load_model("xor"), None),
    "a network": (chain((2, 4, 2)), FEW),
    "a network alone": (chain((2, 4, 2)), None),
    "a module": (nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2)), FEW),
}
DEVICES: dict[str, Any] = {
    "a name": "rram-sb",
    "a path": folder("devices") / "rram-sb.toml",
    "a spec": neuroep.load_device("rram-sb"),
    "a device model": built(neuroep.load_device("rram-sb")),
    "integers": "loihi1",
    "prices": "cpu-server",
    "none": "ideal",
}
DATA: dict[str, Any] = {
    "the model's own": None,
    "arrays": (X, Y),
    "words": (X, np.asarray(["no", "yes"])[Y]),
    "labels from 1": (X, Y + 1),
    "bytes": ((255 * X).astype(np.uint8), Y),
    "images": (X.reshape(24, 1, 2), Y),
    "other bytes first": (np.asfortranarray(X.astype(">f4")), Y.astype(np.uint8)),
    "a loader": DataLoader(TensorDataset(torch.as_tensor(X), torch.as_tensor(Y)), batch_size=5),
}
Given = tuple[Any, Any, Any, Recipe | None, Path]


def one_effect(device: Any) -> tuple[str, ...]:
    """One is enough where there are many."""
    return () if device == "loihi1" else ("write-noise",)


FUNCTIONS: dict[str, Callable[[Given], Any]] = {
    "train": lambda g: neuroep.train(g[0], g[1], g[2], epochs=1, recipe=g[3]),
    "estimate_cost": lambda g: neuroep.estimate_cost(g[0], g[1], data=g[2], recipe=g[3], warm=0),
    "check": lambda g: neuroep.check(g[0], g[1], data=g[2], recipe=g[3], samples=4),
    "settle": lambda g: neuroep.settle(g[0], g[1], data=g[2], samples=2),
    "run": lambda g: neuroep.run(g[0], g[1], g[2], epochs=1, recipe=g[3], out=g[4]),
    "life": lambda g: neuroep.life(g[0], g[1], data=g[2], epochs=1, recipe=g[3], out=g[4]),
    "ablate": lambda g: neuroep.ablate(g[0], g[1], g[4], g[2], epochs=1, recipe=g[3], effects=one_effect(g[1])),
    "continual": lambda g: neuroep.continual(g[0], 2, "none", device=g[1], data=g[2], epochs=1, recipe=g[3], out=g[4]),
}
UNKNOWN = "data: a network without data; allowed: a data set's name, its path, or arrays (x, y)"
NO_PROFILE = "device: a Crossbar, which has no "
REFUSED = {
    **{(name, "a network", "a name", "the model's own"): UNKNOWN for name in FUNCTIONS
       if name not in ("estimate_cost", "check", "settle")},
    **{(name, "a name", "a device model", "arrays"): NO_PROFILE
       for name in ("estimate_cost", "run", "life", "ablate", "continual")},
    ("settle", "a name", "a device model", "arrays"): "clocked",
    ("life", "a name", "prices", "arrays"): "'cpu-server' is cost-only",
    ("life", "a name", "none", "arrays"): "'ideal' is ideal",
    ("ablate", "a name", "prices", "arrays"): "'cpu-server' has no effects",
    ("ablate", "a name", "none", "arrays"): "'ideal' has no effects",
    **{(name, "a name", "prices", "arrays"): "'cpu-server' only has prices" for name in ("train", "continual")},
}  # fmt: skip
FORMS = [
    *((model, "a name", "arrays") for model in MODELS),
    *(("a name", device, "arrays") for device in DEVICES if device != "a name"),
    *(("a name", "a name", data) for data in DATA if data != "arrays"),
    ("a network", "a name", "the model's own"),
]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::neuroep.errors.Remark")
@pytest.mark.parametrize("form", FORMS, ids=", ".join)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_runs_or_says_why_not(name: str, form: tuple[str, str, str], tmp_path: Path) -> None:
    (model, recipe), device, data = MODELS[form[0]], DEVICES[form[1]], DATA[form[2]]
    given, said = (model, device, data, recipe, tmp_path / "out"), REFUSED.get((name, *form))
    if said is None:
        assert FUNCTIONS[name](given).headline()
        return
    with pytest.raises(BadInput) as caught:
        FUNCTIONS[name](given)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())
