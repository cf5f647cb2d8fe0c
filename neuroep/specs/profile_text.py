"""Crossbar profiles written: a fitted or a datasheet device as the text of a device file."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neuroep.errors import BadInput
from neuroep.hardware.cells.steps import ExpStep, PiecewiseStep, StepModel
from neuroep.hardware.fitting.pulse_data import PulseData
from neuroep.hardware.fitting.selection import Fit, Ranking
from neuroep.quantities import UNITS
from neuroep.specs.crossbar import rule
from neuroep.specs.device import read_device
from neuroep.specs.levels import Levels
from neuroep.specs.pulse_prices import Pulses, prices_of

Number = dict[str, Any]
NO_PULSES = Pulses()
#: Whose prices stand in for the digital work beside a priced array.
COMPANION = "digital-45nm"
_CHOICE = "a choice of this file, not in the data: put your own here"
_ASSUMED = "converters and headroom are assumed; wire resistance, drift and retention are not modelled"


def profile_text(fitted: Fit, data: PulseData, summary: str = "", pulses: Pulses = NO_PULSES) -> str:
    """Return the device file of a fit.

    Bands are ± one standard error where the data give one, cut to what a device can have. A number that the reads
    don't determine is tagged `estimate`, with the reason in its source.

    Parameters
    ----------
    fitted : Fit
    data : PulseData
        What it was fitted to; sources name its file and hash.
    summary : str, optional
        One line on the device.
    pulses : Pulses, optional
        What reads and writes it, from which its prices follow.

    Returns
    -------
    str
        TOML that `read_device` reads.

    Raises
    ------
    BadInput
        If the fit's numbers make no device file: which, and what is allowed.
    """
    source = f"{fitted.name} steps fitted to {data.name} (sha256 {data.sha256})"
    model, errors = fitted.model, fitted.errors

    def measured(key: str, value: float, error: float, unit: str = "1", what: str = source) -> Number:
        doubt = fitted.doubts.get(key, fitted.doubts.get(f"{key}_siemens", ""))
        if doubt:
            return _number(value, unit, f"{what}; not determined: {doubt}", "estimate")
        return _number(value, unit, what, "measured", error)

    g_min, g_max = (
        measured(key, 1e6 * value, 1e6 * errors.get(f"{key}_siemens", 0.0), "uS")
        for key, value in (("g_min", fitted.g_min_siemens), ("g_max", fitted.g_max_siemens))
    )
    cell = {key: measured(key, value, errors.get(key, 0.0)) for key, value in fitted.parameters.items()}
    residuals = f"residuals of {fitted.noise.steps} single steps about the {source}"
    cell["cycle_noise"] = measured("cycle_noise", fitted.noise.cycle, fitted.noise.cycle_error, what=residuals)
    again = (
        "repeated reads, and "
        if any(trace.scatter is not None and trace.scatter.any() for trace in data.traces)
        else ""
    )
    why = f"{again}covariance of neighbouring {residuals}"
    cell["write_noise"] = measured("write_noise", fitted.noise.read, fitted.noise.read_error, what=why)
    devices = len(data.devices)
    spread = {}
    for key, value in (("step", fitted.step_spread), ("bounds", fitted.bounds_spread)):
        if value is None:
            why = "one device tells" if devices == 1 else f"{devices} devices tell too little"
            why = f"{why} nothing of others; set to 0" if devices == 1 else f"{why} of their steps; set to 0"
            spread[key] = _number(0.0, "1", f"{data.name}: {why}", "estimate")
        else:
            error = value / math.sqrt(2.0 * (devices - 1))
            spread[key] = measured(key, value, error, what=f"{devices} devices fitted one by one: {source}")
    text = summary or f"A device fitted to {data.name}: {fitted.name} steps, {fitted.pulses:.0f} pulses for its range"
    notes = [
        f"fit of {fitted.name} steps: RMSE {fitted.rmse:.3%} of the range, R2 {fitted.r_squared:.5f}",
        "w_min and w_max are the weights called so at g_min and g_max; bands are one standard error",
    ]
    return _loads(_profile(text, notes, g_min, g_max, model, fitted.name, cell, spread, source, pulses))


def profiles_of(
    ranking: Ranking, data: PulseData, summary: str, pulses: Pulses
) -> tuple[list[Fit], dict[str, str], dict[str, str]]:
    """Return the fits whose device file can be read again, why the others were left out, and the files by model."""
    texts, left_out = {}, dict(ranking.left_out)
    for one in ranking.fits:
        try:
            texts[one.name] = profile_text(one, data, summary, pulses)
        except BadInput as error:
            left_out[one.name] = str(error)
    return [one for one in ranking.fits if one.name in texts], left_out, texts


def levels_text(device: Levels, summary: str = "", pulses: Pulses = NO_PULSES) -> str:
    """Return the device file of a datasheet device."""
    model = device.model
    source = f"given: {device.levels} levels, both ends counted, so {device.levels - 1} pulses for the range"
    labels = f"{source}; labels NL {device.nonlinearity_up:g} up, {device.nonlinearity_down:g} down"
    names = ("dw_min", "up_down", "gamma_up", "gamma_down")
    cell = {key: _number(float(getattr(model, key)), "1", labels, "derived") for key in names}
    unknown = "not given; set to 0"
    cell |= {key: _number(0.0, "1", unknown, "estimate") for key in ("cycle_noise", "write_noise")}
    spread = {key: _number(0.0, "1", unknown, "estimate") for key in ("step", "bounds")}
    g_min, g_max = (
        _number(1e6 * value, "uS", "given: range of the device", "unverified")
        for value in (device.g_min_siemens, device.g_max_siemens)
    )
    text = summary or f"A device of {device.levels} levels"
    return _loads(_profile(text, [labels], g_min, g_max, model, "linear", cell, spread, source, pulses))


def _loads(text: str) -> str:
    """Return a profile that can be read again."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "profile.toml"
        path.write_text(text, encoding="utf-8")
        try:
            read_device(path)
        except BadInput as error:
            raise BadInput(f"no device file can say this: {str(error).removeprefix(f'{path}: ')}") from error
    return text


