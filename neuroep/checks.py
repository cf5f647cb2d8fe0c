"""Input checked once, where it comes in: what goes on is plain Python, an enum's member or a contiguous array.

Each function takes a value and `where` it stands (an argument, a key), and returns the value as everything inside
expects it, or raises BadInput. numpy's scalars and arrays of no dimension count as the numbers they hold.
"""

from __future__ import annotations

import errno
import operator
import os
from collections.abc import Iterable, Sequence
from enum import Enum
from numbers import Real
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from neuroep.errors import BadInput, UnknownName

E = TypeVar("E", bound=Enum)
T = TypeVar("T")

#: Largest count that fits everything that counts are put into.
LARGEST = 2**31 - 1
LONGEST_QUOTE = 80
#: In one array: half a GiB of float32.
MOST_NUMBERS = 1 << 27
_REALS = (np.dtype(np.float32), np.dtype(np.float64))


def shown(value: object) -> str:
    """Return how an error quotes a value: on one line, and short."""
    if isinstance(value, np.ndarray) and value.ndim:
        return f"an array of shape {value.shape}"
    text = " ".join(repr(value.item() if isinstance(value, np.generic | np.ndarray) else value).split())
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}..."


def _is_flag(value: object) -> bool:
    return isinstance(value, bool | np.bool_) or (isinstance(value, np.ndarray) and value.dtype.kind == "b")


def _index(value: Any) -> int | None:
    """Return the whole number that a value is, or None: flags and floats aren't."""
    try:
        return None if _is_flag(value) or isinstance(value, Enum) else operator.index(value)
    except (TypeError, ValueError, RuntimeError):
        return None


def whole(value: object, where: str, low: int | None = None, high: int | None = None, noun: str = "") -> int:
    """Return a whole number from `low` to `high`, each without limit if None; the error says of what (`noun`)."""
    found = _index(value)
    if found is None or (low is not None and found < low) or (high is not None and found > high):
        limits = "" if low is None else f" from {low}" if high is None else f" from {low} to {high}"
        limits = f": {low} or more" if high == LARGEST and low is not None else limits
        what = f"{shown(value)} {noun}" if noun else f"{shown(value)} is out of range"
        raise BadInput(what, where, f"whole numbers{limits}")
    return found


def count(value: object, where: str, low: int = 1, noun: str = "") -> int:
    """Return a whole number of things, at least `low`; the error calls them `noun`."""
    return whole(value, where, low, LARGEST, noun)


def seed(value: object, where: str = "seed") -> int:
    """Return a seed: a whole number from 0. All types of integer name the same one, and True is 1."""
    return int(value) if isinstance(value, bool | np.bool_) else whole(value, where, 0, (1 << 63) - 1)


def number(
    value: object, where: str, low: float = -np.inf, high: float = np.inf, infinite: bool = False, allowed: str = ""
) -> float:
    """Return a real number, low <= value <= high; NaN never is, and infinity only where `infinite`."""
    bare: Any = value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value
    found = np.nan
    if isinstance(bare, Real) and not isinstance(bare, bool | np.bool_ | Enum):
        try:
            found = float(bare)
        except OverflowError:  # an integer beyond the floats
            found = np.inf
    if not low <= found <= high or (np.isinf(found) and not infinite):
        limits = "finite numbers" if low == -np.inf and high == np.inf else f"{low:g} to {high:g}"
        raise BadInput(f"{shown(value)} is out of range", where, allowed or limits)
    return found


def flag(value: object, where: str) -> bool:
    """Return True or False; 1 and 0 are taken for them."""
    if (_is_flag(value) and np.ndim(value) == 0) or _index(value) in (0, 1):  # type: ignore[arg-type]
        return bool(value)
    raise BadInput(shown(value), where, "true or false")


def text(value: object, where: str) -> str:
    """Return a string."""
    if not isinstance(value, str) or isinstance(value, Enum):
        raise BadInput(shown(value), where, "text")
    return str(value)


def one_of(value: object, known: Iterable[str], kind: str, where: str = "") -> str:
    """Return a name that is among the known ones; the error calls it a `kind` and names the nearest."""
    names = tuple(known)
    if not isinstance(value, str):
        raise BadInput(shown(value), where or kind, ", ".join(sorted(names)))
    if value not in names:
        raise UnknownName(kind, value, names, where)
    return str(value)


def choice(value: object, kind: type[E], where: str) -> E:
    """Return a member of an enumeration from the member, its name as TOML writes it, or its number."""
    if isinstance(value, kind):
        return value
    names = {str(getattr(member, "label", member.value)): member for member in kind}
    if not isinstance(value, str | Enum) and issubclass(kind, int) and _index(value) in kind._value2member_map_:
        return kind(_index(value))
    return names[one_of(None if isinstance(value, Enum) else value, names, kind.__name__.lower(), where)]


def instance(value: object, kind: type[T], where: str) -> T:
    """Return a value of a class."""
    if not isinstance(value, kind):
        raise BadInput(f"a {type(value).__name__}", where, f"a {kind.__name__}")
    return value


