# SPDX-License-Identifier: GPL-3.0-or-later
"""What every operator on one job shares: which job is meant, whether it may, and how it answers.

Owns the rule that a grey button says why. It must not know any single operator.
"""

import contextlib
from collections.abc import Iterator

import bpy
from bpy.props import StringProperty
from bpy.types import Context

from ..dispatch import findings
from ..dispatch import shown as rules
from ..dispatch.model import DispatchError
from ..dispatch.watch import JobSeen
from . import session


class OnJob:
    """An operator on one job: the one named by its folder, else the shown one, else the only one that it fits."""

    folder: StringProperty(
        name="Job Folder", description="Which job. Empty: the one that is shown", options={"SKIP_SAVE", "HIDDEN"}
    )
    nothing = "There is no job"
    """Why it is grey where no job is shown."""

    @staticmethod
    def why_not(seen: JobSeen) -> str:
        """Say why it cannot be done with this job; empty: it can."""
        raise NotImplementedError

    @classmethod
    def poll(cls, _context: Context) -> bool:
        if any(not cls.why_not(seen) for seen in session.seen().jobs):
            return True
        shown = session.shown()
        cls.poll_message_set(cls.why_not(shown) if shown else cls.nothing)
        return False

    def target(self) -> JobSeen | None:
        """Return the job that is meant, or None after a report."""
        jobs = session.seen().jobs
        if self.folder:
            meant = rules.find(jobs, bpy.path.abspath(self.folder))
            why = self.why_not(meant) if meant else f"There is no job in {self.folder}"
        else:
            shown = session.shown()
            meant = rules.meant(jobs, shown, lambda seen: not self.why_not(seen))
            why = "" if meant else self.why_not(shown) if shown else self.nothing
        if why:
            self.report({"ERROR"}, f"{why}.")
        return None if why else meant

    def execute(self, context: Context) -> set[str]:
        meant = self.target()
        if meant is None:
            return {"CANCELLED"}
        try:
            said = self.act(context, meant)
        except DispatchError as error:
            self.report({"ERROR"}, findings.in_panel(str(error)))
            return {"CANCELLED"}
        if said:
            self.report({"INFO"}, said)
        session.refresh()
        return {"FINISHED"}


@contextlib.contextmanager
def wait_cursor(context: Context) -> Iterator[None]:
    """Show the cursor that says that Blender stands still for a moment."""
    window = context.window
    if window:
        window.cursor_modal_set("WAIT")
    try:
        yield
    finally:
        if window:
            window.cursor_modal_restore()
