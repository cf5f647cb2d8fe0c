"""Settings that mend what a diagnosis finds, with their numbers: tried on the figure itself, not read off a rule.

A remedy is one setting or several to be changed together; it has brought its figure well under the most that is sound.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from neuroep.circuit import Circuit, coupling_down, coupling_up, layer_bias
from neuroep.physics import loop
from neuroep.physics.activations import Activation
from neuroep.recipe import Estimator
from neuroep.studies import figures
from neuroep.studies.figures import Case

#: Share of its limit to which a remedy brings a figure; of noise, which stays while a training's signal shrinks.
AIM, AIM_OF_NOISE = 0.5, 0.4
#: Most that is tried of one setting, each time halved or doubled.
TRIES = 10
#: Share of a nudge that must be left in layer 1 for a smaller feedback gain to be a remedy: float32 then shows it.
FAINT = 1e-5
#: Largest nudges, one-sided and others, that are a remedy of noise, and the most conversions of one read.
BETAS, READS = (1.0, 0.5), 1000
#: Couplings whose learning rates are tried one by one.
MOST_RATES = 8


class Change(NamedTuple):
    """A setting by its key in a model's file, and what to set it to."""

    setting: str
    to: float | int | list[float]

    def __str__(self) -> str:
        """Return it as a file says it."""
        return f"{self.setting} = {self.to}"


Remedy = tuple[Change, ...]
Tried = Iterator[tuple[Remedy, Case]]


def remedies(name: str, case: Case, limit: float) -> list[Remedy]:
    """Return what mends a figure that is over its limit, each on its own; none where nothing tried did.

    Parameters
    ----------
    name : str
        Of the figure, a key of :data:`neuroep.studies.figures.FIGURES`.
    case : Case
        The recipe as it is.
    limit : float
        The most that is sound.
    """
    found, most = [], (AIM_OF_NOISE if name == "noise" else AIM) * limit
    for tried in TRIED[name]:
        mended = (remedy for remedy, other in tried(case) if figures.FIGURES[name](other) <= most)
        found += [remedy for remedy in [next(mended, None)] if remedy is not None]
    return found


def _short(value: float) -> float:
    return float(f"{value:.2g}")


def _feedback(case: Case) -> Tried:
    """Smaller feedback gains, as long as a nudge is still felt in layer 1; the loop gain is in proportion to them."""
    γ, beta, depth = case.circuit.feedback, case.recipe.phases.beta, case.circuit.last
    γ *= min(0.5, 0.45 / max(figures.loop_gain(case), 1e-9))
    for _ in range(TRIES):
        γ = _short(γ)
        if beta * γ ** (depth - 1) < FAINT:
            return
        reach = np.power(γ, np.maximum(depth - np.arange(len(case.circuit.sizes)), 0))
        yield (Change("feedback", γ),), replace(case, circuit=case.circuit._replace(feedback=γ, reach=reach))
        γ /= 2.0


def _gains(case: Case, layers: range) -> Tried:
    """Smaller first weights into some layers."""
    for halvings in range(1, TRIES):
        gains = {k: _short(case.gains[k - 1] * 0.5 ** (0.5 * halvings)) for k in layers}
        circuit = case.circuit
        for k, gain in gains.items():
            circuit = _scaled(circuit, k, gain / case.gains[k - 1])
        yield tuple(Change(f"layers[{k}].gain", gain) for k, gain in gains.items()), replace(case, circuit=circuit)


def _scaled(circuit: Circuit, k: int, factor: float) -> Circuit:
    """The circuit with coupling k times a factor."""
    up = circuit.up.copy()
    down = up if circuit.down is circuit.up else circuit.down.copy()
    scaled = circuit._replace(up=up, down=down)
    coupling_up(scaled, k)[...] *= factor
    if down is not up:
        coupling_down(scaled, k)[...] *= factor
    return scaled


def _loop_gains(case: Case) -> Tried:
    """Smaller weights between units; those of the input are in no loop."""
    return _gains(case, range(2, case.circuit.last + 1))


