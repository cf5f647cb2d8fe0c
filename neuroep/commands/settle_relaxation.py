"""What `neuroep settle` says of the circuit's power along the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neuroep.commands.console import say, show_table

if TYPE_CHECKING:
    from neuroep.cost.relaxation import Held
    from neuroep.hardware.device import Device
    from neuroep.network import Network
    from neuroep.specs import DeviceSpec
    from neuroep.studies.relaxation import PhaseRelaxation


def how_held(spec: DeviceSpec | None, device: Device, network: Network, noisy: bool) -> tuple[Held | None, str]:
    """Return how lines are held, or None; and if there is no telling what it takes, why."""
    from neuroep.errors import BadInput
    from neuroep.studies.relaxation import held_by

    if spec is None:
        return None, ""
    try:
        held = held_by(spec, device, network)
    except BadInput as error:
        return None, f"no energy of settling: {error}"
    return held, "no energy of settling: lines that follow noise rise the more the shorter its steps" if noisy else ""


def relaxation_object(phases: tuple[PhaseRelaxation, ...] | None) -> dict[str, Any] | None:
    """Return what each phase takes as plain data; None where a profile doesn't say."""
    return None if phases is None else {"rows": [_row(one) for one in phases]}


def _row(one: PhaseRelaxation) -> dict[str, Any]:
    bands = {key: getattr(one, key)._asdict() for key in ("seconds", "volts", "held", "moved", "amplifiers", "joules")}
    layers = [{"held": layer.held._asdict(), "moved": layer.moved._asdict()} for layer in one.layers]
    head = {"phase": one.phase, "beta": one.beta, "settlings": one.settlings, "converged": one.converged}
    return head | bands | {"layers": layers}


def show_relaxation(phases: tuple[PhaseRelaxation, ...], device: str, clocked: bool) -> None:
    """Print joules of each phase, held and moved, and of each layer; `clocked` if converters were left out for it."""
    from neuroep.report.summary import si_band

    header = ("phase", "time", "highest voltage", "held", "moved", "amplifiers", "energy")
    cells = [
        (one.phase, *(si_band(value, unit) for value, unit in (
            (one.seconds, "s"), (one.volts, "V"), (one.held, "J"), (one.moved, "J"), (one.amplifiers, "J"),
            (one.joules, "J"),
        )))
        for one in phases
    ]  # fmt: skip
    show_table(f"relaxation on {device}, a sample: in place of clocked reads, never added to them", header, cells)
    rows = [
        (one.phase, str(k), si_band(layer.held, "J"), si_band(layer.moved, "J"))
        for one in phases
        for k, layer in enumerate(one.layers)
    ]
    show_table("by layer, 0 the inputs", ("phase", "layer", "held", "moved"), rows, text=2)
    if clocked:
        say("amplifiers hold the lines: without converters and the noise of their reads")
