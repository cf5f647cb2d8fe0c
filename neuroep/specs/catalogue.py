"""The shipped models and devices, and users' own beside them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Literal

from neuroep import checks
from neuroep.errors import BadInput, UnknownName
from neuroep.specs import DeviceSpec, ModelSpec, read_device, read_model
from neuroep.specs.reading import at

Kind = Literal["devices", "models"]
KINDS = ("devices", "models")


def folder(kind: Kind) -> Path:
    """Return where the shipped files of a kind are: inside the installed package, else in the repository.

    Raises
    ------
    UnknownName
        If there is no such kind.
    BadInput
        If the installation has lost them.
    """
    if kind not in KINDS:
        raise UnknownName("catalogue", kind, KINDS)
    package = Path(__file__).resolve().parents[1]
    for place in (package / "_catalogue" / kind, package.parent / kind):
        if place.is_dir():
            return place
    raise BadInput(f"the shipped {kind} are missing", str(package), "a complete installation of neuroep")


def names(kind: Kind) -> list[str]:
    """Return the names of the shipped models or devices, sorted."""
    return sorted(path.stem for path in folder(kind).glob("*.toml"))


def find(kind: Kind, name_or_path: str | Path) -> Path:
    """Return the file of a shipped name, or of a path to a user's own TOML file.

    Parameters
    ----------
    kind : {"devices", "models"}
        Which catalogue.
    name_or_path : str or Path
        A shipped name comes first. Anything that ends in ``.toml``, holds a folder separator or is an
        existing file is a path; ``~`` is the home folder.

    Returns
    -------
    Path
        The file; one given as a path need not exist, and reading it says so.

    Raises
    ------
    UnknownName
        If it is neither.
    """
    if not isinstance(name_or_path, str):
        name_or_path = checks.path(name_or_path, kind.removesuffix("s"))
    text = os.fspath(name_or_path)
    known = names(kind)
    if text in known:
        return folder(kind) / f"{text}.toml"
    if text.endswith(".toml") or os.path.basename(text) != text:
        return checks.path(text, kind.removesuffix("s"))
    spelt = bool(text) and "\0" not in text
    if spelt and os.path.lexists(text):
        return Path(text)
    if spelt and os.path.lexists(f"{text}.toml"):
        raise BadInput(
            f"no {kind.removesuffix('s')} is called {text!r}", "", f"{text}.toml, the file, by its whole name"
        )
    raise UnknownName(kind.removesuffix("s"), text, known)


def load_model(name_or_path: str | Path) -> ModelSpec:
    """Read a model by its shipped name or by the path of a TOML file.

    Parameters
    ----------
    name_or_path : str or Path
        A name that ``neuroep models`` lists, or a file of one's own.

    Returns
    -------
    ModelSpec
        The checked file: its network and recipes.

    Raises
    ------
    BadInput
        If there is none, or the file can't be used.

    Examples
    --------
    >>> model = neuroep.load_model("digits-mlp")
    >>> tuple(model.network().sizes), model.data
    ((64, 64, 10), 'digits')
    """
    return read_model(find("models", name_or_path))


def load_device(name_or_path: str | Path) -> DeviceSpec:
    """Read a device by its shipped name or by the path of a TOML file.

    Parameters
    ----------
    name_or_path : str or Path
        A name that ``neuroep devices`` lists, or a file of one's own.

    Returns
    -------
    DeviceSpec
        The checked file: what hardware does, and its prices.

    Raises
    ------
    BadInput
        If there is none, or the file can't be used.

    Examples
    --------
    >>> neuroep.load_device("ecram").kind
    'crossbar'
    """
    return _beside(read_device(find("devices", name_or_path)))


def _beside(spec: DeviceSpec) -> DeviceSpec:
    """Return a device with the companion that its file names; a path is taken from the file's folder."""
    named = spec.table.companion
    if named is None:
        return spec
    where = at(spec.path, "companion")
    known = names("devices")
    if named not in known and not named.endswith(".toml"):
        raise UnknownName("device", named, known, where)
    found = read_device(find("devices", named if named in known else spec.path.parent / named))
    if found.is_hardware:
        raise BadInput(f"{named} is of kind {found.kind!r}", where, "a profile of kind cost-only")
    if spec.own_prices().beside(found.own_prices()) == spec.own_prices():
        raise BadInput(f"{named} adds no price", where, "a profile with prices of digital work that has none here")
    return replace(spec, companion=found)
