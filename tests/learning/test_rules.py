"""Rules of descent in whole trainings: what torch's twin does, what a checkpoint keeps, what doesn't go together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from calling import call

import neuroep
from neuroep.errors import BadInput
from neuroep.learning.rules import RULES, Memory, Muon, rule_of
from neuroep.network import Activation, chain
from neuroep.recipe import Estimator, Method, Phases, Programming, Recipe, Training
from neuroep.studies.following import Reporter
from neuroep.studies.rig import Rig
from neuroep.weights import FloatArray, Weights

ADAM = Training(epochs=3, batch_size=32, learning_rates=(0.01,), rule="adam")
MODEL = """
summary = "a test"
data = "digits"
layers = [{ size = 64 }, { size = 12, activation = "tanh" }, { size = 10, activation = "linear" }]
[phases]
beta = 0.2
[training]
epochs = 3
batch_size = 64
learning_rates = [0.01]
rule = "adam"
betas = [0.8, 0.99]
"""
ARGV = ("run", "m.toml", "--device", "ecram", "--out")


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("m.toml").write_text(MODEL, encoding="utf-8")
    return "m.toml"


def test_it_is_backprops_adam_as_the_feedback_vanishes() -> None:
    """γ → 0 and small β: EP's gradient is backprop's, and Adam's first steps are signs, which amplify what is off."""
    network = chain((64, 16, 10), Activation.TANH, feedback=1e-3)
    phases = Phases(beta=1e-3, free_sweeps=60, nudged_sweeps=60, scaled=True, tolerance=1e-7)
    recipe = Recipe(phases, replace(ADAM, epochs=1, epsilon=1e-3), replace(ADAM, epochs=1, epsilon=1e-3))
    ep, twin = (neuroep.train(network=network, recipe=recipe, data="digits", method=m) for m in ("ep", "backprop"))
    moved = np.linalg.norm(twin.weights.couplings - 0.0)
    assert np.linalg.norm(ep.weights.couplings - twin.weights.couplings) < 0.02 * moved
    assert abs(ep.test_accuracy - twin.test_accuracy) < 0.03


def test_a_device_takes_the_direction() -> None:
    """Pulses of a crossbar follow Adam's directions: it learns, and otherwise than by SGD."""
    network = neuroep.load_model("digits-mlp").network()
    recipe = Recipe(Phases(beta=0.3), replace(ADAM, learning_rates=(0.005,)), programming=Programming(headroom=2.0))
    found = neuroep.train(network=network, recipe=recipe, data="digits", device="ecram")
    sgd = replace(recipe, training=replace(recipe.training, rule="sgd"))
    plain = neuroep.train(network=network, recipe=sgd, data="digits", device="ecram")
    assert found.test_accuracy > 0.7
    assert found.test_accuracy > plain.test_accuracy + 0.2  # at so small a rate SGD hardly moves


