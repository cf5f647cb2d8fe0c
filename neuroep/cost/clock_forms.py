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


def backprop_reads(n: int, h: int, m: int, recompute: bool = False) -> list[ClockReads]:
    """Return the reads of one step of backprop on n-h-m: :func:`neuroep.cost.traces.backprop_step`.

    Parameters
    ----------
    n, h, m : int
        Units.
    recompute : bool
        Whether the hidden pre-activations are computed anew on the way back (segments of one layer), not kept.

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
    recomputed = [ClockReads(n, turn + m), ClockReads(a, end + turn), ClockReads(h, end + turn)]
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
    return forward + (recomputed if recompute else []) + backward + update


def ep_reads(n: int, h: int, m: int, free: int, nudged: int, copies: int = 2) -> list[ClockReads]:
    """Return the reads of one step of EP on n-h-m by squared error: :func:`neuroep.learning.access.ep_step_trace`.

    Parameters
    ----------
    n, h, m : int
        Units.
    free, nudged : int
        Sweeps, forward in the free phase and backward in the nudged one.
    copies : int
        Nudged copies: 2 for the centered estimator, 1 where the free states take part in the difference.

    Raises
    ------
    BadInput
        If a layer has no units, a phase no sweeps, or there are more copies than two.
    """
    t, k = checks.whole(free, "free", 1), checks.whole(nudged, "nudged", 1)
    copies = checks.whole(copies, "copies", 1, 2)
    a, c, load, end = _loaded(n, h, m)
    drive, sweep = end + n + a, 6 * h + 5 * m + 2 * c
    start = drive + 3 * h + 2 * m
    second = start + 5 * h + c + 4 * m
    rest = second + (t - 1) * sweep
    reads = [
        ClockReads(n, n + m), ClockReads(a, end + n),
        # the first free sweep
        ClockReads(h, 3 * h + 2 * m), ClockReads(h, start + h - a), ClockReads(h, 3 * h + 2 * m),
        ClockReads(h, h), ClockReads(c, start + 4 * h - a), ClockReads(m, m), ClockReads(m, start + 4 * h + 2 * m - a),
        # further ones: down by W2, then up
        ClockReads(m, m, 0, t - 1), ClockReads(c, second + m - a - h, sweep, t - 1),
        ClockReads(h, second + m + c + h - drive, sweep, t - 1),
        ClockReads(h, second + m + c + 2 * h - a, sweep, t - 1),
        ClockReads(h, 3 * h, 0, t - 1), ClockReads(h, h, 0, t - 1),
        ClockReads(c, second + m + c + 5 * h - a, sweep, t - 1), ClockReads(m, m, 0, t - 1),
        ClockReads(m, second + 3 * m + c + 5 * h - a, sweep, t - 1),
        # nudged copies are made
        ClockReads(h, 2 * h + 4 * m + c), ClockReads(h, rest + h - drive),
        ClockReads(m, 2 * h + 2 * copies * h + m), ClockReads(m, 2 * h + 2 * copies * h + 5 * m),
    ]  # fmt: skip
    copied = rest + 2 * h + 2 * copies * h + 2 * m + 2 * copies * m
    target = copied + m if copies > 1 else load + n
    begin = copied + (m + copies * m if copies > 1 else 0)
    reads += [ClockReads(m, copied - load - n)] if copies > 1 else []
    reads += [ClockReads(copies * m, begin - copied + copies * m)]
    return reads + _nudged_reads(n, h, m, k, copies, begin, target, rest)


def _nudged_reads(n: int, h: int, m: int, k: int, copies: int, begin: int, target: int, rest: int) -> list[ClockReads]:
    """Reads from the nudged sweeps' first bias on; `target`, `rest`: when y′ was written, and the free phase ended."""
    a, c, load, _ = _loaded(n, h, m)
    p, q = copies * h, copies * m  # copied hidden and output units
    sums = rest + 2 * h + p  # when u1′ was written
    sweep = 5 * p + 2 * c + 5 * q + m + h
    down = begin + 4 * q + m
    second = down + c + 4 * p + h
    later = second + p + c + 2 * q
    reads = [
        ClockReads(m, begin + q - a - h - c), ClockReads(q, begin + q + m - target), ClockReads(q, q),
        ClockReads(c, down - a - h), ClockReads(p, down + c + p - sums), ClockReads(h, down + c + 2 * p - a),
        ClockReads(p, 2 * p + h),
        # further sweeps: up by W2, then down
        ClockReads(p, p, 0, k - 1), ClockReads(c, second + p - a - h, sweep, k - 1), ClockReads(q, q, 0, k - 1),
        ClockReads(m, later - a - h - c, sweep, k - 1), ClockReads(q, later + m - target, sweep, k - 1),
        ClockReads(q, q, 0, k - 1), ClockReads(c, later + 3 * q + m - a - h, sweep, k - 1),
        ClockReads(p, later + 3 * q + m + c + p - sums, sweep, k - 1),
        ClockReads(h, later + 3 * q + m + c + 2 * p - a, sweep, k - 1), ClockReads(p, 2 * p + h, 0, k - 1),
    ]  # fmt: skip
    settled = second + (k - 1) * sweep
    return [*reads, ClockReads(n, settled - load), *_update_reads(n, h, m, copies, settled, rest)]


def _update_reads(n: int, h: int, m: int, copies: int, settled: int, rest: int) -> list[ClockReads]:
    """Reads of the contrast from the hidden states on, and of the update; `settled` is when the nudged phase ended."""
    a, c, _, _ = _loaded(n, h, m)
    p, q, with_free = copies * h, copies * m, copies == 1
    hidden, output = rest - 2 * h - 4 * m - c, rest - m  # when the free states were written last
    held, shift = (h, m) if with_free else (0, 0)
    first = settled + n + held + p  # when dW1 is written
    then = first + a + h + held + p
    gradient = then + shift + q  # when dW2 is written
    now = gradient + c + m
    free = [ClockReads(h, settled + n - hidden), ClockReads(h, first + a + h - hidden), ClockReads(m, then - output)]
    return [
        *(free if with_free else []),
        ClockReads(p, n + held + p), ClockReads(p, then - settled),
        ClockReads(q, then + shift - settled + 4 * p + c + 2 * q + h),
        ClockReads(a, now - first), ClockReads(a, now + a),
        ClockReads(h, now + 2 * a - first), ClockReads(h, now + 2 * a + h),
        ClockReads(c, now + 3 * a + 3 * h - gradient), ClockReads(c, now + 2 * a + 2 * h + c),
        ClockReads(m, now + 3 * a + 3 * h + 2 * c - gradient), ClockReads(m, now + 2 * a + 2 * h + 2 * c + m),
    ]  # fmt: skip


def _loaded(n: int, h: int, m: int) -> tuple[int, int, int, int]:
    """Return n h, h m, the clock when the parameters are loaded, and when input and target are."""
    for name, units in (("n", n), ("h", h), ("m", m)):
        checks.whole(units, name, 1)
    load = n * h + h + h * m + m
    return n * h, h * m, load, load + n + m
