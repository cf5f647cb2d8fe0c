"""What is looked at after the last epoch: counts by hand, sweeps that must be taken, backprop's gradient as γ → 0."""

from __future__ import annotations

import numpy as np
import pytest

from neuroep.learning.trainer import Samples
from neuroep.network import chain
from neuroep.physics.activations import Activation
from neuroep.physics.costs import MOST_CLASSES, Cost, confusion
from neuroep.recipe import Estimator, Phases, Recipe, Training
from neuroep.studies.inspection import Inspection, Settled, inspected
from neuroep.studies.rig import Rig, shuffled
from neuroep.studies.training import Materials, train_ep


def test_confusion_by_hand() -> None:
    outputs = np.array([[0.9, 0.1, 0.0], [0.1, 0.9, 0.0], [0.2, 0.3, 0.5], [0.6, 0.3, 0.1]], dtype=np.float32)
    assert confusion(Cost.MSE, outputs, np.array([0, 1, 1, 2])) == ((1, 0, 0), (0, 1, 1), (1, 0, 0))


def test_confusion_of_a_single_output() -> None:
    """A unit with targets 0 and 1 names class 1 above their middle."""
    outputs = np.array([[0.1], [0.4], [0.6], [0.9]], dtype=np.float32)
    assert confusion(Cost.MSE, outputs, np.array([0, 1, 0, 1])) == ((1, 1), (1, 1))


def test_no_confusion_of_very_many_classes() -> None:
    many = MOST_CLASSES + 1
    assert confusion(Cost.MSE, np.eye(many, dtype=np.float32), np.arange(many)) == ()


def prepared(phases: Phases, feedback: float = 0.5, size: float = 1.0) -> tuple[Rig, Materials]:
    """A small network, and random samples to train on and to read."""
    samples = 40
    network = chain((5, 7, 3), Activation.TANH, feedback=feedback)
    recipe = Recipe(phases, Training(epochs=2, batch_size=8, learning_rates=(0.05,)))
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, samples)
    drawn = Samples(rng.random((samples, 5), dtype=np.float32) * size, np.eye(3, dtype=np.float32)[labels], labels)
    rig = Rig.of(network, recipe, seed=1)
    return rig, Materials(drawn, None, drawn, rig.initial_weights(), shuffled(samples, 8, 1))


def test_what_is_seen_moves_nothing() -> None:
    rig, stock = prepared(Phases(Estimator.CENTERED, 0.2, 6, 3))
    mounted = rig.mount(stock.weights)
    outcome = train_ep(rig, stock, mounted)
    before = mounted.circuit.up.tobytes(), mounted.circuit.biases.tobytes(), outcome.ledger.counts.tobytes()
    found = inspected(rig, stock.train, mounted, outcome.inspection, twin=True)
    assert (mounted.circuit.up.tobytes(), mounted.circuit.biases.tobytes(), outcome.ledger.counts.tobytes()) == before
    assert found.confusion == outcome.inspection.confusion
    right = sum(row[k] for k, row in enumerate(found.confusion))
    assert right / len(stock.test.x) == outcome.test_accuracy
    assert [sum(row) for row in found.confusion] == np.bincount(stock.test.labels).tolist()


def test_sweeps_and_shares() -> None:
    """Without a tolerance all sweeps are taken; under one that small states meet at once, none but the first."""
    for tolerance, sweeps, share in ((0.0, (6, 3), 0.0), (0.99, (1, 1), 1.0)):
        rig, stock = prepared(Phases(Estimator.CENTERED, 0.2, 6, 3, tolerance=tolerance), size=0.1)
        found = inspected(rig, stock.train, rig.mount(stock.weights), Inspection(), twin=False)
        assert found.samples == 8  # 2 epochs of 40 are fewer than a hundred for each, so one minibatch
        assert found.cosines == ()
        for phase, most in zip((found.free, found.nudged), sweeps, strict=True):
            assert phase is not None
            assert (phase.converged, phase.steps_mean, phase.steps_most) == (share, most, most)
            assert phase.residual_median is not None
            assert phase.residual_most is not None
            assert 0.0 < phase.residual_median <= phase.residual_most


def test_the_gradient_is_backprop_s_as_feedback_goes_to_zero() -> None:
    """EP's bias is of order γ and, centered, β²: cosines come near 1 at 10⁻³, far nearer than at 0.9."""
    near, far = (
        inspected(rig, stock.train, rig.mount(stock.weights), Inspection(), twin=True).cosines
        for rig, stock in (prepared(Phases(Estimator.CENTERED, 0.01, 50, 50), gain) for gain in (1e-3, 0.9))
    )
    assert len(near) == len(far) == 2
    assert all(cosine is not None and cosine > 0.9999 for cosine in near)
    assert near[0] is not None
    assert far[0] is not None
    assert 1.0 - far[0] > 10.0 * (1.0 - near[0])


def test_kept_and_restored() -> None:
    seen = Inspection(((3, 1), (0, 2)), 8, Settled(0.5, 3.0, 4, 1e-3, None), None, (0.5, None))
    assert Inspection.restored(seen.as_dict()) == seen
    with pytest.raises((KeyError, TypeError)):
        Inspection.restored({"confusion": 3})
