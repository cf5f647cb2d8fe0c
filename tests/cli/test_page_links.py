"""Every relative link of a page leads to a file, and to a heading where it names one; its scripts are there."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("devices", "models", "tests", "examples")
PLACES = ("*.md", "docs/**/*.md", *(f"{name}/*.md" for name in FOLDERS), "benchmarks/**/*.md", "examples/**/*.ipynb")
PAGES = sorted(str(path.relative_to(ROOT)) for place in PLACES for path in ROOT.glob(place))
LINK = re.compile(r"\]\(([^()\s]+)\)")


def without_code(text: str) -> str:
    """A page without its code blocks, whose comments look like headings."""
    return re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)


@cache
def anchors(path: Path) -> frozenset[str]:
    """The names that code hosts and MyST give a page's headings: lower case, no punctuation, hyphens for blanks."""
    titles = re.findall(r"^#+ (.+)$", without_code(path.read_text(encoding="utf-8")), re.M)
    return frozenset(re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles)


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    path = ROOT / name
    for link in LINK.findall(without_code(path.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), link


@pytest.mark.parametrize("name", PAGES)
def test_scripts_are_there(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for script in re.findall(r"(?<![\w/.])((?:examples|benchmarks|docs|tests)/[\w/]+\.py)\b", text):
        assert (ROOT / script).exists(), script
