"""`neuroep export` and `neuroep import`: files as torch, onnxruntime and safetensors read them, and back."""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from calling import Finished, call
from numpy.typing import NDArray
from problems import plan, settle
from safetensors.numpy import load_file
from safetensors.torch import save_file
from torch import nn

from neuroep.bridges.weights_file import load_weights
from neuroep.engines import create
from neuroep.hardware.device import Ideal
from neuroep.network import Activation, Network, Skip, chain
from neuroep.physics.costs import Cost
from neuroep.rng import stream
from neuroep.specs.catalogue import load_model
from neuroep.weights import Weights

NETWORK = load_model("digits-mlp").network()
X = stream(0, "x").uniform(size=(7, 64)).astype(np.float32)


def forward(weights: Weights) -> NDArray[Any]:
    """digits-mlp by hand: a hard-sigmoid and linear outputs."""
    hidden = np.clip(X @ weights.coupling(1) + weights.bias(1), 0.0, 1.0)
    return np.asarray(hidden @ weights.coupling(2) + weights.bias(2))


def settled(weights: Weights, sweeps: int) -> NDArray[Any]:
    circuit = Ideal().mount(NETWORK, weights, stream(0)).circuit
    return np.asarray(settle(create("reference"), circuit, X, plan(2, sweeps)).output)


def refused(*argv: str | Path) -> str:
    found = call(*argv)
    assert (found.status, found.out) == (2, ""), found
    assert found.err.count("\n") == 1
    return found.err


def test_plain_weights_are_the_same_to_the_bit(finished: Finished) -> None:
    assert call("export", finished.folder, "--to", "safetensors", "--job", "ep/ecram/1").status == 0
    kept = load_file(finished.folder / "weights.safetensors")
    for name, tensor in load_file("digits-mlp.safetensors").items():
        np.testing.assert_array_equal(tensor, kept[f"ep/ecram/1/{name}"])


@pytest.mark.parametrize("sweeps", [0, 3])
def test_a_torch_program_computes_the_network_for_any_batch(finished: Finished, sweeps: int) -> None:
    assert call("export", finished.folder, "--to", "torch", "--sweeps", str(sweeps), "--out", "m.pt2").status == 0
    weights = load_weights(finished.folder, NETWORK, "ep/ideal/0")
    wanted = settled(weights, sweeps) if sweeps else forward(weights)
    got = torch.export.load("m.pt2").module()(torch.from_numpy(X)).detach().numpy()
    np.testing.assert_allclose(got, wanted, atol=1e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("sweeps", [0, 3])
def test_an_onnx_program_computes_the_network(finished: Finished, sweeps: int) -> None:
    pytest.importorskip("onnxscript", reason="needs the extra `exchange`")
    runtime = pytest.importorskip("onnxruntime", reason="needs the extra `exchange`")
    assert call("export", finished.folder, "--to", "onnx", "--sweeps", str(sweeps)).status == 0
    weights = load_weights(finished.folder, NETWORK, "ep/ideal/0")
    wanted = settled(weights, sweeps) if sweeps else forward(weights)
    session = runtime.InferenceSession("digits-mlp.onnx", providers=["CPUExecutionProvider"])
    (got,) = session.run(None, {"x": X})
    np.testing.assert_allclose(got, wanted, atol=1e-5)
    if sweeps:
        assert "outputs differ" in refused("import", "digits-mlp.onnx", "--model", "digits-mlp")
        return
    assert call("import", "digits-mlp.onnx", "--model", "digits-mlp").status == 0
    np.testing.assert_array_equal(load_weights("digits-mlp.safetensors", NETWORK).couplings, weights.couplings)


def test_without_onnx_a_line_says_what_to_install(finished: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("onnx", "onnxscript"):
        monkeypatch.setitem(sys.modules, name, None)
    found = call("export", finished.folder, "--to", "onnx")
    assert found.status == 1
    assert "neuroep[exchange]" in found.err
    Path("m.onnx").write_bytes(b"onnx")
    found = call("import", "m.onnx", "--model", "digits-mlp")
    assert found.status == 1
    assert "neuroep[exchange]" in found.err


def module(dtype: torch.dtype = torch.float32) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 64), nn.Hardtanh(0.0, 1.0), nn.Linear(64, 10)).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ["state.pt", "state.safetensors"])
def test_a_state_dict_comes_in_to_the_bit(name: str, dtype: torch.dtype) -> None:
    state = module(dtype).state_dict()
    torch.save(state, name) if name.endswith(".pt") else save_file(state, name)
    found = call("import", name, "--model", "digits-mlp", "--out", "own.safetensors", "--json")
    assert found.json["sizes"] == [64, 64, 10]
    weights = load_weights("own.safetensors", NETWORK)
    for k, layer in ((1, "0"), (2, "2")):
        np.testing.assert_array_equal(weights.coupling(k).T, state[f"{layer}.weight"].numpy())
        np.testing.assert_array_equal(weights.bias(k), state[f"{layer}.bias"].numpy())


