"""EP's training step beside torch's backprop step: same process, same batch, same threads, medians."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from neuroep import checks
from neuroep.data import targets
from neuroep.learning.trainer import Progress, Samples
from neuroep.network import Network
from neuroep.report.store import versions
from neuroep.rng import stream
from neuroep.specs import ModelSpec
from neuroep.studies.rig import Rig

#: Batches that the two sides draw from, so that inputs come from memory and not from a warm cache.
POOL = 64
#: EP and backprop take turns in runs of this many steps, so that both meet the same machine.
TURN = 20


class StepTime(NamedTuple):
    """Median step times in milliseconds, and their ratio."""

    name: str
    model: str
    engine: str
    batch: int
    threads: int
    ep_ms: float
    backprop_ms: float
    ratio: float


def machine() -> dict[str, Any]:
    """Return what the figures were measured on."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    return {"cpu": model, "cores": os.cpu_count(), "system": platform.system(), "versions": versions()}


def step_times(
    models: list[ModelSpec], batches: list[int | None], threads: list[int], steps: int, engine: str = "auto"
) -> Iterator[StepTime]:
    """Time training steps at each model's own recipe (`None` is its own batch size), on random inputs."""
    for model in models:
        for batch in batches:
            for count in threads:
                yield _time_step(model, batch or model.recipe().training.batch_size, count, steps, engine)


def _time_step(model: ModelSpec, batch: int, threads: int, steps: int, engine: str) -> StepTime:
    from neuroep.bridges.torch_tensors import torch_threads
    from neuroep.bridges.torch_twin import Twin

    network, recipe = model.network(), model.recipe()
    samples = _samples(network, batch * POOL)
    rig = Rig.of(network, recipe, engine=engine, threads=threads)
    weights, runner = rig.initial_weights(), rig.engine
    trainer = rig.trainer(rig.mount(weights), samples)
    progress, rng = Progress.fresh(weights), stream(0, "program")
    rates = tuple(-rate for rate in recipe.training.rates(network.depth, 0))
    order = stream(0, "order").permutation(batch * POOL).reshape(POOL, batch)
    with runner.session(), torch_threads(threads):
        import torch

        twin = Twin(network, weights, recipe.backprop, samples.x, samples.targets, samples.labels)
        indices = [torch.from_numpy(rows) for rows in order]
        ep, backprop = _alternate(
            lambda i: trainer.step(order[i % POOL], (0, i), rates, rng, progress),
            lambda i: twin.step(indices[i % POOL]),
            steps,
        )
    return StepTime("step", model.name, runner.name, batch, threads, ep, backprop, ep / backprop)


def _alternate(first: Callable[[int], object], second: Callable[[int], object], steps: int) -> tuple[float, float]:
    """Return the median milliseconds of each, over at least `steps` calls taken in turns, warm-up left out."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(1 + -(-steps // TURN)):
        for call, taken in zip((first, second), times, strict=True):
            for i in range(TURN):
                began = time.perf_counter()
                call(turn * TURN + i)
                if turn:
                    taken.append(time.perf_counter() - began)
    return 1e3 * statistics.median(times[0]), 1e3 * statistics.median(times[1])


def _samples(network: Network, count: int) -> Samples:
    checks.room(checks.whole(count, "--batch", 1) * network.sizes[0], "--batch")
    rng = stream(0, "samples")
    classes = max(2, network.sizes[-1])
    labels = rng.integers(0, classes, size=count)
    x = rng.uniform(size=(count, network.sizes[0])).astype(np.float32)
    return Samples(x, targets(labels, classes, network.cost, network.sizes[-1]), labels)
