"""A network trained in spikes, then watched: who fires when, rates beside the continuous states, synapses that learn.

    python examples/12_in_spikes.py [FOLDER]

Units integrate and fire; a phase takes 100 or 60 steps, and what is read off is the mean state of the last 20. The
figure shows one digit, free and then nudged: the raster, the outputs' rates beside the equilibrium of the continuous
network with the same weights, and what local plasticity, from spikes and traces alone, would write meanwhile.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import neuroep
from neuroep.hardware.device import Ideal
from neuroep.ledger import Phase
from neuroep.report.spiking_figure import write_spiking_figure
from neuroep.rng import stream
from neuroep.solvers.spikes import spiking
from neuroep.studies.estimate import sample_batch
from neuroep.studies.spiking_course import last_coupling, moved_most, settle_by_spikes, written

EPOCHS, BETA = 5, 0.5


def main(folder: Path) -> None:
    """Train, say what was sent, settle a few digits, draw one."""
    model = neuroep.load_model("digits-spiking")
    outcome = neuroep.train(model, epochs=EPOCHS)
    events = outcome.ledger.events(Phase.INFERENCE)
    print(f"test accuracy {outcome.test_accuracy:.2%} after {EPOCHS} epochs in spikes")
    print(f"an inference: {events['spike'] / events['sample']:,.0f} spikes, "
          f"{events['synop'] / events['sample']:,.0f} synaptic operations")  # fmt: skip
    network, phases = model.network(), model.recipe().phases
    circuit = Ideal().mount(network, outcome.weights.astype(np.float64), stream(0, "mount")).circuit
    samples = sample_batch(model, network, 16, 0)[1]
    x, targets = samples.x.astype(np.float64), samples.targets.astype(np.float64)
    found = settle_by_spikes(circuit, x, targets, phases, BETA, 0)
    how = spiking(phases).free
    for one, name in zip(found, ("free", "nudged"), strict=True):
        counted = one.course(how.peak)[-1]
        print(f"{name}: rates counted over the phase are off by {counted:.4f}, mean states by {one.error:.4f}")
    seen = moved_most(found)
    changes = written(found, how, *last_coupling(network.sizes), seen)
    write_spiking_figure(found, network.sizes, how.peak, changes, "digits-spiking, one digit, free and nudged",
                         folder / "12_in_spikes.png", seen)  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
