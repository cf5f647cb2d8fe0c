"""Model files: a network and how it is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from neuroep.errors import BadInput, UnknownName
from neuroep.network import Activation, Cost, Coupling, Layer, Network, Skip
from neuroep.physics.activations import KINKED, why_not
from neuroep.physics.hopfield import HOPFIELD
from neuroep.physics.known import PHYSICS, refuse_without_limit
from neuroep.recipe import OWN_SETTINGS, SWEEPS, Encoder, Phases, Programming, Recipe, Scale, Training
from neuroep.solvers.tableaux import named
from neuroep.specs.kinds import KINDS
from neuroep.specs.reading import Table, at, convert, name_of, read_toml, refuse_unknown_keys

if TYPE_CHECKING:
    from neuroep.hardware.device import OfKind

T = TypeVar("T")

ACTIVATIONS = {member.label: member for member in Activation}
COSTS = {member.label: member for member in Cost}
Count = Annotated[int, Meta(ge=1)]


class LayerTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One ``[[layers]]`` entry; activation, gain and bias are absent for the clamped input.

    Attributes
    ----------
    size : int
        Units.
    activation : str, optional
        Of its units; of hidden layers and outputs the energy's own if left out.
    gain : float, optional
        Factor on the spread of the first weights of what leads to it.
    bias : float, optional
        First bias of its units.
    tau_seconds : float
        Time constant of its units, where phases or ``neuroep settle`` run in continuous time.
    """

    size: Annotated[int, Meta(ge=1, le=1_000_000)]
    activation: str | None = None
    gain: Annotated[float, Meta(gt=0.0, le=100.0)] | None = None
    bias: Annotated[float, Meta(ge=-100.0, le=100.0)] | None = None
    tau_seconds: Annotated[float, Meta(gt=0.0, le=1e3)] = Layer(1).tau_seconds


class CouplingTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One ``[[couplings]]`` entry: a skip beside the chain that layers form.

    Attributes
    ----------
    source, target : int
        Numbers of the layers that it joins, the input being 0.
    kind : str
        ``"identity"``: the source's states are added to the target's input, without synapses.
    gain : float
        Factor on those states.
    """

    source: int
    target: int
    kind: Literal["identity"]
    gain: Annotated[float, Meta(ge=-100.0, le=100.0)] = Skip(1, 3).gain


class Measured(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One ``[[measured]]`` entry: an accuracy that was reached, and the command that reached it.

    Attributes
    ----------
    method, device : str
        ``"ep"`` or ``"backprop"``; the device profile it ran on.
    test_accuracy, sd : float
        Mean and standard deviation over seeds, 0 to 1.
    seeds, epochs : int
        How many.
    command : str
        What to type to see it again.
    """

    method: Literal["ep", "backprop"]
    device: str
    test_accuracy: Annotated[float, Meta(ge=0.0, le=1.0)]
    sd: Annotated[float, Meta(ge=0.0, le=1.0)]
    seeds: Count
    epochs: Count
    command: Annotated[str, Meta(min_length=1)]


class DataTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[data]``, where the data set's name alone doesn't do.

    Attributes
    ----------
    name : str
        Name or path of the data set.
    scale : str
        How its inputs are scaled (:func:`neuroep.data.scaling.scaled`).
    """

    name: Annotated[str, Meta(min_length=1)]
    scale: Scale = "none"


#: A check of so many takes some three minutes, and everything grows with depth alone.
MOST_LAYERS = 5000


class ModelTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of a model file.

    Attributes
    ----------
    summary : str
        One line on what the model is.
    data : str or dict
        Name or path of the data set, or the table ``[data]``.
    layers : list of LayerTable
        From the input to the output.
    cost : str
        What nudges the outputs.
    feedback : float
        Feedback gain γ of downward couplings.
    physics : str
        Which energy the states minimise.
    input_gain : float
        Factor on the inputs that a resistive network is clamped to.
    couplings : list of CouplingTable
        Skips beside the chain.
    phases : dict
        How the free and the nudged phases settle, and how the gradient is read off them.
    training : dict
        Step sizes, rule, epochs.
    backprop : dict
        What the backprop twin has of its own; all else it takes from ``[training]``.
    on : dict
        What single devices need: a device's name, or ``any-`` before a kind, with tables ``phases``, ``training`` and
        ``programming``.
    measured : list of Measured
        Accuracies that were reached.
    """

    summary: Annotated[str, Meta(min_length=1)]
    data: Annotated[str, Meta(min_length=1)] | dict[str, Any]
    layers: Annotated[list[LayerTable], Meta(min_length=2, max_length=MOST_LAYERS)]
    cost: str = Cost.MSE.label
    feedback: float = 1.0
    physics: str = HOPFIELD.name
    input_gain: float = 1.0
    couplings: Annotated[list[CouplingTable], Meta(max_length=MOST_LAYERS)] = []
    phases: dict[str, Any] = {}
    training: dict[str, Any] = {}
    backprop: dict[str, Any] = {}
    on: dict[str, Any] = {}
    measured: list[Measured] = []


