# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the graphics cards: Cycles' list beside NVIDIA's driver, and each card's health. Pure.

Owns the likely reasons why a card that the driver knows is none for Cycles. Cards are joined by PCI address, never by
their order.
"""

from __future__ import annotations

from collections.abc import Iterator

from .doctor_nouns import Card, Computer, Diagnosis, Driver, Facts, error, good, warning
from .model import Backend
from .wording import count, names, size

LEAST_DRIVER = (((5, 2), 575), ((4, 5), 535), ((4, 2), 470))
"""Blender from this version on → the NVIDIA driver that its own preferences ask for."""
LEAST_CAPABILITY = (5, 0)
_NVIDIA = (Backend.OPTIX, Backend.CUDA)
HOT = 90.0
"""°C."""
FULL = 0.5
"""Part of a card's memory that others may have before it is worth a word."""


def cards(facts: Facts) -> Iterator[Diagnosis]:
    """Yield what is to be said of all cards."""
    gpus = [device for device in facts.devices if device.backend is not Backend.CPU]
    yield from _driver(facts)
    if facts.programs.blender and not facts.programs.blender_error:
        if gpus:
            yield good("devices", f"Cycles can render on {names([f'{d.name} ({d.backend})' for d in gpus])}.")
        else:
            yield warning("devices", _none(facts))
    yield from _masks(facts.computer)
    seen = {device.pci for device in gpus}
    for card in facts.driver.cards:
        if card.pci not in seen and facts.programs.blender and not facts.programs.blender_error:
            yield error("hidden-card", f"Cycles does not see {_called(card)}: {_why(card, facts)}")
        yield from _health(card)


def _none(facts: Facts) -> str:
    if facts.driver.cards:
        return "Cycles finds no GPU, so it renders on the processor: what to do is said for each card."
    closed = [name for name, may in facts.computer.nodes if not may]
    if closed:
        return (
            f"Cycles finds no GPU and this user may not open {names(closed)}: add the user to the groups 'video' and "
            "'render', and log in again."
        )
    if facts.computer.container:
        return (
            "Cycles finds no GPU: if the machine has one, start the container with it (for NVIDIA: --gpus all and "
            "NVIDIA_DRIVER_CAPABILITIES=all)."
        )
    return "Cycles finds no GPU, so it renders on the processor: if there is one, install or update its driver."


def _driver(facts: Facts) -> Iterator[Diagnosis]:
    driver = facts.driver
    if driver.why:
        nvidia = any(device.backend in _NVIDIA for device in facts.devices) or any(
            "nvidia" in name for name, _ in facts.computer.nodes
        )
        yield (warning if nvidia else good)("driver", driver.why)
        return
    least = _least(facts)
    told = f"NVIDIA driver {driver.version}, CUDA {driver.cuda}" if driver.cuda else f"NVIDIA driver {driver.version}"
    if _major(driver) and _major(driver) < least:
        yield error(
            "driver", f"{told} is too old for OptiX in {facts.programs.blender}: install driver {least} or newer."
        )
    else:
        yield good("driver", f"{told}, {count(len(driver.cards), 'card')}.")


def _masks(computer: Computer) -> Iterator[Diagnosis]:
    if computer.masks:
        said = names([f"{name}={value}" for name, value in computer.masks])
        yield warning("masks", f"{said} hides cards or changes their order here: unset it to use all of them.")


def _why(card: Card, facts: Facts) -> str:
    masks = [name for name, _ in facts.computer.masks]
    if card.split:
        return "it is split into parts (MIG): switch MIG off with 'nvidia-smi -mig 0' to render on the whole card."
    if card.capability is not None and card.capability < LEAST_CAPABILITY:
        return (
            f"it is too old (compute capability {card.capability[0]}.{card.capability[1]}, needed "
            f"{LEAST_CAPABILITY[0]}.{LEAST_CAPABILITY[1]}): render on other cards."
        )
    if masks:
        return f"{names(masks)} may hide it: unset that and look again."
    if 0 < _major(facts.driver) < _least(facts):
        return f"the driver is too old for this Blender: install {_least(facts)} or newer."
    closed = [name for name, may in facts.computer.nodes if not may]
    if closed:
        return f"this user may not open {names(closed)}: add the user to the groups 'video' and 'render'."
    if facts.computer.container:
        return "the container has no full driver: start it with --gpus all and NVIDIA_DRIVER_CAPABILITIES=all."
    return (
        "this Blender may be built without CUDA and OptiX, or the driver is in trouble: take the Blender from "
        "blender.org, restart the machine and look again."
    )


def _health(card: Card) -> Iterator[Diagnosis]:
    name = _called(card)
    worse = [*_worries(card)]
    yield from worse
    if not worse:
        memory = f", {size(card.vram_used or 0)} of {size(card.vram_total)} in use" if card.vram_total else ""
        link = f", PCIe {card.link_generation_most or card.link_generation or '?'} ×{card.link_width}"
        screen = ", drives a screen" if card.display else ""
        yield good("card", f"{name}{memory}{link if card.link_width else ''}{screen}.")


def _worries(card: Card) -> Iterator[Diagnosis]:
    name = _called(card)
    if card.ecc_errors:
        yield error(
            "ecc",
            f"{name} had {count(card.ecc_errors, 'memory error')} that could not be corrected: restart the machine, and "
            "leave the card out if they come back.",
        )
    if card.slowed or (card.temperature or 0.0) >= HOT:
        heat = f" at {card.temperature:.0f} °C" if card.temperature is not None else ""
        why = f" ({', '.join(card.slowed)})" if card.slowed else ""
        yield warning("slowed", f"{name} is slowed down{heat}{why}: look after its cooling and its power supply.")
    if card.link_width and card.link_width_most and card.link_width * 4 <= card.link_width_most:
        yield warning(
            "link",
            f"{name} uses {card.link_width} of its {card.link_width_most} PCIe lanes, so big scenes load slowly: put it "
            "into a wider slot where there is one.",
        )
    if card.vram_total and (card.vram_used or 0) > FULL * card.vram_total:
        who = names([program.name for program in card.programs]) if card.programs else "other programs"
        yield warning(
            "vram",
            f"{name} has {size(card.vram_used or 0)} of {size(card.vram_total)} in use ({who}): close what is not needed.",
        )


def _called(card: Card) -> str:
    return f"{card.name} [{card.pci}]"


def _major(driver: Driver) -> int:
    """0: unknown."""
    head = driver.version.partition(".")[0]
    return int(head) if head.isdecimal() else 0


def _least(facts: Facts) -> int:
    version = facts.programs.blender_version[:2]
    return next((least for since, least in LEAST_DRIVER if version >= since), 0)
