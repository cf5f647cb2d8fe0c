"""How hardware is programmed and read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from neuroep.checks import LARGEST
from neuroep.errors import BadInput
from neuroep.fields import settle

WINDOW = 32
"""Minibatches over which updates are looked at where requests are saved up."""


class Method(StrEnum):
    """How a requested change becomes pulses, or steps of an integer weight."""

    STOCHASTIC = "stochastic"
    NEAREST = "nearest"
    ACCUMULATED = "accumulated"
    TRANSFER = "transfer"
    OPPOSITE = "opposite"
    NET = "net"
    RULE = "rule"

    @property
    def by_states(self) -> bool:
        """Whether the states themselves are sent, sample by sample, as trains or as traces: no gradient."""
        return self in (Method.OPPOSITE, Method.NET, Method.RULE)


class Trains(StrEnum):
    """How a state becomes a train of pulses on its line."""

    STOCHASTIC = "stochastic"
    DETERMINISTIC = "deterministic"


class Reads(StrEnum):
    """What drives an array in a read."""

    STATES = "states"
    CHANGES = "changes"
    ADJOINT = "adjoint"


@dataclass(frozen=True, slots=True)
class Programming:
    """How hardware is used: how its weights are asked to change, and how they are read.

    Attributes
    ----------
    method : Method
        ``stochastic``: rounded at random, right in the mean. ``nearest``: rounded to the nearest, requests under half
        a step are lost. ``accumulated``: a digital accumulator a weight keeps what a step can't express and sends whole
        steps (mixed-precision training, Nandakumar et al. 2020). ``transfer``: a second array takes the stochastic
        pulses and is moved to the weights row by row through a digital buffer (Tiki-Taka, Gokmen & Haensch 2020;
        version 2, Gokmen 2021). ``opposite`` and ``net`` form no gradient: pulse trains on rows and columns carry the
        states of each sample, and where they coincide a device is pulsed
        (:mod:`neuroep.hardware.crossbar.state_trains`): ``opposite`` sends the products of both phases in opposite
        directions, ``net`` their difference. ``rule`` leaves it to a chip's learning engine, in its integers
        (:mod:`neuroep.hardware.loihi.rule_updates`): learning rates become powers of two.
    most_pulses : int
        Longest train of one update; with ``opposite`` and ``net``, most slots of one train of one sample.
    least_pulses : int
        Pulses that an accumulator saves up before it sends them. Every write draws new write noise, so rare long trains
        suit devices with much of it.
    transfer_every : int
        Updates between two transfers of a row.
    transfer_gain : float
        What is read of the second array, times this, goes to the buffer.
    headroom : float, optional
        How many times the largest initial weight a coupling can hold, in place of the profile's own choice: full scale
        is set when weights are mounted, and how far they grow is the model's affair.
    averaged_reads : int
        Conversions of each read, of which the mean is taken.
    trains : Trains
        Of ``opposite`` and ``net``: ``stochastic``, bits drawn at random with the right mean of coincidences;
        ``deterministic``, bits counted out, which rounds.
    reads : Reads
        ``states``: lines are driven with the states. ``changes``: with what has changed since they were last driven,
        and what comes back is added to the sum that a register keeps. Under range management noise and steps shrink
        with the change, and the free phase's noise, which nudged copies share, falls out of the contrast.
        ``adjoint``: the same, but nudged phases read upward changes through the downward weights and the other way
        round (Asymmetric EP, arXiv 2602.03670), which makes the gradient exact where the two differ.
    decay : float
        λ: every array is also asked for −λ times the learning rate times its own weights, as read, at every update
        (Kolen & Pollack 1994). Two arrays that get the same updates then meet.
    average_every : int
        Updates after which both arrays of a coupling are read and programmed to their mean; 0 never.
    """

    method: Method = Method.STOCHASTIC
    most_pulses: int = 31
    least_pulses: int = 1
    transfer_every: int = 1
    transfer_gain: float = 1.0
    headroom: float | None = None
    averaged_reads: int = 1
    trains: Trains = Trains.STOCHASTIC
    reads: Reads = Reads.STATES
    decay: float = 0.0
    average_every: int = 0

    @property
    def steps_to_see(self) -> int:
        """Minibatches after which what updates do shows: more than one where requests wait for later ones."""
        return WINDOW if self.method in (Method.ACCUMULATED, Method.TRANSFER) else 1

    def __post_init__(self) -> None:
        settle(self, "programming.", LARGEST)
        if not 1 <= self.most_pulses <= 1000:
            raise BadInput(f"{self.most_pulses} pulses", "programming.most_pulses", "1 to 1000")
        if not 1 <= self.least_pulses <= self.most_pulses:
            raise BadInput(f"{self.least_pulses} pulses", "programming.least_pulses", "1 to most_pulses")
        if not 1 <= self.averaged_reads <= 1000:
            raise BadInput(f"{self.averaged_reads} reads", "programming.averaged_reads", "1 to 1000")
        if self.headroom is not None and not 1.0 <= self.headroom <= 1e3:
            raise BadInput(f"a headroom of {self.headroom}", "programming.headroom", "1 to 1000")
        if self.transfer_every < 1:
            raise BadInput(f"every {self.transfer_every}", "programming.transfer_every", "1 or more")
        if not 0.0 < self.transfer_gain < 1e6:
            raise BadInput(f"a gain of {self.transfer_gain}", "programming.transfer_gain", "more than 0")
        if not 0.0 <= self.decay < 1e3:
            raise BadInput(f"a decay of {self.decay}", "programming.decay", "0 to 1000")
        if self.average_every < 0:
            raise BadInput(f"every {self.average_every}", "programming.average_every", "0 for never, or 1 or more")
