"""Model files: what they build, and every way in which they can be wrong."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from neuroep.errors import BadInput, UnknownName
from neuroep.network import Activation, Cost, Skip
from neuroep.recipe import Estimator, Method, Order
from neuroep.specs import catalogue, read_model
from neuroep.specs.kinds import KINDS

GOOD = """
summary = "a test"
data = "xor"
cost = "mse"
feedback = 0.5

[[layers]]
size = 2

[[layers]]
size = 3
activation = "tanh"
gain = 0.4
tau_seconds = 2e-3

[[layers]]
size = 2
activation = "linear"

[phases]
estimator = "one-sided"
beta = 0.25
free_sweeps = 7
free_order = "even-odd"

[training]
epochs = 3
learning_rates = [0.1, 0.2]
momentum = 0.5

[backprop]
learning_rates = [0.3]

[on.ecram.training]
epochs = 9

[on.ecram.phases]
beta = 0.125

[[measured]]
method = "ep"
device = "ideal"
test_accuracy = 1.0
sd = 0.0
seeds = 10
epochs = 3
command = "neuroep run xor"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_network_as_written(tmp_path: Path) -> None:
    spec = read_model(write(tmp_path, GOOD))
    network = spec.network()
    assert (spec.name, spec.summary, spec.data) == ("mine", "a test", "xor")
    assert network.sizes == (2, 3, 2)
    assert [layer.activation for layer in network.layers[1:]] == [Activation.TANH, Activation.LINEAR]
    assert network.layers[1].tau_seconds == 2e-3
    assert [coupling.gain for coupling in network.couplings] == [0.4, 0.7]
    assert (network.cost, network.feedback) == (Cost.MSE, 0.5)
    assert spec.measured[0].seeds == 10


def test_recipe_as_written_with_overrides_and_defaults(tmp_path: Path) -> None:
    spec = read_model(write(tmp_path, GOOD))
    plain, ecram = spec.recipe(), spec.recipe(catalogue.load_device("ecram"))
    assert plain.phases.estimator is Estimator.ONE_SIDED
    assert (plain.phases.beta, plain.phases.free_sweeps, plain.phases.nudged_sweeps) == (0.25, 7, 5)
    assert (plain.phases.free_order, plain.phases.nudged_order) == (Order.EVEN_ODD, Order.BACKWARD)
    assert (plain.training.epochs, plain.training.learning_rates) == (3, (0.1, 0.2))
    assert (ecram.training.epochs, ecram.training.momentum, ecram.phases.beta) == (9, 0.5, 0.125)
    assert ecram.phases.free_sweeps == 7
    # Backprop takes what it doesn't say from [training], and nothing from a device.
    for recipe in (plain, ecram):
        assert (recipe.backprop.learning_rates, recipe.backprop.epochs, recipe.backprop.momentum) == ((0.3,), 3, 0.5)
    assert spec.recipe(catalogue.load_device("loihi1")) == plain


KIND = """
[on.any-crossbar.training]
epochs = 5
momentum = 0.25

[on.any-crossbar.programming]
method = "accumulated"
"""


def test_tables_of_a_kind_hold_under_a_devices_own(tmp_path: Path) -> None:
    spec = read_model(write(tmp_path, GOOD.replace("[[measured]]", f"{KIND}\n[[measured]]", 1)))
    ecram, other, integers = (spec.recipe(catalogue.load_device(name)) for name in ("ecram", "rram-sb", "loihi1"))
    assert (ecram.training.epochs, ecram.training.momentum, ecram.phases.beta) == (9, 0.25, 0.125)
    assert (other.training.epochs, other.training.momentum, other.phases.beta) == (5, 0.25, 0.25)
    assert {ecram.programming.method, other.programming.method} == {Method.ACCUMULATED}
    assert integers == spec.recipe()
    # a table's name alone gives that table alone
    assert spec.overridden("ecram").training.momentum == 0.5


SKIP = "[[couplings]]\nsource = 1\ntarget = 2\n"


