# SPDX-License-Identifier: GPL-3.0-or-later
"""Which devices a job gets: what was found here, joined with what the artist decided about single cards. Pure.

Owns the rule of preselection and the rows of the device list. A choice belongs to a card *and* its name: files travel,
and the first slot of another machine holds another card. Asks nobody: what is here comes from the watch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from .devices import pci_address
from .model import Backend, Device
from .snapshot import DeviceView


class Found(Protocol):
    """One physical card as it was found (`listing.DeviceFound`)."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def backend(self) -> Backend: ...
    @property
    def pci(self) -> str | None: ...
    @property
    def uuid(self) -> str | None: ...
    @property
    def preferred(self) -> bool: ...
    @property
    def vram_used(self) -> int | None: ...
    @property
    def vram_total(self) -> int | None: ...
    @property
    def temperature(self) -> float | None: ...
    @property
    def load(self) -> float | None: ...
    @property
    def display(self) -> bool | None: ...
    @property
    def integrated(self) -> bool: ...
    @property
    def backends(self) -> tuple[Device, ...]: ...


class AllFound(Protocol):
    """Everything that was found (`listing.DevicesFound`)."""

    @property
    def devices(self) -> Sequence[Found]: ...


@dataclass(frozen=True, slots=True)
class Choice:
    """What the artist decided about one card; cards without one are chosen as preselected."""

    card: str
    """`model.Device.card`."""
    name: str
    """The device's own name; empty: whatever is in that place."""
    backend: str
    """A `model.Backend`; empty or not here: the best one."""
    use: bool


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """One line of the device list."""

    card: str
    name: str
    """Unique among the rows that are here."""
    backend: str
    backends: tuple[str, ...]
    """All that this card can be driven by, best first."""
    use: bool
    """The job gets it; for a card that is not here: it would."""
    here: bool
    """False: decided about in this file, but not in this machine."""
    display: bool = False
    """It drives a screen."""
    integrated: bool = False
    is_cpu: bool = False
    vram_used: int | None = None
    """Bytes; None: unknown."""
    vram_total: int | None = None
    load: float | None = None
    """Percent; None: unknown."""
    temperature: float | None = None
    """°C; None: unknown."""


def rows(found: AllFound | None, choices: Sequence[Choice], leave_display_free: bool) -> tuple[DeviceRow, ...]:
    """Return the device list: what is here in the order it was found, then what only the file knows.

    Nothing while nobody knows yet what is here (``found`` None).
    """
    if found is None:
        return ()
    used = {card(each) for each, _ in _chosen(found, choices, leave_display_free)}
    here = tuple(_row(each, _device(each, choices).backend, card(each) in used) for each in found.devices)
    return here + tuple(_absent(found.devices, choices))


def chosen(found: AllFound | None, choices: Sequence[Choice], leave_display_free: bool) -> tuple[Device, ...]:
    """Return the devices that a job gets; none where the artist left none."""
    return tuple(device for _, device in _chosen(found, choices, leave_display_free)) if found else ()


def with_figures(rows: Iterable[DeviceRow], views: Iterable[DeviceView]) -> tuple[DeviceRow, ...]:
    """Put the newer figures of a running job's snapshot into the rows."""
    newer = {pci_address(view.id) or view.id: view for view in views}
    return tuple(_with(row, newer[row.card]) if row.here and row.card in newer else row for row in rows)


def card(found: Found) -> str:
    """Return which physical card that is: `model.Device.card`."""
    return found.pci or found.id


def own_name(found: Found) -> str:
    """Return the device's own name, without what tells it apart in this machine."""
    return found.backends[0].name if found.backends else found.name


def is_about(choice: Choice, found: Found) -> bool:
    """Whether the choice was made about this very card. There is one CPU everywhere, whatever its name."""
    same_name = not choice.name or choice.name == own_name(found) or found.backend is Backend.CPU
    return choice.card == card(found) and same_name


def preselected(found: AllFound) -> frozenset[str]:
    """Return the cards that are used where the artist says nothing.

    The GPUs that are ticked in Preferences, else all GPUs; those inside the processor, and the CPU, only where there
    is nothing else.
    """
    gpus = [each for each in found.devices if each.backend is not Backend.CPU]
    good = [each for each in gpus if not each.integrated]
    for some in ([each for each in good if each.preferred], good, gpus, found.devices):
        if some:
            return frozenset(map(card, some))
    return frozenset()


def _chosen(found: AllFound, choices: Sequence[Choice], leave_display_free: bool) -> tuple[tuple[Found, Device], ...]:
    usual = preselected(found)
    picked = []
    for each in found.devices:
        choice = _choice(each, choices)
        if choice.use if choice else card(each) in usual:
            picked.append(each)
    # With nothing else to render on, leaving the display alone would mean not to render at all.
    free = [each for each in picked if not each.display]
    if leave_display_free and any(each.backend is not Backend.CPU for each in free):
        picked = free
    return tuple((each, _device(each, choices)) for each in picked)


def _choice(found: Found, choices: Iterable[Choice]) -> Choice | None:
    return next((choice for choice in choices if is_about(choice, found)), None)


def _device(found: Found, choices: Iterable[Choice]) -> Device:
    choice = _choice(found, choices)
    every = found.backends or (Device(found.id, found.name, found.backend, found.pci, found.uuid),)
    return next((device for device in every if choice and device.backend == choice.backend), every[0])


def _row(found: Found, backend: Backend, use: bool) -> DeviceRow:
    return DeviceRow(
        card(found),
        found.name,
        backend.value,
        tuple(device.backend.value for device in found.backends) or (backend.value,),
        use,
        here=True,
        display=bool(found.display),
        integrated=found.integrated,
        is_cpu=found.backend is Backend.CPU,
        vram_used=found.vram_used,
        vram_total=found.vram_total,
        load=found.load,
        temperature=found.temperature,
    )


def _absent(here: Sequence[Found], choices: Iterable[Choice]) -> Iterator[DeviceRow]:
    for choice in choices:
        if not any(is_about(choice, each) for each in here):
            yield DeviceRow(
                choice.card, choice.name or choice.card, choice.backend, (), choice.use, here=False, is_cpu=False
            )


def _with(row: DeviceRow, view: DeviceView) -> DeviceRow:
    return replace(
        row,
        vram_used=row.vram_used if view.vram_used is None else view.vram_used,
        vram_total=row.vram_total if view.vram_total is None else view.vram_total,
        load=row.load if view.load is None else view.load,
        temperature=row.temperature if view.temperature is None else view.temperature,
    )
