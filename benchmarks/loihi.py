"""Time Loihi's integer neurons: the compiled run beside its definition in numpy.

    python benchmarks/loihi.py                                # 1,000 neurons
    python benchmarks/loihi.py --neurons 100 1000 --steps 2000

prints, for recurrent networks of random weights of which a few per cent fire in a step, microseconds a step of both and
their ratio, after both have given the same integers. One thread.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

from neuroep.hardware.loihi.neurons import LIF, LIFTrace, effective_weights, run_lif, run_lif_stepwise
from neuroep.rng import stream

NEURONS = LIF(decay_u=512, decay_v=128, threshold=4000, refractory_steps=2)
INPUTS, RATE = 100, 0.05


def seconds(run: Callable[..., LIFTrace], steps: int, repeats: int, *given: object) -> float:
    """Return the median time of a step."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        run(NEURONS, *given)
        times.append((time.perf_counter() - started) / steps)
    return statistics.median(times)


def compare(count: int, steps: int, repeats: int) -> str:
    """Return the line of a network of so many neurons."""
    rng = stream(0, "loihi", count)
    inputs = rng.random((steps, INPUTS)) < RATE
    weights = effective_weights(rng.integers(-128, 128, (INPUTS, count)) * 2, 2)
    loop = effective_weights(rng.integers(-128, 128, (count, count)) * 2, -1)
    given = (inputs, weights, loop)
    fast, slow = run_lif(NEURONS, *given), run_lif_stepwise(NEURONS, *given)
    for found, defined in zip(fast, slow, strict=True):
        np.testing.assert_array_equal(found, defined)
    compiled = seconds(run_lif, steps, repeats, *given)
    defined = seconds(run_lif_stepwise, steps, max(1, repeats // 4), *given)
    return (
        f"{count:,} neurons, {steps:,} steps, {fast.spikes.mean():.1%} fire in a step: numpy {1e6 * defined:.1f} us, "
        f"compiled {1e6 * compiled:.2f} us a step, ratio {defined / compiled:.1f}"
    )


def main() -> None:
    """Read the command line and print a line a network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--neurons", nargs="+", type=int, default=[1000])
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=8)
    options = parser.parse_args()
    for count in options.neurons:
        print(compare(count, options.steps, options.repeats))


if __name__ == "__main__":
    main()
