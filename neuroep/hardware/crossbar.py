"""Analog crossbars: each weight is a pair of conductances that pulses move up and down.

Conductances G⁺, G⁻ lie in [g_min, g_max]; their positions x = 2 (G − g_min)/(g_max − g_min) − 1 lie in [−1, 1], and

    w = (G⁺ − G⁻)/(g_max − g_min) · w_max_k = (x⁺ − x⁻)/2 · w_max_k,    w_max_k = headroom · max |W_k| at mounting.

The pair is programmed differentially: half of a change goes to each device, pulses up on G⁺ and down on G⁻ for a
positive one, the other way round for a negative one. Writing is open loop: the number of pulses is the request over the
*nominal* step 2/pulses, rounded stochastically and independently for the two devices, and at most `pulses` for each;
what the pulses then do is the device's affair (see :mod:`neuroep.hardware.programming`).

The same conductances are read upward and downward, so both reads see the same weights. Biases are digital and exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from neuroep.circuit import Circuit
from neuroep.errors import BadInput
from neuroep.hardware.device import Mounted, Update, lower, update_biases
from neuroep.hardware.programming import (
    check_finite,
    check_range,
    check_whole,
    full_scales,
    pulsed,
    saved,
    stochastic_round,
)
from neuroep.ledger import Event, Ledger, Phase
from neuroep.network import Activation, Network
from neuroep.weights import FloatArray, Weights, coupling_offsets

REFERENCE_ACTIVITY = 0.5  # root mean square of the states for which read noise is stated
BLOCK = 16384  # devices pulsed at once, so that what is computed on the way stays in cache
SMALLEST_STEP = 0.01  # of the nominal step, where the spread would make a step smaller or negative


@dataclass(frozen=True, slots=True)
class Crossbar:
    """Arrays of conductance pairs with linear-step pulses, converters and noise.

    Attributes
    ----------
    name : str
        The profile's name.
    g_min_siemens, g_max_siemens : float
        Conductance range, 0 <= g_min < g_max.
    headroom : float
        How many times the largest weight at mounting a coupling can hold, >= 1.
    pulses : float
        Pulses of nominal size from one end of the range to the other, >= 1: the step at mid-range is 2/pulses.
    slope_up, slope_down : float
        Slopes of the step, 0 (constant) to 1 (soft bounds): up steps scale as 1 − slope_up·x, down ones as
        1 + slope_down·x.
    step_spread : float
        Relative standard deviation of the step from device to device, normal, cut below at 1 % of the nominal step.
    cycle_spread : float
        Relative standard deviation of the step from pulse to pulse.
    programming_spread : float
        Standard deviation of the error of a conductance at mounting, as a fraction of g_max − g_min.
    read_noise : float
        Standard deviation of the noise of one conductance in one read, as a fraction of g_max − g_min.
    dac_bits, adc_bits : int
        Bits of the converters, 2 to 16, or 0 for none.
    adc_bound : float
        Largest weighted sum that an ADC reads, for states that span the DAC's range, in units of w_max_k.

    Raises
    ------
    BadInput
        If a value is out of range.
    """

    name: str
    g_min_siemens: float
    g_max_siemens: float
    headroom: float
    pulses: float
    slope_up: float
    slope_down: float
    step_spread: float
    cycle_spread: float
    programming_spread: float
    read_noise: float
    dac_bits: int
    adc_bits: int
    adc_bound: float

    def __post_init__(self) -> None:
        check_range(self.g_min_siemens, 0.0, 1e3, f"{self.name}: g_min_siemens")
        check_range(self.g_max_siemens, self.g_min_siemens, 1e3, f"{self.name}: g_max_siemens")
        if self.g_max_siemens == self.g_min_siemens:
            raise BadInput("an empty range", f"{self.name}: g_max_siemens", f"more than {self.g_min_siemens:g}")
        check_range(self.headroom, 1.0, 1e6, f"{self.name}: headroom")
        check_range(self.pulses, 1.0, 1e9, f"{self.name}: pulses")
        for key in ("slope_up", "slope_down", "programming_spread", "read_noise"):
            check_range(getattr(self, key), 0.0, 1.0, f"{self.name}: {key}")
        for key in ("step_spread", "cycle_spread"):
            check_range(getattr(self, key), 0.0, 100.0, f"{self.name}: {key}")
        for key in ("dac_bits", "adc_bits"):
            if getattr(self, key) != 0:
                check_whole(getattr(self, key), 2, 16, f"{self.name}: {key} (or 0 for no converter)")
        check_range(self.adc_bound, 1e-9, 1e9, f"{self.name}: adc_bound")

    def mount(self, network: Network, weights: Weights, rng: np.random.Generator) -> Mounted:
        """Draw fresh devices and program both conductances of every weight, with errors, clipped to the range.

        State, in the weights' float type and the layout of `Weights.couplings`: ``position_plus`` and
        ``position_minus`` (x⁺, x⁻), ``step_plus`` and ``step_minus`` (each device's own step); and ``w_max`` float64 of
        shape (L,).
        """
        w_max = full_scales(weights, self.headroom)
        per_weight = np.repeat(w_max, np.diff(coupling_offsets(weights.sizes)))
        target = (weights.couplings / per_weight).astype(weights.couplings.dtype)
        state = {
            "position_plus": self._programmed(target, rng),
            "position_minus": self._programmed(-target, rng),
            "step_plus": self._drawn_steps(target, rng),
            "step_minus": self._drawn_steps(target, rng),
            "w_max": w_max,
        }
        return self.restore(network, weights, cast(dict[str, NDArray[np.generic]], state))

    def restore(self, network: Network, weights: Weights, state: dict[str, NDArray[np.generic]]) -> Mounted:
        """Take the devices from `state`, the biases and the float type from `weights`."""
        shape, dtype = weights.couplings.shape, weights.couplings.dtype
        keys = ("position_plus", "position_minus", "step_plus", "step_minus")
        kept = {key: saved(state, key, shape, dtype) for key in keys}
        kept["w_max"] = saved(state, "w_max", (weights.depth,), np.float64)
        couplings = np.empty(shape, dtype=dtype)
        circuit = self._lowered(network, couplings, weights.biases.copy(), cast(NDArray[np.float64], kept["w_max"]))
        mounted = Mounted(circuit, kept)
        starts = coupling_offsets(weights.sizes)
        for k in range(1, weights.depth + 1):
            _refresh(mounted, k, slice(starts[k - 1], starts[k]))
        return mounted

    def program(self, mounted: Mounted, update: Update, rng: np.random.Generator, ledger: Ledger) -> None:
        """Send each device its pulses; count pulses, devices written and pulse times.

        A pulse time (`PULSE_SLOT`) is shared by every device of both arrays of a coupling, each with a selector of its
        own; pulses up and pulses down take turns. So a coupling takes as many as its longest train up plus its longest
        train down. Hardware that programs row by row takes up to n_{k−1} times as many.

        Raises
        ------
        Diverged
            If the update isn't finite; nothing has been written then.
        """
        check_finite(update.direction)
        starts, dtype = coupling_offsets(ledger.sizes), mounted.circuit.up.dtype
        for k, w_max in enumerate(cast(NDArray[np.float64], mounted.state["w_max"]), start=1):
            part = slice(starts[k - 1], starts[k])
            request = (update.delta(k).ravel() * float(0.5 * self.pulses / w_max)).astype(dtype, copy=False)
            np.clip(request, -self.pulses, self.pulses, out=request)
            plus = self._send(mounted, "plus", part, request, rng)
            minus = self._send(mounted, "minus", part, -request, rng)
            before = mounted.circuit.up[part].copy()
            _refresh(mounted, k, part)
            ledger.add(Phase.UPDATE, Event.WRITE, k, int(np.count_nonzero(before != mounted.circuit.up[part])))
            _count_pulses(ledger, k, np.concatenate([plus, minus]))
        update_biases(mounted.circuit, update)

    def direct(self, mounted: Mounted, ledger: Ledger) -> Weights | None:
        """Return None: conductances only change by :meth:`program`."""
        return None

    def conductances(self, mounted: Mounted) -> tuple[FloatArray, FloatArray]:
        """Return G⁺ and G⁻ in siemens, each in the layout of `Weights.couplings`."""
        half = 0.5 * (self.g_max_siemens - self.g_min_siemens)
        plus, minus = (cast(FloatArray, mounted.state[key]) for key in ("position_plus", "position_minus"))
        return self.g_min_siemens + half * (plus + 1.0), self.g_min_siemens + half * (minus + 1.0)

    def _programmed(self, target: FloatArray, rng: np.random.Generator) -> FloatArray:
        error = rng.standard_normal(target.shape, dtype=target.dtype) if self.programming_spread else 0.0
        programmed: FloatArray = np.clip(target + 2.0 * self.programming_spread * error, -1.0, 1.0)
        return programmed

    def _drawn_steps(self, like: FloatArray, rng: np.random.Generator) -> FloatArray:
        nominal = 2.0 / self.pulses
        if not self.step_spread:
            return np.full_like(like, nominal)
        relative = 1.0 + self.step_spread * rng.standard_normal(like.shape, dtype=like.dtype)
        steps: FloatArray = nominal * np.maximum(relative, SMALLEST_STEP)
        return steps

    def _send(
        self, mounted: Mounted, side: str, part: slice, request: FloatArray, rng: np.random.Generator
    ) -> FloatArray:
        """Round the request of one array, pulse its devices in place, return the signed trains that weren't empty."""
        position = cast(FloatArray, mounted.state[f"position_{side}"])[part]
        step = cast(FloatArray, mounted.state[f"step_{side}"])[part]
        sent = []
        for start in range(0, request.size, BLOCK):
            block = slice(start, start + BLOCK)
            pulses = stochastic_round(request[block], rng)
            hit = np.flatnonzero(pulses != 0.0)
            trains, place = pulses[hit], start + hit
            slopes = self.slope_up, self.slope_down
            position[place] = pulsed(position[place], step[place], trains, *slopes, self.cycle_spread, rng)
            sent.append(trains)
        return np.concatenate(sent)

    def _lowered(
        self, network: Network, couplings: FloatArray, biases: FloatArray, w_max: NDArray[np.float64]
    ) -> Circuit:
        """Circuit with converters and noise.

        A DAC spans −1..1, and −6..6 for relu6 layers; linear layers, whose states have no bound, are clipped at ±1. An
        ADC serves both reads of its coupling, so the larger of the two layers' DAC ranges scales its own. Engines
        add noise of a fixed standard deviation: that of a read with lines of root mean square 0.5,
        √2 · read_noise · w_max · 0.5 · √n, with n = n_{k−1} upward and n_k downward.
        """
        spans = [1.0] + [6.0 if layer.activation is Activation.RELU6 else 1.0 for layer in network.layers[1:]]
        dac_bound = np.asarray(spans, dtype=couplings.dtype)
        adc_bound, noise_up, noise_down = (np.zeros_like(dac_bound) for _ in range(3))
        adc_bound[1:] = self.adc_bound * w_max * np.maximum(dac_bound[:-1], dac_bound[1:])
        lines = np.sqrt(2.0 * np.asarray(network.sizes, dtype=np.float64))
        noise_up[1:] = self.read_noise * lines[:-1] * REFERENCE_ACTIVITY * w_max
        noise_down[1:] = self.read_noise * lines[1:] * REFERENCE_ACTIVITY * w_max
        return lower(network, couplings, couplings, biases)._replace(
            dac_bits=self.dac_bits,
            adc_bits=self.adc_bits,
            dac_bound=dac_bound,
            adc_bound=adc_bound,
            noise_up=noise_up,
            noise_down=noise_down,
        )


def _refresh(mounted: Mounted, k: int, part: slice) -> None:
    """Write what coupling k's conductances now mean into the circuit's buffer."""
    plus, minus = (cast(FloatArray, mounted.state[key])[part] for key in ("position_plus", "position_minus"))
    weights = mounted.circuit.up[part]
    np.subtract(plus, minus, out=weights)
    weights *= 0.5 * float(cast(NDArray[np.float64], mounted.state["w_max"])[k - 1])


def _count_pulses(ledger: Ledger, k: int, trains: FloatArray) -> None:
    ledger.add(Phase.UPDATE, Event.PULSE, k, int(np.abs(trains).sum(dtype=np.float64)))
    if trains.size:
        ledger.add(Phase.UPDATE, Event.PULSE_SLOT, k, int(max(trains.max(), 0.0) - min(trains.min(), 0.0)))