def test_skips_as_written(tmp_path: Path) -> None:
    one = '\n[[layers]]\nsize = 3\nactivation = "tanh"\n'
    text = GOOD.replace("\n[[layers]]\nsize = 3", one + one + "\n[[layers]]\nsize = 3", 1).replace(
        "[0.1, 0.2]", "[0.1]"
    )
    skips = '[[couplings]]\nsource = 1\ntarget = 3\nkind = "identity"\ngain = 0.25\n[phases]'
    network = read_model(write(tmp_path, text.replace("[phases]", skips, 1))).network()
    assert network.skips == (Skip(1, 3, 0.25),)
    assert network.as_dict()["skips"] == [{"source": 1, "target": 3, "gain": 0.25}]


@pytest.mark.parametrize(
    ("old", "new", "where", "said"),
    [
        ("feedback = 0.5", "feedbck = 0.5", "mine.toml", "did you mean 'feedback'"),
        ("gain = 0.4", "gian = 0.4", "layers[1]", "did you mean 'gain'"),
        ("beta = 0.25", "betta = 0.25", "phases", "did you mean 'beta'"),
        ("momentum = 0.5", "momemtum = 0.5", "training", "did you mean 'momentum'"),
        ("[backprop]", "[backprop]\nepoch = 2", "backprop", "did you mean 'epochs'"),
        ("[on.ecram.training]\nepochs", "[on.ecram.training]\nepoch", "on.ecram.training", "did you mean 'epochs'"),
        ("[on.ecram.phases]", "[on.any-crosbar.phases]", "on", "did you mean 'any-crossbar'"),
        ("[on.ecram.phases]", "[on.ecram.phase]", "on.ecram", "did you mean 'phases'"),
        ("seeds = 10", "seed = 10", "measured[0]", "did you mean 'seeds'"),
        ('activation = "tanh"', 'activation = "tahn"', "layers[1].activation", "did you mean 'tanh'"),
        ('cost = "mse"', 'cost = "mes"', "cost", "did you mean 'mse'"),
        ('"one-sided"', '"one-sidd"', "phases.estimator", "did you mean 'one-sided'"),
        ('"even-odd"', '"evenodd"', "phases.free_order", "did you mean 'even-odd'"),
        ("size = 3", 'size = "3"', "layers[1].size", "expected `int`, got `str`: '3'"),
        ("size = 3", "size = true", "layers[1].size", "expected `int`, got `bool`"),
        ("size = 3", "size = 0", "layers[1].size", ">= 1"),
        ("size = 3", "size = 2.5", "layers[1].size", "expected `int`"),
        ("gain = 0.4", "gain = -0.4", "layers[1].gain", "> 0"),
        ("tau_seconds = 2e-3", "tau_seconds = 0", "layers[1].tau_seconds", "> 0"),
        ("beta = 0.25", "beta = -0.25", "phases.beta", "β > 0"),
        ("beta = 0.25", "beta = nan", "phases.beta", "finite"),
        ("beta = 0.125", "beta = -1", "on.ecram.phases.beta", "β > 0"),
        ("epochs = 9", "epochs = 0", "on.ecram.training", "at least 1"),
        ("learning_rates = [0.3]", "learning_rates = [0.3, -1]", "backprop.learning_rates", "positive"),
        ("learning_rates = [0.1, 0.2]", "learning_rates = [1, 1, 1]", "training.learning_rates", "1 or 2 numbers"),
        ("learning_rates = [0.1, 0.2]", "learning_rates = 0.1", "training.learning_rates", "expected `array`"),
        ("epochs = 9", "learning_rates = [1, 1, 1]", "on.ecram.training.learning_rates", "1 or 2 numbers"),
        ("learning_rates = [0.3]", "learning_rates = [1, 1, 1]", "backprop.learning_rates", "1 or 2 numbers"),
        ("momentum = 0.5", "momentum = 1.0", "training.momentum", "momentum < 1"),
        ("feedback = 0.5", "feedback = 1.5", "feedback", "γ <= 1"),
        ("feedback = 0.5", 'feedback = "a"', "feedback", "expected `float`"),
        ('cost = "mse"', 'cost = "hinge"\n', "layers", "linear"),
        (
            "size = 2\n\n[[layers]]\nsize = 3",
            "size = 2\ngain = 1.0\n\n[[layers]]\nsize = 3",
            "layers[0]",
            "input layer",
        ),
        ("test_accuracy = 1.0", "test_accuracy = 88.5", "measured[0].test_accuracy", "<= 1"),
        ('method = "ep"', 'method = "backpropagation"', "measured[0].method", "did you mean 'backprop'"),
        ('data = "xor"', "", "mine.toml", "'data' is missing"),
        ('data = "xor"', 'data = ""', "data", "length"),
        ("[phases]", "[[phases]]", "phases", "expected `object`, got `array`"),
        ("[on.ecram.training]", "[on.training]", "on", "expected `object`"),
        ("feedback = 0.5", 'physics = "hopfeld"', "physics", "did you mean 'hopfield'"),
        ("[phases]", SKIP + 'kind = "dense"\n[phases]', "couplings[0].kind", "allowed: identity"),
        ("[phases]", SKIP + "[phases]", "couplings[0]", "'kind' is missing"),
        ("[phases]", SKIP + 'kind = "identity"\ngian = 1.0\n[phases]', "couplings[0]", "did you mean 'gain'"),
        ("[phases]", SKIP + 'kind = "identity"\n[phases]', "skips", "over at least one layer"),
    ],
)
def test_mistakes_name_file_key_and_remedy(old: str, new: str, where: str, said: str, tmp_path: Path) -> None:
    if old == 'cost = "mse"' and "hinge" in new:
        text = GOOD.replace(old, new).replace('activation = "linear"', 'activation = "hard-sigmoid"')
    else:
        text = GOOD.replace(old, new, 1)
    assert text != GOOD
    path = write(tmp_path, text)
    with pytest.raises(BadInput) as error:
        read_model(path)
    message = str(error.value)
    assert message.startswith(str(path))
    assert where in message
    assert said in message
    assert "\n" not in message


