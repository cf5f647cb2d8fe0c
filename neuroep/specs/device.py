"""Device files: one published device, every number with its unit and source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from neuroep import checks
from neuroep.cost.area import Area, area_of
from neuroep.errors import BadInput, UnknownName
from neuroep.ledger import Event, Ledger
from neuroep.prices import PRICED_EVENTS, SAME_WORK, Prices
from neuroep.quantities import Band, Quantity
from neuroep.specs.endurance import endurance_of
from neuroep.specs.kind import Kind
from neuroep.specs.kinds import KINDS, tables_of
from neuroep.specs.memory import hierarchy, memory_numbers
from neuroep.specs.numbers import (
    AREA_RULES,
    ENERGY_RULE,
    STATIC_RULE,
    SYSTEM_RULES,
    TIME_RULE,
    UTILISATION_RULE,
    checked_numbers,
    checked_quantity,
)
from neuroep.specs.reading import Table, at, convert, name_of, read_toml, refuse_unknown_keys
from neuroep.specs.relaxation import held

if TYPE_CHECKING:
    from neuroep.cost.hierarchy import Hierarchy
    from neuroep.cost.relaxation import Held
    from neuroep.hardware.device import Device
    from neuroep.hardware.loihi.chip import LearningChip, OnChip
    from neuroep.hardware.loihi.cores import CoreMap
    from neuroep.network import Network


class DeviceTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keys that every device file can have, and the tables of its kind.

    Attributes
    ----------
    summary : str
        One line on what the device is.
    kind : str
        Family of the device.
    citation : list of str
        Publications that the numbers come from.
    notes : list of str
        What a reader should know of the device.
    caveats : list of str
        What the prices don't count.
    companion : str, optional
        A profile that only prices, by name or path: its prices stand in for digital work that has none here.
    energy, time : dict
        Prices of single events: ``[energy.EVENT]``, ``[time.EVENT]``.
    static : dict, optional
        Power drawn all the time.
    utilisation : dict, optional
        Share of the peak rate that small networks reach.
    area : dict
        Of parts, or of the whole chip.
    system : dict
        What was measured of a whole chip; charged to nobody.
    memory : dict
        Memories that reads are served from, from the nearest to the outermost: ``[memory.LEVEL]``.
    tables : dict
        Tables of its kind.
    """

    summary: Annotated[str, Meta(min_length=1)]
    kind: str
    citation: list[str] = []
    notes: list[str] = []
    caveats: list[str] = []
    companion: Annotated[str, Meta(min_length=1)] | None = None
    energy: dict[str, Any] = {}
    time: dict[str, Any] = {}
    static: dict[str, Any] | None = None
    utilisation: dict[str, Any] | None = None
    area: dict[str, Any] = {}
    system: dict[str, Any] = {}
    memory: dict[str, Any] = {}
    tables: dict[str, dict[str, Any]] = {}


COMMON = tuple(name for name in DeviceTable.__struct_fields__ if name != "tables")


