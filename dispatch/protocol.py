# SPDX-License-Identifier: GPL-3.0-or-later
"""What a dispatcher and a child say to each other: a closed set of messages, one JSON object a line.

Requests go down to the child, reports come up. Both sides import this module, so that no name is typed twice.
A message may be late, doubled, cut or missing: whoever receives it must cope, and a line that is no message is
never taken for one (`decode` returns None: it goes to the log).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from .codec import CodecError, from_plain, to_json
from .model import Backend, Device, Fault, Phases, Picture

VERSION = 1
LONGEST_LINE = 4 << 20
"""Bytes. A line that is longer is garbage; the reader throws it away without keeping it."""

_MARK = "mgd"
"""Key that carries the message's name: no library prints a JSON object with this key by chance."""


# --- requests: dispatcher → child -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Inspect:
    """Look at this machine's devices and, where a file is named, at a scene; answer `Inspected`; go on living."""

    blend: str = ""
    scene: str = ""
    """Empty: the scene that the file was saved with."""
    autoexec: bool | None = None
    """None: as this Blender itself would decide."""
    output: str = ""
    """Template that replaces the scene's own; empty: the scene's own."""
    sequence: bool = False
    """A movie output is looked at as the image sequence that would be rendered instead of it."""


@dataclass(frozen=True, slots=True)
class Configure:
    """Load the scene and get ready to render; answer `Loaded` or `Broken`."""

    worker: int
    owner: str
    """Id of the dispatcher's owner file: claims are made in its name."""
    blend: str
    scene: str
    output: str
    backend: Backend
    devices: tuple[str, ...]
    """Cycles ids; empty: the engine chooses for itself."""
    threads: int
    overwrite: bool
    autoexec: bool
    persistent_data: str = "auto"
    """As `Job.persistent_data`, or ``off``: it was found to render wrong pictures."""
    release_claims_after: float = 0.0
    """Foreign placeholders older than this many seconds are released and rendered here; 0: never."""
    sequence: bool = False
    """Where the scene writes a movie, render PNG pictures instead."""
    home: str = ""
    """The artist's own file, where ``blend`` is a copy: what is still relative in it is relative to that one."""
    resolution: int = 0
    """Replaces the scene's resolution percentage; 0: the scene's own."""
    samples: float = 0.0
    """Percent of the scene's samples; 0: all."""
    pixels: float = 1.0
    """Times the number of pixels, after ``resolution``."""
    side_folder: str = ""
    """Takes the place of every File Output node's own folder; empty: they keep theirs."""


@dataclass(frozen=True, slots=True)
class MakeMovie:
    """Instead of rendering: load the scene as `Configure` says (it comes first) and write its movie, with its sound,
    from pictures that are there; answer `MovieMade` or `Broken`."""

    pictures: tuple[str, ...]
    """Absolute, one for each frame of the movie, in order."""
    frames: tuple[int, int]
    """First and last frame of the animation: where its sound begins and ends."""
    movie: str
    """Absolute final path: written beside it first, then moved into place."""


@dataclass(frozen=True, slots=True)
class Render:
    """Render one frame under this attempt number. A child may hold one more of these while it renders."""

    attempt: int
    frame: int
    again: bool = False
    """The picture that is there is our own and no good: it is replaced, with Overwrite off too."""


@dataclass(frozen=True, slots=True)
class Check:
    """Render the frame into a private folder, compare it with these pictures of it, throw it away; answer `Checked`
    or `Failed`."""

    attempt: int
    frame: int
    pictures: tuple[Picture, ...]
    """What the frame left in place."""


@dataclass(frozen=True, slots=True)
class Commit:
    """The journal knows the attempt's pictures: put them in place."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Discard:
    """Throw the attempt's pictures away and release its claim."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Threads:
    """From the next frame on use so many CPU threads: the cores are shared by more or fewer workers now."""

    count: int


@dataclass(frozen=True, slots=True)
class FolderNoted:
    """The journal knows this output folder: the child may write there."""

    folder: str


