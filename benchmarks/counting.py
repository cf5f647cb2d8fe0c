"""What counting costs: the time of a training step that goes into the ledger.

    python benchmarks/counting.py                         # a few seconds
    python benchmarks/counting.py --models fashion-mlp --device loihi1

Engines count inside their kernels, which can't be timed apart. What is new there a read is a count of the lines that
carry something; it is timed by itself on as many lines as the ledger says were driven. Calls of the ledger from Python
are timed as they are made. Both are taken as shares of the median step.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from neuroep.engines.cpu.read_kernels import lit_lines
from neuroep.learning.trainer import Progress
from neuroep.ledger import Event, Ledger
from neuroep.rng import stream
from neuroep.specs.catalogue import load_device, load_model
from neuroep.studies.estimate import sample_batch
from neuroep.studies.rig import Rig


def timed(call: Callable[..., Any], spent: list[float]) -> Callable[..., Any]:
    """Return a function that adds to spent[0] what it takes; calls within calls count once."""

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if spent[1]:
            return call(*args, **kwargs)
        spent[1], began = 1.0, time.perf_counter()
        try:
            return call(*args, **kwargs)
        finally:
            spent[0] += time.perf_counter() - began
            spent[1] = 0.0

    return wrapped


def measure(name: str, device_name: str, steps: int) -> tuple[float, float, float]:
    """Return the seconds of a step, and those of the ledger's calls and of counting lines in it."""
    model, device = load_model(name), load_device(device_name)
    network, recipe = model.network(), model.recipe(device)
    rig = Rig.of(network, recipe, device, "cpu", seed=0)
    _, samples = sample_batch(model, network, recipe.training.batch_size, 0)
    weights = rig.initial_weights()
    mounted, progress, rows = rig.mount(weights), Progress.fresh(weights), np.arange(len(samples.x))
    trainer = rig.trainer(mounted, samples, lambda _: [rows])
    rates, rng = tuple(-1e-3 * rate for rate in recipe.training.rates(network.depth, 0)), stream(0, "program")
    spent, times = [0.0, 0.0], []
    originals = {call: getattr(Ledger, call) for call in ("add", "add_read", "add_products")}
    with trainer.engine.session():
        for number in range(steps + 5):
            if number == 5:  # compiled and warm
                progress.ledger.counts[...] = 0
                spent[0] = 0.0
                for call, original in originals.items():
                    setattr(Ledger, call, timed(original, spent))
            began = time.perf_counter()
            trainer.step(rows, (0, number), rates, rng, progress)
            times.append(time.perf_counter() - began)
    for call, original in originals.items():
        setattr(Ledger, call, original)
    lines = int(progress.ledger.counts[:, Event.LINE].sum()) // steps
    filled = np.ones(lines, dtype=samples.x.dtype)
    lit_lines(lines, filled)
    best = min(_seconds(lambda: lit_lines(lines, filled)) for _ in range(20))
    return statistics.median(times[5:]), spent[0] / steps, best


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["digits-mlp", "fashion-mlp", "fashion-deep"])
    parser.add_argument("--device", default="ideal")
    parser.add_argument("--steps", type=int, default=200)
    options = parser.parse_args()
    print(f"on {options.device}: a step, the ledger's calls, counting lines, both together")
    for name in options.models:
        step, calls, lines = measure(name, options.device, options.steps)
        print(
            f"{name:14} {1e6 * step:8.0f} us {1e6 * calls:7.1f} us {1e6 * lines:7.1f} us {(calls + lines) / step:7.2%}"
        )


if __name__ == "__main__":
    main()
