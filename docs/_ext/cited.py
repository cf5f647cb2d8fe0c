"""The page of citations: every entry that `neuroep cite` can print, with the features that ask for it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping

from markdown_tables import table

from neuroep.report.citing import TABLE


def text() -> str:
    """Return a table of all works, in the order in which they are cited."""
    works = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return table(("work", "cited for"), [(reference(work), ", ".join(work["for"])) for work in works.values()])


def reference(work: Mapping[str, str]) -> str:
    """Return an entry of BibTeX as a line: authors, title, where and when, and where it can be read."""
    authors = [name.partition(", ")[0] for name in work["author"].split(" and ")]
    if len(authors) > 3 or "others" in authors:
        authors = [f"{authors[0]} et al."]
    journal = work.get("journal", work.get("booktitle", work.get("publisher", work.get("howpublished", ""))))
    where = " ".join(part for part in (journal, work.get("volume", "")) if part)
    line = ". ".join(part for part in (f"{', '.join(authors)} ({work['year']})", f"*{work['title']}*", where) if part)
    return f"{_plain(line)}{_found_at(work)}"


def _found_at(work: Mapping[str, str]) -> str:
    if "doi" in work:
        return f". [doi:{work['doi']}](https://doi.org/{work['doi']})"
    if "eprint" in work:
        return f". [arXiv:{work['eprint']}](https://arxiv.org/abs/{work['eprint']})"
    return f". <{work['url']}>" if "url" in work else ""


#: Letters as BibTeX writes them.
_LETTERS = {r"{\o}": "ø", r"{\l}": "ł", r"{\'e}": "é", r"\&": "&", "--": "–"}


def _plain(text: str) -> str:
    for written, letter in _LETTERS.items():
        text = text.replace(written, letter)
    return re.sub(r"[{}]", "", text)
