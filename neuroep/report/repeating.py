"""How to repeat a run, and in what its recipes differ from neuroep's defaults."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict
from html import escape
from typing import Any

from neuroep.disk import plain
from neuroep.recipe import Phases, Programming, Training
from neuroep.report.document import note, setting, table, written

#: What a run's spec says of a part of its recipes is held to the defaults of that part.
PARTS = {"phases": Phases, "training": Training, "programming": Programming, "backprop": Training}
UNKNOWN = "The command isn't known: the network was handed in from Python, or an earlier version made the run."
#: Recipes beside each other for which a phone has room.
FEW = 1


def settings_table(spec: Mapping[str, Any]) -> str:
    """Return the recipes' settings that differ from the defaults, or from device to device."""
    recipes = spec.get("recipes") or {}
    defaults = {part: plain(asdict(kind())) for part, kind in PARTS.items()}
    rows = []
    for part, usual in defaults.items():
        for key, default in usual.items():
            values = [recipe.get(part, {}).get(key, default) for recipe in recipes.values()]
            if any(value != default for value in values):
                rows.append([setting(f"{part}.{key}"), *(escape(written(value)) for value in (default, *values))])
    if not rows:
        return note("None: the recipes are neuroep's defaults.")
    header = ["Setting", "Default", *recipes]
    kind = "fits" if len(recipes) <= FEW else "settings"
    return table("Settings that aren't defaults", header, rows, len(header), kind)


def spec_hash(spec: Mapping[str, Any]) -> str:
    """Return a hash of all that decides a run's outcome, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(plain(spec), sort_keys=True).encode()).hexdigest()


def repeat_section(result: Mapping[str, Any]) -> str:
    """Return the command, what it was run with, and hashes by which a repetition is known."""
    command, version = result.get("command"), str(result["versions"].get("neuroep", ""))
    asked = note(UNKNOWN) if command is None else f'<pre class="wrapped" tabindex="0">{escape(_typed(command))}</pre>'
    data = result["data"]
    rows = [[f"data: {key}", _code(data[key])] for key in ("name", "source", "sha256", "scale") if key in data]
    rows += [["settings: sha256", _code(spec_hash(result["spec"]))]]
    rows += [["seeds", escape(", ".join(map(str, dict.fromkeys(row["seed"] for row in result["rows"]))))]]
    rows += [[f"version of {escape(name)}", escape(str(value))] for name, value in result["versions"].items()]
    same = (
        f"With neuroep {version} and these versions the same command gives the same weights, bit for bit, on one"
        " kind of processor. The hash of the settings is of spec.json, keys sorted."
    )
    spec = escape(json.dumps(plain(result["spec"]), indent=2, ensure_ascii=False))
    return (
        f"{asked}\n{note(same)}\n{table('How to repeat this run', [], rows, 2, 'fits')}\n"
        f'<details><summary>All settings</summary>\n<pre tabindex="0">{spec}</pre>\n</details>'
    )


def _typed(command: str) -> str:
    """The command with each option on a line of its own, as a shell takes it."""
    lines: list[list[str]] = [[]]
    for word in shlex.split(command):
        if word.startswith("--"):
            lines.append([])
        lines[-1].append(word)
    return " \\\n  ".join(map(shlex.join, lines))


def _code(value: object) -> str:
    return f"<code>{escape(str(value))}</code>"
