"""Pulse times of writing, by hand: row by row, all at once, arrays beside each other, pairs written anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neuroep.errors import BadInput
from neuroep.hardware.cells.steps import ConstantStep
from neuroep.hardware.crossbar.device import Crossbar
from neuroep.hardware.crossbar.periphery import Periphery
from neuroep.hardware.crossbar.placing import Encoding
from neuroep.hardware.crossbar.schedule import Schedule
from neuroep.hardware.crossbar.two_arrays import TwoArrays
from neuroep.hardware.device import StateUpdate, Update
from neuroep.ledger import Event, Ledger
from neuroep.network import chain
from neuroep.physics.base import Products
from neuroep.recipe import Method, Programming, Trains
from neuroep.rng import stream
from neuroep.specs import catalogue
from neuroep.specs.device import read_device
from neuroep.weights import FloatArray, Weights

ROWS = Crossbar(
    name="array", g_min_siemens=1e-6, g_max_siemens=1e-4, encoding=Encoding.OFFSET,
    cell=ConstantStep(dw_min=0.02, w_min=-1.0, w_max=1.0), programming=Programming(Method.NEAREST),
)  # fmt: skip
ASKED = np.array([[4.0, -3.0, 1.0], [0.0, 2.0, 0.0]])
"""In pulses. Row by row: 4 up and 3 down, then 2 up; all at once: 4 up and 3 down."""


def slots(crossbar: Crossbar, steps: FloatArray, two: bool = False) -> int:
    """Pulse times of an update of one coupling, in nominal steps of a weight."""
    device = TwoArrays(crossbar) if two else crossbar
    weights = Weights.from_arrays([np.full(steps.shape, 0.5)], [np.zeros(steps.shape[1])])
    mounted, ledger = device.mount(chain(steps.shape), weights, stream(0)), Ledger.empty(steps.shape)
    unit = crossbar.step * 0.5 / crossbar.full
    update = Update(Weights(steps.shape, (steps * unit).ravel(), np.zeros(steps.shape[1])), (1.0,))
    device.program(mounted, update, stream(1), ledger)
    return int(ledger.counts[:, Event.PULSE_SLOT].sum())


def test_two_by_three_cells() -> None:
    assert slots(ROWS, ASKED) == (4 + 3) + 2
    assert slots(replace(ROWS, by_row=False), ASKED) == 4 + 3
    assert slots(ROWS, 0 * ASKED) == 0
    assert slots(ROWS, ASKED, two=True) == 9  # both arrays at the same time


def test_pairs_are_written_together() -> None:
    """Of 4 pulses two go up and two down on the other; of -3 two down and one up; of 1 one up; of 2 one each way."""
    pair = replace(ROWS, encoding=Encoding.PAIR)
    assert slots(pair, ASKED) == (2 + 2) + (1 + 1)
    assert slots(replace(pair, by_row=False), ASKED) == 2 + 2


def test_arrays_below_each_other_are_written_at_the_same_time() -> None:
    """Rows of 7, 2, 5, 1 and 6 pulse times in arrays of two: the slowest has 9; in arrays of four: 15."""
    column = np.array([[7.0], [2.0], [-5.0], [1.0], [6.0]])
    for tile, most in ((0, 21), (1, 7), (2, 9), (4, 15), (8, 21)):
        assert slots(replace(ROWS, periphery=Periphery(tile_rows=tile)), column) == most


def test_broken_pulses_are_rounded_up_row_by_row() -> None:
    exact = replace(ROWS, exact_steps=True)
    assert slots(exact, np.array([[0.25, -0.5], [1.5, 0.0]])) == 1 + 2
    assert Schedule(by_row=False).slots(np.array([[1.5, 0.5]])) == 2


def test_trains_of_states_write_a_whole_array_at_once() -> None:
    """Four slots a train, whatever the schedule: rows and columns meet everywhere."""
    programming = Programming(Method.NET, most_pulses=4, trains=Trains.DETERMINISTIC)
    for by_row in (True, False):
        crossbar = replace(ROWS, programming=programming, by_row=by_row)
        weights = Weights.from_arrays([np.full((2, 3), 0.5)], [np.zeros(3)])
        mounted, ledger = crossbar.mount(chain((2, 3)), weights, stream(0)), Ledger.empty((2, 3))
        size = np.array([4.0 * crossbar.step * 0.5 / crossbar.full])
        states = Products(np.ones((1, 2)), np.ones((1, 3)), size, 1, False)
        crossbar.program_states(mounted, StateUpdate((states,), np.zeros(3), (1.0,)), stream(0), ledger)
        assert ledger.counts[:, Event.PULSE_SLOT].sum() == 4


def test_pairs_written_anew_take_turns_of_their_own() -> None:
    """Both cells of all six pairs near the top: whichever way a train goes, a row of pairs is reset and written."""
    cell = ConstantStep(dw_min=0.05, w_min=0.0, w_max=2.0)
    programming = Programming(Method.NET, most_pulses=4, trains=Trains.DETERMINISTIC)
    found = []
    for by_row in (True, False):
        crossbar = replace(ROWS, cell=cell, encoding=Encoding.PAIR, one_sided=True, by_row=by_row)
        crossbar = replace(crossbar, programming=programming)
        weights = Weights.from_arrays([np.full((2, 3), 0.5)], [np.zeros(3)])
        mounted, ledger = crossbar.mount(chain((2, 3)), weights, stream(0)), Ledger.empty((2, 3))
        for key in ("devices", "against"):
            np.asarray(mounted.state[key])[:, 0] = 1.8
        size = np.array([4.0 * crossbar.step * 0.5 / crossbar.full])
        states = Products(np.ones((1, 2)), np.ones((1, 3)), size, 1, False)
        crossbar.program_states(mounted, StateUpdate((states,), np.zeros(3), (1.0,)), stream(0), ledger)
        found.append(int(ledger.counts[:, Event.PULSE_SLOT].sum()) - 4)
    # the train takes a cell from 1.8 to 2.0: 4 pulses apart, both at 0.4 or 8 pulses, and a reset
    assert found == [2 * (4 + 8 + 8 + 1), 4 + 8 + 8 + 1]


@pytest.mark.parametrize("by_row", [True, False])
@pytest.mark.parametrize("encoding", [Encoding.PAIR, Encoding.OFFSET])
def test_many_rows_that_are_partly_quiet(encoding: Encoding, by_row: bool) -> None:
    """Against the pulses that each cell counted: rows end within the batches in which cells are written."""
    crossbar = replace(ROWS, encoding=encoding, by_row=by_row, programming=Programming(Method.ACCUMULATED))
    steps = stream(3).integers(-9, 10, (70, 13)) * (stream(4).random((70, 13)) < 0.2)
    steps[7:20], steps[40] = 0, 9
    weights = Weights.from_arrays([np.full((70, 13), 0.5)], [np.zeros(13)])
    mounted, ledger = crossbar.mount(chain((70, 13)), weights, stream(0)), Ledger.empty((70, 13))
    unit = crossbar.step * 0.5 / crossbar.full
    crossbar.program(mounted, Update(Weights((70, 13), (steps * 1.01 * unit).ravel(), np.zeros(13)), (1.0,)),
                     stream(1), ledger)  # fmt: skip
    sent = np.stack([np.asarray(a) for key, a in mounted.state.items() if key.endswith("_pulses")])
    up, down = (sent[..., side].reshape(-1, 70, 13).max(axis=(0, 2)) for side in (0, 1))
    expected = (up + down).sum() if by_row else up.max() + down.max()
    assert ledger.counts[:, Event.PULSE_SLOT].sum() == expected > 0


def test_profiles_say_which(tmp_path: Path) -> None:
    text, path = catalogue.find("devices", "ecram").read_text(encoding="utf-8"), tmp_path / "mine.toml"
    shipped = catalogue.load_device("ecram").build()
    assert isinstance(shipped, Crossbar)
    assert shipped.by_row
    path.write_text(text.replace("[crossbar]\n", '[crossbar]\nwrite = "parallel"\n', 1), encoding="utf-8")
    built = read_device(path).build()
    assert isinstance(built, Crossbar)
    assert not built.by_row
    path.write_text(text.replace("[crossbar]\n", '[crossbar]\nwrite = "rows"\n', 1), encoding="utf-8")
    with pytest.raises(BadInput, match=r"crossbar\.write.*parallel, row"):
        read_device(path)
