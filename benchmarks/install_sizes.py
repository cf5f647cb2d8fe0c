"""What installs how much: megabytes of each package that neuroep needs, with what it alone brings along.

    python benchmarks/install_sizes.py

Measured where it runs, from the files that pip has recorded, compiled bytecode among them. What several need, as numpy,
counts for none of them; extras whose packages aren't there have no figure.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

Node = tuple[str, frozenset[str]]
"""A distribution, and which of its extras are asked for."""
EXTRAS = ("sklearn", "spreadsheets", "exchange", "cluster", "cuda", "docs", "test")
LEAST = 1.0
"""Megabytes below which a package has no line of its own."""


def needs(node: Node) -> list[Node]:
    """Return what a distribution asks for directly, by this machine and these extras; nothing if it isn't there."""
    name, extras = node
    try:
        lines = distribution(name).requires or ()
    except PackageNotFoundError:
        return []
    asked = [Requirement(line) for line in lines]
    return [
        (canonicalize_name(one.name), frozenset(one.extras))
        for one in asked
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in ("", *extras))
    ]


def closure(roots: Iterable[Node]) -> set[str]:
    """Return the names of everything that comes with these."""
    seen: set[Node] = set()
    waiting = list(roots)
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting += needs(node)
    return {name for name, _ in seen}


def megabytes(name: str) -> float | None:
    """Return the size of a distribution's files; None if it isn't there."""
    try:
        files = distribution(name).files or ()
    except PackageNotFoundError:
        return None
    places = (file.locate() for file in files)
    return sum(place.stat().st_size for place in places if place.is_file()) / 1e6  # type: ignore[attr-defined]


def total(names: Iterable[str]) -> float:
    return sum(megabytes(name) or 0.0 for name in names)


def main() -> None:
    hard = needs(("neuroep", frozenset()))
    everything = closure(hard)
    print(f"{'neuroep needs':30}  {'MB':>7}  {'with what it alone brings':>25}")
    lines = []
    for root in hard:
        along = closure([root])
        alone = everything - closure(other for other in hard if other[0] not in along)
        lines.append((total(alone), megabytes(root[0]) or 0.0, root[0]))
    for brought, own, name in sorted(lines, reverse=True):
        if max(brought, own) >= LEAST:
            print(f"{name:30}  {own:7.0f}  {f'{brought:.0f}' if brought else 'others need it':>25}")
    print(f"{'all of it':30}  {total(everything):7.0f}  {len(everything)} packages\n")
    for extra in EXTRAS:
        more = [node for node in needs(("neuroep", frozenset({extra}))) if node not in hard]
        absent = [name for name, _ in more if megabytes(name) is None]
        text = (
            f"not installed here: {', '.join(absent)}"
            if absent
            else f"{total(brought := closure(more) - everything):.0f} MB more, {len(brought)} packages"
        )
        print(f"neuroep[{extra}]: {text}")


if __name__ == "__main__":
    main()
