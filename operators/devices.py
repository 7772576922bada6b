# SPDX-License-Identifier: GPL-3.0-or-later
"""The artist's decisions about single cards: ``scene.multi_gpu.devices`` joined with what was found here.

Owns the operators that change them, all undoable. `dispatch.selection` has the rules. Only cards that were decided
about are saved in the file; it must not ask a driver.
"""

from collections.abc import Iterator

from bpy.props import EnumProperty, StringProperty
from bpy.types import Context, Operator, OperatorProperties

from ..dispatch import host, selection
from ..dispatch.listing import DevicesFound
from ..dispatch.model import Device
from ..dispatch.selection import Choice, DeviceRow
from . import session, settings

UNDOABLE = {"REGISTER", "UNDO"}
CORES = max(1, host.cores() - 1)
"""What a job of this session may use: one stays with the artist."""


def rows(context: Context) -> tuple[DeviceRow, ...]:
    """Return the device list of this scene; cheap enough for draw()."""
    chosen = settings.of(context)
    found = selection.rows(session.seen().devices, _choices(chosen), chosen.leave_display_free)
    now = session.shown()
    return selection.with_figures(found, now.snapshot.devices) if now and now.running and now.snapshot else found


def chosen(context: Context) -> tuple[Device, ...]:
    """Return the devices that a job of this scene gets."""
    asked = settings.of(context)
    return selection.chosen(session.seen().devices, _choices(asked), asked.leave_display_free)


def _choices(chosen: settings.SceneSettings) -> list[Choice]:
    return [_choice(each) for each in chosen.devices]


def _choice(saved: settings.DeviceChoice) -> Choice:
    return Choice(saved.card, saved.name, saved.backend, saved.use)


def _may_change(cls: type[Operator], context: Context) -> bool:
    if context.scene is None or not context.scene.is_editable:
        cls.poll_message_set("This scene is linked from another file: choose its devices there")
        return False
    if session.seen().devices is None:
        cls.poll_message_set(
            "The devices are still being looked for" if session.seen().looking else "No device is known"
        )
        return False
    return True


class _OnCard:
    """An operator on one card that is here."""

    card: StringProperty(name="Card", description="Which card: its place in the computer", options={"SKIP_SAVE"})
    poll = classmethod(_may_change)

    def execute(self, context: Context) -> set[str]:
        row = next((row for row in rows(context) if row.here and row.card == self.card), None)
        if row is None:
            self.report({"ERROR"}, f"There is no card {self.card} in this computer: refresh the devices.")
            return {"CANCELLED"}
        self.act(settings.of(context), row)
        return {"FINISHED"}


class MULTI_GPU_OT_toggle_device(_OnCard, Operator):
    bl_idname = "multi_gpu.toggle_device"
    bl_label = "Use Device"
    bl_description = "Render on this device, or leave it out"
    bl_options = UNDOABLE

    @classmethod
    def description(cls, context: Context, given: OperatorProperties) -> str:
        """The list shortens names; here stands all of it."""
        row = next((row for row in rows(context) if row.here and row.card == given.card), None)
        if row is None:
            return cls.bl_description
        about = [row.name]
        about += ["it drives the screen"] if row.display else []
        about += ["it shares the computer's memory"] if row.integrated else []
        return f"{', '.join(about)}. {'Leave it out' if row.use else 'Render on it'}"

    def act(self, chosen: settings.SceneSettings, row: DeviceRow) -> None:
        use = not row.use
        if use and row.display:
            chosen.leave_display_free = False  # else the click would do nothing
        _decide(chosen, row.card).use = use


