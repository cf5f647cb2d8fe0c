"""What a run should cite, against a table by hand of who published what, and against a reader of BibTeX."""

from __future__ import annotations

import copy
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from neuroep.errors import BadInput
from neuroep.learning.keepers import KEEPERS
from neuroep.learning.rules import RULES
from neuroep.physics.costs import Cost
from neuroep.physics.known import PHYSICS
from neuroep.recipe import Estimator, Method, Reads
from neuroep.recipe.phases import Encoder
from neuroep.report.citing import TABLE, citations, own
from neuroep.solvers.tableaux import SOLVERS

MEMBERS = {
    "estimator": {member.value for member in Estimator},
    "solver": {"sweeps", *SOLVERS, *(member.value for member in Encoder)},
    "rule": set(RULES),
    "physics": set(PHYSICS),
    "programming": {member.value for member in Method},
    "reads": {member.value for member in Reads},
    "keeper": set(KEEPERS),
    "cost": {member.label for member in Cost},
    "method": {"ep", "backprop"},
    "feedback": {"weak"},
    "engine": {"cpu", "reference", "cuda", "spiking", "brian2"},
    "data": {"digits", "xor", "parity", "mnist", "fashion-mnist"},
}
#: Common knowledge, neuroep's own, or in the first paper on EP.
UNCITED = {
    "estimator": {"one-sided", "random-sign"},
    "solver": {"sweeps"},
    "rule": {"sgd"},
    "programming": {"stochastic", "nearest"},
    "reads": {"states", "changes"},
    "keeper": {"none"},
    "cost": {"mse", "hinge", "squared-hinge"},
    "engine": {"cpu", "reference", "cuda", "spiking"},
    "data": {"xor", "parity"},
}
PLAIN: dict[str, Any] = {
    "versions": {"neuroep": "0.0.7"},
    "rows": [{"method": "ep"}],
    "spec": {
        "network": {"physics": "hopfield", "cost": "mse", "feedback": 1.0},
        "recipes": {
            "ideal": {
                "phases": {"estimator": "one-sided"},
                "training": {},
                "programming": {"method": "transfer", "reads": "states"},
            }
        },
        "devices": {},
        "engine": "auto",
        "data": {"name": "mine"},
    },
}
EP, HOPFIELD = "10.3389/fncom.2017.00024", "10.1073/pnas.81.10.3088"


def parsed(text: str) -> dict[str, dict[str, str]]:
    """Entries of BibTeX with their fields, by counting braces; fails on what BibTeX wouldn't read."""
    found: dict[str, dict[str, str]] = {}
    for kind, key, body in re.findall(r"^@(\w+)\{([^\s,{}]+),\n(.*?)^\}$", text, re.MULTILINE | re.DOTALL):
        fields = dict(re.findall(r"^  (\w+) = \{(.*)\},$", body, re.MULTILINE))
        assert len(fields) == len(body.splitlines())
        for value in fields.values():
            depths = [value[:end].count("{") - value[:end].count("}") for end in range(len(value) + 1)]
            assert min(depths) == 0 == depths[-1]
            assert not re.search(r"(?<!\\)[&%$#_]", value) or "url" in fields or "doi" in fields
        assert key not in found
        found[key] = fields | {"type": kind}
    assert len(found) == text.count("@")
    return found


def cited(tmp_path: Path, result: Any, name: str = "result.json") -> dict[str, dict[str, str]]:
    (tmp_path / name).write_text(json.dumps(result), encoding="utf-8")
    return parsed("\n".join(each.bibtex for each in citations(tmp_path)))


def marks(found: dict[str, dict[str, str]]) -> set[str]:
    """The DOI or arXiv number of each entry that has one."""
    return {fields.get("doi", fields.get("eprint", "")) for fields in found.values()} - {""}


def changed(*keys: str, to: Any) -> dict[str, Any]:
    result = copy.deepcopy(PLAIN)
    at = result
    for key in keys[:-1]:
        at = at[key]
    at[keys[-1]] = to
    return result


def test_every_member_is_cited_or_known_not_to_be() -> None:
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    listed = {tuple(feature.split(" ", 1)) for entry in table.values() for feature in entry["for"]}
    for axis, members in MEMBERS.items():
        assert {name for of, name in listed if of == axis} == members - UNCITED.get(axis, set()), axis
    assert {axis for axis, _ in listed} <= set(MEMBERS)


def test_a_plain_run_cites_neuroep_ep_and_hopfield(tmp_path: Path) -> None:
    found = cited(tmp_path, PLAIN)
    assert found["neuroep"]["note"] == "Version 0.0.7"
    assert marks(found) == {EP, HOPFIELD}
    assert len(found) == 3


RECIPE = ("spec", "recipes", "ideal")


