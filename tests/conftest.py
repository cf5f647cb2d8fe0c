"""What every tier shares: the engines under test, each named once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neuroep.engines import Engine, create

_approx = pytest.approx


def approx(expected: Any, rel: float | None = None, abs: float | None = None, nan_ok: bool = False) -> Any:
    """As `pytest.approx`, but that its absolute tolerance of 1e-12 is of the largest number that is expected.

    Joules, siemens and farads are smaller than 1e-12 themselves: the tolerance would let any of them pass.
    """
    if abs is None:
        abs = 1e-12 * _largest(expected)
    return _approx(expected, rel=1e-6 if rel is None else rel, abs=abs, nan_ok=nan_ok)


def _largest(expected: Any) -> float:
    """The largest finite magnitude; 1 where there is none or only zeros, so that zeros have a tolerance at all."""
    values = list(expected.values()) if isinstance(expected, Mapping) else expected
    try:
        numbers = np.abs(np.asarray(values, dtype=np.complex128))
    except (TypeError, ValueError):
        return 1.0
    finite = numbers[np.isfinite(numbers)]
    return min(1.0, float(finite.max())) if finite.size and finite.any() else 1.0


pytest.approx = approx

#: Takes half a minute and compiles nothing: meanwhile the process beside it compiles what most files need.
FIRST = "test_simulator.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Take a file of each folder in turn, so that processes side by side don't compile the same kernels twice.

    Files of a folder share kernels, which whoever comes first compiles and keeps for all.
    """
    seen: Counter[Path] = Counter()
    turns: dict[Path, int] = {}
    for path in dict.fromkeys(item.path for item in items):
        turns[path] = -1 if path.name == FIRST else seen[path.parent]
        seen[path.parent] += 1
    items.sort(key=lambda item: turns[item.path])


def _undrawn(title: str, draw: object, description: str, caption: str) -> str:
    return f"<figure><figcaption>{escape(title)}: {escape(description)} {escape(caption)}</figcaption></figure>"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Leave the figures of report.html out where a test doesn't look at them: twelve drawings take more than a run.

    Files that do are marked `draws`; processes of their own draw everything.
    """
    with pytest.MonkeyPatch.context() as patch:
        if item.get_closest_marker("draws") is None:
            patch.setattr("neuroep.report.page.figure", _undrawn)
        return (yield)


@pytest.fixture(params=["reference", "cpu"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Every engine in turn, on one thread.

    Reasons for what one can't do belong here, as ``pytest.param(..., marks=skip(reason))``: so far, none.
    """
    return create(request.param, 1 if request.param == "cpu" else None)
