# SPDX-License-Identifier: GPL-3.0-or-later
"""What the artist chose for this scene: ``scene.multi_gpu``, and the named presets beside it.

Owns the properties with their names and tooltips, and how choices are copied. Everything here is saved in the .blend.
It must not decide what follows from a choice. Annotations stay objects here: Blender reads properties from them.
"""

import bpy
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, IntProperty, PointerProperty, StringProperty
from bpy.types import PropertyGroup

from . import preferences
from .preferences import STRATEGIES

_STRATEGY_NUMBERS = {identifier: number for identifier, _, _, number in STRATEGIES}
_STRATEGY_IDENTIFIERS = {number: identifier for identifier, number in _STRATEGY_NUMBERS.items()}

ORDERS = (
    ("FORWARD", "Forward", "From the first frame to the last"),
    ("BACKWARD", "Backward", "From the last frame to the first"),
    ("COARSE_TO_FINE", "Coarse to Fine", "First, last, middle, quarters and so on: the whole shot shows early"),
)
PERSISTENT_DATA = (
    ("AUTO", "Auto", "Keep the scene's data between frames, while frames look right with it"),
    ("ON", "On", "Always keep the scene's data between frames"),
    ("FILE", "As in File", "As Render Properties, Performance, Persistent Data says"),
)
LAST_RESORTS = (
    ("GIVE_UP", "Give It Up", "Render the others, and say how much memory it would need"),
    ("COMBINED", "All Cards Together", "Try it on all cards as one device. Helps where cards share memory (NVLink)"),
    ("CPU", "Processor", "Render it on the processor, when nothing else is left to do: slow, but there is more memory"),
    ("BOTH", "Cards, then CPU", "Try it on all cards as one device, then render it on the processor"),
)
RESORTS = {"GIVE_UP": (), "COMBINED": ("combined",), "CPU": ("cpu",), "BOTH": ("combined", "cpu")}
"""Choice → `Job.last_resort`."""
THENS = (
    ("NOTHING", "Nothing", "Nothing but the notices that the preferences ask for"),
    ("NOTIFY", "Notify", "Show a notice on the desktop"),
    ("SLEEP", "Sleep", "Put this computer to sleep. There are 60 seconds to cancel"),
    ("SHUT_DOWN", "Shut Down", "Shut this computer down. There are 60 seconds to cancel"),
)


class DeviceChoice(PropertyGroup):
    """The artist's decision about one card. A card without one is used as it would be by itself."""

    card: StringProperty(name="Card", description="Which card it is: its place in the computer")
    name: StringProperty(name="Device", description="The card's name")
    backend: StringProperty(name="Backend", description="How Cycles drives the card: OptiX, CUDA, HIP, oneAPI or Metal")
    use: BoolProperty(name="Use", description="Render on this device", default=True)


def _strategy_number(self: "Choices") -> int:
    """As chosen, else as the preferences say: a new file follows them without being written to."""
    chosen = self.chosen_strategy if self.is_property_set("chosen_strategy") else preferences.get().strategy
    return _STRATEGY_NUMBERS[chosen]


def _choose_strategy(self: "Choices", number: int) -> None:
    self.chosen_strategy = _STRATEGY_IDENTIFIERS[number]