def _hidden_gains(case: Case) -> Tried:
    """Smaller weights into the layers in which units are flat."""
    hidden = loop.slopes(case.quiet, case.x, case.rest)[: len(case.circuit.sizes) - 2]
    share = [float(np.mean(each.max(axis=0) < figures.FLAT)) for each in hidden]
    first = int(np.argmax(share)) + 1
    return _gains(case, range(first, first + 1))


def _output_gain(case: Case) -> Tried:
    return _gains(case, range(case.circuit.last, case.circuit.last + 1))


def _output_bias(case: Case) -> Tried:
    """A bias within the range of the output, 0.5 of all that have one."""
    last = case.circuit.last
    if case.circuit.activations[last] != Activation.LINEAR:
        circuit = case.circuit._replace(biases=case.circuit.biases.copy())
        layer_bias(circuit, last)[...] = 0.5
        yield (Change(f"layers[{last}].bias", 0.5),), replace(case, circuit=circuit)


def _sweeps(case: Case) -> Tried:
    """As many sweeps as bring every sample to within a hundredth of its states: the nudge then moves them more."""
    reached = loop.zeros(case.circuit, len(case.x))
    for sweeps in range(1, loop.SWEEPS):
        loop.sweep(case.quiet, case.x, reached)
        off = loop.norms([a - b for a, b in zip(reached, case.rest, strict=True)])
        if (off <= 0.1 * figures.FAR * loop.norms(case.rest)).all():
            phases = replace(case.recipe.phases, free_sweeps=sweeps)
            yield _set(case, "phases.free_sweeps", sweeps), replace(case, recipe=replace(case.recipe, phases=phases))
            return


def _betas(case: Case, factor: float, largest: float = math.inf) -> Tried:
    beta = case.recipe.phases.beta
    for _ in range(TRIES):
        beta = _short(beta * factor)
        if beta > largest:
            return
        phases = replace(case.recipe.phases, beta=beta)
        yield _set(case, "phases.beta", beta), replace(case, recipe=replace(case.recipe, phases=phases))


def _smaller_beta(case: Case) -> Tried:
    return _betas(case, 0.5)


def _larger_beta(case: Case) -> Tried:
    return _betas(case, 2.0, BETAS[case.recipe.phases.estimator is not Estimator.ONE_SIDED])


def _reads(case: Case) -> Tried:
    """More conversions of each read, whose noise falls with their root."""
    averaged = case.circuit.averaged * 2
    while averaged <= READS:
        circuit = case.circuit._replace(averaged=averaged)
        yield _set(case, "programming.averaged_reads", averaged), replace(case, circuit=circuit)
        averaged *= 2


def _rates(case: Case) -> Tried:
    """Learning rates of which, one by one, that is halved that helps most; all at once where none does, or of many."""
    rates = case.recipe.training.rates(len(case.gains), 0)
    for _ in range(4 * TRIES):
        halved = [tuple(rate / (1 + (j == k)) for j, rate in enumerate(rates)) for k in range(len(rates))]
        left = [figures.step(_at(case, each)) for each in halved] if len(rates) <= MOST_RATES else [math.inf]
        rates = halved[int(np.argmin(left))] if min(left) < math.inf else tuple(rate / 2.0 for rate in rates)
        rates = tuple(_short(rate) for rate in rates)
        yield _set(case, "training.learning_rates", list(rates)), _at(case, rates)


def _at(case: Case, rates: tuple[float, ...]) -> Case:
    training = replace(case.recipe.training, learning_rates=rates)
    return replace(case, recipe=replace(case.recipe, training=training))


def _set(case: Case, key: str, to: float | int | list[float]) -> Remedy:
    """A change of the recipe, of the device's own part of it where there is one."""
    return (Change(f"on.{case.device}.{key}" if case.device else key, to),)


TRIED: Mapping[str, tuple[Callable[[Case], Tried], ...]] = {
    "loop gain": (_feedback, _loop_gains),
    "minima": (_feedback, _loop_gains),
    "unsettled": (_sweeps, _feedback),
    "flat": (_hidden_gains,),
    "saturated": (_output_bias, _output_gain),
    "nonlinear": (_smaller_beta,),
    "step": (_rates,),
    "noise": (_larger_beta, _reads),
}
"""By figure, what is tried, the likeliest first."""
