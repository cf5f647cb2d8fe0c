"""Buffers of the reference engine: shared until they change, one row at a time or all at once."""

from __future__ import annotations

import numpy as np
import pytest

from neuroep.engines.copied_buffers import Buffers
from neuroep.equilibrium import Equilibrium, Registers

STATES = (np.array([[1.0], [2.0]]), np.array([[3.0, 4.0], [5.0, 6.0]]))


def buffers(copies: int, apart: bool = False) -> Buffers:
    """Two samples of a 1-2 network, in so many copies."""
    flags, whole = np.ones(2, dtype=bool), np.zeros(2, dtype=np.int64)
    start = Equilibrium(STATES, STATES, flags, np.zeros(2), whole, whole)
    return Buffers(start, Registers(STATES, STATES, STATES, flags), copies, {"s1", "s2", "u1", "u2"}, apart, "′")


@pytest.mark.parametrize("copies", [1, 2])
@pytest.mark.parametrize("apart", [False, True])
def test_rows_that_change_leave_where_they_came_from_as_it_was(copies: int, apart: bool) -> None:
    work = buffers(copies, apart)
    work.rows = np.array([2 * copies - 1])
    assert work.of("s", 1).tolist() == [[2.0]]
    work.put("s", 1, np.array([[9.0]]))
    assert work.of("s", 1).tolist() == [[9.0]]
    assert [row[0] for row in work.whole("s")[0].tolist()] == [*([1.0, 2.0] * copies)[:-1], 9.0]
    assert STATES[0].tolist() == [[1.0], [2.0]]


def test_copies_share_what_hasnt_changed() -> None:
    work = buffers(3)
    assert work.access("s", 2) == ("s2", 4)
    assert work.of("s", 2).tolist() == STATES[1].tolist() * 3
    work.put("s", 2, np.zeros((6, 2)))
    assert work.access("s", 2) == ("s2′", 12)
    assert work.access("u", 2) == ("u2", 4)
    assert [len(rows) for rows in work.whole("u")] == [6, 6]


def test_what_is_zero_holds_nothing() -> None:
    work = buffers(1)
    assert work.has("u", 1)
    assert not work.has("d", 1)
    work.put("d", 1, np.zeros((2, 1)))
    assert work.has("d", 1)
