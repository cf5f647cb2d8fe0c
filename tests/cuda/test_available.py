"""Asking for the cuda engine where there is none is one line that says what was looked for."""

from __future__ import annotations

import importlib.metadata

import pytest

from neuroep.engines.cuda import check as cuda_check
from neuroep.errors import NotAvailable


def absent(name: str) -> str:
    raise importlib.metadata.PackageNotFoundError(name)


def no_library(name: str) -> object:
    raise OSError(name)


def test_no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NUMBA_ENABLE_CUDASIM", raising=False)
    monkeypatch.setattr("ctypes.CDLL", no_library)
    assert cuda_check.cuda_available() == "no NVIDIA driver (looked for libcuda)"


def test_no_numba_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NUMBA_ENABLE_CUDASIM", raising=False)
    monkeypatch.setattr("ctypes.CDLL", lambda name: name)
    monkeypatch.setattr("importlib.metadata.version", absent)
    reason = cuda_check.cuda_available()
    assert reason is not None
    assert "pip install 'neuroep[cuda]'" in reason


def test_a_simulated_gpu_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", no_library)
    for value, wanted in (("1", True), ("0", False)):
        monkeypatch.setenv("NUMBA_ENABLE_CUDASIM", value)
        assert (cuda_check.cuda_available() is None) == wanted


def test_the_engine_says_why_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from neuroep.engines.cuda import engine as cuda

    monkeypatch.setattr(cuda, "cuda_available", lambda: "no NVIDIA driver (looked for libcuda)")
    with pytest.raises(NotAvailable) as caught:
        cuda.CudaEngine()
    assert str(caught.value) == "the cuda engine can't run here: no NVIDIA driver (looked for libcuda)"
