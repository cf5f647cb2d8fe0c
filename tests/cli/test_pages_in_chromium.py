"""The HTML pages in a real browser: widths and schemes, overflow, contrast, names, the console and the network.

Oracles: the browser's own layout, accessibility tree and requests; WCAG 2.2's formula of contrast. Screenshots go to
the folder that NEUROEP_SCREENSHOTS names, else to pytest's own. The site is looked at where `make docs` has built it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from calling import Finished, call

pytestmark = pytest.mark.draws

SITE = Path(__file__).resolve().parents[2] / "build" / "docs" / "html"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WIDTHS, SCHEMES = (1280, 400), ("light", "dark")
#: CSS pixels: A4 between the margins that the page asks for, at 96 dots an inch.
PAPER = 687
#: Text that is seen, with its colour over what lies behind it, its size in CSS pixels, and whether it is in a figure.
SEEN = """() => {
  const mix = (over, under) => over.slice(0, 3).map((c, k) => c * over[3] + under[k] * (1 - over[3]));
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const known = new Map();
  const parse = (colour, opacity) => {
    if (!known.has(colour)) {
      canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
      known.set(colour, canvas.getImageData(0, 0, 1, 1).data);
    }
    const [r, g, b, a] = known.get(colour);
    return [r, g, b, (a / 255) * opacity];
  };
  const behind = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) layers.push(parse(getComputedStyle(e).backgroundColor, 1));
    return layers.reverse().reduce((under, over) => mix(over, under), [255, 255, 255]);
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement, style = getComputedStyle(element);
    const text = walker.currentNode.data.trim(), drawn = element.tagName.toLowerCase() === 'text';
    if (!text || !element.checkVisibility() || ['style', 'title', 'desc'].includes(element.tagName)) continue;
    if (element.closest('svg') && !drawn) continue;
    const scale = drawn ? element.getScreenCTM() : null;
    const size = parseFloat(style.fontSize) * (scale ? Math.hypot(scale.a, scale.b) : 1);
    const under = behind(element);
    const ink = drawn ? parse(style.fill, parseFloat(style.fillOpacity)) : parse(style.color, 1);
    found.push({ text, size, drawn, ink: mix(ink, under), under });
  }
  return found;
}"""


def luminance(colour: list[float]) -> float:
    """Relative luminance of an sRGB colour, 0 to 1 (WCAG 2.2)."""
    parts = [c / 255 for c in colour]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: list[float], other: list[float]) -> float:
    """Contrast of two colours, 1 to 21 (WCAG 2.2)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright here")
    if CHROMIUM is None:
        pytest.skip("no Chromium here")
    with playwright.sync_playwright() as driver:
        sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def pages(finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The page of a run, and one that compares it with a dearer and worse one of other settings."""
    folder = tmp_path_factory.mktemp("pages")
    run, other = folder / "one", folder / "another-run-with-a-rather-long-name"
    for copy in (run, other):
        shutil.copytree(finished.folder, copy)
    result = json.loads((other / "result.json").read_text(encoding="utf-8"))
    for row in result["rows"]:
        row["test_accuracy"] -= 0.03
        for key in ("energy_inference_joules", "energy_training_step_joules"):
            row[key] = row[key] and {name: 40.0 * value for name, value in row[key].items()}
    result["spec"]["seeds"] = [7, 8]
    (other / "result.json").write_text(json.dumps(result), encoding="utf-8")
    both = folder / "both.html"
    assert call("report", run).status == 0
    assert call("report", run, other, "--out", both).status == 0
    return {"run": run / "report.html", "comparison": both}


def opened(browser: Any, path: Path, name: str, tmp_path: Path, **settings: Any) -> Any:
    """Open a page, hold it to its silence, and keep a screenshot."""
    page = browser.new_context(**settings).new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url) if request.url.split(":")[0] != "file" else None)
    page.goto(path.as_uri())
    folder = Path(os.environ.get("NEUROEP_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"{name}.png", full_page=True)
    assert said == []
    return page


def fits(page: Any) -> bool:
    """Whether nothing of the document lies beyond its width."""
    wide: bool = page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    return wide


@pytest.mark.parametrize("name", ["run", "comparison"])
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_page(browser: Any, pages: dict[str, Path], name: str, width: int, scheme: str, tmp_path: Path) -> None:
    settings = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    page = opened(browser, pages[name], f"{name}-{width}-{scheme}", tmp_path, **settings)
    assert fits(page)
    seen = page.evaluate(SEEN)
    assert {True, False} == {each["drawn"] for each in seen}
    assert [each for each in seen if contrast(each["ink"], each["under"]) < 4.5] == []
    assert min(each["size"] for each in seen) >= 9.0
    dark = luminance(seen[0]["under"]) < 0.05
    assert dark == (scheme == "dark")
    named = images(page)
    assert len(named) == page.locator("svg:visible").count() > 0
    assert all(title and len(said) > 40 for title, said in named)
    page.context.close()


def images(page: Any) -> list[tuple[str, str]]:
    """Names and descriptions of the images in the browser's accessibility tree."""
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    found = [node for node in tree if node.get("role", {}).get("value") in ("img", "image") and not node["ignored"]]
    return [(node["name"]["value"], node.get("description", {}).get("value", "")) for node in found]


@pytest.mark.parametrize("name", ["run", "comparison"])
def test_printed(browser: Any, pages: dict[str, Path], name: str, tmp_path: Path) -> None:
    """On A4 nothing is cut off, what only a screen needs is gone, and dark readers don't print on black."""
    settings = {"viewport": {"width": PAPER, "height": 1000}, "color_scheme": "dark"}
    page = opened(browser, pages[name], f"{name}-screen", tmp_path, **settings)
    page.emulate_media(media="print")
    assert fits(page)
    cut = "[...document.querySelectorAll('.wide')].filter(e => e.scrollWidth > e.clientWidth + 1).length"
    assert page.evaluate(cut) == 0
    assert page.locator("nav:visible, .skip:visible, .hint:visible").count() == 0
    assert min(luminance(each["under"]) for each in page.evaluate(SEEN)) > 0.6
    assert page.pdf().startswith(b"%PDF")
    page.context.close()


@pytest.mark.parametrize("name", ["run", "comparison"])
def test_keyboard_and_headings(browser: Any, pages: dict[str, Path], name: str, tmp_path: Path) -> None:
    page = opened(browser, pages[name], f"{name}-keys", tmp_path, viewport={"width": 400, "height": 900})
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#main"
    levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3, h4')].map(e => Number(e.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))
    assert page.evaluate("document.documentElement.lang") == "en"
    assert [page.locator(mark).count() for mark in ("header", "nav", "main")] == [1, 1, 1]
    doubled = "(ids => ids.length - new Set(ids).size)([...document.querySelectorAll('[id]')].map(e => e.id))"
    assert page.evaluate(doubled) == 0
    scrolled = "[...document.querySelectorAll('.wide')].filter(e => e.scrollWidth > e.clientWidth).map(e => e.tabIndex)"
    assert set(page.evaluate(scrolled)) == {0}
    page.context.close()


@pytest.fixture(scope="module")
def site() -> list[Path]:
    """Pages of the built site, without those that are source code."""
    found = [path for path in sorted(SITE.rglob("*.html")) if path.relative_to(SITE).parts[0][0] != "_"]
    if not found:
        pytest.skip("no site here: make docs")
    return found


def heard(page: Any) -> list[str]:
    """What goes wrong on a page from now on: errors and warnings of its console, requests to a network."""
    said: list[str] = []
    page.on("console", lambda told: said.append(told.text) if told.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda asked: None if asked.url.startswith(("file:", "data:")) else said.append(asked.url))
    return said


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (400, "light")])
def test_every_page_of_the_site(browser: Any, site: list[Path], width: int, scheme: str) -> None:
    page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page()
    said = heard(page)
    for path in site:
        page.goto(path.as_uri())
        said += [] if fits(page) else ["wider than the window"]
        said += [each["text"] for each in page.evaluate(SEEN) if contrast(each["ink"], each["under"]) < 4.5]
        assert said == [], path
    page.context.close()


@pytest.mark.slow
def test_search_needs_no_server(browser: Any, site: list[Path]) -> None:
    page = browser.new_page()
    said = heard(page)
    page.goto(f"{(SITE / 'search.html').as_uri()}?q=ecram")
    page.locator("#search-results a", has_text="Benchmarks").wait_for()
    assert said == []
    page.close()