@dataclass(frozen=True, slots=True)
class Leave:
    """Finish the frame in hand and its commit, drop frames not begun, say `Left`, end."""


# --- reports: child → dispatcher --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hello:
    """First word of a child: it runs, nothing is loaded yet."""

    protocol: int
    pid: int
    version: tuple[int, int, int]
    build: str
    """Build hash of this Blender."""
    python: str = ""


@dataclass(frozen=True, slots=True)
class SideOutput:
    """One File Output node (or other extra output) of the scene."""

    node: str
    path: str
    """Absolute folder or template as resolved by Blender, for people."""


@dataclass(frozen=True, slots=True)
class SceneFacts:
    """What preflight wants to know of a scene. Paths are absolute."""

    scene: str
    scenes: tuple[str, ...]
    engine: str
    frame_start: int
    frame_end: int
    frame_step: int
    width: int
    """Pixels, after resolution % and border crop."""
    height: int
    output: str
    """The template that will be used (request's own, else the scene's), absolute."""
    output_is_relative: bool
    """True where it stayed relative because the file was never saved or the path has no folder."""
    first_path: str
    """Final name of the first frame's main picture (without view suffixes); empty: Blender cannot make one."""
    last_path: str
    file_format: str
    is_movie: bool
    movie_path: str = ""
    """Where this Blender would write the movie of the whole range; empty: it writes pictures."""
    views: tuple[str, ...] = ()
    """File name suffixes of individually saved views, in order; empty: one file per frame."""
    use_overwrite: bool = True
    use_placeholder: bool = False
    camera: str = ""
    """Empty: no camera at the first frame."""
    needs_camera: bool = True
    """Not where the pictures come from the video sequencer."""
    view_layers: tuple[str, ...] = ()
    """Those that render."""
    side_outputs: tuple[SideOutput, ...] = ()
    missing_libraries: tuple[str, ...] = ()
    missing_images: tuple[str, ...] = ()
    """Images, sounds and caches that the scene names and that are not there."""
    unpacked_paint: tuple[str, ...] = ()
    """Images changed by painting and neither saved nor packed."""
    unbaked: tuple[tuple[str, str], ...] = ()
    """(object, kind of simulation)."""
    handlers: tuple[str, ...] = ()
    """Render init / complete / cancel handlers of add-ons and scripts, which children leave out."""
    scripts_blocked: bool = False
    """The file has scripts or scripted drivers that will not run because autoexec is off."""
    autoexec: bool = False
    """Whether embedded scripts run, as decided."""
    gpu_compositor: bool = False
    external: tuple[tuple[str, int, int], ...] = ()
    """Files the scene reads: (path, size, mtime in ns)."""
    bad_template: str = ""
    """What Blender does not understand in the output path, in its own words."""
    warnings: tuple[str, ...] = ()
    """Anything else worth a sentence."""


@dataclass(frozen=True, slots=True)
class Inspected:
    """Answer to `Inspect`. ``error`` is a sentence when the file could not be opened."""

    devices: tuple[Device, ...]
    """Every device of every backend that this Blender can use, CPU included; one card may come more than once."""
    preferred: tuple[str, ...] = ()
    """Ids ticked in the artist's preferences."""
    scene: SceneFacts | None = None
    error: str = ""
    config: str = ""
    """Folder of this Blender's own preferences (children get a private copy); empty for a bpy module."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The scene is loaded and the devices are pinned."""

    seconds: float
    devices: tuple[str, ...]
    """Ids that Cycles really has enabled now."""
    handlers_left_out: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FolderUsed:
    """The child is about to write into this output folder for the first time; it waits for `FolderNoted`."""

    folder: str


