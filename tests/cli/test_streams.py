"""What a terminal, a pipe or a closed stream gets: every text, one line of error, one object, and no traceback."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from calling import call

from neuroep import data
from neuroep.errors import LONGEST, BadInput, Diverged, UnknownName, printable
from neuroep.specs.catalogue import load_device, names

ESCAPE = "\x1b[31m"
NAME = "a\x1b[31m\x07\n\u2028b"
SPELT = "a\\x1b[31m\\x07\\n\\u2028b"


def typed(*argv: str, shell: str = "", **env: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command in a process of its own, its streams as a line of shell leaves them."""
    python = [sys.executable, "-m", "neuroep", *argv]
    command = ["sh", "-c", f'"$@" {shell}', "sh", *python] if shell else python
    return subprocess.run(command, env=os.environ | env, capture_output=True, timeout=300, check=False)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "cp1252"])
def test_a_terminal_of_few_signs(tmp_path: Path, encoding: str) -> None:
    """Signs that it doesn't have are replaced; JSON spells them out, so that the object is the same."""
    shown = typed("devices", "rram-hfo2", PYTHONIOENCODING=encoding)
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert b"crossbar.g_max" in shown.stdout
    stored = typed("models", "--json", PYTHONIOENCODING=encoding)
    assert (stored.returncode, stored.stderr) == (0, b"")
    found = json.loads(stored.stdout.decode(encoding))["models"]
    assert [model["name"] for model in found] == names("models")
    own = tmp_path / "é.toml"
    own.write_text(load_device("loihi1").path.read_text(encoding="utf-8"), encoding="utf-8")
    listed = typed("devices", str(own), "--json", PYTHONIOENCODING=encoding)
    assert json.loads(listed.stdout.decode(encoding))["path"] == str(own)
    assert typed("devices", "café", PYTHONIOENCODING=encoding).stderr.startswith(b"neuroep: no device is called ")


@pytest.mark.parametrize("argv", [("models", "--json"), ("models",), ("--help",)])
@pytest.mark.parametrize(
    ("shell", "status", "lines"),
    [(">&-", 0, 0), ("2>&-", 0, 0), (">&- 2>&- <&-", 0, 0), ("| head -c 10 >/dev/null", 0, 0)],
)
def test_nobody_listens(argv: tuple[str, ...], shell: str, status: int, lines: int) -> None:
    done = typed(*argv, shell=shell)
    assert (done.returncode, len(done.stderr.splitlines())) == (status, lines), done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("argv", [("models", "--json"), ("models",)])
def test_a_full_disk_is_said(argv: tuple[str, ...]) -> None:
    done = typed(*argv, shell="> /dev/full")
    assert done.returncode == 1
    assert re.fullmatch(rb"neuroep: output: No space left on device\n", done.stderr), done.stderr


def test_a_refusal_keeps_its_status_when_nobody_can_read_it() -> None:
    assert typed("models", "xo", shell="2>&-").returncode == 2


def test_what_is_not_for_the_eye_is_spelt_out() -> None:
    """By hand: Python's own spelling of each."""
    assert printable(NAME) == SPELT
    assert printable("\udcff\x7f\x9b\u202e") == "\\udcff\\x7f\\x9b\\u202e"
    assert printable("é漢字🙂 [/red] \\n") == "é漢字🙂 [/red] \\n"


@pytest.mark.parametrize("error", [BadInput(NAME, NAME, NAME), UnknownName("x", NAME, [NAME], NAME), Diverged(NAME)])
def test_a_message_is_one_line(error: Exception) -> None:
    assert str(error).isprintable()
    assert SPELT in str(error)


def test_a_message_is_short() -> None:
    """Three parts, each with its beginning and its end."""
    long = "b" + "k" * 900_000 + "e"
    for error in (BadInput(long, long, long), UnknownName(long, long, [long, "k"], long), Diverged(long)):
        assert len(str(error)) < 3.2 * LONGEST
        assert re.search("bk{90,} [.]{3} k+e", str(error))


@pytest.mark.parametrize("stem", ["[red]", "[/red]", "[1]", "[]", "[bold", ":bomb:", "[link=https:x]y"])
def test_names_are_shown_as_they_are_on_a_terminal(stem: str, tmp_path: Path) -> None:
    """Markup of rich in a name, a summary and a caveat; that of a closing tag once ended the progress bar's thread."""
    file = tmp_path / f"{stem.replace('/', '')}.toml"
    text = f'summary = "{stem} summary"\nkind = "ideal"\ncaveats = ["{stem} caveat \\u001b[31m"]\n'
    file.write_text(text, encoding="utf-8")
    status, shown = on_a_terminal("devices", str(file))
    assert status == 0
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert f"{file.stem}: {stem} summary" in plain
    assert f"- {stem} caveat \\x1b[31m" in plain
    assert ESCAPE not in shown


@pytest.mark.slow
def test_a_run_on_a_terminal_with_markup_in_its_names(tmp_path: Path) -> None:
    device = load_device("loihi1").path.read_text(encoding="utf-8")
    (tmp_path / "[").mkdir()
    (tmp_path / "[" / "[1] [bold].toml").write_text(device, encoding="utf-8")
    argv = ["run", "xor", "-d", str(tmp_path / "[" / "[1] [bold].toml"), "--epochs", "1", "--no-backprop"]
    status, shown = on_a_terminal(*argv, "--out", str(tmp_path / "o"))
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert status == 0, plain
    assert "ep [1] [bold] seed 0: test " in plain


def on_a_terminal(*argv: str) -> tuple[int, str]:
    """Run a command on a pseudo-terminal; return its status and all that was shown."""
    parent, child = pty.openpty()
    env = os.environ | {"TERM": "xterm-256color", "COLUMNS": "150"}
    command = [sys.executable, "-m", "neuroep", *argv]
    process = subprocess.Popen(command, stdin=child, stdout=child, stderr=child, env=env)
    os.close(child)
    shown = b""
    try:
        while part := os.read(parent, 65536):
            shown += part
    except OSError:  # all its ends are closed
        pass
    finally:
        os.close(parent)
    return process.wait(300), shown.decode()


def test_fetching_prints_an_object_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(data, "fetch", lambda name, folder: tmp_path / name)
    for argv in (["data", "fetch", "mnist", "--json"], ["data", "--json", "fetch", "mnist"]):
        assert call(*argv).json == {"name": "mnist", "place": str(tmp_path / "mnist")}
    assert call("data", "fetch", "mnist").out == f"mnist is in {tmp_path / 'mnist'}\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("bench growth --model xor", "--model with 'growth'"),
        ("bench settling --threads 2", "--threads with 'settling'"),
        ("bench memory --steps 3", "--steps with 'memory'"),
        ("settle xor --samples 2 --solver euler-maruyama --seconds 0.01 --tolerance 1e-3", "--tolerance"),
        ("run xor --no-backprop --engine reference --threads 2", "--threads: threads with the reference engine"),
    ],
)
def test_a_setting_without_effect_is_refused(
    line: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = call(*line.split())
    assert (found.status, found.out) == (2, "")
    assert said in found.err
    assert list(tmp_path.iterdir()) == []
