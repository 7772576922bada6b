# SPDX-License-Identifier: GPL-3.0-or-later
"""The nouns: what a job, a device, a slot and a failure are.

Owns the words of the whole project (README, "Words") and nothing else: no decision, no file, no process.
Everything here is immutable; times are seconds, sizes are bytes unless a name says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

SCHEMA = 1
"""Version of every file and message others may read: job.json, journal, snapshot, ``--json`` events."""

PROGRAM = "multi_gpu_dispatcher"
"""The extension's id; also the name of our folder in the user's state directory."""

WORKING_FOLDER = ".mgd"
"""The hidden folder that we keep inside each output folder."""


BLEND_STARTS = (b"BLENDER", b"\x28\xb5\x2f\xfd", b"\x1f\x8b")
"""How a .blend file begins: plain, zstd, and gzip (before 3.0)."""


class DispatchError(Exception):
    """Something the user can mend. The text is one sentence that says what happened and what to do now."""


class Backend(StrEnum):
    """The interface through which Cycles drives a device, best first where one card offers several."""

    OPTIX = "OPTIX"
    CUDA = "CUDA"
    HIP = "HIP"
    ONEAPI = "ONEAPI"
    METAL = "METAL"
    CPU = "CPU"


class Strategy(StrEnum):
    """The artist's choice of layout."""

    AUTO = "auto"
    PER_DEVICE = "per-device"
    COMBINED = "combined"


class Order(StrEnum):
    """The order in which tasks are handed out."""

    FORWARD = "forward"
    BACKWARD = "backward"
    COARSE_TO_FINE = "coarse-to-fine"
    """First, middle, quarters …: an early look at the whole animation."""


class Then(StrEnum):
    """What the machine does when a job has ended by itself."""

    NOTHING = "nothing"
    NOTIFY = "notify"
    """A notice on the desktop."""
    SLEEP = "sleep"
    SHUT_DOWN = "shut-down"


@dataclass(frozen=True, slots=True)
class Device:
    """One Cycles device of this machine."""

    id: str
    """Cycles' own id; for CUDA, OptiX and HIP it carries the PCI address. ``CPU`` for the processor."""
    name: str
    backend: Backend
    pci: str | None = None
    """``0000:3b:00`` (domain:bus:device, lower-case hex) where the id carries it; joins Cycles with NVML."""
    uuid: str | None = None
    """NVML's ``GPU-…``, used for the environment mask."""

    @property
    def card(self) -> str:
        """What one lease is about: the same for OptiX and CUDA on one physical card."""
        return self.pci or self.id


@dataclass(frozen=True, slots=True)
class Slot:
    """A set of devices and a CPU thread budget on which one worker runs.

    No devices means that the engine chooses for itself (EEVEE, Workbench: they cannot be pinned).
    """

    name: str
    devices: tuple[Device, ...]
    threads: int


Layout = tuple[Slot, ...]


class Fault(StrEnum):
    """Why an attempt or a worker failed, grouped by what helps (``faults.py`` says what follows)."""

    OUT_OF_VRAM = "out of VRAM"
    OUT_OF_RAM = "out of RAM"
    OUT_OF_MEMORY = "out of memory"
    """The words do not tell which memory: the machine finds out before anything follows (`MemoryTold.which`)."""
    LOST_DEVICE = "device or driver fault"
    WRONG_DEVICE = "rendered on another device"
    HANG = "no sign of life"
    BAD_OUTPUT = "broken or missing picture"
    CANNOT_WRITE = "cannot write"
    DISK_FULL = "disk full"
    SCENE = "scene or script error"
    CANNOT_START = "Blender does not start"
    KILLED = "killed from outside"
    CRASHED = "crashed"
    UNKNOWN = "unknown"


