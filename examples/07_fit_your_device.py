"""From measured pulses to a device file: which step model, with which parameters.

    python examples/07_fit_your_device.py [FOLDER]

The measurement is made up, so that we know what should come out: three cycles of 120 pulses up and 120 down of a
device with soft bounds, whose pulses vary by 20 %, read with an error of 0.2 % of half the range. It goes to a CSV file
such as a probe station writes; the fit is told nothing else. `neuroep device fit pulses.csv` does the same.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from neuroep.hardware.cells.steps import SoftBounds
from neuroep.hardware.fitting.pulse_data import read_pulses
from neuroep.hardware.fitting.selection import Fit, fit
from neuroep.report.fit_figure import write_fit_figure
from neuroep.rng import stream
from neuroep.specs.profile_text import profile_text

G_MIN, G_MAX = 1.0, 9.0  # uS
PULSES = 120
TRUTH = SoftBounds(dw_min=0.03, w_min=-1.0, w_max=1.0, up_down=0.2, cycle_noise=0.2, write_noise=0.002)


def measure(file: Path) -> None:
    """Write a CSV file of three cycles."""
    lines = ["pulse,direction,conductance_uS,cycle"]
    w = -0.9
    for cycle in range(3):
        curve = TRUTH.curve(w, PULSES, PULSES, stream(0, "pulses", cycle))
        seen = TRUTH.apparent(curve, stream(0, "reads", cycle))
        for pulse, g in enumerate(G_MIN + (seen + 1.0) / 2.0 * (G_MAX - G_MIN)):
            lines.append(f"{pulse},{'up' if pulse <= PULSES else 'down'},{g:.6f},{cycle}")
        w = float(curve[-1])
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def compare(best: Fit) -> None:
    """Print what was fitted beside what is true."""
    rows = [
        ("dw_min", best.parameters["dw_min"], best.errors["dw_min"], TRUTH.dw_min),
        ("up_down", best.parameters["up_down"], best.errors["up_down"], TRUTH.up_down),
        ("g_min (uS)", 1e6 * best.g_min_siemens, 1e6 * best.errors["g_min_siemens"], G_MIN),
        ("g_max (uS)", 1e6 * best.g_max_siemens, 1e6 * best.errors["g_max_siemens"], G_MAX),
    ]
    print("  parameter   fitted     error    true      off by")
    for name, value, error, true in rows:
        print(
            f"  {name:10}  {value:7.4f} ± {error:.4f}  {true:7.4f}  {abs(value - np.asarray(true)) / error:.1f} errors"
        )
    found = best.noise
    print(f"  cycle noise {found.cycle:.3f} (true {TRUTH.cycle_noise})")
    print(f"  read noise {found.read:.4f} (true {TRUTH.write_noise})")


def main(folder: Path) -> None:
    """Measure, fit, compare, write the profile and the figure."""
    measure(folder / "pulses.csv")
    data = read_pulses(folder / "pulses.csv")
    fits = fit(data)
    for one in fits:
        print(f"{one.name:12} RMSE {one.rmse:.3%}  AICc {one.aicc - fits[0].aicc:+.1f}")
    print(f"chosen: {fits[0].name}")
    compare(fits[0])
    (folder / "my-device.toml").write_text(profile_text(fits[0], data), encoding="utf-8")
    write_fit_figure(fits, data, folder / "07_fit_your_device.png")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
