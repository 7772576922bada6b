# SPDX-License-Identifier: GPL-3.0-or-later
"""The scene as configured for this child: set up once, then one frame after another is shot on it.

Owns what is done with one `Render`: claim, render, hand over to the porter; and the words for each way it can fail.
Runs on the main thread. Scenes are looked up by name each time: nothing of Blender's is kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import claims
from ..failure_text import classify
from ..model import DispatchError, Fault
from ..protocol import Begun, Check, Configure, Failed, Loaded, MakeMovie, Progressed, Render, Report, Skipped
from ..working_folder import CannotWrite, cannot_write
from . import check, devices, facts, formats, frame, handlers, home, late, movie, nodes, outputs, scene, stand_in, views
from .folders import Folders
from .porter import Parcel, Porter
from .swallowed import Swallowed


class Unusable(Exception):
    """This child cannot go on. ``fault`` and the text (a sentence) go into `Broken`."""

    def __init__(self, fault: Fault, words: str) -> None:
        super().__init__(words)
        self.fault = fault


class Stage:
    """A loaded scene with its devices pinned."""

    def __init__(
        self,
        tell: Callable[[Report], None],
        folders: Folders,
        porter: Porter,
        ours: handlers.Ours,
        swallowed: Swallowed,
    ) -> None:
        self._tell = tell
        self._folders = folders
        self._porter = porter
        self._ours = ours
        self._swallowed = swallowed
        self._wanted: tuple[str, ...] = ()
        self._to_movie: Callable[[], None] | None = None
        """Gives the scene its movie format back; None: it writes pictures."""

    def set_up(self, order: Configure) -> None:
        """Load and pin; say `Loaded`.

        Raises:
            Unusable: the scene cannot be loaded, or the devices cannot be pinned.
        """
        import bpy

        started = time.monotonic()
        self._order = order
        try:
            with home.settling(order.home):
                scene.open_file(order.blend, order.autoexec)
            chosen = scene.choose(order.scene)
            devices.pin(chosen, order.backend, order.devices)
        except scene.CannotOpen as error:
            raise Unusable(error.fault, str(error)) from None
        except devices.WrongDevice as error:
            raise Unusable(Fault.WRONG_DEVICE, str(error)) from None
        self._name, self._file = chosen.name, bpy.data.filepath
        self._to_movie = formats.to_pictures(chosen) if order.sequence and chosen.render.is_movie_format else None
        warnings = _prepare(chosen, order)
        left_out = handlers.leave_out()
        self._ours.install()
        self._literal = frame.reads_range(chosen)
        self._ours.alone = stand_in.fits(chosen, frame.drivers())
        self._wanted = tuple(sorted(order.devices)) if chosen.render.engine == "CYCLES" else ()
        there = devices.enabled(chosen)
        if self._wanted and there != self._wanted:
            raise Unusable(Fault.WRONG_DEVICE, _other_device(there, self._wanted))
        self._tell(
            Loaded(
                time.monotonic() - started,
                there,
                left_out,
                (*warnings, *facts.load_warnings(chosen), *self._swallowed.take()),
            )
        )

    def make_movie(self, request: MakeMovie) -> None:
        """Make the scene's movie from pictures; say `MovieMade`.

        Raises:
            Unusable: there is no movie.
        """
        chosen = self._scene()
        if self._to_movie is None:
            raise Unusable(Fault.SCENE, f"The output of scene '{chosen.name}' is no movie: choose a movie format.")
        self._to_movie()
        stand_in.set_up(chosen, fits=False)
        try:
            self._tell(movie.make(chosen, request, self._order.owner))
        except movie.NotMade as error:
            raise Unusable(error.fault, str(error)) from None

    def use_threads(self, count: int) -> None:
        """Render with so many CPU threads from now on. Cycles starts afresh where the number changed."""
        render = self._scene().render
        render.threads_mode, render.threads = "FIXED", count

    def shoot(self, request: Render) -> bool:
        """Claim and render one frame and give it to the porter. Return False where it was not begun.

        Raises:
            Unusable: the scene is gone or is another one.
        """
        chosen = self._scene()
        try:
            finals = outputs.final_names(chosen, self._order.output, request.frame)
        except RuntimeError as error:
            self._fail(request, Fault.SCENE, f"Blender does not understand the output path ({_bare(error)}): mend it.")
            return True
        try:
            got = self._claim(finals, request, views.size(chosen))
        except DispatchError as error:
            self._fail(request, error.fault if isinstance(error, CannotWrite) else Fault.UNKNOWN, str(error))
            return True
        except OSError as error:  # a picture that was there and cannot be read, or went away meanwhile
            refused = cannot_write(finals[-1], error)
            self._fail(request, refused.fault, str(refused))
            return True
        match got:
            case None:
                return False
            case claims.AlreadyThere():
                other = (_other_size(views.size(chosen)),) if got.other_size else ()
                self._tell(Skipped(request.attempt, got.pictures, warnings=other))
            case claims.Taken():
                self._tell(Skipped(request.attempt, (), got.owner, got.since))
            case claims.Claim():
                self._shoot_claimed(chosen, request, got)
        return True

    def check(self, request: Check) -> None:
        """Render a finished frame again and compare; say `Checked` or `Failed`. Raises `Unusable` as `shoot` does."""
        place = check.Place(self._order, self._literal, self._ours, self._folders, self._tell)
        if answer := check.check(self._scene(), request, place):
            self._tell(answer)

    def _claim(
        self, finals: tuple[Path, ...], request: Render, size: tuple[int, int]
    ) -> claims.Claim | claims.AlreadyThere | claims.Taken | None:
        folders = tuple(dict.fromkeys(final.parent for final in finals))
        for last in (False, True):
            if not all(self._folders.wait(folder, begun=False) for folder in folders):
                return None
            try:
                return claims.claim(
                    finals,
                    self._order.owner,
                    request.attempt,
                    overwrite=self._order.overwrite,
                    again=request.again,
                    expected_size=size,
                    release_after=self._order.release_claims_after,
                )
            except claims.TakenOver:
                # Our owner file is gone (somebody tidied the folder): the dispatcher must join it again.
                if last:
                    raise claims.no_place(folders[0]) from None
                for folder in folders:
                    self._folders.forget(folder)
        return None

    def _shoot_claimed(self, chosen: Any, request: Render, claim: claims.Claim) -> None:
        self._tell(Begun(request.attempt))
        try:
            shot = frame.render(
                chosen,
                request.frame,
                self._order.output,
                claim.finals,
                claim.temp,
                literal=self._literal,
                ours=self._ours,
                late=late.place(claim),
                tell=lambda done, of: self._tell(Progressed(request.attempt, done, of)),
            )
        except frame.NotRendered as error:
            self._give_up(request, claim, classify(str(error)) or Fault.UNKNOWN, _bare(error))
            return
        except outputs.NamesClash as error:
            self._give_up(request, claim, Fault.SCENE, str(error))
            return
        except OSError as error:
            words = f"Cannot write into {claim.temp} ({error.strerror or error}): check the output folder."
            self._give_up(request, claim, classify(str(error)) or Fault.CANNOT_WRITE, words)
            return
        used = devices.enabled(chosen)
        if self._wanted and used != self._wanted:
            self._give_up(request, claim, Fault.WRONG_DEVICE, _other_device(used, self._wanted))
            devices.pin(chosen, self._order.backend, self._order.devices)
            return
        self._porter.take(
            Parcel(
                request.attempt,
                request.frame,
                claim,
                shot.sides,
                shot.mains,
                views.size(chosen),
                shot.phases,
                used,
                (*shot.warnings, *self._swallowed.take()),
                self._swallowed.take_lack(),
            )
        )

    def _scene(self) -> Any:
        import bpy

        found = bpy.data.scenes.get(self._name)
        if found is None or bpy.data.filepath != self._file:
            raise Unusable(
                Fault.SCENE, "A script in the file has loaded another file or removed the scene: switch it off."
            )
        return found

    def _give_up(self, request: Render, claim: claims.Claim, fault: Fault, words: str) -> None:
        claim.release()
        self._fail(request, fault, words)

    def _fail(self, request: Render, fault: Fault, words: str) -> None:
        self._tell(Failed(request.attempt, fault, words))


def _prepare(chosen: Any, order: Configure) -> tuple[str, ...]:
    """Set what a child's scene must have; return sentences about what was changed."""
    render = chosen.render
    if render.is_movie_format:
        raise Unusable(Fault.SCENE, f"The output of scene '{chosen.name}' is a movie: choose an image format.")
    if order.threads > 0:
        render.threads_mode, render.threads = "FIXED", order.threads
    if order.persistent_data != "file":
        render.use_persistent_data = order.persistent_data != "off"
    _lower(chosen, order)
    if order.side_folder:
        nodes.send_to(chosen, order.side_folder)
    # A cache for the artist's own compositor, under one name for all children.
    render.use_render_cache = False
    if not order.devices or render.compositor_device != "GPU" or nodes.compositor_tree(chosen) is None:
        return ()
    # It would take a card of its own choice, and without one Blender 5.2 aborts.
    render.compositor_device = "CPU"
    return ("The compositor runs on the CPU instead of a GPU: it cannot be bound to the worker's devices.",)


