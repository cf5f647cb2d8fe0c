"""Accesses a second of the compiled stacks, on one core: LRU stack distances of single floats, and ByteDMD.

    python benchmarks/stack_distance.py
    python benchmarks/stack_distance.py --millions 20

Traces are element by element: a training step of EP on the sparse-parity network float by float, a matrix-vector
product row by row, and floats at random, the worst case. Time is this process's own (CPU) time, the best of three,
after compilation; the bar is 5 M accesses a second.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from neuroep.cost.byte_dmd import Instruction, Program, byte_dmd
from neuroep.cost.stack_distance import single_floats, stack_distances
from neuroep.cost.traces import published_ep


def matvec(rows: int, columns: int) -> NDArray[np.int64]:
    """Elements touched by y = W x, row by row: a weight, an input, a sum."""
    weights = np.arange(rows * columns).reshape(rows, columns)
    inputs = np.broadcast_to(weights.size + np.arange(columns), weights.shape)
    sums = np.broadcast_to(weights.size + columns + np.arange(rows)[:, None], weights.shape)
    return np.stack([weights, inputs, sums], axis=-1).ravel()


def matmul(n: int) -> Program:
    """C = A B, product by product."""
    code = []
    for i in range(n):
        for j in range(n):
            for k in range(n):
                code.append(Instruction((f"A{i},{k}", f"B{k},{j}"), ("p" if k else f"C{i},{j}",)))
                code += [Instruction((f"C{i},{j}", "p"), (f"C{i},{j}",))] if k else []
    parts = [[f"{letter}{i},{j}" for i in range(n) for j in range(n)] for letter in "ABC"]
    return Program(parts[:2], code, parts[2])


def seconds(work: Callable[[], object], tries: int = 3) -> float:
    """Least CPU time of several tries."""
    found = []
    for _ in range(tries):
        begun = time.process_time()
        work()
        found.append(time.process_time() - begun)
    return min(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millions", type=int, default=3, help="accesses of each trace, at least (default 3)")
    wanted = parser.parse_args().millions * 1_000_000
    rng = np.random.default_rng(0)
    sequences = {
        "EP step, 20-1000-1, float by float": single_floats(published_ep(20, 1000)).elements,
        "matrix-vector, 1000 x 784": np.tile(matvec(1000, 784), 2),
        **{f"{n:,} floats at random": rng.integers(0, n, wanted) for n in (1_000, 100_000, 1_000_000)},
    }
    stack_distances([0])
    print(f"{'LRU stack distances':40} {'accesses':>12} {'M/s':>8}")
    for name, elements in sequences.items():
        whole = np.tile(elements, -(-wanted // elements.size))
        took = seconds(lambda whole=whole: stack_distances(whole))
        print(f"{name:40} {whole.size:12,} {whole.size / took / 1e6:8.1f}")
    program = matmul(48)
    operands = sum(len(step.reads) for step in program.instructions)
    byte_dmd(matmul(2))
    took = seconds(lambda: byte_dmd(program))
    print(f"{'ByteDMD, 48 x 48 product, names and all':40} {operands:12,} {operands / took / 1e6:8.2f}")


if __name__ == "__main__":
    main()
