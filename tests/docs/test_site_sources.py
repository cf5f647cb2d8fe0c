"""Sources of the site: every page can be reached, links lead somewhere, and other files' text keeps its links."""

from __future__ import annotations

import os
import re
from pathlib import Path

import filled_pages
import pytest
import python_names
from filled_pages import GENERATED, PAGES, filled, relinked
from whole_numbers import whole

import neuroep

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
#: Made as the site is built.
MADE = ("gallery/", "reference/names/")
SOURCES = [path for path in sorted(DOCS.rglob("*.md")) if not path.relative_to(DOCS).as_posix().startswith(MADE)]
TREE = re.compile(r"^```\{toctree\}\n(.*?)^```", re.MULTILINE | re.DOTALL)


def below(page: Path) -> list[Path]:
    """The pages that a page's toctrees name."""
    entries = [line for block in TREE.findall(page.read_text(encoding="utf-8")) for line in block.split("\n")]
    names = [re.sub(r".*<(.*)>", r"\1", line.strip()) for line in entries if line.strip() and not line.startswith(":")]
    starts = [(DOCS if name.startswith("/") else page.parent) / name.removeprefix("/") for name in names]
    return [start.with_name(f"{start.name}.md") for start in starts]


def test_every_page_is_reached_from_home() -> None:
    reached, ahead = {DOCS / "index.md"}, [DOCS / "index.md"]
    while ahead:
        for page in below(ahead.pop()):
            made = os.path.relpath(page, DOCS).startswith(MADE)
            assert made or page.is_file(), page
            if not made and page not in reached:
                reached.add(page)
                ahead.append(page)
    assert reached == set(SOURCES)


@pytest.mark.parametrize("page", SOURCES, ids=lambda path: path.relative_to(DOCS).as_posix())
def test_links_between_files_hold(page: Path) -> None:
    """As a code host shows the page, before anything is generated."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    assert all((page.parent / link).exists() for link in links if link)
    assert re.findall(r"(?<!--> )\[[\w/]+\.md\]\(", text) == []  # the site has pages, with names of their own


def test_marks_name_what_there_is() -> None:
    marks = [mark for page in SOURCES for mark in re.findall(r"<!-- generated: (.*?) -->", page.read_text("utf-8"))]
    assert sorted(marks) == sorted(GENERATED)


def test_files_elsewhere_have_their_page() -> None:
    for name, page in PAGES.items():
        assert (ROOT / name).exists()
        assert page.startswith(MADE) or (DOCS / page).is_file()


def test_a_whole_file_takes_the_place_of_its_mark() -> None:
    page = DOCS / "about" / "changelog.md"
    text = filled(page.read_text(encoding="utf-8"), page)
    assert text.startswith("# Changelog")
    assert "](../memory.md)" in text


def test_links_are_led_to_pages_of_the_site() -> None:
    page = DOCS / "about" / "readme.md"
    given = (
        "[a](docs/energy.md#x) ![b](docs/figures/life.png) [c](CONTRIBUTING.md) [d](examples/01_first_run.py) "
        "[e](tests) [f](https://x.org/a.md) [g](#here) [h](neuroep/data/digits.md) [i](LICENSE)\n"
        "```toml\n[a](docs/energy.md)\n```\n"
    )
    assert relinked(given, ROOT, page) == (
        "[a](../energy.md#x) ![b](../figures/life.png) [c](contributing.md) [d](../gallery/01_first_run.rst) "
        "e [f](https://x.org/a.md) [g](#here) h [i](../../LICENSE)\n"
        "```toml\n[a](docs/energy.md)\n```\n"
    )


def test_what_is_generated_stands_where_its_mark_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filled_pages, "GENERATED", {"commands": lambda: "made"})
    assert filled("a\n<!-- generated: commands -->\nb\n", DOCS / "x.md") == "a\nmade\nb\n"
    with pytest.raises(KeyError):
        filled("<!-- generated: nothing -->\n", DOCS / "x.md")


@pytest.mark.parametrize("path", [*SOURCES, *(ROOT / name for name in PAGES if name.endswith(".md"))])
def test_no_line_is_left_out_as_a_comment(path: Path) -> None:
    """MyST takes a line that opens with a percent sign for one, as where a sentence is broken after its number."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    assert re.findall(r"^\s*%.*", text, re.MULTILINE) == []


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("97.50 ± 0.56 % of 360", "97.50~±~0.56~% of 360"),
        ("105 nJ (30.7 nJ to 22.1 µJ)", "105~nJ (30.7~nJ to 22.1~µJ)"),
        ("0.578 ms ÷ 0.855 ms; 8 × 8", "0.578~ms ÷~0.855~ms; 8~×~8"),
        ("45 nm, 1.4 GB, 2 samples, 3 Markov chains", "45~nm, 1.4~GB, 2 samples, 3 Markov chains"),
    ],
)
def test_numbers_stay_with_their_units(text: str, kept: str) -> None:
    assert whole(text) == kept.replace("~", "\u00a0")


def test_every_public_name_has_its_page_with_its_examples() -> None:
    pages = python_names.pages()
    for name in (*neuroep.__all__, "EPClassifier"):
        assert f":: {name}\n" in pages[f"neuroep.{name}.rst"]
        assert f".. minigallery:: neuroep.{name}\n" in pages[f"neuroep.{name}.rst"]
        assert f":doc:`neuroep.{name} <" in pages["index.rst"]
    assert "   :members: program, check_verify, " in pages["neuroep.Chip.rst"]
    assert "set_fit_request" not in pages["neuroep.EPClassifier.rst"]  # of scikit-learn's own making


def test_what_public_names_return_has_its_page() -> None:
    pages = python_names.pages()
    trained = neuroep.train("xor", epochs=1)
    for thing in (trained, neuroep.load_model("xor"), neuroep.load_device("ecram"), neuroep.load_data("xor")):
        page = pages[f"{type(thing).__module__}.{type(thing).__qualname__}.rst"]
        members = re.findall(r":members: (.*)", page)[0].split(", ")
        assert members
        assert all(hasattr(thing, member) for member in members)
    assert {"predict", "plot", "to_dataframe"} <= set(re.findall(r"\w+", pages["neuroep.api.trained.Trained.rst"]))


def test_modules_that_examples_import_from_have_theirs() -> None:
    faces = set(python_names.faces())
    for script in (ROOT / "examples").glob("*.py"):
        used = re.findall(r"^from (neuroep\.[\w.]+) import", script.read_text("utf-8"), re.MULTILINE)
        assert set(used) - {"neuroep.cli"} <= faces


def test_bars_are_bars_and_formulas_stay_in_their_lines() -> None:
    given = ["The norm |x|, ``a | b``.", "", ">>> a | b"]
    assert python_names.escaped(given) == [r"The norm \|x\|, ``a | b``.", "", ">>> a | b"]
    shown = python_names.displayed(["One:", "", "    w = |x|", "    v", "", "Two |y|"])
    assert python_names.escaped(shown) == ["One:", "", "::", "", "    w = |x|", "    v", "", r"Two \|y\|"]


def test_pages_of_names_that_are_gone_go(tmp_path: Path) -> None:
    folder = tmp_path / python_names.FOLDER
    python_names.write(tmp_path, {"a.rst": "a", "b.rst": "b"})
    os.utime(folder / "a.rst", (1, 1))
    python_names.write(tmp_path, {"a.rst": "a"})
    assert [path.name for path in folder.iterdir()] == ["a.rst"]
    assert (folder / "a.rst").stat().st_mtime == 1
