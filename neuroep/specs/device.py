"""Device files: one published device, every number with its unit and source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from neuroep.errors import BadInput
from neuroep.prices import PRICED_EVENTS, Prices
from neuroep.quantities import Band, Quantity
from neuroep.specs.chip import RULE_KEY, build_chip, chip_numbers
from neuroep.specs.crossbar import TABLES, build_crossbar, crossbar_numbers, words
from neuroep.specs.numbers import (
    ENERGY_RULE,
    RULES,
    STATIC_RULE,
    SYNAPSE_CHOICES,
    TIME_RULE,
    checked_numbers,
    checked_quantity,
    synapse_numbers,
)
from neuroep.specs.reading import at, convert, name_of, read_toml

if TYPE_CHECKING:
    from neuroep.hardware.device import Device
    from neuroep.hardware.loihi.chip import LearningChip
    from neuroep.hardware.loihi.cores import CoreMap
    from neuroep.network import Network

Kind = Literal["ideal", "quantized", "crossbar", "cost-only"]
#: Kinds without a model of what hardware does to a weight; all others are trained on.
PRICED = ("ideal", "cost-only")


class DeviceTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of a device file."""

    summary: Annotated[str, Meta(min_length=1)]
    kind: Kind
    citation: list[str] = []
    notes: list[str] = []
    caveats: list[str] = []
    synapse: dict[str, Any] | None = None
    crossbar: dict[str, Any] | None = None
    cell: dict[str, Any] | None = None
    spread: dict[str, Any] | None = None
    periphery: dict[str, Any] | None = None
    wires: dict[str, Any] | None = None
    chip: dict[str, Any] | None = None
    energy: dict[str, Any] = {}
    time: dict[str, Any] = {}
    static: dict[str, Any] | None = None

    @property
    def crossbar_tables(self) -> dict[str, dict[str, Any]]:
        """The tables of a crossbar that are there, by name."""
        return {name: getattr(self, name) for name in TABLES if getattr(self, name) is not None}


@dataclass(frozen=True, slots=True)
class DeviceSpec:
    """A validated device file.

    Attributes
    ----------
    name : str
        The file's name without its ending.
    path : Path
        The file.
    table : DeviceTable
        Its contents as written.
    numbers : dict of str to Quantity
        Every number by its key path, e.g. ``"energy.synop"``; slopes worked out from published
        nonlinearity labels are among them, tagged "derived".
    """

    name: str
    path: Path
    table: DeviceTable
    numbers: Mapping[str, Quantity] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """One line on what the device is."""
        return self.table.summary

    @property
    def kind(self) -> Kind:
        """ideal, quantized, crossbar, or cost-only: prices without a model of its weights."""
        return self.table.kind

    @property
    def is_hardware(self) -> bool:
        """Whether it models what hardware does to a weight, so that trainings run on it."""
        return self.kind not in PRICED

    @property
    def citation(self) -> tuple[str, ...]:
        """Publications the numbers come from."""
        return tuple(self.table.citation)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know of the device."""
        return tuple(self.table.notes)

    @property
    def caveats(self) -> tuple[str, ...]:
        """What the prices don't count."""
        return tuple(self.table.caveats)

    def quantities(self) -> list[tuple[str, Quantity]]:
        """Return every number with its key path, in the order of the file."""
        return list(self.numbers.items())

    def words(self) -> dict[str, str]:
        """Return what keys that take a word say, by key path; of a crossbar with defaults filled in."""
        given = self.table.synapse or {}
        synapse = {f"synapse.{key}": given[key] for key in ("rounding", *SYNAPSE_CHOICES) if key in given}
        return synapse | words(self.table.crossbar_tables, self.path)

    def prices(self) -> Prices:
        """Return the prices of events in joules and seconds, and the static power in watts."""
        return Prices(
            {event: self.numbers[f"energy.{event}"].si("energy") for event in self.table.energy},
            {event: self.numbers[f"time.{event}"].si("time") for event in self.table.time},
            self.numbers["static"].si("power") if self.table.static is not None else Band.exact(0.0),
        )

    def chip(self) -> LearningChip | None:
        """Return the chip's cores and learning rule, or None for a profile that doesn't say."""
        return build_chip(self.name, self.table.chip[RULE_KEY], self.numbers) if self.table.chip is not None else None

    def core_map(self, network: Network) -> CoreMap | None:
        """Return where a network goes on the chip, or None without one.

        Raises
        ------
        BadInput
            If it doesn't fit: the layer, what is full, what is allowed.
        """
        chip = self.chip()
        return None if chip is None else chip.place(network, int(self._number("synapse.weight_bits")))

    def build(self) -> Device | None:
        """Return the hardware model, or None for a profile that only has prices.

        Raises
        ------
        BadInput
            If the hardware model refuses the numbers.
        """
        try:
            return self._build()
        except BadInput as error:
            raise BadInput(str(error), str(self.path)) from error

    def _build(self) -> Device | None:
        if self.kind == "quantized":
            from neuroep.hardware.loihi.synapse import QuantizedSynapse

            table = self.table.synapse or {}
            return QuantizedSynapse(
                name=self.name,
                weight_bits=int(self._number("synapse.weight_bits")),
                rounding=table["rounding"],
                headroom=self._number("synapse.headroom"),
                min_exponent=int(self._number("synapse.min_exponent")),
                max_exponent=int(self._number("synapse.max_exponent")),
                trace_bits=int(self._number("synapse.trace_bits")) if "trace_bits" in table else 0,
                chip=self.chip(),
                **{key: table[key] for key in SYNAPSE_CHOICES if key in table},
            )
        if self.kind == "crossbar":
            return build_crossbar(self.name, self.table.crossbar_tables, self.numbers, self.path)
        if self.kind == "ideal":
            from neuroep.hardware.device import Ideal

            return Ideal(name=self.name)
        if self.kind == "cost-only":
            return None
        raise BadInput(f"nothing builds a device of kind {self.kind!r}", "kind", ", ".join(get_args(Kind)))

    def _number(self, key: str) -> float:
        return self.numbers[key].si(RULES[key].dimension).value


