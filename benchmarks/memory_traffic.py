"""What one training step moves: EP as published and as run, backprop with and without buffers and recomputation.

    python benchmarks/memory_traffic.py                        # the sparse-parity network, 20-1000-1; seconds
    python benchmarks/memory_traffic.py --batch 64
    python benchmarks/memory_traffic.py --sizes 784 512 256 10 --sweeps 60 15
    python benchmarks/memory_traffic.py --sizes 256 256 256 256 256 256 256 256 10

ARD and DMC by the clock grow with the step whatever a memory holds; LRU ARD, DMD and ByteDMD are stack distances. The
last columns are the shares of floats read that miss in LRU memories. Contrasts and gradients go straight into the
weights, as a plain rule's do; `buffers`: they stand in buffers of their own first; `blocks`: EP as
the cpu engine's kernels settle it, in blocks of at most 128 samples, copy by copy.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

from neuroep.cost.closed_forms import working_set
from neuroep.cost.reuse import Access
from neuroep.cost.traces import backprop_step, published_ep
from neuroep.learning.access import ep_step_trace
from neuroep.learning.block_access import block_step_trace
from neuroep.network import chain
from neuroep.recipe import Estimator, Order, Phases
from neuroep.studies.estimate import memory_of

CAPACITIES = (2**13, 2**15, 2**20)
"""Bytes of the memories: 8 KB, 32 KB, 1 MB."""


def steps(sizes: tuple[int, ...], phases: Phases, batch: int) -> dict[str, list[Access]]:
    """Traces by name; what was published has one hidden layer and one output."""
    found = {}
    if len(sizes) == 3 and sizes[2] == 1 and batch == 1:
        found["EP as published, 30 + 30"] = published_ep(*sizes[:2])
    for how in (phases, replace(phases, free_sweeps=1, nudged_sweeps=1)):
        name = f"EP, {how.free_sweeps} + {how.nudged_sweeps} sweeps"
        found[f"{name}, buffers"] = ep_step_trace(chain(sizes), how, batch=batch)
        found[name] = ep_step_trace(chain(sizes), how, batch=batch, direct=True)
        found[f"{name}, blocks"] = block_step_trace(chain(sizes), how, batch, direct=True)
    found["backprop as published"] = backprop_step(sizes, batch=batch)
    found["backprop"] = backprop_step(sizes, batch=batch, direct=True)
    for segment in sorted({1, round((len(sizes) - 1) ** 0.5)}):
        found[f"backprop, keeps each {segment}."] = backprop_step(sizes, segment=segment, batch=batch, direct=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[20, 1000, 1], help="units per layer")
    parser.add_argument("--sweeps", type=int, nargs=2, default=[20, 10], help="free and nudged (default 20 10)")
    parser.add_argument("--batch", type=int, default=1, help="samples of a step (default 1)")
    options = parser.parse_args()
    sizes, (free, nudged) = tuple(options.sizes), options.sweeps
    phases = Phases(Estimator.CENTERED, 0.1, free, nudged, Order.FORWARD, Order.BACKWARD)
    misses = [f"miss {capacity // 1024} KB" for capacity in CAPACITIES]
    header = ("step", "reads", "floats", "ARD", "LRU ARD", "DMC", "DMD", "ByteDMD", *misses)
    print(f"{header[0]:26}" + "".join(f"{name:>16}" for name in header[1:]))
    for name, trace in steps(sizes, phases, options.batch).items():
        found = memory_of(trace)
        figures = (found.reads, found.floats, found.weighted_ard, found.lru_weighted_ard, found.dmc, found.dmd)
        shares = found.misses.at([capacity // 4 for capacity in CAPACITIES])
        print(
            f"{name:26}"
            + "".join(f"{figure:16,.0f}" for figure in (*figures, found.byte_dmd))
            + "".join(f"{share:16.1%}" for share in shares)
        )
    sets = working_set(chain(sizes), phases, options.batch)
    print(f"EP's working set: {4 * sets[0]:,} bytes in a free sweep, {4 * sets[1]:,} in a nudged one")


if __name__ == "__main__":
    main()
