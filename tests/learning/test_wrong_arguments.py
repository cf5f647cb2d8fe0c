"""Every public function × what may be wrong with what it is given: one line that names it, and never another error."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import neuroep
from neuroep.errors import BadInput, NeuroepError
from neuroep.network import chain
from neuroep.studies.diagnosis import ADVICE

NETWORK = chain((2, 4, 2))
MODULE = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2))
X, Y = np.random.default_rng(0).random((8, 2)), np.eye(2)[np.arange(8) % 2]
NAN = np.where(np.arange(16).reshape(8, 2) == 5, np.nan, X)
UP, RISE = np.ones(5), np.linspace(1e-6, 2e-6, 6)
UPS, RISES = np.r_[UP, -UP], np.r_[RISE, RISE[-2::-1]]
RNG = np.random.default_rng(0)


def weights(inputs: int = 2, value: float = 1.0) -> neuroep.Weights:
    couplings = [np.full((inputs, 4), value), np.ones((4, 2))]
    return neuroep.Weights.from_arrays(couplings, [np.zeros(4), np.zeros(2)])


def broken() -> neuroep.Weights:
    """Weights that went wrong after they were made."""
    found = weights()
    found.couplings[0] = np.nan
    return found


def tensor(values: Any) -> torch.Tensor:
    return torch.as_tensor(values, dtype=torch.float32)


Faults = dict[str, tuple[Callable[[], Any], str]]
"""By kind of fault: what to call, and what the line says."""


def of_study(call: Callable[..., Any]) -> Faults:
    """Faults of what takes a model, a device and data."""
    return {
        "unknown model": (lambda: call(model="xorr"), "no model is called 'xorr' (did you mean 'xor'?)"),
        "unknown device": (lambda: call(device="ekram"), "no device is called 'ekram' (did you mean 'ecram'?)"),
        "missing file": (lambda: call(data="no/such.npz"), "no/such.npz: no such file or folder"),
        "wrong shape": (lambda: call(data=(np.ones((8, 5)), Y[:, 1])), "5 inputs a sample; allowed: 2"),
        "NaN": (lambda: call(data=(NAN, Y[:, 1])), "data: x: nan in sample 2, input 1"),
        "empty": (lambda: call(data=(X[:0], Y[:0, 1])), "data: x: inputs of shape (0, 2)"),
    }


STUDIES: dict[str, Callable[..., Any]] = {
    "train": neuroep.train,
    "estimate_cost": neuroep.estimate_cost,
    "check": neuroep.check,
    "settle": neuroep.settle,
    "run": lambda model, device, data: neuroep.run(model, device, data),
    "life": neuroep.life,
    "ablate": lambda **given: neuroep.ablate(out="out", **given),
    "continual": neuroep.continual,
}


def called(name: str) -> Callable[..., Any]:
    def call(model: Any = "xor", device: Any = "rram-sb", data: Any = None) -> Any:
        return STUDIES[name](model=model, device=device, data=data)

    return call


def frozen() -> nn.Module:
    module = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2))
    module[0].weight.requires_grad_(False)
    return module


def tied() -> nn.Module:
    layer = nn.Linear(2, 2)
    return nn.Sequential(layer, nn.Tanh(), layer)


def dropping() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 4), nn.Dropout(0.5), nn.Tanh(), nn.Linear(4, 2))


def train_module(make: Callable[[], nn.Module]) -> Any:
    """What a module says against it is refused; in eval mode nothing drops."""
    neuroep.train(dropping().eval(), data=(X, Y[:, 1]), epochs=1)
    return neuroep.train(make(), data=(X, Y[:, 1]), epochs=1)


TABLE: dict[str, Faults] = {name: of_study(called(name)) for name in STUDIES} | {
    "ep_gradients": {
        "unknown model": (lambda: neuroep.ep_gradients("xor", weights(), X, Y), "network: a str"),  # type: ignore[call-overload]
        "wrong shape": (lambda: neuroep.ep_gradients(NETWORK, weights(), X[:, :1], Y), "(batch, 2)"),
        "wrong shape of a module's x": (lambda: neuroep.ep_gradients(MODULE, tensor(X[:, :1]), tensor(Y)),
                                        "x of shape (8, 1): mat1 and mat2"),
        "wrong shape of a module's y": (lambda: neuroep.ep_gradients(MODULE, tensor(X), torch.ones(8, 3)),
                                        "y: targets of shape (8, 3)"),
        "other lengths": (lambda: neuroep.ep_gradients(MODULE, tensor(X), tensor(Y)[:3]), "8 inputs and 3 targets"),
        "NaN": (lambda: neuroep.ep_gradients(NETWORK, weights(), NAN, Y), "not finite"),
        "NaN for a module": (lambda: neuroep.ep_gradients(MODULE, tensor(NAN), tensor(Y)), "x: an entry that is not"),
        "arrays for a module": (lambda: neuroep.ep_gradients(MODULE, X, Y), "x: a ndarray"),  # type: ignore[call-overload]
        "empty": (lambda: neuroep.ep_gradients(NETWORK, weights(), X[:0], Y[:0]), "shape (0, 2)"),
        "empty for a module": (lambda: neuroep.ep_gradients(MODULE, tensor(X[:0]), tensor(Y[:0])), "x: shape (0, 2)"),
        "unknown argument": (lambda: neuroep.ep_gradients(MODULE, tensor(X), tensor(Y), bta=1.0),  # type: ignore[call-overload]
                             "no argument is called 'bta' (did you mean 'beta'?)"),
        "argument left out": (lambda: neuroep.ep_gradients(NETWORK, weights(), X), "'targets'"),  # type: ignore[call-overload]
    },
    "train": of_study(called("train")) | {
        "an engine as device": (lambda: neuroep.train("xor", device="cuda"), "device: 'cuda' is where code runs"),
        "data as device": (lambda: neuroep.train(MODULE, (X, Y)), "device: a tuple; allowed"),  # type: ignore[arg-type]
        "prices alone": (lambda: neuroep.train("xor", device="gpu-h100"), "device: 'gpu-h100' only has prices"),
        "a frozen module": (lambda: train_module(frozen), "model: 0.weight needs no gradient; allowed"),
        "a tied module": (lambda: train_module(tied), "model: layers that share their weights"),
        "a module that drops": (lambda: train_module(dropping), "model: layer '1' drops units"),
        "weights as a path": (lambda: neuroep.train("xor", weights="a.safetensors"),  # type: ignore[arg-type]
                              "weights: a str; allowed: a Weights: load_weights reads them"),
        "numbers as labels": (lambda: neuroep.train(MODULE, data=(X, X[:, 0])), "EPRegressor or ep_gradients"),
    },
    "compare": {
        "no runs": (neuroep.compare, "no runs; allowed: folders of finished runs"),
        "missing folder": (lambda: neuroep.compare("no/such"), "no/such"),
        "not a folder": (lambda: neuroep.compare(X), "runs: an array of shape (8, 2)"),  # type: ignore[arg-type]
        "nothing to write over": (lambda: neuroep.compare("no/such", force=True), "nothing to write over"),
    },
    "fit_device": {
        "missing file": (lambda: neuroep.fit_device("no.csv"), "no.csv"),
        "infinite": (lambda: neuroep.fit_device((UP, np.r_[np.inf, RISE[1:]])), "pulses: siemens: no conductance"),
        "negative": (lambda: neuroep.fit_device((UP, -RISE)), "pulses: siemens: no conductance"),
        "other unit": (lambda: neuroep.fit_device((UPS, 1e6 * RISES)), "2 S; allowed: 1e-10 to 1 S"),
        "no name": (lambda: neuroep.fit_device((UPS, RISES), ""), "a device called ''"),
        "columns as text": (lambda: neuroep.fit_device("no.csv", columns="G=A"), "columns: 'G=A'; allowed: a"),
        "column by place": (lambda: neuroep.fit_device("no.csv", columns={"pulse": 0}), "columns: pulse: 0"),
        "unit of no text": (lambda: neuroep.fit_device("no.csv", unit=1e-6), "unit: 1e-06; allowed: text"),
        "wrong shape": (lambda: neuroep.fit_device((UP, RISE[:3])), "pulses: siemens: shape (3,); allowed: (6,)"),
        "NaN": (lambda: neuroep.fit_device((np.full(5, np.nan), RISE)), "pulses: directions: an entry that is not"),
        "empty": (lambda: neuroep.fit_device((UP[:0], RISE[:1])), "pulses: directions: shape (0,)"),
        "unknown step model": (lambda: neuroep.fit_device((UP, RISE), model="soft"), "did you mean 'soft-bounds'"),
    },
    "from_torch": {
        "unknown model": (lambda: neuroep.from_torch("xor"), "a str"),  # type: ignore[arg-type]
        "wrong shape": (lambda: neuroep.from_torch(MODULE, chain((3, 4, 2))), "3"),
    },
    "network_of": {
        "unknown model": (lambda: neuroep.network_of("xor"), "a str"),  # type: ignore[arg-type]
        "empty": (lambda: neuroep.network_of(nn.Sequential()), "Linear"),
    },
    "to_torch": {
        "unknown model": (lambda: neuroep.to_torch("xor", weights()), "a str"),  # type: ignore[arg-type]
        "unknown device": (lambda: neuroep.to_torch(NETWORK, weights(), device="ekram"), "did you mean 'ecram'"),
        "wrong shape": (lambda: neuroep.to_torch(NETWORK, weights(3)), "3"),
        "NaN": (lambda: neuroep.to_torch(NETWORK, broken()), "finite"),
    },
    "load_model": {
        "unknown model": (lambda: neuroep.load_model("xorr"), "did you mean 'xor'"),
        "missing file": (lambda: neuroep.load_model("no/such.toml"), "no/such.toml: no such file"),
    },
    "load_device": {
        "unknown device": (lambda: neuroep.load_device("ekram"), "did you mean 'ecram'"),
        "missing file": (lambda: neuroep.load_device("no/such.toml"), "no/such.toml: no such file"),
    },
    "load_data": {
        "unknown name": (lambda: neuroep.load_data("digts"), "did you mean 'digits'"),
        "missing file": (lambda: neuroep.load_data("no/such.npz"), "no/such.npz: no such file"),
    },
    "load_weights": {"missing file": (lambda: neuroep.load_weights("no/such.safetensors"), "no/such.safetensors")},
    "save_weights": {
        "missing folder": (lambda: neuroep.save_weights(weights(), "no/such/a.safetensors"), "no/such"),
        "wrong shape": (lambda: neuroep.save_weights(X, "a.safetensors"), "a ndarray"),  # type: ignore[arg-type]
        "NaN": (lambda: neuroep.save_weights(broken(), "a.safetensors"), "finite"),
    },
    "Chip": {
        "unknown model": (lambda: neuroep.Chip("ecram", "xor"), "a str"),  # type: ignore[arg-type]
        "unknown device": (lambda: neuroep.Chip("ekram", NETWORK), "did you mean 'ecram'"),
        "wrong shape": (lambda: neuroep.Chip("ecram", NETWORK).program(weights(3), RNG), "3"),
        "NaN": (lambda: neuroep.Chip("ecram", NETWORK).program(broken(), RNG), "finite"),
    },
    "Weights": {
        "wrong shape": (lambda: neuroep.Weights.from_arrays([X, X.T[:, :3]], [X[0], X[0, :1]]), "shape"),
        "NaN": (lambda: weights(value=np.nan), "finite"),
        "empty": (lambda: neuroep.Weights.from_arrays([], []), ""),
    },
}  # fmt: skip


def of_options(call: Callable[..., Any], **faults: dict[str, Any]) -> Faults:
    """Faults of arguments that are options of the command line, by what the line begins with."""
    return {f"{said}: {given}": (lambda given=given: call(**given), said) for said, given in faults.items()}


SEEDS = {"seeds": {"seeds": (1, 1)}}
OPTIONS: dict[str, Faults] = {
    "run": of_options(
        lambda **given: neuroep.run("xor", out="out", **given), **SEEDS, epochs={"epochs": 0}, threads={"threads": 0},
        engine={"engine": "cup"}, devices={"devices": ["ecram", "ecram"]}, without={"without": ("ir-drop",)},
    ) | {
        "a device for effects": (lambda: neuroep.run("xor", without=("ir-drop",), out="out"),
                                 "allowed: with a hardware profile as devices="),
        "spikes": (lambda: neuroep.run("digits-spiking", engine="cpu", out="out"),
                   'allowed: engine="spiking" or "brian2"'),
        "threads of no twin": (lambda: neuroep.run("xor", engine="reference", threads=2, backprop=False, out="out"),
                               "threads: threads with the reference engine"),
    },
    "life": of_options(
        lambda **given: neuroep.life(**({"model": "xor", "device": "rram-hfo2"} | given)), **SEEDS,
        source={"source": "nowhere"}, device={"device": "gpu-h100"}, epochs={"epochs": 0},
    ),
    "ablate": of_options(
        lambda **given: neuroep.ablate(**({"model": "xor", "device": "rram-sb", "out": "out"} | given)), **SEEDS,
        device={"device": "ideal"}, effects={"effects": ("writ-noise",)}, window={"window": 0}, threads={"threads": 0},
    ),
    "continual": of_options(
        lambda **given: neuroep.continual("xor", **given), **SEEDS, method={"method": "ewcc"}, kind={"kind": "split_"},
        tasks={"tasks": 1}, validation={"validation": 1.0}, decay={"method": "si", "decay": 0.5},
        device={"device": "gpu-h100"},
    ) | {
        "without effect": (lambda: neuroep.continual("xor", method="none", strength=2.0),
                           'allowed: with method="ewc" or "online-ewc" or "si"'),
        "beside backprop": (lambda: neuroep.continual("xor", gradient="backprop", threads=2),
                            'threads: without effect with gradient="backprop"'),
    },
    "check": of_options(
        lambda **given: neuroep.check("xor", **given), precision={"precision": "float16"}, reads={"reads": "adjoint"},
        without={"without": ("ir-drop",)},
    ),
    "estimate_cost": of_options(
        lambda **given: neuroep.estimate_cost("xor", "ecram", **given), without={"without": ("ir-drp",)}
    ),
    "compare": {"a file": (lambda: compared_into_a_file(), "allowed: another name, or force=True")},
    "load_data": {"two sheets": (lambda: two_sheets(), "allowed: a file with one alone of 'Sheet', 'b'")},
    "fit_device": {
        "no unit": (lambda: fitted(["pulse,direction,conductance", "1,up,1"]), 'or unit="uS"'),
        "no directions": (lambda: fitted(["pulse,conductance_uS", "0,1", "1,2", "2,1", "3,2", "4,1"]),
                          "or cycle=(50, -50) (pulses of a cycle)"),
        "no voltage": (lambda: fitted(["pulse,direction,current_A", "1,up,1"]), "read_voltage=0.1 (volts)"),
        "no spreadsheet": (lambda: fitted(["pulse,direction,conductance_uS", "1,up,1"], sheet="a"), "sheet: no spread"),
        "no such column": (
            lambda: fitted(["pulse,direction,conductance_uS", "1,up,1"], columns={"conductance": "none"}),
            """columns["conductance"]: no column is called 'none'"""),
        "another column": (lambda: fitted(["plus,direction,conductance_uS", "1,up,1"]),
                           'columns={"pulse": "NAME"}, or =row'),
    },
    "EPClassifier": {
        "spikes": (lambda: neuroep.EPClassifier(engine="spiking").fit(X, Y[:, 0]), 'mse\', or engine="cpu"'),
        "prices alone": (lambda: neuroep.EPClassifier(device="gpu-h100").fit(X, Y[:, 0]), "only has prices"),
    },
    "train": {"unknown argument": (lambda: neuroep.train("xor", epoch=1),  # type: ignore[call-arg]
                                   "train: no argument is called 'epoch' (did you mean 'epochs'?)")},
    "settle": {"left out": (lambda: neuroep.settle(), "settle: missing a required argument: 'model'")},  # type: ignore[call-arg]
}  # fmt: skip


def fitted(lines: list[str], **how: Any) -> Any:
    Path("pulses.csv").write_text("\n".join(lines) + "\n")
    return neuroep.fit_device("pulses.csv", **how)


def two_sheets() -> Any:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for sheet in (book.active, book.create_sheet("b")):
        sheet.append([1, 2, 0])
    book.save("two.xlsx")
    return neuroep.load_data("two.xlsx")


def compared_into_a_file() -> Any:
    neuroep.run("xor", epochs=1, backprop=False, out="one")
    Path("page.html").write_text("mine")
    return neuroep.compare("one", out="page.html")


@pytest.mark.parametrize(("name", "fault"), [(name, fault) for name in OPTIONS for fault in OPTIONS[name]])
def test_what_is_wrong_is_told_in_arguments_and_not_in_options(
    name: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    call, said = OPTIONS[name][fault]
    with pytest.raises(NeuroepError) as caught:
        call()
    line = str(caught.value)
    assert line.startswith(f"{said}: ") if fault.startswith(f"{said}: ") else said in line, line
    assert "--" not in line


@pytest.mark.parametrize("name", [name for name, home in neuroep._HOMES.items() if home.startswith("neuroep.api")])
def test_every_study_speaks_python(name: str) -> None:
    assert getattr(neuroep, name).__wrapped__.__name__ == name


def test_advice_names_settings_as_files_and_python_have_them() -> None:
    assert not [text for text in ADVICE.values() if "--" in text]


def test_every_public_function_is_in_the_table() -> None:
    functions = {name for name in neuroep.__all__ if inspect.isfunction(getattr(neuroep, name))}
    assert functions <= set(TABLE)


@pytest.mark.parametrize(("name", "fault"), [(name, fault) for name in TABLE for fault in TABLE[name]])
def test_one_line_says_what_is_wrong(name: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    call, said = TABLE[name][fault]
    with pytest.raises(BadInput) as caught:
        call()
    assert said in str(caught.value), str(caught.value)
    assert "--" not in str(caught.value)
    assert "\n" not in str(caught.value)
    again = pickle.loads(pickle.dumps(caught.value))  # as from a process of its own
    assert (type(again), str(again)) == (type(caught.value), str(caught.value))
    assert not list(tmp_path.iterdir())


def test_a_modules_own_fault_stays_its_own() -> None:
    """Inputs and targets fit: what goes wrong at a nudged state isn't told as if they didn't."""

    class Shy(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    def cost(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled():
            raise RuntimeError("the cost's own")
        return (outputs - targets).square().sum(1)

    with pytest.raises(RuntimeError, match="the cost's own"):
        neuroep.ep_gradients(nn.Sequential(nn.Linear(2, 2), Shy()), tensor(X), tensor(Y), cost=cost)
