"""Check a built site: nothing is loaded from a network, what pages load or link to is there, each has its own name.

    python docs/check_site.py build/docs/html

Exit status 0 when all holds, 1 with a line for each fault.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

#: Attributes by which a browser loads something as it shows a page; of <link> all but what only names another page.
LOADING = {"src", "srcset", "poster", "data"}
NAMING = {"author", "canonical", "index", "next", "prev", "search", "copyright"}
_STYLE_URL = re.compile(r"""url\(\s*['"]?([^'")]+)|@import\s+['"]([^'"]+)""")


class Page(HTMLParser):
    """What a page is called, what it loads and what it links to."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.linked: list[str] = []
        self.title = ""
        self._within = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See HTMLParser."""
        given = {key: value for key, value in attrs if value is not None}
        self._within = tag
        self.loaded += [part.split()[0] for key in LOADING & given.keys() for part in _parts(key, given[key])]
        self.loaded += _styled(given.get("style", ""))
        if "href" in given:
            loads = tag == "link" and not NAMING & set(given.get("rel", "").split())
            (self.loaded if loads else self.linked).append(given["href"])

    def handle_data(self, data: str) -> None:
        """See HTMLParser."""
        if self._within == "style":
            self.loaded += _styled(data)
        if self._within == "title" and not self.title:
            self.title = " ".join(data.split())


def _parts(key: str, value: str) -> list[str]:
    return [part for part in (value.split(",") if key == "srcset" else [value]) if part.strip()]


def _styled(text: str) -> list[str]:
    return [found[1] or found[2] for found in _STYLE_URL.finditer(text)]


def pages(site: Path) -> list[Path]:
    """Return the pages of a site; what a theme keeps beside its styles is none."""
    return [path for path in sorted(site.rglob("*.html")) if path.relative_to(site).parts[0] != "_static"]


def faults(site: Path) -> Iterator[str]:
    """Yield a line for each thing that a network holds or nothing does, and for each name that two pages have."""
    called: dict[str, Path] = {}
    for path in pages(site):
        page = Page()
        page.feed(path.read_text(encoding="utf-8"))
        yield from _of(site, path, page.loaded, page.linked)
        name = path.relative_to(site)
        if name.parts[0] != "_modules" and called.setdefault(page.title, name) != name:
            yield f"{name} is called {page.title!r}, as {called[page.title]} is"
    for path in sorted(site.rglob("*.css")):
        yield from _of(site, path, _styled(path.read_text(encoding="utf-8")), [])


def _of(site: Path, path: Path, loaded: list[str], linked: list[str]) -> Iterator[str]:
    name = path.relative_to(site)
    for address in loaded:
        parts = urlsplit(address)
        if parts.scheme != "data" and (parts.scheme or parts.netloc):
            yield f"{name} loads {address}"
    for address in {*loaded, *linked}:
        parts = urlsplit(address)
        if not parts.scheme and not parts.netloc and parts.path:
            target = path.parent / unquote(parts.path)
            if not target.exists():
                yield f"{name} refers to {address}, which isn't there"


def main(site: Path) -> int:
    """Print the faults, or how much was looked at; return the exit status."""
    count = len(pages(site))
    if not count:
        print(f"no pages in {site}", file=sys.stderr)
        return 1
    found = list(faults(site))
    print("\n".join(found) or f"{count} pages, and all that they load is beside them")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