def _number(value: float, unit: str, source: str, tag: str, error: float = 0.0) -> Number:
    finite = error if math.isfinite(error) else 0.0
    return {
        "value": value, "low": value - finite, "high": value + finite, "unit": unit, "source": source, "tag": tag,
    }  # fmt: skip


def _profile(
    summary: str,
    notes: list[str],
    g_min: Number,
    g_max: Number,
    model: StepModel,
    step: str,
    cell: Mapping[str, Number],
    spread: Mapping[str, Number],
    source: str,
    pulses: Pulses,
) -> str:
    caveats = [_unpriced(pulses), _ASSUMED]
    lines = [f"summary = {_text(summary)}", 'kind = "crossbar"', "citation = []"]
    if any(pulses):  # what the array does has a price, so that what is done beside it should have one
        lines.insert(2, f"companion = {_text(COMPANION)}")
    lines += [
        f"{key} = {json.dumps(texts, ensure_ascii=False)}" for key, texts in (("notes", notes), ("caveats", caveats))
    ]
    lines += ["", "[crossbar]", 'encoding = "pair"']
    lines += _tables("crossbar", {"g_min": g_min, "g_max": g_max, "headroom": _number(2.0, "1", _CHOICE, "estimate")})
    noise = "additive" if model.additive else "multiplicative"
    lines += ["", "[cell]", f"step = {_text(step)}", f"noise = {_text(noise)}"]
    if isinstance(model, PiecewiseStep):
        lines += [
            f"{key} = {[float(f'{y:.9g}') for y in table]}" for key, table in (("up", model.up), ("down", model.down))
        ]
        lines += [f"table_source = {_text(source)}"]
    ends = {
        key: _number(float(getattr(model, key)), "1", "weights are measured in halves of the range", "derived")
        for key in ("w_min", "w_max")
    }
    extra = {}
    if isinstance(model, ExpStep):
        why = "fixed: the curve only knows it times gamma and A"
        extra = {key: _number(float(getattr(model, key)), "1", why, "derived") for key in ("slope", "offset")}
    lines += _tables("cell", {"dw_min": cell["dw_min"], **ends, **cell, **extra})
    lines += ["", "[spread]", *_tables("spread", spread)]
    periphery = {"dac_bits": ("bit", 8.0), "adc_bits": ("bit", 8.0), "adc_bound": ("1", 20.0)}
    lines += _tables("periphery", {key: _number(v, unit, _CHOICE, "estimate") for key, (unit, v) in periphery.items()})
    ends_siemens = (number["value"] * UNITS["uS"].factor for number in (g_min, g_max))
    for table, prices in prices_of(pulses, *ends_siemens).items():
        lines += _tables(table, prices)
    return "\n".join(lines) + "\n"


def _unpriced(pulses: Pulses) -> str:
    """Say what costs leave out."""
    names = ["reads"] * (pulses.read is None) + ["pulses"] * (pulses.write is None)
    if not names:
        return "no price of converters is known of this device: they are left out"
    return f"no price of {', '.join(names)} or converters is known of this device: costs are left out"


def _tables(prefix: str, numbers: Mapping[str, Number]) -> list[str]:
    lines = []
    for name, number in numbers.items():
        lines += ["", f"[{prefix}.{name}]"]
        number = _banded(f"{prefix}.{name}", number)
        exact = number["low"] == number["value"] == number["high"]
        for key, value in number.items():
            if not (exact and key in ("low", "high")):
                lines.append(f"{key} = {_text(value) if isinstance(value, str) else repr(float(value))}")
    return lines


def _banded(key: str, number: Number) -> Number:
    """Return a number whose band is cut to what a device can have."""
    if key.startswith(("energy.", "time.")):
        return number
    allowed, unit = rule(key), UNITS[number["unit"]].factor
    low = max(number["low"], allowed.low / unit, 1e-3 * number["value"] if key == "cell.dw_min" else -math.inf)
    high = min(number["high"], allowed.high / unit)
    return number | {"low": min(low, number["value"]), "high": max(high, number["value"])}


def _text(value: str) -> str:
    """A TOML string: JSON's are, but for the one character that JSON leaves bare."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
