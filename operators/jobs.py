# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of jobs: see another one, put one away, remove one or the old ones.

Owns these operators. Pictures are never touched, and a job that runs is never removed.
"""

from pathlib import Path

from bpy.types import Context, Event, Operator

from ..dispatch import job, removal, wording
from ..dispatch import shown as rules
from ..dispatch.watch import JobSeen
from . import preferences, session
from .on_job import OnJob, wait_cursor


class MULTI_GPU_OT_show_job(OnJob, Operator):
    bl_idname = "multi_gpu.show_job"
    bl_label = "Show Job"
    bl_description = "Show this job in the panel"

    @staticmethod
    def why_not(_seen: JobSeen) -> str:
        return ""

    def act(self, _context: Context, seen: JobSeen) -> str:
        session.show(seen.folder)
        return ""


class MULTI_GPU_OT_dismiss(OnJob, Operator):
    bl_idname = "multi_gpu.dismiss"
    bl_label = "Dismiss"
    bl_description = "Put this away. The job stays in the list"

    @staticmethod
    def why_not(seen: JobSeen) -> str:
        return "" if seen.state in rules.AT_REST else f"{seen.name} is still running"

    @classmethod
    def poll(cls, context: Context) -> bool:
        return bool(session.trouble) or super().poll(context)

    def execute(self, context: Context) -> set[str]:
        if session.trouble and not self.folder:
            session.trouble = ""
            return {"FINISHED"}
        return super().execute(context)

    def act(self, _context: Context, seen: JobSeen) -> str:
        job.dismiss(Path(seen.folder))
        session.show("")
        return ""


class MULTI_GPU_OT_remove_job(OnJob, Operator):
    bl_idname = "multi_gpu.remove_job"
    bl_label = "Remove Job"
    bl_description = "Remove this job, its copy of the scene and its logs. The rendered frames stay"

    @staticmethod
    def why_not(seen: JobSeen) -> str:
        return (
            "" if seen.state in rules.AT_REST and not seen.running else f"{seen.name} is still running: stop it first"
        )

    def invoke(self, context: Context, event: Event) -> set[str]:
        meant = self.target()
        if meant is None:
            return {"CANCELLED"}
        self.folder = meant.folder
        return context.window_manager.invoke_confirm(
            self,
            event,
            title=f"Remove {meant.name}?",
            message="It cannot be resumed any more. The rendered frames stay.",
            confirm_text="Remove",
            icon="WARNING",
        )

    def act(self, context: Context, seen: JobSeen) -> str:
        with wait_cursor(context):
            removal.remove(Path(seen.folder))
        return f"{seen.name} was removed; its frames stay"


class MULTI_GPU_OT_clean_up_jobs(Operator):
    bl_idname = "multi_gpu.clean_up_jobs"
    bl_label = "Clean Up Jobs"
    bl_description = "Remove jobs that ended longer ago than the preferences say. The rendered frames stay"

    @classmethod
    def poll(cls, _context: Context) -> bool:
        if preferences.get().keep_days == 0:
            cls.poll_message_set("The preferences say that jobs are kept for ever")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        days = preferences.get().keep_days
        with wait_cursor(context):
            removed = removal.clean_up(preferences.jobs_root(), days)
            removal.clean_up_measurements(preferences.measurements_root(), days)
        session.refresh()
        if removed:
            said = f"{wording.count(len(removed), 'job')} removed"
        else:
            said = f"No job ended more than {wording.count(days, 'day')} ago"
        self.report({"INFO"}, said)
        return {"FINISHED"}


CLASSES = (
    MULTI_GPU_OT_show_job,
    MULTI_GPU_OT_dismiss,
    MULTI_GPU_OT_remove_job,
    MULTI_GPU_OT_clean_up_jobs,
)
