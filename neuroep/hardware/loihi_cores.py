"""Where a layered network goes on Loihi: cores, axons and synapse memory of each layer, or why it doesn't fit.

Limits and packing are nengo-loihi's (its block.py and hardware/validate.py): a core has 1024 compartments, 4096 input
and 4096 output axons and 2^20 bits of synapse memory; a chip has 128 cores. The weights of an input axon are stored in
blocks of up to 64, n of them in n · weight_bits + 10 bits rounded up to whole words of 64. Learning synapses take two
slots per input axon.

A synapse works one way. EP reads every coupling between dynamical layers both ways, so it is stored twice. The clamped
input comes from outside the cores: it takes input axons of the first layer and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from neuroep.errors import BadInput
from neuroep.hardware.loihi import WEIGHT_WIDTHS
from neuroep.hardware.programming import check_whole

MAX_COMPARTMENTS = 1024
MAX_AXONS = 4096
SYNAPSE_BITS = 1 << 20
CORES_PER_CHIP = 128

_BLOCK, _WORD, _HEADER = 64, 64, 4 + 6


class LayerCores(NamedTuple):
    """What one layer takes.

    Attributes
    ----------
    layer : int
        1..L.
    units, units_per_core, cores : int
        The last core has what is left.
    in_axons : int
        Input axon slots of each of its cores, of 4096.
    out_axons : int
        Output axons of a full core, of 4096.
    core_bits : int
        Synapse memory of a full core in bits, of 2^20.
    total_bits : int
        Synapse memory of all its cores in bits.
    """

    layer: int
    units: int
    units_per_core: int
    cores: int
    in_axons: int
    out_axons: int
    core_bits: int
    total_bits: int


@dataclass(frozen=True, slots=True)
class CoreMap:
    """A network on cores.

    Attributes
    ----------
    layers : tuple of LayerCores
        Layers 1..L.
    weight_bits : int
        Bits of a stored weight.
    """

    layers: tuple[LayerCores, ...]
    weight_bits: int

    @property
    def cores(self) -> int:
        """Number of cores."""
        return sum(layer.cores for layer in self.layers)

    @property
    def chips(self) -> int:
        """Number of chips."""
        return -(-self.cores // CORES_PER_CHIP)

    @property
    def synapse_bits(self) -> int:
        """Synapse memory in bits."""
        return sum(layer.total_bits for layer in self.layers)


def axon_bits(weights: int, weight_bits: int) -> int:
    """Return the synapse memory, in bits, of an input axon with that many weights."""
    full, left = divmod(weights, _BLOCK)
    return sum(
        -(-(n * weight_bits + _HEADER) // _WORD) * _WORD * times for n, times in ((_BLOCK, full), (left, 1)) if n
    )


def core_map(
    sizes: Sequence[int], weight_bits: int = 8, *, learning: bool = True, both_ways: bool = True, chips: int = 1
) -> CoreMap:
    """Place a layered network with the fewest cores that this packing needs, no core shared by two layers.

    Parameters
    ----------
    sizes : sequence of int
        Units per layer, (n_0, ..., n_L); layer 0 is the clamped input.
    weight_bits : int
        1 to 6 or 8.
    learning : bool
        Whether the synapses learn.
    both_ways : bool
        Whether couplings between dynamical layers are stored downwards too, as EP needs; False for inference.
    chips : int
        Chips at hand.

    Raises
    ------
    BadInput
        If it doesn't fit: what is full, where, and what the limit is.
    """
    _check(sizes, weight_bits, chips)
    fan_in = [sizes[k - 1] + (_size(sizes, k + 1) if both_ways else 0) for k in range(1, len(sizes))]
    slots = [(2 if learning else 1) * axons for axons in fan_in]
    for k, used in enumerate(slots, start=1):
        if used > MAX_AXONS:
            raise BadInput(
                f"{used} input axon slots on every core ({fan_in[k - 1]} senders{', two slots each' * learning})",
                f"Loihi, layer {k}",
                f"{MAX_AXONS} a core",
            )
    per_core = [_units_by_memory(n, axons, weight_bits) for n, axons in zip(sizes[1:], fan_in, strict=True)]
    per_core = _split_by_outputs(sizes, per_core, both_ways)
    placed = CoreMap(
        tuple(
            _layer(k, sizes, per_core, fan_in[k - 1], slots[k - 1], weight_bits, both_ways)
            for k in range(1, len(sizes))
        ),
        weight_bits,
    )
    if placed.chips > chips:
        raise BadInput(
            f"{placed.cores} cores", "Loihi", f"{CORES_PER_CHIP * chips} on {chips} chip(s); {placed.chips} would do"
        )
    return placed


def _check(sizes: Sequence[int], weight_bits: int, chips: int) -> None:
    if len(sizes) < 2 or min(sizes) < 1:
        raise BadInput(f"{tuple(sizes)}", "sizes", "an input and at least one more layer, each with units")
    if weight_bits not in WEIGHT_WIDTHS[1:]:
        raise BadInput(f"{weight_bits!r} bits", "weight_bits", ", ".join(map(str, WEIGHT_WIDTHS[1:])))
    check_whole(chips, 1, 1 << 14, "chips")


def _size(sizes: Sequence[int], k: int) -> int:
    """Units of layer k, 0 beyond the last."""
    return sizes[k] if k < len(sizes) else 0


def _units_by_memory(units: int, axons: int, weight_bits: int) -> int:
    """Most units of a layer that one core's compartments and synapse memory hold; with 4096 axons at least one."""
    most = min(units, MAX_COMPARTMENTS)
    while axons * axon_bits(most, weight_bits) > SYNAPSE_BITS:
        most -= 1
    return most


def _outputs(sizes: Sequence[int], per_core: Sequence[int], k: int, both_ways: bool) -> int:
    """Cores that a unit of layer k sends its spikes to: one output axon each."""
    targets = [k + 1] if k + 1 < len(sizes) else []
    if both_ways and k > 1:
        targets.append(k - 1)
    return sum(-(-sizes[t] // per_core[t - 1]) for t in targets)


def _split_by_outputs(sizes: Sequence[int], per_core: list[int], both_ways: bool) -> list[int]:
    """Spread layers over more cores until no core has too many output axons; each split can ask for another."""
    before: list[int] = []
    while before != per_core:
        before = list(per_core)
        for k in range(1, len(sizes)):
            reach = _outputs(sizes, per_core, k, both_ways)
            if reach > MAX_AXONS:
                raise BadInput(f"{reach} output axons of one unit", f"Loihi, layer {k}", f"{MAX_AXONS} a core")
            per_core[k - 1] = min(per_core[k - 1], MAX_AXONS // max(reach, 1))
    return before


def _layer(
    k: int, sizes: Sequence[int], per_core: Sequence[int], axons: int, slots: int, weight_bits: int, both_ways: bool
) -> LayerCores:
    units, each = sizes[k], per_core[k - 1]
    full, left = divmod(units, each)
    core = axons * axon_bits(each, weight_bits)
    total = full * core + axons * axon_bits(left, weight_bits)
    outputs = each * _outputs(sizes, per_core, k, both_ways)
    return LayerCores(k, units, each, full + (left > 0), slots, outputs, core, total)