def read_device(path: str | Path) -> DeviceSpec:
    """Read and validate a device file.

    Parameters
    ----------
    path : str or Path
        A TOML file.

    Returns
    -------
    DeviceSpec
        Every number in it has been checked for unit and range, and the hardware model built once.

    Raises
    ------
    BadInput
        With file and key path, what is allowed and the nearest right name.
    """
    path = Path(path)
    name = name_of(path)
    table = convert(read_toml(path), DeviceTable, path)
    _check_tables(table, path)
    numbers: dict[str, Quantity] = {}
    if table.synapse is not None:
        numbers |= synapse_numbers(table.synapse, path)
    if table.crossbar is not None:
        numbers |= crossbar_numbers(table.crossbar_tables, path)
    if table.chip is not None:
        numbers |= chip_numbers(table.chip, path)
    numbers |= checked_numbers(table.energy, dict.fromkeys(PRICED_EVENTS, ENERGY_RULE), path, "energy")
    numbers |= checked_numbers(table.time, dict.fromkeys(PRICED_EVENTS, TIME_RULE), path, "time")
    if table.static is not None:
        numbers["static"] = checked_quantity(table.static, STATIC_RULE, path, "static")
    spec = DeviceSpec(name, path, table, numbers)
    spec.build()
    return spec


def _check_tables(table: DeviceTable, path: Path) -> None:
    needed: dict[str, tuple[str, ...]] = {"quantized": ("synapse",), "crossbar": ("crossbar", "cell")}
    allowed = {"quantized": ("synapse",), "crossbar": TABLES}.get(table.kind, ())
    for name in ("synapse", *TABLES):
        present = getattr(table, name) is not None
        if present and name not in allowed:
            listed = ", ".join(f"[{other}]" for other in allowed) or "none"
            raise BadInput(f"kind {table.kind!r} has no such table", at(path, name), listed)
        if not present and name in needed.get(table.kind, ()):
            raise BadInput(f"kind {table.kind!r} needs the table [{name}]", at(path, "kind"))
    for group in (table.energy, table.time):
        if "pulse" in group and {"pulse_up", "pulse_down"} & group.keys():
            raise BadInput("prices of 'pulse' and of one direction", at(path, "pulse"), "one of the two")
    if table.chip is not None and table.kind != "quantized":
        raise BadInput(f"kind {table.kind!r} has no such table", at(path, "chip"), "kind 'quantized'")
