"""What a kind of device file is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from neuroep.quantities import Quantity
from neuroep.specs.reading import Table

if TYPE_CHECKING:
    from neuroep.hardware.device import Device

Tables = Mapping[str, Table]
Numbers = Mapping[str, Quantity]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A family of devices: the tables of its files, and the hardware model made of them.

    Attributes
    ----------
    name : str
        What ``kind`` says in a file.
    is_hardware : bool
        Whether it models what hardware does to a weight, so that trainings run on it.
    converters : bool
        Whether lines and sums are converted.
    tables : tuple of str
        Tables that a file may have besides those of every kind.
    needed : tuple of str
        Those it can't do without.
    numbers : callable
        From the tables and the file's path to every number by its key path, checked for unit and range.
    words : callable
        Likewise, to what keys that take a word say, by key path.
    build : callable
        From a name, the tables, their numbers and the path to the hardware model; None where there are only prices.
    """

    name: str
    is_hardware: bool = True
    converters: bool = False
    tables: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    numbers: Callable[[Tables, Path], Numbers] = lambda _tables, _path: {}
    words: Callable[[Tables, Path], Mapping[str, str]] = lambda _tables, _path: {}
    build: Callable[[str, Tables, Numbers, Path], Device | None] = lambda *_: None
