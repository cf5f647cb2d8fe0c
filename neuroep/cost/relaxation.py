"""What settling costs an analog circuit while it relaxes: the power of lines that are held, and lines that move.

A crossbar whose amplifiers hold every line at V = s · V_read, into cells that end at virtual ground, dissipates

    P = Σ_lines V² G,        G = Σ_cells of the line

and to raise a line of capacitance C by dV, a class-B driver draws C V_supply dV from its supply; lowering it draws
nothing. So the line's share is C V_supply times all its rises, a sum over the path. (½ C ΔV² of a line that is stepped
at once is no such sum: cut into small steps it vanishes. C V_dd ΔV a charge is the usual figure of digital lines, e.g.
J. M. Rabaey, A. Chandrakasan, B. Nikolić, Digital Integrated Circuits, 2nd ed. 2003, section 5.5.)

In a resistive network the sources do all of it. By Tellegen's theorem

    ∫ P_sources dt = ∫ Σ G_ij (v_i − v_j)² dt + Δ Σ ½ C v²

so what is held is the heat of the resistors, which has the loss of charging in it, and what moves is the energy stored
on the nodes, less than 0 where they are discharged. Rails stepped by an ideal source draw C V². Ideal diodes carry
current at 0 V and cost nothing. Energy is C V² times a number that conductances as a whole don't change: they set how
long it takes.

Whatever the units of time, voltage and conductance are is said at the end by a `Units`; before, they are the model's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from neuroep.quantities import Band
from neuroep.weights import FloatArray


class Held(NamedTuple):
    """How a profile says lines are held.

    Attributes
    ----------
    volts : Band
        Of a line at a state of 1; of a resistive network, of the rails of an input at 1.
    farads : Band
        Of a line, or of a node.
    supply_volts : Band or None
        From which lines are charged; None where inputs are all there is.
    tau_seconds : Band or None
        Of the quickest layer, in place of the model's own.
    largest_siemens : Band or None
        Of a resistive network, what its largest weight is; crossbars know their own.
    amplifier_watts : Band
        Of each unit, whatever it does.
    """

    volts: Band
    farads: Band
    supply_volts: Band | None
    tau_seconds: Band | None
    largest_siemens: Band | None
    amplifier_watts: Band


class Units(NamedTuple):
    """What the model's units are.

    Attributes
    ----------
    held_joules, moved_joules : Band
        A unit of ∫ P dt, and of what is moved.
    seconds : Band
        Of a simulated second.
    volts : Band
        Of a level of 1.
    """

    held_joules: Band
    moved_joules: Band
    seconds: Band
    volts: Band


class Circuitry(Protocol):
    """What dissipates while levels of layers 0..L, each (rows, n_k), are held or change; one figure a layer."""

    @property
    def spans(self) -> FloatArray:
        """Level of each layer that is one unit of voltage, (L + 1,)."""
        ...

    def power(self, levels: Sequence[FloatArray]) -> FloatArray:
        """Return what each layer dissipates, (rows, L + 1)."""
        ...

    def gross(self, levels: Sequence[FloatArray]) -> FloatArray:
        """Return the sum of the terms that powers are differences of, (rows,): what their rounding is a share of."""
        ...

    def stored(self, before: Sequence[FloatArray] | None, after: Sequence[FloatArray]) -> FloatArray:
        """Return what going straight from levels to others takes, (rows, L + 1); from switched off if None."""
        ...

    def switched(self, levels: Sequence[FloatArray]) -> FloatArray:
        """Return what it takes that lines join in at the start of a phase that goes on from another, (rows, L + 1)."""
        ...


class Lines(NamedTuple):
    """Lines that amplifiers hold, each into cells at virtual ground.

    Attributes
    ----------
    siemens : tuple of ndarray
        Conductance that the lines of each layer 0..L drive in this phase, reads in both directions together, (n_k,).
    driven : ndarray, shape (L + 1,)
        Lines of a unit: 1 where one direction is read, 2 where both are.
    spans : ndarray, shape (L + 1,)
        State at which a line is at the read voltage.
    before : ndarray, shape (L + 1,)
        Lines of a unit in the phase before.
    """

    siemens: tuple[FloatArray, ...]
    driven: FloatArray
    spans: FloatArray
    before: FloatArray

    def power(self, levels: Sequence[FloatArray]) -> FloatArray:
        """Return Σ G V² of each layer's lines, in siemens · V²_read."""
        shares = zip(levels, self.siemens, self.spans, strict=True)
        return np.stack([(level / span) ** 2 @ g for level, g, span in shares], axis=1)

    def gross(self, levels: Sequence[FloatArray]) -> FloatArray:
        """Return the power: nothing cancels in it."""
        total: FloatArray = self.power(levels).sum(axis=1)
        return total

    def stored(self, before: Sequence[FloatArray] | None, after: Sequence[FloatArray]) -> FloatArray:
        """Return how far lines rise, away from 0 V, in V_read; falling is free."""
        old = [np.zeros_like(level) for level in after] if before is None else before
        rises = zip(old, after, self.spans, self.driven, strict=True)
        return np.stack(
            [n * np.maximum(np.abs(b) - np.abs(a), 0.0).sum(axis=1) / span for a, b, span, n in rises], axis=1
        )

    def switched(self, levels: Sequence[FloatArray]) -> FloatArray:
        """Return the rises of lines that join in at the start of this phase, whose units are at these levels."""
        joined = np.maximum(self.driven - self.before, 0.0)
        return self._replace(driven=joined).stored(None, levels)


