"""Loihi's neurons compiled, held to their definition in numpy: the same integers in every step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neuroep.hardware.loihi.neurons import LIF, effective_weights, run_lif, run_lif_stepwise
from neuroep.rng import stream

STEPS, INPUTS, COUNT = 10_000, 12, 30
TOP = 2**23 - 1
PLAIN = LIF(decay_u=410, decay_v=128, threshold=9000, refractory_steps=3)
#: Neurons, exponents of input and recurrent weights, and what of the chip the network is to reach.
CASES: dict[str, tuple[LIF, int, int, str]] = {
    "as on the chip": (PLAIN, 1, 0, ""),
    "as in brian2-loihi": (replace(PLAIN, decay_u_offset=0), 1, 0, ""),
    "refractory": (replace(PLAIN, threshold=200, refractory_steps=64), 1, 0, ""),
    "pushed": (replace(PLAIN, bias_mantissa=311, bias_exponent=6), 0, 0, ""),
    "held back": (replace(PLAIN, bias_mantissa=-311, bias_exponent=6), 2, 1, ""),
    "wrapping": (replace(PLAIN, decay_u=3, threshold=131071), 5, 3, "u"),
    "full accumulator": (replace(PLAIN, threshold=131071), 7, 7, "sum"),
    "saturated": (replace(PLAIN, decay_v=0, threshold=131071, bias_mantissa=-4000, bias_exponent=7), 2, 2, "v"),
}


def network(number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Spikes, and mantissas of the input's weights and of the recurrent ones."""
    rng = stream(7, "loihi", number)
    inputs = rng.random((STEPS, INPUTS)) < 0.1
    return inputs, *(rng.integers(-128, 128, (m, COUNT)) * 2 for m in (INPUTS, COUNT))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("spare", [0, 17])
def test_10000_steps_are_the_definitions_integers(case: str, spare: int) -> None:
    """`spare` takes weights off the chip's multiples of 64, where sums need more than 16 bits."""
    neurons, exponent, loop_exponent, reached = CASES[case]
    inputs, mantissas, loop = network(list(CASES).index(case))
    given = (inputs, effective_weights(mantissas, exponent) + spare, effective_weights(loop, loop_exponent) - spare)
    defined, found = run_lif_stepwise(neurons, *given), run_lif(neurons, *given)
    assert defined.spikes.any(axis=0).mean() > 0.5 or reached == "v"
    if reached == "u":
        assert (np.abs(np.diff(defined.u.astype(np.int64), axis=0)) > TOP).any()
    if reached == "v":
        assert (defined.v == -TOP).any()
    if reached == "sum":
        fired = np.concatenate([inputs[1:], defined.spikes[:-1]], axis=1)
        assert (np.abs(fired @ np.concatenate(given[1:])) >= 1 << 21).any()
    for mine, theirs in zip(found, defined, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("count", [1, 3, 4, 5, 33])
def test_any_number_of_senders_arrives(count: int) -> None:
    """All fire at once, in groups of every size: their weights' sum, by Python's own integers."""
    weights = [[64 * (7 * i + j + 1) for j in range(2)] for i in range(count)]
    trace = run_lif(PLAIN, np.ones((1, count), dtype=np.bool_), np.asarray(weights))
    assert trace.u.tolist() == [[sum(row[j] for row in weights) for j in range(2)]]
