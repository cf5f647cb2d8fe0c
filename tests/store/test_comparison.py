"""Runs beside each other: the Pareto front of points worked out by hand, names, settings, and what is refused."""

from __future__ import annotations

import copy
import json
import re
from html import unescape
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import neuroep
from neuroep.errors import BadInput
from neuroep.quantities import Band
from neuroep.report.comparing import compare, report
from neuroep.report.comparison import Point, differences, standings
from neuroep.report.comparison_figure import comparison_figure
from neuroep.report.comparison_page import settings_that_differ
from neuroep.report.inline_svg import svg
from neuroep.report.plotting import legend_below, panels, style

pytestmark = pytest.mark.draws


def point(accuracy: float, value: float, low: float = 0.5, high: float = 2.0, data: str = "a") -> Point:
    """A point whose band is given relative to its value."""
    return Point(accuracy, Band(value, low * value, high * value), data)


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([point(0.9, 1.0), point(0.8, 2.0)], ["front", "within bands"]),
        ([point(0.9, 1.0), point(0.8, 4.0)], ["front", "behind"]),  # 1·2 ≤ 4·0.5: the ranges meet at one end
        ([point(0.9, 1.0), point(0.8, 3.9)], ["front", "within bands"]),
        ([point(0.9, 2.0), point(0.8, 1.0)], ["front", "front"]),
        ([point(0.9, 1.0), point(0.9, 1.0)], ["front", "front"]),  # neither is better in anything
        ([point(0.9, 1.0), point(0.9, 9.0)], ["front", "behind"]),
        ([point(0.9, 1.0), point(0.8, 1.0)], ["front", "within bands"]),
        ([point(0.9, 1.0), point(0.8, 9.0, data="b")], ["front", "front"]),
        ([point(0.9, 9.0), Point(0.95, None, "a")], ["front", "no energy"]),
        ([point(0.7, 1.0), point(0.8, 2.0), point(0.75, 3.0), point(0.9, 10.0)],
         ["front", "front", "within bands", "front"]),
    ],
)  # fmt: skip
def test_standings(points: list[Point], expected: list[str]) -> None:
    assert standings(points) == expected
    assert standings(points[::-1]) == expected[::-1]


def results() -> dict[str, dict[str, Any]]:
    spec = {"seeds": [0], "recipes": {"ideal": {"beta": 0.3}}, "devices": {}, "network": {"layers": [{"size": 2}]}}
    other = copy.deepcopy(spec)
    other["recipes"] = {"ideal": {"beta": 0.5}, "ecram": {"beta": 0.1}}
    other["devices"] = {"ecram": {"kind": "crossbar"}}
    return {"one": {"spec": spec}, "two": {"spec": other | {"without": ["granularity"]}}}


def test_settings_that_differ() -> None:
    assert {found["setting"]: found["values"] for found in differences(results())} == {
        "devices": {"one": [], "two": ["ecram"]},
        "recipes.ideal.beta": {"one": 0.3, "two": 0.5},
        "without": {"one": None, "two": ["granularity"]},
    }


