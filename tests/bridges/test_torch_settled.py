"""Torch modules that settle, against the engines, against finite differences, and as a chip holds their weights."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from problems import KINDS, Kind, Problem, plan, problem, settle, slopes_of_the_cost
from torch import Tensor, nn
from torch.nn import functional

import neuroep
from neuroep.bridges.torch_settled import Settled
from neuroep.bridges.torch_tensors import COSTS
from neuroep.engines import create
from neuroep.errors import BadInput, Diverged
from neuroep.network import Activation, Cost, Skip, chain
from neuroep.quantities import seconds_of
from neuroep.rng import stream
from neuroep.specs.catalogue import folder

SKIPPING = (Skip(1, 3, 0.4),)
every_kind = pytest.mark.parametrize("kind", KINDS)


def module_of(p: Problem, **how: Any) -> Settled:
    return neuroep.to_torch(p.network, p.weights, settled=True, **how)


def outputs(p: Problem, module: nn.Module) -> Tensor:
    """As engines have them: the powers of a softmax read-out."""
    found: Tensor = module(torch.from_numpy(p.x))
    return torch.softmax(found, 1) if p.network.cost is Cost.CROSS_ENTROPY else found


@every_kind
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_outputs_are_the_engines(kind: Kind, dtype: type) -> None:
    p = problem((6, 7, 5, 3), *kind, batch=20, dtype=dtype)
    engine = settle(create("reference"), p.circuit, p.x, plan(3, 3000, 1e-13 if dtype is np.float64 else 1e-7)).output
    got = outputs(p, module_of(p)).detach().numpy()
    np.testing.assert_allclose(got, engine, rtol=0, atol=1e-5 if dtype is np.float32 else 1e-10)
    unrolled = outputs(p, module_of(p, unrolled=300)).detach().numpy()
    np.testing.assert_allclose(unrolled, got, rtol=0, atol=1e-5 if dtype is np.float32 else 1e-10)


@pytest.mark.parametrize("unrolled", [0, 400])
@every_kind
def test_the_gradient_is_that_of_the_settled_cost(kind: Kind, unrolled: int) -> None:
    """Central differences of the reference engine's settled cost, all weights and biases one by one."""
    p = problem((4, 5, 4, 3), *kind, batch=3)
    module = module_of(p, unrolled=unrolled)
    COSTS[p.network.cost](module(torch.from_numpy(p.x)), torch.from_numpy(p.targets)).backward()
    linears = [part for part in module.feedforward if isinstance(part, nn.Linear)]
    found = [linear.weight.grad.numpy().T.ravel() for linear in linears]  # type: ignore[union-attr]
    found += [linear.bias.grad.numpy() for linear in linears]  # type: ignore[union-attr]
    np.testing.assert_allclose(np.concatenate(found), slopes_of_the_cost(p), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("unrolled", [0, 300])
def test_the_gradient_in_the_inputs_with_skips(unrolled: int) -> None:
    p = problem((3, 4, 5, 4, 2), Activation.TANH, feedback=0.6, skips=SKIPPING)
    module, x = module_of(p, unrolled=unrolled), torch.from_numpy(p.x).requires_grad_()
    assert torch.autograd.gradcheck(module, (x,), atol=1e-7)


def test_skips_are_the_engines() -> None:
    p = problem((3, 4, 5, 4, 2), Activation.TANH, feedback=0.6, skips=SKIPPING)
    engine = settle(create("reference"), p.circuit, p.x, plan(4, 3000, 1e-13)).output
    np.testing.assert_allclose(module_of(p)(torch.from_numpy(p.x)).detach().numpy(), engine, atol=1e-10)


def test_small_slopes_are_as_exact_as_large_ones() -> None:
    """In float32, where a gradient of 1e-9 would pass for settled next to 1."""
    p = problem((6, 7, 5, 3), Activation.TANH, dtype=np.float32)
    gradients = []
    for scale in (1.0, 1e-9):
        module = module_of(p)
        (scale * module(torch.from_numpy(p.x)).sum()).backward()
        gradients.append(module.feedforward[0].weight.grad / scale)  # type: ignore[union-attr, operator]
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-4, atol=1e-5)


def test_it_trains_what_from_torch_reads() -> None:
    p = problem((6, 5, 3), Activation.TANH, batch=30, feedback=0.5)
    module, y = module_of(p), torch.from_numpy(p.targets)
    optimiser, losses = torch.optim.SGD(module.parameters(), 0.1), []
    for _ in range(30):
        optimiser.zero_grad()
        losses.append(functional.mse_loss(module(torch.from_numpy(p.x)), y))
        losses[-1].backward()
        optimiser.step()
    assert losses[-1] < 0.5 * losses[0]
    weights = neuroep.from_torch(module.feedforward, p.network)
    settled = settle(create("reference"), p._replace(weights=weights).circuit, p.x, plan(2, 3000, 1e-13)).output
    np.testing.assert_allclose(module(torch.from_numpy(p.x)).detach().numpy(), settled, atol=1e-10)


