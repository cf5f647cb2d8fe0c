"""Files that can't be used: each gets one line with file, place and what is allowed, never a traceback."""

from __future__ import annotations

import contextlib
import json
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neuroep.errors import BadInput
from neuroep.hardware.loihi.learning import parse_rule
from neuroep.specs import DeviceSpec, ModelSpec, catalogue, read_device, read_model
from neuroep.specs.reading import read_toml

READERS = [read_model, read_device]
Reader = Callable[[str | Path], ModelSpec | DeviceSpec]
SHIPPED = [(read_model, catalogue.find("models", "xor")), (read_device, catalogue.find("devices", "ecram"))]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "nothing in it"),
        (b"# only a comment\n", "nothing in it"),
        (b'summary = "a"\nkind = \n', "line 2"),
        (b'summary = "a"\nsummary = "b"\n', "line 2"),
        (b"\x7fELF\x02\x01\x01\x00\x00", "not valid TOML"),
        (b"\xff\xfe\x00binary", "not text in UTF-8"),
        (b"x = " + b"[" * 20_000, "not valid TOML"),
        (b"[energy.synop]\nvalue = nan\n", r"energy\.synop\.value: the number nan"),
        (b"x = [1.0, inf]\n", r"x\[1\]: the number inf"),
        (b"#" * 1_000_001, "too large"),
    ],
)
def test_unreadable_content(reader: Reader, content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=said) as error:
        reader(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("reader", READERS)
def test_missing_file_directory_and_impossible_paths(reader: Reader, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        reader(tmp_path / "missing.toml")
    with pytest.raises(BadInput, match="not a regular file"):
        reader(tmp_path)
    for text in ("a\0b.toml", "x" * 5000 + ".toml"):
        with pytest.raises(BadInput):
            reader(text)


@pytest.mark.parametrize("reader", READERS)
def test_file_without_permission_or_blocked(reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.toml"
    path.write_text("x = 1\n")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(BadInput, match="Permission denied"):
        reader(path)


@pytest.mark.parametrize("reader", READERS)
@given(content=st.binary(max_size=200))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_bytes_never_raise_anything_else(reader: Reader, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "random.toml"
    path.write_bytes(content)
    with pytest.raises(BadInput):
        reader(path)


@pytest.mark.parametrize(("reader", "source"), SHIPPED)
@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_load_or_raise_bad_input(
    reader: Reader, source: Path, data: st.DataObject, tmp_path: Path
) -> None:
    text = source.read_text(encoding="utf-8")
    start = data.draw(st.integers(0, len(text) - 1))
    stop = data.draw(st.integers(start, min(len(text), start + 30)))
    patch = data.draw(st.sampled_from(["", "x", "0", "-1", "1e400", "true", '"', "[", "1979-05-27", '= "a"\n', "{}"]))
    path = tmp_path / "damaged.toml"
    path.write_text(text[:start] + patch + text[stop:], encoding="utf-8")
    with contextlib.suppress(BadInput):
        reader(path)


DEEP = {
    "lists": lambda n: "x = " + "[" * n + "]" * n,
    "tables": lambda n: "x = " + "{a = " * n + "1" + "}" * n,
    "a chain of keys": lambda n: ".".join(["a"] * n) + " = 1",
    "a chain within a table": lambda n: "x = {b = 1, " + " . ".join(['"a b"'] * n) + " = 1}",
    "a header": lambda n: "[ " + " . ".join(["a"] * n) + " ]\nx = 1",
    "a header of a list": lambda n: "[[" + ".".join(["'a'"] * n) + "]]\nx = 1",
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("form", DEEP)
@pytest.mark.parametrize("depth", [18, 400, 30_000])
def test_what_is_nested_deeply_is_refused_at_once(reader: Reader, form: str, depth: int, tmp_path: Path) -> None:
    """The parser alone takes minutes for a chain of 30,000 keys."""
    path = tmp_path / "deep.toml"
    path.write_text(f'summary = "x"\n{DEEP[form](depth)}\n', encoding="utf-8")
    began = time.perf_counter()
    with pytest.raises(BadInput, match=r"nested too deeply.*at most 16"):
        reader(path)
    assert time.perf_counter() - began < 5.0


@pytest.mark.parametrize("form", DEEP)
def test_sixteen_deep_is_read(form: str, tmp_path: Path) -> None:
    """The table of all counts, and so does the list that [[...]] opens."""
    path = tmp_path / "deep.toml"
    path.write_text(DEEP[form](14) + "\n", encoding="utf-8")
    assert "nested" not in str(read_toml(path))


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("9223372036854775808", "out of range"),
        ("-9223372036854775809", "out of range"),
        ("0x" + "f" * 5000, "out of range"),
        ("9" * 5000, "not valid TOML"),
        ("1979-05-27", "a date or time, 1979-05-27"),
        ("07:32:00", "a date or time"),
        ("1979-05-27T07:32:00Z", "a date or time"),
        ("[[1, 1e999]]", r"x\[0\]\[1\]: the number inf"),
    ],
)
def test_values_that_nothing_has(reader: Reader, value: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.toml"
    path.write_text(f'summary = "x"\nx = {value}\n', encoding="utf-8")
    with pytest.raises(BadInput, match=said):
        reader(path)


def test_the_ends_of_64_bits_are_read(tmp_path: Path) -> None:
    path = tmp_path / "ends.toml"
    path.write_text(f"low = {-(2**63)}\nhigh = {2**63 - 1}\n", encoding="utf-8")
    assert read_toml(path) == {"low": -(2**63), "high": 2**63 - 1}


ODD = ("3", "-1.5", "true", "[]", '["pair"]', "{}", "{ a = 1 }", '""', '"\\u001b[31m"')
PLACES = {
    "ecram": ["crossbar.encoding", "crossbar.arrays", "crossbar.retention", "cell.step", "cell.noise",
              "periphery.range", "wires.ends", "crossbar", "cell", "periphery", "energy", "energy.synop", "static"],
    "loihi1": ["synapse.rounding", "synapse.sign_mode", "synapse.draws", "synapse", "chip", "chip.learning_rule",
               "chip.cores", "synapse.weight_bits"],
    "xor": ["cost", "layers", "on", "on.ecram", "on.ecram.training", "on.ecram.programming.method", "phases",
            "phases.estimator", "phases.free_sweeps", "training", "training.epochs", "backprop", "measured",
            "feedback"],
}  # fmt: skip
#: A table that may be empty, and what stands for true.
RIGHT = {
    "energy = {}",
    "periphery = {}",
    "on = {}",
    "on.ecram = {}",
    "on.ecram.training = {}",
    "phases = {}",
    "training = {}",
    "backprop = {}",
    "measured = []",
    "phases.free_sweeps = 3",
    "training.epochs = 3",
}


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize(("name", "key"), [(name, key) for name, keys in PLACES.items() for key in keys])
def test_a_value_of_another_type_is_named(name: str, key: str, value: str, tmp_path: Path) -> None:
    """Wherever it stands: one line with the file and the key's own name."""
    reader = read_model if name == "xor" else read_device
    shipped = tomllib.loads(catalogue.find("models" if name == "xor" else "devices", name).read_text(encoding="utf-8"))
    *way, last = key.split(".")
    table = shipped
    for step in way:
        table = table.setdefault(step, {})
    table[last] = tomllib.loads(f"x = {value}")["x"]
    path = tmp_path / "odd.toml"
    path.write_text("\n".join(f"{head} = {inline(item)}" for head, item in shipped.items()), encoding="utf-8")
    if f"{key} = {value}" in RIGHT:
        assert reader(path).name == "odd"
        return
    with pytest.raises(BadInput) as error:
        reader(path)
    said = str(error.value)
    assert said.startswith(str(path))
    assert last in said.removeprefix(str(path))
    assert said.isprintable()


def inline(value: object) -> str:
    """Return a value as TOML writes it on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {inline(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


@pytest.mark.parametrize(
    ("name", "refused"),
    [("[1]", False), ("[/red]", True), ("é漢字🙂", False), ("$x$", False), ("a b", False), ("CON", False),
     ("..", True), (".", True), (" ", True), ("a\nb", True), ("\x1b[31mx", True), ("\udcff", True), ("\u202ex", True)],
)  # fmt: skip
def test_a_file_names_what_is_in_it(name: str, refused: bool, tmp_path: Path) -> None:
    """Such a name stands in tables, in figures and in names of folders: `..` would lead out of runs/."""
    path = tmp_path / f"{name}.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b'summary = "x"\nkind = "ideal"\n')
    if refused and "/" not in name:
        with pytest.raises(BadInput, match="name"):
            read_device(path)
    else:
        assert read_device(path).name == name.rpartition("/")[2]


def test_a_rule_too_long_or_too_deep_for_the_parser() -> None:
    for rule, said in (("+".join(["x0*y0"] * 100_000), "599,999 characters.*at most 1000"), ("-" * 990 + "x0", "read")):
        with pytest.raises(BadInput, match=said) as error:
            parse_rule(rule)
        assert len(str(error.value)) < 2000


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("up = [1.0, 2.0]", "up = []", r"cell\.up"),
        ("up = [1.0, 2.0]", "up = [1.0]", r"cell\.up.*two numbers"),
        ("up = [1.0, 2.0]", "up = [1.0, -2.0]", r"cell\.up\[1\]: -2\.0"),
        ("up = [1.0, 2.0]", "up = [true, 1.0]", r"cell\.up\[0\]: True"),
        ("up = [1.0, 2.0]", 'up = [1.0, "2"]', r"cell\.up\[1\]: '2'"),
        ("down = [2, 0]", "down = 3", r"cell\.down"),
        ('table_source = "s"', 'table_source = " "', r"cell\.table_source"),
        ('table_source = "s"', "table_source = [1]", r"cell\.table_source: \[1\].*text"),
    ],
)
def test_measured_steps(old: str, new: str, said: str, tmp_path: Path) -> None:
    number = '{{ value = {}, unit = "{}", source = "s", tag = "estimate" }}'
    ends = f"g_min = {number.format(1, 'uS')}\ng_max = {number.format(9, 'uS')}\nheadroom = {number.format(2, 1)}\n"
    cell = "".join(f"{key} = {number.format(x, 1)}\n" for key, x in (("dw_min", 0.01), ("w_min", -1), ("w_max", 1)))
    table = 'step = "piecewise"\nup = [1.0, 2.0]\ndown = [2, 0]\ntable_source = "s"\n'
    text = f'summary = "x"\nkind = "crossbar"\n[crossbar]\n{ends}[cell]\n{cell}{table}'
    path = tmp_path / "table.toml"
    path.write_text(text, encoding="utf-8")
    assert read_device(path).build() is not None
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(BadInput, match=said):
        read_device(path)
