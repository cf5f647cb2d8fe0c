"""What every tier shares: the engines under test, each named once."""

from __future__ import annotations

import pytest

from neuroep.engines import Engine, create


@pytest.fixture(params=["reference", "cpu"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Every engine in turn, on one thread.

    Reasons for what one can't do belong here, as ``pytest.param(..., marks=skip(reason))``: so far, none.
    """
    return create(request.param, 1 if request.param == "cpu" else None)
