"""States as 7-bit traces: range and resolution, no bias, the gradient's mean, and what can't learn from them."""

from __future__ import annotations

import numpy as np
import pytest

from neuroep.engines import create
from neuroep.errors import BadInput
from neuroep.hardware.device import Ideal
from neuroep.learning.readings import ep_gradients
from neuroep.learning.traced import traced
from neuroep.network import Activation, chain, initial_weights
from neuroep.recipe import Estimator, Phases
from neuroep.rng import stream

NETWORK = chain((4, 5, 3), Activation.TANH)
CIRCUIT = Ideal().mount(NETWORK, initial_weights(NETWORK, stream(1, "w"), np.float64), stream(1, "m")).circuit
TRACED = CIRCUIT._replace(trace_bits=7)


def test_traces_are_whole_numbers_of_127_and_unbiased() -> None:
    states = np.repeat(np.array([-0.731, 0.0, 0.004, 0.9]), 20_000)
    found = traced(TRACED, 1, states, stream(0)) * 127
    np.testing.assert_allclose(found, np.rint(found), atol=1e-9)
    assert np.abs(found / 127 - states).max() < 1 / 127
    # a rounding error has a standard deviation of at most half a step
    errors = (found / 127 - states).reshape(4, -1).mean(axis=1)
    assert np.abs(errors).max() < 5 * 0.5 / 127 / np.sqrt(20_000)


def test_traces_saturate_at_full_scale() -> None:
    relu6 = TRACED._replace(activations=np.array([0, Activation.RELU6, Activation.LINEAR]))
    big = np.array([[7.0, -7.0, 5.0]])
    np.testing.assert_allclose(traced(relu6, 2, big, stream(0)), [[1.0, -1.0, 1.0]])
    np.testing.assert_allclose(traced(relu6, 1, big, stream(0)), [[6.0, -6.0, 5.0]], atol=6 / 127)
    assert traced(CIRCUIT, 1, big, stream(0)) is big


@pytest.mark.parametrize("kind", ["centered", "one-sided"])
def test_gradients_keep_their_mean_and_are_reproducible(kind: str) -> None:
    """Roundings of different states are independent, so products keep their mean; states here stay within ±1."""
    x, y = stream(1, "x").uniform(-1, 1, (6, 4)), stream(1, "y").uniform(-0.5, 0.5, (6, 3))
    phases = Phases(Estimator(kind), 0.3, 300, 300, tolerance=1e-12)
    engine = create("cpu", 1)
    exact = ep_gradients(engine, CIRCUIT, x, y, phases).couplings
    drawn = np.array([ep_gradients(engine, TRACED, x, y, phases, seed).couplings for seed in range(400)])
    np.testing.assert_array_equal(drawn[3], ep_gradients(engine, TRACED, x, y, phases, 3).couplings)
    error = drawn.std(axis=0, ddof=1) / np.sqrt(len(drawn))
    assert (error > 0).all()
    assert (np.abs(drawn.mean(axis=0) - exact) / error).max() < 5


@pytest.mark.parametrize("phases", [Phases(scaled=True), Phases(Estimator.HOLOMORPHIC, points=4)])
def test_estimators_that_need_exact_states_refuse_traces(phases: Phases) -> None:
    with pytest.raises(BadInput, match="traces"):
        ep_gradients(create("cpu", 1), TRACED, np.zeros((2, 4)), np.zeros((2, 3)), phases)
