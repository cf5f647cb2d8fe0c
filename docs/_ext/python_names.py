"""The reference of names in Python: a page for each public one, for what they return, and for each face.

A public name's page ends in the examples that use it. A face is a module below `neuroep` that examples or pages import
from, or that says what a member of an axis must offer.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from types import GenericAlias
from typing import TYPE_CHECKING, Any

import neuroep

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
#: Where pages are written, below docs/; git doesn't see them.
FOLDER = Path("reference/names")
PUBLIC = sorted({*neuroep.__all__, "EPClassifier", "EPRegressor"}, key=str.lower)
#: What a new member of an axis keeps to, as CONTRIBUTING.md tells.
AXES = (
    "neuroep.engines.base",
    "neuroep.hardware.device",
    "neuroep.hardware.effect",
    "neuroep.learning.methods.base",
    "neuroep.learning.rules",
    "neuroep.physics.base",
    "neuroep.specs.kind",
)
#: What only the command line is for.
THIN = ("neuroep.cli",)
_DESCRIBED = (property, classmethod, staticmethod, cached_property)
TITLE = "Names in Python"
OPENING = """``import neuroep`` has all that most scripts need; torch and scikit-learn are imported when needed. Below
stand the modules that examples and these pages import from besides, and those that say what an engine, a device, an
energy, an estimator or a rule of your own must offer.
"""


def pages() -> dict[str, str]:
    """Return the text of every page in reStructuredText, by file name."""
    found = {f"neuroep.{name}.rst": name_page(name) for name in PUBLIC}
    found |= {f"{_path(result)}.rst": class_page(result) for result in results()}
    found |= {f"{module}.rst": face_page(module) for module in faces()}
    return {"index.rst": index(), **found}


def index() -> str:
    """Return the page that lists all others, each with its first sentence."""
    names = [(f"neuroep.{name}", _first(getattr(neuroep, name))) for name in PUBLIC]
    returned = [(_path(result), _first(result)) for result in results()]
    modules = [(module, _first(importlib.import_module(module))) for module in faces()]
    listed = "\n".join(f"   {name}" for name, _ in (*names, *returned, *modules))
    parts = [_heading(TITLE, "="), OPENING, _heading("neuroep", "-"), _table(names)]
    parts += [_heading("What they return", "-"), _table(returned), _heading("Modules", "-"), _table(modules)]
    parts.append(f".. toctree::\n   :hidden:\n\n{listed}\n")
    return "\n".join(parts)


def name_page(name: str) -> str:
    """Return the page of a public name: its docstring, and the examples that use it."""
    thing = getattr(neuroep, name)
    how = "autofunction" if inspect.isfunction(thing) else "autoclass"
    members = "" if how == "autofunction" else f"   :members: {', '.join(_own(thing))}\n"
    examples = f".. minigallery:: neuroep.{name}\n   :add-heading: Examples that use it\n   :heading-level: -\n"
    entry = f".. currentmodule:: neuroep\n\n.. {how}:: {name}\n{members}"
    return "\n".join([_heading(f"neuroep.{name}", "="), entry, examples])


def _own(of: type) -> list[str]:
    """Names of what a class and its bases in neuroep say, without what others, or a metaclass, put in."""
    bases = (base for base in of.__mro__ if base.__module__.startswith("neuroep."))
    kept = (name for base in bases for name, part in vars(base).items()
            if inspect.isfunction(part) or isinstance(part, _DESCRIBED))  # fmt: skip
    return list(dict.fromkeys(name for name in kept if not name.startswith("_")))


def results() -> list[type]:
    """Return the classes that public functions return and that have no page yet, by name."""
    told = {getattr(neuroep, name) for name in PUBLIC}
    functions = [thing for thing in told if inspect.isfunction(thing)]
    found = {kind for function in functions for kind in _returned(function)}
    modules = set(faces())
    return sorted((kind for kind in found - told if kind.__module__ not in modules), key=_path)


def _returned(function: Any) -> Iterator[type]:
    """The classes of neuroep in a function's return annotation, those imported for type checkers alone among them."""
    module = importlib.import_module(function.__module__)
    imports = (node for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.ImportFrom))
    homes = {alias.name: str(node.module) for node in imports for alias in node.names}
    for name in re.findall(r"\w+", str(inspect.signature(function).return_annotation)):
        home = homes.get(name, module.__name__)
        kind = getattr(importlib.import_module(home), name, None) if home.startswith("neuroep") else None
        if inspect.isclass(kind) and kind.__module__.startswith("neuroep."):
            yield kind


