"""Loihi's write-back in the quantized device: resolution, saturation, sign modes, draws, and a network too large."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neuroep.errors import BadInput, UnknownName
from neuroep.hardware.device import Update
from neuroep.hardware.loihi.chip import LearningChip
from neuroep.hardware.loihi.cores import Limits
from neuroep.hardware.loihi.synapse import QuantizedSynapse
from neuroep.hardware.loihi.traces import write_back
from neuroep.ledger import Ledger
from neuroep.network import Cost, Network, chain
from neuroep.rng import stream
from neuroep.weights import Weights

LOIHI = QuantizedSynapse("loihi", 8, "loihi", headroom=2.0, min_exponent=-8, max_exponent=7)
SIZES = (200, 100)


def moved(device: QuantizedSynapse, start: float, ask: float) -> np.ndarray:
    """Change of 20,000 codes that start at `start` times the largest weight, asked for `ask` codes."""
    weights = Weights.from_arrays([np.full(SIZES, start)], [np.zeros(100)])
    mounted = device.mount(chain(SIZES), weights, stream(0))
    before = mounted.state["mantissas"].astype(int)
    step = float(mounted.state["unit"][0]) * 2.0 ** int(mounted.state["exponents"][0])
    asked = Update(Weights(SIZES, np.full(20_000, ask * step), np.zeros(100)), (1.0,))
    device.program(mounted, asked, stream(1), Ledger.empty(SIZES))
    return mounted.state["mantissas"].astype(int) - before


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 8])
def test_writing_is_unbiased_at_every_width(bits: int) -> None:
    """An eighth of a code moves one synapse in eight: 5 standard errors of a Bernoulli mean."""
    found = moved(replace(LOIHI, weight_bits=bits, headroom=1.0 if bits == 2 else 2.0), -1.0, 0.125)
    assert set(np.unique(found)) == {0, 1}
    assert abs(found.mean() - 0.125) < 5 * np.sqrt(0.125 * 0.875 / 20_000)


def test_requests_are_whole_numbers_of_the_accumulator() -> None:
    """A code of 8 mixed bits is 2 mantissas, so 256 of the accumulator: a third of one is lost, 0.6 count as 1."""
    assert not moved(LOIHI, 0.5, 0.4 / 256).any()
    share = moved(LOIHI, 0.5, 0.6 / 256).mean()
    assert abs(share - 1 / 256) < 5 * np.sqrt(1 / 256 / 20_000)


def test_accumulator_and_codes_saturate() -> None:
    """A change saturates at −2^15 of the accumulator (Loihi holds every product to 15 bits and sign), 128 codes of 256.

    With headroom 2 the largest weight is at code 127/2, to the nearest even one 64; upwards the range ends first.
    """
    assert np.unique(moved(LOIHI, 1.0, -1e9)).tolist() == [-128]
    assert np.unique(moved(LOIHI, 1.0, 1e9)).tolist() == [127 - 64]


def test_one_draw_a_matrix_moves_all_alike_and_one_an_element_does_not() -> None:
    assert len(np.unique(moved(replace(LOIHI, draws="matrix"), 0.5, 0.5))) == 1
    assert len(np.unique(moved(LOIHI, 0.5, 0.5))) == 2


@pytest.mark.parametrize(("mode", "low", "high"), [("excitatory", 0, 255), ("inhibitory", -256, 0)])
def test_sign_modes_keep_their_side(mode: str, low: int, high: int, network: Network, weights: Weights) -> None:
    device = replace(LOIHI, sign_mode=mode)
    assert (device.lowest, device.highest) == (low, high)
    mounted = device.mount(network, weights, stream(0))
    kept = weights.couplings > 0 if mode == "excitatory" else weights.couplings < 0
    assert not mounted.circuit.up[~kept].any()
    for sign in (1.0, -1.0):
        ask = Update(Weights(weights.sizes, np.full_like(weights.couplings, sign), weights.biases), (1.0, 1.0))
        device.program(mounted, ask, stream(1), Ledger.empty(weights.sizes))
        codes = mounted.state["mantissas"]
        assert low <= codes.min() <= codes.max() <= high


@pytest.mark.parametrize(("mode", "bits", "step", "high"), [("mixed", 8, 2, 254), ("mixed", 4, 32, 224)])
def test_write_back_keeps_what_the_width_stores(mode: str, bits: int, step: int, high: int) -> None:
    accumulator = np.arange(-(1 << 15), 1 << 15, 37)
    found = write_back(accumulator, mode, stream(0), "element", bits)
    assert not (found % step).any()
    assert (found.min(), found.max()) == (-256, high)
    inside = np.abs(accumulator) < (high << 7) - (step << 7)
    assert np.abs(found - accumulator / 128)[inside].max() < step


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("weight_bits", 7), ("min_exponent", -9), ("max_exponent", 8), ("sign_mode", "mixd"), ("draws", "row"),
        ("trace_bits", 17), ("trace_bits", -1),
    ],
)  # fmt: skip
def test_what_the_chip_has_not_is_refused(field: str, value: int | str) -> None:
    with pytest.raises(BadInput, match=field):
        replace(LOIHI, **{field: value})


def test_a_network_too_large_is_not_mounted() -> None:
    device = replace(LOIHI, chip=LearningChip("tiny", "swapped", Limits(axons=100)))
    weights = Weights.zeros((60, 5), np.float32)
    with pytest.raises(BadInput, match=r"tiny, layer 1: 120 input axon slots.*100 a core"):
        device.mount(chain((60, 5)), weights, stream(0))


def test_nothing_is_sent_back_from_a_read_out() -> None:
    """Under cross-entropy the hidden layer reads the input alone: 2 slots for each of 64; else 10 more senders."""
    chip = LearningChip("chip", "swapped")
    slots = [
        chip.place(chain((64, 64, 10), cost=cost), 8).layers[0].in_axons for cost in (Cost.CROSS_ENTROPY, Cost.MSE)
    ]
    assert slots == [128, 148]


def test_too_little_memory_for_one_unit_is_refused() -> None:
    with pytest.raises(BadInput, match=r"chip, layer 1: 4096 bits of synapse memory for one unit; allowed: 1000"):
        LearningChip("chip", "swapped", Limits(synapse_bits=1000)).place(chain((64, 5)), 8)


def test_rules_by_name_and_of_ones_own() -> None:
    assert list(LearningChip("c", "swapped").rules()) == ["nudged", "free"]
    assert all(found.ungated == (0,) for found in LearningChip("c", "swapped").legality().values())
    (found,) = LearningChip("c", "modulated").legality().values()
    # 7 + 7 + 7 bits and a mantissa of 4 into an accumulator of 15
    assert (found.legal, found.ungated, found.products[0].bits, found.products[0].shift) == (True, (), 25, 10)
    with pytest.raises(UnknownName, match="did you mean 'modulated'"):
        LearningChip("c", "modulatd")
    with pytest.raises(BadInput, match="needs x0, y0 or a u_k"):
        LearningChip("c", "x1*y1").place(chain((2, 2)), 8)
