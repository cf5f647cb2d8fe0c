"""What drives a line: states, or what has changed; and wires that two directions see differently.

    python examples/10_reads_of_changes.py [FOLDER]

Left: behind noisy converters EP's gradient drowns as the network learns, since each read has the noise of the whole
state and the gradient is an ever smaller difference of states. Averaging reads pays with conversions; driving what has
changed doesn't, as noise then scales with the nudge. Right: where word and bit lines have resistance and downward reads
go through the other ends of the lines, W_up ≠ W_down and EP's gradient is biased. Sending nudged changes through the
other direction's weights (Asymmetric EP, arXiv 2602.03670) makes it exact, but for units that a nudge takes
over a kink.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import neuroep
from neuroep.engines import create
from neuroep.hardware.cells.steps import ConstantStep
from neuroep.hardware.crossbar.device import Crossbar
from neuroep.hardware.crossbar.wires import Ends
from neuroep.hardware.crossbar.wiring import Wires
from neuroep.learning.readings import ep_gradients
from neuroep.network import initial_weights
from neuroep.recipe import Programming, Reads
from neuroep.rng import stream
from neuroep.studies.device_fidelity import EXACT, exact_gradient
from neuroep.studies.estimate import sample_batch
from neuroep.studies.fidelity import slope

READS = (1, 4, 16, 64)
OHM = (0.1, 0.3, 1.0, 3.0, 10.0)
CELL = ConstantStep(dw_min=0.001, w_min=-1.0, w_max=1.0)
MODEL = neuroep.load_model("digits-mlp")
NETWORK = MODEL.network()


def batch(dtype: type) -> tuple[np.ndarray, np.ndarray]:
    """64 digits and their targets."""
    samples = sample_batch(MODEL, NETWORK, 64, 0)[1]
    return samples.x.astype(dtype), samples.targets.astype(dtype)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Of the angle between two gradients of one coupling."""
    return float(a.ravel() @ b.ravel() / (np.linalg.norm(a) * np.linalg.norm(b)))


def behind_converters(weights: neuroep.Weights, reads: Reads, averaged: int) -> float:
    """Cosine of the first coupling's gradient with the exact one, by the model's own phases."""
    device = neuroep.load_device("noisy-periphery").build()
    device = device.programmed_by(Programming(reads=reads, averaged_reads=averaged, headroom=1.0))
    circuit = device.mount(NETWORK, weights, stream(0, "mount")).circuit
    x, y = batch(np.float32)
    found = ep_gradients(create("cpu", 1), circuit, x, y, MODEL.recipe().phases)
    exact, _ = exact_gradient(create("cpu", 1), NETWORK, circuit, x, y)
    return cosine(found.coupling(1).astype(float), exact.coupling(1))


def behind_wires(ohm: float) -> tuple[float, float]:
    """Relative error of the first coupling's gradient with plain and with adjoint reads, beside finite differences."""
    plain = Crossbar(name="wired", g_min_siemens=0.0, g_max_siemens=100e-6, cell=CELL, headroom=4.0)
    device = replace(plain, wires=Wires(word_ohm=ohm, bit_ohm=ohm, ends=Ends.OPPOSITE))
    weights = initial_weights(NETWORK, stream(0, "weights"), np.float64)
    circuit = device.mount(NETWORK, weights, stream(0, "mount")).circuit
    x, y = batch(np.float64)
    engine, rng = create("cpu", 1), stream(0, "directions")
    directions = [rng.standard_normal((64, 64)) for _ in range(8)]
    slopes = np.array([slope(engine, circuit, x, y, EXACT, 1, d) for d in directions])
    errors = []
    for adjoint in (0, 1):
        found = ep_gradients(engine, circuit._replace(changes=1, adjoint=adjoint), x, y, EXACT).coupling(1)
        projected = np.array([float((found * d).sum()) for d in directions])
        errors.append(float(np.linalg.norm(projected - slopes) / np.linalg.norm(slopes)))
    return errors[0], errors[1]


def main(folder: Path) -> None:
    """Measure both and draw them."""
    figure = Figure(figsize=(7.2, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    weights = neuroep.train("digits-mlp", epochs=10).weights
    for reads, style in ((Reads.STATES, "o-"), (Reads.CHANGES, "s-")):
        cosines = [behind_converters(weights, reads, n) for n in READS]
        print(f"lines driven with {reads.value}: " + ", ".join(f"{c:.3f}" for c in cosines))
        left.semilogx(READS, cosines, style, label=reads.value)
    left.set(xlabel="reads averaged", ylabel="cosine with the exact gradient", title="Noisy 7/9-bit converters")
    left.set_xticks(READS, [str(n) for n in READS])
    left.minorticks_off()
    plain, adjoint = zip(*(behind_wires(ohm) for ohm in OHM), strict=True)
    for name, errors, style in (("plain", plain, "o-"), ("adjoint", adjoint, "s-")):
        print(f"{name} reads through wires: " + ", ".join(f"{e:.2g}" for e in errors))
        right.loglog(OHM, errors, style, label=name)
    right.set(xlabel="ohm from cell to cell", ylabel="relative error", title="Wires read from other ends")
    for axes in (left, right):
        axes.legend(frameon=False)
    figure.savefig(folder / "10_reads_of_changes.png", dpi=150)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