def _lower(chosen: Any, order: Configure) -> None:
    """Replace size and samples for a test render."""
    if order.resolution:
        chosen.render.resolution_percentage = order.resolution
    if order.pixels != 1.0:  # the percentage is about the length of a side
        chosen.render.resolution_percentage = max(1, round(chosen.render.resolution_percentage * order.pixels**0.5))
    if not order.samples:
        return

    def lower(owner: Any, name: str) -> None:
        # A view layer without samples of its own has 0 of them, and must keep that.
        if count := getattr(owner, name, 0):
            setattr(owner, name, max(1, round(count * order.samples / 100)))

    lower(getattr(chosen, "cycles", None), "samples")
    lower(chosen.eevee, "taa_render_samples")
    for layer in chosen.view_layers:
        lower(layer, "samples")


def _other_device(used: tuple[str, ...], wanted: tuple[str, ...]) -> str:
    return (
        f"Cycles renders on {', '.join(used) or 'no device'} instead of {', '.join(wanted)}: "
        "a script of the scene changed it, or the card is gone."
    )


def _other_size(size: tuple[int, int]) -> str:
    # Without a name, so that it is said once and not for each frame.
    return (
        f"Pictures that are there have another size than {size[0]} × {size[1]} pixels and are kept, since Overwrite is "
        "off: if they are a test render's, remove them and resume."
    )


def _bare(error: Exception) -> str:
    lines = (" ".join(line.removeprefix("Error: ").split()) for line in str(error).splitlines())
    return " ".join(dict.fromkeys(lines))  # Blender says an engine's error twice