@pytest.fixture
def folders(sample: ModuleType, tmp_path: Path) -> list[Path]:
    """Two runs with names that only their parents tell apart, the second of other seeds and dearer."""
    made = []
    for parent, factor in (("a", 1.0), ("b", 100.0)):
        folder = tmp_path / parent / "run"
        folder.mkdir(parents=True)
        result = sample.result()
        for row in result["rows"]:
            for key in ("energy_inference_joules", "energy_training_step_joules"):
                row[key] = row[key] and {name: factor * value for name, value in row[key].items()}
        (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")
        made.append(folder)
    return made


def test_rows_of_all_runs_with_their_standing(folders: list[Path]) -> None:
    found = compare(folders)
    assert [run["name"] for run in found["runs"]] == ["a/run", "b/run"]
    standing = {(row["run"], row["device"]): row["energy_inference_joules_standing"] for row in found["rows"]}
    # ecram 96.4 % at 0.8 nJ beats rram-taox 91.3 % at 3.1 nJ, at the ends of the ranges too (1.6 > 1.55: not quite)
    assert standing["a/run", "ecram"] == "front"
    assert standing["a/run", "rram-taox"] == "within bands"
    assert standing["a/run", "loihi1"] == "behind"
    assert standing["a/run", "gpu-h100"] == "front"
    assert {standing["b/run", device] for device in ("loihi1", "rram-taox", "ecram", "gpu-h100")} == {"behind"}
    assert standing["a/run", "ideal"] == "no energy"


def test_long_values_are_cut_and_absent_ones_dashed() -> None:
    found = {"runs": [{"name": "a"}, {"name": "b"}], "settings": [
        {"setting": "network.layers", "values": {"a": [{"size": 10**400}], "b": None}}]}  # fmt: skip
    page = settings_that_differ(found)
    assert "network.<wbr>layers" in page
    assert ">–</td>" in page
    assert max(map(len, re.findall(r">([^<]*)</td>", unescape(page)))) <= 301


def test_figure_marks_the_front(folders: list[Path]) -> None:
    figure = comparison_figure(compare(folders))
    assert figure is not None
    for axes in figure.axes:
        (front,) = (line for line in axes.get_lines() if line.get_label() == "Pareto front")
        assert list(front.get_ydata()) == pytest.approx([96.4, 96.9])
        assert axes.get_xscale() == "log"


def test_page_has_every_row_and_is_written_over_by_its_like_only(folders: list[Path], tmp_path: Path) -> None:
    page = tmp_path / "both.html"
    report(folders, page)
    text = page.read_text(encoding="utf-8")
    assert text.count("a/run: EP, ecram, 96.40% at 800 pJ") > 0
    assert "<script" not in text
    report(folders, page)
    assert page.read_text(encoding="utf-8") == text
    page.write_text("someone's notes", encoding="utf-8")
    with pytest.raises(BadInput, match="is there already"):
        report(folders, page)
    assert page.read_text(encoding="utf-8") == "someone's notes"
    report(folders, page, force=True)
    assert page.read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    "content",
    ["[]", "{}", '{"rows": []}', '{"rows": 3}', '{"rows": [{}], "model": "x", "data": {}, "versions": {}, "spec": {}}'],
)
def test_what_is_no_run_is_refused(folders: list[Path], tmp_path: Path, content: str) -> None:
    (folders[1] / "result.json").write_text(content, encoding="utf-8")
    for given in (folders, folders[1:]):
        with pytest.raises(BadInput, match=r"result\.json"):
            report(given, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_parts_of_a_result_that_are_lost_are_named(folders: list[Path], tmp_path: Path) -> None:
    result = json.loads((folders[0] / "result.json").read_text(encoding="utf-8"))
    result["costs"] = {"ecram": 3}
    (folders[0] / "result.json").write_text(json.dumps(result), encoding="utf-8")
    with pytest.raises(BadInput, match="not what a run wrote"):
        report(folders[:1], tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_each_run_once(folders: list[Path], tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(folders[0])
    with pytest.raises(BadInput, match="named twice"):
        compare([folders[0], link])


def test_svg_takes_the_page_s_colours_and_has_ids_of_its_own() -> None:
    drawn = []
    for title in ("one", "two"):
        figure, (axes,) = panels(2.0, 2.0, 1, 1)
        axes.plot([0, 1], [0, 1], color="#000000", marker="o")
        drawn.append(svg(figure, title, f"<what> {title} shows"))
    ids = [{part.split('"')[0] for part in text.split(' id="')[1:]} for text in drawn]
    assert ids[0]
    assert ids[0].isdisjoint(ids[1])
    assert "#000000" not in drawn[0]
    assert "#ffffff" not in drawn[0].replace("var(--paper, #ffffff)", "")
    assert "&lt;what&gt; one shows</desc>" in drawn[0]


def test_long_names_are_broken_and_every_word_arrives() -> None:
    figure, (axes,) = panels(3.9, 2.0, 1, 1)
    words = [f"word{k}ofalongname" for k in range(6)]
    axes.plot([0, 1], label=" ".join(words))
    axes.plot([1, 0], label="short")
    height = figure.get_figheight()
    legend_below(figure, [axes])
    assert figure.get_figheight() > height + 3 * 0.15  # three lines at least of nine points
    with style():
        texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg(figure, "names"))
    assert [word for word in [*words, "short"] if word not in " ".join(texts)] == []
    assert max(map(len, texts)) <= 3.9 * 13


def test_in_python_it_shows_itself_and_writes_only_if_asked(folders: list[Path], tmp_path: Path) -> None:
    found = neuroep.compare(*folders)
    assert found["out"] is None
    assert "a/run: EP, ecram" in repr(found)
    assert found._repr_html_().count("<svg") == 1
    before = sorted(tmp_path.rglob("*"))
    assert found == neuroep.compare(*map(str, folders))
    assert sorted(tmp_path.rglob("*")) == before
    assert neuroep.compare(*folders, out=tmp_path / "page.html")["out"] == str(tmp_path / "page.html")


def test_in_python_nothing_to_compare_or_to_write_over_is_refused(folders: list[Path]) -> None:
    with pytest.raises(BadInput, match="no runs"):
        neuroep.compare()
    with pytest.raises(BadInput, match="nothing to write over"):
        neuroep.compare(*folders, force=True)
    with pytest.raises(BadInput, match="runs"):
        neuroep.compare(3)  # type: ignore[arg-type]
