"""Loihi's neurons and weights: brian2-loihi's stored integers, and each rule by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neuroep.errors import BadInput, UnknownName
from neuroep.hardware.loihi.neurons import (
    LIF,
    LIFState,
    arrivals,
    decay,
    effective_weights,
    lif_step,
    mantissa_step,
    run_lif,
    saturate,
    wrap,
)

STORED = Path(__file__).parents[1] / "golden" / "loihi_lif.npz"
QUIET = LIF(decay_u=0, decay_v=0, threshold=131071, decay_u_offset=0)


@pytest.fixture(scope="module")
def stored() -> dict[str, np.ndarray]:
    with np.load(STORED) as file:
        return dict(file)


def ints(*values: int) -> np.ndarray:
    return np.asarray(values, dtype=np.int64)


def test_the_stored_peer_is_named(stored: dict[str, np.ndarray]) -> None:
    assert (str(stored["peer"]), str(stored["version"])) == ("brian2-loihi", "0.5.2")


@pytest.mark.parametrize("number", range(5))
def test_400_steps_are_the_peers_integers(stored: dict[str, np.ndarray], number: int) -> None:
    decay_u, decay_v, threshold, refractory, exponent, bits = (int(n) for n in stored["cases"][number])
    neurons = LIF(decay_u, decay_v, threshold, refractory, decay_u_offset=0)
    weights, loop = (
        effective_weights(stored[f"{key}_{number}"].astype(np.int64), exponent, "mixed", bits)
        for key in ("mantissas", "recurrent")
    )
    trace = run_lif(neurons, stored[f"inputs_{number}"], weights, loop)
    for key in ("u", "v", "spikes"):
        expected = stored[f"{key}_{number}"]
        assert expected.shape == (400, 8)
        np.testing.assert_array_equal(getattr(trace, key), expected)


@pytest.mark.parametrize("bits", [1, 3, 6, 8])
@pytest.mark.parametrize(
    ("mode", "low", "high"), [("mixed", -256, 254), ("excitatory", 0, 255), ("inhibitory", -256, 0)]
)
def test_effective_weights_are_the_peers(
    stored: dict[str, np.ndarray], mode: str, low: int, high: int, bits: int
) -> None:
    mantissas = np.arange(low, high + 1)
    for row, exponent in enumerate(range(-8, 8)):
        got = effective_weights(mantissas, exponent, mode, bits)
        np.testing.assert_array_equal(got, stored[f"weights_{mode}_{bits}"][row])


def test_decay_cuts_the_magnitude_towards_zero() -> None:
    """1000·3071/4096 = 749.8 and 1·3072/4096 = 0.75: both signs lose their fraction."""
    assert decay(ints(1000, -1000, 1, -1, 0), 1025).tolist() == [749, -749, 0, 0, 0]
    assert decay(ints(5, -5), 0).tolist() == [5, -5]
    assert decay(ints(2**23 - 1, -(2**23)), 4096).tolist() == [0, 0]
    assert decay(ints(2**23 - 1), 1).tolist() == [8388607 - 2048]  # the loss, 2047.9998, rounds up


def test_current_decays_by_one_more_on_the_chip() -> None:
    """After one step from 4096 with d = 1024: 3072 as in brian2-loihi, 3071 on the chip."""
    state = LIFState(ints(4096), ints(0), ints(0))
    peer, chip = (
        lif_step(state, ints(0), replace(QUIET, decay_u=1024, decay_u_offset=offset))[0].u[0] for offset in (0, 1)
    )
    assert (peer, chip) == (3072, 3071)


def test_current_wraps_and_voltage_saturates() -> None:
    top = 2**23 - 1
    state, spikes = lif_step(LIFState(ints(top, -top), ints(0, 0), ints(0, 0)), ints(64, -64), QUIET)
    assert state.u.tolist() == [-(2**23) + 63, 2**23 - 63]
    state, spikes = lif_step(LIFState(ints(top, -top), ints(top, -top), ints(0, 0)), ints(0, 0), QUIET)
    assert state.u.tolist() == [top, -top]
    # only a voltage above the highest threshold, 131071 * 64 = 2^23 - 64, can fire; one that wrapped would be negative
    assert spikes.tolist() == [True, False]
    assert state.v.tolist() == [0, -top]
    assert saturate(ints(top + 1, top, -top, -top - 1)).tolist() == [top, top, -top, -top]
    assert wrap(ints(top, top + 1, -top - 1, -top - 2)).tolist() == [top, -top - 1, -top - 1, top]


def test_input_comes_before_the_voltage_and_bias_with_it() -> None:
    neurons = replace(QUIET, bias_mantissa=-3, bias_exponent=2)
    state, _ = lif_step(LIFState(ints(10), ints(100), ints(0)), ints(64), neurons)
    assert (state.u[0], state.v[0]) == (74, 100 + 74 - 12)


def test_threshold_is_strict() -> None:
    neurons = replace(QUIET, threshold=10)
    state, spikes = lif_step(LIFState.rest(2), ints(640, 641), neurons)
    assert spikes.tolist() == [False, True]
    assert state.v.tolist() == [640, 0]


@pytest.mark.parametrize("steps", [1, 2, 5, 64])
def test_refractory_neurons_fire_at_that_interval(steps: int) -> None:
    neurons = replace(QUIET, threshold=1, decay_u=4096, refractory_steps=steps)
    trace = run_lif(neurons, np.ones((200, 1), dtype=np.bool_), ints(128)[None, :])
    assert np.flatnonzero(trace.spikes).tolist() == list(range(0, 200, steps))
    assert not trace.v.any()
    assert (trace.u == 128).all()  # the current goes on while the voltage is held


def test_loops_arrive_one_step_later() -> None:
    inputs = np.zeros((4, 1), dtype=np.bool_)
    inputs[1] = True
    loop = np.asarray([[0, 640], [0, 0]], dtype=np.int64)
    trace = run_lif(replace(QUIET, threshold=1, decay_u=4096), inputs, np.asarray([[640, 0]], dtype=np.int64), loop)
    assert trace.spikes.tolist() == [[False, False], [True, False], [False, True], [False, False]]


def test_no_steps_give_an_empty_trace() -> None:
    trace = run_lif(QUIET, np.zeros((0, 3), dtype=np.bool_), np.zeros((3, 2), dtype=np.int64))
    assert [part.shape for part in trace] == [(0, 2)] * 3


def test_accumulator_wraps_at_21_bits() -> None:
    weights = np.full((4, 1), 2**20, dtype=np.int64)
    assert arrivals(np.asarray([True, False, False, False]), weights).tolist() == [2**20]
    assert arrivals(np.asarray([True, True, True, False]), weights).tolist() == [3 * 2**20 - 2**22]


def test_weights_by_hand() -> None:
    assert effective_weights(ints(254, -256, 3, -3), 0).tolist() == [254 * 64, -256 * 64, 2 * 64, -2 * 64]
    assert effective_weights(ints(254, -256), 7).tolist() == [254 * 2**13, -(2**21) + 64]
    assert effective_weights(ints(6, -6), -2).tolist() == [64, -128]  # ±96: the low 6 bits zeroed, so downwards
    assert effective_weights(ints(255, 1), 0, "excitatory", 5).tolist() == [248 * 64, 0]
    assert [mantissa_step("mixed", bits) for bits in (1, 8)] == [256, 2]
    assert [mantissa_step("inhibitory", bits) for bits in (0, 8)] == [256, 1]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("decay_u", -1), ("decay_u", 4097), ("decay_v", 4097), ("threshold", 131072), ("refractory_steps", 0),
        ("refractory_steps", 65), ("decay_u_offset", 2), ("bias_mantissa", 4096), ("bias_exponent", 8),
    ],
)  # fmt: skip
def test_parameters_out_of_range_are_refused(field: str, value: int) -> None:
    with pytest.raises(BadInput, match=field):
        replace(QUIET, **{field: value})


def test_weights_out_of_range_are_refused() -> None:
    with pytest.raises(BadInput, match="weight_bits"):
        effective_weights(ints(1), 0, "mixed", 7)
    with pytest.raises(BadInput, match="exponent"):
        effective_weights(ints(1), 8)
    with pytest.raises(BadInput, match="-256 to 254"):
        effective_weights(ints(255), 0)
    with pytest.raises(UnknownName, match="inhibitory"):
        effective_weights(ints(1), 0, "inhibitry")


TYPES = (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64)


@pytest.mark.parametrize("kind", [*TYPES, list])
def test_every_type_of_integer_gives_the_chips_integers(kind: type) -> None:
    """Against Python's own integers, which have no type to overflow."""
    values = [0, 3, 100, 127] if kind in TYPES[4:] else [-128, -3, 0, 100, 127]
    given = values if kind is list else np.array(values, dtype=kind)
    assert effective_weights(given, 7).tolist() == [
        max(min(v - v % 2 if v >= 0 else -(-v - -v % 2), 1 << 20) << 13, -((1 << 21) - 64))
        if abs(v << 13) <= (1 << 21) - 64
        else (1 if v > 0 else -1) * ((1 << 21) - 64)
        for v in values
    ]
    assert decay(given, 1000).tolist() == [(1 if v > 0 else -1) * (abs(v) * 3096 // 4096) for v in values]
    assert wrap(given, 6).tolist() == [(v + 64) % 128 - 64 for v in values]
    assert saturate(given, 6).tolist() == [max(-63, min(63, v)) for v in values]
    weights = np.array([values, values], dtype=None if kind is list else kind)
    assert arrivals([1, 1], weights).tolist() == [2 * v for v in values]


@pytest.mark.parametrize("wrong", [np.array([0.5]), np.array([1 << 63], dtype=np.uint64), ["a"]])
def test_what_is_no_integer_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(BadInput, match="mantissas: type"):
        effective_weights(wrong, 0)
