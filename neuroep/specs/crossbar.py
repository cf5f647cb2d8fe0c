"""The tables of a crossbar's device file: [crossbar], [cell], [spread], [periphery], [wires], [endurance]."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neuroep import checks
from neuroep.errors import BadInput
from neuroep.hardware.retention.models import MODELS as RETENTIONS
from neuroep.quantities import Quantity
from neuroep.specs.endurance import ENDURANCE_RULES
from neuroep.specs.kind import Kind
from neuroep.specs.nonlinearity import LARGEST_LABEL, SMALLEST_LABEL, slope_of
from neuroep.specs.numbers import Rule, check_order, checked_numbers
from neuroep.specs.reading import Table, at, refuse_unknown_keys, word
from neuroep.specs.relaxation import LINES, relaxation_numbers
from neuroep.specs.relaxation import TABLE as RELAXATION

if TYPE_CHECKING:
    from neuroep.hardware.cells.steps import StepModel
    from neuroep.hardware.crossbar.device import Crossbar
    from neuroep.hardware.crossbar.two_arrays import TwoArrays

_SHARE = Rule("number", 0.0, 1.0)
_SPREAD = Rule("number", 0.0, 100.0)
_WEIGHT = Rule("number", -1e3, 1e3)
_EXPONENT = Rule("number", -100.0, 100.0)
_BITS = Rule("bits", 0, 16, whole=True)
_SIDE = Rule("number", 0, 1 << 20, whole=True)

REQUIRED: Mapping[str, Mapping[str, Rule]] = {
    "crossbar": {
        "g_min": Rule("conductance", 0.0, 1.0),
        "g_max": Rule("conductance", 0.0, 1.0),
        "headroom": Rule("number", 1.0, 1e3),
    },
    "cell": {"dw_min": Rule("number", 1e-9, 1e3), "w_min": _WEIGHT, "w_max": _WEIGHT},
}
OPTIONAL: Mapping[str, Mapping[str, Rule]] = {
    "crossbar": {"stuck_share": _SHARE, "stuck_range": _SPREAD, "programming_spread": _SHARE, "read_noise": _SHARE},
    "cell": {
        "up_down": Rule("number", -1.0, 1.0),
        "cycle_noise": _SPREAD,
        "noise_floor": _SPREAD,
        "noise_slope": _SPREAD,
        "write_noise": _SPREAD,
    },
    "spread": dict.fromkeys(("step", "log_step", "bounds", "low", "high", "asymmetry", "slope", "reference"), _SPREAD),
    "periphery": {
        "dac_bits": _BITS, "adc_bits": _BITS, "adc_bound": Rule("number", 1e-6, 1e6), "output_noise": _SPREAD,
        "tile_rows": _SIDE, "tile_columns": _SIDE,
    },
    "wires": {"word": Rule("resistance", 0.0, 1e6), "bit": Rule("resistance", 0.0, 1e6)},
    "endurance": ENDURANCE_RULES,
}  # fmt: skip
SHAPES: Mapping[str, Mapping[str, Rule]] = {
    "constant": {},
    "linear": {"gamma_up": _EXPONENT, "gamma_down": _EXPONENT},
    "soft-bounds": {},
    "exp": dict.fromkeys(("a_up", "a_down", "gamma_up", "gamma_down", "slope", "offset"), _EXPONENT),
    "pow": {"gamma_up": _EXPONENT, "gamma_down": _EXPONENT},
    "piecewise": {},
}
"""Step models by name, with the numbers of [cell] that each needs."""
CHOICES: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "crossbar.encoding": ("pair", dict.fromkeys(("pair", "reference", "column", "offset"))),
    "crossbar.arrays": ("one", {"one": False, "two": True}),
    "crossbar.steps": ("pulses", {"pulses": False, "exact": True}),
    "crossbar.pulses": ("both", {"both": False, "up": True}),
    "crossbar.write": ("row", {"row": True, "parallel": False}),
    "crossbar.retention": ("none", dict.fromkeys(RETENTIONS)),
    "cell.noise": ("multiplicative", {"multiplicative": False, "additive": True}),
    "cell.step": ("constant", SHAPES),
    "periphery.range": ("fixed", {"fixed": False, "managed": True}),
    "wires.ends": ("same", dict.fromkeys(("same", "opposite"))),
}
"""Keys that take a word: the default, and what words there are."""
LABELS = {"gamma_up": "nonlinearity_up", "gamma_down": "nonlinearity_down"}
"""Published labels that may stand in for the slopes of linear steps over −1..1, under the slope each gives."""
TABLES = tuple(OPTIONAL)


def crossbar_numbers(tables: Mapping[str, Table], path: Path) -> dict[str, Quantity]:
    """Return the numbers of all tables by key path, checked; slopes from labels are worked out and added."""
    numbers: dict[str, Quantity] = {}
    shape = _choice(tables, "cell.step", path)
    for name in TABLES:
        table = tables.get(name, {})
        required = dict(REQUIRED.get(name, {}))
        if name == "cell":
            required |= _with_labels(table, SHAPES[shape], shape, path)
        words = {key.partition(".")[2] for key in CHOICES if key.startswith(f"{name}.")}
        texts = {"up", "down", "table_source"} if name == "cell" and shape == "piecewise" else set()
        refuse_unknown_keys(table, (*words, *texts, *required, *OPTIONAL[name]), path, name)
        given = {key: value for key, value in table.items() if key not in words | texts}
        for key in required:
            if key not in given:
                raise BadInput(f"the key {key!r} is missing", at(path, name), ", ".join(required))
        numbers |= checked_numbers(given, required | dict(OPTIONAL[name]), path, name)
    for key in CHOICES:
        _choice(tables, key, path)
    check_order(numbers, "crossbar.g_min", "crossbar.g_max", path, rule("crossbar.g_min"), strict=True)
    check_order(numbers, "cell.w_min", "cell.w_max", path, rule("cell.w_min"), strict=True)
    _check_adc(numbers, path)
    return numbers | _slopes(numbers)


def _check_adc(numbers: Mapping[str, Quantity], path: Path) -> None:
    """Refuse the range of an ADC that isn't there: without one nothing here clips a sum, unlike in aihwkit."""
    bits = numbers.get("periphery.adc_bits")
    if "periphery.adc_bound" in numbers and (bits is None or not bits.value):
        raise BadInput("an ADC's range without an ADC", at(path, "periphery.adc_bound"), "only with adc_bits > 0")