def test_layers_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    """Ten layers and more, which text would sort 0, 10, 11, 2."""
    text = 'summary = "deep"\ndata = "xor"\nlayers = [{size = 2}' + ", {size = 3}" * 11 + ", {size = 2}]\n"
    (tmp_path / "deep.toml").write_text(text, encoding="utf-8")
    sizes = (2, *(3,) * 11, 2)
    layers = nn.Sequential(*(nn.Linear(*pair) for pair in pairwise(sizes)))
    save_file(layers.state_dict(), "deep-state.safetensors")
    assert call("import", "deep-state.safetensors", "-m", "deep.toml", "--out", "own.safetensors").status == 0
    weights = load_weights("own.safetensors")
    for k in range(1, 13):
        np.testing.assert_array_equal(weights.coupling(k).T, layers[k - 1].weight.detach().numpy())


def test_what_is_imported_lives_on_a_chip() -> None:
    torch.save(module().state_dict(), "state.pth")
    assert call("import", "state.pth", "--model", "digits-mlp").status == 0
    argv = ("life", "digits-mlp", "-d", "rram-hfo2", "--epochs", "1", "--from", "digits-mlp.safetensors")
    assert call(*argv).status == 0


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--to", "tflite"), "no format is called 'tflite'"),
        (("--to", "safetensors", "--sweeps", "3"), "--sweeps: sweeps in a file of weights"),
        (("--to", "torch", "--sweeps", "-1"), "--sweeps: -1 sweeps"),
        (("--to", "torch", "--job", "ep/ideal/7"), "no job is called 'ep/ideal/7'"),
        (("--to", "torch", "--out", "there"), "'there' is there already"),
    ],
)
def test_exports_that_cannot_be(argv: tuple[str, ...], said: str, finished: Finished) -> None:
    Path("there").write_text("mine", encoding="utf-8")
    assert said in refused("export", finished.folder, *argv)
    assert Path("there").read_text(encoding="utf-8") == "mine"
    assert [path.name for path in Path().iterdir()] == ["there"]


def test_a_folder_that_no_run_wrote(tmp_path: Path) -> None:
    assert "result.json" in refused("export", tmp_path, "--to", "torch")
    (tmp_path / "result.json").write_text(json.dumps({"rows": [], "spec": {"network": {"layers": [{"size": "x"}]}}}))
    assert "result.json" in refused("export", tmp_path, "--to", "torch")
    (tmp_path / "result.json").write_text(json.dumps({"spec": {"network": {"colour": 3}}}))
    assert "no network" in refused("export", tmp_path, "--to", "torch")


def files() -> dict[str, Any]:
    good = module().state_dict()
    return {
        "small.pt": nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 9)).state_dict(),
        "three.pt": good | {"4.weight": torch.zeros(2, 2)},
        "half.pt": {name: tensor.half() for name, tensor in good.items()},
        "brain.pt": {name: tensor.bfloat16() for name, tensor in good.items()},
        "mixed.pt": good | {"0.bias": torch.zeros(64, dtype=torch.float64)},
        "nan.pt": good | {"0.bias": torch.full((64,), torch.nan)},
        "nested.pt": {"state_dict": good},
        "whole.pt": module(),
    }


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("small.pt", "2.weight: shape (9, 64); allowed: (10, 64)"),
        ("three.pt", "NAME.weight and NAME.bias of 2 layer(s)"),
        ("half.pt", "type float16"),
        ("brain.pt", "type float16"),
        ("mixed.pt", "tensors of different types"),
        ("nan.pt", "not finite"),
        ("nested.pt", "a dict; allowed: what torch.save wrote of a state_dict()"),
        ("whole.pt", "no state dict of torch's"),
        ("text.pt", "no state dict of torch's"),
        ("text.safetensors", "truncated or damaged"),
        ("text.pt2", "can run code when they are read"),
        ("text.h5", "a file called 'text.h5'"),
        ("none.pt", "can't be read"),
    ],
)
def test_imports_that_cannot_be(name: str, said: str) -> None:
    made = files()
    if name in made:
        torch.save(made[name], name)
    elif not name.startswith("none"):
        Path(name).write_text("no tensors", encoding="utf-8")
    assert said in refused("import", name, "--model", "digits-mlp", "--out", "own.safetensors")
    assert not Path("own.safetensors").exists()


@pytest.mark.parametrize(
    "network",
    [
        NETWORK,
        chain((3, 4, 4, 4, 2), Activation.TANH, cost=Cost.CROSS_ENTROPY, feedback=0.25, skips=[(1, 3)]),
        chain((4, 3, 2), Activation.DIODES, physics="resistive", input_gain=7.0),
    ],
)
def test_a_network_is_what_its_plain_data_say(network: Network) -> None:
    assert Network.from_dict(json.loads(json.dumps(network.as_dict()))) == network


def test_skips_keep_their_gain() -> None:
    network = chain((3, 4, 4, 4, 2), Activation.TANH, skips=[(1, 3)])
    assert Network.from_dict(network.as_dict()).skips == (Skip(1, 3),)
