"""What `neuroep check` finds wrong: loop gains in closed form, and broken recipes that its advice mends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from calling import call

from neuroep.hardware.device import Ideal
from neuroep.network import Activation, Coupling, Layer, Network
from neuroep.physics.costs import Cost
from neuroep.physics.loop import loop_gains, most_gain
from neuroep.rng import stream
from neuroep.studies.diagnosis import LIMITS
from neuroep.studies.rig import Rig


def rig(*sizes: int, feedback: float) -> Rig:
    hidden = [Layer(n, Activation.TANH) for n in sizes[1:-1]]
    layers = (Layer(sizes[0]), *hidden, Layer(sizes[-1], Activation.LINEAR))
    couplings = tuple(Coupling(k, k + 1, 2.0) for k in range(len(sizes) - 1))
    return Rig(network=Network(layers, couplings, Cost.SQUARED_HINGE, feedback), device=Ideal())


def test_the_loop_of_one_hidden_layer_in_closed_form() -> None:
    """γ ρ′_o Σ_j W_j² ρ′_j, here with ρ′_o = 1."""
    built = rig(3, 5, 1, feedback=0.3)
    weights = built.initial_weights(np.float64)
    rng = np.random.default_rng(0)
    slopes = [rng.uniform(0.1, 1.0, (4, 5)), np.ones((4, 1))]
    expected = 0.3 * (slopes[0] * weights.coupling(2)[:, 0] ** 2).sum(axis=1)
    np.testing.assert_allclose(loop_gains(built.mount(weights).circuit, slopes, rng), expected, rtol=1e-10)


def test_no_slopes_take_a_loop_gain_over_that_of_the_weights() -> None:
    """Of n-h-1 it is reached, γ ‖W₂‖² at slopes of 1."""
    rng = np.random.default_rng(0)
    for sizes in ((3, 5, 1), (4, 6, 5, 3)):
        built = rig(*sizes, feedback=0.3)
        circuit = built.mount(built.initial_weights(np.float64)).circuit
        found = loop_gains(circuit, [np.ones((1, n)) for n in sizes[1:]], rng)
        assert found[0] <= most_gain(circuit) * (1.0 + 1e-12)
        assert len(sizes) > 3 or found[0] == pytest.approx(most_gain(circuit), rel=1e-12)


def test_the_loop_of_two_hidden_layers_is_the_largest_eigenvalue_of_a_sweep() -> None:
    """A sweep (1 − L)⁻¹ U, with ρ′ W of the layer below in L and γ ρ′ W of the one above in U, by numpy's eigvals."""
    built = rig(2, 4, 3, 1, feedback=0.5)
    weights, rng = built.initial_weights(np.float64), np.random.default_rng(1)
    slopes = [rng.uniform(0.1, 1.0, (1, n)) for n in (4, 3, 1)]
    lower, upper = np.zeros((8, 8)), np.zeros((8, 8))
    lower[4:7, :4], lower[7:, 4:7] = weights.coupling(2).T, weights.coupling(3).T
    upper[:4, 4:7], upper[4:7, 7:] = 0.5 * weights.coupling(2), 0.5 * weights.coupling(3)
    rho = np.diag(np.concatenate([each[0] for each in slopes]))
    expected = np.abs(np.linalg.eigvals(np.linalg.solve(np.eye(8) - rho @ lower, rho @ upper))).max()
    found = loop_gains(built.mount(weights).circuit, slopes, stream(0, "directions"))
    assert found[0] == pytest.approx(expected, rel=1e-6)


MODEL = """
summary = "broken on purpose"
data = "digits"
cost = "{cost}"
feedback = {feedback}
layers = [
    {{ size = 64 }},
    {{ size = 32, activation = "tanh", gain = {below} }},
    {{ size = 10, activation = "linear", gain = {above} }},
]
[phases]
estimator = "{estimator}"
beta = {beta}
free_sweeps = {sweeps}
nudged_sweeps = 20
"""
SOUND = {"cost": "mse", "feedback": 0.2, "below": 0.5, "above": 1.0, "estimator": "centered", "beta": 0.1, "sweeps": 20}
BROKEN = {
    "loop gain": {"feedback": 1.0, "above": 6.0},
    "minima": {"feedback": 1.0, "above": 6.0},
    "unsettled": {"feedback": 0.2, "above": 1.7, "sweeps": 1},
    "flat": {"below": 100.0},
    "nonlinear": {"cost": "squared-hinge", "beta": 0.98, "feedback": 0.5, "above": 0.5},
}
PLACES = {"feedback": "feedback", "phases.beta": "beta", "phases.free_sweeps": "sweeps", "layers[1].gain": "below"}
"""Where a setting stands in the model."""


def findings(folder: Path, **settings: object) -> dict[str, Any]:
    path = folder / "broken.toml"
    path.write_text(MODEL.format(**(SOUND | settings)), encoding="utf-8")
    found = call("check", path, "--json", "--samples", "16").json["diagnosis"]
    return {each["name"]: each for each in found}


def test_a_sound_recipe_is_left_in_peace(tmp_path: Path) -> None:
    found = findings(tmp_path).values()
    assert [(each["advice"], each["remedies"]) for each in found] == [(None, [])] * len(LIMITS)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_recipe_is_named_and_each_remedy_mends_it(name: str, tmp_path: Path) -> None:
    found = findings(tmp_path, **BROKEN[name])[name]
    assert found["remedies"]
    for remedy in found["remedies"]:
        changes = {each["setting"]: each["to"] for each in remedy}
        assert all(f"{setting} = {to}" in found["advice"] for setting, to in changes.items())
        if "layers[2].gain" in changes:
            changes = {"above": changes["layers[2].gain"]}
        mended = {PLACES.get(setting, setting): to for setting, to in changes.items()}
        after = findings(tmp_path, **(BROKEN[name] | mended))[name]
        assert (after["advice"], after["value"] <= 0.5 * after["limit"]) == (None, True)


def test_a_gradient_that_converters_lose_is_not_sound(tmp_path: Path) -> None:
    """A nudge of 0.01 moves no line by a step of 8 bits: nothing is read of the gradient, and its error is itself."""
    device = tmp_path / "coarse.toml"
    call("device", "levels", "--levels", "16", "--g-min", "1uS", "--g-max", "9uS", "--out", device)
    found = call("check", "digits-mlp", "--device", device, "--beta", "0.01", "--json").json
    noise = next(each for each in found["diagnosis"] if each["name"] == "noise")
    assert noise["value"] == pytest.approx(1.0, abs=1e-9)
    assert noise["advice"] is not None


@pytest.mark.parametrize(
    ("model", "device"),
    [("xor", "ideal"), ("digits-mlp", "ideal"), ("digits-mlp", "ecram"), ("digits-mlp", "pcm-pair"),
     ("digits-spiking", "loihi1"), ("parity", "rram-sb")],
)  # fmt: skip
def test_shipped_recipes_are_sound(model: str, device: str) -> None:
    found = call("check", model, "--device", device, "--json").json["diagnosis"]
    assert {each["name"]: each["advice"] for each in found} == dict.fromkeys(LIMITS)
