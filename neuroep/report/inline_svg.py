"""Figures as SVG within HTML: in the colours of the page around them, said in words, with ids of their own."""

from __future__ import annotations

import hashlib
import io
import re
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Shades of grey as shares of the colour of the text around, light on a dark page; white is the page.
_SHADES = {"#000000": 1.0, "#222222": 0.95, "#333333": 0.85, "#666666": 0.65, "#999999": 0.45, "#dddddd": 0.18}
_PAPER = "var(--paper, #ffffff)"
_FAMILY = re.compile(r" font-family: [^;\"]*;?")


def svg(figure: Figure, title: str, description: str = "") -> str:
    """Return a figure as SVG for use inside HTML, which needs no namespaces.

    Parameters
    ----------
    figure : Figure
        Drawn in the house's style.
    title : str
        Its name.
    description : str
        What it shows, for those who can't see it.

    Notes
    -----
    Text takes the colour and the font of the page. Ids begin with a hash of the figure and its name, and those that
    nothing refers to are left out: only a figure shown twice shares them with its own copy.
    """
    engine = figure.get_layout_engine()
    if engine is not None:  # laid out here and once: savefig would draw everything a second time for it
        engine.execute(figure)
        figure.set_layout_engine(None)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style .*?</style>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = _coloured(_FAMILY.sub("", re.sub(r' xmlns(:\w+)?="[^"]*"', "", text)))
    text = re.sub(r"\s*\n\s*", "\n", text)
    name = "f" + hashlib.sha256("\0".join((title, description, text)).encode()).hexdigest()[:10]
    return _named(_apart(text, name), name, title, description)


def _coloured(text: str) -> str:
    """Greys as shades of the text's colour."""

    def shade(found: re.Match[str]) -> str:
        what, colour = found.groups()
        if colour == "#ffffff":
            return f"{what}: {_PAPER}"
        share = _SHADES.get(colour)
        if share is None:
            return found[0]
        return f"{what}: currentColor" + (f"; {what}-opacity: {share}" if share < 1.0 else "")

    return re.sub(r"\b(fill|stroke): (#[0-9a-f]{6})\b", shade, text)


def _apart(text: str, name: str) -> str:
    """Ids that are referred to, after the figure's name; others go."""
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', text))
    text = re.sub(r' id="([^"]*)"', lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", text)
    return text.replace("url(#", f"url(#{name}-").replace('href="#', f'href="#{name}-')


def _named(text: str, name: str, title: str, description: str) -> str:
    ids = f"{name}-title {name}-desc" if description else f"{name}-title"
    # black, which the SVG leaves out, is the page's colour; joins are what matplotlib's own style sheet would say
    opened = (
        f'<svg role="img" aria-labelledby="{ids}" fill="currentColor" stroke-linejoin="round" stroke-linecap="butt"'
        ' style="max-width: 100%; height: auto; font-family: system-ui, sans-serif"'
    )
    said = f'<title id="{name}-title">{escape(title)}</title>'
    said += f'\n<desc id="{name}-desc">{escape(description)}</desc>' if description else ""
    head, _, rest = text.replace("<svg", opened, 1).partition(">")
    return f"{head}>\n{said}{rest}".strip()
