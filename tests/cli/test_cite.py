"""`neuroep cite` on the command line: of a run that was made, of neuroep alone, and of what is no run."""

from __future__ import annotations

import re

from calling import Finished, call

import neuroep


def test_a_run_s_devices_and_methods_are_there(finished: Finished) -> None:
    called = call("cite", finished.folder)
    assert (called.status, called.err) == (0, "")
    keys = re.findall(r"^@\w+\{([^,]+),$", called.out, re.MULTILINE)
    assert keys[0] == "neuroep"
    assert {"scellier2017equilibrium", "laborieux2021scaling", "ecram-1", "loihi1-1", "alpaydin1998optical"} <= set(
        keys
    )
    assert keys == [each["key"] for each in call("cite", finished.folder, "--json").json["citations"]]
    assert "% device loihi1\n@misc{loihi1-1," in called.out


def test_without_a_run_it_is_neuroep_s_own() -> None:
    called = call("cite")
    assert (called.status, called.out.count("@")) == (0, 1)
    assert f"Version {neuroep.__version__}" in called.out


def test_what_is_no_run_is_refused_in_a_line() -> None:
    called = call("cite", "nowhere")
    assert (called.status, called.out) == (2, "")
    assert len(called.err.splitlines()) == 1
    assert "nowhere" in called.err
