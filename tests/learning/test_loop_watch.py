"""A training whose loop gain passes 1 says so once."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from neuroep.errors import Remark
from neuroep.hardware.device import Ideal
from neuroep.learning.loop_watch import SAMPLES, LoopWatch
from neuroep.learning.trainer import Progress, Samples
from neuroep.network import Activation, Coupling, Layer, Network
from neuroep.physics.costs import Cost
from neuroep.recipe import Phases, Recipe, Training
from neuroep.studies.rig import Rig
from neuroep.weights import FloatArray, Weights

γ, COUNT = 0.5, 500
X = np.random.default_rng(0).choice([-1.0, 1.0], size=(COUNT, 20)).astype(np.float32)


def rig(epochs: int) -> Rig:
    layers = (Layer(20), Layer(100, Activation.TANH), Layer(1, Activation.LINEAR))
    network = Network(layers, tuple(Coupling(k, k + 1) for k in range(2)), Cost.SQUARED_HINGE, γ)
    training = Training(epochs=epochs, batch_size=32, learning_rates=(1e-9,))
    return Rig(network=network, recipe=Recipe(Phases(free_sweeps=3, nudged_sweeps=1), training), device=Ideal())


def weights_of(built: Rig, gain: float) -> Weights:
    """Weights at which half of the samples looked at have a gain γ Σ_j W_j² ρ′_j above the one given."""
    weights = built.initial_weights()
    slopes = 1.0 - np.tanh(X[:SAMPLES] @ weights.coupling(1)) ** 2
    found = np.median(γ * slopes @ weights.coupling(2)[:, 0] ** 2)
    weights.coupling(2)[...] *= np.sqrt(gain / found)
    return weights


def remarks(gain: float, epochs: int) -> list[str]:
    """What a training says that leaves weights as they are."""
    built = rig(epochs)
    weights, y = weights_of(built, gain), np.sign(X[:, :1])
    samples = Samples(X, y, (y[:, 0] > 0).astype(np.int64))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", Remark)
        built.trainer(built.mount(weights), samples).run(Progress.fresh(weights))
    return [str(each.message) for each in said if each.category is Remark]


def test_a_training_past_1_says_so_once() -> None:
    (line,) = remarks(1.25, 4)
    assert "the loop gain is 1.25 after epoch 1" in line
    assert "feedback = 0.2," in line  # half of γ / gain


def test_a_training_under_1_says_nothing() -> None:
    assert remarks(0.9, 4) == []


@pytest.mark.parametrize(("samples", "said"), [(1, 0), (COUNT, 4)])
def test_it_looks_after_epochs_1_2_4_and_8_of_all_but_small_trainings(
    samples: int, said: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[FloatArray] = []

    def gains(circuit: object, slopes: list[FloatArray], *_: object) -> FloatArray:
        looked.append(slopes[0])
        return np.zeros(1)

    monkeypatch.setattr("neuroep.physics.loop.loop_gains", gains)
    built = rig(1)
    watch = LoopWatch(built.mount(weights_of(built, 2.0)).circuit, X[:samples])
    for epoch in range(10):
        watch.look(epoch)
    assert len(looked) == said