@dataclass(frozen=True, slots=True, repr=False)
class DeviceSpec:
    """A validated device file.

    Attributes
    ----------
    name : str
        The file's name without its ending.
    path : Path
        The file.
    table : DeviceTable
        Its contents as written; all else is read from there. :meth:`changed` gives other numbers.
    companion : DeviceSpec or None
        The digital profile that the file names, whose prices stand in for digital work without one here; put there by
        :func:`neuroep.specs.catalogue.load_device`.
    """

    name: str
    path: Path
    table: DeviceTable
    companion: DeviceSpec | None = None

    def __repr__(self) -> str:
        return f"<DeviceSpec {self.name}, {self.kind}: {self.summary}>"

    @property
    def numbers(self) -> Mapping[str, Quantity]:
        """Every number by its key path, such as ``"energy.synop"``; slopes from published labels are "derived"."""
        return MappingProxyType(_numbers(self.table, self.path))

    @property
    def summary(self) -> str:
        """One line on what the device is."""
        return self.table.summary

    @property
    def kind(self) -> str:
        """Name of its kind: ideal, quantized, crossbar, or cost-only, prices without a model of its weights."""
        return self.table.kind

    @property
    def is_hardware(self) -> bool:
        """Whether it models what hardware does to a weight, so that trainings run on it."""
        return self._kind.is_hardware

    @property
    def _kind(self) -> Kind:
        try:
            return KINDS[self.kind]
        except KeyError:
            raise BadInput(f"nothing builds a device of kind {self.kind!r}", "kind", ", ".join(KINDS)) from None

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
        return dict(self._kind.words(self.table.tables, self.path))

    def as_written(self) -> dict[str, Any]:
        """Return the file's contents as plain data, and a companion's under its key."""
        beside = None if self.companion is None else self.companion.as_written()
        return _plain(self.table) | {"companion": beside}

    def changed(self, values: dict[str, float], source: str) -> DeviceSpec:
        """Return the device with other numbers, in its contents as written too, so that a run's folder tells them.

        Parameters
        ----------
        values : dict of str to float
            By key path, in the file's units; bands go.
        source : str
            Where they come from. They are tagged "estimate".

        Raises
        ------
        BadInput
            If the file has no such number, or the device can't be built with it.
        """
        raw = _plain(self.table)
        for key, value in checks.instance(values, dict, "values").items():
            old = _number_at(raw, checks.text(key, "values"), self.numbers)
            unit = old["unit"]
            old.clear()
            old |= {"value": checks.number(value, f"values: {key}"), "unit": unit, "source": source, "tag": "estimate"}
        return replace(device_from(raw, self.name, self.path), companion=self.companion)

    def prices(self) -> Prices:
        """Return the prices of events in joules and seconds, a companion's among them, and the static power."""
        own = self.own_prices()
        return own if self.companion is None else own.beside(self.companion.own_prices())

    def own_prices(self) -> Prices:
        """Return the prices that the file itself has."""
        numbers = self.numbers
        return Prices(
            {event: numbers[f"energy.{event}"].si("energy") for event in self.table.energy},
            {event: numbers[f"time.{event}"].si("time") for event in self.table.time},
            numbers["static"].si("power") if self.table.static is not None else Band.exact(0.0),
            self._kind.converters,
        )

    @property
    def utilisation(self) -> Band | None:
        """Share of the peak rate, which the prices are at, that small networks reach, or None where it isn't said."""
        found = self.numbers.get("utilisation")
        return None if found is None else found.si("number")

    def area(self, network: Network) -> tuple[Area, ...]:
        """Return the area that a network takes, of the parts that the profile has a figure for."""
        placed = self.core_map(network)
        areas = {part: self.numbers[f"area.{part}"].si("area") for part in self.table.area}
        return area_of(network, areas, 1 if placed is None else placed.chips)

    def memory(self) -> Hierarchy | None:
        """Return the memories that reads are served from, or None for a profile that doesn't say."""
        return hierarchy(self.table.memory, self.numbers)

    def endurance(self) -> dict[str, Band]:
        """Return what a cell outlives, by measure (``cycles``, ``pulses``); nothing for a profile that doesn't say."""
        return endurance_of(self.numbers)

    def held(self) -> Held | None:
        """Return how lines are held while a network settles as one circuit, or None for a profile that doesn't say."""
        return held(self.numbers)

    def chip(self) -> LearningChip | None:
        """Return the chip's cores and learning rule, or None for a profile that doesn't say."""
        device = self._on_chip()
        return None if device is None else device.chip

    def core_map(self, network: Network) -> CoreMap | None:
        """Return where a network goes on the chip, or None without one.

        Raises
        ------
        BadInput
            If it doesn't fit: the layer, what is full, what is allowed.
        """
        device = self._on_chip()
        return None if device is None else device.place(network)

    def counted(self, network: Network, ledger: Ledger) -> Ledger:
        """Return what a run of a network counts as on this device: with the messages of its spikes if it has cores.

        Raises
        ------
        BadInput
            If the network doesn't fit on the chip.
        """
        placed = self.core_map(network) if ledger.counts[:, Event.SPIKE].any() else None
        if placed is None:
            return ledger
        from neuroep.hardware.loihi.messages import with_messages

        return with_messages(ledger, placed, network)

    def _on_chip(self) -> OnChip | None:
        from neuroep.hardware.loihi.chip import OnChip

        device = self.build()
        return device if isinstance(device, OnChip) else None

    def build(self) -> Device | None:
        """Return the hardware model, or None for a profile that only has prices.

        Raises
        ------
        BadInput
            If the hardware model refuses the numbers.
        """
        kind, numbers = self._kind, self.numbers
        try:
            return kind.build(self.name, self.table.tables, numbers, self.path)
        except BadInput as error:
            raise BadInput(str(error), str(self.path)) from error


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
    return device_from(read_toml(path), name, path)


