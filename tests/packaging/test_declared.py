"""setup.cfg, constraints.txt and the tree say the same: a second reading of each, without building anything."""

from __future__ import annotations

import ast
import re
import sys
from configparser import ConfigParser
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = {"neuroep._catalogue.devices": "devices", "neuroep._catalogue.models": "models"}


@pytest.fixture(scope="module")
def setup() -> ConfigParser:
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def requirements(text: str) -> list[Requirement]:
    return [Requirement(line) for line in lines(text)]


def pins() -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines((ROOT / "constraints.txt").read_text(encoding="utf-8")):
        if not line.startswith("#"):
            name, version = line.split("==")
            found[canonicalize_name(name)] = version
    return found


def imported(folder: Path) -> set[str]:
    """Top-level names that the Python files below a folder import, wherever in the file."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                found.add(str(node.module).partition(".")[0])
    return found


def test_every_package_of_the_tree_is_listed(setup: ConfigParser) -> None:
    tree = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "neuroep").rglob("__init__.py")}
    assert "neuroep" in tree
    assert set(lines(setup["options"]["packages"])) == tree | set(CATALOGUE)


def test_no_module_stands_outside_a_package() -> None:
    stray = [path for path in (ROOT / "neuroep").rglob("*.py") if not (path.parent / "__init__.py").is_file()]
    assert stray == []


def test_the_catalogue_is_mapped_to_its_folders(setup: ConfigParser) -> None:
    split = [line.split("=") for line in lines(setup["options"]["package_dir"])]
    mapped = {package.strip(): folder.strip() for package, folder in split}
    assert mapped == CATALOGUE
    assert not any((ROOT / folder / "__init__.py").exists() for folder in CATALOGUE.values())


@pytest.mark.parametrize("folder", ["neuroep", "tests", "examples", "benchmarks", "docs"])
def test_what_is_imported_is_required(setup: ConfigParser, folder: str) -> None:
    extras = setup["options.extras_require"]
    allowed = requirements(setup["options"]["install_requires"])
    for extra in extras if folder == "neuroep" else ["test", "docs"] if folder == "docs" else ["test"]:
        allowed += requirements(extras[extra])
    names = {canonicalize_name(requirement.name) for requirement in allowed} | {"neuroep"}
    # tests import helpers that lie beside them, and what makes the site
    beside = {path.stem for place in (folder, "docs") for path in (ROOT / place).rglob("*.py")}
    owners = packages_distributions()
    for module in imported(ROOT / folder) - sys.stdlib_module_names - beside:
        assert {canonicalize_name(owner) for owner in owners.get(module, [module])} & names, module


def test_everything_installed_for_the_suite_and_the_site_is_pinned_within_its_range(setup: ConfigParser) -> None:
    pinned = pins()
    extras = setup["options.extras_require"]
    for requirement in requirements(setup["options"]["install_requires"] + extras["test"] + extras["docs"]):
        if requirement.marker is None or requirement.marker.evaluate():
            version = pinned[canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version), f"{requirement} against {version}"


def test_constraints_are_exact_and_for_any_machine() -> None:
    for name, version in pins().items():
        assert re.fullmatch(r"\d+(\.\d+)*(\.post\d+)?", version), f"{name}=={version}"


@pytest.mark.parametrize("extra", ["cuda", "cluster", "exchange", "sklearn", "spreadsheets", "docs"])
def test_extras_stay_extras(setup: ConfigParser, extra: str) -> None:
    hard, optional = (
        {canonicalize_name(requirement.name) for requirement in requirements(text)}
        for text in (setup["options"]["install_requires"], setup["options.extras_require"][extra])
    )
    assert optional
    assert hard.isdisjoint(optional)
