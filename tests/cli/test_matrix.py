"""Every estimator, cost, kind of device and command: done to the end, or refused before anything is trained or written.

What is refused is said here by hand: holomorphic equilibria need smooth units and costs, they and scaled displacements
plain reads of the states; pulse trains of states need a crossbar of one array and a difference of states.
"""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

import pytest
from calling import Called, call, edited, save_npz

from neuroep.learning.trainer import Trainer
from neuroep.specs.catalogue import load_device

ESTIMATORS = ("one-sided", "random-sign", "centered", "holomorphic", "continual", "continual-symmetric")
WAYS = [(name, False) for name in ESTIMATORS] + [(name, True) for name in ESTIMATORS[:3]]
COSTS = ("mse", "cross-entropy", "hinge", "squared-hinge")
#: Kinds of devices: what reads exactly, what has an effect to ablate, what models hardware.
DEVICES = ("ideal", "digital-45nm", "loihi1", "ecram", "bare", "two")
EXACT, EFFECTS, HARDWARE = ("ideal", "digital-45nm", "bare"), ("loihi1", "ecram", "two"), DEVICES[2:]
COMMANDS = {
    "run": ("--epochs", "1", "--no-backprop"),
    "ablate": ("--epochs", "1", "--window", "2"),
    "life": ("--epochs", "1"),
    "cost": (),
    "check": ("--samples", "4"),
}
LEFT = {
    "run": ("result.json", "report.html", "history.csv", "weights.safetensors"),
    "ablate": ("ablation.json", "ablation.png"),
    "life": ("life.json", "life.png"),
}


@pytest.fixture(autouse=True)
def trained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Make data and profiles; return what will hold the trainings that were begun."""
    from neuroep.bridges import torch_backprop as twin

    begun: list[str] = []
    for owner, name in ((Trainer, "run"), (twin, "train_twin")):
        plain = getattr(owner, name)

        def noted(*args: object, plain: object = plain, name: str = name, **more: object) -> object:
            begun.append(name)
            return plain(*args, **more)  # type: ignore[operator]

        monkeypatch.setattr(owner, name, noted)
    save_npz(tmp_path / "tiny.npz", 6, 3)
    ecram, whole = load_device("ecram").path, load_device("ideal-crossbar").path.read_text(encoding="utf-8")
    edited(ecram, tmp_path / "two.toml", "[crossbar]\n", '[crossbar]\narrays = "two"\n')
    bare = whole[: whole.index("[periphery]")]
    (tmp_path / "bare.toml").write_text(bare, encoding="utf-8")
    return begun


def model(
    estimator: str, cost: str = "mse", scaled: bool = False, hidden: str = "tanh", more: str = "", depth: int = 1,
    feedback: float = 0.5,
) -> Path:  # fmt: skip
    """Write a small model file; `depth` hidden layers, `more` at its end."""
    layers = f'{{ size = 4, activation = "{hidden}" }}, ' * depth
    text = f"""summary = "small"