def rule(key: str) -> Rule:
    """Return the rule of a number by its key path."""
    table, _, name = key.partition(".")
    rules = dict(REQUIRED.get(table, {})) | dict(OPTIONAL[table])
    for shape in SHAPES.values() if table == "cell" else ():
        rules |= shape
    return rules[name]


def _with_labels(table: Table, needed: Mapping[str, Rule], shape: str, path: Path) -> dict[str, Rule]:
    """The numbers of a shape, with the labels that stand in for slopes in their place."""
    rules = dict(needed)
    for slope, label in LABELS.items():
        if label not in table or shape != "linear":
            continue
        if slope in table:
            raise BadInput(f"both {slope!r} and {label!r}", at(path, "cell"), "one of the two")
        del rules[slope]
        rules[label] = Rule("number", SMALLEST_LABEL, LARGEST_LABEL)
    return rules


def _slopes(numbers: Mapping[str, Quantity]) -> dict[str, Quantity]:
    found = {}
    for slope, label in LABELS.items():
        if given := numbers.get(f"cell.{label}"):
            value, low, high = (slope_of(number) for number in given.si("number"))
            source = f"tanh(1/(2A)), with A from cell.{label}: {given.source}"
            found[f"cell.{slope}"] = Quantity(value, "1", source, "derived", low, high)
    return found


def _choice(tables: Mapping[str, Table], key: str, path: Path) -> str:
    table, _, name = key.partition(".")
    default, known = CHOICES[key]
    return word(tables.get(table, {}).get(name, default), name, known, path, key)


