"""Every public name says what it takes, what it gives and when it refuses, and its example runs."""

from __future__ import annotations

import doctest
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import neuroep

NAMES = sorted({*neuroep.__all__, "EPClassifier", "EPRegressor"})
FUNCTIONS = [name for name in NAMES if inspect.isfunction(getattr(neuroep, name))]
PLAIN = ("BadInput", "NeuroepError", "Network", "Weights")
"""Records and errors, of which nothing comes back."""


def sections(name: str) -> dict[str, str]:
    """The sections of a numpydoc docstring by title; the text before them under no title."""
    parts = re.split(r"^(\w+)\n-+$", inspect.getdoc(getattr(neuroep, name)) or "", flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


@pytest.mark.parametrize("name", NAMES)
def test_it_is_told_in_numpydoc(name: str) -> None:
    found = sections(name)
    assert found[""].strip()
    assert ">>>" in found["Examples"]
    if name in FUNCTIONS:
        taken = inspect.signature(getattr(neuroep, name)).parameters
        text = found["Parameters"]
        told = {word.strip("* ") for line in re.findall(r"^(\S.*?)(?: :.*)?$", text, re.MULTILINE)
                for word in line.split(",")}  # fmt: skip
        assert set(taken) <= told
        assert "Raises" in found
        gives = inspect.signature(getattr(neuroep, name)).return_annotation
        assert ("Returns" in found) == (gives != "None")
    elif name not in PLAIN:
        assert "Parameters" in found


@pytest.mark.parametrize("name", NAMES)
def test_it_is_typed(name: str) -> None:
    """Down to the methods of classes; mypy holds the types, this that there are some."""
    thing = getattr(neuroep, name)
    functions = [thing] if name in FUNCTIONS else [
        part for key, part in vars(thing).items() if inspect.isfunction(part) and not key.startswith("_")
    ]  # fmt: skip
    for function in functions:
        signature = inspect.signature(function)
        kept = [p for key, p in signature.parameters.items() if key != "self"]
        assert all(p.annotation is not inspect.Parameter.empty for p in kept), function
        assert signature.return_annotation is not inspect.Signature.empty, function


@pytest.mark.parametrize("name", NAMES)
def test_its_example_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown: dict[str, Any] = {"neuroep": neuroep}
    found = doctest.DocTestParser().get_doctest(sections(name)["Examples"], shown, name, name, 0)
    assert found.examples
    said: list[str] = []
    assert doctest.DocTestRunner(verbose=False).run(found, out=said.append).failed == 0, "".join(said)