class Resistors(NamedTuple):
    """Resistors between the nodes of layers, with a capacitance at each node.

    Attributes
    ----------
    conductances : tuple of ndarray
        Of each coupling 1..L, (n_{k−1}, n_k).
    farads : ndarray, shape (L + 1,)
        Of a node of each layer, in units of the profile's.
    """

    conductances: tuple[FloatArray, ...]
    farads: FloatArray

    @property
    def spans(self) -> FloatArray:
        """All 1."""
        return np.ones(len(self.farads))

    def power(self, levels: Sequence[FloatArray]) -> FloatArray:
        """Return Σ G (v_i − v_j)² of the resistors under each layer; 0 under the inputs."""
        parts = [np.zeros(len(levels[0]))]
        for squares, below, above, g in zip(
            self._squares(levels), levels[:-1], levels[1:], self.conductances, strict=True
        ):
            parts.append(np.maximum(squares - 2.0 * ((below @ g) * above).sum(axis=1), 0.0))
        return np.stack(parts, axis=1)

    def gross(self, levels: Sequence[FloatArray]) -> FloatArray:
        """Return Σ G (v_i² + v_j²)."""
        total: FloatArray = np.sum(self._squares(levels), axis=0)
        return total

    def _squares(self, levels: Sequence[FloatArray]) -> list[FloatArray]:
        joined = zip(levels[:-1], levels[1:], self.conductances, strict=True)
        return [below**2 @ g.sum(axis=1) + above**2 @ g.sum(axis=0) for below, above, g in joined]

    def stored(self, before: Sequence[FloatArray] | None, after: Sequence[FloatArray]) -> FloatArray:
        """Return C V² of rails that are switched on, and the change of ½ C v² of nodes."""
        old = [np.zeros_like(level) for level in after] if before is None else before
        squares = np.stack([(b**2 - a**2).sum(axis=1) for a, b in zip(old, after, strict=True)], axis=1)
        halves = np.concatenate([[1.0], np.full(len(after) - 1, 0.5)])
        change: FloatArray = squares * self.farads * halves
        return change

    def switched(self, levels: Sequence[FloatArray]) -> FloatArray:
        """Return 0: nodes are all there from the start."""
        return np.zeros((len(levels[0]), len(levels)))


def line_units(held: Held, quickest: float) -> Units:
    """Return the units of lines that amplifiers hold, for a model whose quickest layer has this time constant."""
    assert held.supply_volts is not None
    seconds = Band.exact(1.0) if held.tau_seconds is None else held.tau_seconds * (1.0 / quickest)
    return Units(
        product(held.volts, held.volts, seconds),
        product(held.farads, held.supply_volts, held.volts),
        seconds,
        held.volts,
    )


def node_units(held: Held, gain: float, largest: float, siemens_seconds: float) -> Units:
    """Return the units of a resistive network.

    Parameters
    ----------
    held : Held
        Of the profile.
    gain : float
        Model's volts of the rails of an input at 1.
    largest : float
        Its largest conductance.
    siemens_seconds : float
        Its capacitance of a node, g τ.
    """
    assert held.largest_siemens is not None
    volts, siemens = held.volts * (1.0 / gain), held.largest_siemens * (1.0 / largest)
    farads = held.farads * (1.0 / siemens_seconds)
    stored = product(held.farads, volts, volts)
    quickest = Band(farads.value / siemens.value, farads.low / siemens.high, farads.high / siemens.low)
    return Units(product(farads, volts, volts), stored, quickest, volts)


def product(*bands: Band) -> Band:
    """Return the product of bands that all err together."""
    value, low, high = 1.0, 1.0, 1.0
    for band in bands:
        value, low, high = value * band.value, low * band.low, high * band.high
    return Band(value, low, high)


def signed(unit: Band, amount: float) -> Band:
    """Return a unit times an amount that may be less than 0."""
    low, high = sorted((unit.low * amount, unit.high * amount))
    return Band(unit.value * amount, low, high)
