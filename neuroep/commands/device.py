"""`neuroep device`: a profile of your own, from measured pulses or from a datasheet."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroep.commands.console import say, show_json, show_table
from neuroep.commands.outputs import check_plot

if TYPE_CHECKING:
    from neuroep.hardware.fitting.pulse_data import PulseData
    from neuroep.hardware.fitting.selection import Fit, Ranking
    from neuroep.specs.levels import Levels
    from neuroep.specs.pulse_prices import Pulses

LEVELS = "neuroep device levels --levels 16 --g-min 1uS --g-max 20uS"


def add(commands: Any) -> None:
    """Add the command's arguments."""
    parser = commands.add_parser(
        "device", help="make a device profile: from measured pulses, or from a datasheet", example=LEVELS
    )
    inner = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    fit = inner.add_parser(
        "fit",
        help="fit step models to conductance against pulse number",
        example="neuroep device fit pulses.csv --out mine.toml",
    )
    fit.add_argument(
        "file", type=Path, help="table of pulse, direction, conductance: text or .xlsx; device and cycle if several"
    )
    fit.add_argument("--model", metavar="M", help="keep this model instead of the best: linear, soft-bounds, ...")
    fit.add_argument("--unit", metavar="U", help="nS, uS, S, kohm, uA, ... of a measured column that doesn't say")
    fit.add_argument("--columns", metavar="WHAT=NAME,...", help="what columns hold: pulse=A,conductance=B,direction=3")
    fit.add_argument("--read-voltage", type=float, metavar="V", help="volts, of a file of currents")
    fit.add_argument("--cycle", metavar="up50,down50", help="pulses of each cycle, where the file says no directions")
    fit.add_argument("--sheet", metavar="NAME", help="of a spreadsheet with several")
    fit.add_argument("--plot", type=Path, metavar="FILE", help="draw measurement and fits: .png, .svg or .pdf")
    fit.set_defaults(act=act_fit)
    levels = inner.add_parser("levels", help="number of states, range and nonlinearity labels", example=LEVELS)
    levels.add_argument("--levels", type=int, required=True, metavar="N", help="states, both ends counted")
    levels.add_argument("--g-min", required=True, metavar="G", help="lowest conductance, such as 1uS")
    levels.add_argument("--g-max", required=True, metavar="G", help="highest conductance, such as 10uS")
    for name in ("up", "down"):
        levels.add_argument(f"--nl-{name}", type=float, default=0.0, metavar="NL", help=f"label of pulses {name}")
    levels.set_defaults(act=act_levels)
    for each in (fit, levels):
        each.add_argument("--read", metavar="0.2V,10ns", help="the pulse that reads a cell: prices its reads")
        each.add_argument("--write", metavar="1.5V,1us", help="the pulse that writes a cell: prices its pulses")
        each.add_argument("--name", metavar="NAME", help="one line on the device, its summary")
        each.add_argument("--out", type=Path, metavar="FILE", help="write the profile to this .toml file")
        each.add_argument("--force", action="store_true", help="even if the files are there")
        each.add_argument("--json", action="store_true", help="print one JSON object")


def act_fit(options: argparse.Namespace) -> int:
    """Carry out `device fit`."""
    from neuroep.errors import UnknownName
    from neuroep.hardware.fitting.selection import MODELS, rank

    wanted = None if options.model is None else options.model.removesuffix("-step")
    if wanted is not None and wanted not in MODELS:
        raise UnknownName("step model", options.model, MODELS, "--model")
    check_outputs(options)
    data = read(options)
    fits, left_out, text = stated(rank(data), data, options, wanted)
    if options.out is not None:
        write(options.out, text)
    if options.plot is not None:
        from neuroep.report.fit_figure import write_fit_figure

        write_fit_figure(fits, data, options.plot)
    chosen, ranked = fits[0], sorted(fits, key=lambda one: one.aicc)
    if options.json:
        head: dict[str, Any] = {"file": str(options.file), "sha256": data.sha256, "reading": data.reading}
        head |= {"traces": len(data.traces), "devices": len(data.devices), "ignored": list(data.ignored)}
        head |= {"chosen": chosen.name, "left_out": dict(left_out), "out": options.out}
        show_json(head | {"rows": [row(one) for one in fits]})
        return 0
    say(f"read: {data.reading}")
    show(fits, ranked[0].aicc, f"{data.name}: {len(data.traces)} traces of {len(data.devices)} devices")
    if data.ignored:
        say(f"left alone: columns {', '.join(map(repr, data.ignored))}")
    for name, reason in left_out.items():
        say(f"left out: {name} ({reason})")
    sure = "" if not any(one.doubts for one in fits) else "of the models that the reads determine, "
    why = f"{sure}least AICc; of models within 2 of it, the fewest parameters" if wanted is None else "as asked"
    say(f"chosen: {chosen.name} ({why})")
    for line in details(chosen):
        say(f"  {line}")
    written(options)
    return 0


