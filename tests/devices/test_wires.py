"""Wire resistance against circuits solved by hand, a dense second reading of Kirchhoff's laws, and badcrossbar."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from neuroep import load_device
from neuroep.errors import BadInput
from neuroep.hardware.crossbar.device import Crossbar
from neuroep.hardware.crossbar.wires import Ends, effective_conductances, reads
from neuroep.hardware.crossbar.wiring import Wires, attenuation
from neuroep.network import chain
from neuroep.rng import stream

STORED = Path(__file__).parents[1] / "golden" / "badcrossbar_currents.npz"
Array = NDArray[np.float64]


def random_array(rows: int, columns: int) -> Array:
    return stream(5, "conductances", rows, columns).uniform(1e-6, 25e-6, (rows, columns))


def dense(g: Array, word: float, bit: float, ends: Ends) -> Array:
    """Return current into row i per volt on column j, [j, i], node by node in a dictionary and a dense solve."""
    m, n = g.shape
    node = {
        (line, i, j): k for k, (line, i, j) in enumerate((w, i, j) for w in "wb" for i in range(m) for j in range(n))
    }
    matrix = np.zeros((len(node), len(node)))

    def branch(a: int, b: int | None, siemens: float) -> None:
        matrix[a, a] += siemens
        if b is not None:
            matrix[b, b] += siemens
            matrix[a, b] -= siemens
            matrix[b, a] -= siemens

    for i in range(m):
        for j in range(n):
            branch(node["w", i, j], node["b", i, j], g[i, j])
            if j + 1 < n:
                branch(node["w", i, j], node["w", i, j + 1], 1 / word)
            if i + 1 < m:
                branch(node["b", i, j], node["b", i + 1, j], 1 / bit)
    row_end, column_end = (0, m - 1) if ends is Ends.SAME else (n - 1, 0)
    rows = [node["w", i, row_end] for i in range(m)]
    columns = [node["b", column_end, j] for j in range(n)]
    for k in rows:
        branch(k, None, 1 / word)
    for k in columns:
        branch(k, None, 1 / bit)
    injected = np.zeros((len(node), n))
    injected[columns, range(n)] = 1 / bit
    currents: Array = np.linalg.solve(matrix, injected)[rows].T / word
    return currents


def test_one_device_is_three_resistors_in_series() -> None:
    assert effective_conductances([[1 / 700.0]], 30.0, 270.0) == pytest.approx(1 / (30.0 + 700.0 + 270.0), rel=1e-14)


def test_one_row_is_a_ladder() -> None:
    # unit resistors: the far branch is 1 + 1 + 1 = 3 ohm, beside 1 + 1 = 2 ohm it makes 6/5, behind the feed 11/5 ohm:
    # 5/11 A flow, 3/5 of them into the near column
    assert effective_conductances([[1.0, 1.0]], 1.0, 1.0)[0] == pytest.approx([3 / 11, 2 / 11], rel=1e-14)


@pytest.mark.parametrize("i", [0, 1])
@pytest.mark.parametrize("j", [0, 1])
def test_two_by_two_with_one_device_is_a_series(i: int, j: int) -> None:
    g = np.zeros((2, 2))
    g[i, j] = 1 / 700.0
    expected = np.zeros((2, 2))
    expected[i, j] = 1 / (700.0 + 30.0 * (j + 1) + 270.0 * (2 - i))  # segments from the left, segments to the bottom
    assert effective_conductances(g, 30.0, 270.0) == pytest.approx(expected, rel=1e-13, abs=1e-18)
    far = np.zeros((2, 2))
    far[j, i] = 1 / (700.0 + 30.0 * (2 - j) + 270.0 * (i + 1))  # from the top, to the right
    assert reads(g, 30.0, 270.0, Ends.OPPOSITE).down == pytest.approx(far, rel=1e-13, abs=1e-18)


def test_two_by_two_with_one_column_by_hand() -> None:
    # Unit resistors, the far column open. With 1 V on the bottom row and 0 V on the top one, the current law at the row
    # nodes a (top), b and the bit nodes p (top), q reads a = p/2, b = (1 + q)/2, a - p = p - q, (b - q) + (p - q) = q:
    # p = 2q/3 and q = 3/11, which is the current through the last unit. With the voltages exchanged, a = (1 + p)/2 and
    # b = q/2: p = (1 + 2q)/3 and q = 2/11.
    seen = effective_conductances([[1.0, 0.0], [1.0, 0.0]], 1.0, 1.0)
    assert seen == pytest.approx(np.asarray([[2 / 11, 0.0], [3 / 11, 0.0]]), rel=1e-14, abs=1e-15)


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (5, 3), (3, 5), (7, 7)])
@pytest.mark.parametrize("ends", Ends)
def test_downward_reads_against_a_dense_solve(shape: tuple[int, int], ends: Ends) -> None:
    g = random_array(*shape) * 1e3  # of the wires' own size, so that nothing is a small correction
    down = reads(g, 20.0, 90.0, ends).down
    assert down == pytest.approx(dense(g, 20.0, 90.0, ends), rel=1e-11)


def test_same_ports_are_reciprocal_and_opposite_ends_are_not() -> None:
    g = random_array(40, 24)
    same, opposite = reads(g, 2.0, 2.0), reads(g, 2.0, 2.0, Ends.OPPOSITE)
    assert (same.down == same.up.T).all()
    assert (opposite.up == same.up).all()
    # each read loses most at its own far corner: row 0 and column 23 upward, row 39 and column 0 downward
    assert opposite.down[23, 0] > opposite.up[0, 23] * 1.02
    assert opposite.down[0, 39] < opposite.up[39, 0] * 0.98


def test_loss_grows_towards_the_far_corner() -> None:
    seen = effective_conductances(np.full((30, 20), 10e-6), 2.0, 2.0) / 10e-6
    assert (np.diff(seen, axis=0) > 0.0).all()
    assert (np.diff(seen, axis=1) < 0.0).all()
    assert seen.max() < 1.0


@pytest.mark.parametrize("ohm", [10.0, 1.0, 1e-1])
def test_small_resistance_is_a_first_order_loss(ohm: float) -> None:
    # Ideally G_ij flows along row i to column j, and down to the bottom. To first order in r, only the drops by such
    # currents count: on row i, segment k carries what goes to column k and beyond; bit node (k, j) rises by r G_ij for
    # each segment that it shares with (i, j) on the way down, and G_kj turns this into a loss, for other rows too.
    g = random_array(6, 4)
    beyond = np.cumsum(g[:, ::-1], axis=1)[:, ::-1]
    word_drop = np.cumsum(beyond, axis=1)
    below = 6 - np.arange(6)
    shared = np.minimum(below[:, None], below)
    first = g * (1.0 - ohm * (word_drop + shared @ g))
    second, rounding = (ohm * 10 * g.sum()) ** 2, 1e-16 / (ohm * g.min())  # paths of up to 4 + 6 segments
    assert effective_conductances(g, ohm, ohm) == pytest.approx(first, rel=second + rounding)


def test_no_resistance_is_the_ideal_product() -> None:
    g = random_array(9, 5)
    ideal = reads(g, 0.0, 0.0, Ends.OPPOSITE)
    assert (ideal.up == g).all()
    assert (ideal.down == g.T).all()
    assert effective_conductances(g, 1e-6, 1e-6) == pytest.approx(g, rel=1e-4)


def test_the_array_given_is_not_changed() -> None:
    g = random_array(3, 4)
    kept = g.copy()
    reads(g, 0.0, 0.0).up[:] = 0.0
    assert (g == kept).all()


@pytest.mark.parametrize("size", ["8x8", "16x16", "64x64", "128x128", "24x40"])
def test_badcrossbar(size: str) -> None:
    with np.load(STORED) as stored:
        assert (str(stored["peer"]), str(stored["version"])) == ("badcrossbar", "1.1.0")
        case = {key.removeprefix(f"{size}_"): stored[key] for key in stored.files if key.startswith(f"{size}_")}
    g, (word, bit) = case["conductances"].astype(np.float64), case["ohms"]
    same, opposite = reads(g, word, bit), reads(g, word, bit, Ends.OPPOSITE)
    assert case["up_volts"].T @ same.up == pytest.approx(case["up"], rel=1e-10)
    assert case["down_volts"].T @ same.down == pytest.approx(case["down_same"], rel=1e-10)
    assert case["down_volts"].T @ opposite.down == pytest.approx(case["down_opposite"], rel=1e-10)


@pytest.mark.parametrize(
    ("g", "word", "bit"),
    [
        ([[1e-6, -1e-9]], 1.0, 1.0),
        ([[np.nan]], 1.0, 1.0),
        ([[np.inf]], 1.0, 1.0),
        ([1e-6, 1e-6], 1.0, 1.0),
        (np.ones((0, 3)), 1.0, 1.0),
        ([[1e-6]], -1.0, 1.0),
        ([[1e-6]], 1.0, np.nan),
        ([[1e-6]], np.inf, 1.0),
        ([[1e-6]], 0.0, 1.0),
    ],
)
def test_impossible_arrays_are_refused(g: object, word: float, bit: float) -> None:
    with pytest.raises(BadInput):
        effective_conductances(np.asarray(g), word, bit)


@pytest.mark.parametrize("tiles", [(0, 0), (0, 6), (300, 0)])
def test_a_side_without_limit_is_one_array(tiles: tuple[int, int]) -> None:
    """300 rows of 6 columns are then one array, whose solve is the oracle."""
    g = random_array(300, 6)
    whole, found = reads(g, 2.0, 3.0), attenuation(Wires(word_ohm=2.0, bit_ohm=3.0), g, *tiles)
    np.testing.assert_allclose(found.up, whole.up / g, rtol=1e-12)
    np.testing.assert_allclose(found.down, whole.down.T / g, rtol=1e-12)


def test_tiles_and_what_remains_are_arrays_of_their_own() -> None:
    g = random_array(12, 7)
    found = attenuation(Wires(word_ohm=200.0, bit_ohm=300.0), g, 5, 4)
    for rows in (slice(0, 5), slice(5, 10), slice(10, 12)):
        for columns in (slice(0, 4), slice(4, 7)):
            alone = reads(g[rows, columns], 200.0, 300.0)
            np.testing.assert_allclose(found.up[rows, columns], alone.up / g[rows, columns], rtol=1e-12)


def test_arrays_too_large_to_solve_are_refused_before_anything_is_mounted() -> None:
    device = load_device("ecram").build()
    assert isinstance(device, Crossbar)
    wired = replace(device, wires=Wires(word_ohm=2.0, bit_ohm=2.0))
    with pytest.raises(BadInput, match=r"tile_rows.*784 x 256 cells"):
        wired.check_sizes(chain((784, 256, 10)))
    replace(wired, periphery=replace(wired.periphery, tile_rows=256)).check_sizes(chain((784, 256, 10)))
    device.check_sizes(chain((784, 256, 10)))
