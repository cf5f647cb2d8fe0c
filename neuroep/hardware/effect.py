"""What an effect of hardware is, and hardware that can be freed of its effects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

from neuroep.hardware.device import Device


class Effect(NamedTuple):
    """Whether a device has an effect, and the device without it."""

    present: Callable[[Any], bool]
    off: Callable[[Any], Any]


Effects = Mapping[str, Effect]
"""In the order in which they are switched off, each setting fields of its own."""


@runtime_checkable
class Affected(Protocol):
    """Hardware with effects that it can be freed of."""

    @property
    def effects(self) -> tuple[str, ...]:
        """Names of the effects it has, in the order in which they are to be switched off."""
        ...

    def freed_of(self, effect: str) -> Device:
        """Return the same hardware without one of its effects."""
        ...


def present(effects: Effects, device: object) -> tuple[str, ...]:
    """Return the names of those effects that a device has."""
    return tuple(name for name, effect in effects.items() if effect.present(device))