def read(options: argparse.Namespace) -> PulseData:
    """Read the file of pulses as the options say."""
    from neuroep.hardware.fitting.pulse_asked import asked_columns, asked_cycle
    from neuroep.hardware.fitting.pulse_data import read_pulses

    columns = None if options.columns is None else asked_columns(options.columns)
    cycle = () if options.cycle is None else asked_cycle(options.cycle)
    asked: dict[str, Any] = {"columns": columns, "cycle": cycle}
    return read_pulses(options.file, options.unit, read_voltage=options.read_voltage, sheet=options.sheet, **asked)


def stated(
    ranking: Ranking, data: PulseData, options: argparse.Namespace, wanted: str | None
) -> tuple[list[Fit], dict[str, str], str]:
    """Return the fits whose profile can be read again, the chosen one first; why others were left out; its profile."""
    from neuroep.errors import BadInput
    from neuroep.specs.profile_text import profiles_of

    fits, left_out, texts = profiles_of(ranking, data, options.name or "", pulses(options))
    if wanted in left_out or not fits:
        reasons = left_out if wanted is None else {wanted: left_out[wanted]}
        what = "; ".join(f"{name} steps: {reason}" for name, reason in reasons.items())
        raise BadInput(what, data.name if wanted is None else "--model", ", ".join(texts))
    chosen = fits[0] if wanted is None else next(one for one in fits if one.name == wanted)
    return [chosen, *(one for one in fits if one is not chosen)], left_out, texts[chosen.name]


def act_levels(options: argparse.Namespace) -> int:
    """Carry out `device levels`."""
    from neuroep.specs.levels import from_levels
    from neuroep.specs.profile_text import levels_text

    check_outputs(options)
    low, high = conductance(options.g_min, "--g-min"), conductance(options.g_max, "--g-max")
    found = from_levels(options.levels, low, high, options.nl_up, options.nl_down)
    if options.out is not None:
        write(options.out, levels_text(found, options.name or "", pulses(options)))
    if options.json:
        show_json(levels_object(found) | {"out": options.out})
        return 0
    model = found.model
    say(f"linear steps, {found.levels - 1} pulses for the range of {low:g} S to {high:g} S")
    say(f"  dw_min {model.dw_min:.6g}, up_down {model.up_down:.4g}")
    say(f"  gamma_up {model.gamma_up:.4g}, gamma_down {model.gamma_down:.4g}")
    written(options)
    return 0


def pulses(options: argparse.Namespace) -> Pulses:
    """Return the pulses that read and write a cell, as far as they were given."""
    from neuroep.specs.pulse_prices import Pulses, pulse_of

    given = ((options.read, "--read"), (options.write, "--write"))
    return Pulses(*(None if text is None else pulse_of(text, where) for text, where in given))


def check_outputs(options: argparse.Namespace) -> None:
    """Refuse files that can't be written, and prices that no file would hold, before anything is computed."""
    from neuroep.disk import refuse_existing
    from neuroep.errors import BadInput

    check_plot(getattr(options, "plot", None), options.force)
    if any(pulses(options)) and options.out is None:
        raise BadInput("prices without a profile", "--read, --write", "with --out, whose file holds them")
    if options.out is not None and options.out.suffix != ".toml":
        raise BadInput(f"a profile called {options.out.name!r}", "--out", "a name that ends in .toml")
    if options.out is not None and not options.out.resolve().parent.is_dir():
        raise BadInput(f"no folder {str(options.out.parent)!r}", "--out", "an existing folder")
    refuse_existing(options.out, "--out", options.force)