class Outcome(StrEnum):
    """How a job ended; ``EXIT_STATUS`` maps it to the process's exit status."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    """Ended, but some tasks were given up or are claimed elsewhere."""
    REFUSED = "refused"
    STOPPED = "stopped"
    """Stopped on request; resume goes on."""
    IMPOSSIBLE = "impossible"
    """No device, or no worker starts."""


EXIT_STATUS = {
    Outcome.COMPLETE: 0,
    Outcome.INCOMPLETE: 1,
    Outcome.REFUSED: 2,
    Outcome.STOPPED: 3,
    Outcome.IMPOSSIBLE: 4,
}


@dataclass(frozen=True, slots=True)
class Picture:
    """One whole file that an attempt made, or that a task left in place."""

    path: str
    """Final absolute path."""
    size: int
    hash: str
    """BLAKE2b-128 of the content, hex: tells this job's pictures from yesterday's."""


@dataclass(frozen=True, slots=True)
class Phases:
    """Where the time of one attempt went, in seconds."""

    evaluate: float = 0.0
    """Depsgraph evaluation: from the render call to the first word of the engine."""
    sync: float = 0.0
    """The engine takes over the scene, builds BVHs, uploads: until the first sample."""
    render: float = 0.0
    """Samples, denoising and compositing: until the picture is finished."""
    write: float = 0.0
    """Writing the temporary file; the next frame waits for it."""
    carry: float = 0.0
    """What is done with the file while the next frame renders: packing, checking, hashing. Not part of ``total``."""

    @property
    def total(self) -> float:
        return self.evaluate + self.sync + self.render + self.write


@dataclass(frozen=True, slots=True)
class Limits:
    """Every deadline and count of the engine. Seconds; adjustable per job (``--limits``)."""

    start: float = 180.0
    """From start to the child's hello."""
    load: float = 600.0
    """From hello to loaded; ``load_per_gb`` comes on top."""
    load_per_gb: float = 60.0
    first: float = 1800.0
    """A worker's first task on a card: GPU kernels may have to be compiled."""
    task: float = 600.0
    """Later tasks: the larger of this and ``task_factor`` × the job's 95th percentile."""
    task_factor: float = 8.0
    leave: float = 10.0
    """From asking a worker without a task to leave, until it is killed."""
    die: float = 30.0
    """From the kill until the worker counts as unkillable."""
    backoff: float = 1.0
    """First pause before a failed task or slot is tried again; doubles up to ``backoff_most``."""
    backoff_most: float = 60.0
    together: float = 5.0
    """Ends of several workers within this time are one machine event."""
    deaths: int = 5
    """Workers of one slot that may die in a row without finishing a task before the slot is given up."""
    claims: float = 5.0
    """How often a task that is claimed elsewhere is looked at again."""
    foreign: float = 600.0
    """How long the end of the job waits for claims without an owner (a plain Blender) that do not move."""
    heartbeat: float = 60.0
    """An owner on another machine whose heartbeat stood still for this long is dead."""
    quarantine: float = 300.0
    """First pause before a card that was left out is tried again; doubles with each trial that fails."""
    systemic: float = 3600.0
    """How long a job in which every frame fails, although it worked before, waits for that to be mended."""
    check: float = 0.01
    """Share of the job's work (no seconds) that may go into rendering frames again in a fresh Blender; 0: none."""
    growth: float = 1.0
    """Gigabytes (no seconds) by which a worker must have grown to start afresh, where memory is not about to run short."""
    renewal: float = 0.02
    """Share of a worker's time (no seconds) that its start may take for it to start afresh because of that."""


@dataclass(frozen=True, slots=True)
class BlenderProgram:
    """A Blender that can run children."""

    path: str
    is_module: bool
    """True: a Python that can import bpy. False: the application."""
    version: tuple[int, int, int]
    build: str = ""

    @property
    def words(self) -> str:
        return f"Blender {'.'.join(map(str, self.version))}{' (bpy module)' if self.is_module else ''}"


@dataclass(frozen=True, slots=True)
class Job:
    """Everything to be rendered from one .blend; immutable once started (``job.json``)."""

    id: str
    name: str
    created: str
    """ISO 8601 with the zone: for people; nothing is computed from it."""
    blend: str
    """Absolute path of the file that the children open."""
    scene: str
    frames: str
    """Canonical frames text (``frames.py``)."""
    output: str
    """Absolute template, '#' and all, as ``scene.render.filepath`` would hold it."""
    blender: BlenderProgram
    devices: tuple[Device, ...]
    blend_size: int = 0
    blend_mtime_ns: int = 0
    home: str = ""
    """The artist's own file, where ``blend`` is a copy of it made for this job; empty: ``blend`` itself."""
    engine: str = "CYCLES"
    order: Order = Order.FORWARD
    strategy: Strategy = Strategy.AUTO
    per_device: int = 1
    threads: int = 0
    """CPU threads per worker; 0: `layout.share` of the cores."""
    cores: int = 0
    """Cores the job may use in all; 0: what the machine has, less one in a session with a display."""
    overwrite: bool = True
    factory: bool = False
    autoexec: bool = False
    persistent_data: str = "auto"
    """``auto`` | ``on`` | ``file``."""
    share_devices: bool = False
    sequence: bool = False
    """Where the scene writes a movie, render PNG pictures instead."""
    movie: str = ""
    """Absolute path of the movie that is made of the pictures when all are there; empty: none."""
    resolution: int = 0
    """Replaces the scene's resolution percentage (a test render); 0: the scene's own."""
    samples: float = 0.0
    """Percent of the scene's samples (a test render); 0: all."""
    gather: bool = False
    """No task is handed out until every worker has loaded (a measurement)."""
    pixels: float = 1.0
    """Times the scene's pixels (a measurement)."""
    side_folder: str = ""
    """Takes the place of every File Output node's own folder (a measurement); empty: they keep theirs."""
    fps: float = 0.0
    """The scene's frames per second, to play what was rendered; 0: unknown."""
    then: Then = Then.NOTHING
    in_order: bool = False
    """Frames depend on each other (un-baked simulation): one worker, forward."""
    retries: int = 3
    """How often a task that failed is tried again before it is given up as a poison task."""
    last_resort: tuple[str, ...] = ()
    """What may be tried for a frame that fits on no card: ``combined``, ``cpu``, in this order."""
    recycle: int = 0
    """Frames after which each worker starts afresh; 0: by measurement only."""
    release_claims_after: float = 0.0
    """Foreign claims (empty files without an owner) older than this many seconds are released; 0: never."""
    environment: dict[str, str] = field(default_factory=dict)
    """OCIO, BLENDER_* and GPU masks as they were when the job was made; resume uses these."""
    external: tuple[tuple[str, int, int], ...] = ()
    """Libraries, textures, caches: (absolute path, size, mtime in ns) at the start."""
    limits: Limits = Limits()
