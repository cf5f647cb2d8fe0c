"""Effects of hardware by name, each of which a device can be freed of: what it would be without it."""

from __future__ import annotations

from collections.abc import Iterable

from neuroep.errors import BadInput, UnknownName
from neuroep.hardware.crossbar.effects import APART, CROSSBAR
from neuroep.hardware.device import Device
from neuroep.hardware.effect import Affected
from neuroep.hardware.loihi.effects import SYNAPSE

#: Names that a misspelt one may have meant; a device's own come first.
EFFECTS = tuple(dict.fromkeys([*CROSSBAR, *SYNAPSE, APART]))


def effects_of(device: Device) -> tuple[str, ...]:
    """Return the names of the effects a device has, in its own order; none for the ideal device."""
    return device.effects if isinstance(device, Affected) else ()


def without(device: Device, names: Iterable[str], where: str = "--without") -> Device:
    """Return a device without some of its effects.

    Parameters
    ----------
    device : Device
        Stays as it is.
    names : iterable of str
        Effects to switch off, in any order: the device's own counts, as a nominal step is that of its own law.
    where : str
        Named in errors.

    Raises
    ------
    UnknownName
        If no effect has such a name.
    BadInput
        If the device doesn't have an effect.
    """
    wanted, has = dict.fromkeys(names), effects_of(device)
    for name in (name for name in wanted if name not in has):
        if name not in EFFECTS:
            raise UnknownName("effect", name, {*EFFECTS, *has}, where)
        raise BadInput(f"{device.name} has no {name}", where, ", ".join(has) or "nothing")
    for name in (name for name in has if name in wanted):
        assert isinstance(device, Affected)
        device = device.freed_of(name)
    return device
