"""Pages that say what another file or the code says: filled in as sphinx reads them, so that nothing is written twice.

* ``<!-- generated: commands -->`` alone on a line becomes the text of that name in :data:`GENERATED`.
* ``<!-- whole file --> [CHANGELOG.md](../../CHANGELOG.md)`` becomes that file.
* A link to a file outside of docs/ leads to the page that holds it, or to a copy of it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cited
import command_lines
import device_keys
import model_keys
import support_matrix

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
GENERATED: Mapping[str, Callable[[], str]] = {
    "commands": command_lines.text,
    "model keys": model_keys.text,
    "device keys": device_keys.text,
    "support matrix": support_matrix.text,
    "citations": cited.text,
}
#: Where files outside of docs/ stand in the site.
PAGES = {
    "README.md": "about/readme.md",
    "CHANGELOG.md": "about/changelog.md",
    "CODE_OF_CONDUCT.md": "about/conduct.md",
    "CONTRIBUTING.md": "about/contributing.md",
    "SECURITY.md": "about/security.md",
    "devices/README.md": "reference/devices.md",
    "examples": "gallery/index.rst",
    "examples/README.md": "gallery/index.rst",
    "models/README.md": "reference/models.md",
    "tests/README.md": "about/tests.md",
}
_GENERATED = re.compile(r"^<!-- generated: ([a-z ]+) -->$", re.MULTILINE)
_WHOLE = re.compile(r"^<!-- whole file --> \[[^\]]+\]\(([^)]+)\)$", re.MULTILINE)
_LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<to>[^)\s#]+)(?P<part>#[^)\s]*)?\)")
_CODE = re.compile(r"^(`{3,}|:{3,}).*?^\1\s*$", re.MULTILINE | re.DOTALL)


def filled(text: str, page: Path) -> str:
    """Return a page's text with its marks filled in, and links outside of docs/ led to where the site has them.

    Parameters
    ----------
    text : str
        Of the page, in Markdown.
    page : Path
        The page, below docs/.

    Raises
    ------
    KeyError
        If nothing is generated under a name.
    """

    def whole(found: re.Match[str]) -> str:
        source = (page.parent / found[1]).resolve()
        return relinked(source.read_text(encoding="utf-8"), source.parent, page)

    text = relinked(_WHOLE.sub(whole, text), page.parent, page)
    return _GENERATED.sub(lambda found: GENERATED[found[1]](), text)


def relinked(text: str, folder: Path, page: Path) -> str:
    """Return text that stood in a folder with its links as they are from a page; code blocks stay as they are."""
    pieces, end = [], 0
    for block in _CODE.finditer(text):
        pieces += [_LINK.sub(lambda link: _led(link, folder, page), text[end : block.start()]), block[0]]
        end = block.end()
    return "".join([*pieces, _LINK.sub(lambda link: _led(link, folder, page), text[end:])])


def _led(link: re.Match[str], folder: Path, page: Path) -> str:
    if ":" in link["to"]:
        return link[0]
    target = (folder / link["to"]).resolve()
    if not target.is_relative_to(ROOT) or not target.exists():
        return link[0]  # of the page itself by now, or missing: sphinx says so
    name = target.relative_to(ROOT).as_posix()
    if name in PAGES:
        target = DOCS / PAGES[name]
    elif re.fullmatch(r"examples/\w+\.py", name):
        target = (DOCS / "gallery" / target.name).with_suffix(".rst")
    elif target.is_dir() or (target.suffix in (".md", ".rst") and not target.is_relative_to(DOCS)):
        return link["text"]  # neither a page of the site nor a file to copy
    return f"{link['image']}[{link['text']}]({os.path.relpath(target, page.parent)}{link['part'] or ''})"


def setup(app: Sphinx) -> dict[str, Any]:
    """Fill every page of Markdown as it is read."""
    from pygments.lexers.special import TextLexer

    app.add_lexer("csv", TextLexer)

    def read(app: Sphinx, docname: str, content: list[str]) -> None:
        page = Path(app.env.doc2path(docname))
        if page.suffix == ".md":
            content[0] = filled(content[0], page)

    app.connect("source-read", read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
