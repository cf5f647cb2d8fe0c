"""The panels of what was looked at: counts summed by hand, cosines, levels, settings, and runs that lack them."""

from __future__ import annotations

import re
import shlex
from html import escape, unescape
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from neuroep.recipe import Phases, Training
from neuroep.report.inspection_figures import cosines_figure, cosines_of, weight_panels, weights_figure, weights_said
from neuroep.report.inspection_tables import UNKEPT, confusion_tables, inspected_groups, settling_table, summed, worst
from neuroep.report.page import render
from neuroep.report.repeating import settings_table, spec_hash

pytestmark = pytest.mark.draws

PHASE = {"converged": 0.5, "steps_mean": 4.0, "steps_most": 6, "residual_median": 1e-3, "residual_most": 2e-2}


def looked_at(sample: ModuleType) -> dict[str, Any]:
    """The made-up result with an inspection in each row, another for each method, device and seed."""
    result: dict[str, Any] = sample.result()
    for place, row in enumerate(result["rows"]):
        ep = row["method"] == "ep"
        row["inspection"] = {
            "confusion": [[5, place], [1, 7]],
            "samples": 16 if ep else 0,
            "free": PHASE if ep else None,
            "nudged": PHASE | {"residual_most": None} if ep else None,
            "cosines": [0.8 + 0.01 * row["seed"], None] if ep else [],
        }
    return result


def text_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.replace("<wbr>", "")).split())


def test_counts_are_summed_over_seeds(sample: ModuleType) -> None:
    rows = looked_at(sample)["rows"]
    assert summed(rows[:3]) == [[15, 0 + 1 + 2], [3, 21]]
    assert worst([[5, 2, 0], [9, 1, 1], [0, 0, 4]]) == ["1 taken for 0: 9", "0 taken for 1: 2", "1 taken for 2: 1"]
    text = text_of(confusion_tables(rows))
    assert "EP, ideal 36 of 42 right" in text
    assert text.count("taken for") >= 5


def test_profiles_that_share_a_training_stand_once(sample: ModuleType) -> None:
    rows = looked_at(sample)["rows"]
    shared = [row | {"device": "digital-45nm"} for row in rows[:3]]
    assert list(inspected_groups([*rows[:3], *shared])) == [("ep", "ideal")]


def test_settling_and_what_isn_t_finite(sample: ModuleType) -> None:
    text = text_of(settling_table(looked_at(sample)["rows"]))
    assert "EP ideal free 50% 4.0 6 1.0e-03 2.0e-02 48" in text
    assert "EP ideal nudged 50% 4.0 6 1.0e-03 not finite 48" in text


def test_cosines_over_seeds(sample: ModuleType) -> None:
    rows = looked_at(sample)["rows"]
    first, second = cosines_of(rows)["ep", "ideal"]
    assert first == pytest.approx((0.81, 0.01, 3))
    assert second is None
    figure = cosines_figure(rows)
    assert figure is not None
    axes = figure.axes[0]
    line = axes.containers[0][0]
    assert list(line.get_ydata()) == pytest.approx([0.81])
    ends = axes.transData.transform([(1.0, 0.80), (1.0, 1.0)])[:, 1]  # of the lowest bar, and the most there can be
    radius = 0.5 * line.get_markersize() * figure.dpi / 72.0
    assert axes.bbox.y0 + radius < ends[0] < ends[1] < axes.bbox.y1 - radius


def test_weights_on_their_levels(sample: ModuleType) -> None:
    rows = sample.result()["rows"][:6]
    few = np.array([[-0.5, 0.0], [0.0, 0.5]], dtype=np.float32)
    many = np.linspace(-1.0, 1.0, 1000, dtype=np.float32).reshape(50, 20)
    arrays = {"ep/ideal/0/W1": many, "ep/ideal/1/W1": few, "ep/loihi1/0/W1": few, "ep/ideal/0/b1": few[0]}
    panels = weight_panels(rows, arrays)
    assert [(panel.device, panel.coupling, panel.levels) for panel in panels] == [("ideal", 1, 1000), ("loihi1", 1, 3)]
    figure = weights_figure(rows, panels)
    assert figure is not None
    (stems,) = figure.axes[1].get_lines()
    drawn = np.column_stack([stems.get_xdata(), stems.get_ydata()]).reshape(3, 3, 2)
    assert drawn[:, 1].tolist() == [[-0.5, 1.0], [0.0, 2.0], [0.5, 1.0]]
    assert "4 synapses on 3 levels from -0.5 to 0.5" in weights_said(panels)


def test_settings_that_are_not_defaults() -> None:
    usual, trained = Phases(), Training()
    spec = {
        "recipes": {
            "ideal": {"phases": {"beta": usual.beta}, "training": {"epochs": trained.epochs}},
            "ecram": {"phases": {"beta": 0.123}, "training": {"epochs": trained.epochs}},
        }
    }
    text = text_of(settings_table(spec))
    assert f"phases.beta {usual.beta} {usual.beta} 0.123" in text
    assert "training.epochs" not in text
    assert "None" in settings_table({})


def test_hash_of_settings_is_that_of_their_content() -> None:
    assert spec_hash({"a": 1, "b": [2]}) == spec_hash({"b": [2], "a": 1})
    assert spec_hash({"a": 1}) != spec_hash({"a": 2})


def test_page_of_an_earlier_version_says_what_it_lacks(sample: ModuleType) -> None:
    page = render(sample.result(), sample.history())
    assert page.count(escape(UNKEPT)) == 3
    assert "weights.safetensors" in page


def test_page_of_a_run_that_was_looked_at(sample: ModuleType) -> None:
    result = looked_at(sample) | {"command": "neuroep run digits-mlp --seed 0 1 2 --data 'a & b.csv'"}
    page = render(result, sample.history())
    assert escape(UNKEPT) not in page
    (typed,) = re.findall(r"<pre class[^>]*>(.*?)</pre>", page, flags=re.DOTALL)
    # a shell takes a line's last backslash and its end for nothing
    assert shlex.split(unescape(typed).replace("\\\n", "")) == shlex.split(result["command"])
    assert len(typed.splitlines()) == 3
    assert page.count("<figure>") == 5
