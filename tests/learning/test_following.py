"""Who asks for progress sees it: lines elsewhere, one bar in a notebook; who doesn't, sees nothing."""

from __future__ import annotations

import io
import re
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import neuroep
from neuroep.cli import main
from neuroep.errors import BadInput
from neuroep.studies import following

QUICK: dict[str, Any] = {"seed": 0, "epochs": 12}


class Shown:
    """What a notebook's display shows: its pictures, one after another, each in the place of the last."""

    def __init__(self) -> None:
        self.displays = 0
        self.pictures: list[dict[str, str]] = []

    def display(self, picture: dict[str, str], raw: bool, display_id: bool) -> Shown:
        assert (raw, display_id) == (True, True)
        self.displays += 1
        self.pictures.append(picture)
        return self

    def update(self, picture: dict[str, str], raw: bool) -> None:
        assert raw
        self.pictures.append(picture)

    def counts(self) -> list[int]:
        found = [re.search(r'value="(\d+)" max="12"', picture["text/html"]) for picture in self.pictures]
        return [int(match[1]) for match in found if match]


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Shown:
    """As if this were the kernel of a notebook."""
    shown = Shown()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object())))
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=shown.display))
    return shown


@pytest.mark.parametrize("method", ["ep", "backprop"])
def test_libraries_are_silent_unless_asked(method: str, capfd: pytest.CaptureFixture[str]) -> None:
    silent = neuroep.train("xor", method=method, **QUICK)
    assert capfd.readouterr() == ("", "")
    told = neuroep.train("xor", method=method, progress=True, **QUICK)
    out, err = capfd.readouterr()
    assert out == ""
    *epochs, last = err.splitlines()
    assert [f"{epoch.train_accuracy:.2%}" for epoch in told.history] == re.findall(r"train (\S+)", "\n".join(epochs))
    assert [line.split("epoch ")[1].split()[0] for line in epochs] == [f"{n}/12" for n in range(1, 13)]
    assert last == f"{method} ideal seed 0: test {told.test_accuracy:.2%}"
    assert (told.weights.couplings == silent.weights.couplings).all()


class Tty(io.StringIO):
    """A terminal's stderr."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_has_a_bar_below_what_trainings_came_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Tty())
    told = neuroep.train("xor", progress=True, **QUICK)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", sys.stderr.getvalue())
    assert f"ep ideal seed 0: test {told.test_accuracy:.2%}\n" in text
    assert text.index("seed 0: test") < text.rindex("12/12")
    hidden, back = (sys.stderr.getvalue().count(code) for code in ("\x1b[?25l", "\x1b[?25h"))  # the cursor
    assert hidden == back == 1


def test_a_shell_of_ipython_is_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not following.in_notebook()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: SimpleNamespace()))
    assert not following.in_notebook()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    assert not following.in_notebook()


def test_a_notebook_has_one_bar_that_is_taken_away(
    notebook: Shown, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(following, "PAUSE", 0.0)
    neuroep.train("xor", **QUICK)
    assert notebook.displays == 1
    assert notebook.counts() == list(range(13))
    assert notebook.pictures[-1] == {"text/plain": "", "text/html": ""}
    assert capfd.readouterr() == ("", "")


def test_it_is_redrawn_now_and_then(notebook: Shown) -> None:
    started = time.monotonic()
    neuroep.train("xor", seed=0, epochs=300)
    assert len(notebook.pictures) <= 3 + (time.monotonic() - started) / following.PAUSE


def test_a_notebook_can_be_silent(notebook: Shown) -> None:
    neuroep.train("xor", progress=False, **QUICK)
    assert notebook.pictures == []


def test_a_bar_goes_when_training_fails(notebook: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(following.Notebook, "advance", stop)
    with pytest.raises(KeyboardInterrupt):
        neuroep.train("xor", **QUICK)
    assert notebook.pictures[-1]["text/html"] == ""


def test_names_are_text_in_a_notebook(notebook: Shown) -> None:
    screen = following.Notebook()
    screen.start("<b>bold & plain", 12)
    assert "&lt;b&gt;bold &amp; plain" in notebook.pictures[0]["text/html"]


def test_studies_name_what_they_train(notebook: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PAUSE", 0.0)
    neuroep.continual("digits-mlp", tasks=2, method="none", epochs=1)
    texts = [picture["text/plain"] for picture in notebook.pictures]
    assert [text.split(":")[0] for text in texts] == ["0/2  starting", "1/2  task 1 of 2", "2/2  task 2 of 2", ""]


@pytest.mark.parametrize("asked", ["yes", 2])
def test_what_isn_t_a_flag_is_refused_before_data_are_read(asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neuroep.api.training.dataset_of", lambda *_: pytest.fail("read"))
    with pytest.raises(BadInput, match="progress"):
        neuroep.train("xor", progress=asked, **QUICK)


@pytest.mark.parametrize(("source", "trained"), [("backprop", "backprop ideal"), ("ep", "ep ideal")])
def test_a_chips_life_is_followed_as_trainings_are(
    source: str, trained: str, capfd: pytest.CaptureFixture[str], notebook: Shown
) -> None:
    """Every epoch of the source and of fine-tuning, once."""
    model, epochs = neuroep.load_model("xor"), 3
    told = neuroep.life(model, "rram-hfo2", seeds=(0, 1), epochs=epochs, source=source, progress=False)
    assert (capfd.readouterr(), notebook.pictures) == (("", ""), [])
    shown = neuroep.life(model, "rram-hfo2", seeds=(0, 1), epochs=epochs, source=source)
    assert shown == told
    recipe = model.recipe()
    total = 2 * ((recipe.backprop if source == "backprop" else recipe.training).epochs + epochs)
    bars = [re.search(r'value="(\d+)" max="(\d+)".*?/\d+ (.*)</div>', p["text/html"]) for p in notebook.pictures[:-1]]
    assert {int(bar[2]) for bar in bars if bar} == {total}
    assert {line for bar in bars if bar and (line := bar[3].split(" seed")[0]) != "starting"} <= {
        f"weights from software: {trained}",
        "fine-tuning: ep rram-hfo2",
    }
    assert notebook.pictures[-1] == {"text/plain": "", "text/html": ""}


def test_the_command_shows_a_chips_life_line_by_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["life", "xor", "--device", "rram-hfo2", "--epochs", "2", "--json"]) == 0
    lines = capfd.readouterr().err.splitlines()
    epochs = neuroep.load_model("xor").recipe().backprop.epochs
    wanted = [f"weights from software: backprop ideal seed 0  epoch {n + 1}/{epochs}" for n in range(epochs)]
    wanted += [f"fine-tuning: ep rram-hfo2 seed 0  epoch {n + 1}/2" for n in range(2)]
    assert [line.split("  train")[0] for line in lines] == wanted
