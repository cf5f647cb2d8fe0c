"""Pages made from the code, held to what people meet: help of the command line, shipped files, refusals of commands."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path

import cited
import command_lines
import device_keys
import model_keys
import msgspec
import pytest
import support_matrix
from calling import call, save_npz
from markdown_tables import attributes, code, prose, table

from neuroep.recipe import Phases, Programming, Training

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = command_lines.text()


def sections(text: str) -> dict[str, str]:
    """Each heading's own text; what stands before the first under no heading."""
    before, *parts = re.split(r"^#+ (.*)\n", text, flags=re.MULTILINE)
    return {"": before, **dict(zip(parts[::2], parts[1::2], strict=True))}


def rows(section: str) -> dict[str, list[str]]:
    """The rows of a section's table by what their first cell has as code."""
    lines = [re.split(r"(?<!\\)\|", line.strip("|")) for line in section.splitlines() if line.startswith("| `")]
    return {re.findall(r"`([^`]+)`", cells[0])[0]: [cell.strip() for cell in cells[1:]] for cells in lines}


PARSERS = {command.words: command.parser for command in command_lines.commands(command_lines.build_parser())}


@pytest.mark.parametrize("words", PARSERS)
def test_a_command_s_part_has_the_example_and_all_options_of_its_help(words: str) -> None:
    shown, part = PARSERS[words].format_help(), sections(COMMANDS)[words]
    assert shown.partition("\n")[0].removeprefix("example: ") in part
    options = set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", shown, re.MULTILINE)) - {"--help"}
    assert options <= set(re.findall(r"`(--[a-z-]+)", part))
    assert options or words in ("neuroep data fetch", "neuroep completion", "neuroep device")


def test_every_command_of_the_top_help_has_its_part() -> None:
    listed = re.findall(r"^    (\w+) {2,}\S", command_lines.build_parser().format_help(), re.MULTILINE)
    assert len(listed) > 10
    assert {f"neuroep {name}" for name in listed} <= set(sections(COMMANDS))


@pytest.mark.parametrize("heading", [heading for heading in sections(COMMANDS) if heading])
def test_the_table_of_commands_leads_to_each(heading: str) -> None:
    assert f"(#{heading.replace(' ', '-')})" in sections(COMMANDS)[""]


def test_every_key_of_the_shipped_models_is_told() -> None:
    told = {heading: set(rows(text)) for heading, text in sections(model_keys.text()).items()}
    places = {"data": "`[data]`", "layers": "`[[layers]]`", "couplings": "`[[couplings]]`", "phases": "`[phases]`",
              "training": "`[training]` and `[backprop]`", "backprop": "`[training]` and `[backprop]`",
              "programming": "`[on.DEVICE.programming]`", "measured": "`[[measured]]`"}  # fmt: skip
    for path in sorted((ROOT / "models").glob("*.toml")):
        model = tomllib.loads(path.read_text(encoding="utf-8"))
        assert set(model) <= told["The file's own keys"], path
        for part in (model, *model.get("on", {}).values()):
            for key, value in part.items():
                for one in value if isinstance(value, list) else [value]:
                    assert not isinstance(one, dict) or key == "on" or set(one) <= told[places[key]], (path, key)


@pytest.mark.parametrize("section", model_keys.SECTIONS, ids=lambda section: section.read_by.__name__)
def test_every_key_of_a_model_file_has_a_meaning(section: model_keys.Section) -> None:
    told = rows(sections(model_keys.text())[section.heading])
    assert list(told) == [field.name for field in fields_of(section.read_by)]
    assert all(cells[-1] for cells in told.values())


def fields_of(read_by: type) -> tuple[msgspec.structs.FieldInfo, ...] | tuple[dataclasses.Field, ...]:
    return dataclasses.fields(read_by) if dataclasses.is_dataclass(read_by) else msgspec.structs.fields(read_by)


@pytest.mark.parametrize(
    ("heading", "read_by"),
    [("`[phases]`", Phases), ("`[training]` and `[backprop]`", Training), ("`[on.DEVICE.programming]`", Programming)],
)
def test_the_defaults_that_are_told_are_those_that_hold(heading: str, read_by: type) -> None:
    given = {key: cells[1].strip("`") for key, cells in rows(sections(model_keys.text())[heading]).items()}
    toml = "\n".join(f"{key} = {value}" for key, value in given.items() if value != "left out")
    assert msgspec.convert(tomllib.loads(toml), read_by) == read_by()


