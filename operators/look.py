# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at what a job made: its folders and logs, its newest picture, the whole thing in motion.

Owns the operators. Files are opened by the system's own programs, which nothing waits for; only the newest picture
comes into this Blender, always as the same image, without an undo step. It must not change a setting.
"""

import itertools
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import bpy
from bpy.props import StringProperty
from bpy.types import Context, Operator

from ..dispatch import frames, host, player
from ..dispatch.model import DispatchError
from ..dispatch.watch import JobSeen
from . import errands
from .on_job import OnJob

IMAGE = "Newest Frame"
"""The image that shows it."""

OPENS = 10.0
"""Seconds in which a program that opens a file says that it cannot; one that stays longer is the viewer itself."""

MOST_LOOKS = 1000
"""So many of the first frames may be missing before Play gives up: looking at each takes time on a file server."""

_viewers: list[subprocess.Popen[bytes]] = []
"""Programs that were started here: kept so that their ends are collected."""


class MULTI_GPU_OT_open_output(OnJob, Operator):
    bl_idname = "multi_gpu.open_output"
    bl_label = "Open Output Folder"
    bl_description = "Show the rendered frames in the file manager"

    @staticmethod
    def why_not(seen: JobSeen) -> str:
        return "" if seen.output else f"{seen.name} cannot be read"

    def act(self, _context: Context, seen: JobSeen) -> str:
        folder = Path(
            seen.snapshot.last_picture if seen.snapshot and seen.snapshot.last_picture else seen.output
        ).parent
        return show(folder, f"The folder {folder} is not there yet: the first frame makes it.")


class MULTI_GPU_OT_open_log(OnJob, Operator):
    bl_idname = "multi_gpu.open_log"
    bl_label = "Open Log"
    bl_description = "Show what Blender printed while it rendered"

    path: StringProperty(name="Log", description="Empty: that of the last message", options={"SKIP_SAVE", "HIDDEN"})

    @staticmethod
    def why_not(_seen: JobSeen) -> str:
        return ""

    def act(self, _context: Context, seen: JobSeen) -> str:
        said = [message.log for message in seen.snapshot.messages if message.log] if seen.snapshot else []
        newest = said[-1] if said else str(Path(seen.folder) / "dispatcher.log")
        return show(Path(self.path or newest), "The log is not there (any more): open the job folder instead.")


class MULTI_GPU_OT_open_job_folder(OnJob, Operator):
    bl_idname = "multi_gpu.open_job_folder"
    bl_label = "Open Job Folder"
    bl_description = "Show the job's own files: the copy of the scene, the journal and the logs"

    @staticmethod
    def why_not(_seen: JobSeen) -> str:
        return ""

    def act(self, _context: Context, seen: JobSeen) -> str:
        return show(Path(seen.folder), f"The folder {seen.folder} is gone.")


def _no_picture(seen: JobSeen) -> str:
    made = seen.snapshot is not None and seen.snapshot.last_picture
    return "" if made else f"No frame of {seen.name} has been finished yet"


class MULTI_GPU_OT_show_frame(OnJob, Operator):
    bl_idname = "multi_gpu.show_frame"
    bl_label = "Show Newest Frame"
    bl_description = "Show the frame that was finished last in an Image Editor"
    why_not = staticmethod(_no_picture)

    def act(self, _context: Context, seen: JobSeen) -> str:
        path = seen.snapshot.last_picture
        if not Path(path).is_file():
            raise DispatchError(f"The picture {path} is not there any more: open the output folder to see the others.")
        if not _show_image(path):
            raise DispatchError("There is no window that could show the frame: open the output folder instead.")
        return ""


class MULTI_GPU_OT_play(OnJob, Operator):
    bl_idname = "multi_gpu.play"
    bl_label = "Play Frames"
    bl_description = "Play the movie, or the finished frames up to the first gap, in a window of its own"
    why_not = staticmethod(_no_picture)

    def act(self, context: Context, seen: JobSeen) -> str:
        if seen.snapshot.movie:
            return show(
                Path(seen.snapshot.movie),
                f"The movie {seen.snapshot.movie} is not there any more: open the output folder to see the frames.",
            )
        if not bpy.app.binary_path:
            raise DispatchError("This is no whole Blender, so it has no player: open the output folder instead.")
        numbers = sorted(frames.parse(seen.frames))
        paths = (player.picture(seen.output, seen.snapshot.last_picture, number) for number in numbers)
        known = ((at, path) for at, path in enumerate(itertools.islice(paths, MOST_LOOKS)) if Path(path).is_file())
        at, first = next(known, (0, ""))
        if not first:
            raise DispatchError("The first frames are not there (yet): open the output folder to see the others.")
        # A job of an older version does not know its speed; the file that is open is nearly always its own.
        fps = seen.fps or context.scene.render.fps / context.scene.render.fps_base
        argv = player.command(bpy.app.binary_path, first, fps, numbers[at:])
        try:
            _viewers.append(host.spawn_detached(argv, log=Path(seen.folder) / "player.log"))
        except OSError as error:
            raise DispatchError(f"The player does not start ({error}): open the output folder instead.") from error
        return ""


def show(path: Path, missing: str) -> str:
    """Have the system open a file or a folder with the program that it has for it.

    Raises:
        DispatchError: it is not there; the text is ``missing``.
    """
    if not path.exists():
        raise DispatchError(missing)
    errands.send(partial(open_by_system, path))
    return ""


def open_by_system(path: Path) -> str:
    """Open a file with the program that the system has for it; takes seconds, so it is an errand.

    Raises:
        DispatchError: there is no such program, or it says that it cannot.
    """
    failed = DispatchError(f"No program of this computer opens {path}: open it by hand.")
    if sys.platform == "win32":
        try:
            os.startfile(path)
        except OSError:
            raise failed from None
        return ""
    _viewers[:] = [viewer for viewer in _viewers if viewer.poll() is None]
    try:
        viewer = subprocess.Popen(
            ["open" if sys.platform == "darwin" else "xdg-open", str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **host.popen_options(detached=True),
        )
    except OSError:
        raise failed from None
    _viewers.append(viewer)
    try:
        status = viewer.wait(OPENS)
    except subprocess.TimeoutExpired:
        return ""
    if status != 0:
        raise failed
    return ""


def _image(path: str) -> bpy.types.Image:
    """Return the one image of ours, with this picture."""
    old = bpy.data.images.get(IMAGE)
    if old is not None and old.library is None:
        if Path(old.filepath).suffix == Path(path).suffix:
            old.filepath = path
            old.reload()
            return old
        # Another kind of file: colour space and layers would stay those of the last one.
        bpy.data.images.remove(old)
    new = bpy.data.images.load(path)
    new.name = IMAGE
    return new


def _show_image(path: str) -> bool:
    """Show the picture in the Image Editor that disturbs least, in a new window where there is none."""
    windows = bpy.context.window_manager.windows
    editors = [
        area.spaces.active
        for window in windows
        for area in window.screen.areas
        if area.ui_type == "IMAGE_EDITOR" and area.spaces.active.mode == "VIEW"
    ]
    if editors:
        best = min(editors, key=lambda space: space.image is not None and space.image.name != IMAGE)
        best.image = _image(path)
        return True
    if bpy.app.background or not windows:
        return False
    bpy.ops.wm.window_new()
    window = bpy.context.window_manager.windows[-1]
    area = window.screen.areas[0]
    area.ui_type = "IMAGE_EDITOR"
    area.spaces.active.image = _image(path)
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.image.view_all(fit_view=True)
    return True


CLASSES = (
    MULTI_GPU_OT_open_output,
    MULTI_GPU_OT_open_log,
    MULTI_GPU_OT_open_job_folder,
    MULTI_GPU_OT_show_frame,
    MULTI_GPU_OT_play,
)
