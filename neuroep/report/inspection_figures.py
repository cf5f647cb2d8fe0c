"""What was looked at after the last epoch, as figures: cosines with backprop's gradient, weights on their levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neuroep.disk import Arrays
from neuroep.report.inspection_tables import inspected_groups
from neuroep.report.plotting import Look, grid, legend_below, looks
from neuroep.report.summary import Row, SeedSpread, groups, label, spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Distinct values up to which a coupling is shown level by level, bins of others, couplings and devices shown.
MOST_LEVELS, BINS, MOST_COUPLINGS, MOST_DEVICES = 300, 61, 3, 5


def cosines_of(rows: Sequence[Row]) -> dict[tuple[str, str], list[SeedSpread | None]]:
    """Return the cosines of EP's gradient with backprop's by method and device, coupling by coupling."""
    found: dict[tuple[str, str], list[SeedSpread | None]] = {}
    for key, group in inspected_groups(rows).items():
        columns = zip(*(row["inspection"]["cosines"] for row in group), strict=True)
        spreads = [spread(known) if (known := [c for c in column if c is not None]) else None for column in columns]
        if spreads:
            found[key] = spreads
    return found


def cosines_figure(rows: Sequence[Row], narrow: bool = False) -> Figure | None:
    """Draw the cosines of EP's gradient with backprop's against the coupling, mean ± one standard deviation."""
    from matplotlib.ticker import MaxNLocator

    found = cosines_of(rows)
    if not found:
        return None
    figure, (axes,) = grid(1, 1, 2.6, narrow)
    drawn = looks(rows)
    for place, (key, spreads) in enumerate(found.items()):
        shift = 0.12 * (place - 0.5 * (len(found) - 1)) / max(1, len(found) - 1)
        known = [(k + shift, one) for k, one in enumerate(spreads, start=1) if one is not None]
        look = drawn[key]
        axes.errorbar(
            [k for k, _ in known], [one.mean for _, one in known], yerr=[one.deviation or 0.0 for _, one in known],
            color=look.colour, linestyle=look.line, linewidth=0.9, marker=look.marker, markersize=6, capsize=3,
            label=label(*key),
        )  # fmt: skip
    axes.set(title="Cosine with backprop's gradient", xlabel="Coupling")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(x=0.1)
    low = min((one.mean - (one.deviation or 0.0) for each in found.values() for one in each if one), default=0.0)
    room = max(1.0 - low, 1e-6)  # markers at either end stand whole
    axes.set_ylim(low - 0.1 * room, 1.0 + 0.05 * room)
    axes.grid(True, axis="y")
    legend_below(figure, [axes])
    return figure


def cosines_said(rows: Sequence[Row]) -> str:
    """Return what the figure of cosines shows."""
    said = [
        f"{label(*key)}: {', '.join('none' if one is None else f'{one.mean:.3f}' for one in spreads)}"
        for key, spreads in cosines_of(rows).items()
    ]
    return f"Cosine of EP's gradient with backprop's, coupling by coupling. {'; '.join(said)}."


class Panel(NamedTuple):
    """Weights of one coupling as reads see them, of the first seed."""

    method: str
    device: str
    coupling: int
    values: NDArray[np.generic]

    @property
    def levels(self) -> int:
        """How many distinct values there are."""
        return len(np.unique(self.values))


def weight_panels(rows: Sequence[Row], weights: Arrays) -> list[Panel]:
    """Return the weights to show: the first seed of each training, its first couplings and the last one."""
    found = []
    for (method, device), group in groups(rows).items():
        stem = f"{method}/{device}/{group[0]['seed']}/W"
        couplings = sorted(int(name.removeprefix(stem)) for name in weights if name.startswith(stem))
        shown = couplings if len(couplings) <= MOST_COUPLINGS else [*couplings[: MOST_COUPLINGS - 1], couplings[-1]]
        found += [Panel(method, device, k, weights[f"{stem}{k}"]) for k in shown]
    kept = list(dict.fromkeys((panel.method, panel.device) for panel in found))[:MOST_DEVICES]
    return [panel for panel in found if (panel.method, panel.device) in kept]


def weights_figure(rows: Sequence[Row], panels: Sequence[Panel], narrow: bool = False) -> Figure | None:
    """Draw how many synapses hold which weight, a panel a coupling: at each level where there are few, else in bins."""
    if not panels:
        return None
    columns = max(panel.coupling for panel in panels)
    across = len({panel.coupling for panel in panels}) if columns > 1 else 2
    figure, all_axes = grid(len(panels), min(across, MOST_COUPLINGS), 1.5, narrow)
    drawn = looks(rows)
    for axes, panel in zip(all_axes, panels, strict=True):
        _weights(axes, panel, drawn[panel.method, panel.device])
    return figure


def _weights(axes: Axes, panel: Panel, look: Look) -> None:
    values = np.asarray(panel.values, dtype=np.float64).ravel()
    levels, counts = np.unique(values, return_counts=True)
    if len(levels) <= MOST_LEVELS:
        stems = np.stack([levels, levels, np.full(len(levels), np.nan)]), np.stack([0 * counts, counts, counts])
        axes.plot(*(side.T.ravel() for side in stems), color=look.colour, linewidth=0.9)  # one path, not hundreds
    else:
        axes.hist(values, bins=BINS, color=look.colour, alpha=0.8, histtype="stepfilled")
    axes.set_ylim(bottom=0.0)
    axes.set_title(f"{label(panel.method, panel.device)}: W{panel.coupling}", fontsize=8.5)
    axes.set_ylabel("Synapses")
    axes.locator_params(nbins=5)


def weights_said(panels: Sequence[Panel]) -> str:
    """Return what the histograms show: range, and levels where there are few."""
    return "How many synapses hold which weight. " + " ".join(map(_said, panels))


def _said(panel: Panel) -> str:
    low, high = (float(end) for end in (panel.values.min(), panel.values.max()))
    levels = panel.levels
    held = f"on {levels:,} levels" if levels <= MOST_LEVELS else f"{levels:,} different values"
    name = f"{label(panel.method, panel.device)}, W{panel.coupling}"
    return f"{name}: {panel.values.size:,} synapses {held} from {low:.3g} to {high:.3g}."


def levels_note(result: Mapping[str, Any]) -> str:
    """Return the caption of the histograms."""
    seed = result["rows"][0]["seed"]
    return (
        f"Weights as reads see them at the end of training, seed {seed}. A line is a level that the device holds;"
        f" couplings of more than {MOST_LEVELS} different values are counted in {BINS} bins."
    )
