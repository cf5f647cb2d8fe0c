"""How every figure is drawn: a plain style, a colour-blind-safe palette, one look for each method and device."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from neuroep.disk import write_atomic
from neuroep.report.summary import Row, groups

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito's colour-blind-safe palette, without its yellow; black is kept for backprop.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
BACKPROP = "#000000"
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h")
LINES = ("-", "--", "-.", ":")
GREY = "#666666"
STYLE: Any = {
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.axisbelow": True,
    "xtick.color": "#333333",
    "ytick.color": "#333333",
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "text.parse_math": False,  # a name is a name, whatever signs it holds
    "svg.fonttype": "none",
    "svg.hashsalt": "neuroep",
    "hatch.linewidth": 0.6,
}


class Look(NamedTuple):
    """How one method on one device is drawn, in every figure the same."""

    colour: str
    marker: str
    line: str


@contextmanager
def style() -> Iterator[None]:
    """Draw in the house's plain style and leave matplotlib's settings as they were."""
    import matplotlib

    with matplotlib.rc_context(STYLE):
        yield


def looks(rows: Sequence[Row]) -> dict[tuple[str, str], Look]:
    """Return a look for each (method, device): a colour a device, black for backprop, a marker each."""
    found = {}
    devices = list(dict.fromkeys(row["device"] for row in rows if row["method"] == "ep"))
    others = 0
    for k, (method, device) in enumerate(groups(rows)):
        if method == "ep":
            place = devices.index(device)
            colour, line = COLOURS[place % len(COLOURS)], LINES[place // len(COLOURS) % len(LINES)]
        else:
            colour, line = BACKPROP, LINES[(others + 1) % len(LINES)]
            others += 1
        found[method, device] = Look(colour, MARKERS[k % len(MARKERS)], line)
    return found


#: Inches: widths of a drawing for a page and for a phone, on which letters come out as large as the text around.
BROAD, NARROW = 7.8, 3.9


def grid(wanted: int, columns: int, height: float, narrow: bool = False) -> tuple[Figure, list[Axes]]:
    """Return a figure of panels of that height in inches in so many columns, or one below the other for a phone."""
    across = 1 if narrow else min(columns, wanted)
    down = math.ceil(wanted / across)
    figure, all_axes = panels(NARROW if narrow else BROAD, height * down, down, across)
    for axes in all_axes[wanted:]:
        axes.set_visible(False)
    return figure, all_axes[:wanted]


def panels(width: float, height: float, rows: int, columns: int) -> tuple[Figure, list[Axes]]:
    """Return a figure of width × height inches and its axes, row by row."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, SVG or PDF by its name's ending."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=path.suffix.lstrip(".").lower(), dpi=160)
    write_atomic(path, buffer.getvalue())


#: Of a legend: letters in an inch, letters that a handle takes, and inches a line.
LETTERS_PER_INCH, HANDLE, LEGEND_LINE = 13.0, 8, 0.19


def legend_below(figure: Figure, all_axes: Sequence[Axes]) -> None:
    """One legend for all panels, each name once, under them; the figure grows by it, and long names are broken."""
    entries: dict[str, Any] = {}
    for axes in all_axes:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(name, handle)
    if entries:
        room = int(LETTERS_PER_INCH * figure.get_figwidth())
        columns = max(1, min(len(entries), room // (max(map(len, entries)) + HANDLE)))
        names = ["\n".join(textwrap.wrap(name, room - HANDLE)) for name in entries]
        lines = sum(name.count("\n") + 1 for name in names)
        figure.set_figheight(figure.get_figheight() + LEGEND_LINE * math.ceil(lines / columns))
        figure.legend(entries.values(), names, loc="outside lower center", ncols=columns)


def engineering(axis: Any, unit: str) -> None:
    """Label a linear or logarithmic axis with SI prefixes."""
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    axis.set_major_formatter(EngFormatter(unit=unit))
    if axis.get_scale() == "log":
        low, high = axis.get_view_interval()
        few = math.log10(high / low) < 2.0
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,), numticks=12 if few else 7))
        axis.set_minor_formatter(NullFormatter())
