"""Crossbar profiles written: a fitted or a datasheet device as the text of a device file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from neuroep.hardware.fitting import Fit
from neuroep.hardware.pulse_data import PulseData
from neuroep.hardware.steps import ExpStep, PiecewiseStep, StepModel
from neuroep.specs.levels import Levels

Number = dict[str, Any]
_CHOICE = "a choice of this file, not in the data: put your own here"
_CAVEATS = [
    "no price of pulses, reads or converters is known of this device: costs are left out",
    "converters and headroom are assumed; wire resistance, drift and retention are not modelled",
]


def profile_text(fitted: Fit, data: PulseData, summary: str = "") -> str:
    """Return the device file of a fit.

    Bands are ± one standard error where the data give one.

    Parameters
    ----------
    fitted : Fit
    data : PulseData
        What it was fitted to; sources name its file and hash.
    summary : str, optional
        One line on the device.

    Returns
    -------
    str
        TOML.
    """
    source = f"{fitted.name} steps fitted to {data.name} (sha256 {data.sha256})"
    model, errors = fitted.model, fitted.errors

    def measured(value: float, error: float, unit: str = "1", what: str = source) -> Number:
        return _number(value, unit, what, "measured", error)

    g_min, g_max = (
        measured(1e6 * value, 1e6 * errors.get(f"{key}_siemens", 0.0), "uS")
        for key, value in (("g_min", fitted.g_min_siemens), ("g_max", fitted.g_max_siemens))
    )
    g_min["low"] = max(g_min["low"], 0.0)
    cell = {key: measured(value, errors.get(key, 0.0)) for key, value in fitted.parameters.items()}
    cell["dw_min"]["low"] = max(cell["dw_min"]["low"], 1e-3 * cell["dw_min"]["value"])
    cell["up_down"] |= {"low": max(cell["up_down"]["low"], -1.0), "high": min(cell["up_down"]["high"], 1.0)}
    residuals = f"residuals of {fitted.noise.steps} single steps about the {source}"
    cell["cycle_noise"] = measured(fitted.noise.cycle, fitted.noise.cycle_error, what=residuals)
    cell["write_noise"] = measured(
        fitted.noise.read, fitted.noise.read_error, what=f"covariance of neighbouring {residuals}"
    )
    for key in ("cycle_noise", "write_noise"):
        cell[key]["low"] = max(cell[key]["low"], 0.0)
    devices = len(data.devices)
    spread = {}
    for key, value in (("step", fitted.step_spread), ("bounds", fitted.bounds_spread)):
        if value is None:
            spread[key] = _number(0.0, "1", f"one device in {data.name} tells nothing of others; set to 0", "estimate")
        else:
            error = value / math.sqrt(2.0 * (devices - 1))
            spread[key] = measured(value, error, what=f"{devices} devices fitted one by one: {source}")
            spread[key]["low"] = max(spread[key]["low"], 0.0)
    text = summary or f"A device fitted to {data.name}: {fitted.name} steps, {fitted.pulses:.0f} pulses for its range"
    notes = [
        f"fit of {fitted.name} steps: RMSE {fitted.rmse:.3%} of the range, R2 {fitted.r_squared:.5f}",
        "w_min and w_max are the weights called so at g_min and g_max; bands are one standard error",
    ]
    return _profile(text, notes, g_min, g_max, model, fitted.name, cell, spread, source)


def levels_text(device: Levels, summary: str = "") -> str:
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
    return _profile(text, [labels], g_min, g_max, model, "linear", cell, spread, source)


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
) -> str:
    lines = [f"summary = {_text(summary)}", 'kind = "crossbar"', "citation = []"]
    lines += [
        f"{key} = {json.dumps(texts, ensure_ascii=False)}" for key, texts in (("notes", notes), ("caveats", _CAVEATS))
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
    return "\n".join(lines) + "\n"


def _tables(prefix: str, numbers: Mapping[str, Number]) -> list[str]:
    lines = []
    for name, number in numbers.items():
        lines += ["", f"[{prefix}.{name}]"]
        exact = number["low"] == number["value"] == number["high"]
        for key, value in number.items():
            if not (exact and key in ("low", "high")):
                lines.append(f"{key} = {_text(value) if isinstance(value, str) else repr(float(value))}")
    return lines


def _text(value: str) -> str:
    """A TOML string: JSON's are, but for the one character that JSON leaves bare."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