#: Where outputs with a bound at 0 start, unless the file says: at a bias of 0 half of them start without a slope, and
#: one that has none for any sample never learns.
BOUNDED_OUTPUT_BIAS = 0.5

ANY = "any-"
"""Before a kind of profile: the name of the tables that hold for every device of that kind."""
PARTS = ("phases", "training", "programming")


@dataclass(frozen=True, slots=True, repr=False)
class ModelSpec:
    """A validated model file.

    Attributes
    ----------
    name : str
        The file's name without its ending.
    path : Path
        The file.
    table : ModelTable
        Its contents.
    """

    name: str
    path: Path
    table: ModelTable

    def __repr__(self) -> str:
        return f"<ModelSpec {self.name}: {self.summary}>"

    @property
    def summary(self) -> str:
        """One line on what the model is."""
        return self.table.summary

    @property
    def data(self) -> str:
        """Name or path of the data set."""
        return self._data.name

    @property
    def scale(self) -> Scale:
        """How inputs are scaled by what the training set says."""
        return self._data.scale

    @property
    def _data(self) -> DataTable:
        found = self.table.data
        return DataTable(found) if isinstance(found, str) else convert(found, DataTable, self.path, "data")

    @property
    def measured(self) -> tuple[Measured, ...]:
        """Accuracies reached, with the commands that reached them."""
        return tuple(self.table.measured)

    @property
    def devices(self) -> tuple[str, ...]:
        """Names of the tables of overrides: devices, and ``any-`` before a kind of them."""
        return tuple(self.table.on)

    def network(self) -> Network:
        """Return the network the file describes.

        Raises
        ------
        BadInput
            If layers, cost and feedback gain don't go together.
        """
        tables = self.table.layers
        if any(given is not None for given in (tables[0].activation, tables[0].gain, tables[0].bias)):
            raise BadInput(
                "the input layer has an activation, a gain or a bias",
                at(self.path, "layers[0]"),
                "size and tau_seconds",
            )
        if self.table.physics not in PHYSICS:
            raise UnknownName("physics", self.table.physics, PHYSICS, at(self.path, "physics"))
        layers = tuple(self._layer(index, table) for index, table in enumerate(tables))
        plain = Coupling(0, 1)
        couplings = tuple(
            Coupling(
                k,
                k + 1,
                plain.gain if table.gain is None else table.gain,
                self._default_bias(layers, k + 1) if table.bias is None else table.bias,
            )
            for k, table in enumerate(tables[1:])
        )
        skips = tuple(Skip(table.source, table.target, table.gain) for table in self.table.couplings)
        if self.table.cost not in COSTS:
            raise UnknownName("cost", self.table.cost, COSTS, at(self.path, "cost"))
        if self.table.backprop:
            refuse_without_limit(self.table.physics, f"{at(self.path, 'backprop')}: backprop")
        try:
            return Network(
                layers, couplings, COSTS[self.table.cost], self.table.feedback, self.table.physics,
                self.table.input_gain, skips,
            )  # fmt: skip
        except BadInput as error:
            raise BadInput(str(error), str(self.path)) from error

    def _default_bias(self, layers: Sequence[Layer], k: int) -> float:
        """0, but of outputs without slope below 0 the middle of their targets: from there they move either way."""
        kinked = layers[k].activation in KINKED
        return BOUNDED_OUTPUT_BIAS if kinked and k == len(layers) - 1 else Coupling(0, 1).bias

    def _layer(self, index: int, table: LayerTable) -> Layer:
        usual = PHYSICS[self.table.physics].default_activations[index == len(self.table.layers) - 1]
        label = usual.label if table.activation is None else table.activation
        if why_not(label):
            where = at(self.path, f"layers[{index}].activation")
            raise BadInput(f"activation {label!r}{why_not(label)}", where, ", ".join(ACTIVATIONS))
        if label not in ACTIVATIONS:
            raise UnknownName("activation", label, ACTIVATIONS, at(self.path, f"layers[{index}].activation"))
        return Layer(table.size, ACTIVATIONS[label], table.tau_seconds)

    def recipe(self, device: OfKind | None = None) -> Recipe:
        """Return how the network is trained, with the overrides of one device.

        Parameters
        ----------
        device : DeviceSpec or Device, optional
            A profile, or a hardware model that says its kind: the tables of its kind hold (``[on.any-crossbar...]``),
            and over them its own. Without either, or without a device, the plain recipe.

        Returns
        -------
        Recipe
            ``[backprop]`` takes what it doesn't say from ``[training]``, and never a device's overrides.

        Raises
        ------
        BadInput
            If a key or a value can't be used.
        """
        found = self._recipe() if device is None else self._recipe(f"{ANY}{device.kind}", device.name)
        found.refuse_idle()
        if found.phases.in_time:
            named(found.phases.solver, at(self.path, "phases.solver"), (SWEEPS, *Encoder))
        return found

    def overridden(self, name: str) -> Recipe:
        """Return the recipe with one table of overrides alone: of a device, or of a kind (``any-crossbar``)."""
        return self._recipe(name)

    def _recipe(self, *names: str) -> Recipe:
        """Return the plain recipe with the tables of overrides that are there, later ones over earlier ones."""
        prefix, over = self._overrides(names)
        table = self.table
        return Recipe(
            self._merged(Phases, ("phases", table.phases), (f"{prefix}.phases", over["phases"])),
            self._training((f"{prefix}.training", over["training"])),
            self._training(("backprop", table.backprop)),
            convert(over["programming"], Programming, self.path, f"{prefix}.programming"),
        )

    def _overrides(self, names: tuple[str, ...]) -> tuple[str, dict[str, Table]]:
        over: dict[str, Table] = {part: {} for part in PARTS}
        for name in (name for name in names if name in self.table.on):
            refuse_unknown_keys(self.table.on[name], PARTS, self.path, f"on.{name}")
            over = {part: _laid_over(over[part], self.table.on[name].get(part, {})) for part in PARTS}
        return f"on.{names[-1]}" if names else "on", over

    def _training(self, over: tuple[str, Table]) -> Training:
        training = self._merged(Training, ("training", self.table.training), over)
        try:
            training.rates(len(self.table.layers) - 1, 0)
        except BadInput as error:
            key = over[0] if "learning_rates" in over[1] else "training"
            raise BadInput(key + str(error).removeprefix("training"), str(self.path)) from error
        return training

    def _merged(self, kind: type[T], base: tuple[str, Table], over: tuple[str, Table]) -> T:
        (base_key, base_table), (over_key, over_table) = base, over
        plain = convert(base_table, kind, self.path, base_key)
        return convert(_laid_over(base_table, over_table), kind, self.path, over_key) if over_table else plain


