"""Compiled updates and contrasts of resistive networks. Same definition, number by number, as `physics.resistive`."""

from __future__ import annotations

import math

import numpy as np

from neuroep.circuit import Circuit
from neuroep.engines.cpu.read_kernels import IntArray
from neuroep.kernel_cache import njit
from neuroep.physics import scalars
from neuroep.weights import FloatArray

# as in kernels: NaN and infinity keep their meaning
_FAST = {"reassoc", "contract", "nsz", "arcp"}


@njit(cache=True, fastmath=_FAST)
def joined(circuit: Circuit) -> FloatArray:
    """Return what is joined to each node: of outputs in siemens, of hidden nodes its inverse, laid out as biases.

    The inverse is 0 where nothing is joined, so that such a node stays at 0 V, and NaN of a negative load.
    """
    depth, zero = len(circuit.sizes) - 1, circuit.up.dtype.type(0.0)
    found = np.zeros(len(circuit.biases), circuit.up.dtype)
    for k in range(1, depth + 1):
        size, n = circuit.sizes[k - 1], circuit.sizes[k]
        up, down = circuit.up[circuit.starts[k - 1] :], circuit.down[circuit.starts[k - 1] :]
        here = found[circuit.units[k - 1] :]
        for i in range(size):
            for j in range(n):
                here[j] += up[i * n + j]
        if k > 1:
            below = found[circuit.units[k - 2] :]
            for i in range(size):
                total = zero
                for j in range(n):
                    total += down[i * n + j]
                below[i] += total
    for j in range(circuit.units[depth - 1]):
        load = found[j]
        found[j] = circuit.up.dtype.type(1.0) / load if load > zero else zero if load == zero else zero * math.inf
    return found


@njit(cache=True, fastmath=_FAST)
def update_hidden(
    code: int, rows: int, n: int, up: FloatArray, down: FloatArray, bias: FloatArray, inverse: FloatArray,
    states: FloatArray, squares: FloatArray,
) -> None:  # fmt: skip
    """v ← Π[(up + bias + down) / load] for a hidden layer; adds each row's squared change to `squares`."""
    zero = bias.dtype.type(0.0)
    first, last = ((n + 1) // 2, n) if code == scalars.DIODES else (0, 0)
    for r in range(rows):
        total, base = zero, r * n
        for j in range(first):
            new = (up[base + j] + bias[j] + down[base + j]) * inverse[j]
            new = zero if new < zero else new
            change = new - states[base + j]
            total += change * change
            states[base + j] = new
        for j in range(first, last):
            new = (up[base + j] + bias[j] + down[base + j]) * inverse[j]
            new = zero if new > zero else new
            change = new - states[base + j]
            total += change * change
            states[base + j] = new
        for j in range(last, n):
            new = (up[base + j] + bias[j] + down[base + j]) * inverse[j]
            change = new - states[base + j]
            total += change * change
            states[base + j] = new
        squares[r] += total


@njit(cache=True, fastmath=_FAST)
def update_output(
    rows: int, n: int, up: FloatArray, bias: FloatArray, load: FloatArray, targets: FloatArray, beta: FloatArray,
    ids: IntArray, states: FloatArray, squares: FloatArray,
) -> None:  # fmt: skip
    """v_L ← (up + bias + βy) / (load + β); adds each row's squared change to `squares`."""
    zero = bias.dtype.type(0.0)
    for r in range(rows):
        base, b, total = r * n, beta[ids[r]], zero
        for j in range(n):
            weight, new = load[j] + b, zero
            if weight > zero:
                new = (up[base + j] + bias[j] + b * targets[ids[r], j]) / weight
            elif weight != zero:
                new = zero * math.inf  # no minimum: reported as diverged
            change = new - states[base + j]
            total += change * change
            states[base + j] = new
        squares[r] += total


@njit(cache=True)
def update(
    circuit: Circuit, k: int, rows: int, up: FloatArray, down: FloatArray, bias: FloatArray, joined: FloatArray,
    targets: FloatArray, beta: FloatArray, ids: IntArray, states: FloatArray, squares: FloatArray,
) -> None:  # fmt: skip
    """v_k ← its exact minimiser; `joined` is what :func:`joined` says of the layer."""
    n = circuit.sizes[k]
    if k == len(circuit.sizes) - 1:
        update_output(rows, n, up, bias, joined, targets, beta, ids, states, squares)
    else:
        update_hidden(circuit.activations[k], rows, n, up, down, bias, joined, states, squares)


@njit(cache=True, fastmath=_FAST)
def add_squares(
    rows: int, copies: int, size: int, n: int, below: FloatArray, above: FloatArray, coefficients: FloatArray,
    lo: int, hi: int, rate: float, coupling: FloatArray,
) -> None:  # fmt: skip
    """Add rate · ½ Σ coefficient (v_i² + v_j²) to rows lo..hi−1 of a coupling; copies share their rows of `below`."""
    half, zero = coupling.dtype.type(0.5 * rate), coupling.dtype.type(0.0)
    sources, ends = np.zeros(hi - lo, coupling.dtype), np.zeros(n, coupling.dtype)
    for r in range(rows * copies):
        c = half * coefficients[r]
        for j in range(n):
            ends[j] += c * above[r * n + j] * above[r * n + j]
    for r in range(rows):
        once = zero
        for copy in range(copies):
            once += coefficients[copy * rows + r]
        if once != zero:  # of a clamped input they add to 0
            for i in range(lo, hi):
                sources[i - lo] += half * once * below[r * size + i] * below[r * size + i]
    for i in range(hi - lo):
        for j in range(n):
            coupling[i * n + j] += sources[i] + ends[j]
