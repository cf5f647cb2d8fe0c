"""What a programmed conductance becomes: programming error, drift or relaxation, and the noise of a read.

A model is a :class:`Retention`; its equations are in :mod:`neuroep.hardware.retention.kinds`, the published ones by
name in :mod:`neuroep.hardware.retention.models`. A device is programmed once, keeps the traits drawn then, and is aged
from its programmed state, whatever ages were asked for before::

    start = model.programmed(target, rng)
    traits = model.drift_traits(start, rng)
    now = model.after(start, traits, seconds, rng)
    read = now + model.read_sd(now, seconds, start) * rng.standard_normal(now.shape)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from neuroep import checks
from neuroep.errors import BadInput
from neuroep.weights import FloatArray

LEAST = 1e-7
"""g below which logarithms and powers of g are held, as in aihwkit."""


@dataclass(frozen=True, kw_only=True)
class Retention(ABC):
    """One published model of programmed devices. Arrays of float32 stay float32.

    Attributes
    ----------
    g_max_siemens, g_min_siemens : float
        The model's own range. Conductances outside aren't refused; the fits are held at their ends there.
    t0_seconds : float
        The age at which `programmed` holds.
    source : str
        Where the numbers stand, and what they were fitted to.
    """

    g_max_siemens: float
    g_min_siemens: float = 0.0
    t0_seconds: float = 0.0
    source: str

    def programmed(self, target: ArrayLike, rng: np.random.Generator) -> FloatArray:
        """Return the conductances at the age t₀ of devices programmed to `target`.

        Parameters
        ----------
        target : array_like
            In siemens, >= 0.
        rng : numpy.random.Generator
            Draws the programming error.

        Returns
        -------
        ndarray
            Siemens, >= 0.

        Raises
        ------
        BadInput
            If a conductance is negative or not finite.
        """
        aim = conductances(target, "target")
        return np.maximum(aim + self._programming_sd(aim) * normal(aim, rng), 0.0)

    def drift_traits(self, programmed: ArrayLike, rng: np.random.Generator) -> FloatArray:
        """Return what each device keeps from its programming on: its drift exponent ν, 0 where a model has none.

        Parameters
        ----------
        programmed : array_like
            Conductances as programmed, in siemens, >= 0.
        rng : numpy.random.Generator
            Draws the traits.

        Raises
        ------
        BadInput
            If a conductance is negative or not finite.
        """
        return np.zeros_like(conductances(programmed, "programmed"))

    def after(self, programmed: ArrayLike, traits: ArrayLike, seconds: float, rng: np.random.Generator) -> FloatArray:
        """Return the conductances at an age.

        Parameters
        ----------
        programmed : array_like
            Conductances as programmed, in siemens, >= 0.
        traits : array_like
            From :meth:`drift_traits`.
        seconds : float
            Age since programming, >= 0; the programmed conductances up to t₀.
        rng : numpy.random.Generator
            Draws from the spread, in models in which it grows.

        Returns
        -------
        ndarray
            Siemens, >= 0.

        Raises
        ------
        BadInput
            If a conductance or the age is negative or not finite, or a trait is not finite.
        """
        g = conductances(programmed, "programmed")
        trait = checks.reals(traits, "traits").astype(g.dtype, copy=False)
        if trait.ndim and trait.shape != g.shape:
            raise BadInput(f"shape {trait.shape}", "traits", f"{g.shape}, that of the conductances")
        if not np.isfinite(trait).all():
            raise BadInput("not a number", "traits", "finite numbers")
        return np.maximum(self._aged(g, trait, self._age(seconds), rng), 0.0)

    def read_sd(self, conductance: ArrayLike, seconds: float, programmed: ArrayLike | None = None) -> FloatArray:
        """Return the standard deviation of one read at an age.

        Parameters
        ----------
        conductance : array_like
            Conductances at that age, in siemens, >= 0.
        seconds : float
            Age since programming, >= 0; 1/f noise grows with it.
        programmed : array_like, optional
            Conductances as programmed, which Q of a PowerLaw depends on; by default `conductance`, which overstates
            the noise of a device that has drifted.

        Returns
        -------
        ndarray
            Siemens; of the noise of the device alone, fresh in every read.

        Raises
        ------
        BadInput
            If a conductance or the age is negative or not finite.
        """
        g = conductances(conductance, "conductance")
        start = g if programmed is None else conductances(programmed, "programmed")
        return self._noise(g, start, self._age(seconds))

    def _age(self, seconds: float) -> float:
        return max(checks.number(seconds, "seconds", 0.0, allowed="0 or more"), self.t0_seconds)

    def _relative(self, g: FloatArray) -> FloatArray:
        relative: FloatArray = np.clip(g / self.g_max_siemens, LEAST, 1.0)
        return relative

    @abstractmethod
    def _programming_sd(self, g: FloatArray) -> FloatArray:
        """σ_p at targets; like all that follows in siemens."""

    def _aged(self, g: FloatArray, trait: FloatArray, age: float, rng: np.random.Generator) -> FloatArray:
        return g

    def _noise(self, g: FloatArray, start: FloatArray, age: float) -> FloatArray:
        return np.zeros_like(g)


def conductances(conductance: ArrayLike, where: str) -> FloatArray:
    """Return an array of floats; raise BadInput if one is negative or not finite."""
    array = checks.reals(conductance, where)
    if not (np.isfinite(array).all() and np.all(array >= 0.0)):
        raise BadInput("a conductance that is negative or not a number", where, "0 S or more")
    return array


def normal(like: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return a draw from N(0, 1) for each element of `like`, in its precision."""
    return rng.standard_normal(like.shape).astype(like.dtype, copy=False)
