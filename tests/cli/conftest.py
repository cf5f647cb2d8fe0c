"""One small run that several tests read, and a folder of one's own for each test."""

from __future__ import annotations

from pathlib import Path

import pytest
from calling import DEVICES, QUICK, SEEDS, Finished, call


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a fresh folder; only the user's explicit paths and the package's own data are found."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """digits-mlp for one epoch on three devices with two seeds. Don't change its folder."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    argv = (*QUICK, "--device", *DEVICES, "--seed", *SEEDS, "--out", folder)
    return Finished(argv, folder, call(*argv))
