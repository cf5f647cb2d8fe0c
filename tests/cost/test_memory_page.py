"""docs/memory.md: its table is what the traces give, its code runs."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from neuroep.cost.closed_forms import working_set
from neuroep.cost.reuse import Access
from neuroep.cost.traces import backprop_step, published_ep
from neuroep.learning.access import ep_step_trace
from neuroep.learning.block_access import block_step_trace
from neuroep.network import chain
from neuroep.recipe import Estimator, Order, Phases
from neuroep.studies.estimate import memory_of

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "memory.md").read_text(encoding="utf-8")
PHASES = Phases(Estimator.CENTERED, 0.1, 20, 10, Order.FORWARD, Order.BACKWARD)
SIZES = (20, 1000, 1)
STEPS = {
    "EP as published, 30 + 30 sweeps": published_ep(*SIZES[:2]),
    "EP, 20 + 10 sweeps, buffers": ep_step_trace(chain(SIZES), PHASES),
    "EP, 20 + 10 sweeps": ep_step_trace(chain(SIZES), PHASES, direct=True),
    "EP, 20 + 10 sweeps, blocks": block_step_trace(chain(SIZES), PHASES, direct=True),
    "EP, 1 + 1 sweeps": ep_step_trace(chain(SIZES), replace(PHASES, free_sweeps=1, nudged_sweeps=1), direct=True),
    "backprop as published": backprop_step(SIZES),
    "backprop": backprop_step(SIZES, direct=True),
    "backprop, hidden layer recomputed": backprop_step(SIZES, segment=1, direct=True),
}


@pytest.mark.parametrize(("name", "trace"), STEPS.items(), ids=STEPS)
def test_the_table_is_what_the_traces_give(name: str, trace: list[Access]) -> None:
    (row,) = re.findall(rf"^\| {re.escape(name)} \| (.*) \|$", PAGE, re.MULTILINE)
    found = memory_of(trace)
    figures = (found.reads, found.floats, found.weighted_ard, found.lru_weighted_ard, found.dmd, found.byte_dmd)
    misses = found.misses.at([2**11, 2**13, 2**18])
    assert row.split(" | ") == [*(f"{figure:,.0f}" for figure in figures), *(f"{100 * miss:.1f} %" for miss in misses)]


def test_the_working_set_is_the_one_in_bytes() -> None:
    free, nudged = working_set(chain(SIZES), PHASES)
    assert f"{4 * free:,} bytes in the free phase and {4 * nudged:,} in the nudged one" in PAGE


def test_the_code_runs() -> None:
    for code in re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        exec(compile(code, "docs/memory.md", "exec"), {})