def _laid_over(base: Table, over: Table) -> Table:
    """Return both, `over` first; where that chooses another estimator or method, what only the old one reads goes."""
    idle = {key for key, users in OWN_SETTINGS.items() if users.chooser in over and over[users.chooser] not in users}
    return {key: value for key, value in base.items() if key not in idle} | over


def read_model(path: str | Path) -> ModelSpec:
    """Read and validate a model file.

    Parameters
    ----------
    path : str or Path
        A TOML file.

    Returns
    -------
    ModelSpec
        Its network and every recipe in it have been built once, so that later calls can't fail.

    Raises
    ------
    BadInput
        With file and key path, what is allowed and the nearest right name.
    """
    path = Path(path)
    spec = ModelSpec(name_of(path), path, convert(read_toml(path), ModelTable, path))
    spec.network()
    _ = spec.data
    for name, parts in spec.table.on.items():
        kinds = [f"{ANY}{kind.name}" for kind in KINDS.values() if kind.is_hardware]
        if name.startswith(ANY) and name not in kinds:
            raise UnknownName("table for a kind of device", name, kinds, at(path, "on"))
        for part, table in convert(parts, dict, path, f"on.{name}").items():
            convert(table, dict, path, f"on.{name}.{part}")
    spec.recipe()
    for name in spec.devices:
        spec.overridden(name)
    return spec
