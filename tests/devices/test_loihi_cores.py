"""Loihi's core map: nengo-loihi's packing by hand, and a refusal for each limit."""

from __future__ import annotations

import pytest

from neuroep.errors import BadInput
from neuroep.hardware.loihi.cores import LayerCores, axon_bits, core_map


@pytest.mark.parametrize(
    ("weights", "bits", "words"),
    [
        (0, 8, 0), (1, 8, 1), (6, 8, 1), (7, 8, 2), (64, 8, 9), (65, 8, 10), (128, 8, 18),
        (64, 1, 2), (54, 1, 1), (55, 1, 2),
    ],
)  # fmt: skip
def test_axons_take_whole_words(weights: int, bits: int, words: int) -> None:
    """6·8 + 10 = 58 bits fit one word of 64 and 7·8 + 10 = 66 don't; 64·8 + 10 = 522 need nine."""
    assert axon_bits(weights, bits) == 64 * words


def test_digits_network_by_hand() -> None:
    """64 units read 64 inputs and 10 outputs (nine words each); 10 units read 64 (10·8 + 10 bits: two words)."""
    placed = core_map((64, 64, 10))
    assert placed.layers == (
        LayerCores(1, 64, 64, 1, in_axons=2 * 74, out_axons=64, core_bits=74 * 576, total_bits=74 * 576),
        LayerCores(2, 10, 10, 1, in_axons=2 * 64, out_axons=10, core_bits=64 * 128, total_bits=64 * 128),
    )
    assert (placed.cores, placed.chips, placed.synapse_bits) == (2, 1, 74 * 576 + 64 * 128)


def test_inference_stores_couplings_once_and_takes_one_slot() -> None:
    hidden, output = core_map((64, 64, 10), learning=False, both_ways=False).layers
    assert (hidden.in_axons, hidden.total_bits, hidden.out_axons) == (64, 64 * 576, 64)
    assert (output.in_axons, output.total_bits, output.out_axons) == (64, 64 * 128, 0)


def test_memory_splits_a_layer() -> None:
    """794 senders leave 1320.6 bits, so 20 words, each: two blocks of 64 (18 words), and 14 more (14·8 + 10 = 122)."""
    hidden, output = core_map((784, 256, 10)).layers
    assert (hidden.units_per_core, hidden.cores) == (128 + 14, 2)
    assert hidden.core_bits == 794 * 20 * 64
    assert hidden.total_bits == 794 * (20 + 9 + 7) * 64  # 114 are left: 64 in 9 words and 50 in 7 (410 bits)
    assert output.out_axons == 10 * 2  # each output unit reaches both cores of the hidden layer


def test_compartments_split_a_layer() -> None:
    assert [layer.cores for layer in core_map((10, 1025), learning=False).layers] == [2]
    assert [layer.cores for layer in core_map((10, 1024), learning=False).layers] == [1]


def test_output_axons_split_a_layer() -> None:
    """1024 senders to 5 cores are 5120 axons; 819 to 5 are 4095."""
    first, second = core_map((10, 1024, 5000), learning=False, both_ways=False).layers
    assert second.cores == -(-5000 // second.units_per_core)
    assert first.units_per_core == 4096 // second.cores
    assert first.out_axons == first.units_per_core * second.cores <= 4096


def test_too_many_input_axons_are_refused() -> None:
    assert core_map((2048, 10)).layers[0].in_axons == 4096
    with pytest.raises(BadInput, match=r"layer 1.*4098 input axon slots.*2049 senders, two slots each.*4096"):
        core_map((2049, 10))
    assert core_map((4096, 10), learning=False).layers[0].in_axons == 4096
    with pytest.raises(BadInput, match=r"layer 2.*4097 input axon slots"):
        core_map((10, 4097, 10), learning=False)


def test_too_many_cores_are_refused() -> None:
    sizes = (10, 128 * 1024)
    assert core_map(sizes).cores == 128
    with pytest.raises(BadInput, match=r"129 cores.*128 on 1 chip\(s\); 2 would do"):
        core_map((10, 128 * 1024 + 1))
    assert core_map((10, 128 * 1024 + 1), chips=2).chips == 2


def test_too_many_output_axons_of_one_unit_are_refused() -> None:
    with pytest.raises(BadInput, match=r"layer 1.*4097 output axons of one unit.*4096"):
        core_map((10, 5, 4096 * 1024 + 1), both_ways=False, chips=40)


@pytest.mark.parametrize("sizes", [(10,), (10, 0), ()])
def test_networks_without_layers_are_refused(sizes: tuple[int, ...]) -> None:
    with pytest.raises(BadInput, match="sizes"):
        core_map(sizes)


@pytest.mark.parametrize("bits", [0, 7, 9])
def test_widths_the_chip_has_not_are_refused(bits: int) -> None:
    with pytest.raises(BadInput, match="1, 2, 3, 4, 5, 6, 8"):
        core_map((2, 2), bits)
