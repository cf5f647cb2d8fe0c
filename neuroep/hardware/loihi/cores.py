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
from neuroep.hardware.loihi.neurons import WEIGHT_WIDTHS
from neuroep.hardware.programming import check_whole

_BLOCK, _WORD, _HEADER = 64, 64, 4 + 6


class Limits(NamedTuple):
    """What a chip and each of its cores hold; by default Loihi's.

    Attributes
    ----------
    compartments : int
        Units of a core.
    axons : int
        Input axon slots of a core, and as many output axons.
    synapse_bits : int
        Synapse memory of a core in bits.
    cores : int
        Cores of a chip.
    """

    compartments: int = 1024
    axons: int = 4096
    synapse_bits: int = 1 << 20
    cores: int = 128


LOIHI = Limits()


class LayerCores(NamedTuple):
    """What one layer takes.

    Attributes
    ----------
    layer : int
        1..L.
    units, units_per_core, cores : int
        The last core has what is left.
    in_axons : int
        Input axon slots of each of its cores.
    out_axons : int
        Output axons of a full core.
    core_bits : int
        Synapse memory of a full core in bits.
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
    limits : Limits
        What the cores hold.
    """

    layers: tuple[LayerCores, ...]
    weight_bits: int
    limits: Limits = LOIHI

    @property
    def cores(self) -> int:
        """Number of cores."""
        return sum(layer.cores for layer in self.layers)

    @property
    def chips(self) -> int:
        """Number of chips."""
        return -(-self.cores // self.limits.cores)

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
    sizes: Sequence[int],
    weight_bits: int = 8,
    *,
    learning: bool = True,
    both_ways: bool = True,
    dynamical: int | None = None,
    chips: int = 1,
    limits: Limits = LOIHI,
    name: str = "Loihi",
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
    dynamical : int, optional
        Last dynamical layer: L, or L − 1 under a read-out, to which nothing is sent back.
    chips : int
        Chips at hand.
    limits : Limits
        What a chip and its cores hold.
    name : str
        What errors call the chip.

    Raises
    ------
    BadInput
        If it doesn't fit: what is full, where, and what the limit is.
    """
    _check(sizes, weight_bits, chips)
    top = (len(sizes) - 1 if dynamical is None else dynamical) if both_ways else 0
    packing = _Packing(tuple(sizes), top, limits, name)
    fan_in = [packing.senders(k) for k in range(1, len(sizes))]
    slots = [(2 if learning else 1) * axons for axons in fan_in]
    for k, used in enumerate(slots, start=1):
        if used > limits.axons:
            raise BadInput(
                f"{used} input axon slots on every core ({fan_in[k - 1]} senders{', two slots each' * learning})",
                f"{name}, layer {k}",
                f"{limits.axons} a core",
            )
    per_core = [packing.units_by_memory(k, weight_bits) for k in range(1, len(sizes))]
    per_core = packing.split_by_outputs(per_core)
    layers = tuple(packing.layer(k, per_core, slots[k - 1], weight_bits) for k in range(1, len(sizes)))
    placed = CoreMap(layers, weight_bits, limits)
    if placed.chips > chips:
        raise BadInput(
            f"{placed.cores} cores", name, f"{limits.cores * chips} on {chips} chip(s); {placed.chips} would do"
        )
    return placed


def _check(sizes: Sequence[int], weight_bits: int, chips: int) -> None:
    if len(sizes) < 2 or min(sizes) < 1:
        raise BadInput(f"{tuple(sizes)}", "sizes", "an input and at least one more layer, each with units")
    if weight_bits not in WEIGHT_WIDTHS[1:]:
        raise BadInput(f"{weight_bits!r} bits", "weight_bits", ", ".join(map(str, WEIGHT_WIDTHS[1:])))
    check_whole(chips, 1, 1 << 14, "chips")


class _Packing(NamedTuple):
    """A network to be placed; layers 2..top send downwards too."""

    sizes: tuple[int, ...]
    top: int
    limits: Limits
    name: str

    def senders(self, k: int) -> int:
        """Units that layer k reads."""
        return self.sizes[k - 1] + (self.sizes[k + 1] if k + 1 <= self.top else 0)

    def units_by_memory(self, k: int, weight_bits: int) -> int:
        """Most units of layer k that a core's compartments and synapse memory hold."""
        most = min(self.sizes[k], self.limits.compartments)
        while most and self.senders(k) * axon_bits(most, weight_bits) > self.limits.synapse_bits:
            most -= 1
        if not most:
            needed = self.senders(k) * axon_bits(1, weight_bits)
            allowed = f"{self.limits.synapse_bits} a core"
            raise BadInput(f"{needed} bits of synapse memory for one unit", f"{self.name}, layer {k}", allowed)
        return most

    def reach(self, k: int, per_core: Sequence[int]) -> int:
        """Cores that a unit of layer k sends its spikes to: one output axon each."""
        targets = [k + 1] if k + 1 < len(self.sizes) else []
        if 1 < k <= self.top:
            targets.append(k - 1)
        return sum(-(-self.sizes[t] // per_core[t - 1]) for t in targets)

    def split_by_outputs(self, per_core: list[int]) -> list[int]:
        """Spread layers over more cores until no core has too many output axons; each split can ask for another."""
        before: list[int] = []
        while before != per_core:
            before = list(per_core)
            for k in range(1, len(self.sizes)):
                reach, most = self.reach(k, per_core), self.limits.axons
                if reach > most:
                    raise BadInput(f"{reach} output axons of one unit", f"{self.name}, layer {k}", f"{most} a core")
                per_core[k - 1] = min(per_core[k - 1], most // max(reach, 1))
        return before

    def layer(self, k: int, per_core: Sequence[int], slots: int, weight_bits: int) -> LayerCores:
        """What layer k takes with that many units on a core."""
        units, each, axons = self.sizes[k], per_core[k - 1], self.senders(k)
        full, left = divmod(units, each)
        core = axons * axon_bits(each, weight_bits)
        total = full * core + axons * axon_bits(left, weight_bits)
        return LayerCores(k, units, each, full + (left > 0), slots, each * self.reach(k, per_core), core, total)
