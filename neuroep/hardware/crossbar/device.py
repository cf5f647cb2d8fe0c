"""Analog crossbars: each weight is one conductance or a pair of them, moved by pulses, read with noise.

In units of the step model's weight a device is at h, its conductance G = g_min + (h − w_min)/(w_max − w_min)·(g_max −
g_min). What a weight is depends on the encoding (:class:`~neuroep.hardware.crossbar.placing.Encoding`):

    pair                       w = scale · (h⁺ − h⁻)
    reference, column, offset  w = scale · (h − r)

with scale · full = headroom · max |W_k| at mounting, where `full` is what the nominal device can surely express: the
range of the pair, or the distance of its reference to the nearer bound. Biases are digital and exact. The same
conductances are read upward and downward; wire resistance alone can make the two reads differ.

An update is sent open loop, as pulses worth one nominal step each; what they do is the device's affair
(:mod:`neuroep.hardware.crossbar.pulse_kernels`). See :mod:`neuroep.hardware.crossbar.pulsing` for how requests become
pulses, and :mod:`neuroep.hardware.crossbar.two_arrays` for a crossbar a direction.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from neuroep import checks
from neuroep.errors import BadInput
from neuroep.fields import settle
from neuroep.hardware.cells.arrays import Spread, check_pulses, law_of, nominal_step
from neuroep.hardware.cells.law import Law
from neuroep.hardware.cells.steps import StepModel
from neuroep.hardware.crossbar.effects import CROSSBAR
from neuroep.hardware.crossbar.keeping import State, kept
from neuroep.hardware.crossbar.lines import summed
from neuroep.hardware.crossbar.periphery import Periphery
from neuroep.hardware.crossbar.placing import Encoding, Placing
from neuroep.hardware.crossbar.schedule import Schedule
from neuroep.hardware.crossbar.sight import ATTENUATIONS, Sight
from neuroep.hardware.crossbar.wearing import counters, wear_of
from neuroep.hardware.crossbar.wiring import Wires, refuse_oversized_arrays
from neuroep.hardware.device import Mounted, StateUpdate, Update, effective_weights, lower, update_biases
from neuroep.hardware.effect import present
from neuroep.hardware.lines import LineSiemens
from neuroep.hardware.programming import Chance, check_finite, check_range, full_scales
from neuroep.hardware.retention import aging
from neuroep.hardware.retention.models import retention
from neuroep.hardware.wear import Wear
from neuroep.layout import Layout
from neuroep.ledger import Ledger
from neuroep.network import Network
from neuroep.recipe import Method, Programming
from neuroep.rng import stream
from neuroep.weights import FloatArray, Weights, fitting

if TYPE_CHECKING:
    from neuroep.hardware.crossbar.pulsing import Array


@dataclass(frozen=True, kw_only=True, slots=True)
class Crossbar:
    """Arrays of pulsed devices with converters, noise and wires.

    Attributes
    ----------
    name : str
        The profile's name.
    g_min_siemens, g_max_siemens : float
        Conductance range, 0 <= g_min < g_max.
    cell : StepModel
        The nominal device; its numbers are single ones.
    encoding : Encoding
        What a weight is made of.
    headroom : float
        How many times the largest weight at mounting a coupling can hold, >= 1.
    spread : Spread
        From device to device.
    stuck_share : float
        Share of devices that never move.
    stuck_range : float
        Largest magnitude of the weight at which they stay, in units of the step model's weight.
    programming_spread : float
        Standard deviation of the error of a device at mounting, as a fraction of w_max − w_min.
    read_noise : float
        Standard deviation of the noise of one device in one read, as a fraction of w_max − w_min.
    periphery : Periphery
        Converters.
    wires : Wires
        Resistance of the lines.
    one_sided : bool
        Whether pulses only go up (PCM); pairs that have both grown are reset and written anew. Encoding pair alone.
    by_row : bool
        Whether devices with trains of their own are written row by row, instead of all at once.
    exact_steps : bool
        Whether requests that aren't whole pulses are served by broken ones: no granularity.
    programming : Programming
        How updates are sent, from the recipe.
    retention : str
        What becomes of programmed conductances: a name of :data:`neuroep.hardware.retention.models.MODELS`.

    Raises
    ------
    BadInput
        If a value is out of range.
    """

    name: str
    g_min_siemens: float
    g_max_siemens: float
    cell: StepModel
    encoding: Encoding = Encoding.PAIR
    headroom: float = 1.0
    spread: Spread = field(default_factory=Spread)
    stuck_share: float = 0.0
    stuck_range: float = np.inf
    programming_spread: float = 0.0
    read_noise: float = 0.0
    periphery: Periphery = field(default_factory=Periphery)
    wires: Wires = field(default_factory=Wires)
    one_sided: bool = False
    by_row: bool = True
    exact_steps: bool = False
    programming: Programming = field(default_factory=Programming)
    retention: str = "none"
    kind: ClassVar[str] = "crossbar"

    def __post_init__(self) -> None:
        settle(self, f"{self.name}: ")
        check_range(self.g_min_siemens, 0.0, 1e3, f"{self.name}: g_min_siemens")
        check_range(self.g_max_siemens, self.g_min_siemens, 1e3, f"{self.name}: g_max_siemens")
        if self.g_max_siemens == self.g_min_siemens:
            raise BadInput("an empty range", f"{self.name}: g_max_siemens", f"more than {self.g_min_siemens:g}")
        check_range(self.headroom, 1.0, 1e6, f"{self.name}: headroom")
        if self.retention != "none":
            retention(self.retention)
        for key in ("stuck_share", "programming_spread", "read_noise"):
            check_range(getattr(self, key), 0.0, 1.0, f"{self.name}: {key}")
        check_range(self.stuck_range, 0.0, np.inf, f"{self.name}: stuck_range")
        if self.one_sided and not self.paired:
            raise BadInput("pulses up alone", f"{self.name}: encoding", Encoding.PAIR.value)
        if self.programming.method is Method.TRANSFER and self.one_sided:
            raise BadInput("a second array of one-sided devices", f"{self.name}: programming.method", "another method")
        if self.programming.average_every:
            raise BadInput("a mean of one array", f"{self.name}: programming.average_every", "0, or two arrays")
        if self.programming.method is Method.RULE:
            raise BadInput(
                "method 'rule' without a learning engine", f"{self.name}: programming.method", "another method"
            )
        if self.programming.method.by_states and self.exact_steps:
            raise BadInput("coincidences without whole pulses", f"{self.name}: programming.method", "another method")
        check_pulses(self.cell, lambda: self.step, f"{self.name}: cell")

    @property
    def paired(self) -> bool:
        """Whether a weight has two pulsed devices."""
        return self.encoding is Encoding.PAIR

    @property
    def span(self) -> float:
        """w_max − w_min of the nominal device."""
        return self._bound("w_max") - self._bound("w_min")

    @property
    def scale(self) -> aging.Scale:
        """What a unit of the step model's weight is in siemens."""
        per_unit = (self.g_max_siemens - self.g_min_siemens) / self.span
        return aging.Scale(self.g_min_siemens, per_unit, self._bound("w_min"))

    @property
    def centre(self) -> float:
        """Where the nominal device stands for a weight of 0: its symmetry point, or the middle of its range."""
        return self.placing.centre

    @property
    def placing(self) -> Placing:
        """How weights get onto fresh devices."""
        error = self.programming_spread * self.span
        return Placing(self.cell, self.spread, self.stuck_share, self.stuck_range, self.encoding, self.one_sided, error)

    @property
    def schedule(self) -> Schedule:
        """Which devices are written at the same time."""
        return Schedule(self.by_row, self.periphery.tile_rows)

    @property
    def full(self) -> float:
        """Largest difference of a weight's devices that is counted on."""
        if self.paired:
            return self.span
        return min(self._bound("w_max") - self.centre, self.centre - self._bound("w_min"))

    def _bound(self, key: str) -> float:
        return float(np.asarray(getattr(self.cell, key)))

    def check_sizes(self, network: Network) -> None:
        """Refuse networks whose arrays are too large for their wires to be solved."""
        if self.wires.resistive:
            for rows, columns in pairwise(network.sizes):
                refuse_oversized_arrays(rows, columns, self.periphery.tile_rows, self.periphery.tile_columns)

    def mount(self, network: Network, weights: Weights, rng: np.random.Generator) -> Mounted:
        """Draw fresh devices and program every weight closed loop, with errors, clipped to each device's range.

        State, in the weights' float type and the layout of `Weights.couplings`: ``devices`` (n, 8), and ``against``
        (n, 8) for pairs, else (n, 1); ``full_scale`` float64 (L,); with an accumulator ``residual`` (n,); with a second
        array ``fast`` and ``fast_against`` like the first, ``buffer`` (n,) and ``clock`` (1,); with resistive wires
        `ATTENUATIONS`, each (n,) float64, and ``updates`` (1,). Beside each array of devices that are pulsed
        :func:`~neuroep.hardware.crossbar.wearing.counters` (n, 2), 0 at first: programming at mounting isn't counted.
        """
        weights, rng = fitting(weights, network.sizes), checks.randomness(rng)
        full_scale = full_scales(weights, self.headroom)
        per_weight = np.repeat(full_scale / self.full, np.diff(Layout.of(weights.sizes).starts))
        target, dtype = weights.couplings / per_weight, weights.couplings.dtype
        count = len(target)
        state: State = {"full_scale": full_scale}
        state["devices"], state["against"] = self.placing.fresh(target, network, dtype, rng)
        if self.programming.method is Method.ACCUMULATED:
            state["residual"] = np.zeros(count, dtype)
        if self.programming.method is Method.TRANSFER:
            state["fast"], state["fast_against"] = self.placing.fresh(np.zeros(count), network, dtype, rng)
            state["buffer"], state["clock"] = np.zeros(count, dtype), np.zeros(1, np.int64)
        if self.wires.resistive:
            state |= {key: np.ones(count) for key in ATTENUATIONS}
            state["updates"] = np.zeros(1, np.int64)
        state |= {key: np.zeros(shape) for key, shape in counters({key: a.shape for key, a in state.items()}).items()}
        mounted = self.restore(network, weights, state)
        if self.wires.resistive:
            self.refresh(mounted, solve=True)
        return mounted

    def restore(self, network: Network, weights: Weights, state: State) -> Mounted:
        """Take the devices from `state`, the biases and the float type from `weights`."""
        method, resistive = self.programming.method, self.wires.resistive
        own, count = kept(weights, state, method, paired=self.paired, resistive=resistive), len(weights.couplings)
        up = np.empty(count, weights.couplings.dtype)
        down = np.empty_like(up) if resistive else up
        full_scale = cast(FloatArray, own["full_scale"])
        cell_noise = self.read_noise * self.span * (np.sqrt(2.0) if self.paired else 1.0) * full_scale / self.full
        circuit = lower(network, up, down, weights.biases.copy())
        mounted = Mounted(self.periphery.attached(circuit, network, full_scale, cell_noise), own)
        self.refresh(mounted)
        return mounted

    def program(self, mounted: Mounted, update: Update, rng: np.random.Generator, ledger: Ledger) -> None:
        """Send each device its pulses; count pulses up and down, devices written and pulse times.

        Pulse times (`PULSE_SLOT`) are those of all rows one after the other, or, with a driver for each device, of the
        longest trains alone: :mod:`neuroep.hardware.crossbar.schedule`.

        Raises
        ------
        Diverged
            If the update isn't finite; nothing has been written then.
        """
        self.pulse(mounted, update.decayed(mounted.circuit.up, self.programming.decay), Chance(rng, rng), ledger)

    def pulse(self, mounted: Mounted, update: Update, chance: Chance, ledger: Ledger) -> None:
        """Do as :meth:`program` with an update that has its decay in it."""
        from neuroep.hardware.crossbar.pulsing import Pulser  # compiles: not before it is needed

        if self.programming.method.by_states:
            raise BadInput(f"method {self.programming.method.value!r} without states", self.name, "another method")
        check_finite(update.direction)
        pulser = Pulser(
            self.law(mounted.circuit.up.dtype), self.step, self.programming, self.one_sided, self.exact_steps,
            self.schedule,
        )  # fmt: skip
        for k, array in enumerate(self._arrays(mounted, ledger.sizes), start=1):
            pulser.program(array, update, k, chance, ledger)
        update_biases(mounted.circuit, update.direction.biases, update.rates)
        self._rewire(mounted)

    def program_states(self, mounted: Mounted, update: StateUpdate, rng: np.random.Generator, ledger: Ledger) -> None:
        """Send the states of all samples as pulse trains: see :mod:`neuroep.hardware.crossbar.state_trains`.

        Pulse times are those of all trains one after the other: two of them can't share an array. Couplings work in
        parallel.

        Raises
        ------
        Diverged
            If states or rates aren't finite; nothing has been written then.
        """
        from neuroep.hardware.crossbar.state_trains import StatePulser  # compiles

        law = self.law(mounted.circuit.up.dtype)
        pulser = StatePulser(law, self.step, self.programming, self.one_sided, self.schedule)
        arrays = self._arrays(mounted, ledger.sizes)
        plans = [pulser.plan(array, update, k) for k, array in enumerate(arrays, start=1)]
        for k, (array, plan) in enumerate(zip(arrays, plans, strict=True), start=1):
            pulser.send(array, plan, k, rng, ledger)
        update_biases(mounted.circuit, update.biases, update.rates)
        self._rewire(mounted)

    def _arrays(self, mounted: Mounted, sizes: tuple[int, ...]) -> list[Array]:
        starts, full_scale = Layout.of(sizes).starts, cast(FloatArray, mounted.state["full_scale"])
        return [
            self._array(mounted, slice(starts[k - 1], starts[k]), float(full_scale[k - 1] / self.full))
            for k in range(1, len(sizes))
        ]

    def _rewire(self, mounted: Mounted) -> None:
        if self.wires.resistive:
            updates = cast(NDArray[np.int64], mounted.state["updates"])
            updates[0] += 1
            self.refresh(mounted, solve=bool(updates[0] % self.wires.refresh == 0))

    def rewrite(self, mounted: Mounted, difference: FloatArray, rng: np.random.Generator) -> None:
        """Program the devices that are there closed loop, as at mounting, to differences in units of the step model."""
        devices, against = (cast(FloatArray, mounted.state[key]) for key in ("devices", "against"))
        self.placing.place(devices, against, difference, rng)
        self.refresh(mounted, solve=True)

    def direct(self, mounted: Mounted, ledger: Ledger) -> Weights | None:
        """Return None: conductances only change by :meth:`program`."""
        return None

    @property
    def step(self) -> float:
        """What one pulse is taken for, in units of the step model's weight."""
        middle = 0.5 * (self._bound("w_min") + self._bound("w_max"))
        return nominal_step(self.cell, middle if self.one_sided else self.centre)

    def wear(self, mounted: Mounted) -> Wear:
        """Return the pulses of its devices since they were mounted; see :mod:`neuroep.hardware.crossbar.wearing`."""
        across = self.span / self.step
        return wear_of(mounted.state, across, 1.0 if self.one_sided else across)

    def law(self, dtype: DTypeLike) -> Law:
        """Return the step model as kernels take it."""
        return law_of(self.cell, dtype)

    def conductances(self, mounted: Mounted) -> tuple[FloatArray, FloatArray]:
        """Return the conductances in siemens of devices and of what they are read against, in the layout of weights."""
        devices, against = (aging.shown(cast(FloatArray, mounted.state[key])) for key in ("devices", "against"))
        return self.scale.siemens(devices), self.scale.siemens(against)

    def line_siemens(self, mounted: Mounted) -> LineSiemens:
        """Return the conductance that each line drives; see :mod:`neuroep.hardware.crossbar.lines`."""
        factors = [cast(FloatArray, mounted.state[key]) for key in ATTENUATIONS] if self.wires.resistive else None
        return summed(mounted.circuit.sizes.tolist(), self.encoding, self.conductances(mounted), factors)

    def refresh(self, mounted: Mounted, solve: bool = False) -> None:
        """Write what all conductances now mean into the circuit's buffers; `solve` the wires anew, too."""
        Sight(self.wires, self.periphery, self.scale, self.full).write(mounted, solve)

    def _array(self, mounted: Mounted, part: slice, scale: float) -> Array:
        from neuroep.hardware.crossbar.pulsing import Array

        state = {key: value[part] for key, value in mounted.state.items() if len(value) == len(mounted.circuit.up)}
        return Array(cast(dict[str, FloatArray], state), mounted.circuit.up[part], scale, mounted.state.get("clock"))

    def written(self, network: Network, weights: Weights, rng: np.random.Generator, seed: int) -> Mounted:
        """Program weights onto fresh devices by write-verify, with the errors of programming that `retention` has.

        Its own `programming_spread` and write noise are replaced by the model's error; with the model ``none``, which
        publishes no error, they stay. `rng` draws the devices, as :meth:`mount` does, and `seed` is of the errors.
        """
        if self.retention == "none":
            return self.mount(network, weights, rng)
        mounted = replace(self, programming_spread=0.0).mount(network, weights, rng)
        for name in self._moving():
            devices = cast(FloatArray, mounted.state[name])
            if devices.shape[1] > 1:  # references are trimmed at the factory, not written with the weights
                aging.write_errors(retention(self.retention), self.scale, devices, stream(seed, "programmed", name))
        self.refresh(mounted, solve=True)
        return mounted

    def aged(self, network: Network, mounted: Mounted, seconds: float, seed: int) -> Mounted:
        """Return a copy of a programmed crossbar at an age in seconds, with the noise of reads of that age.

        `seed` is of every device's path, the same at every age; :func:`~neuroep.hardware.retention.aging.age`.
        """
        state: State = {name: array.copy() for name, array in mounted.state.items()}
        model, full_scale = retention(self.retention), cast(FloatArray, state["full_scale"])
        devices = {name: cast(FloatArray, state[name]) for name in self._moving()}
        variances = [aging.age(model, self.scale, array, seconds, seed, name) for name, array in devices.items()]
        copy = self.restore(network, effective_weights(mounted.circuit), state)
        per_siemens = full_scale / self.full / self.scale.per_unit
        noise = aging.weight_noise(sum(variances, np.zeros(1)), Layout.of(network.sizes).starts, per_siemens)
        if not noise.any():
            return copy
        return replace(copy, circuit=self.periphery.attached(copy.circuit, network, full_scale, noise))

    def _moving(self) -> tuple[str, ...]:
        """Arrays whose devices age: references that are shared or digital are kept calibrated."""
        return ("devices", "against") if self.paired or self.encoding is Encoding.REFERENCE else ("devices",)

    @property
    def effects(self) -> tuple[str, ...]:
        """Names of the effects it has."""
        return present(CROSSBAR, self)

    def freed_of(self, effect: str) -> Crossbar:
        """Return the same crossbar without one of its effects."""
        freed: Crossbar = CROSSBAR[effect].off(self)
        return freed

    def programmed_by(self, programming: Programming) -> Crossbar:
        """Return the same hardware, programmed in another way."""
        headroom = self.headroom if programming.headroom is None else programming.headroom
        periphery = replace(self.periphery, averaged=programming.averaged_reads, reads=programming.reads)
        return replace(self, programming=programming, headroom=headroom, periphery=periphery)
