"""What the README and the guide tell people to type works."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from calling import call, save_npz

from neuroep.cli import build_parser
from neuroep.modules.fidelity import NUDGES

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "docs/guide.md")
#: Commands that are quick for any model; others are run where a comment "# quick" stands behind them.
QUICK = ("models", "devices", "cost", "check")


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text: str, *languages: str) -> list[tuple[str, str]]:
    """The code blocks in these languages, each with what else its first line says."""
    found = re.findall(r"^```(\w*) ?([^\n]*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [(rest, code) for language, rest, code in found if language in languages]


def commands(name: str) -> list[str]:
    """Every line of a shell block that calls neuroep."""
    text = "\n".join(code for _, code in blocks(page(name), "sh", "bash", "console", ""))
    lines = [line.strip().removeprefix("$ ") for line in text.splitlines()]
    return [line for line in lines if line.startswith("neuroep ")]


def is_quick(line: str) -> bool:
    words = line.split()
    return line.endswith("# quick") or (words[1] in QUICK and not {"fashion-mlp", "fashion-deep"} & set(words))


@pytest.fixture
def users_files(tmp_path: Path) -> None:
    """The files that the pages speak of as the user's own."""
    save_npz(tmp_path / "mine.npz")
    for name in PAGES:
        for file, text in blocks(page(name), "toml"):
            if file:
                (tmp_path / file).write_text(text, encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_every_command_parses(name: str) -> None:
    lines = commands(name)
    assert lines
    for line in lines:
        build_parser().parse_args(shlex.split(line, comments=True)[1:])


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.usefixtures("users_files")
def test_quick_commands_run(name: str) -> None:
    lines = [line for line in commands(name) if is_quick(line)]
    assert lines
    for line in lines:
        called = call(*shlex.split(line, comments=True)[1:])
        assert called.status == 0, (line, called.err)


@pytest.mark.usefixtures("users_files")
def test_the_guide_s_runs_run() -> None:
    lines = [line for line in commands("docs/guide.md") if line.startswith("neuroep run ")]
    assert lines
    for line in lines:
        called = call(*shlex.split(line)[1:])
        assert called.status == 0, (line, called.err)


def test_the_guide_s_python_runs(capsys: pytest.CaptureFixture[str]) -> None:
    code = "\n".join(code for _, code in blocks(page("docs/guide.md"), "python"))
    exec(compile(code, "docs/guide.md", "exec"), {})
    assert "synop" in capsys.readouterr().out
    assert Path("digits.safetensors").exists()


def test_the_page_on_modules_runs(capsys: pytest.CaptureFixture[str]) -> None:
    code = "\n".join(code for _, code in blocks(page("docs/modules.md"), "python"))
    exec(compile(code, "docs/modules.md", "exec"), {})
    first, after = re.findall(r"tensor\(([\d.e-]+)\) tensor\(([\d.e-]+)", capsys.readouterr().out)
    assert 0.0 < float(after[0]) < float(first[0]) < 2.3  # ln 10 is guessing
    assert float(first[1]) > 0.0


def test_the_page_on_trouble_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = (code for _, code in blocks(page("docs/troubleshooting.md"), "python"))
    exec(compile(code, "docs/troubleshooting.md", "exec"), {})
    compared, nudge, recorded = capsys.readouterr().out.splitlines()
    assert compared.startswith("('1', '3') (0.99")
    assert float(nudge) in NUDGES
    assert recorded.endswith(" ()")


def test_the_page_on_continual_learning_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = (code for _, code in blocks(page("docs/continual.md"), "python"))
    exec(compile(code, "docs/continual.md", "exec"), {})
    assert capsys.readouterr().out.startswith("[[0.")
    lines = [line for line in commands("docs/continual.md") if not line.endswith(".json")]
    assert len(lines) > 3
    for line in lines:
        build_parser().parse_args(shlex.split(line, comments=True)[1:])


def test_the_page_on_spikes_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = (code for _, code in blocks(page("docs/spiking.md"), "python"))
    exec(compile(code, "docs/spiking.md", "exec"), {})
    spikes, operations = (float(n) for n in capsys.readouterr().out.split())
    # a spike reaches ten units at least and 74 at most
    assert 10.0 * spikes < operations < 74.0 * spikes
    for line in commands("docs/spiking.md"):
        build_parser().parse_args(shlex.split(line, comments=True)[1:])


@pytest.mark.parametrize(
    "name",
    [
        *PAGES,
        *(
            f"docs/{own}.md"
            for own in ("modules", "troubleshooting", "continual", "spiking", "energy", "index", "json")
        ),
        "examples/README.md",
    ],
)
def test_links_and_scripts_are_there(name: str) -> None:
    text, folder = page(name), (ROOT / name).parent
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    assert all((folder / link).exists() for link in links if link)
    assert all((ROOT / script).exists() for script in re.findall(r"\bexamples/\w+\.py\b", text))
