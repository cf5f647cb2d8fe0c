"""What an engine sees: a network as one device lowers it, in arrays and scalars only."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.weights import FloatArray


class Skips(NamedTuple):
    """Identity skips between layers, found from either end in O(1).

    A skip of gain α from layer i to layer j brings layer j α s_i, and layer i α γ^{j−i} s_j.

    Attributes
    ----------
    into, out : ndarray of int64, shape (L + 2,)
        Where the skips into, and out of, each layer begin and end: those into layer k are into[k]..into[k + 1] − 1.
    sources, targets : ndarray of int64, shape (skips,)
        Their other ends: of those into layers in the order of `into`, of those out of layers in that of `out`.
    entering, leaving : ndarray of float64, shape (skips,)
        Their gains α, in the same orders.
    """

    into: NDArray[np.int64]
    sources: NDArray[np.int64]
    entering: NDArray[np.float64]
    out: NDArray[np.int64]
    targets: NDArray[np.int64]
    leaving: NDArray[np.float64]


class Circuit(NamedTuple):
    """Effective weights, converters and noise of a mounted network.

    Buffers are laid out as in :class:`neuroep.weights.Weights`. A device that programs its weights
    refreshes these buffers in place, so a circuit stays valid over a whole training run.

    Attributes
    ----------
    sizes : ndarray of int64, shape (L + 1,)
        Units per layer.
    activations : ndarray of int64, shape (L + 1,)
        Codes of :class:`neuroep.network.Activation`.
    cost : int
        Code of :class:`neuroep.network.Cost`.
    last : int
        Index D of the last dynamical layer: L, or L−1 under a read-out.
    physics : int
        Code of the energy that states minimise (:data:`neuroep.physics.known.PHYSICS`).
    feedback : float
        Feedback gain γ.
    reach : ndarray of float64, shape (L + 1,)
        γ^{D−k}: the share of a nudge of the output that is left in layer k, by which the contrast of what couples
        into it is divided. 1 for a read-out.
    up, down : ndarray
        Couplings as read from below (s_{k−1} → layer k) and from above (s_k → layer k−1). Both in the
        layout (n_{k−1}, n_k); the same buffer where the two reads agree.
    biases : ndarray
        b_1..b_L.
    dac_bits, adc_bits : int
        Resolution of what drives the lines and of what is read from them; 0 means no converter.
    dac_bound : ndarray, shape (L + 1,)
        Largest |state| of layer k that the DAC can drive.
    adc_bound : ndarray, shape (L + 1,)
        Largest |weighted sum| that the ADC of coupling k = 1..L can read; entry 0 isn't used.
    noise_up, noise_down : ndarray, shape (L + 1,)
        Standard deviation of the noise of one conversion of an upward and of a downward read of the whole of coupling
        k, in units of the weighted sum. A tile that holds m of the n lines has √(m/n) of it.
    averaged : int
        How often each read is converted, with independent noise; the mean is taken. At least 1.
    managed : int
        1 where the largest magnitude a of each row of lines is scaled to the DAC's bound and the sums, once
        converted, back by a/bound (aihwkit's ABS_MAX noise management): `adc_bound` and noise are then those of lines
        that span the bound, which must be positive. Rows of zeros read as exactly 0. 0 where lines are as they are.
    tile_rows, tile_columns : int
        Largest array, 0 without limit. An upward read sums the ⌈n_{k−1}/tile_rows⌉ parts of its lines, a downward
        one the ⌈n_k/tile_columns⌉, each with its own noise and its own ADC.
    tau_seconds : ndarray, shape (L + 1,)
        Time constants.
    starts, units : ndarray of int64, shape (L + 1,)
        Where each coupling starts in `up` and `down`, and each layer in `biases`, and where the last ends.
    skips : Skips
        States that are added as they are to the input of layers further on, and back.
    trace_bits : int
        Bits of the traces that learning reads in place of states; 0 means the states themselves. Settling doesn't
        see it.
    changes : int
        1 where a read drives only what has changed on its lines since they were last driven, and adds what comes back
        to the sum it has; 0 where it drives the states as they are. With management, noise and steps then shrink with
        the change.
    adjoint : int
        1 where nudged phases read changes through the other direction's weights, upward ones through `down` and
        downward ones through `up`, as Asymmetric EP asks where the two differ; needs `changes`.
    unit : float
        Weight of one step of a chip's mantissa at exponent 0; 0 where weights aren't such mantissas by powers of two.
    """

    sizes: NDArray[np.int64]
    activations: NDArray[np.int64]
    cost: int
    last: int
    physics: int
    feedback: float
    reach: NDArray[np.float64]
    up: FloatArray
    down: FloatArray
    biases: FloatArray
    dac_bits: int
    adc_bits: int
    dac_bound: FloatArray
    adc_bound: FloatArray
    noise_up: FloatArray
    noise_down: FloatArray
    averaged: int
    managed: int
    tile_rows: int
    tile_columns: int
    tau_seconds: NDArray[np.float64]
    starts: NDArray[np.int64]
    units: NDArray[np.int64]
    skips: Skips
    trace_bits: int = 0
    changes: int = 0
    adjoint: int = 0
    unit: float = 0.0


def coupling_up(circuit: Circuit, k: int) -> FloatArray:
    """Return W_k as read from below, a view (n_{k−1}, n_k)."""
    return _block(circuit, circuit.up, k)


def coupling_down(circuit: Circuit, k: int) -> FloatArray:
    """Return W_k as read from above, a view (n_{k−1}, n_k)."""
    return _block(circuit, circuit.down, k)


def layer_bias(circuit: Circuit, k: int) -> FloatArray:
    """Return b_k, a view (n_k,)."""
    return circuit.biases[circuit.units[k - 1] : circuit.units[k]]


def _block(circuit: Circuit, buffer: FloatArray, k: int) -> FloatArray:
    part = buffer[circuit.starts[k - 1] : circuit.starts[k]]
    return part.reshape(circuit.sizes[k - 1], circuit.sizes[k])


def skipping(circuit: Circuit, k: int, displaced: bool = False) -> list[tuple[int, float]]:
    """Return the layers whose states skips bring to layer k, each with its gain: those below, then those above.

    Displacements are in units of γ^{D−k}, so that it is those of the layers below that are weakened by γ^{k−i}.
    """
    skips, γ = circuit.skips, circuit.feedback
    below, above = slice(*skips.into[k : k + 2]), slice(*skips.out[k : k + 2])
    found = zip((*skips.sources[below], *skips.targets[above]), (*skips.entering[below], *skips.leaving[above]),
                strict=True)  # fmt: skip
    return [(int(j), float(gain) * (γ ** abs(int(j) - k) if (j < k) == displaced else 1.0)) for j, gain in found]


def has_noise(circuit: Circuit) -> bool:
    """Return whether any read is noisy."""
    return bool(circuit.noise_up.any() or circuit.noise_down.any())


def reads_exactly(circuit: Circuit) -> bool:
    """Return whether every read is a plain product of the states: no converter, no noise, nothing adjoint."""
    return not (circuit.dac_bits or circuit.adc_bits or circuit.adjoint or has_noise(circuit))


def unclocked(circuit: Circuit) -> Circuit:
    """Return the circuit that the same weights make where amplifiers hold the lines all the time.

    There are no converters then, nothing that is drawn anew at each of their reads, no tiles whose sums are converted
    apart, and no registers for changes.
    """
    off = np.zeros_like(circuit.noise_up)
    return circuit._replace(
        dac_bits=0, adc_bits=0, noise_up=off, noise_down=off.copy(), averaged=1, managed=0, tile_rows=0, tile_columns=0,
        changes=0, adjoint=0,
    )  # fmt: skip


def keeps_registers(circuit: Circuit) -> bool:
    """Return whether reads add changes to the sums there are; where they are exact, driving the states is the same."""
    return bool(circuit.changes) and not reads_exactly(circuit)


class ReadSize(NamedTuple):
    """What one row costs in one read: reads of the array, lines driven and sums converted."""

    reads: int
    lines: int
    sums: int


def tiles(lines: int, largest: int) -> int:
    """Return the number of arrays side by side that hold so many lines; `largest` 0 is without limit."""
    return -(-lines // largest) if largest else 1


def read_size(circuit: Circuit, k: int, upward: bool) -> ReadSize:
    """Return what one row costs in one read of coupling k: every array drives its lines and converts its sums."""
    below, size = int(circuit.sizes[k - 1]), int(circuit.sizes[k])
    from_below = below * tiles(size, circuit.tile_columns) * circuit.averaged
    from_above = size * tiles(below, circuit.tile_rows) * circuit.averaged
    return ReadSize(circuit.averaged, *((from_below, from_above) if upward else (from_above, from_below)))
