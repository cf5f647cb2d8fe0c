"""What lines drive: sums over cells one by one, for every encoding, and with wires against nodal analysis."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from problems import problem

from neuroep.hardware.cells.arrays import Spread
from neuroep.hardware.cells.steps import LinearStep
from neuroep.hardware.crossbar.device import Crossbar
from neuroep.hardware.crossbar.placing import Encoding
from neuroep.hardware.crossbar.two_arrays import TwoArrays
from neuroep.hardware.crossbar.wires import Ends, effective_conductances
from neuroep.hardware.crossbar.wiring import Wires
from neuroep.hardware.lines import Conducting

SIZES = (6, 5, 4, 3)
BARE = Crossbar(
    name="test", g_min_siemens=1e-6, g_max_siemens=2e-5, headroom=2.0, spread=Spread(low=0.1, high=0.1),
    cell=LinearStep(dw_min=0.01, w_min=-1.0, w_max=1.0, gamma_up=0.1, gamma_down=0.3, write_noise=0.02),
)  # fmt: skip


@pytest.mark.parametrize("encoding", list(Encoding))
def test_sums_cell_by_cell(encoding: Encoding) -> None:
    p, device = problem(SIZES), replace(BARE, encoding=encoding)
    mounted = device.mount(p.network, p.weights, np.random.default_rng(0))
    assert isinstance(device, Conducting)
    up, down = device.line_siemens(mounted)
    cells, against = device.conductances(mounted)
    start = 0
    for k, (rows, columns) in enumerate(pairwise(SIZES)):
        for i in range(rows):
            line = range(start + i * columns, start + (i + 1) * columns)
            wanted = sum(cells[j] for j in line)
            if encoding in (Encoding.PAIR, Encoding.REFERENCE):
                wanted += sum(against[j] for j in line)
            if encoding is Encoding.COLUMN:  # one device for the row
                assert len({against[j] for j in line}) == 1
                wanted += against[line[0]]
            assert up[k][i] == pytest.approx(wanted, rel=1e-12)
        for j in range(columns):
            line = range(start + j, start + rows * columns, columns)
            both = encoding in (Encoding.PAIR, Encoding.REFERENCE)
            wanted = sum(cells[i] + (against[i] if both else 0.0) for i in line)
            assert down[k][j] == pytest.approx(wanted, rel=1e-12)
        start += rows * columns


@pytest.mark.parametrize("ends", list(Ends))
def test_with_wires_a_line_carries_what_arrives(ends: Ends) -> None:
    """Of all rows at 1 V, the power is the current into the sensed columns; of all columns, into the rows."""
    p, wires = problem(SIZES), Wires(word_ohm=200.0, bit_ohm=100.0, ends=ends)
    device = replace(BARE, wires=wires)
    mounted = device.mount(p.network, p.weights, np.random.default_rng(0))
    up, down = device.line_siemens(mounted)
    start = 0
    for k, shape in enumerate(pairwise(SIZES)):
        parts = [g[start : start + shape[0] * shape[1]].reshape(shape) for g in device.conductances(mounted)]
        seen = [effective_conductances(g, 200.0, 100.0) for g in parts]
        assert up[k].sum() == pytest.approx(sum(g.sum() for g in seen), rel=1e-9)
        if ends is Ends.SAME:
            back = [g.sum() for g in seen]
        else:
            back = [effective_conductances(g.T, 100.0, 200.0).sum() for g in parts]
        assert down[k].sum() == pytest.approx(sum(back), rel=1e-9)
        assert up[k].sum() < sum(g.sum() for g in parts)
        start += shape[0] * shape[1]


def test_two_arrays_are_driven_one_way_each() -> None:
    p, device = problem(SIZES), TwoArrays(BARE)
    mounted = device.mount(p.network, p.weights, np.random.default_rng(0))
    both = device.line_siemens(mounted)
    first, second = (BARE.line_siemens(part) for part in mounted.parts)
    for k in range(3):
        assert (both.up[k] == first.up[k]).all()
        assert (both.down[k] == second.down[k]).all()
        assert (both.down[k] != first.down[k]).any()