data = "tiny.npz"
cost = "{cost}"
feedback = {feedback}
layers = [{{ size = 6 }}, {layers}{{ size = 3, activation = "linear" }}]
[phases]
estimator = "{estimator}"
beta = 0.2
free_sweeps = 3
nudged_sweeps = 2
scaled = {str(scaled).lower()}
[training]
batch_size = 32
learning_rates = [0.05]
{more}
"""
    Path("m.toml").write_text(text, encoding="utf-8")
    return Path("m.toml")


def profile(device: str) -> str:
    return f"{device}.toml" if device in ("bare", "two") else device


def ask(command: str, device: str, out: str = "out", *more: str) -> Called:
    """Call a command on a device; what it writes goes to a folder."""
    folder = ("--out", out) if command in LEFT else ()
    return call(command, "m.toml", "-d", profile(device), *COMMANDS[command], *folder, *more)


def done(command: str, found: Called, out: str = "out") -> None:
    """It ended well and left all that it should."""
    assert found.status == 0, found.err
    for name in LEFT.get(command, ()):
        assert Path(out, name).stat().st_size > 0, name


def refused(found: Called, trained: list[str], *said: str, out: str = "out") -> None:
    """One line, before anything was trained or written."""
    assert found.status == 2
    assert len(found.err.strip().splitlines()) == 1, found.err
    assert all(part in found.err for part in said), found.err
    assert trained == []
    assert not Path(out).exists()


def reason(command: str, estimator: str, cost: str, scaled: bool, hidden: str, device: str) -> str | None:
    """A word of the refusal that is right, by hand; None for what can be done."""
    if (command == "ablate" and device not in EFFECTS) or (command == "life" and device not in HARDWARE):
        return "allowed: a quantized or crossbar profile"
    if estimator == "holomorphic" and (cost not in COSTS[:2] or hidden != "tanh"):
        return "isn't holomorphic"
    if (scaled or estimator == "holomorphic") and device not in EXACT:
        return "traces" if device == "loihi1" else "exact reads"
    return None


def try_one(
    trained: list[str], command: str, way: tuple[str, bool], cost: str, device: str, hidden: str = "tanh"
) -> None:
    model(way[0], cost, way[1], hidden)
    trained.clear()
    out = f"{command}-{hidden}-{device}"
    found, why = ask(command, device, out), reason(command, way[0], cost, way[1], hidden, device)
    done(command, found, out) if why is None else refused(found, trained, why, out=out)


@pytest.mark.parametrize("way", WAYS)
def test_each_way_on_each_kind_of_device(trained: list[str], way: tuple[str, bool]) -> None:
    """A part of the whole below: each estimator meets each kind of device in one command and cost of many."""
    place = WAYS.index(way)
    commands, costs = cycle(("run", "cost", "life", "check")), cycle(COSTS)
    for _ in range(place):
        next(commands), next(costs)
    for device, command, cost in zip(DEVICES, commands, costs, strict=False):
        try_one(trained, command, way, cost, device)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cost", COSTS)
@pytest.mark.parametrize("device", DEVICES)
def test_the_whole(trained: list[str], way: tuple[str, bool], cost: str, device: str) -> None:
    for command in COMMANDS:
        for hidden in ("tanh", "hard-sigmoid") if way[0] == "holomorphic" else ("tanh",):
            try_one(trained, command, way, cost, device, hidden)


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ["one-sided", "random-sign"])
def test_ablations_of_one_nudged_copy(estimator: str) -> None:
    model(estimator)
    done("ablate", ask("ablate", "ecram", "out", "--effects", "converters"))


#: Ways to program and read, and the kinds of devices that refuse them, with a word of the reason.
INTEGERS, ONE_ARRAY = "on integer synapses", "with two arrays"
PROGRAMMING = [
    ('method = "stochastic"', {}),
    ('method = "nearest"', {"loihi1": INTEGERS}),
    ('method = "accumulated"', {"loihi1": INTEGERS}),
    ('method = "transfer"', {"loihi1": INTEGERS}),
    ('method = "opposite"', {"loihi1": INTEGERS, "two": ONE_ARRAY, "bare": "without whole pulses"}),
    ('method = "net"', {"loihi1": INTEGERS, "two": ONE_ARRAY, "bare": "without whole pulses"}),
    ('reads = "changes"', {"loihi1": INTEGERS}),
    ('reads = "adjoint"', {"loihi1": INTEGERS, "two": "read one way"}),
    ("decay = 0.1\naverage_every = 2", {"loihi1": INTEGERS, "ecram": "one array", "bare": "one array"}),
    ("headroom = 2.0", {}),
]  # fmt: skip


@pytest.mark.parametrize(("programming", "no"), PROGRAMMING)
def test_ways_to_program_and_to_read_that_a_device_refuses(
    trained: list[str], programming: str, no: dict[str, str]
) -> None:
    for device, why in no.items():
        model("centered", more=f"[on.{device}.programming]\n{programming}")
        for command in COMMANDS:
            refused(ask(command, device), trained, why if (command, device) != ("ablate", "bare") else "no effects")


@pytest.mark.slow
@pytest.mark.parametrize(("programming", "no"), PROGRAMMING)
@pytest.mark.parametrize("command", COMMANDS)
def test_ways_to_program_and_to_read(command: str, programming: str, no: dict[str, str]) -> None:
    for device in (device for device in (EFFECTS if command == "ablate" else HARDWARE) if device not in no):
        model("centered", more=f"[on.{device}.programming]\n{programming}")
        done(command, ask(command, device, device), device)


@pytest.mark.parametrize("command", ["run", "cost", "life", "ablate"])
@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("phases]\nscaled = true", ("on ecram", "scaled displacements")),
        ('phases]\nestimator = "holomorphic"', ("on ecram", "exact reads")),
        ('programming]\nmethod = "net"\n[on.ecram.phases]\nestimator = "continual"', ("continual", "net")),
        ('programming]\nmethod = "net"\n[on.ecram.training]\nmomentum = 0.5', ("momentum", "net")),
    ],
)
def test_what_a_device_alone_is_asked_for(trained: list[str], command: str, more: str, said: tuple[str, ...]) -> None:
    """Its own tables ask for what it can't do, while the ideal device could be trained."""
    model("centered", more=f"[on.ecram.{more}")
    refused(ask(command, "ecram"), trained, *said)


