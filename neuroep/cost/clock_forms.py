"""Weighted ARD and DMC of a training step of an n-h-m network in closed form: every read with its clock distance.

Sizes are a = n h and c = h m for the couplings, P = a + h + c + m for all parameters; loading parameters, input and
target takes the clock to E = P + n + m. A read that recurs in every sweep is one line: its distance in the first of
them, and by how much it grows from one to the next. What is written in every sweep keeps its distance, what isn't
(weights, biases, the input's sum) recedes by a whole sweep each time: ARD by the clock grows with the number of sweeps
whatever a memory holds, which is why the LRU figures stand beside it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from neuroep import checks


class ClockReads(NamedTuple):
    """Reads of a buffer, one in each of several sweeps: `size` floats at distances first, first + growth and so on."""

    size: int
    first: int
    growth: int = 0
    times: int = 1


def weighted_ard(reads: list[ClockReads]) -> float:
    """Return Σ m d / Σ m, in floats: arithmetic series."""
    total = sum(m * times * (2 * first + (times - 1) * growth) for m, first, growth, times in reads)
    return total / (2 * sum(m * times for m, _, _, times in reads))


def clock_dmc(reads: list[ClockReads]) -> float:
    """Return Σ m √d."""
    return math.fsum(
        m * math.sqrt(first + sweep * growth) for m, first, growth, times in reads for sweep in range(times)
    )


def backprop_reads(n: int, h: int, m: int, recompute: bool = False, direct: bool = False) -> list[ClockReads]:
    """Return the reads of one step of backprop on n-h-m: :func:`neuroep.cost.traces.backprop_step`.

    Parameters
    ----------
    n, h, m : int
        Units.
    recompute : bool
        Whether the hidden pre-activations are computed anew on the way back (segments of one layer), not kept.
    direct : bool
        Whether gradients go straight into the weights.

    Raises
    ------
    BadInput
        If a layer has no units.
    """
    a, c, _, end = _loaded(n, h, m)
    forward = [
        ClockReads(n, n + m), ClockReads(a, end + n), ClockReads(h, end + n), ClockReads(h, h),
        ClockReads(h, h), ClockReads(c, end + n + 4 * h), ClockReads(m, end + n + 4 * h),
        ClockReads(m, m), ClockReads(m, n + a + 5 * h + c + 4 * m),
    ]  # fmt: skip
    gap = n + a + 2 * h if recompute else 0  # floats moved to recompute
    turn = 2 * n + a + 5 * h + c + 5 * m
    recomputed = [ClockReads(n, turn + m), ClockReads(a, end + turn), ClockReads(h, end + turn)] if recompute else []
    if direct:
        return [*forward, *recomputed, *_direct_reads((n, h, m), end + turn - m - n, gap)]
    backward = [
        ClockReads(m, m + gap), ClockReads(h, 2 * h + c + 6 * m + gap),
        ClockReads(c, end + n + 5 * h + 2 * c + 7 * m + gap), ClockReads(m, h + 2 * c + 3 * m + gap),
        ClockReads(h, h), ClockReads(h, 4 * h + 2 * c + 3 * m if recompute else 7 * h + 3 * c + 8 * m),
    ]  # fmt: skip
    past = 2 * n + a + 11 * h + 3 * c + 8 * m + gap  # from E to the update of W1
    update = [
        ClockReads(h, h), ClockReads(n, past + m), ClockReads(a, end + past),
        ClockReads(h, 2 * h + n + 2 * a), ClockReads(h, end + past + a + h),
        ClockReads(c, n + 2 * a + 8 * h + 2 * c + 2 * m), ClockReads(c, end + past + a + 2 * h + c),
        ClockReads(m, n + 2 * a + 8 * h + 4 * c + 2 * m), ClockReads(m, end + past + a + 2 * h + 2 * c + m),
    ]  # fmt: skip
    return forward + recomputed + backward + update


def _direct_reads(sizes: tuple[int, int, int], error: int, gap: int) -> list[ClockReads]:
    """Reads of the way back from `error`, when the output's was written: W_2 is read down, then changed, then W_1."""
    n, h, m = sizes
    a, c, load, end = _loaded(n, h, m)
    down = error + m + gap
    derivative = down + 3 * c + 5 * m + 2 * h  # once W_2 and b_2 are changed
    kept = error + m + n + a + h if gap else end + n + a + h  # when the pre-activations were written
    below = derivative + 4 * h
    return [
        ClockReads(c, down - a - h), ClockReads(m, down + c - error),
        ClockReads(m, down + c + m + h - error), ClockReads(h, down + c + 2 * m + h - end - n - a - 3 * h),
        ClockReads(c, down + c + 2 * m + 2 * h - a - h), ClockReads(m, down + 3 * c + 2 * m + 2 * h - error),
        ClockReads(m, down + 3 * c + 3 * m + 2 * h - a - h - c),
        ClockReads(h, derivative - down - c - m), ClockReads(h, derivative + h - kept),
        ClockReads(h, h), ClockReads(n, below - load), ClockReads(a, below + n), ClockReads(h, n + 2 * a + 2 * h),
        ClockReads(h, below + h + n + a),
    ]  # fmt: skip


