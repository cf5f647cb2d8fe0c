"""Files that a project owes its users beside its code say what the code says.

CITATION.cff is checked against its schema by `cffconvert --validate`, .pre-commit-config.yaml by
`pre-commit validate-config`; neither is installed for the suite.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from configparser import ConfigParser
from pathlib import Path

import neuroep
from neuroep.report.citing import TABLE

ROOT = Path(__file__).resolve().parents[2]
CITATION = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
HOOKS = re.findall(
    r"^        entry: (.+)$", (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"), re.MULTILINE
)


def said(key: str) -> str:
    """What CITATION.cff says under a key of its top level."""
    (found,) = re.findall(rf"^{key}: (.+)$", CITATION, re.MULTILINE)
    return str(found)


def test_the_citation_is_of_this_version_and_licence() -> None:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    assert said("version") == neuroep.__version__
    assert said("license") == setup["metadata"]["license_expression"]
    assert said("title") == setup["metadata"]["name"]
    assert f"  - name: {setup['metadata']['author']}\n" in CITATION
    for key in ("cff-version", "message"):  # the schema asks for these, title and authors
        assert said(key)


def test_its_reference_is_the_one_that_runs_cite() -> None:
    paper = tomllib.loads(TABLE.read_text(encoding="utf-8"))["scellier2017equilibrium"]
    for key in ("title", "journal", "volume", "year", "doi"):
        assert re.search(rf'^    {key}: "?{re.escape(paper[key])}"?$', CITATION, re.MULTILINE), key


def test_hooks_pass_good_code_and_refuse_bad(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("import os\nx = ( 1 )\n", encoding="utf-8")
    assert [shlex.split(entry)[:2] for entry in HOOKS] == [["ruff", "check"], ["ruff", "format"]]
    for entry in HOOKS:
        program, *more = shlex.split(entry)
        command = [str(Path(sys.executable).parent / program), *more, "--no-cache"]
        for file, status in ((ROOT / "neuroep" / "cli.py", 0), (bad, 1)):
            assert (
                subprocess.run([*command, str(file)], cwd=ROOT, capture_output=True, check=False).returncode == status
            )


def test_security_names_what_is_there() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    for said_so, file in (("weights_only=True", "bridges/imports.py"), ("$NUMBA_CACHE_DIR", "bench/installation.py")):
        assert said_so in text
        assert said_so.strip("$") in (ROOT / "neuroep" / file).read_text(encoding="utf-8")
