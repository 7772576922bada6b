# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``doctor`` knows of a machine, as plain facts, and what it says of them.

Pure nouns: `doctor_facts`, `doctor_driver`, `doctor_disk` and `doctor_render` gather facts, `doctor` judges them, so that
odd machines can be judged in tests. Sizes are bytes, times seconds. No decision, no file, no process.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .model import Device


class Grade(StrEnum):
    """How well one thing stands."""

    GOOD = "good"
    WARNING = "warning"
    """It renders, but slower or less safely than it could."""
    ERROR = "error"
    """Something cannot work."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One sentence on one thing."""

    grade: Grade
    key: str
    """Stable name in kebab-case."""
    text: str
    """What it is, and unless it is good, what to do."""


def good(key: str, text: str) -> Diagnosis:
    return Diagnosis(Grade.GOOD, key, text)


def warning(key: str, text: str) -> Diagnosis:
    return Diagnosis(Grade.WARNING, key, text)


def error(key: str, text: str) -> Diagnosis:
    return Diagnosis(Grade.ERROR, key, text)


@dataclass(frozen=True, slots=True)
class Programs:
    """What runs here."""

    engine: str
    """Our version; empty: unknown."""
    python: str
    libraries: tuple[tuple[str, str], ...] = ()
    """Name and version; an empty version: not there."""
    blender: str = ""
    """``Blender 5.0.1``; empty: none."""
    blender_path: str = ""
    blender_version: tuple[int, int, int] = (0, 0, 0)
    blender_python: str = ""
    blender_error: str = ""
    """Why there is none, or why it cannot list its devices."""


@dataclass(frozen=True, slots=True)
class Computer:
    """The machine without its cards and disks."""

    system: str
    cores: int
    """That this process may use."""
    cores_there: int
    ram_total: int | None = None
    ram_available: int | None = None
    container: bool = False
    masks: tuple[tuple[str, str], ...] = ()
    """Environment variables that hide cards, with their values."""
    nodes: tuple[tuple[str, bool], ...] = ()
    """The drivers' device files, and whether this user may open them."""
    open_files: int | None = None
    """How many this process may open; None: unlimited or unknown."""
    processes: int | None = None
    awake: str = ""
    """Why the machine may fall asleep while it renders; empty: it stays awake."""


@dataclass(frozen=True, slots=True)
class OnCard:
    """Another program that uses a card."""

    pid: int
    name: str
    vram: int | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """One NVIDIA card as its driver sees it. None: the driver does not tell."""

    pci: str
    name: str
    vram_total: int | None = None
    vram_used: int | None = None
    capability: tuple[int, int] | None = None
    """Of CUDA."""
    split: bool = False
    """MIG: parts of it pass for cards."""
    display: bool | None = None
    link_width: int | None = None
    """PCIe lanes in use."""
    link_width_most: int | None = None
    link_generation: int | None = None
    """PCIe's; it falls while the card is idle."""
    link_generation_most: int | None = None
    ecc_errors: int | None = None
    """Memory errors that could not be corrected, since the driver started."""
    slowed: tuple[str, ...] = ()
    """Why it runs slower than it could, now."""
    temperature: float | None = None
    """°C."""
    programs: tuple[OnCard, ...] = ()


@dataclass(frozen=True, slots=True)
class Driver:
    """NVIDIA's driver."""

    why: str = ""
    """Why it tells nothing, a sentence; empty: it does."""
    version: str = ""
    cuda: str = ""
    cards: tuple[Card, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that a render writes to."""

    role: str
    """``jobs folder``, ``output folder``, ``temporary folder``."""
    path: str
    problem: str = ""
    """The system's words for why nothing can be written; empty: it can."""
    failed: tuple[str, ...] = ()
    """What its file system cannot do, of `doctor_disk.DEEDS`."""
    free: int | None = None
    file_system: str = ""
    ahead: float = 0.0
    """By how much its clock is ahead of this machine's."""
    sync: float = 0.0
    """How long a small file takes to be on the disk."""


@dataclass(frozen=True, slots=True)
class Traces:
    """Jobs of this user on this machine."""

    running: tuple[str, ...] = ()
    """Names."""
    interrupted: tuple[str, ...] = ()
    """Ids of jobs whose dispatcher died."""
    unreadable: tuple[str, ...] = ()
    left: tuple[int, ...] = ()
    """Ids of Blenders whose dispatcher is dead."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One small picture rendered on one device by the engine."""

    device: str
    """Its name for people."""
    words: str = ""
    """Why there is no picture; empty: there is one."""
    seconds: float = 0.0
    """From the start of the Blender to the picture."""
    render: float = 0.0
    """Of it, the render alone."""
    difference: float | None = None
    """Mean difference to the CPU's picture, in steps of 255; None: there is nothing to compare with."""
    is_cpu: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that was found."""

    programs: Programs
    computer: Computer
    driver: Driver
    devices: tuple[Device, ...] = ()
    """As Cycles sees them, each card once."""
    places: tuple[Place, ...] = ()
    traces: Traces = Traces()
    trials: tuple[Trial, ...] = ()
    rendered: bool = True
    """False: nobody wanted a trial."""
