"""What settling by spikes takes: which code, how many steps, and how fast membranes and currents follow.

A unit's membrane v leaks towards its input, s = ρ(v) is its state, and an accumulator V turns s into spikes q. One
step, all right-hand sides from before it (the order is brian2's: groups, thresholds, synapses, resets):

    v ← v + ε(−v + I + b + β(y − s))        the last term at outputs alone
    V ← V + drive;    q = 1 where V >= 1, −1 where V <= −1;    V ← V − q
    I ← (1 − λ)I + λ/p · (Σ W q from below + γ Σ W q from above + skips)

With ``integrate-and-fire`` the drive is p·s, with ``sigma-delta`` (O'Connor et al. 2019) the predictive code
(s − (1 − λ)s_before)/λ with p = 1, which I filters back to s; with ``poisson`` a spike is sent with probability p·|s|.
The mean of q/p over T steps is s to within 1/(pT), by chance alone within 1/√T; so the fixed point is the continuous
network's, s = ρ(W s_below + γW s_above + b).

With ``graded`` a spike carries a value (Loihi 2): a unit sends what its state has changed by since it last sent, in
whole multiples of g, as soon as that is more than g/2; currents add values up and don't leak. What others have of a
state is then within g/2 of it, and at rest nothing is sent.

With ``loihi`` a chip's integer neurons take the place of all this: :mod:`neuroep.engines.spiking.loihi`.

References
----------
O'Connor, Gavves & Welling, Training a spiking neural network with equilibrium propagation, AISTATS 2019. Martin et al.,
EqSpike, iScience 24, 2021.
"""

from __future__ import annotations

from typing import NamedTuple

from neuroep.recipe import Encoder, Phases


class Spikes(NamedTuple):
    """How one phase settles by spikes.

    Attributes
    ----------
    encoder : Encoder
        How states become spikes.
    steps : int
        Of the phase.
    window : int
        Last steps whose mean states are handed back.
    relaxation, leak : float
        ε and λ above, shares of a time constant.
    peak : float
        p, spikes a step at s = 1; 1 for sigma-delta, 0 for graded spikes, which have no limit.
    free_copy : bool
        Whether an unnudged copy runs along, so that both are read after as many steps (O'Connor's split streams).
    grain : float
        g, of graded spikes.
    """

    encoder: Encoder
    steps: int
    window: int
    relaxation: float
    leak: float
    peak: float
    free_copy: bool = False
    grain: float = 0.0


class Spiking(NamedTuple):
    """How the free and the nudged phases settle by spikes."""

    free: Spikes
    nudged: Spikes


def spiking(phases: Phases) -> Spiking:
    """Return how a recipe's phases settle by spikes."""
    encoder = Encoder(phases.solver)
    graded = encoder is Encoder.GRADED
    peak = {Encoder.SIGMA_DELTA: 1.0, Encoder.GRADED: 0.0}.get(encoder, phases.peak)
    shared = phases.window, phases.relaxation, 0.0 if graded else phases.leak, peak
    grain = phases.grain if graded else 0.0
    compared = phases.estimator in (phases.estimator.ONE_SIDED, phases.estimator.RANDOM_SIGN)
    free, nudged = phases.free_sweeps, phases.nudged_sweeps
    return Spiking(
        Spikes(encoder, free, *shared, grain=grain), Spikes(encoder, nudged, *shared, free_copy=compared, grain=grain)
    )