def test_a_stopped_run_goes_on_with_its_memory(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of EP on both devices and of the twin: weights bit for bit those of a run that was never stopped."""
    assert call(*ARGV, "whole").status == 0
    report = Reporter.epoch
    for job in ("ep ideal", "ep ecram", "backprop ideal"):

        def interrupt(self: Reporter, at: Any, epoch: Any, epochs: int, job: str = job) -> None:
            report(self, at, epoch, epochs)
            if (f"{at.method} {at.device}", epoch.epoch) == (job, 0):
                raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(Reporter, "epoch", interrupt)
            assert call(*ARGV, "parts").status == 130
    assert call(*ARGV, "parts").status == 0
    assert Path("parts/weights.safetensors").read_bytes() == Path("whole/weights.safetensors").read_bytes()


def test_another_rule_is_another_run(model: str) -> None:
    assert call(*ARGV, "one", "--epochs", "1").status == 0
    Path("m.toml").write_text(MODEL.replace('rule = "adam"\nbetas = [0.8, 0.99]', ""), encoding="utf-8")
    refused = call(*ARGV, "one", "--epochs", "1")
    assert refused.status == 2
    assert "rule" in refused.err


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (Recipe(training=replace(ADAM, rule="adma")), "did you mean 'adam'"),
        (Recipe(training=replace(ADAM, momentum=0.9)), "training.momentum: without effect with rule 'adam'"),
        (Recipe(training=Training(betas=(0.5, 0.9))), "training.betas: without effect with rule 'sgd'"),
        (Recipe(backprop=Training(epsilon=1e-4)), "backprop.epsilon: without effect with rule 'sgd'"),
    ],
)
def test_settings_that_do_not_go_together(recipe: Recipe, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        Rig.of(chain((2, 4, 2)), recipe).check()
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "recipe",
    [
        {"phases": Phases(Estimator.CONTINUAL), "training": ADAM},
        {"training": ADAM, "programming": Programming(Method.OPPOSITE)},
    ],
)
def test_what_no_digital_buffer_holds_has_no_other_rule(recipe: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="another rule"):
        Recipe(**recipe)


@pytest.mark.parametrize("given", [{"betas": (1.0, 0.9)}, {"betas": (0.9,)}, {"epsilon": 0.0}])
def test_numbers_out_of_range(given: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        Training(**given)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)])
def test_muon_turns_singular_values_alone(shape: tuple[int, int]) -> None:
    """Each Newton–Schulz step is s ← a s + b s³ + c s⁵ of every singular value, five times from s/‖S‖."""
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=shape)
    u, s, v = np.linalg.svd(matrix, full_matrices=False)
    s = s / np.sqrt((s**2).sum())
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    assert ((s > 0.6) & (s < 1.3)).all()
    found = Muon(Training(rule="muon")).orthogonal(matrix)
    np.testing.assert_allclose(found, (u * s) @ v, rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("training", [
    Training(learning_rates=(0.02,), rule="muon", momentum=0.95),
    Training(learning_rates=(0.05,), rule="muon", momentum=0.5, weight_decay=0.1),
])  # fmt: skip
def test_muon_is_torchs_up_to_its_bfloat16(training: Training) -> None:
    """Eight digits of a mantissa in five steps: two per cent of a step's length."""
    rng = np.random.default_rng(1)
    shapes = [(6, 4), (4, 9)]
    couplings = [rng.normal(size=shape) for shape in shapes]
    weights = Weights.from_arrays(couplings, [np.zeros(n) for _, n in shapes])
    parameters = [torch.tensor(w.T.copy(), requires_grad=True) for w in couplings]
    optimiser = torch.optim.Muon(
        parameters, lr=training.learning_rates[0], momentum=training.momentum, weight_decay=training.weight_decay
    )
    rule, memory = rule_of(training), {}
    memory = rule.fresh(weights)
    for _ in range(4):
        gradient = Weights.from_arrays([rng.normal(size=shape) for shape in shapes], [np.ones(n) for _, n in shapes])
        before = weights.copy()
        for k, parameter in enumerate(parameters, start=1):
            parameter.grad = torch.tensor(gradient.coupling(k).T.copy())
        rule.turn(gradient, weights.couplings, memory)
        weights.couplings[...] -= training.learning_rates[0] * gradient.couplings
        optimiser.step()
        for k, parameter in enumerate(parameters, start=1):
            step = np.linalg.norm(weights.coupling(k) - before.coupling(k))
            wanted = parameter.detach().numpy().T
            assert np.linalg.norm(weights.coupling(k) - wanted) < 0.1 * step
            weights.coupling(k)[...] = wanted  # each step is compared alone


def test_muon_learns_the_digits() -> None:
    training = Training(epochs=3, batch_size=32, learning_rates=(0.02,), rule="muon", momentum=0.9)
    network = neuroep.load_model("digits-mlp").network()
    found = neuroep.train(network=network, recipe=Recipe(Phases(beta=0.3), training), data="digits")
    assert found.test_accuracy > 0.9


def test_a_rule_without_a_twin_is_refused_before_anything_is_trained(model: str) -> None:
    Path("m.toml").write_text(MODEL.replace('rule = "adam"\nbetas = [0.8, 0.99]', 'rule = "muon"'), encoding="utf-8")
    refused = call(*ARGV, "one", "--epochs", "1")
    assert (refused.status, refused.out, Path("one").exists()) == (2, "", False)
    assert "no twin of rule 'muon'; allowed: sgd or adam" in refused.err
    assert call(*ARGV, "one", "--epochs", "1", "--no-backprop").status == 0


def test_a_rule_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """One class and one name: signs of gradients, with a count of its steps in the checkpoint."""

    class Signs:
        keep, plain = 0.0, False

        def __init__(self, training: Training) -> None:
            pass

        def fresh(self, like: Weights) -> Memory:
            return {"count": np.zeros(1, dtype=np.int64)}

        def turn(self, gradient: Weights, couplings: FloatArray, memory: Memory) -> None:
            np.sign(gradient.couplings, out=gradient.couplings)
            np.sign(gradient.biases, out=gradient.biases)

    monkeypatch.setitem(RULES, "signs", Signs)
    training = Training(epochs=1, batch_size=1000, learning_rates=(0.25,), rule="signs")
    network = chain((64, 8, 10), Activation.TANH)
    rig = Rig.of(network, Recipe(training=training))
    rig.check()
    start, step = rig.initial_weights(), 2.0**-2
    found = neuroep.train(network=network, recipe=Recipe(training=training), data="digits")
    moved = (found.weights.couplings - start.couplings) / step
    assert np.abs(moved - np.rint(moved)).max() < 1e-5  # two steps of a quarter each, up or down
    assert np.abs(moved).max() == pytest.approx(2.0, abs=1e-5)