def device_from(raw: Table, name: str, path: Path) -> DeviceSpec:
    """Return the device that plain data describe, as a device file holds them; `path` is named in errors.

    Raises
    ------
    BadInput
        As :func:`read_device` does.
    """
    spec = DeviceSpec(name, path, _tables(raw, path))
    spec.build()
    return spec


def _numbers(table: DeviceTable, path: Path) -> dict[str, Quantity]:
    numbers = dict(KINDS[table.kind].numbers(table.tables, path))
    numbers |= checked_numbers(table.energy, dict.fromkeys(PRICED_EVENTS, ENERGY_RULE), path, "energy")
    numbers |= checked_numbers(table.time, dict.fromkeys(PRICED_EVENTS, TIME_RULE), path, "time")
    if table.static is not None:
        numbers["static"] = checked_quantity(table.static, STATIC_RULE, path, "static")
        if not table.time and table.companion is None:
            raise BadInput("static power without a time for which it is drawn", at(path, "static"), "[time] beside it")
    if table.utilisation is not None:
        if not (table.energy or table.time):
            raise BadInput("a utilisation without prices", at(path, "utilisation"), "[energy] or [time] beside it")
        numbers["utilisation"] = checked_quantity(table.utilisation, UTILISATION_RULE, path, "utilisation")
    numbers |= checked_numbers(table.area, AREA_RULES, path, "area")
    numbers |= checked_numbers(table.system, SYSTEM_RULES, path, "system")
    return numbers | memory_numbers(table.memory, path)


def _plain(table: DeviceTable) -> Table:
    """Return contents as a file has them: tables of the kind beside the common keys."""
    plain: Table = msgspec.to_builtins(table)
    tables: Table = plain.pop("tables")
    return plain | tables


def _number_at(raw: Table, key: str, known: Mapping[str, Quantity]) -> Table:
    """Return the table of a number by its key path."""
    found: Any = raw
    for part in key.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    if not isinstance(found, dict) or "value" not in found:
        raise UnknownName("number", key, known, "values")
    return found


def _tables(raw: Table, path: Path) -> DeviceTable:
    """Return a file's keys, its kind's own tables apart."""
    common = convert({key: value for key, value in raw.items() if key in COMMON}, DeviceTable, path)
    kind = KINDS.get(common.kind)
    if kind is None:
        raise UnknownName("kind of device", common.kind, KINDS, at(path, "kind"))
    others = {key: value for key, value in raw.items() if key not in COMMON}
    for name in others:
        if name not in kind.tables and name in tables_of(KINDS):
            listed = ", ".join(f"[{other}]" for other in kind.tables) or "none"
            others_have = " and ".join(f"kind {other!r}" for other in tables_of(KINDS)[name])
            raise BadInput(f"kind {kind.name!r} has no such table ({others_have} has)", at(path, name), listed)
    refuse_unknown_keys(others, (*COMMON, *kind.tables), path, "")
    for name in kind.needed:
        if name not in others:
            raise BadInput(f"kind {kind.name!r} needs the table [{name}]", at(path, "kind"))
    for name, group in (("energy", common.energy), ("time", common.time)):
        for one, other in SAME_WORK:
            if {one, other} <= group.keys():
                raise BadInput(f"prices of {one!r} and of {other!r}, the same work", at(path, name), "one of the two")
    tables = {name: convert(value, dict, path, name) for name, value in others.items()}
    return msgspec.structs.replace(common, tables=tables)
