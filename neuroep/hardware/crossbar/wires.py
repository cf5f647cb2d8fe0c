"""What wire resistance does to a crossbar: its conductances lowered to the weights that reads really see.

m word lines (rows) cross n bit lines (columns); device G_ij joins word node (i, j) to bit node (i, j). Neighbours on a
line, and a line's end and its port, are one segment of wire apart. A driven port is a voltage source; a sensed port
is at 0 V, and the current into it is what is read. Kirchhoff's current law at the 2mn nodes,

    (L + diag(terminals)) v = injected currents,    L the Laplacian of devices and wires,

is linear, so an upward read (rows driven at the left, columns sensed at the bottom) is I_j = Σ_i V_i W_up[i, j], with
W_up[i, j] the current into column j per volt on row i. W_up tends to G as the wires' resistance goes to 0.

A downward read (columns driven, rows sensed) through the same ports sees W_down = W_upᵀ exactly, by reciprocity.
Through the opposite ends (columns driven at the top, rows sensed at the right, the other ports open) it doesn't: the
far corner is another one.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroep import checks
from neuroep.errors import BadInput

Array = NDArray[np.float64]

BLOCK = 32  # ports driven at once: one column of 2mn voltages each


class Ends(Enum):
    """Through which ends of the lines the downward read is made."""

    SAME = "same"
    OPPOSITE = "opposite"


class WireReads(NamedTuple):
    """Conductances in siemens as the two reads see them.

    Attributes
    ----------
    up : ndarray, shape (m, n)
        W_up: current into column j per volt on row i is up[i, j].
    down : ndarray, shape (n, m)
        W_down: current into row i per volt on column j is down[j, i].
    """

    up: Array
    down: Array


def effective_conductances(conductances: ArrayLike, word_ohm: float, bit_ohm: float) -> Array:
    """Return W_up, by exact nodal analysis: one sparse factorisation, solved for the fewer ports.

    Parameters
    ----------
    conductances : array_like, shape (m, n)
        G in siemens, finite, >= 0.
    word_ohm, bit_ohm : float
        Resistance of one segment of a word line and of a bit line, in ohm, both > 0; or both 0, which gives G.

    Returns
    -------
    ndarray, shape (m, n)
        In siemens. Rounding leaves a relative error of the order of 1e-16/(G · resistance of a segment): 1e-11 at
        1 µS and 10 ohm.

    Raises
    ------
    BadInput
        If a conductance or resistance can't be used.
    """
    g = _checked(conductances, word_ohm, bit_ohm)
    if word_ohm == 0.0:
        return g
    if g.shape[0] > g.shape[1]:  # reciprocity: driving the columns gives the transpose
        return _solved(g[::-1, ::-1].T, bit_ohm, word_ohm)[::-1, ::-1].T.copy()
    return _solved(g, word_ohm, bit_ohm)


def reads(conductances: ArrayLike, word_ohm: float, bit_ohm: float, ends: Ends = Ends.SAME) -> WireReads:
    """Return what the upward and the downward read see.

    Parameters
    ----------
    conductances, word_ohm, bit_ohm
        As for :func:`effective_conductances`.
    ends : Ends
        `SAME`: the downward read uses the ports of the upward one, and sees its transpose. `OPPOSITE`: it uses the
        other ends, at the price of a second factorisation.

    Raises
    ------
    BadInput
        If a conductance or resistance can't be used.
    """
    ends = checks.choice(ends, Ends, "ends")
    up = effective_conductances(conductances, word_ohm, bit_ohm)
    if ends is Ends.SAME:
        return WireReads(up, up.T.copy())
    return WireReads(up, effective_conductances(np.transpose(np.asarray(conductances)), bit_ohm, word_ohm))


def _checked(conductances: ArrayLike, word_ohm: float, bit_ohm: float) -> Array:
    g = np.array(checks.array(conductances, "conductances", ("rows", "columns"), np.float64))
    if (g < 0.0).any():
        raise BadInput("a conductance is negative", "conductances", "siemens, 0 or more")
    for ohm, where in ((word_ohm, "word_ohm"), (bit_ohm, "bit_ohm")):
        checks.number(ohm, where, 0.0, allowed="ohm, 0 or more")
    if (word_ohm == 0.0) != (bit_ohm == 0.0):
        raise BadInput("wires on one side only", "word_ohm, bit_ohm", "both 0, or both more than 0")
    return g


def _solved(g: Array, word_ohm: float, bit_ohm: float) -> Array:
    """W_up by driving the m rows: (rows driven) × (columns sensed)."""
    from scipy.sparse.linalg import splu  # type: ignore[import-untyped]

    m, n = g.shape
    # symmetric and diagonally dominant: no pivoting is needed, and an ordering for symmetric matrices fills in least
    factors = splu(
        _nodal(g, word_ohm, bit_ohm),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    seen = np.empty((m, n))
    for start in range(0, m, BLOCK):
        rows = np.arange(start, min(start + BLOCK, m))
        injected = np.zeros((2 * m * n, rows.size))
        injected[rows * n, np.arange(rows.size)] = 1.0 / word_ohm
        seen[rows] = factors.solve(injected)[-n:].T / bit_ohm  # the last n nodes are the bottoms of the columns
    return seen


def _nodal(g: Array, word_ohm: float, bit_ohm: float) -> Any:
    """Nodal matrix, CSC: word nodes (i, j) at i n + j, bit nodes mn further on."""
    from scipy.sparse import coo_array, csc_array, diags_array  # type: ignore[import-untyped]

    m, n = g.shape
    word = np.arange(m * n).reshape(m, n)
    bit = word + m * n
    heads = np.concatenate([word.ravel(), word[:, :-1].ravel(), bit[:-1].ravel()])
    tails = np.concatenate([bit.ravel(), word[:, 1:].ravel(), bit[1:].ravel()])
    wires = np.full(m * (n - 1), 1.0 / word_ohm), np.full((m - 1) * n, 1.0 / bit_ohm)
    branches = coo_array((np.concatenate([g.ravel(), *wires]), (heads, tails)), shape=(2 * m * n, 2 * m * n)).tocsc()
    between = branches + branches.T
    ports = np.zeros(2 * m * n)
    ports[word[:, 0]] = 1.0 / word_ohm
    ports[bit[-1]] = 1.0 / bit_ohm
    return csc_array(diags_array(between.sum(axis=0) + ports) - between)