class Choices:
    """Everything that a preset holds too. `copy` copies exactly these."""

    strategy: EnumProperty(
        name="Strategy",
        description="How the work is spread over the GPUs",
        items=STRATEGIES,
        get=_strategy_number,
        set=_choose_strategy,
    )
    chosen_strategy: EnumProperty(name="Chosen Strategy", items=STRATEGIES, options={"HIDDEN"})
    per_device: IntProperty(
        name="Instances per GPU",
        description="How many Blenders share each GPU. Two are often faster for light scenes; each needs memory",
        default=1,
        min=1,
        max=16,
    )
    threads: IntProperty(
        name="CPU Threads",
        description="CPU threads for each Blender that renders. 0 shares the processor evenly",
        default=0,
        min=0,
        max=1024,
    )
    devices: CollectionProperty(type=DeviceChoice, name="Devices", description="Devices that were switched on or off")
    leave_display_free: BoolProperty(
        name="Leave Display GPU Free",
        description="Do not render on the GPU that drives the screen, so that Blender stays quick",
    )
    share_devices: BoolProperty(
        name="Share GPUs with Other Jobs",
        description="Start at once, even where another job renders on the same GPUs. Both become slower",
    )
    use_frames: BoolProperty(name="Custom Frames", description="Render these frames instead of the scene's range")
    frames: StringProperty(name="Frames", description="Frames to render, such as 1-250, or 1-100x2, 150, 200-210")
    use_test: BoolProperty(
        name="Test Render", description="Render smaller, faster pictures. The settings of the scene are not touched"
    )
    resolution: IntProperty(
        name="Resolution",
        description="Size of the test pictures in percent of the size that the scene has",
        subtype="PERCENTAGE",
        default=25,
        min=1,
        max=100,
    )
    samples: IntProperty(
        name="Samples",
        description="Samples of the test pictures in percent of the samples that the scene has",
        subtype="PERCENTAGE",
        default=25,
        min=1,
        max=100,
    )
    step: IntProperty(name="Step", description="Render only every Nth frame in the test", default=1, min=1)
    order: EnumProperty(name="Order", description="In which order the frames are rendered", items=ORDERS)
    retries: IntProperty(
        name="Retries",
        description="How often a frame that failed is tried again before it is given up",
        default=3,
        min=0,
        max=100,
    )
    last_resort: EnumProperty(
        name="If a Frame Does Not Fit",
        description="What to do with a frame that needs more memory than any GPU has",
        items=LAST_RESORTS,
    )
    recycle: IntProperty(
        name="Restart Blender After N Frames",
        description="Start each background Blender afresh after so many frames. 0: only when its memory grows too much "
        "or it becomes slow",
        default=0,
        min=0,
        max=1_000_000,
    )
    persistent_data: EnumProperty(
        name="Persistent Data",
        description="Keep textures and geometry in memory between frames: faster, and needs more memory",
        items=PERSISTENT_DATA,
    )
    allow_unbaked: BoolProperty(
        name="Render Unbaked Simulations",
        description="Go on with simulations that are not baked: one Blender renders all frames in order",
    )
    clean_children: BoolProperty(
        name="Without Add-ons",
        description="Render with Blender's factory settings: starts faster, but scenes that need add-ons look wrong",
    )
    blender: StringProperty(
        name="Blender",
        description="The Blender that renders this scene. Empty: as in the preferences, else this one",
        subtype="FILE_PATH",
    )
    make_movie: BoolProperty(
        name="Make Movie",
        description="The frames are rendered as pictures; at the end they become the movie that the output asks for",
        default=True,
    )
    then: EnumProperty(name="When Finished", description="What this computer does when the job has ended", items=THENS)


NAMES = tuple(name for name in Choices.__annotations__ if name not in {"devices", "chosen_strategy"})
"""What `copy` copies by value; devices are a list, and the chosen strategy follows the strategy."""


def unique_name(wanted: str, taken: set[str]) -> str:
    """Return the name, with a number where it is taken, as Blender counts: ``Final.001``."""
    name = wanted.strip() or "Preset"
    stem, dot, digits = name.rpartition(".")
    base, number = (stem, int(digits)) if dot and stem and digits.isdecimal() else (name, 0)
    while name in taken:
        number += 1
        name = f"{base}.{number:03d}"
    return name


def _renamed(self: "Preset", _context: bpy.types.Context) -> None:
    """Keep names unique, and let the file's default follow its preset."""
    settings = self.id_data.multi_gpu
    name = unique_name(self.name, {other.name for other in settings.presets if other != self})
    if name != self.name:
        self.name = name  # comes back here, with a name that stays
        return
    if self.known_as and settings.default_preset == self.known_as:
        settings.default_preset = name
    self.known_as = name


class Preset(Choices, PropertyGroup):
    """Choices under a name, saved in this file."""

    name: StringProperty(name="Name", description="The preset's name. Double-click to change it", update=_renamed)
    known_as: StringProperty(options={"HIDDEN"})
    """The name before the last change."""


class SceneSettings(Choices, PropertyGroup):
    """``scene.multi_gpu``."""

    presets: CollectionProperty(type=Preset, name="Presets", description="Presets that are saved in this file")
    active_preset: IntProperty(name="Preset", description="The preset that is selected", min=0)
    default_preset: StringProperty(
        name="Default Preset", description="The preset that is applied whenever this file is opened"
    )


def of(subject: bpy.types.Context | bpy.types.Scene) -> SceneSettings:
    """Return the settings of a scene, or of a context's scene. Never keep them: ask again."""
    scene = subject if isinstance(subject, bpy.types.Scene) else subject.scene
    return scene.multi_gpu


def copy(source: Choices, target: Choices) -> None:
    """Make the target's choices those of the source."""
    for name in NAMES:
        setattr(target, name, getattr(source, name))
    target.devices.clear()
    for choice in source.devices:
        made = target.devices.add()
        for name in DeviceChoice.__annotations__:
            setattr(made, name, getattr(choice, name))


CLASSES = (DeviceChoice, Preset, SceneSettings)


def register() -> None:
    bpy.types.Scene.multi_gpu = PointerProperty(type=SceneSettings)


def unregister() -> None:
    if hasattr(bpy.types.Scene, "multi_gpu"):
        del bpy.types.Scene.multi_gpu
