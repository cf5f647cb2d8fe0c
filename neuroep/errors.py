"""Errors that say what is wrong, where, what is allowed, and the nearest right name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

#: Characters of each part of a message: what is quoted from a file may be a megabyte.
LONGEST = 600


def printable(text: str) -> str:
    """Return text on one line, with what isn't for the eye (control characters, terminal escapes) spelt out."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shortened(text: str, longest: int = LONGEST) -> str:
    """Return printable text, cut in the middle where it is longer than that many characters."""
    shown = printable(text)
    return shown if len(shown) <= longest else f"{shown[: longest - 40]} ... {shown[-30:]}"


class NeuroepError(Exception):
    """Anything neuroep reports itself: one line, no traceback on the command line (exit status 1).

    Examples
    --------
    >>> try:
    ...     neuroep.train("xor", device="ekram")
    ... except neuroep.NeuroepError as error:
    ...     print(str(error)[:57])
    no device is called 'ekram' (did you mean 'ecram'?); allo
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(shortened(message, 3 * LONGEST))

    def __reduce__(self) -> tuple[Any, ...]:
        return _remade, (type(self), *self.args)  # by its message: kinds of error take other arguments to make it


def _remade(kind: type[NeuroepError], *args: Any) -> NeuroepError:
    return kind.__new__(kind, *args)


class BadInput(NeuroepError):
    """Input that can't be used: a name, a file, a key, a value, a shape (exit status 2).

    Parameters
    ----------
    what : str
        What is wrong.
    where : str, optional
        The file, key path or argument in which it stands.
    allowed : str, optional
        What would be right.

    Examples
    --------
    >>> raise neuroep.BadInput("3 layers", "my-net.toml: layers", "2")
    Traceback (most recent call last):
        ...
    neuroep.errors.BadInput: my-net.toml: layers: 3 layers; allowed: 2
    """

    def __init__(self, what: str, where: str = "", allowed: str = "") -> None:
        what, where, allowed = shortened(what), shortened(where), shortened(allowed)
        message = f"{where}: {what}" if where else what
        super().__init__(f"{message}; allowed: {allowed}" if allowed else message)


class UnknownName(BadInput):
    """A name that isn't among the known ones; suggests the nearest."""

    def __init__(self, kind: str, name: str, known: Iterable[str], where: str = "") -> None:
        names = sorted(str(one) for one in known)
        spelt = {known.lower(): known for known in names}
        close = difflib.get_close_matches(name.lower(), spelt, n=1, cutoff=0.5)
        hint = f" (did you mean {spelt[close[0]]!r}?)" if close else ""
        super().__init__(f"no {kind} is called {name!r}{hint}", where, ", ".join(names))


class MissingData(BadInput):
    """A data set that could be used if its files were on this machine."""


class NotAvailable(NeuroepError):
    """Something this machine or installation doesn't have, with the remedy."""


class Diverged(NeuroepError):
    """A training run or a settling whose numbers left the finite range."""


class Remark(UserWarning):
    """Something odd in a user's input that doesn't stop what was asked for; one line."""
