"""The parts of an HTML page that needs nothing but itself: document, sections, tables, figures."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from neuroep.report.inline_svg import svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE_SHEET = Path(__file__).with_name("page.css")
#: In the head of every page: what neuroep wrote it may write over.
GENERATOR = '<meta name="generator" content="neuroep">'


class Section(NamedTuple):
    """A part of a page: its title, and its HTML."""

    title: str
    body: str


def document(title: str, lead: str, sections: Iterable[Section]) -> str:
    """Return a whole page.

    Parameters
    ----------
    title : str
        Plain text.
    lead : str
        HTML under the title.
    sections : iterable of Section
        Those without a body are left out.
    """
    shown = [section for section in sections if section.body]
    links = "".join(f'<li><a href="#{_slug(each.title)}">{escape(each.title)}</a></li>' for each in shown)
    body = "\n".join(map(_section, shown))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{GENERATOR}
<title>{escape(title)}</title>
<style>
{STYLE_SHEET.read_text(encoding="utf-8")}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the results</a>
<header>
<h1>{escape(title)}</h1>
{lead}
<nav aria-label="Contents"><ul>{links}</ul></nav>
</header>
<main id="main">
{body}
</main>
</body>
</html>
"""


def _slug(title: str) -> str:
    return re.sub(r"\W+", "-", title.lower()).strip("-")


def _section(section: Section) -> str:
    name = _slug(section.title)
    return (
        f'<section aria-labelledby="{name}">\n<h2 id="{name}">{escape(section.title)}</h2>\n{section.body}\n</section>'
    )


def table(
    name: str, header: Sequence[str], rows: Iterable[Sequence[str]], text: int = 1, kind: str = "",
    behind: Sequence[bool] = (),
) -> str:  # fmt: skip
    """Return a table that scrolls where it is too wide.

    Parameters
    ----------
    name : str
        What it holds, for those who hear it.
    header : sequence of str
        Plain text; empty where rows are pairs of a name and a value.
    rows : iterable of sequence of str
        Cells that are HTML already; the first of a row names it.
    text : int
        So many first columns are set flush left.
    kind : str
        ``"cards"`` where each row becomes a card on a phone, ``"fits"`` where it is narrow enough anyway,
        ``"settings"`` where values may be long.
    behind : sequence of bool
        Which rows are set in grey.
    """

    def cell(tag: str, k: int, content: str, more: str = "") -> str:
        named = f' data-name="{escape(header[k])}"' if kind == "cards" else ""
        return f"<{tag}{_flush(k, text)}{named}{more}>{content}</{tag}>"

    head = "".join(f'<th scope="col"{_flush(k, text)}>{escape(title)}</th>' for k, title in enumerate(header))
    lines = []
    for place, row in enumerate(rows):
        grey = ' class="behind"' if place < len(behind) and behind[place] else ""
        first = cell("th", 0, row[0], ' scope="row"')
        lines.append(f"<tr{grey}>{first}{''.join(cell('td', k, each) for k, each in enumerate(row[1:], start=1))}</tr>")
    thead = f"<thead><tr>{head}</tr></thead>\n" if header else ""
    body = "\n".join(lines)
    return (
        f'<div class="wide{" " * bool(kind)}{kind}" role="region" aria-label="{escape(name)}" tabindex="0"><table>\n'
        f"{thead}<tbody>\n{body}\n</tbody>\n</table></div>\n"
        '<p class="hint" aria-hidden="true">Scroll the table sideways →</p>'
    )


def _flush(k: int, text: int) -> str:
    return ' class="text"' if k < text else ""


def figure(title: str, draw: Callable[[bool], Figure | None], description: str, caption: str) -> str:
    """Return a figure in two drawings, one for a phone, of which the page shows one; nothing if there is none.

    Parameters
    ----------
    title : str
        Its name.
    draw : callable
        Draws it; is told whether for a phone.
    description : str
        What it shows, in words.
    caption : str
        Plain text.
    """
    broad = draw(False)
    narrow = draw(True)
    if broad is None or narrow is None:
        return ""
    drawings = "\n".join(
        f'<div class="{kind}">{svg(each, title, description)}</div>'
        for kind, each in (("broad", broad), ("narrow", narrow))
    )
    return f"<figure>\n{drawings}\n<figcaption>{escape(caption)}</figcaption>\n</figure>"


def setting(name: str) -> str:
    """Return a setting's key path, which a narrow column breaks after its dots and underscores."""
    broken = re.sub("([._])", r"\1<wbr>", escape(name))
    return f"<code>{broken}</code>"


def written(value: Any) -> str:
    """Return a setting's value as plain text; a dash for none."""
    return "–" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def listed(lines: Iterable[str]) -> str:
    """Return a list of lines of plain text; nothing without any."""
    items = "\n".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<ul>\n{items}\n</ul>" if items else ""


def note(text: str) -> str:
    """Return a line in small print, of plain text."""
    return f'<p class="note">{escape(text)}</p>'