def test_one_layer_is_no_network(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="layers"):
        read_model(write(tmp_path, 'summary = "a"\ndata = "xor"\n[[layers]]\nsize = 2\n'))


@pytest.mark.parametrize("name", catalogue.names("models"))
def test_shipped_models_are_valid_and_say_nothing_unmeasured(name: str) -> None:
    spec = catalogue.load_model(name)
    assert spec.network().depth == len(spec.network().sizes) - 1
    assert spec.summary
    kinds = [f"any-{name}" for name, kind in KINDS.items() if kind.is_hardware]
    assert set(spec.devices) <= {*catalogue.names("devices"), *kinds}
    for measured in spec.measured:
        assert measured.method in ("ep", "backprop")
        assert measured.device in catalogue.names("devices")
        assert measured.command.startswith("neuroep ")


@pytest.mark.parametrize(
    ("name", "sizes", "cost", "data"),
    [
        ("xor", (2, 8, 2), Cost.MSE, "xor"),
        ("digits-mlp", (64, 64, 10), Cost.MSE, "digits"),
        ("fashion-mlp", (784, 256, 10), Cost.MSE, "fashion-mnist"),
        ("fashion-deep", (784, 512, 256, 10), Cost.MSE, "fashion-mnist"),
        ("parity", (20, 200, 1), Cost.SQUARED_HINGE, "parity"),
    ],
)
def test_shipped_models_are_the_networks_they_are_named_for(
    name: str, sizes: tuple[int, ...], cost: Cost, data: str
) -> None:
    spec = catalogue.load_model(name)
    assert (spec.network().sizes, spec.network().cost, spec.data) == (sizes, cost, data)


def test_gain_of_four_tenths_of_glorot_bound() -> None:
    glorot = math.sqrt(6.0 / (256 + 10))
    assert pytest.approx(0.4 * glorot * math.sqrt(256), abs=5e-4) == 0.961


def test_unknown_name_is_bad_input() -> None:
    with pytest.raises(UnknownName, match="did you mean 'fashion-mlp'"):
        catalogue.load_model("fashion-mpl")
