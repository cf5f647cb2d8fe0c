"""What the README and the pages that teach tell people to type works, and says what they say it says."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest
from calling import call, save_npz

from neuroep.cli import build_parser
from neuroep.modules.fidelity import NUDGES

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("tutorials", "howto", "explanation")
TEACHING = sorted(str(path.relative_to(ROOT)) for folder in FOLDERS for path in (ROOT / "docs" / folder).glob("*.md"))
PAGES = ("README.md", "docs/benchmarks.md", *TEACHING)
#: Commands that are quick for any model; runs of few epochs are carried out, too.
QUICK = ("models", "devices", "device", "cost", "check", "cite", "import", "info")
LARGE = ("fashion-mlp", "fashion-deep")
#: How far a number of a page may be from what Python prints now, and a table: other machines round otherwise, and a
#: training then takes another path.
NEAR, ALIKE = 0.1, 0.5
NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*\.?\d*(?:e-?\d+)?")


class Block(NamedTuple):
    """A code block: its language, what else its first line says, its text."""

    language: str
    info: str
    text: str


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str) -> list[Block]:
    return [Block(*found) for found in re.findall(r"^```(\w*) ?([^\n]*)\n(.*?)^```", page(name), re.M | re.S)]


def lines_of(block: Block) -> list[str]:
    """The lines of a shell block that call neuroep."""
    text = block.text if block.language in ("sh", "bash", "console", "") else ""
    return [line for line in map(str.strip, text.splitlines()) if line.startswith("neuroep ")]


def commands(name: str) -> list[str]:
    """Every command of a page, also those within a sentence that have options; none that leaves a choice."""
    inline = re.findall(r"`(neuroep [a-z][^`|…]* -[^`|…]*)`", page(name))
    return [line for block in blocks(name) for line in lines_of(block)] + inline


def is_quick(line: str) -> bool:
    words = shlex.split(line, comments=True)
    if set(LARGE) & set(words):
        return False
    return words[1] in QUICK or (words[1] == "run" and ("--epochs" in words or words[2].endswith(".toml")))


def carried_out(block: Block, names: dict[str, object]) -> str | None:
    """Do what a block says, in this folder, and return what it prints; None of one that isn't for doing."""
    if block.language == "python":
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(block.text, "page", "exec"), names)
        return out.getvalue()
    if block.language in ("toml", "text") and block.info:
        Path(block.info).write_text(block.text, encoding="utf-8")
    quick = [line for line in lines_of(block) if is_quick(line)]
    said = [call(*shlex.split(line, comments=True)[1:]) for line in quick]
    for line, called in zip(quick, said, strict=True):
        assert called.status == 0, (line, called.err)
    return "".join(called.out for called in said) if quick else None


def shape(line: str) -> str:
    """A line without its numbers and blanks."""
    return re.sub(r"\s+", " ", NUMBER.sub("#", line)).strip()


def numbers(line: str) -> list[float]:
    """The numbers of a line, but for standard deviations, which few seeds say little of."""
    return [float(number.replace(",", "")) for number in NUMBER.findall(re.sub(r"± \S+", "", line))]


def close(shown: float, printed: float, share: float) -> bool:
    return abs(shown - printed) <= share * max(abs(shown), abs(printed))


def same(shown: str, printed: str) -> bool:
    """Whether a line is what is printed, but for digits that differ from machine to machine."""
    if shape(shown) != shape(printed):
        return False
    return all(close(*pair, NEAR) for pair in zip(numbers(shown), numbers(printed), strict=True))


def words(line: str) -> set[str]:
    return set(re.findall(r"[^\W\d_][\w/-]*", NUMBER.sub(" ", line)))


def alike(shown: str, printed: str) -> bool:
    """Whether a line of a table, some columns of which a page leaves out, is what is printed."""
    rest = iter(numbers(printed))
    return words(shown) <= words(printed) and all(any(close(n, m, ALIKE) for m in rest) for n in numbers(shown))


def untrue(shown: str, printed: str, exactly: bool) -> list[str]:
    """The lines of a page that nothing printed agrees with."""
    agrees, theirs = same if exactly else alike, printed.splitlines()
    return [line for line in shown.splitlines() if line.strip() and not any(agrees(line, other) for other in theirs)]