def several(value: object, where: str) -> list[Any]:
    """Return the items of a list, tuple or one-dimensional array; a string isn't one."""
    if isinstance(value, np.ndarray) and value.ndim == 1:
        return list(value)
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        raise BadInput(shown(value), where, "a list or tuple")
    return list(value)


def path(value: object, where: str) -> Path:
    """Return a path, its ``~`` expanded, that the file system can look for."""
    try:
        spelt = value if isinstance(value, str) else os.fspath(value)  # type: ignore[call-overload]
        if not isinstance(spelt, str):
            raise TypeError
        found = Path(spelt).expanduser()
        found.lstat()
    except TypeError:
        raise BadInput(shown(value), where, "a path, as text or pathlib.Path") from None
    except (ValueError, RuntimeError) as error:  # a NUL, a surrogate that isn't one of undecodable bytes, no such user
        raise BadInput(f"{shown(value)}: {error}", where, "a path") from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise BadInput(f"{shown(value)}: the name is too long", where, "a path") from error
    return found


def array(
    value: object, where: str, shape: Sequence[int | str], dtype: DTypeLike = None, finite: bool = True
) -> NDArray[Any]:
    """Return real numbers as a contiguous array.

    Parameters
    ----------
    value : array_like
        Anything that numpy takes for an array of numbers.
    where : str
        The argument's name.
    shape : sequence of int or str
        What it must be; a word stands for a number that is free, and at least 1.
    dtype : dtype, optional
        Of the result; without it float32 stays, and all else becomes float64.
    finite : bool
        Whether NaN and infinities are refused.
    """
    try:
        given = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise BadInput(f"no array ({shown(str(error))})", where, _spelt(shape)) from error
    if given.dtype.kind not in "biuf" or np.ma.is_masked(value):
        what = "masked entries" if np.ma.is_masked(value) else f"type {given.dtype}"
        raise BadInput(what, where, f"real numbers of shape {_spelt(shape)}")
    if len(given.shape) != len(shape) or not all(map(_fits, given.shape, shape)):
        raise BadInput(f"shape {given.shape}", where, _spelt(shape))
    native = given.dtype.newbyteorder("=")
    with np.errstate(over="ignore"):
        found = np.ascontiguousarray(given, dtype=dtype or (native if native in _REALS else np.float64))
    if finite and not np.isfinite(found).all():
        raise BadInput("an entry that is not finite", where, f"finite numbers of type {found.dtype}")
    return found


def room(entries: int, where: str) -> None:
    """Refuse to make arrays of more numbers than `MOST_NUMBERS`: what was asked for is a slip."""
    if entries > MOST_NUMBERS:
        raise BadInput(f"{entries:.3g} numbers at once", where, f"at most {MOST_NUMBERS:,}")


def reals(value: object, where: str) -> NDArray[Any]:
    """Return real numbers of any shape, finite or not: floats of any type stay, all else becomes float64."""
    given = np.asarray(value)
    if given.dtype.kind not in "biuf":
        raise BadInput(f"type {given.dtype}", where, "real numbers")
    return given if given.dtype.kind == "f" else given.astype(np.float64)


def integers(value: object, where: str) -> NDArray[np.int64]:
    """Return whole numbers of any integer type as int64, in which the chips' shorter integers can't overflow."""
    given = np.asarray(value)
    if (given.dtype.kind not in "biu" and given.size) or (given.dtype.kind == "u" and (given >> 63).any()):
        raise BadInput(f"type {given.dtype}", where, "integers that fit 64 bits and a sign")
    return given.astype(np.int64, copy=False)


def _fits(length: int, wanted: int | str) -> bool:
    return length >= 1 if isinstance(wanted, str) else length == wanted


def _spelt(shape: Sequence[int | str]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def labels(value: object, where: str, samples: int, classes: int) -> NDArray[np.int64]:
    """Return the label of each sample, from 0 to classes − 1; a single column counts as flat."""
    given = np.asarray(value)
    flat = given[:, 0] if given.ndim == 2 and given.shape[1] == 1 else given
    found = array(flat, where, (samples,), np.float64)
    if not ((found >= 0.0) & (found < classes) & (found == np.floor(found))).all():
        given_range = f"labels from {found.min():g} to {found.max():g}"
        raise BadInput(given_range, where, f"whole numbers from 0 to {classes - 1}")
    return found.astype(np.int64)


def floating(dtype: DTypeLike, where: str = "dtype") -> np.dtype[Any]:
    """Return a floating-point type."""
    try:
        found = np.dtype(dtype)
    except TypeError as error:
        raise BadInput(shown(dtype), where, "float32 or float64") from error
    if found.kind != "f":
        raise BadInput(f"type {found}", where, "float32 or float64")
    return found


def randomness(value: object, where: str = "rng") -> np.random.Generator:
    """Return numpy's generator: a seed alone says nothing of what is drawn from it."""
    if not isinstance(value, np.random.Generator):
        raise BadInput(shown(value), where, "a numpy.random.Generator, e.g. neuroep.rng.stream(0, 'mount')")
    return value
