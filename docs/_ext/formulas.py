"""Formulas as MathML, which browsers draw by themselves: no script, no font, no network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def mathml(latex: str, display: Literal["inline", "block"]) -> str:
    """Return a formula of LaTeX as an element of MathML."""
    from latex2mathml.converter import convert

    text: str = convert(latex.strip(), display=display)
    return text


def _inline(writer: Any, node: Any) -> None:
    from docutils.nodes import SkipNode

    writer.body.append(mathml(node.astext(), "inline"))
    raise SkipNode


def _block(writer: Any, node: Any) -> None:
    from docutils.nodes import SkipNode

    number = f'<span class="eqno">({node["number"]})</span>' if node.get("number") else ""
    writer.body.append(f"{writer.starttag(node, 'div', CLASS='math')}{number}{mathml(node.astext(), 'block')}</div>\n")
    raise SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer `mathml`."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
