"""How far a nudge reaches in numbers: of depth D and feedback gain γ, layer 1 feels βγ^{D−1} of it.

States of order 1 differ by no less than the rounding of their float type. Far below it the difference of two settled
states is rounding alone, and divided by γ^{D−1} it is far larger than any gradient: 100 times at a two-hundredth of the
rounding, infinite where γ^{D−1} is no float. Scaled displacements reach any depth.
"""

from __future__ import annotations

import math

import numpy as np

from neuroep.circuit import Circuit, reads_exactly
from neuroep.errors import BadInput
from neuroep.recipe import Phases

FAINTEST = 0.01
"""Share of the rounding of 1 that a nudge must have left in layer 1 for a network to be trained."""


def refuse_faint(circuit: Circuit, phases: Phases, measured: bool = False) -> None:
    """Refuse raw states that can't show the nudge in layer 1.

    Parameters
    ----------
    circuit : Circuit
        Gives depth, γ and float type.
    phases : Phases
        Gives β; scaled displacements are never refused.
    measured : bool
        Whether a gradient is only looked at: then any is allowed that is finite.

    Raises
    ------
    BadInput
        With the least γ at this depth, and the most layers at this γ.
    """
    if phases.scaled:
        return
    kind = np.finfo(circuit.up.dtype)
    least = float(kind.tiny) if measured else FAINTEST * float(kind.eps)
    steps, gain, needed = circuit.last - 1, circuit.feedback, math.log(least / phases.beta)
    if steps * math.log(gain) >= needed:
        return
    power = math.log10(phases.beta) + steps * math.log10(gain)
    faint = f"layer 1 feels β γ^{steps} ≈ 1e{math.floor(power)} of the nudge, which {kind.dtype} states can't show"
    raise BadInput(faint, "feedback", _remedies(circuit, phases, needed, steps))


def _remedies(circuit: Circuit, phases: Phases, needed: float, steps: int) -> str:
    """Say what could be asked for instead."""
    if needed > 0.0:
        return f"phases.beta of at least {math.exp(needed) * phases.beta:.1g}"
    least = math.ceil(1e4 * math.exp(needed / steps)) / 1e4 if steps else 1.0
    found = [f"γ of at least {least:g} at this depth"]
    if circuit.feedback < 1.0:
        found.append(f"at most {1 + math.floor(needed / math.log(circuit.feedback))} dynamical layers at this γ")
    if phases.estimator.is_difference and reads_exactly(circuit) and not circuit.trace_bits:
        found.append("or phases.scaled = true, at any depth")
    return ", ".join(found)
