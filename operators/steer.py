# SPDX-License-Identifier: GPL-3.0-or-later
"""What the artist may ask of a job: pause, stop, go ahead in line, share, stay awake, release claims of others.

Owns the operators and the sentences that say why a button is grey. An order is a wish in the job's folder; the
dispatcher obeys within half a second. It must not touch a Scene: jobs are no part of the file, so nothing is undone.
"""

from functools import partial
from pathlib import Path

from bpy.props import EnumProperty
from bpy.types import Context, Event, Operator

from ..dispatch import job, wording
from ..dispatch import shown as rules
from ..dispatch.job import Wish
from ..dispatch.model import DispatchError
from ..dispatch.watch import JobSeen
from . import engine, errands
from .on_job import OnJob
from .settings import THENS

RELEASE = 120.0
"""Seconds for looking at the claims in an output folder, which may lie on a slow file server."""


def _not_running(seen: JobSeen) -> str:
    if seen.state in rules.AT_REST:
        return f"{seen.name} is not running"
    return f"{seen.name} is writing its movie: there is nothing left to steer" if seen.state == "writing movie" else ""


class _Order(OnJob):
    """An operator that leaves one wish in the job's folder: ``wish``, which each has of its own."""

    says = ""
    """What is reported; empty: the panel shows it at once."""
    nothing = "No job is running"

    def value(self) -> str:
        """Return what goes with the wish."""
        return ""

    def act(self, _context: Context, seen: JobSeen) -> str:
        job.ask(Path(seen.folder), self.wish, self.value())
        return self.says.format(name=seen.name)


class MULTI_GPU_OT_pause(_Order, Operator):
    bl_idname = "multi_gpu.pause"
    bl_label = "Pause Render on All GPUs"
    bl_description = "Finish the current frames, then give memory and GPUs back until the render goes on"
    wish = Wish.PAUSE
    says = "{name} pauses after its current frames"

    @staticmethod
    def why_not(seen: JobSeen) -> str:
        said = {
            "paused": f"{seen.name} is paused already",
            "stopping": f"{seen.name} is stopping",
            "waiting": f"{seen.name} waits for its GPUs: there is nothing to pause",
        }
        return _not_running(seen) or said.get(seen.state, "")


class MULTI_GPU_OT_go_on(_Order, Operator):
    bl_idname = "multi_gpu.go_on"
    bl_label = "Go On with Render on All GPUs"
    bl_description = "Go on with a render that is paused"
    wish = Wish.GO_ON
    says = "{name} goes on"

    @staticmethod
    def why_not(seen: JobSeen) -> str:
        return _not_running(seen) or ("" if seen.state == "paused" else f"{seen.name} is not paused")


class MULTI_GPU_OT_stop(_Order, Operator):
    bl_idname = "multi_gpu.stop"
    bl_label = "Stop Render on All GPUs"
    bl_description = "Stop after the current frames. Resume goes on later where it stopped"
    wish = Wish.STOP
    says = "{name} stops after its current frames"

    @staticmethod
    def why_not(seen: JobSeen) -> str:
        return _not_running(seen) or (f"{seen.name} is stopping already" if seen.state == "stopping" else "")


class MULTI_GPU_OT_stop_now(_Order, Operator):
    bl_idname = "multi_gpu.stop_now"
    bl_label = "Stop Now"
    bl_description = "Stop at once. What was rendered of the current frames is lost; Resume renders them again"
    wish = Wish.STOP_NOW
    says = "{name} stops now"

    @staticmethod
    def why_not(seen: JobSeen) -> str:
        return f"{seen.name} is not running" if seen.state in rules.AT_REST else ""

    def invoke(self, context: Context, event: Event) -> set[str]:
        meant = self.target()
        if meant is None:
            return {"CANCELLED"}
        self.folder = meant.folder  # another may be shown when the answer comes
        at_work = [worker for worker in meant.snapshot.workers if worker.frame is not None] if meant.snapshot else []
        if not at_work:
            return self.execute(context)
        lost = wording.count(len(at_work), "frame is", "frames are")
        return context.window_manager.invoke_confirm(
            self,
            event,
            title=f"Stop {meant.name} Now?",
            message=f"{lost} being rendered and will be lost.",
            confirm_text="Stop Now",
            icon="WARNING",
        )


