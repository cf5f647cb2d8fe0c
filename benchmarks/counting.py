"""What counting costs: seconds of a training with a ledger that counts, and with one that doesn't.

    python benchmarks/counting.py                # a minute
    python benchmarks/counting.py --repeats 20

Counts inside compiled kernels (lines that carry something, spikes) come with the sums themselves and stay on.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import neuroep
from neuroep.ledger import Ledger

CASES = (
    ("digits-mlp", "ideal", 6),
    ("digits-mlp", "ecram", 2),
    ("digits-mlp", "loihi1", 2),
    ("digits-spiking", "ideal", 1),
)


@contextmanager
def uncounted() -> Iterator[None]:
    """Within it, ledgers take no counts."""
    idle = {name: lambda *_, **__: None for name in ("add", "add_read", "add_products")}
    with patch.multiple(Ledger, **idle):
        yield


def seconds(model: str, device: str, epochs: int) -> float:
    """Processor time of a training."""
    began = time.process_time()
    neuroep.train(model, device=device, epochs=epochs)
    return time.process_time() - began


def main() -> None:
    """Print a line a case: medians, and the share that counting takes."""
    parser = argparse.ArgumentParser(description="what counting costs")
    parser.add_argument("--repeats", type=int, default=9)
    repeats = parser.parse_args().repeats
    print("| trained | on | counted | uncounted | counting takes |\n|---|---|---|---|---|")
    for case in CASES:
        seconds(*case[:2], 1)  # compiles
        counted, bare = [], []
        for _ in range(repeats):
            counted.append(seconds(*case))
            with uncounted():
                bare.append(seconds(*case))
        with_it, without = statistics.median(counted), statistics.median(bare)
        print(
            f"| {case[0]} | {case[1]} | {with_it:.3f} s | {without:.3f} s | {1.0 - without / with_it:.1%} |", flush=True
        )


if __name__ == "__main__":
    main()
