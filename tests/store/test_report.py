"""The report is one valid page with every number of the result, and loads nothing from elsewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from neuroep.errors import BadInput
from neuroep.report.figures import accuracy_energy_figure, energy_figure, learning_figure, split_figure
from neuroep.report.page import render, write_report
from neuroep.report.summary import Band, SeedSpread, percent, plain_spread, si, si_band, spread, summary_rows

pytestmark = pytest.mark.draws

VOID = {"meta", "br", "wbr"}


class Page(HTMLParser):
    """Checks that every tag is closed in order, and collects text, ids and references."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.text: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.tags: list[str] = []
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.stack.append(tag)
        self._collect(attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._collect(attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def _collect(self, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            self.ids += [value or ""] if name == "id" else []
            self.references += [value or ""] if name.endswith(("href", "src")) else []
            self.references += re.findall(r"url\(([^)]*)\)", value or "")


@pytest.fixture(scope="module")
def page(sample: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    path = write_report(sample.result(), sample.history(), folder)
    assert path == folder / "report.html"
    return path.read_text(encoding="utf-8")


def test_page_is_valid_and_has_its_figures(page: str) -> None:
    parsed = Page(page)
    assert page.startswith("<!DOCTYPE html>")
    assert parsed.tags.count("figure") == 4
    assert parsed.tags.count("svg") == 2 * 4  # one of each for a phone
    assert len(parsed.ids) == len(set(parsed.ids))


def test_page_loads_nothing(page: str) -> None:
    parsed = Page(page)
    assert "http" not in page
    assert {"script", "link", "img", "iframe"}.isdisjoint(parsed.tags)
    assert parsed.references
    for reference in parsed.references:
        assert reference.startswith("#")
        assert reference[1:] in parsed.ids


def test_page_has_the_numbers_of_every_row(page: str, sample: ModuleType) -> None:
    rows = [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in re.findall(r"<tr>.*?</tr>", page)]
    for row in sample.result()["rows"]:
        start = f"{'EP' if row['method'] == 'ep' else 'backprop'} {row['device']} {row['seed']} 20 "
        (line,) = [text for text in rows if text.startswith(start)]
        assert f" {100 * row['test_accuracy']:.2f} % {row['seconds']:.2f} " in line
        assert line.endswith(f" 123,{456 + row['seed']}")
        assert (" 711,003.0 " in line) == (row["method"] == "ep")
    assert "240 nJ 720 nJ 40.0 µs" in next(text for text in rows if text.startswith("EP loihi1 0"))


def test_page_has_summary_caveats_and_provenance(page: str) -> None:
    text = "".join(Page(page).text)
    for part in ("97.20 ± 0.30 %", "host <CPU> not counted", "ab" * 32, "2.3.5", '"note": "<&>"', "seeds 0, 1, 2"):
        assert part in text
    assert "120 nJ to 480 nJ" in text


def test_page_is_the_same_each_time(page: str, sample: ModuleType) -> None:
    assert render(sample.result(), sample.history()) == page


def test_run_without_history_energy_or_costs_still_reports(sample: ModuleType) -> None:
    result: dict[str, Any] = sample.result()
    bare = result | {"rows": result["rows"][:1], "costs": {}, "seconds": {}, "caveats": {}}
    parsed = Page(render(bare, []))
    assert parsed.tags.count("figure") == 0
    assert "97.20 %" not in "".join(parsed.text)
    assert "96.90 %" in "".join(parsed.text)


def test_hostile_names_stay_text(sample: ModuleType) -> None:
    result: dict[str, Any] = sample.result()
    rows = [row | {"device": "<script>x</script> & $y_1$"} for row in result["rows"][3:6]]
    parsed = Page(render(result | {"model": "<script>", "rows": rows}, []))
    assert "script" not in parsed.tags
    assert "<script>x</script> & $y_1$" in "".join(parsed.text)


def test_no_folder_is_bad_input(sample: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="can't be written"):
        write_report(sample.result(), [], tmp_path / "absent")


def test_energy_figure_draws_means_and_ranges(sample: ModuleType) -> None:
    figure = energy_figure(sample.result())
    assert figure is not None
    inference, training = figure.axes
    for axes, factor in ((inference, 1.0), (training, 3.0)):
        assert axes.get_xscale() == "log"
        drawn = {container.get_label(): container for container in axes.containers}
        assert set(drawn) == {"EP, loihi1", "EP, rram-taox", "EP, ecram", "backprop, gpu-h100"}
        line, _, bars = drawn["EP, ecram"]
        assert line.get_xdata()[0] == pytest.approx(8e-10 * factor)
        assert line.get_ydata()[0] == pytest.approx(96.4)
        horizontal, vertical = (bar.get_segments()[0] for bar in bars)
        assert horizontal[:, 0] == pytest.approx([4e-10 * factor, 16e-10 * factor])
        assert vertical[:, 1] == pytest.approx([96.1, 96.7])


def test_learning_figure_shows_validation_only_where_measured(sample: ModuleType) -> None:
    rows, history = sample.result()["rows"], sample.history()
    assert len(learning_figure(history, rows).axes) == 2
    measured = [row | {"validation_accuracy": 0.5} for row in history]
    figure = learning_figure(measured, rows)
    assert [axes.get_title(loc="left") or axes.get_title() for axes in figure.axes][1] == "Validation accuracy (%)"
    line = figure.axes[0].get_lines()[0]
    assert list(line.get_xdata()) == list(range(1, 21))  # as the lines of a run count them
    assert line.get_ydata()[0] == pytest.approx(100 * 0.972 * (1 - 0.6 * 0.7))


def test_a_single_epoch_is_the_first(sample: ModuleType) -> None:
    axes = learning_figure([row for row in sample.history() if row["epoch"] == 0], sample.result()["rows"]).axes[0]
    low, high = axes.get_xlim()
    assert [tick for tick in axes.get_xticks() if low <= tick <= high] == [1.0]


def test_split_figure_stacks_to_the_total(sample: ModuleType) -> None:
    figure = split_figure(sample.result()["costs"], "J", "Energy")
    assert figure is not None
    bars = figure.axes[0].patches
    assert sum(bar.get_width() for bar in bars) == pytest.approx(1.5 * 3 * 2.4e-7)
    assert max(bar.get_x() + bar.get_width() for bar in bars) == pytest.approx(0.5 * 3 * 2.4e-7)
    assert split_figure({"ideal": {"free": {}}}, "J", "Energy") is None


def test_readme_figure_is_a_png(sample: ModuleType, tmp_path: Path) -> None:
    path = accuracy_energy_figure(sample.result(), tmp_path / "figure.png")
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_summary_is_mean_and_deviation_over_seeds(sample: ModuleType) -> None:
    rows = summary_rows(sample.result())
    assert [(row.method, row.device) for row in rows][-2:] == [("ep", "ecram"), ("backprop", "gpu-h100")]
    ideal, loihi = rows[:2]
    assert ideal.test_accuracy == pytest.approx((0.972, 0.003, 3))
    assert ideal.energy_inference_joules is None
    assert loihi.energy_training_step_joules == pytest.approx((7.2e-7, 3.6e-7, 1.44e-6))
    assert (loihi.weighted_ard, rows[-1].weighted_ard) == (711003.0, None)
    assert spread([4.0]) == SeedSpread(4.0, None, 1)
    assert spread([1.0, 3.0]).deviation == pytest.approx(2**0.5)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.234e-9, "1.23 nJ"),
        (9.999e-7, "1.00 µJ"),
        (2e-17, "20.0 aJ"),
        (0.0, "0 J"),
        (999.4, "999 J"),
        (999.6, "1.00 kJ"),
        (0.05, "50.0 mJ"),
        (-3e-6, "-3.00 µJ"),
        (1e-30, "1e-30 J"),
        (9.996e-8, "100 nJ"),
    ],
)
def test_si(value: float, text: str) -> None:
    assert si(value, "J") == text


def test_how_numbers_read() -> None:
    assert si_band(Band(1.2e-9, 9e-10, 2.1e-9), "J") == "1.20 nJ (900 pJ to 2.10 nJ)"
    assert si_band(Band(1e-9, 1e-9, 1e-9), "J") == "1.00 nJ"
    assert si_band(None, "J") == "–"
    assert percent(SeedSpread(0.88612, 0.0012, 3)) == "88.61 ± 0.12 %"
    assert percent(SeedSpread(0.5, None, 1)) == "50.00 %"
    assert plain_spread(SeedSpread(20.0, 0.0, 3)) == "20"
    assert plain_spread(SeedSpread(12.345, 0.5, 3)) == "12.3 ± 0.5"
    assert plain_spread(SeedSpread(123456.7, None, 1)) == "123,457"
