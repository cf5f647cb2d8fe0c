"""The gallery: examples as sphinx-gallery wants them, and the figures that they save.

An example opens its docstring with `Title: what it is about.`, takes a folder as its argument and saves NAME.png there.
sphinx-gallery wants a heading, so it is given copies that have one; the examples themselves stay as they are.
"""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
#: Copies to be executed, and what they write: beside the site, under build/.
STAGE = ROOT / "build" / "docs" / "stories"
OUTPUT = ROOT / "build" / "docs" / "stories-output"
_TITLE = re.compile(r"(.+?(?=[:,] |$|(?<=[?]) ))(?:[:,]? (.+))?")
HEADER = """Examples
========

Each script is one story: it prints numbers from the run it makes and saves one figure. Start one from anywhere by
``python examples/NAME.py FOLDER``. The pages below were made by running them when this site was built.
"""


def with_heading(source: str) -> str:
    """Return an example's source with its docstring's opening line as a heading.

    Parameters
    ----------
    source : str
        Python, with a docstring that begins with ``Title: what it is about.``, or with a question, or with a sentence
        that goes on after a comma.

    Returns
    -------
    str
        The same code. The title stands underlined, what follows it opens the text, and the command line that
        stands indented below is a literal block.

    Raises
    ------
    ValueError
        If there is no docstring.
    """
    told = ast.get_docstring(ast.parse(source), clean=False)
    if not told:
        raise ValueError("an example without a docstring")
    first, _, more = told.partition("\n\n")
    title, about = _TITLE.fullmatch(" ".join(first.split()).rstrip(".")).groups(default="")  # type: ignore[union-attr]
    opening = f"{about[:1].upper()}{about[1:]}.\n\n" if about else ""
    text = re.sub(r"(\A|\n\n)(?=    \S)", r"\1.. code-block:: sh\n\n", more)
    return source.replace(told, f"{title}\n{'=' * len(title)}\n\n{opening}{text}", 1)


def stage(examples: Path, into: Path = STAGE) -> Path:
    """Copy every example with its heading, and files that it may read, into a fresh folder, and return that."""
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    (into / "GALLERY_HEADER.rst").write_text(HEADER, encoding="utf-8")
    for path in sorted(path for path in examples.iterdir() if path.is_file()):
        if path.suffix == ".py":
            (into / path.name).write_text(with_heading(path.read_text(encoding="utf-8")), encoding="utf-8")
        elif path.suffix not in (".md", ".ipynb"):
            shutil.copy(path, into)
    return into


def folder_of(script: str | Path) -> Path:
    """Return the folder that an example writes to, made if it isn't there."""
    folder = OUTPUT / Path(script).stem
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def folder_argument(_: dict[str, Any], script_vars: dict[str, Any]) -> list[str]:
    """Return the arguments that an example is started with."""
    return [str(folder_of(script_vars["src_file"]))]


def saved_figure(_: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Return reStructuredText that shows the figure an example has saved; sphinx-gallery asks after each block."""
    from sphinx_gallery.scrapers import figure_rst

    stem = Path(block_vars["src_file"]).stem
    saved = folder_of(stem) / f"{stem}.png"
    if not saved.is_file():
        return ""
    shown = next(block_vars["image_path_iterator"])
    shutil.move(saved, shown)
    text: str = figure_rst([shown], gallery_conf["src_dir"], f"What {stem}.py draws")
    return text


def setup(_: Sphinx) -> dict[str, Any]:
    """Tell sphinx that pages may be read and written side by side."""
    return {"parallel_read_safe": True, "parallel_write_safe": True}
