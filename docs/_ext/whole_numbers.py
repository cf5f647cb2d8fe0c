"""Numbers that stay with their units and deviations: no line of a page, and no cell, breaks between them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_WITHIN = re.compile(r"(?<=\d) (?=(?:±|%|[×÷] \d|(?:[fpnµmkMG]?[JsB]|nm)\b))|(?<=[±×÷]) (?=\d)")


def whole(text: str) -> str:
    """Return text with no-break spaces within its numbers: ``97.50 ± 0.56 %``, ``105 nJ``."""
    return _WITHIN.sub("\N{NO-BREAK SPACE}", text)


def _keep(app: Sphinx, doctree: Any) -> None:
    """Code and formulas stay as they were typed."""
    from docutils import nodes

    typed = (nodes.literal, nodes.FixedTextElement, nodes.math, nodes.math_block)
    for text in list(doctree.findall(nodes.Text)):
        if not isinstance(text.parent, typed):
            text.parent.replace(text, nodes.Text(whole(str(text))))


def setup(app: Sphinx) -> dict[str, Any]:
    """Keep numbers whole once a page is read."""
    app.connect("doctree-read", _keep)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