@pytest.mark.parametrize("name", PAGES)
def test_every_command_parses(name: str) -> None:
    for line in commands(name):
        build_parser().parse_args(shlex.split(line, comments=True)[1:])


def test_there_is_what_to_try() -> None:
    assert {"docs/tutorials/how_ep_works.md", "docs/howto/which_solver.md"} < set(TEACHING)
    assert len(commands("README.md")) > 10
    assert sum(map(len, map(commands, TEACHING))) > 50


@pytest.mark.parametrize("name", TEACHING)
def test_a_page_does_what_it_says(name: str) -> None:
    save_npz(Path("mine.npz"))
    names: dict[str, object] = {}
    printed: str | None = None
    exactly = False
    for block in blocks(name):
        if block.language == "text" and not block.info:
            assert printed is not None, block.text
            assert not untrue(block.text, printed, exactly), printed
            continue
        said = carried_out(block, names)
        if said is not None:
            printed, exactly = said, block.language == "python"


def test_the_readme_s_quick_commands_run() -> None:
    lines = [line for block in blocks("README.md") for line in lines_of(block) if is_quick(line)]
    lines = [line for line in lines if "runs/" not in line]
    assert lines
    for line in lines:
        called = call(*shlex.split(line, comments=True)[1:])
        assert called.status == 0, (line, called.err)


def test_the_page_on_modules_runs(capsys: pytest.CaptureFixture[str]) -> None:
    run_python("docs/modules.md")
    first, after = re.findall(r"tensor\(([\d.e-]+)\) tensor\(([\d.e-]+)", capsys.readouterr().out)
    assert 0.0 < float(after[0]) < float(first[0]) < 2.3  # ln 10 is guessing
    assert float(first[1]) > 0.0


@pytest.mark.filterwarnings("ignore")  # Lightning's own
def test_the_page_on_modules_trains_in_lightning(capsys: pytest.CaptureFixture[str]) -> None:
    """On the digits a linear classifier reaches 94 %: scikit-learn's logistic regression."""
    pytest.importorskip("lightning", reason="Lightning isn't installed")
    run_python("docs/modules.md", "py")
    assert float(re.findall(r"tensor\(([\d.]+)\)", capsys.readouterr().out)[-1]) > 0.94


def run_python(name: str, language: str = "python") -> None:
    code = "\n".join(block.text for block in blocks(name) if block.language == language)
    exec(compile(code, name, "exec"), {})


def test_the_page_on_trouble_runs(capsys: pytest.CaptureFixture[str]) -> None:
    run_python("docs/troubleshooting.md")
    compared, nudge, recorded = capsys.readouterr().out.splitlines()
    assert compared.startswith("('1', '3') (0.99")
    assert float(nudge) in NUDGES
    assert recorded.endswith(" ()")


def test_the_page_on_continual_learning_runs(capsys: pytest.CaptureFixture[str]) -> None:
    run_python("docs/continual.md")
    assert capsys.readouterr().out.startswith("[[0.")


def test_the_page_on_spikes_runs(capsys: pytest.CaptureFixture[str]) -> None:
    run_python("docs/spiking.md")
    spikes, operations = (float(n) for n in capsys.readouterr().out.split())
    # a spike reaches ten units at least and 74 at most
    assert 10.0 * spikes < operations < 74.0 * spikes


@pytest.mark.parametrize("name", ["docs/continual.md", "docs/spiking.md"])
def test_commands_of_a_topic_parse(name: str) -> None:
    lines = [line for block in blocks(name) for line in lines_of(block)]
    assert lines
    for line in lines:
        build_parser().parse_args(shlex.split(line, comments=True)[1:])


@pytest.mark.parametrize("folder", FOLDERS)
def test_an_index_lists_every_page_of_its_folder(folder: str) -> None:
    text = page(f"docs/{folder}/index.md")
    pages = {path.stem for path in (ROOT / "docs" / folder).glob("*.md")} - {"index"}
    toctree = re.search(r"```\{toctree\}\n(.*?)```", text, re.S)
    assert toctree
    assert {line for line in toctree[1].split() if not line.startswith(":") and line != "1"} == pages
    assert {f"{stem}.md" for stem in pages} <= set(re.findall(r"\]\((\w+\.md)(?:#[^)]*)?\)", text))
