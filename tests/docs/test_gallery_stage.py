"""Examples as the gallery takes them: the same code, under a heading of its own."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from stories import folder_argument, folder_of, stage, with_heading

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.py"))


def body(source: str) -> str:
    """The code without its docstring, as python understands it."""
    tree = ast.parse(source)
    return ast.dump(ast.Module(tree.body[1:], []))


def test_the_opening_line_becomes_a_heading() -> None:
    given = '"""A run: the same net,\ntwice.\n\n    python examples/x.py\n\nIt says more.\n"""\nprint("A run")\n'
    told = ast.get_docstring(ast.parse(with_heading(given)))
    command = ".. code-block:: sh\n\n    python examples/x.py"
    assert told == f"A run\n=====\n\nThe same net, twice.\n\n{command}\n\nIt says more."


def test_a_title_alone_stays_one() -> None:
    assert ast.get_docstring(ast.parse(with_heading('"""Settling.\n\nMore.\n"""\n'))) == "Settling\n========\n\nMore."


def test_without_a_docstring_there_is_no_heading() -> None:
    with pytest.raises(ValueError, match="docstring"):
        with_heading("print(1)\n")


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_has_a_title_and_keeps_its_code(script: Path) -> None:
    source = script.read_text(encoding="utf-8")
    made = with_heading(source)
    assert body(made) == body(source)
    title, line, blank, text = (ast.get_docstring(ast.parse(made)) or "").split("\n", 3)
    assert line == "=" * len(title)
    assert blank == ""
    assert 0 < len(title) < 80
    assert text.strip()


def test_the_stage_is_fresh_and_opens_with_a_page_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "01_a.py").write_text('"""A: b."""\n', encoding="utf-8")
    (tmp_path / "from" / "README.md").write_text("", encoding="utf-8")
    (tmp_path / "from" / "pulses.csv").write_text("1,2", encoding="utf-8")
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "old.py").write_text("", encoding="utf-8")
    made = stage(tmp_path / "from", tmp_path / "to")
    assert sorted(path.name for path in made.iterdir()) == ["01_a.py", "GALLERY_HEADER.rst", "pulses.csv"]


def test_an_example_is_given_the_folder_that_its_figure_is_looked_for_in() -> None:
    (argument,) = folder_argument({}, {"src_file": "/somewhere/01_first_run.py"})
    assert Path(argument) == folder_of("01_first_run")
    assert Path(argument).is_dir()