def conductance(text: str, where: str) -> float:
    """Return a conductance such as 1uS in siemens."""
    from neuroep.errors import BadInput
    from neuroep.quantities import UNITS, units_of

    match = re.fullmatch(r"\s*([0-9.eE+-]+)\s*([a-zA-Zµμ]+)\s*", text)
    unit = match[2].replace("µ", "u").replace("μ", "u") if match else ""
    try:
        return float(match[1] if match and unit in units_of("conductance") else "") * UNITS[unit].factor
    except ValueError:
        raise BadInput(f"{text!r}", where, "a number and nS, uS or S, such as 1uS") from None


def write(path: Path, text: str) -> None:
    """Write a profile at once."""
    from neuroep.disk import write_atomic

    write_atomic(path, text)


def written(options: argparse.Namespace) -> None:
    """Say which files were written."""
    for path in (options.out, getattr(options, "plot", None)):
        if path is not None:
            say(f"written: {path}")


def row(one: Fit) -> dict[str, Any]:
    """Return a fit as plain data."""
    return {
        "model": one.name,
        "rmse": one.rmse,
        "r_squared": one.r_squared,
        "aicc": one.aicc,
        "free": one.free,
        "g_min_siemens": one.g_min_siemens,
        "g_max_siemens": one.g_max_siemens,
        "pulses": one.pulses,
        "parameters": one.parameters,
        "errors": {key: value if math.isfinite(value) else None for key, value in one.errors.items()},
        "doubts": dict(one.doubts),
        "cycle_noise": one.noise.cycle,
        "additive": one.noise.additive,
        "write_noise": one.noise.read,
        "step_spread": one.step_spread,
        "bounds_spread": one.bounds_spread,
    }


def levels_object(found: Levels) -> dict[str, Any]:
    """Return a datasheet device as plain data."""
    names = ("dw_min", "up_down", "gamma_up", "gamma_down")
    head = {"levels": found.levels, "g_min_siemens": found.g_min_siemens, "g_max_siemens": found.g_max_siemens}
    return head | {"parameters": {name: getattr(found.model, name) for name in names}}


def show(fits: Sequence[Fit], least: float, title: str) -> None:
    """Print one line a model."""
    rows = [
        (
            one.name, ", ".join(f"{key} {value:.4g}" for key, value in one.parameters.items()), f"{one.rmse:.3%}",
            f"{one.r_squared:.5f}", f"{one.aicc - least:+.1f}", str(one.free),
        )
        for one in fits
    ]  # fmt: skip
    show_table(title, ("model", "parameters", "RMSE (of range)", "R²", "ΔAICc", "free"), rows, text=2)


def details(one: Fit) -> list[str]:
    """Return what the profile will hold, with standard errors."""
    lines = [f"{key} {value:.5g} ± {one.errors.get(key, 0.0):.2g}" for key, value in one.parameters.items()]
    ends = (("g_min", one.g_min_siemens), ("g_max", one.g_max_siemens))
    lines += [f"{key} {1e6 * v:.5g} ± {1e6 * one.errors.get(f'{key}_siemens', 0.0):.2g} uS" for key, v in ends]
    lines += [f"{key.removesuffix('_siemens')} isn't determined: {why}" for key, why in one.doubts.items()]
    kind = "additive" if one.noise.additive else "multiplicative"
    lines += [f"cycle noise {one.noise.cycle:.3g} of a step, {kind}; write noise {one.noise.read:.3g}"]
    lines += [f"{one.pulses:.0f} pulses of dw_min for the range"]
    if one.step_spread is not None and one.bounds_spread is not None:
        lines += [f"device to device: step {one.step_spread:.2%}, bounds {one.bounds_spread:.2%}"]
    return lines
