"""Anderson acceleration of block sweeps (Walker & Ni, SIAM J. Numer. Anal. 49, 2011).

A sweep is a map z → g(z) of all states; the equilibrium is its fixed point. Instead of g(z) the next point is the
combination, with coefficients adding up to 1, of the last m + 1 images whose changes g(z) − z cancel best, sample
by sample. It pays where plain sweeps contract slowly, at feedback gains near 1 and tight tolerances
(``benchmarks/anderson.py``); two to four sweeps of a training step leave it nothing to mix.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neuroep.circuit import Circuit, reads_exactly
from neuroep.equilibrium import Equilibrium
from neuroep.errors import BadInput
from neuroep.physics import hopfield
from neuroep.solvers.stopping import result_codes
from neuroep.weights import FloatArray

#: Ridge on the least-squares problem, relative to its size: changes of a sample become parallel as it settles.
RIDGE = 1e-12


def settle_accelerated(
    circuit: Circuit,
    x: FloatArray,
    targets: FloatArray,
    beta: FloatArray,
    sweeps: int,
    tolerance: float,
    memory: int = 5,
) -> Equilibrium:
    """Settle by forward sweeps with Anderson mixing, in numpy, from zero states.

    Parameters
    ----------
    circuit : Circuit
        Without converters and read noise.
    x, targets : ndarray, shapes (batch, n_0) and (batch, n_L)
        Clamped input, and y.
    beta : ndarray, shape (batch,)
        Nudging of each sample.
    sweeps : int
        Most sweeps.
    tolerance : float
        A sample stops when the norm of its change in one sweep falls to this.
    memory : int
        Earlier sweeps that are mixed, m; 0 is plain sweeps.

    Returns
    -------
    Equilibrium
        Its currents are marked as not fresh, so that a later phase reads them anew.

    Raises
    ------
    BadInput
        If the circuit has converters or read noise: mixing would combine what was rounded, or chance.
    """
    if not reads_exactly(circuit):
        raise BadInput("Anderson acceleration with converters or read noise", "solver", "exact reads")
    ends = np.cumsum(circuit.sizes[1:])
    z = np.zeros((len(x), ends[-1]), dtype=x.dtype)
    residual = np.full(len(x), np.inf, dtype=x.dtype)
    steps, rows = np.zeros(len(x), dtype=np.int64), np.arange(len(x))
    images: list[FloatArray] = []
    changes: list[FloatArray] = []
    for count in range(1, sweeps + 1):
        image = _sweep(circuit, x[rows], z[rows], targets[rows], beta[rows], ends)
        change = image - z[rows]
        residual[rows], steps[rows] = np.linalg.norm(change, axis=1), count
        images, changes = [*images, image][-memory - 1 :], [*changes, change][-memory - 1 :]
        going = residual[rows] > tolerance
        z[rows] = np.where(going[:, None], _mixed(images, changes), image)
        rows = rows[going]
        if not len(rows):
            break
        images, changes = ([part[going] for part in parts] for parts in (images, changes))
    states = tuple(np.ascontiguousarray(part) for part in np.split(z, ends[:-1], axis=1))
    currents, fresh = tuple(np.zeros_like(s) for s in states), np.zeros(len(states), dtype=bool)
    return Equilibrium(states, currents, fresh, residual, steps, result_codes(residual, tolerance))


def _sweep(
    circuit: Circuit, x: FloatArray, z: FloatArray, targets: FloatArray, beta: FloatArray, ends: NDArray[np.int64]
) -> FloatArray:
    states = [part.copy() for part in np.split(z, ends[:-1], axis=1)]
    for k in range(1, len(circuit.sizes)):
        inputs = hopfield.inputs(circuit, k, x, states, targets, beta)
        states[k - 1] = hopfield.block_update(circuit, k, inputs, targets, beta)
    return np.concatenate(states, axis=1)


def _mixed(images: list[FloatArray], changes: list[FloatArray]) -> FloatArray:
    """Return the combination of images whose changes cancel best, sample by sample."""
    if len(images) == 1:
        return images[0]
    apart = np.stack([change - changes[-1] for change in changes[:-1]], axis=2)
    gram = np.einsum("bnm,bnk->bmk", apart, apart)
    size = np.trace(gram, axis1=1, axis2=2)[:, None, None] + np.finfo(gram.dtype).tiny
    pull = np.einsum("bnm,bn->bm", apart, changes[-1])[..., None]
    share = np.linalg.solve(gram / size + RIDGE * np.eye(gram.shape[1], dtype=gram.dtype), -pull / size)
    moved: FloatArray = images[-1] + (np.stack([image - images[-1] for image in images[:-1]], axis=2) @ share)[..., 0]
    return moved
