"""Quantized synapses: the grid, the exponents, unbiased writing, counting, going on from a saved state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neuroep.errors import BadInput
from neuroep.hardware.device import Update
from neuroep.hardware.loihi.synapse import QuantizedSynapse
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Network, chain, initial_weights
from neuroep.recipe import Programming, Reads
from neuroep.rng import stream
from neuroep.weights import Weights

CHIP = QuantizedSynapse(
    name="chip", weight_bits=8, rounding="stochastic", headroom=2.0, min_exponent=-8, max_exponent=7
)
MakeUpdate = Callable[..., Update]


def step_sizes(state: dict[str, np.ndarray]) -> np.ndarray:
    return state["unit"][0] * 2.0 ** state["exponents"].astype(float)


@pytest.mark.parametrize("bits", [2, 4, 8, 16])
def test_mounting_rounds_to_the_nearest_code(network: Network, weights: Weights, bits: int) -> None:
    mounted = replace(CHIP, weight_bits=bits).mount(network, weights, stream(0))
    got = Weights(weights.sizes, mounted.circuit.up, mounted.circuit.biases)
    for k, step in enumerate(step_sizes(mounted.state), start=1):
        error = np.abs(got.coupling(k).astype(float) - weights.coupling(k))
        assert error.max() <= step / 2 * (1 + 1e-5) + 1e-6
    assert mounted.state["mantissas"].dtype == np.int16
    assert mounted.circuit.up.dtype == weights.couplings.dtype
    assert mounted.circuit.down is mounted.circuit.up


@pytest.mark.parametrize("headroom", [1.0, 1.7, 2.0])
def test_exponent_is_the_smallest_that_fits(network: Network, weights: Weights, headroom: float) -> None:
    state = replace(CHIP, headroom=headroom).mount(network, weights, stream(0)).state
    steps = step_sizes(state)
    assert state["exponents"].max() == 7
    for k in (1, 2):
        largest = float(np.abs(weights.coupling(k)).max()) * headroom
        assert largest <= 127 * steps[k - 1] * (1 + 1e-12)
        assert largest > 127 * steps[k - 1] / 2


def test_exponents_stop_at_the_smallest() -> None:
    weights = Weights.from_arrays([np.full((2, 2), 1.0), np.full((2, 1), 1e-6)], [np.zeros(2), np.zeros(1)])
    state = replace(CHIP, min_exponent=3).mount(chain((2, 2, 1)), weights, stream(0)).state
    assert state["exponents"].tolist() == [7, 3]
    assert state["mantissas"][-2:].tolist() == [0, 0]


def test_zero_couplings_mount_as_zero_and_can_grow() -> None:
    zeros = Weights.zeros((3, 2), np.float64)
    mounted = CHIP.mount(chain((3, 2)), zeros, stream(0))
    assert not mounted.circuit.up.any()
    ask = Update(Weights((3, 2), np.full(6, 0.5), np.zeros(2)), (1.0,))
    CHIP.program(mounted, ask, stream(1), Ledger.empty((3, 2)))
    assert mounted.circuit.up == pytest.approx(np.full(6, 0.5), abs=2.0 / 127)


def test_stochastic_writing_is_unbiased() -> None:
    """0.3 of a step asked of 20,000 synapses moves each by 0 or 1 steps, 0.3 on average."""
    weights = Weights.from_arrays([np.full((200, 100), 0.5)], [np.zeros(100)])
    mounted = CHIP.mount(chain((200, 100)), weights, stream(0))
    before = mounted.state["mantissas"].copy()
    (step,) = step_sizes(mounted.state)
    ask = Update(Weights(weights.sizes, np.full(20_000, 0.3 * step), np.zeros(100)), (1.0,))
    CHIP.program(mounted, ask, stream(1), Ledger.empty(weights.sizes))
    moved = mounted.state["mantissas"] - before
    assert set(np.unique(moved)) == {0, 1}
    assert abs(moved.mean() - 0.3) < 5 * np.sqrt(0.3 * 0.7 / 20_000)


def test_nearest_writing_loses_what_is_under_half_a_step(
    network: Network, weights: Weights, update_of: MakeUpdate
) -> None:
    chip = replace(CHIP, rounding="nearest")
    mounted = chip.mount(network, weights, stream(0))
    before, steps = mounted.state["mantissas"].copy(), step_sizes(mounted.state)
    changes = np.concatenate([np.full(600, 0.4 * steps[0]), np.full(200, 1.6 * steps[1])])
    chip.program(mounted, update_of(changes.astype(weights.couplings.dtype)), stream(1), Ledger.empty(weights.sizes))
    assert (mounted.state["mantissas"] - before).tolist() == [0] * 600 + [2] * 200


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 16), st.floats(-1e30, 1e30), st.sampled_from(["stochastic", "nearest"]), st.integers(0, 99))
def test_integers_never_leave_their_range(bits: int, size: float, rounding: str, seed: int) -> None:
    chip = replace(CHIP, weight_bits=bits, rounding=rounding)
    network = chain((5, 4))
    weights = initial_weights(network, stream(seed, "weights"))
    mounted = chip.mount(network, weights, stream(seed))
    direction = Weights((5, 4), stream(seed, "ask").standard_normal(20, dtype=np.float32), weights.biases)
    ledger = Ledger.empty((5, 4))
    for _ in range(3):
        chip.program(mounted, Update(direction, (size,)), stream(seed), ledger)
        codes = mounted.state["mantissas"]
        assert -(2 ** (bits - 1)) <= codes.min()
        assert codes.max() <= 2 ** (bits - 1) - 1
        assert mounted.circuit.up == pytest.approx(codes * step_sizes(mounted.state)[0], rel=1e-6)


def test_writes_are_the_synapses_that_changed(network: Network, weights: Weights, update_of: MakeUpdate) -> None:
    mounted = CHIP.mount(network, weights, stream(0))
    before, ledger = mounted.state["mantissas"].copy(), Ledger.empty(weights.sizes)
    changes = 0.003 * stream(5).standard_normal(800)
    CHIP.program(mounted, update_of(changes.astype(weights.couplings.dtype)), stream(1), ledger)
    changed = mounted.state["mantissas"] != before
    assert 0 < changed.sum() < 800
    written = ledger.counts[Phase.UPDATE, Event.WRITE]
    assert written.tolist() == [0, changed[:600].sum(), changed[600:].sum()]
    assert ledger.counts.sum() == written.sum()
    assert mounted.circuit.biases == pytest.approx(weights.biases + 0.01)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("weight_bits", 1), ("weight_bits", 17), ("weight_bits", 7.5), ("rounding", "up"), ("headroom", 0.5),
        ("headroom", float("nan")), ("min_exponent", -200), ("max_exponent", 200), ("max_exponent", -9),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused(field: str, value: float | str) -> None:
    with pytest.raises(BadInput, match=field):
        replace(CHIP, **{field: value})


def test_mantissas_beyond_the_bits_are_refused(network: Network, weights: Weights) -> None:
    state = CHIP.mount(network, weights, stream(0)).state
    with pytest.raises(BadInput, match="mantissa"):
        replace(CHIP, weight_bits=4).restore(network, weights, state)


@pytest.mark.parametrize("programming", [Programming(reads=Reads.CHANGES), Programming(averaged_reads=4)])
def test_what_only_arrays_of_devices_do_is_refused(programming: Programming) -> None:
    with pytest.raises(BadInput, match="integer synapses"):
        QuantizedSynapse("q", 6, "nearest", headroom=1.5, min_exponent=-8, max_exponent=7).programmed_by(programming)