def _path(of: type) -> str:
    return f"{of.__module__}.{of.__qualname__}"


def class_page(of: type) -> str:
    """Return the page of a class that isn't public by name: what it holds and does."""
    entry = f".. autoclass:: {_path(of)}\n   :members: {', '.join(_own(of))}\n"
    return f"{_heading(_path(of), '=')}\n{entry}"


def face_page(module: str) -> str:
    """Return the page of a module: all that it defines without an underscore before it."""
    return f"{_heading(module, '=')}\n.. automodule:: {module}\n   :members:\n"


def faces() -> list[str]:
    """Return the modules that examples and pages import from, and :data:`AXES`, by name."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "examples").glob("*.py"))]
    texts += [code for path in sorted((ROOT / "docs").rglob("*.md")) for code in _python(path)]
    return sorted({*AXES, *(name for text in texts for name in _imported(text))})


def _python(page: Path) -> list[str]:
    return re.findall(r"^```python[^\n]*\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def _imported(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        module = str(node.module) if isinstance(node, ast.ImportFrom) else ""
        if module.startswith("neuroep.") and module not in THIN:
            yield module


def _first(thing: Any) -> str:
    """The first sentence of a docstring."""
    return " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split())


def _heading(title: str, line: str) -> str:
    return f"{title}\n{line * len(title)}\n"


def _table(rows: list[tuple[str, str]]) -> str:
    lines = "".join(f"   * - :doc:`{name} <{name}>`\n     - {about}\n" for name, about in rows)
    return f".. list-table::\n   :widths: 30 70\n\n{lines}"


def write(docs: Path, texts: Mapping[str, str]) -> None:
    """Write the pages, and remove those of names that are gone; what is unchanged stays as old as it is."""
    folder = docs / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for gone in {path.name for path in folder.glob("*.rst")} - set(texts):
        (folder / gone).unlink()
    for name, text in texts.items():
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text:
            (folder / name).write_text(text, encoding="utf-8")


def displayed(lines: list[str]) -> list[str]:
    """Return a module's docstring with indented formulas as they stand, in literal blocks."""
    return re.sub(r"(\A|\n\n)(?=    \S)", r"\1::\n\n", "\n".join(lines)).split("\n")


def escaped(lines: list[str]) -> list[str]:
    """Return a docstring's lines with bars as themselves, as in |x|, where reStructuredText has substitutions."""
    found, literal = [], False
    for line in lines:
        literal = line.startswith(" ") if literal and line else literal or line == "::"
        plain = literal or line.lstrip().startswith((">>>", "...", "|", "+"))
        found.append(line if plain else re.sub(r"(``.*?``)|\|", lambda bar: bar[1] or r"\|", line))
    return found


def _told(_: Sphinx, what: str, __: str, ___: object, ____: object, lines: list[str]) -> None:
    lines[:] = escaped(displayed(lines) if what == "module" else lines)


def _skipped(_: Sphinx, __: str, ___: str, thing: object, skip: bool, ____: object) -> bool | None:
    return True if isinstance(thing, GenericAlias) else None  # of which autodoc can't tell the signature


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before sphinx looks for them, and make docstrings fit for it."""
    app.connect("builder-inited", lambda app: write(Path(app.srcdir), pages()))
    app.connect("autodoc-process-docstring", _told, priority=900)  # after numpydoc
    app.connect("autodoc-skip-member", _skipped)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