class MULTI_GPU_OT_device_backend(_OnCard, Operator):
    bl_idname = "multi_gpu.device_backend"
    bl_label = "Backend"
    bl_description = "How Cycles drives this card. The first one is the fastest"
    bl_options = UNDOABLE

    backend: StringProperty(
        name="Backend", description="OPTIX, CUDA, HIP, ONEAPI, METAL or CPU; empty: the best", options={"SKIP_SAVE"}
    )

    def execute(self, context: Context) -> set[str]:
        row = next((row for row in rows(context) if row.card == self.card), None)
        if row and self.backend and self.backend not in row.backends:
            self.report(
                {"ERROR"}, f"{row.name} cannot be driven by {self.backend}: choose {' or '.join(row.backends)}."
            )
            return {"CANCELLED"}
        return super().execute(context)

    def act(self, chosen: settings.SceneSettings, row: DeviceRow) -> None:
        choice = _decide(chosen, row.card)
        choice.use, choice.backend = row.use, self.backend


class MULTI_GPU_OT_select_devices(Operator):
    bl_idname = "multi_gpu.select_devices"
    bl_label = "Select Devices"
    bl_description = "Choose several devices at once"
    bl_options = UNDOABLE

    action: EnumProperty(
        name="Action",
        items=(
            ("ALL", "All", "Render on every device, the processor included"),
            ("NONE", "None", "Leave every device out"),
            ("GPUS", "GPUs", "Render on every GPU, and not on the processor"),
        ),
        default="GPUS",
    )
    poll = classmethod(_may_change)

    def execute(self, context: Context) -> set[str]:
        wanted = settings.of(context)
        here = [row for row in rows(context) if row.here]
        good = {row.card for row in here if not row.is_cpu and not row.integrated}
        gpus = good or {row.card for row in here if not row.is_cpu}
        use = {"ALL": {row.card for row in here}, "NONE": set(), "GPUS": gpus}[self.action]
        if use:
            wanted.leave_display_free = False
        for row in here:
            _decide(wanted, row.card).use = row.card in use
        return {"FINISHED"}


class MULTI_GPU_OT_forget_device(Operator):
    bl_idname = "multi_gpu.forget_device"
    bl_label = "Forget Device"
    bl_description = "Remove a device that is not in this computer from this file"
    bl_options = UNDOABLE

    card: StringProperty(name="Card", description="Which card: its place in the computer", options={"SKIP_SAVE"})
    poll = classmethod(_may_change)

    def execute(self, context: Context) -> set[str]:
        saved = settings.of(context).devices
        about = [index for index, choice in enumerate(saved) if choice.card == self.card]
        gone = [i for i in about if not any(selection.is_about(_choice(saved[i]), each) for each in _here())]
        for index in reversed(gone or about):
            saved.remove(index)
        return {"FINISHED"} if about else {"CANCELLED"}


class MULTI_GPU_OT_refresh_devices(Operator):
    bl_idname = "multi_gpu.refresh_devices"
    bl_label = "Refresh Devices"
    bl_description = "Look again for the devices of this computer. It takes some seconds, and nothing waits for it"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, _context: Context) -> bool:
        if session.seen().looking:
            cls.poll_message_set("The devices are being looked for now")
            return False
        return True

    def execute(self, _context: Context) -> set[str]:
        session.wants_devices(again=True)
        return {"FINISHED"}


def _here() -> Iterator[selection.Found]:
    found: DevicesFound | None = session.seen().devices
    return iter(found.devices if found else ())


def _decide(chosen: settings.SceneSettings, card: str) -> settings.DeviceChoice:
    """Return the choice about a card that is here, made where there was none."""
    found = next(each for each in _here() if selection.card(each) == card)
    for index, choice in enumerate(_choices(chosen)):
        if selection.is_about(choice, found):
            return chosen.devices[index]
    made = chosen.devices.add()
    made.card, made.name, made.backend = card, selection.own_name(found), ""
    return made


CLASSES = (
    MULTI_GPU_OT_toggle_device,
    MULTI_GPU_OT_device_backend,
    MULTI_GPU_OT_select_devices,
    MULTI_GPU_OT_forget_device,
    MULTI_GPU_OT_refresh_devices,
)
