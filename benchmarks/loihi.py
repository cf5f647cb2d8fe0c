"""Time Loihi's integers: the compiled run of neurons beside its definition in numpy, and the learning engine.

    python benchmarks/loihi.py                                # 1,000 neurons
    python benchmarks/loihi.py --neurons 100 1000 --steps 2000

prints, for recurrent networks of random weights of which a few per cent fire in a step, microseconds a step of both and
their ratio, after both have given the same integers. Then the microseconds a sample that the learning engine takes for
the weights and biases of 64-64-10, minibatches of 16, by each rule. One thread.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

from neuroep.hardware.loihi.chip import FORMS
from neuroep.hardware.loihi.neurons import LIF, LIFTrace, effective_weights, run_lif, run_lif_stepwise
from neuroep.hardware.loihi.rule_updates import Lesson, Store, learn
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


def learning_seconds(form: str, repeats: int, batch: int = 16) -> float:
    """Return the least time a sample in which the learning engine goes through 64-64-10."""
    rng, found, store = stream(0, "traces"), 0.0, Store(2, -128, 127, "element")
    for senders, receivers in ((64, 64), (1, 64), (64, 10), (1, 10)):
        below, above = (rng.integers(0, 128, (batch, 2, n)).astype(np.int32) for n in (senders, receivers))
        lesson = Lesson(below, above, np.zeros(batch, np.int32), form, 0, 1)
        codes, times = np.zeros((senders, receivers), np.int16), []
        for _ in range(repeats):
            started = time.perf_counter()
            learn(codes, lesson, store)
            times.append(time.perf_counter() - started)
        found += min(times) / batch
    return found


def main() -> None:
    """Read the command line and print a line a network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--neurons", nargs="+", type=int, default=[1000])
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=8)
    options = parser.parse_args()
    for count in options.neurons:
        print(compare(count, options.steps, options.repeats))
    for form in FORMS:
        print(f"64-64-10, learning rule {form}: {1e6 * learning_seconds(form, 10 * options.repeats):.1f} us a sample")


if __name__ == "__main__":
    main()
