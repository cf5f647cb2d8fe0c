"""The columns of a pulse file: which hold what.

A column is known by its name (`pulse_words`), by its unit, or because it was asked for. Without a header, cells tell:
words for directions, whole numbers that count pulses, and one more column of numbers. Where more than one reading
fits, none is taken: the error says how to ask for one.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from neuroep.errors import BadInput
from neuroep.hardware.fitting.pulse_apart import Measured, is_itself, of_devices, whose
from neuroep.hardware.fitting.pulse_asked import PLAIN, Asked, places_of, taken
from neuroep.hardware.fitting.pulse_words import (
    MEASURED,
    Named,
    Unit,
    asked_unit,
    named,
    role_of,
    unit_of,
    way_in,
    way_of,
)
from neuroep.tabular.sheet import Row, Sheet, is_number

COLUMNS = ("pulse", "direction", "conductance_uS", "device", "cycle")
SURELY_SIEMENS = 1e-4
"""Numbers below it are siemens: in any smaller unit no array could read such cells."""


class Columns(NamedTuple):
    """What a table's columns hold.

    Attributes
    ----------
    names : tuple of str
        As the file has them; numbers from 1 without a header.
    places : dict
        Of the columns with a meaning, by it; −1 for pulses counted by rows.
    measured : tuple of Measured
    read_factor : float
        From the unit of a column of read voltages to volts.
    """

    names: tuple[str, ...]
    places: dict[str, int]
    measured: tuple[Measured, ...]
    read_factor: float = 1.0

    @property
    def others(self) -> tuple[int, ...]:
        """Places of those without a meaning."""
        known = {*self.places.values(), *(one.place for one in self.measured)}
        return tuple(k for k, name in enumerate(self.names) if name and k not in known)

    @property
    def directed(self) -> bool:
        """Whether the file says which way pulses go."""
        return "direction" in self.places or "voltage" in self.places or all(one.way for one in self.measured)


def read_columns(sheet: Sheet, asked: Asked, path: object) -> Columns:
    """Return what the columns of a table hold.

    Raises
    ------
    BadInput
        If pulse or conductance is missing, a column is there twice, the unit isn't clear, or what was asked for isn't
        there or has no effect.
    """
    where = f"{path}: header" if sheet.header else str(path)
    names = sheet.header or tuple(str(k + 1) for k in range(sheet.width))
    said = {what: places_of(text, names, what) for what, text in asked.columns.items()}
    places = {what: found[0] for what, found in said.items() if what in PLAIN}
    if sheet.header:
        cells = [named(name) for name in names]
        places |= _by_name(cells, sheet.rows, {*said, *MEASURED}, taken(said), where)
        measured = _measured(names, cells, said, taken(said) | set(places.values()), where)
        _present(names, places, measured, where)
    else:
        cells = [Named("", None)] * sheet.width
        places, chosen = _by_content(sheet, places, said, where)
        measured = [Measured(place) for place in chosen]
    measured = [
        one._replace(unit=_unit(names[one.place], cells[one.place], sheet, one.place, asked.unit, where))
        for one in measured
    ]
    volts = cells[places["read_voltage"]].unit if "read_voltage" in places else None
    found = Columns(names, places, tuple(measured), 1.0 if volts is None else volts.factor)
    _check_voltage(found, asked, where)
    return _without_idle_voltages(found, sheet)


def _by_name(cells: Sequence[Named], rows: Sequence[Row], done: set[str], used: set[int], where: str) -> dict[str, int]:
    """Return the columns known by their names; vague names only where all cells are words for directions."""
    found: dict[str, list[tuple[int, int]]] = {}
    for place, cell in enumerate(cells):
        role, tier = role_of(cell.words)
        if cell.unit is not None and cell.unit.quantity == "voltage" and role != "read_voltage":
            role, tier = ("voltage", tier) if role in ("voltage", "pulse") else ("", 0)
        vague = role == "direction" and tier == 2 and not _all_ways(rows, place)
        if role and role not in done and place not in used and not vague:
            found.setdefault(role, []).append((tier, place))
    places = {}
    for role, several in found.items():
        best, place = min(several)
        if any(tier == best and any(row.cells[k] != row.cells[place] for row in rows) for tier, k in several):
            raise BadInput(f"two columns for the same, {role!r}", where, f"each column once, or --columns {role}=NAME")
        places[role] = place
    return places


def _all_ways(rows: Sequence[Row], place: int) -> bool:
    ways = {way_of(cell) for cell in {row.cells[place] for row in rows}}
    return None not in ways and ways != {0}


def _measured(
    names: Sequence[str],
    cells: Sequence[Named],
    said: Mapping[str, list[int]],
    done: set[int],
    where: str,
) -> list[Measured]:
    """Return the measured columns."""
    for quantity in MEASURED:
        if quantity in said:
            return whose(cells, said[quantity], where)
    free = [k for k in range(len(names)) if k not in done]
    for quantity in MEASURED:
        known = sorted((role_of(cells[k].words)[1], k) for k in free if role_of(cells[k].words)[0] == quantity)
        if len(known) > 1 and known[0][0] == known[1][0]:
            raise BadInput(f"two columns for the same, {quantity!r}", where, "each column once, one of conductance")
        if known:
            return [Measured(known[0][1])]
    for quantity in MEASURED:
        alike = [k for k in free if (unit := cells[k].unit) is not None and unit.quantity == quantity]
        if alike and not any(is_itself(cells[k]) for k in alike):
            what = f"{names[alike[0]]!r} isn't a {quantity} itself"
            raise BadInput(what, where, f"plain values, or --columns {quantity}=NAME")
        if found := of_devices(cells, [k for k in alike if is_itself(cells[k])]):
            return whose(cells, found, where)
    by_side = [k for k in free if _is_side(cells[k])]
    return whose(cells, by_side, where) if {way_in(cells[k].words)[0] for k in by_side} == {-1, 1} else []


def _is_side(cell: Named) -> bool:
    """Whether a column without a unit is one of pulses up or down, perhaps with a number."""
    way, rest = way_in(cell.words)
    return way != 0 and (not rest or rest.isdigit())


def _present(names: Sequence[str], places: Mapping[str, int], measured: Sequence[object], where: str) -> None:
    for wanted, there in (("pulse", "pulse" in places), ("conductance_uS", bool(measured))):
        if not there:
            near = difflib.get_close_matches(wanted, names, n=1, cutoff=0.5)
            hint = f" (should {near[0]!r} be it?)" if near else ""
            option = "pulse=NAME, or =row" if wanted == "pulse" else "conductance=NAME (resistance=, current=)"
            own = ", ".join(repr(name[:40]) for name in names[:8] if name)
            allowed = f"{', '.join(COLUMNS)}; or --columns {option}, of {own}{', ...' if len(names) > 8 else ''}"
            raise BadInput(f"no column is called {wanted!r}{hint}", where, allowed)


def _by_content(
    sheet: Sheet, places: dict[str, int], said: Mapping[str, list[int]], where: str
) -> tuple[dict[str, int], list[int]]:
    """Return what columns without names hold, where one reading alone fits."""
    chosen = next((said[quantity] for quantity in MEASURED if quantity in said), [])
    free = [k for k in range(sheet.width) if k not in {*places.values(), *chosen}]
    columns = {k: [row.cells[k] for row in sheet.rows] for k in free}
    ways = [k for k in free if not all(is_number(cell, sheet.decimal) for cell in columns[k]) or _signs(columns[k])]
    if "direction" not in places and len(ways) == 1 and _all_ways(sheet.rows, ways[0]):
        places = places | {"direction": ways[0]}
        free.remove(ways[0])
    counting = [k for k in free if all(cell.isascii() and cell.isdigit() for cell in columns[k])]
    if "pulse" not in places and len(counting) == 1:
        _refuse_strides(columns[counting[0]], where)
        places = places | {"pulse": counting[0]}
        free.remove(counting[0])
    chosen = chosen or free
    if "pulse" not in places or len(chosen) != 1 or (free and chosen != free):
        what = f"no header above {sheet.width} columns, and more than one way to read them"
        raise BadInput(what, where, "--columns pulse=1,conductance=2 and so on, by number")
    return places, chosen


def _refuse_strides(cells: Sequence[str], where: str) -> None:
    """Refuse numbers without a name that rise by the same step of several: pulses, or milliseconds."""
    steps = {later - earlier for earlier, later in pairwise(map(float, cells))}
    if len(steps) == 1 and 1.0 < max(steps) < math.inf:
        what = f"no header, and a column that counts in steps of {max(steps):g}"
        raise BadInput(what, where, "--columns pulse=1,conductance=2 if these are pulses, pulse=row if each row is one")


def _signs(cells: Iterable[str]) -> bool:
    return {cell.removesuffix(".0").lstrip("+") for cell in cells} == {"1", "-1"}


def _unit(name: str, cell: Named, sheet: Sheet, place: int, unit: str | None, where: str) -> Unit:
    """Return the unit of a measured column: its own, or as asked; siemens where numbers are so small."""
    asked = None if unit is None else asked_unit(unit, "--unit")
    own, role = cell.unit, role_of(cell.words)[0]
    if own is not None and own.quantity not in MEASURED:
        own = None
    if own is not None and asked is not None and own != asked:
        raise BadInput(f"unit {unit!r}, but the column is {name!r}", where, "one unit")
    found = own or asked
    if found is None and role in ("", "conductance"):
        cells = [row.cells[place].replace(",", ".") if sheet.decimal == "," else row.cells[place] for row in sheet.rows]
        values = [float(one) for one in cells if is_number(one)]
        found = unit_of("S") if values and max(values) < SURELY_SIEMENS else None
    if found is None:
        usual = {"resistance": "kohm", "current": "uA"}.get(role, "uS")
        allowed = f"{role or 'conductance'}_{usual}, a unit in brackets, or --unit {usual}"
        raise BadInput(f"{name!r} has no unit", where, allowed)
    if role in MEASURED and role != found.quantity:
        raise BadInput(f"{name!r} in {found.name}", where, f"a unit of {role}")
    return found


def _check_voltage(columns: Columns, asked: Asked, where: str) -> None:
    current = columns.measured[0].unit.quantity == "current"
    there = asked.read_voltage is not None or "read_voltage" in columns.places
    if current and not there:
        what = f"{columns.names[columns.measured[0].place]!r} is a current, and the voltage of the reads isn't known"
        raise BadInput(what, where, "--read-voltage 0.1 (volts), or a column 'read_voltage'")
    if asked.read_voltage is not None and not current:
        raise BadInput("no currents", "--read-voltage", "left out for a file of conductances or resistances")
    if asked.read_voltage is not None and "read_voltage" in columns.places:
        raise BadInput("the file has a column for it", "--read-voltage", "left out")


def _without_idle_voltages(columns: Columns, sheet: Sheet) -> Columns:
    """Leave voltages alone that say nothing: of pulses beside directions or of one sign, of reads without currents."""
    places = dict(columns.places)
    if "voltage" in places:
        cells = {row.cells[places["voltage"]].lstrip()[:1] in ("-", "−") for row in sheet.rows}
        if "direction" in places or len(cells) == 1 or any(one.way for one in columns.measured):
            del places["voltage"]
    if columns.measured[0].unit.quantity != "current":
        places.pop("read_voltage", None)
    return columns._replace(places=places)
