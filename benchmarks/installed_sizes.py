"""What an installation of neuroep takes on disk: each extra, and the largest packages.

    python benchmarks/installed_sizes.py

Sums the files of every package that is installed here and that a requirement leads to. An extra's row has what it adds
to neuroep without extras; what isn't installed here is named, and not counted.
"""

from __future__ import annotations

import importlib.metadata as metadata
from collections.abc import Iterable
from functools import cache

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LARGEST = 8


@cache
def size(name: str) -> int:
    """Bytes of a package's files."""
    files = metadata.distribution(name).files or []
    paths = (path.locate() for path in files)
    return sum(path.stat().st_size for path in paths if path.is_file())  # type: ignore[attr-defined]


def needed(name: str, extras: Iterable[str] = ("",)) -> tuple[set[str], set[str]]:
    """Names of what a package needs with some extras, itself among them; and of what of it isn't installed here."""
    found: set[str] = set()
    missing: set[str] = set()
    ahead = [(canonicalize_name(name), frozenset(extras) | {""})]
    seen = set(ahead)
    while ahead:
        one, wanted = ahead.pop()
        try:
            requires = metadata.distribution(one).requires or []
        except metadata.PackageNotFoundError:
            missing.add(one)
            continue
        found.add(one)
        for requirement in map(Requirement, requires):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in wanted):
                entry = canonicalize_name(requirement.name), frozenset(requirement.extras) | {""}
                if entry not in seen:
                    seen.add(entry)
                    ahead.append(entry)
    return found, missing


def megabytes(names: Iterable[str]) -> str:
    """Their size, in units of 10⁶ bytes."""
    return f"{sum(map(size, names)) / 1e6:,.0f} MB"


def main() -> None:
    """Print the table."""
    plain, _ = needed("neuroep")
    print(f"neuroep and what it needs: {len(plain)} packages, {megabytes(plain)}")
    for name in sorted(plain, key=size, reverse=True)[:LARGEST]:
        print(f"  {name:24} {megabytes([name])}")
    for extra in metadata.metadata("neuroep").get_all("Provides-Extra") or ():
        found, missing = needed("neuroep", (extra,))
        lacking = f"; not here: {', '.join(sorted(missing))}" if missing else ""
        print(f"[{extra}] adds {len(found - plain)} packages, {megabytes(found - plain)}{lacking}")


if __name__ == "__main__":
    main()
