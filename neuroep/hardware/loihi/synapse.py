"""Quantized synapses: integer mantissas with one power-of-two exponent per coupling, as on Loihi.

A weight is w = m · 2^e · unit, with m a two's-complement integer of `weight_bits` bits, e the exponent its coupling
shares, and `unit` one number for the whole network: what a weight of 1 on the chip means in the network's own
dimensionless weights, free because thresholds and biases scale along. At mounting the coupling with the coarsest
resolution gets the largest exponent and fixes `unit`, so that `headroom` times its largest weight is the largest
mantissa; every other coupling takes the smallest exponent in range that still fits it in the same way.

Loihi's weights of mixed sign are −256..254 in steps of 2 with exponents −8..7 (Davies et al. 2018): `weight_bits` 8
here, the factor 2 being part of `unit`. With rounding ``"loihi"`` a request becomes a whole number of 2^−7 of the
chip's own mantissa, is added in the 15-bit accumulator, which saturates, and is rounded away at random when the weight
is written back (:mod:`neuroep.hardware.loihi.traces`); with the others a request has full float resolution. On the
chip, exponents below −1 also cut off low bits of what a spike adds; only integer neurons see that.

With method ``rule`` the chip's learning engine writes the weights (:mod:`neuroep.hardware.loihi.by_rule`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from neuroep.errors import BadInput, UnknownName
from neuroep.fields import settle
from neuroep.hardware.device import Mounted, StateUpdate, Update, lower, update_biases
from neuroep.hardware.effect import present
from neuroep.hardware.loihi.by_rule import Engine, check_inputs, check_network, check_rates, refresh, teach
from neuroep.hardware.loihi.chip import FORMS, LearningChip
from neuroep.hardware.loihi.cores import CoreMap
from neuroep.hardware.loihi.effects import SYNAPSE
from neuroep.hardware.loihi.neurons import SIGN_MODES, WEIGHT_WIDTHS, mantissa_step
from neuroep.hardware.loihi.rule_updates import Store
from neuroep.hardware.loihi.traces import DRAWS, FRACTION_BITS, TRACE_TOP, fit_accumulator, lifted, write_back
from neuroep.hardware.programming import check_finite, check_range, check_whole, full_scales, saved, stochastic_round
from neuroep.layout import Layout
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Network
from neuroep.recipe import Method, Programming
from neuroep.weights import FloatArray, Weights, fitting

ROUNDINGS = ("stochastic", "nearest", "loihi")


@dataclass(frozen=True, slots=True)
class QuantizedSynapse:
    """A digital neuromorphic chip whose synapses hold small integers.

    Attributes
    ----------
    name : str
        The profile's name.
    weight_bits : int
        Bits of a mantissa, sign included, 2 to 16 (15 without one); with ``"loihi"`` 2 to 6 or 8.
    rounding : str
        ``"stochastic"`` (unbiased), ``"nearest"`` (requests under half a step are lost) or ``"loihi"`` (unbiased above
        2^−8 of the chip's mantissa, under which requests are lost). Mounting always rounds to nearest.
    headroom : float
        How many times the largest weight at mounting a coupling can hold, >= 1.
    min_exponent, max_exponent : int
        Range of the exponents, within −128 to 127; with ``"loihi"`` −8 to 7.
    sign_mode : str
        ``"mixed"``, ``"excitatory"`` (0 and above) or ``"inhibitory"`` (0 and below); weights of the other sign
        become 0.
    draws : str
        With ``"loihi"``, one random number for each ``"element"`` or for the whole ``"matrix"`` of a coupling.
    trace_bits : int
        Bits of the traces of which the contrast is formed, 1 to 16, or 0 for the states themselves.
    chip : LearningChip, optional
        Cores and learning rule; a network that doesn't fit isn't mounted.
    programming : Programming
        Method ``rule`` has the chip's learning engine write the weights, and biases as synapses of their own.

    Raises
    ------
    BadInput
        If a value is out of range.
    """

    name: str
    weight_bits: int
    rounding: str
    headroom: float
    min_exponent: int
    max_exponent: int
    sign_mode: str = "mixed"
    draws: str = "element"
    trace_bits: int = 0
    chip: LearningChip | None = None
    programming: Programming = field(default_factory=Programming)
    kind: ClassVar[str] = "quantized"

    def __post_init__(self) -> None:
        settle(self, f"{self.name}: ")
        for key, known in (("rounding", ROUNDINGS), ("sign_mode", SIGN_MODES), ("draws", DRAWS)):
            if getattr(self, key) not in known:
                raise UnknownName(key, getattr(self, key), known, f"{self.name}: {key}")
        check_whole(self.weight_bits, 2, 16 if self.sign_mode == "mixed" else 15, f"{self.name}: weight_bits")
        check_whole(self.trace_bits, 0, 16, f"{self.name}: trace_bits")
        check_range(self.headroom, 1.0, 1e6, f"{self.name}: headroom")
        check_whole(self.min_exponent, -128, 127, f"{self.name}: min_exponent")
        check_whole(self.max_exponent, self.min_exponent, 127, f"{self.name}: max_exponent")
        if self.rounding == "loihi":
            self._check_loihi()
        if self.programming.method is Method.RULE:
            self._check_engine()

    def _check_loihi(self) -> None:
        if self.weight_bits not in WEIGHT_WIDTHS:
            allowed = ", ".join(str(width) for width in WEIGHT_WIDTHS if width >= 2)
            raise BadInput(f"{self.weight_bits} bits with rounding 'loihi'", f"{self.name}: weight_bits", allowed)
        check_whole(self.min_exponent, -8, 7, f"{self.name}: min_exponent with rounding 'loihi'")
        check_whole(self.max_exponent, -8, 7, f"{self.name}: max_exponent with rounding 'loihi'")

    def _check_engine(self) -> None:
        """Refuse what has no learning engine, or one that this isn't the arithmetic of."""
        where = f"method 'rule' on {self.name}"
        if self.chip is None or self.rounding != "loihi":
            raise BadInput(f"{where}, which has no learning engine", "programming.method", "a chip with rounding loihi")
        if self.chip.learning_rule not in FORMS:
            raise BadInput(f"{where}, whose rule has its own rates", "programming.method", f"rules {', '.join(FORMS)}")
        if self.trace_bits != TRACE_TOP.bit_length():
            raise BadInput(f"{where} with traces of {self.trace_bits} bits", "trace_bits", f"{TRACE_TOP.bit_length()}")

    @property
    def lowest(self) -> int:
        """The smallest mantissa."""
        return {"mixed": -(1 << (self.weight_bits - 1)), "excitatory": 0, "inhibitory": -(1 << self.weight_bits)}[
            self.sign_mode
        ]

    @property
    def highest(self) -> int:
        """The largest mantissa."""
        return {"mixed": (1 << (self.weight_bits - 1)) - 1, "excitatory": (1 << self.weight_bits) - 1, "inhibitory": 0}[
            self.sign_mode
        ]

    def place(self, network: Network) -> CoreMap | None:
        """Return where a network goes on the chip, or None without one."""
        return None if self.chip is None else self.chip.place(network, self.weight_bits)

    def check_sizes(self, network: Network) -> None:
        """Refuse networks that don't fit the chip's cores."""
        self.place(network)

    def mount(self, network: Network, weights: Weights, rng: np.random.Generator) -> Mounted:
        """Choose unit and exponents, and round every weight to its nearest mantissa.

        State: ``mantissas`` int16 in the layout of `Weights.couplings`, ``exponents`` int8 of shape (L,), ``unit``
        float64 of shape (1,).

        Raises
        ------
        BadInput
            If a weight isn't finite, or the network doesn't fit the chip.
        """
        weights = fitting(weights, network.sizes)
        self.check_sizes(network)
        finest = full_scales(weights, self.headroom) / (self.highest or -self.lowest)
        unit = np.ldexp(finest.max(), -self.max_exponent)
        exponents = np.maximum(np.ceil(np.log2(finest / unit)), self.min_exponent).astype(np.int8)
        starts = Layout.of(weights.sizes).starts
        mantissas = self._rounded(weights.couplings, starts, unit, exponents)
        state = {"mantissas": mantissas, "exponents": exponents, "unit": np.asarray([unit])}
        if self.programming.method is Method.RULE:
            state |= self._stored_biases(weights, float(unit))
        return self.restore(network, weights, cast(dict[str, NDArray[np.generic]], state))

    def restore(self, network: Network, weights: Weights, state: dict[str, NDArray[np.generic]]) -> Mounted:
        """Take mantissas, exponents and unit from `state`, the biases and the float type from `weights`."""
        mantissas = cast(NDArray[np.int16], saved(state, "mantissas", weights.couplings.shape, np.int16))
        if mantissas.min() < self.lowest or mantissas.max() > self.highest:
            raise BadInput("a mantissa is out of range", "saved hardware state", f"{self.lowest} to {self.highest}")
        kept: dict[str, NDArray[np.generic]] = {
            "mantissas": mantissas,
            "exponents": saved(state, "exponents", (weights.depth,), np.int8),
            "unit": saved(state, "unit", (1,), np.float64),
        }
        couplings = mantissas.astype(weights.couplings.dtype)
        starts = Layout.of(weights.sizes).starts
        for k, step in enumerate(_steps(kept), start=1):
            couplings[starts[k - 1] : starts[k]] *= step
        circuit = lower(network, couplings, couplings, weights.biases.copy())
        mounted = Mounted(circuit._replace(trace_bits=self.trace_bits, unit=self._mantissa_unit(kept)), kept)
        if self.programming.method is Method.RULE:
            check_network(network)
            kept["bias_mantissas"] = saved(state, "bias_mantissas", weights.biases.shape, np.int16)
            kept["bias_exponents"] = saved(state, "bias_exponents", (weights.depth,), np.int8)
            refresh(mounted)
        return mounted

    def program(self, mounted: Mounted, update: Update, rng: np.random.Generator, ledger: Ledger) -> None:
        """Add the rounded change to every mantissa, clipped at the range; count the synapses that changed.

        Raises
        ------
        Diverged
            If the update isn't finite; nothing has been written then.
        """
        if self.programming.method is Method.RULE:
            raise BadInput("method 'rule' without states", self.name, "another method")
        check_finite(update.direction)
        circuit, starts = mounted.circuit, Layout.of(ledger.sizes).starts
        mantissas = cast(NDArray[np.int16], mounted.state["mantissas"])
        for k, step in enumerate(_steps(mounted.state), start=1):
            part = slice(starts[k - 1], starts[k])
            codes, weights = mantissas[part], circuit.up[part]
            request = update.delta(k).ravel().astype(weights.dtype, copy=False) / step
            target = self._moved(codes, request, rng)
            changed = int(np.count_nonzero(target != codes))
            codes[...] = target
            np.multiply(target, step, out=weights)
            ledger.add(Phase.UPDATE, Event.WRITE, k, changed)
        update_biases(circuit, update.direction.biases, update.rates)

    def check_states(self, mounted: Mounted, x: FloatArray, asked: FloatArray) -> None:
        """See Selective: inputs that no trace holds, and rates beyond the learning engine's."""
        check_inputs(x)
        check_rates(self._engine, mounted, asked)

    def program_states(self, mounted: Mounted, update: StateUpdate, rng: np.random.Generator, ledger: Ledger) -> None:
        """Let the learning engine write the weights: see :mod:`neuroep.hardware.loihi.rule_updates`.

        Raises
        ------
        Diverged
            If states aren't finite; nothing has been written then.
        """
        teach(self._engine, mounted, update, rng, ledger)

    @property
    def _engine(self) -> Engine:
        if self.chip is None:
            raise BadInput("states", self.name, "a chip with a learning engine")
        step = mantissa_step(self.sign_mode, self.weight_bits)
        return Engine(self.chip.learning_rule, Store(step, self.lowest, self.highest, self.draws))

    def direct(self, mounted: Mounted, ledger: Ledger) -> Weights | None:
        """Return None: integers only change by :meth:`program`."""
        return None

    @property
    def effects(self) -> tuple[str, ...]:
        """Names of the effects it has."""
        return present(SYNAPSE, self)

    def freed_of(self, effect: str) -> QuantizedSynapse:
        """Return the same chip without one of its effects."""
        freed: QuantizedSynapse = SYNAPSE[effect].off(self)
        return freed

    def programmed_by(self, programming: Programming) -> QuantizedSynapse:
        """Return the same chip with the recipe's headroom; how it rounds is the profile's affair.

        Raises
        ------
        BadInput
            If the recipe asks for what only arrays of devices do, anything but a headroom or method ``rule``, or for a
            learning engine that there isn't.
        """
        method = programming.method if programming.method is Method.RULE else Method.STOCHASTIC
        plain = Programming(method, headroom=programming.headroom)
        for setting in fields(Programming):
            given, usual = getattr(programming, setting.name), getattr(plain, setting.name)
            if given != usual:
                shown = f"'{given}'" if isinstance(given, str) else f"{given:g}"
                raise BadInput(f"{shown} on integer synapses", f"programming.{setting.name}", f"{usual}, or left out")
        headroom = self.headroom if programming.headroom is None else programming.headroom
        return replace(self, headroom=headroom, programming=plain)

    def _mantissa_unit(self, state: dict[str, NDArray[np.generic]]) -> float:
        """Weight of a step of the chip's mantissa at exponent 0; 0 without the chip's mantissas."""
        if self.rounding != "loihi":
            return 0.0
        return float(cast(NDArray[np.float64], state["unit"])[0]) / mantissa_step(self.sign_mode, self.weight_bits)

    def _rounded(
        self, values: FloatArray, starts: NDArray[np.int64], unit: float, exponents: NDArray[np.int8]
    ) -> NDArray[np.int16]:
        """The code nearest to each value, part after part with an exponent each."""
        codes = np.empty(values.shape, dtype=np.int16)
        for k, exponent in enumerate(exponents, start=1):
            part = slice(starts[k - 1], starts[k])
            codes[part] = np.clip(np.rint(values[part] / np.ldexp(unit, exponent)), self.lowest, self.highest)
        return codes

    def _stored_biases(self, weights: Weights, unit: float) -> dict[str, NDArray[np.generic]]:
        """Biases as synapses: a full scale of `headroom` times the largest of a layer, or of 1 where all are 0."""
        largest = [float(np.abs(weights.bias(k)).max()) or 1.0 for k in range(1, weights.depth + 1)]
        finest = self.headroom * np.asarray(largest) / (self.highest or -self.lowest)
        exponents = np.clip(np.ceil(np.log2(finest / unit)), self.min_exponent, self.max_exponent).astype(np.int8)
        codes = self._rounded(weights.biases, Layout.of(weights.sizes).units, unit, exponents)
        return {"bias_mantissas": codes, "bias_exponents": exponents}

    def _moved(self, codes: NDArray[np.int16], request: FloatArray, rng: np.random.Generator) -> FloatArray:
        reach = float(2**self.weight_bits)  # beyond it every code clips; keeps the sum exact
        request = np.clip(request, -reach, reach)
        if self.rounding == "loihi":
            return self._written_back(codes, request, rng)
        change = stochastic_round(request, rng) if self.rounding == "stochastic" else np.rint(request)
        moved: FloatArray = np.clip(codes + change, self.lowest, self.highest)
        return moved

    def _written_back(self, codes: NDArray[np.int16], request: FloatArray, rng: np.random.Generator) -> FloatArray:
        """As the learning engine does it, in the chip's mantissas, of which a code is `step`."""
        step = mantissa_step(self.sign_mode, self.weight_bits)
        asked = np.rint(request * (step << FRACTION_BITS)).astype(np.int64)
        total = fit_accumulator(lifted(codes.astype(np.int64) * step) + fit_accumulator(asked))
        mantissas = write_back(total, self.sign_mode, rng, self.draws, self.weight_bits)
        moved: FloatArray = (mantissas // step).astype(request.dtype)
        return moved


def _steps(state: dict[str, NDArray[np.generic]]) -> list[float]:
    """Weight of one mantissa step, per coupling."""
    unit = float(cast(NDArray[np.float64], state["unit"])[0])
    return [float(np.ldexp(unit, int(e))) for e in cast(NDArray[np.int8], state["exponents"])]