def test_every_key_of_the_shipped_devices_is_told() -> None:
    told = {heading: set(rows(text)) for heading, text in sections(device_keys.text()).items()}
    own = told["The file's own keys"]

    def of(name: str) -> set[str]:
        return set().union(*(keys for heading, keys in told.items() if re.match(rf"`\[{name}[\].]", heading)))

    for path in sorted((ROOT / "devices").glob("*.toml")):
        device = tomllib.loads(path.read_text(encoding="utf-8"))
        tables = {key: value for key, value in device.items() if isinstance(value, dict)}
        assert set(device) - set(tables) <= own, path
        for name, found in tables.items():
            inner = found.values() if name == "memory" else [found] if name not in ("static", "utilisation") else []
            for keys in inner:
                beside = {"nonlinearity_up", "nonlinearity_down", "up", "down", "table_source", "learning_rule"}
                assert set(keys) - beside <= of(name), (path, name)


@pytest.mark.parametrize(("value", "status"), [(1000, 0), (1001, 2), (1, 0), (0.9, 2)])
def test_a_range_that_is_told_is_the_one_that_holds(tmp_path: Path, value: float, status: int) -> None:
    assert rows(sections(device_keys.text())["`[synapse]`"])["headroom"][1] == "1 to 1000"
    text = (ROOT / "devices" / "loihi1.toml").read_text(encoding="utf-8")
    start = text.index("[synapse.headroom]")
    changed = re.sub(r"^value = .*", f"value = {value}", text[start:], count=1, flags=re.MULTILINE)
    (tmp_path / "mine.toml").write_text(text[:start] + changed, encoding="utf-8")
    assert call("devices", tmp_path / "mine.toml").status == status


MODEL = """summary = "small"
data = "tiny.npz"
cost = "{cost}"
feedback = 0.5
layers = [{{ size = 6 }}, {{ size = 4, activation = "tanh" }}, {{ size = 3, activation = "linear" }}]
[phases]
estimator = "{estimator}"
beta = 0.2
free_sweeps = 3
nudged_sweeps = 2
scaled = {scaled}
"""


@pytest.mark.parametrize(
    ("grid", "row", "column", "settings"),
    [
        ("Estimators and devices", "holomorphic", "ecram", {"estimator": "holomorphic"}),
        ("Estimators and devices", "holomorphic", "loihi1", {"estimator": "holomorphic"}),
        ("Estimators and devices", "continual", "pcm-pair", {"estimator": "continual"}),
        ("Ways to settle and devices", "sweeps, scaled", "ideal-crossbar", {"scaled": "true"}),
        ("Ways to settle and devices", "sweeps, scaled", "ideal", {"scaled": "true"}),
        ("Estimators and costs", "holomorphic", "hinge", {"estimator": "holomorphic", "cost": "hinge"}),
        ("Estimators and costs", "centered", "hinge", {"cost": "hinge"}),
    ],
)
def test_a_cell_is_what_the_command_says(
    grid: str, row: str, column: str, settings: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_npz(tmp_path / "tiny.npz", 6, 3)
    plain = {"cost": "mse", "estimator": "centered", "scaled": "false"}
    (tmp_path / "m.toml").write_text(MODEL.format(**plain | settings), encoding="utf-8")
    device = column if column in support_matrix.DEVICES else "ideal"
    found = call("cost", "m.toml", "--device", device)
    why = support_matrix.BY_TITLE[grid].why_not(row, column)
    assert (found.status == 0) == (why is None), found.err
    assert why is None or why in found.err


@pytest.mark.slow
def test_every_no_has_its_reason_and_every_member_its_row() -> None:
    found = sections(support_matrix.text())
    for grid in support_matrix.GRIDS:
        text = found[grid.title]
        assert set(rows(text)) == set(grid.rows)
        numbers = {int(n) for n in re.findall(r"no \((\d+)\)", text)}
        assert numbers == {int(n) for n in re.findall(r"^(\d+)\. `", text, re.MULTILINE)}


def test_works_are_cited_by_name_and_year() -> None:
    text = cited.text()
    assert "| Scellier, Bengio (2017). *Equilibrium Propagation: Bridging" in text
    assert "Hairer, Nørsett, Wanner (1993)" in text
    assert not re.search(r"[{}\\]", text)


def test_cells_can_t_break_a_table() -> None:
    assert table(("a", "b"), [("x | y", "two\nlines")]) == "| a | b |\n| --- | --- |\n| x \\| y | two lines |\n"
    assert code("a`b") == "`` a`b ``"


def test_attributes_of_a_docstring() -> None:
    class Told:
        """One line.

        Attributes
        ----------
        a, b : int
            Both, as `a` and
            :class:`~some.B`.
        c
            The ``third``.

        Raises
        ------
        ValueError
            Never.
        """

    assert attributes(Told) == {
        "a": "Both, as `a` and `some.B`.",
        "b": "Both, as `a` and `some.B`.",
        "c": "The `third`.",
    }
    assert prose("x") == "x"