@pytest.mark.parametrize(
    ("keys", "value", "mark"),
    [
        ((*RECIPE, "phases", "estimator"), "centered", "10.3389/fnins.2021.633674"),
        ((*RECIPE, "phases", "estimator"), "holomorphic", "2209.00530"),
        ((*RECIPE, "phases", "estimator"), "continual", "2005.04168"),
        ((*RECIPE, "phases", "solver"), "dopri5", "10.1016/0771-050X(80)90013-3"),
        ((*RECIPE, "phases", "solver"), "tsit5", "10.1016/j.camwa.2011.06.002"),
        ((*RECIPE, "phases", "solver"), "loihi", "10.1109/MM.2018.112130359"),
        ((*RECIPE, "training", "rule"), "adam", "1412.6980"),
        (("spec", "engine"), "brian2", "10.7554/eLife.47314"),
        (("spec", "data", "name"), "fashion-mnist", "1708.07747"),
        (("spec", "network", "feedback"), 0.03, "10.1162/089976603762552988"),
        (("spec", "network", "cost"), "cross-entropy", "10.3389/fnins.2021.633674"),
        (("rows",), [{"method": "ep"}, {"method": "backprop"}], "10.1038/323533a0"),
    ],
)
def test_a_member_brings_its_paper(keys: tuple[str, ...], value: Any, mark: str, tmp_path: Path) -> None:
    assert mark in marks(cited(tmp_path, changed(*keys, to=value))) - {EP, HOPFIELD}


def test_another_physics_takes_hopfield_s_place(tmp_path: Path) -> None:
    found = marks(cited(tmp_path, changed("spec", "network", "physics", to="resistive")))
    assert found == {EP, "2006.01981", "2402.11674"}


@pytest.mark.parametrize(("kind", "pulsed"), [("crossbar", True), ("cost-only", False), ("ideal", False)])
def test_pulses_are_cited_where_a_device_gets_them(kind: str, pulsed: bool, tmp_path: Path) -> None:
    result = changed("spec", "devices", to={"ideal": {"kind": kind, "citation": []}})
    assert ("10.3389/fnins.2020.00103" in marks(cited(tmp_path, result))) is pulsed


def test_sources_of_devices_stand_once_and_as_bibtex_reads_them(tmp_path: Path) -> None:
    shared, odd = "Shared & Co., 10 % of_it #1", "half {open, 5 $ ~ ^ \\"
    devices = {
        "one": {"kind": "crossbar", "citation": [shared, odd], "companion": {"citation": ["Digital"]}},
        "dir/two@x.toml": {"kind": "crossbar", "citation": [shared, "Its own"], "companion": None},
    }
    found = cited(tmp_path, changed("spec", "devices", to=devices))
    notes = {key: fields["note"] for key, fields in found.items() if key.startswith(("one", "two"))}
    assert notes == {
        "one-1": r"Shared \& Co., 10 \% of\_it \#1",
        "one-2": r"half \textbraceleft{}open, 5 \$ \textasciitilde{} \textasciicircum{} \textbackslash{}",
        "one-3": "Digital",
        "two-x-1": "Its own",
    }
    assert next(each for each in citations(tmp_path) if each.key == "one-1").used_by == (
        "device one",
        "device dir/two@x.toml",
    )


@pytest.mark.parametrize(
    ("keeper", "papers"), [("ewc", {"kirkpatrick2017overcoming"}), ("si", {"zenke2017continual"}), ("none", set())]
)
def test_tasks_one_after_another_cite_what_keeps_them(keeper: str, papers: set[str], tmp_path: Path) -> None:
    found = cited(tmp_path, {"gradient": "ep", "method": keeper, "data": "mnist"}, "continual.json")
    assert set(found) == {"neuroep", "scellier2017equilibrium", "lecun1998gradient"} | papers


@pytest.mark.parametrize("result", [[], 3, {}, {"spec": 3, "rows": []}, {"rows": [3]}, {**PLAIN, "spec": {}}])
def test_what_no_run_wrote_is_refused_in_a_line(result: Any, tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text(json.dumps(result), encoding="utf-8")
    with pytest.raises(BadInput, match=r"not what a run wrote .* allowed: the folder of a finished run"):
        citations(tmp_path)


def test_every_entry_of_the_table_is_bibtex() -> None:
    needed = {"author", "title", "year"}
    for key, fields in tomllib.loads(TABLE.read_text(encoding="utf-8")).items():
        assert needed <= set(fields), key
        assert re.fullmatch(r"[a-z]+\d{4}[a-z]+", key)
        assert fields["year"] in key
    assert parsed(own("1.0_a").bibtex)["neuroep"]["note"] == r"Version 1.0\_a"
