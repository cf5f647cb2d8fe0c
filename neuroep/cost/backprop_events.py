"""What backprop in software counts: no zero is left out, activations are kept until the backward pass."""

from __future__ import annotations

from collections.abc import Sequence

from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Network, Skip


def count_backprop(network: Network, rows: int) -> Ledger:
    """Return the events of one training step over `rows` samples, and of as many inferences."""
    ledger = Ledger.empty(network.sizes)
    count_steps(ledger, rows, 1, network.skips)
    count_forward(ledger, Phase.INFERENCE, rows, network.skips)
    return ledger


def count_steps(ledger: Ledger, rows: int, steps: int, skips: Sequence[Skip]) -> None:
    """Add the events of `steps` training steps over `rows` samples in all."""
    count_forward(ledger, Phase.FREE, rows, skips)
    for skip in skips:
        ledger.add(Phase.NUDGED, Event.SKIP, skip.source, rows)
    for k in range(1, len(ledger.sizes)):
        if k > 1:
            ledger.add_read(Phase.NUDGED, False, k, rows)
        ledger.add(Phase.UPDATE, Event.CONTRAST, k, rows)
        ledger.add(Phase.UPDATE, Event.KEPT, k, rows)
        ledger.add(Phase.UPDATE, Event.WRITE, k, steps * ledger.sizes[k - 1] * ledger.sizes[k])


def count_forward(ledger: Ledger, phase: Phase, rows: int, skips: Sequence[Skip]) -> None:
    """Add the events of a forward pass over `rows` samples."""
    for k in range(1, len(ledger.sizes)):
        ledger.add_read(phase, True, k, rows)
        ledger.add(phase, Event.NEURON, k, rows)
    for skip in skips:
        ledger.add(phase, Event.SKIP, skip.target, rows)
    ledger.add(phase, Event.SAMPLE, 0, rows)