def test_a_validation_share_of_one_device_alone(trained: list[str]) -> None:
    """It leaves nothing to train on, which the data say."""
    model("centered", more="[on.ecram.training]\nvalidation = 0.999")
    refused(ask("run", "ecram"), trained, "validation share of 0.999")
    refused(ask("ablate", "ecram"), trained, "validation share of 0.999")


def test_of_two_devices_the_second_is_named(trained: list[str]) -> None:
    model("centered", scaled=True)
    refused(call("run", "m.toml", "-d", "bare.toml", "two.toml", "--out", "out"), trained, "on two")


def test_an_effect_switched_off_makes_it_possible() -> None:
    """Loihi without traces reads states exactly."""
    model("centered", scaled=True)
    done("run", ask("run", "loihi1", "out", "--without", "traces"))
    done("cost", ask("cost", "loihi1", "out", "--without", "traces"))


@pytest.mark.parametrize("command", ["cost", "check", "run", "life"])
def test_data_of_another_width_are_refused(trained: list[str], command: str) -> None:
    """Both widths are named; random inputs only stand for data that aren't here."""
    model("centered")
    save_npz(Path("tiny.npz"), 7, 3)
    refused(ask(command, "ecram"), trained, "tiny", "7 inputs", "allowed: 6")


@pytest.mark.parametrize("command", ["run", "cost", "life"])
@pytest.mark.parametrize(("depth", "feedback", "said"), [(399, 0.1, "1e-400"), (99, 0.1, "1e-100"), (60, 0.2, "1e-43")])
def test_chains_too_deep_for_raw_states(
    trained: list[str], command: str, depth: int, feedback: float, said: str
) -> None:
    """The line says what would do: γ, depth, and scaled displacements where the device has exact reads."""
    model("one-sided", depth=depth, feedback=feedback)
    refused(ask(command, "bare"), trained, said, "γ of at least", "dynamical layers", "phases.scaled = true")
    found = ask(command, "ecram")
    refused(found, trained, said)
    assert ("scaled" in found.err) == (command == "run")  # where the ideal device comes first


@pytest.mark.parametrize("depth", [60, pytest.param(399, marks=pytest.mark.slow)])
def test_scaled_displacements_reach_the_report_at_any_depth(depth: int) -> None:
    model("one-sided", scaled=True, depth=depth, feedback=0.1)
    done("run", ask("run", "ideal"))
    done("cost", ask("cost", "ideal"))


@pytest.mark.slow
def test_an_ablation_of_scaled_displacements_in_a_deep_chain() -> None:
    """γ²⁴ leaves nothing of the exact gradient's nudge in raw states, of double precision too."""
    model("centered", scaled=True, depth=25, feedback=0.1)
    whole = load_device("loihi1").path.read_text(encoding="utf-8")
    start = whole.index("[synapse.trace_bits]")
    end = whole.index("\n[", start) + 1
    Path("quiet.toml").write_text(whole[:start] + whole[end:], encoding="utf-8")
    found = call("ablate", "m.toml", "-d", "quiet.toml", *COMMANDS["ablate"], "--out", "out", "--json")
    done("ablate", found)
    assert all(row["settled_initial"] == 1.0 for row in found.json["rows"])
