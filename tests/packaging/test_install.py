"""neuroep installed in the three ways people install it, and used from another folder.

Nothing is downloaded: each environment sees the dependencies of the one that runs the suite.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

import neuroep

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "neuroep", "devices", "models")
WAYS = ("folder", "editable", "wheel")

PROBE = """
import json, neuroep
from neuroep.specs import catalogue
from neuroep.data import load_data
from importlib.metadata import version
print(json.dumps({
    "package": neuroep.__file__, "versions": [version("neuroep"), neuroep.__version__],
    "devices": catalogue.names("devices"), "models": catalogue.names("models"),
    "folders": [str(catalogue.folder(kind)) for kind in catalogue.KINDS],
    "read": [catalogue.load_model(name).name for name in catalogue.names("models")]
    + [catalogue.load_device(name).name for name in catalogue.names("devices")],
    "digits": load_data("digits").x_train.shape,
}))
"""


def call(*command: str | Path, cwd: Path) -> str:
    """Run a command free of this process's import path and return its stdout."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PIP_"))}
    done = subprocess.run([str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def inside(home: Path, kind: str) -> Path:
    """An environment's folder of scripts or of packages (purelib)."""
    return Path(sysconfig.get_path(kind, "venv", vars={"base": str(home), "platbase": str(home)}))


def shipped_names(kind: str) -> list[str]:
    return sorted(path.stem for path in (ROOT / kind).glob("*.toml"))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a release is built from: builds leave files behind."""
    folder = tmp_path_factory.mktemp("source")
    for name in SHIPPED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a source distribution, so that both must be complete."""
    out = tmp_path_factory.mktemp("dist")
    call(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, source, cwd=out)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module", params=WAYS)
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, Path]:
    """The way of installing, the environment's folder and what was installed."""
    way = request.param
    what = request.getfixturevalue("wheel" if way == "wheel" else "source")
    home = tmp_path_factory.mktemp(way) / "venv"
    venv.create(home, with_pip=False)
    # A plain .pth line shows the packages there but doesn't read the .pth files there, so not this suite's own neuroep.
    own = sysconfig.get_paths()
    dependencies = dict.fromkeys([own["purelib"], own["platlib"]])
    (inside(home, "purelib") / "dependencies.pth").write_text("\n".join(dependencies) + "\n", encoding="utf-8")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--ignore-installed", "--quiet"]
    target = ["--editable", what] if way == "editable" else [what]
    call(sys.executable, "-m", "pip", "--python", home, "install", *options, *target, cwd=home)
    return way, home, what


def test_everything_shipped_is_found_from_any_folder(installed: tuple[str, Path, Path], tmp_path: Path) -> None:
    way, home, what = installed
    found = json.loads(call(inside(home, "scripts") / "python", "-c", PROBE, cwd=tmp_path))
    place = what if way == "editable" else home
    assert Path(found["package"]).is_relative_to(place)
    assert all(Path(folder).is_relative_to(place) for folder in found["folders"])
    assert found["versions"] == [neuroep.__version__] * 2
    assert (found["devices"], found["models"]) == (shipped_names("devices"), shipped_names("models"))
    assert found["read"] == shipped_names("models") + shipped_names("devices")
    assert found["digits"] == [1437, 64]


def test_the_command_is_installed(installed: tuple[str, Path, Path], tmp_path: Path) -> None:
    _, home, _ = installed
    command = inside(home, "scripts") / "neuroep"
    assert "run" in call(command, "--help", cwd=tmp_path)
    listed = call(command, "models", cwd=tmp_path)
    assert all(name in listed for name in shipped_names("models"))


def trained(installed: tuple[str, Path, Path], folder: Path, *options: str) -> set[str]:
    """Train on xor by the installed command, far from the tree, and return the files it leaves."""
    _, home, _ = installed
    call(inside(home, "scripts") / "neuroep", "run", "xor", *options, cwd=folder)
    return {path.name for path in (folder / "runs" / "xor").iterdir()}


@pytest.mark.parametrize("installed", ["wheel"], indirect=True)
def test_the_command_trains(installed: tuple[str, Path, Path], tmp_path: Path) -> None:
    left = trained(installed, tmp_path, "--engine", "reference", "--no-backprop", "--epochs", "2")
    assert left >= {"report.html", "result.json", "history.csv", "weights.safetensors"}


@pytest.mark.slow
@pytest.mark.parametrize("installed", ["wheel"], indirect=True)
def test_the_command_trains_in_compiled_code(installed: tuple[str, Path, Path], tmp_path: Path) -> None:
    assert "report.html" in trained(installed, tmp_path)


def test_the_wheel_holds_what_is_in_the_tree_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        licences = [name for name in archive.namelist() if name.endswith("LICENSE")]
    code = {path.relative_to(ROOT).as_posix() for path in (ROOT / "neuroep").rglob("*.py")}
    beside = "data/digits.npz", "data/digits.md", "report/citations.toml", "report/page.css", "py.typed"
    data = {f"neuroep/{name}" for name in beside}
    catalogue = {
        f"neuroep/_catalogue/{kind}/{path.name}"
        for kind in ("devices", "models")
        for path in (ROOT / kind).iterdir()
        if path.suffix in (".toml", ".md")
    }
    assert held == code | data | catalogue
    assert len(licences) == 1
