"""A kind of hardware in one file: cells that take a share of each update."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuroep.hardware.device import Device, Ideal, Mounted, Update
from neuroep.ledger import Ledger
from neuroep.network import Network
from neuroep.specs.kind import Kind, Numbers, Tables
from neuroep.specs.numbers import Rule, checked_numbers
from neuroep.weights import Weights

RULES = {"share": Rule("number", 0.0, 1.0)}


@dataclass(frozen=True)
class Sluggish:
    """Exact weights, of whose updates only a share arrives."""

    name: str
    share: float

    def mount(self, network: Network, weights: Weights, rng: np.random.Generator) -> Mounted:
        return Ideal().mount(network, weights, rng)

    def restore(self, network: Network, weights: Weights, state: dict[str, NDArray[np.generic]]) -> Mounted:
        return Ideal().restore(network, weights, state)

    def program(self, mounted: Mounted, update: Update, rng: np.random.Generator, ledger: Ledger) -> None:
        rates = tuple(self.share * rate for rate in update.rates)
        Ideal().program(mounted, update._replace(rates=rates), rng, ledger)

    def direct(self, mounted: Mounted, ledger: Ledger) -> Weights | None:
        return None

    @property
    def effects(self) -> tuple[str, ...]:
        return ("sluggishness",) if self.share < 1.0 else ()

    def freed_of(self, effect: str) -> Device:
        return replace(self, share=1.0)


def _numbers(tables: Tables, path: Path) -> Numbers:
    return checked_numbers(tables["cells"], RULES, path, "cells", required=True)


def _build(name: str, tables: Tables, numbers: Numbers, path: Path) -> Device:
    return Sluggish(name, numbers["cells.share"].si("number").value)


SLUGGISH = Kind(name="sluggish", tables=("cells",), needed=("cells",), numbers=_numbers, build=_build)
