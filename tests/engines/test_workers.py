"""Engines in threads and forked processes: the same numbers as alone, or a refusal, and never a wait without end."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from neuroep import Chip
from neuroep.engines import create
from neuroep.learning.trainer import Samples
from neuroep.network import Activation, chain, initial_weights
from neuroep.rng import stream

FORKED = """
import os, signal, time
import numpy as np
{work}
before = work()
child = os.fork()
if child == 0:
    try:
        print(work() == before, flush=True)
    except Exception as error:
        print(error, flush=True)
    os._exit(0)
began = time.monotonic()
while os.waitpid(child, os.WNOHANG)[0] == 0:
    if time.monotonic() - began > 60.0:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        break
    time.sleep(0.05)
"""

SETTLE = """
from neuroep import Chip
from neuroep.engines import create
from neuroep.learning.trainer import Samples
from neuroep.network import Activation, chain, initial_weights
from neuroep.rng import stream
network = chain((200, 256, 10), Activation.TANH)
chip = Chip("ideal", network)
chip._engine = create("cpu", 2)
chip.program(initial_weights(network, stream(0, "w")), stream(0, "m"))
samples = Samples(np.random.default_rng(0).random((600, 200)).astype("f"), None, np.zeros(600, int))
work = lambda: chip.evaluate(samples)
"""

TWIN = """
import neuroep
work = lambda: neuroep.train("digits-mlp", method="backprop", epochs=1, threads={threads}).test_accuracy
"""


def forked(work: str) -> str:
    """What a forked child prints that does again what its parent did."""
    code = [sys.executable, "-c", FORKED.format(work=work)]
    return subprocess.run(code, capture_output=True, text=True, timeout=120, check=True).stdout.strip()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_an_engine_made_before_a_fork_settles_after_it() -> None:
    assert forked(SETTLE) == "True"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(("threads", "said"), [(1, "True"), (2, "threads: torch's threads stayed behind")])
def test_the_twin_after_a_fork(threads: int, said: str) -> None:
    """Torch's own threads can't be had again; waiting for them would take for ever."""
    assert forked(TWIN.format(threads=threads)).startswith(said)


def test_one_chip_read_by_several_threads_reads_as_alone() -> None:
    network = chain((64, 96, 10), Activation.TANH)
    chip = Chip("ideal", network)
    chip.program(initial_weights(network, stream(0, "w")), stream(0, "m"))
    rng = np.random.default_rng(0)
    samples = Samples(rng.random((300, 64)).astype(np.float32), None, rng.integers(0, 10, 300))
    alone = chip.evaluate(samples)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: chip.evaluate(samples), range(80)))
    assert set(found) == {alone}


def blas_threads() -> list[int]:
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_blas_has_its_threads_back_when_the_last_session_ends() -> None:
    first, second = create("cpu", 1).session(), create("cpu", 1).session()
    before = blas_threads()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert set(blas_threads()) == {1}
    second.__exit__(None, None, None)
    assert blas_threads() == before


@pytest.mark.skipif(max(blas_threads()) == 1, reason="BLAS has one thread anyway")
def test_blas_has_its_threads_back_from_another_thread_than_took_them() -> None:
    """The first to come leaves first; both threads live on, as those of a pool do."""
    before = blas_threads()
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        first, second = create("cpu", 1).session(), create("cpu", 1).session()
        one.submit(first.__enter__).result()
        other.submit(second.__enter__).result()
        one.submit(first.__exit__, None, None, None).result()
        assert set(blas_threads()) == {1}
        other.submit(second.__exit__, None, None, None).result()
        assert blas_threads() == before
        with threadpool_limits(1, user_api="blas"):
            assert set(blas_threads()) == {1}
        assert blas_threads() == before


@pytest.mark.skipif(max(blas_threads()) == 1, reason="BLAS has one thread anyway")
def test_a_session_holds_blas_although_another_thread_limits_it() -> None:
    """A limit of the caller's own in a thread that lives on; it is there again after the session, and can be lifted."""
    before = blas_threads()
    with ThreadPoolExecutor(1) as other:
        limit = other.submit(threadpool_limits, 2, user_api="blas").result()
        with create("cpu", 1).session():
            assert set(blas_threads()) == {1}
        assert set(blas_threads()) == {2}
        other.submit(limit.restore_original_limits).result()
    assert blas_threads() == before
