"""Is my array good enough? Which number of a crossbar has to be how good for an accuracy, and what to improve first.

    python examples/14_is_my_array_good_enough.py [FOLDER]

The array is a profile (here an HfO2 memory read with 7 and 9 bits); `neuroep.fit_device("pulses.csv").device` puts
measured pulses in its place. One number at a time is made four times better, then 4 and 16 times worse, all others as
they are. Accuracy says what a number costs in the end, the cosine of what reads give with the exact gradient whether
reads are to blame. The margin is how many times worse a number may get before the accuracy asked for is lost. Better
isn't always more: finer steps are written more often, and each write draws write noise anew.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

import neuroep
from neuroep.hardware.crossbar.device import Crossbar
from neuroep.hardware.crossbar.wiring import Wires
from neuroep.studies.device_fidelity import Subject, measure
from neuroep.studies.rig import Rig
from neuroep.studies.training import materials

DEVICE, WANTED, EPOCHS, SEEDS = "rram-om", 0.85, 3, (0, 1)
FACTORS = np.array([0.25, 1.0, 4.0, 16.0])
MODEL, PROFILE, DATA = neuroep.load_model("digits-mlp"), neuroep.load_device(DEVICE), neuroep.load_data("digits")
RECIPE = MODEL.recipe(PROFILE)


class Number(NamedTuple):
    """A number of the array: what it is called, what it is f times worse, and the array in which it is."""

    name: str
    text: Callable[[float], str]
    worse: Callable[[float], Crossbar]


def numbers(array: Crossbar) -> list[Number]:
    """Return the numbers to look at."""
    cell, spread, periphery, share = array.cell, array.spread, array.periphery, array.stuck_share

    def spread_by(f: float) -> Crossbar:
        wider = {key: f * getattr(spread, key) for key in ("step", "low", "high", "asymmetry", "reference")}
        return replace(array, spread=replace(spread, **wider))

    return [
        Number("steps", lambda f: f"{array.span / cell.dw_min / f:.3g} levels",
               lambda f: replace(array, cell=replace(cell, dw_min=f * cell.dw_min))),
        Number("spread", lambda f: f"{f * spread.step:.0%} of a step", spread_by),
        Number("write noise", lambda f: f"{f * cell.write_noise / array.span:.1%} of the range",
               lambda f: replace(array, cell=replace(cell, write_noise=f * cell.write_noise))),
        Number("stuck cells", lambda f: f"{min(f * share, 1.0):.0%} of all",
               lambda f: replace(array, stuck_share=min(f * share, 1.0))),
        Number("read noise", lambda f: f"{f * periphery.output_noise:.3g} of a full weight",
               lambda f: replace(array, periphery=replace(periphery, output_noise=f * periphery.output_noise))),
        Number("converters", lambda f: f"{periphery.adc_bits - np.log2(f):.1f} bits",
               lambda f: replace(array, periphery=replace(periphery, adc_bits=round(periphery.adc_bits - np.log2(f))))),
        Number("wires", lambda f: f"{f:.3g} ohm a cell", lambda f: replace(array, wires=Wires(word_ohm=f, bit_ohm=f))),
    ]  # fmt: skip


def seen(array: Crossbar) -> tuple[float, float]:
    """Return accuracy after training, and the cosine of the first coupling's gradient before it."""
    trained = [neuroep.train(MODEL, array, recipe=RECIPE, epochs=EPOCHS, seed=seed).test_accuracy for seed in SEEDS]
    rig = Rig.of(MODEL.network(), RECIPE, array)
    stock = materials(rig.network, DATA, RECIPE.training, 0)
    found = measure(Subject(rig, stock.train, stock.orders), rig.mount(stock.weights), 0, 1)
    return float(np.mean(trained)), found.gradient[0]


def margin(accuracies: np.ndarray) -> float:
    """Return how many times worse than it is a number may get, on a logarithmic scale between those tried."""
    k = next((k for k in range(1, len(FACTORS)) if accuracies[k] < WANTED), None)
    if k is None:
        return float(FACTORS[-1])
    share = np.clip((accuracies[k - 1] - WANTED) / abs(accuracies[k - 1] - accuracies[k]), 0.0, 1.0)
    return float(FACTORS[k - 1] * (FACTORS[k] / FACTORS[k - 1]) ** share)


def main(folder: Path) -> None:
    """Look at one number after the other, print and draw what was seen, and say which comes first."""
    array, margins, figure = PROFILE.build(), {}, Figure(figsize=(8.6, 3.6), layout="constrained")
    here, (left, right) = seen(array), figure.subplots(1, 2)
    print(f"{DEVICE} as it is: accuracy {here[0]:.1%}, cosine {here[1]:.3f}; wanted {WANTED:.0%}")
    for number in numbers(array):
        own = number.name != "wires"  # the profile has none: they are looked at from 1 ohm on
        rows = np.array([here if own and f == 1.0 else seen(number.worse(f)) for f in FACTORS.tolist()])
        margins[number] = margin(rows[:, 0])
        cells = "  ".join(f"{accuracy:5.1%} {cosine:.3f}" for accuracy, cosine in rows)
        print(f"{number.name:12}{number.text(1.0):>26} | {cells} | margin {margins[number]:.2f}")
        left.semilogx(FACTORS, 100.0 * rows[:, 0], "o-", label=number.name)
        right.semilogx(FACTORS, rows[:, 1], "o-", label=number.name)
    first = min(margins, key=margins.__getitem__)
    print(f"improve {first.name} first: {first.text(1.0)} now, {WANTED:.0%} is lost at {first.text(margins[first])}")
    left.axhline(100.0 * WANTED, color="grey", linestyle="--")
    left.set(ylabel="test accuracy (%)", title=f"digits-mlp, {EPOCHS} epochs")
    right.set(ylabel="cosine with the exact gradient", title="what reads give")
    figure.supxlabel("times worse than the profile", fontsize="medium")
    right.legend(fontsize=7)
    figure.savefig(folder / "14_is_my_array_good_enough.png", dpi=150)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