def ep_reads(n: int, h: int, m: int, free: int, nudged: int, copies: int = 2, direct: bool = False) -> list[ClockReads]:
    """Return the reads of one step of EP on n-h-m by squared error: :func:`neuroep.learning.access.ep_step_trace`.

    Parameters
    ----------
    n, h, m : int
        Units.
    free, nudged : int
        Sweeps, forward in the free phase and backward in the nudged one.
    copies : int
        Nudged copies: 2 for the centered estimator, 1 where the free states take part in the difference.
    direct : bool
        Whether contrasts go straight into the weights.

    Raises
    ------
    BadInput
        If a layer has no units, a phase no sweeps, or there are more copies than two.
    """
    t, k = checks.whole(free, "free", 1), checks.whole(nudged, "nudged", 1)
    copies = checks.whole(copies, "copies", 1, 2)
    a, c, load, end = _loaded(n, h, m)
    drive, sweep = end + n + a, 6 * h + 5 * m + 2 * c
    start = drive + h
    second = start + 4 * h + c + 4 * m
    reads = [
        ClockReads(n, n + m), ClockReads(a, end + n),
        # the first free sweep: nothing comes from above yet
        ClockReads(h, start - a), ClockReads(h, 2 * h), ClockReads(h, h), ClockReads(c, start + 3 * h - a),
        ClockReads(m, start + 3 * h + m - a), ClockReads(m, 2 * m),
        # further ones: down by W2, then up
        ClockReads(m, m, 0, t - 1), ClockReads(c, second + m - a - h, sweep, t - 1),
        ClockReads(h, second + m + c + h - a, sweep, t - 1),
        ClockReads(h, second + m + c + 2 * h - drive, sweep, t - 1), ClockReads(h, 3 * h, 0, t - 1),
        ClockReads(h, h, 0, t - 1), ClockReads(c, second + m + c + 5 * h - a, sweep, t - 1),
        ClockReads(m, second + 2 * m + c + 5 * h - a, sweep, t - 1), ClockReads(m, 2 * m, 0, t - 1),
    ]  # fmt: skip
    rest = second + (t - 1) * sweep
    begin, target = (rest + m + copies * m, rest + m) if copies > 1 else (rest, load + n)
    reads += [ClockReads(m, rest - load - n)] if copies > 1 else []
    nudged_reads, settled = _nudged_reads((n, h, m), k, copies, begin, target, rest)
    return [*reads, *nudged_reads, *_update_reads((n, h, m), copies, settled, rest, direct)]