def build_crossbar(
    name: str, tables: Mapping[str, Table], numbers: Mapping[str, Quantity], path: Path
) -> Crossbar | TwoArrays:
    """Return the hardware model of checked tables."""
    from neuroep.hardware.cells.arrays import Spread
    from neuroep.hardware.crossbar.device import Crossbar
    from neuroep.hardware.crossbar.periphery import Periphery
    from neuroep.hardware.crossbar.placing import Encoding
    from neuroep.hardware.crossbar.two_arrays import TwoArrays
    from neuroep.hardware.crossbar.wires import Ends
    from neuroep.hardware.crossbar.wiring import Wires

    def number(key: str, default: float = 0.0) -> float:
        return numbers[key].si(rule(key).dimension).value if key in numbers else default

    def chosen(key: str) -> Any:
        given = _choice(tables, key, path)
        return CHOICES[key][1][given] if CHOICES[key][1][given] is not None else given

    bounds = number("spread.bounds")
    spread = Spread(
        step=number("spread.log_step", number("spread.step")), log_normal="spread.log_step" in numbers,
        low=number("spread.low", bounds), high=number("spread.high", bounds), asymmetry=number("spread.asymmetry"),
        slope=number("spread.slope"), reference=number("spread.reference"),
    )  # fmt: skip
    periphery = Periphery(
        dac_bits=int(number("periphery.dac_bits")), adc_bits=int(number("periphery.adc_bits")),
        adc_bound=number("periphery.adc_bound", 20.0), output_noise=number("periphery.output_noise"),
        managed=chosen("periphery.range"), tile_rows=int(number("periphery.tile_rows")),
        tile_columns=int(number("periphery.tile_columns")),
    )  # fmt: skip
    crossbar = Crossbar(
        name=name, g_min_siemens=number("crossbar.g_min"), g_max_siemens=number("crossbar.g_max"),
        cell=_cell(tables, number, chosen, path), encoding=Encoding(_choice(tables, "crossbar.encoding", path)),
        headroom=number("crossbar.headroom"), spread=spread, stuck_share=number("crossbar.stuck_share"),
        stuck_range=number("crossbar.stuck_range", math.inf),
        programming_spread=number("crossbar.programming_spread"), read_noise=number("crossbar.read_noise"),
        periphery=periphery, one_sided=chosen("crossbar.pulses"),
        by_row=chosen("crossbar.write"), exact_steps=chosen("crossbar.steps"),
        retention=_choice(tables, "crossbar.retention", path),
        wires=Wires(word_ohm=number("wires.word"), bit_ohm=number("wires.bit"), ends=Ends(chosen("wires.ends"))),
    )  # fmt: skip
    return TwoArrays(crossbar) if chosen("crossbar.arrays") else crossbar


def words(tables: Mapping[str, Table], path: Path) -> dict[str, str]:
    """Return every key that takes a word, of the tables that are there, with its default filled in."""
    return {key: _choice(tables, key, path) for key in CHOICES if key.partition(".")[0] in tables}


def _cell(tables: Mapping[str, Table], number: Any, chosen: Any, path: Path) -> StepModel:
    from neuroep.hardware.cells import steps

    shape = _choice(tables, "cell.step", path)
    common = {key: number(f"cell.{key}") for key in (*REQUIRED["cell"], *OPTIONAL["cell"])}
    common["additive"] = chosen("cell.noise")
    kinds: dict[str, Callable[..., StepModel]] = {
        "constant": steps.ConstantStep, "linear": steps.LinearStep, "soft-bounds": steps.SoftBounds,
        "exp": steps.ExpStep, "pow": steps.PowStep,
    }  # fmt: skip
    if shape in kinds:
        return kinds[shape](**common, **{key: number(f"cell.{key}") for key in SHAPES[shape]})
    table = tables["cell"]
    up, down = (_table_of_steps(table, key, path) for key in ("up", "down"))
    if not checks.text(table.get("table_source", ""), at(path, "cell.table_source")).strip():
        raise BadInput("a table without a source", at(path, "cell.table_source"), "a publication or a file")
    return steps.PiecewiseStep(**common, up=up, down=down)


def _table_of_steps(table: Table, key: str, path: Path) -> tuple[float, ...]:
    """Sizes of steps at evenly spaced weights: a step in the wrong direction isn't one."""
    where, given = at(path, f"cell.{key}"), table.get(key)
    if not isinstance(given, list) or len(given) < 2:
        raise BadInput("no table of steps", where, "a list of at least two numbers")
    return tuple(checks.number(size, f"{where}[{index}]", 0.0) for index, size in enumerate(given))


def _numbers(tables: Mapping[str, Table], path: Path) -> dict[str, Quantity]:
    return crossbar_numbers(tables, path) | relaxation_numbers(tables, LINES, path)


CROSSBAR = Kind(
    name="crossbar", converters=True, tables=(*TABLES, RELAXATION), needed=("crossbar", "cell"), numbers=_numbers,
    words=words,
    build=build_crossbar,
)  # fmt: skip
