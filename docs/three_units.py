"""Draw the energy of three units under three nudges: ``python docs/three_units.py FOLDER``.

The network and its numbers are those of docs/tutorials/how_ep_works.md: E = ½ h² + ½ o² − w x h − v h o and
C = ½ (o − y)², with h at rest for each o.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from neuroep.report.plotting import panels, style

W, V, X, Y = 0.8, 0.5, 1.0, 1.0
NUDGES = {-0.3: "tab:red", 0.0: "tab:gray", 0.3: "tab:blue"}


def nudged_energy(o: np.ndarray, beta: float) -> np.ndarray:
    """Return the least F = E + β C over h, for each o."""
    return 0.5 * o**2 - 0.5 * (W * X + V * o) ** 2 + 0.5 * beta * (o - Y) ** 2


def rest(beta: float) -> float:
    """Return where the output comes to rest."""
    return (V * W * X + beta * Y) / (1.0 + beta - V**2)


def main(folder: Path) -> None:
    """Write FOLDER/three-units.png."""
    outputs = np.linspace(-0.1, 1.2, 200)
    with style():
        figure, (axes,) = panels(6.0, 3.6, 1, 1)
        for beta, colour in NUDGES.items():
            name = "free, β = 0" if beta == 0.0 else f"nudged, β = {beta:g}".replace("-", "−")
            at = np.array([rest(beta)])
            axes.plot(outputs, nudged_energy(outputs, beta), color=colour, label=f"{name}: rests at o = {at[0]:.3f}")
            axes.plot(at, nudged_energy(at, beta), "o", color=colour)
        axes.axvline(Y, color="black", linestyle=":", linewidth=1.0)
        axes.annotate("target y", (Y, axes.get_ylim()[1]), xytext=(4, -12), textcoords="offset points")
        axes.set_xlabel("output o")
        axes.set_ylabel("energy F, with h at rest")
        axes.legend()
        figure.savefig(folder / "three-units.png", dpi=160)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
