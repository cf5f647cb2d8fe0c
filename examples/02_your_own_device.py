"""A device of your own, to find how many bits a synapse needs.

    python examples/02_your_own_device.py [FOLDER]

A device is a TOML file. This one is a digital synapse whose bits we vary; its two prices are made up, and the file says
so: every number needs a unit, a source and a tag. The script writes one file for each number of bits, then asks
for accuracy (trained on the device) and for energy. `neuroep devices FILE` would print and check such a file.
"""

from __future__ import annotations

import sys
from pathlib import Path

from matplotlib.figure import Figure

import neuroep

BITS = (3, 4, 5, 6, 8)
EPOCHS = 5
PROFILE = """
summary = "A digital synapse of {bits} bits, for trying out"
kind = "quantized"
caveats = ["only reads and writes of synapses have a price"]

[synapse]
rounding = "stochastic"
weight_bits  = {{ value = {bits}, unit = "bit", source = "varied in this example", tag = "estimate" }}
headroom     = {{ value = 2,      unit = "1",   source = "room to grow", tag = "estimate" }}
min_exponent = {{ value = -8,     unit = "1",   source = "as loihi1", tag = "estimate" }}
max_exponent = {{ value = 7,      unit = "1",   source = "as loihi1", tag = "estimate" }}

[energy]
synop        = {{ value = {read},  unit = "fJ", source = "made up: 10 fJ a bit", tag = "estimate" }}
weight_write = {{ value = {write}, unit = "fJ", source = "made up: 50 fJ a bit", tag = "estimate" }}
"""


def main(folder: Path) -> None:
    """Write the profiles, train and price on each, and draw accuracy and energy against bits."""
    accuracies, energies = [], []
    print(f"digits-mlp, {EPOCHS} epochs\n  bits  test accuracy  energy of a training step")
    for bits in BITS:
        file = folder / f"synapse-{bits}bit.toml"
        file.write_text(PROFILE.format(bits=bits, read=10 * bits, write=50 * bits), encoding="utf-8")
        device = neuroep.load_device(file)
        bill = neuroep.estimate_cost("digits-mlp", device).bill.as_dict()
        step = sum(event["value"] for phase in ("free", "nudged", "update") for event in bill[phase].values())
        accuracies.append(neuroep.train("digits-mlp", device, epochs=EPOCHS).test_accuracy)
        energies.append(1e9 * step)
        print(f"  {bits:4}  {accuracies[-1]:13.1%}  {energies[-1]:.2f} nJ a sample")
    figure = Figure(figsize=(6.4, 3.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(BITS, accuracies, "o-", color="#0072B2")
    left.set(xlabel="bits of a weight", ylabel="test accuracy", ylim=(0, 1))
    right.plot(BITS, energies, "s-", color="#D55E00")
    right.set(xlabel="bits of a weight", ylabel="energy of a step (nJ)", ylim=(0, None))
    figure.savefig(folder / "02_your_own_device.png", dpi=150)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
