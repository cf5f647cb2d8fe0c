"""Settling seen from inside: residual, energy, and how long each sample takes.

    python examples/04_settling.py [FOLDER]

Block sweeps put one layer after the other at its minimum given its neighbours, so the energy can only fall. The
residual (norm of the velocity) shrinks the faster the smaller the feedback gain γ. With a tolerance each sample stops
when it has settled, and the engine tells how many sweeps each one took.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

import neuroep
from neuroep.engines import Plan, create
from neuroep.equilibrium import Equilibrium, ResultCode
from neuroep.hardware.device import Ideal
from neuroep.ledger import Ledger, Phase
from neuroep.network import Activation, chain, initial_weights
from neuroep.physics.hopfield import energy
from neuroep.recipe import Order
from neuroep.rng import stream
from neuroep.solvers.sweeps import layer_order

GAINS = (1.0, 0.3, 0.1)
SWEEPS = 20
TOLERANCE = 1e-10


def above_rounding(values: npt.ArrayLike) -> np.ndarray:
    """Leave out what is below the rounding of float64."""
    return np.where(np.asarray(values) > 1e-15, values, np.nan)


def main(folder: Path) -> None:
    """Settle 256 digits in a network of tanh units with random weights, at three feedback gains."""
    x = neuroep.load_data("digits").x_test[:256].astype(np.float64)
    engine = create("cpu")
    figure = Figure(figsize=(9.0, 3.0), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    print(f"{len(x)} digits; sweeps until the residual of a sample is below {TOLERANCE:g}")
    for gain in GAINS:
        network = chain((64, 64, 10), Activation.TANH, Activation.LINEAR, feedback=gain)
        weights = initial_weights(network, stream(0, "weights"), np.float64)
        circuit = Ideal().mount(network, weights, stream(0, "mount")).circuit
        ledger = Ledger.empty(network.sizes)

        def settle(sweeps: int, tolerance: float, circuit=circuit, ledger=ledger) -> Equilibrium:
            plan = Plan(layer_order(Order.FORWARD, len(circuit.sizes) - 1), sweeps, tolerance)
            with engine.session():
                drive = engine.drive(circuit, x, 0, ledger, Phase.FREE)
                return engine.settle_free(circuit, drive, plan, 0, ledger, Phase.FREE)

        residuals, energies = [], []
        for sweeps in range(1, SWEEPS + 1):
            found = settle(sweeps, 0.0)
            residuals.append(np.median(found.residual))
            energies.append(energy(circuit, x, found.states).mean())
        settled = settle(1000, TOLERANCE)
        rise = max(np.diff(energies))
        share = (settled.code == ResultCode.CONVERGED).mean()
        steps = settled.steps
        print(
            f"  γ = {gain:<4g} median {np.median(steps):.0f} sweeps, slowest {steps.max()}, {share:.0%} settled;"
            f" energy falls from {energies[0]:.4f} to {energies[-1]:.4f}, largest rise {max(rise, 0.0):.1e}"
        )
        left.semilogy(range(1, SWEEPS + 1), above_rounding(residuals), "o-", markersize=3, label=f"γ = {gain:g}")
        middle.semilogy(range(1, SWEEPS + 1), above_rounding(np.array(energies) - energies[-1]), "o-", markersize=3)
        right.hist(steps, bins=np.arange(0.5, steps.max() + 1.5), histtype="step")
    left.set(xlabel="sweeps", ylabel="median residual")
    middle.set(xlabel="sweeps", ylabel="mean energy above the last")
    right.set(xlabel=f"sweeps to a residual of {TOLERANCE:g}", ylabel="samples")
    left.legend(frameon=False)
    figure.savefig(folder / "04_settling.png", dpi=150)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
