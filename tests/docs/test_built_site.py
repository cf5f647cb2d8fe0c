"""What is looked for in a built site: loads from a network, things that aren't there, two pages of one name."""

from __future__ import annotations

from pathlib import Path

import pytest
from check_site import faults, main


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site that is right."""
    (tmp_path / "style.css").write_text("a { background: url(data:image/png;base64,AA) }", encoding="utf-8")
    (tmp_path / "index.html").write_text(
        "<title>Home</title><svg><title>A drawing</title></svg>"
        '<link rel="stylesheet" href="style.css?v=1"><link rel="canonical" href="https://x.org/">'
        '<a href="https://x.org">out</a><a href="index.html#part">in</a><img src="data:image/png;base64,AA">',
        encoding="utf-8",
    )
    return tmp_path


def test_a_site_that_is_right(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert list(faults(site)) == []
    assert main(site) == 0
    assert "1 pages" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("a.html", '<script src="https://cdn.org/x.js"></script>', "loads https://cdn.org/x.js"),
        ("a.html", '<link rel="stylesheet" href="//cdn.org/x.css">', "loads //cdn.org/x.css"),
        ("a.html", '<link rel="preconnect" href="https://fonts.org">', "loads https://fonts.org"),
        ("a.html", '<img srcset="style.css 1x, http://x.org/b.png 2x">', "loads http://x.org/b.png"),
        ("a.html", "<style>@import 'https://x.org/a.css';</style>", "loads https://x.org/a.css"),
        ("a.html", '<p style="background: url(https://x.org/a.png)">', "loads https://x.org/a.png"),
        ("b.css", "@font-face { src: url('https://fonts.org/a.woff') }", "loads https://fonts.org/a.woff"),
        ("a.html", '<img src="none.png">', "refers to none.png, which isn't there"),
        ("a.html", '<a href="none.html#x">', "refers to none.html#x, which isn't there"),
        ("with.html", "<title>\n Home </title><p>", "is called 'Home', as index.html is"),
    ],
)
def test_what_is_wrong_is_named(
    site: Path, file: str, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (site / file).write_text(text, encoding="utf-8")
    assert main(site) == 1
    assert capsys.readouterr().out == f"{file} {said}\n"


def test_no_site_at_all(tmp_path: Path) -> None:
    assert main(tmp_path) == 1
