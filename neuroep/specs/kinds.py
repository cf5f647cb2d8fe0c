"""Every kind of device file, by name: a new one is a module with a :class:`~neuroep.specs.kind.Kind`, and a name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from neuroep.specs.crossbar import CROSSBAR
from neuroep.specs.kind import Kind, Numbers, Tables
from neuroep.specs.quantized import QUANTIZED
from neuroep.specs.relaxation import NODES, relaxation_numbers
from neuroep.specs.relaxation import TABLE as RELAXATION

if TYPE_CHECKING:
    from neuroep.hardware.device import Device


def _build_ideal(name: str, tables: Tables, numbers: Numbers, path: Path) -> Device:
    from neuroep.hardware.device import Ideal

    return Ideal(name=name)


IDEAL = Kind(name="ideal", is_hardware=False, build=_build_ideal)
COST_ONLY = Kind(
    name="cost-only", is_hardware=False, tables=(RELAXATION,),
    numbers=lambda tables, path: relaxation_numbers(tables, NODES, path),
)  # fmt: skip
KINDS: dict[str, Kind] = {kind.name: kind for kind in (IDEAL, QUANTIZED, CROSSBAR, COST_ONLY)}


def tables_of(kinds: Mapping[str, Kind]) -> dict[str, list[str]]:
    """Return the kinds that have a table, by the table's name."""
    found: dict[str, list[str]] = {}
    for kind in kinds.values():
        for table in kind.tables:
            found.setdefault(table, []).append(kind.name)
    return found