@dataclass(frozen=True, slots=True)
class Begun:
    """The attempt's claim is made and its render call starts now."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Progressed:
    """At most four times a second and attempt."""

    attempt: int
    sample: int
    samples: int


@dataclass(frozen=True, slots=True)
class Rendered:
    """The pictures are whole, checked and still in the temporary folder; the child waits for `Commit`."""

    attempt: int
    pictures: tuple[Picture, ...]
    """Side files first, the main picture (its last view) last."""
    phases: Phases
    memory: int = 0
    """Peak resident memory of the child so far, bytes; 0: unknown."""
    devices: tuple[str, ...] = ()
    """Ids that Cycles had enabled while it rendered."""
    warnings: tuple[str, ...] = ()
    """Sentences about what went wrong in the scene without stopping it, each once in a child's life."""
    lacks: str = ""
    """What got no RAM in this Blender since the picture before, while it rendered on; empty: nothing that is known."""


@dataclass(frozen=True, slots=True)
class Committed:
    """The pictures are in place under their final names, on disk."""

    attempt: int
    lost_to_others: tuple[str, ...] = ()
    """Final names that held a whole foreign picture at the moment of the commit, which was kept."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """The child did not render: the picture is there already, or somebody else has claimed it."""

    attempt: int
    pictures: tuple[Picture, ...] = ()
    """Whole pictures found (Overwrite off); empty: claimed elsewhere."""
    owner: str = ""
    """Words for who holds the claim: ``render7 (pid 4711)``; empty: a plain Blender's placeholder."""
    since: float = 0.0
    """Modification time of the claim, seconds since the epoch by the file server's clock."""
    warnings: tuple[str, ...] = ()
    """Sentences about what was found."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt failed; its claim and temporary files are gone. The child can render on."""

    attempt: int
    fault: Fault
    words: str


@dataclass(frozen=True, slots=True)
class Checked:
    """Answer to `Check`; nothing is left of what was rendered for it."""

    attempt: int
    compared: bool
    same: bool
    difference: float = 0.0
    """Share of the pixels that differ visibly, 0 … 1; of the picture that differs most."""
    words: str = ""
    """Why it could not be compared."""
    phases: Phases = field(default_factory=Phases)


@dataclass(frozen=True, slots=True)
class Broken:
    """The child cannot go on and ends: it cannot load, pin its devices, or trust its Blender any more."""

    fault: Fault
    words: str


@dataclass(frozen=True, slots=True)
class MovieMade:
    """The movie is in place."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class Left:
    """Last word of a child that was asked to leave."""

    dropped: tuple[int, ...] = field(default=())
    """Attempts that were handed to it and not begun."""


Request = Inspect | Configure | MakeMovie | Render | Check | Commit | Discard | FolderNoted | Threads | Leave
Report = (
    Hello
    | Inspected
    | Loaded
    | FolderUsed
    | Begun
    | Progressed
    | Rendered
    | Committed
    | Skipped
    | Failed
    | Checked
    | Broken
    | MovieMade
    | Left
)

_MESSAGES: dict[str, type] = {
    m.__name__: m
    for m in (
        *(Inspect, Configure, MakeMovie, Render, Check, Commit, Discard, FolderNoted, Threads, Leave),
        *(
            Hello,
            Inspected,
            Loaded,
            FolderUsed,
            Begun,
            Progressed,
            Rendered,
            Committed,
            Skipped,
            Failed,
            Checked,
            Broken,
            MovieMade,
            Left,
        ),
    )
}


def encode(message: Request | Report) -> bytes:
    """Return the message as one line, newline included."""
    body = to_json(message)
    rest = "," + body[1:] if body != "{}" else "}"
    return f'{{"{_MARK}":"{type(message).__name__}"{rest}\n'.encode("utf-8", "backslashreplace")


def decode(line: bytes) -> Request | Report | None:
    """Return the message in the line, or None where the line is no message of ours."""
    if len(line) > LONGEST_LINE or not line.startswith(b"{"):
        return None
    try:
        data = json.loads(line)
        name = data.pop(_MARK, None)
        kind = _MESSAGES.get(name) if isinstance(name, str) else None
        return None if kind is None else from_plain(kind, data)
    except (ValueError, CodecError, RecursionError):
        return None