def test_it_is_copied_and_pickled() -> None:
    p = problem()
    module, x = module_of(p), torch.from_numpy(p.x)
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert torch.equal(other(x), module(x))


def test_what_does_not_settle_is_no_output() -> None:
    p = problem((1, 1, 1), Activation.RELU, Activation.RELU, feedback=0.5, batch=1)
    p.weights.couplings[:], p.weights.biases[:] = (1.0, 2.0), 0.0
    with pytest.raises(Diverged, match="states do not settle"):
        module_of(p)(torch.ones(1, 1, dtype=torch.float64))


LAYERS = chain((12, 9, 4), Activation.HARD_SIGMOID, feedback=0.7)


def drawn() -> Problem:
    return problem(LAYERS.sizes, Activation.HARD_SIGMOID, feedback=0.7, batch=15, dtype=np.float32)


@pytest.mark.parametrize("after", [None, "1 day", 31_536_000])
@pytest.mark.parametrize("device", ["pcm-pair", "rram-hfo2"])
def test_weights_are_those_that_the_aged_chip_reads(device: str, after: str | float | None) -> None:
    """The engine's equilibrium on the same chip, freed of converters and of the noise of reads."""
    p, seconds = drawn(), {None: 0.0, "1 day": 86_400.0}.get(after, after)  # type: ignore[call-overload]
    chip = neuroep.Chip(device, p.network, seed=3)
    chip.program(p.weights, stream(3, "mount", device))
    chip.age(seconds)
    silent = np.zeros_like(chip.circuit.noise_up)
    exact = chip.circuit._replace(dac_bits=0, adc_bits=0, noise_up=silent, noise_down=silent)
    engine = settle(create("reference"), exact, p.x, plan(2, 3000, 1e-7)).output
    module = module_of(p, device=device, after=after, seed=3)
    np.testing.assert_allclose(module(torch.from_numpy(p.x)).detach().numpy(), engine, atol=1e-5)
    twin = neuroep.to_torch(p.network, p.weights, device=device, after=after, seed=3)
    assert torch.equal(twin[0].weight, module.feedforward[0].weight)
    assert not np.array_equal(twin[0].weight.detach().numpy().T, p.weights.coupling(1))


def test_a_second_array_is_read_downward(tmp_path: Path) -> None:
    p, path = drawn(), tmp_path / "two.toml"
    text = (folder("devices") / "ecram.toml").read_text(encoding="utf-8")
    path.write_text(text.replace("[crossbar]\n", '[crossbar]\narrays = "two"\n', 1), encoding="utf-8")
    chip = neuroep.Chip(path, p.network, seed=3)
    chip.program(p.weights, stream(3, "mount", chip.device.name))
    silent = np.zeros_like(chip.circuit.noise_up)
    exact = chip.circuit._replace(dac_bits=0, adc_bits=0, noise_up=silent, noise_down=silent)
    engine = settle(create("reference"), exact, p.x, plan(2, 3000, 1e-7)).output
    module = module_of(p, device=path, seed=3)
    assert [name for name, _ in module.named_buffers()] == ["down1", "down2"]
    np.testing.assert_allclose(module(torch.from_numpy(p.x)).detach().numpy(), engine, atol=1e-5)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"unrolled": 3}, "unrolled: sweeps of a module that doesn't settle"),
        ({"settled": True, "unrolled": -1}, "unrolled: -1"),
        ({"after": "1 day"}, "device: after, verify or seed without hardware"),
        ({"seed": 1}, "device: after, verify or seed without hardware"),
        ({"device": "digital-45nm"}, "only has prices"),
        ({"device": "loihi1", "after": "1 day"}, "after: loihi1 doesn't age"),
        ({"device": "pcm-pair", "after": "1 fortnight"}, "after: '1 fortnight'; allowed: seconds"),
        ({"device": "pcm-pair", "after": -1.0}, "after: -1"),
        ({"device": "ecram", "verify": True}, "no published error of write-verify"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(how: dict[str, Any], message: str) -> None:
    p = drawn()
    with pytest.raises(BadInput, match=message):
        neuroep.to_torch(p.network, p.weights, **how)


def test_half_precision_does_not_settle() -> None:
    p = drawn()
    with pytest.raises(BadInput, match="float16 to settle"):
        neuroep.to_torch(p.network, p.weights.astype(np.float16), settled=True)


@pytest.mark.parametrize(
    ("span", "seconds"),
    [("1 s", 1.0), ("30 min", 1800.0), ("2 h", 7200.0), ("1 day", 86400.0), ("3 days", 259200.0), (5, 5.0),
     ("1e-3 s", 1e-3), ("1 year", 31_536_000.0)],
)  # fmt: skip
def test_spans_of_time(span: str | float, seconds: float) -> None:
    assert seconds_of(span, "after") == pytest.approx(seconds)


@pytest.mark.parametrize("span", ["", "day", "1day", "1 s s", "nan s", "-1 s", "1e999 year", None, True, float("inf")])
def test_what_is_no_span_of_time(span: object) -> None:
    with pytest.raises(BadInput, match="after"):
        seconds_of(span, "after")