def _nudged_reads(
    sizes: tuple[int, int, int], k: int, copies: int, begin: int, target: int, rest: int
) -> tuple[list[ClockReads], int]:
    """Reads of the nudged sweeps, and when they end; `target`, `rest`: when y′ was written, the free phase ended."""
    n, h, m = sizes
    a, c, _, end = _loaded(n, h, m)
    drive, p, q = end + n + a, copies * h, copies * m  # when the input's sum was written; copied units
    sweep = 4 * p + 2 * c + 5 * q + m + 2 * h
    down = begin + 2 * m + 3 * q
    second = down + c + 3 * p + 2 * h
    later = second + p + c + q
    reads = [
        ClockReads(m, begin - a - h - c), ClockReads(m, begin + 5 * m - rest), ClockReads(q, begin + 2 * m - target),
        ClockReads(q, q), ClockReads(c, down - a - h), ClockReads(h, down + c + p - a),
        ClockReads(h, down + c + p + h - drive), ClockReads(p, p + 2 * h),
        # further sweeps: up by W2, then down
        ClockReads(p, p, 0, k - 1), ClockReads(c, second + p - a - h, sweep, k - 1),
        ClockReads(m, later - a - h - c, sweep, k - 1), ClockReads(q, q + m, 0, k - 1),
        ClockReads(q, later + q + m - target, sweep, k - 1), ClockReads(q, q, 0, k - 1),
        ClockReads(c, later + 4 * q + m - a - h, sweep, k - 1),
        ClockReads(h, later + 4 * q + m + c + p - a, sweep, k - 1),
        ClockReads(h, later + 4 * q + m + c + p + h - drive, sweep, k - 1), ClockReads(p, p + 2 * h, 0, k - 1),
    ]  # fmt: skip
    return reads, second + (k - 1) * sweep


def _update_reads(sizes: tuple[int, int, int], copies: int, settled: int, rest: int, direct: bool) -> list[ClockReads]:
    """Reads of the contrast and of the update; `settled` is when the nudged phase ended."""
    n, h, m = sizes
    a, c, load, _ = _loaded(n, h, m)
    p, q, with_free = copies * h, copies * m, copies == 1
    hidden, output = rest - 2 * h - 4 * m - c, rest - m  # when the free states were written last
    held, shift = (h, m) if with_free else (0, 0)
    above = settled + held + p + shift + q  # when W2's contrast is there
    first = above + (2 if direct else 1) * (c + m)
    below = first + n + held + p  # W1's
    free = [
        ClockReads(h, settled - hidden), ClockReads(m, settled + held + p - output), ClockReads(h, first + n - hidden)
    ]  # fmt: skip
    states = [
        *(free if with_free else []),
        ClockReads(p, held + p), ClockReads(q, above - settled + 3 * p + 2 * h + c + q), ClockReads(n, first - load),
        ClockReads(p, first + n + held - settled + p),
    ]  # fmt: skip
    if direct:
        return [
            *states, ClockReads(c, above - a - h), ClockReads(m, above + c - a - h), ClockReads(a, below),
            ClockReads(h, below + a),
        ]  # fmt: skip
    now = below + a + h
    last = now + 3 * a + 3 * h
    return [
        *states,
        ClockReads(a, now - below), ClockReads(a, now + a), ClockReads(h, now + 2 * a - below),
        ClockReads(h, now + 2 * a + h), ClockReads(c, last - above), ClockReads(c, last + c - a - h),
        ClockReads(m, last + 2 * c - above), ClockReads(m, last + 2 * c + m - a - h),
    ]  # fmt: skip


def _loaded(n: int, h: int, m: int) -> tuple[int, int, int, int]:
    """Return n h, h m, the clock when the parameters are loaded, and when input and target are."""
    for name, units in (("n", n), ("h", h), ("m", m)):
        checks.whole(units, name, 1)
    load = n * h + h + h * m + m
    return n * h, h * m, load, load + n + m