def _not_waiting(seen: JobSeen) -> str:
    return "" if seen.state == "waiting" else f"{seen.name} does not wait in line"


class MULTI_GPU_OT_ahead(_Order, Operator):
    bl_idname = "multi_gpu.ahead"
    bl_label = "Move Ahead in Line"
    bl_description = "Move this job one place to the front of those that wait for the GPUs"
    wish = Wish.AHEAD
    nothing = "No job waits in line"

    @staticmethod
    def why_not(seen: JobSeen) -> str:
        if not _not_waiting(seen) and seen.snapshot and not seen.snapshot.ahead:
            return f"{seen.name} is the next in line already"
        return _not_waiting(seen)


class MULTI_GPU_OT_share(_Order, Operator):
    bl_idname = "multi_gpu.share"
    bl_label = "Share GPUs"
    bl_description = "Wait no longer: render on the same GPUs as the other job. Both become slower and need the memory"
    wish = Wish.SHARE
    says = "{name} shares the GPUs"
    nothing = "No job waits in line"
    why_not = staticmethod(_not_waiting)


class MULTI_GPU_OT_then(_Order, Operator):
    bl_idname = "multi_gpu.then"
    bl_label = "When Finished"
    bl_description = "What this computer does when the job has ended"
    wish = Wish.THEN

    action: EnumProperty(name="When Finished", items=THENS, options={"SKIP_SAVE"})

    @staticmethod
    def why_not(seen: JobSeen) -> str:
        return f"{seen.name} is not running" if seen.state in rules.AT_REST else ""

    def value(self) -> str:
        return self.action.lower().replace("_", "-")


class MULTI_GPU_OT_stay(_Order, Operator):
    bl_idname = "multi_gpu.stay"
    bl_label = "Stay Awake"
    bl_description = "Do not sleep or shut down after the render"
    wish = Wish.STAY
    says = "This computer stays awake"
    nothing = "This computer is not about to sleep or shut down"

    @staticmethod
    def why_not(seen: JobSeen) -> str:
        counting = seen.running and seen.snapshot is not None and seen.snapshot.then_at > 0
        return "" if counting else MULTI_GPU_OT_stay.nothing


class MULTI_GPU_OT_release_claims(OnJob, Operator):
    bl_idname = "multi_gpu.release_claims"
    bl_label = "Release Stale Claims"
    bl_description = (
        "Remove the empty files that another Blender left in place of frames and did not fill. "
        "Resume then renders these frames"
    )
    nothing = "No frame is claimed elsewhere"

    @staticmethod
    def why_not(seen: JobSeen) -> str:
        if seen.state not in rules.AT_REST or seen.running:
            return f"{seen.name} is still running: it waits for these frames itself"
        blocked = seen.snapshot is not None and seen.snapshot.elsewhere > 0
        return "" if blocked else f"No frame of {seen.name} is claimed elsewhere"

    def act(self, _context: Context, seen: JobSeen) -> str:
        argv = engine.command("release", seen.folder)
        errands.send(partial(_release, argv), resume=seen.folder)
        return "The claims are being looked at"


def _release(argv: list[str]) -> str:
    """Release the claims and return what was done.

    Raises:
        DispatchError: it failed, takes too long, or found nothing to release.
    """
    try:
        said = engine.ask(argv, RELEASE)
    except DispatchError as error:
        raise DispatchError(f"The claims cannot be released: {error}") from error
    done_words = said[-1].partition(";")[0].rstrip(".")  # behind it stands what to type
    if done_words.startswith("0 "):
        raise DispatchError(
            "There is no stale claim: what others claimed is younger than 10 minutes, or finished by now. Resume looks again."
        )
    return f"{done_words}: the job can go on now."


CLASSES = (
    MULTI_GPU_OT_pause,
    MULTI_GPU_OT_go_on,
    MULTI_GPU_OT_stop,
    MULTI_GPU_OT_stop_now,
    MULTI_GPU_OT_ahead,
    MULTI_GPU_OT_share,
    MULTI_GPU_OT_then,
    MULTI_GPU_OT_stay,
    MULTI_GPU_OT_release_claims,
)
