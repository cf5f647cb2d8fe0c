"""BibTeX of what a run used: neuroep itself, methods by citations.toml, devices by the sources in their files."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from neuroep.disk import read_json
from neuroep.errors import BadInput

TABLE = Path(__file__).with_name("citations.toml")
#: What a recipe's JSON leaves out where it is so.
SWEEPS, SGD = "sweeps", "sgd"
#: Kinds of devices that no update is sent to.
SOFTWARE = ("ideal", "cost-only")
#: BibTeX counts a brace even where it is escaped.
_SPECIAL = {sign: rf"\{sign}" for sign in "&%$#_"} | {
    "\\": r"\textbackslash{}",
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


class Citation(NamedTuple):
    """One entry of BibTeX.

    Attributes
    ----------
    key : str
        Its key.
    used_by : tuple of str
        Why it is there: an axis and its member, as ``"estimator centered"`` or ``"device ecram"``.
    bibtex : str
        The entry.
    """

    key: str
    used_by: tuple[str, ...]
    bibtex: str


def own(version: str) -> Citation:
    """Return the entry of neuroep itself; without a version where none is known."""
    fields = {
        "author": "{the neuroep authors}",
        "title": "{neuroep}: networks trained by Equilibrium Propagation as a given chip would, and what it costs",
    } | ({"note": f"Version {_escaped(version)}"} if version else {})
    return Citation("neuroep", ("neuroep",), _entry("misc", "neuroep", fields))


def citations(folder: Path) -> list[Citation]:
    """Return what a run, or a study of tasks one after another, should cite.

    Parameters
    ----------
    folder : Path
        Of ``neuroep run``, which has a result.json, or of ``neuroep continual``, which has a continual.json.

    Returns
    -------
    list of Citation
        neuroep, then methods in the order of citations.toml, then sources of devices, each once.

    Raises
    ------
    BadInput
        If there is neither file, or it isn't what neuroep wrote.
    """
    study = folder / "continual.json"
    path = study if study.is_file() and not (folder / "result.json").exists() else folder / "result.json"
    result = read_json(path)
    try:
        features = dict.fromkeys(_of_tasks(result) if path == study else _of_run(result))
        devices = {} if path == study else result["spec"]["devices"]
        return [own(str(result.get("versions", {}).get("neuroep", ""))), *_methods(features), *_sources(devices)]
    except (AttributeError, KeyError, TypeError) as error:
        raise BadInput(f"not what a run wrote ({error})", str(path), "the folder of a finished run") from error


def _of_run(result: Mapping[str, Any]) -> Iterator[str]:
    spec = result["spec"]
    for row in result["rows"]:
        yield f"method {row['method']}"
    network = spec["network"]
    yield f"physics {network['physics']}"
    yield f"cost {network['cost']}"
    if network["feedback"] != 1.0:
        yield "feedback weak"
    for name, recipe in spec["recipes"].items():
        yield from _of_recipe(recipe, spec["devices"].get(name, {}).get("kind", SOFTWARE[0]))
    yield f"engine {spec['engine']}"
    yield f"data {spec['data']['name']}"


def _of_recipe(recipe: Mapping[str, Any], kind: str) -> Iterator[str]:
    phases, programming = recipe["phases"], recipe["programming"]
    yield f"estimator {phases['estimator']}"
    yield f"solver {phases.get('solver', SWEEPS)}"
    yield f"rule {recipe['training'].get('rule', SGD)}"
    if kind not in SOFTWARE:
        yield f"programming {programming['method']}"
        yield f"reads {programming['reads']}"


def _of_tasks(result: Mapping[str, Any]) -> Iterator[str]:
    yield f"method {result['gradient']}"
    yield f"keeper {result['method']}"
    yield f"data {result['data']}"


def _methods(features: Mapping[str, None]) -> Iterator[Citation]:
    for key, fields in tomllib.loads(TABLE.read_text(encoding="utf-8")).items():
        kind, needed_by = fields.pop("type"), fields.pop("for")
        if used := tuple(feature for feature in features if feature in needed_by):
            yield Citation(key, used, _entry(kind, key, fields))


def _sources(devices: Mapping[str, Any]) -> list[Citation]:
    """Return the sources of devices and of their companions; one that several name stands once."""
    users: dict[str, list[str]] = {}
    for name, device in devices.items():
        for profile in (device, device.get("companion") or {}):
            for source in profile.get("citation", ()):
                users.setdefault(source, []).append(name)
    found: list[Citation] = []
    numbers: Counter[str] = Counter()
    for source, names in users.items():
        stem = re.sub(r"[^A-Za-z0-9]+", "-", Path(names[0]).stem).strip("-") or "device"
        numbers[stem] += 1
        key = f"{stem}-{numbers[stem]}"
        used = tuple(f"device {name}" for name in dict.fromkeys(names))
        found.append(Citation(key, used, _entry("misc", key, {"note": _escaped(source)})))
    return found


def _escaped(text: str) -> str:
    """Return text as BibTeX reads it."""
    return "".join(_SPECIAL.get(sign, sign) for sign in " ".join(text.split()))


def _entry(kind: str, key: str, fields: Mapping[str, str]) -> str:
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items()]
    return "\n".join([f"@{kind}{{{key},", *lines, "}"])
