# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line's grammar: words to a command with its options, or one sentence on what is wrong with them.

Pure, but for the help text that argparse prints. Owns names and defaults of commands and options (README,
"Commands"): they are an interface, so none is renamed. It must not look at files or start anything.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from . import deadlines
from .model import Backend, DispatchError, Order, Strategy, Then
from .preparation import Wishes
from .rungs import RESORTS

PROGRAM = "python -m dispatch"

EXIT_WORDS = """\
exit status:
  0  every task complete
  1  ended, some tasks given up
  2  bad arguments, or the preflight refused
  3  stopped on request, can be resumed
  4  nothing can render (no device, no worker starts)
  70 a fault of this program; it names a file with the details
"""


class Parser(argparse.ArgumentParser):
    """argparse that raises our own errors instead of printing and ending the process."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        text = message[0].upper() + message[1:]
        raise DispatchError(f"{text.rstrip('.')}: '{self.prog} --help' shows how.")


def parse(words: Sequence[str], program: str = PROGRAM) -> argparse.Namespace:
    """Return the command and its options; ``command`` names it, ``program`` is how the user calls us.

    Raises:
        DispatchError: the words are no command.
        SystemExit: help was asked for, and printed.
    """
    if any("\0" in word for word in words):
        raise DispatchError("A word holds a NUL character, which no name can have: leave it out.")
    return _parser(program).parse_args(_joined(words), argparse.Namespace(program=program))


def wishes(given: argparse.Namespace) -> Wishes:
    """Return what ``render`` was asked for."""
    return Wishes(
        blend=given.blend,
        output=given.output,
        frames=given.frames,
        scene=given.scene,
        strategy=Strategy(given.strategy),
        per_device=given.per_device,
        devices=given.devices,
        backend=backend(given.backend),
        threads=given.threads,
        blender=given.blender,
        overwrite=given.overwrite,
        order=Order(given.order),
        factory=given.factory,
        autoexec=given.autoexec,
        allow_unbaked=given.allow_unbaked,
        sequence=given.image_sequence,
        movie=given.movie,
        resolution=given.resolution,
        samples=given.samples,
        persistent_data=given.persistent_data,
        share_devices=given.share_devices,
        retries=given.retries,
        last_resort=last_resort(given.last_resort),
        recycle=given.recycle,
        release_claims_after=given.release_claims_after * 60.0,
        then=Then(given.then),
        limits=deadlines.parse(given.limits),
    )


def last_resort(text: str) -> tuple[str, ...]:
    """Return what may be tried for frames that fit on no card: ``none``, or names of `rungs.RESORTS`.

    Raises:
        DispatchError: an unknown name.
    """
    named = {part.strip() for part in text.split(",")} - {"", "none"}
    if unknown := named - {*RESORTS}:
        known = ", ".join(("none", *RESORTS))
        raise DispatchError(f"--last-resort does not know '{', '.join(sorted(unknown))}': use {known}.")
    return tuple(name for name in RESORTS if name in named)


def backend(word: str) -> Backend | None:
    """``auto`` is no backend in particular."""
    return None if word == "auto" else Backend(word.upper())


def _joined(words: Sequence[str]) -> list[str]:
    """Tie frames that begin with a minus to their option: argparse would take ``-5--1`` for an option."""
    tied: list[str] = []
    left = iter(words)
    for word in left:
        if word in ("-f", "--frames"):
            tied.append("=".join(("--frames", *[value for value in [next(left, None)] if value is not None])))
        else:
            tied.append(word)
    return tied


def _number(least: float, kind: type = int) -> Any:
    def read(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = least - 1
        if not least <= value < 1e9:
            raise argparse.ArgumentTypeError(f"'{text}' is not a number of {least:g} or more")
        return value

    return read


def _parser(program: str) -> Parser:
    parser = Parser(
        prog=program,
        description="Render one .blend on every device of this machine, losing nothing.",
        epilog=EXIT_WORDS,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)

    devices = commands.add_parser("devices", help="list the devices that can render here")
    _program_options(devices)
    devices.add_argument("--json", action="store_true", help="one JSON object")

    _render(commands.add_parser("render", help="render a .blend; ends when the job has ended", epilog=EXIT_WORDS))

    _doctor(commands.add_parser("doctor", help="look at this machine: what cannot work, and what to do"))

    _measure(commands.add_parser("measure", help="measure ways to render a .blend here; ends in a recommendation"))

    status = _on_job(commands, "status", "list the jobs, or show one", optional=True)
    status.add_argument("--json", action="store_true", help="one JSON object")
    stop = _on_job(commands, "stop", "stop a job after its current frames, or at once")
    stop.add_argument("--now", action="store_true", help="at once; unfinished frames are rendered again on resume")
    _display_options(_on_job(commands, "resume", "go on with a job after a stop, a crash or a power cut"))
    audit = _on_job(commands, "audit", "look at every file of a job again")
    audit.add_argument("--json", action="store_true", help="one JSON object")
    release = _on_job(commands, "release", "remove empty placeholders of other programs among a job's missing frames")
    release.add_argument("--older-than", metavar="MINUTES", type=_number(0, float), default=10.0,
                         help="leave younger ones: somebody may be rendering there; default: 10")  # fmt: skip
    report = _on_job(commands, "report", "write the report of a job or a measurement: one HTML file")
    report.add_argument("-o", "--output", metavar="FILE.html", default="", help="default: report.html in its folder")
    report.add_argument("--open", action="store_true", help="show it in the browser")
    _support(_on_job(commands, "support", "pack what helps to find a fault into a zip, redacted", optional=True))
    run = commands.add_parser("run", help="the dispatcher itself, on a prepared job folder")
    run.add_argument("job", metavar="JOBDIR", help="the job's folder")
    _jobs_dir(run)
    _display_options(run)
    return parser


def _on_job(commands: Any, name: str, about: str, *, optional: bool = False) -> Parser:
    parser: Parser = commands.add_parser(name, help=about)
    parser.add_argument(
        "job", metavar="JOB", nargs="?" if optional else None, help="its id, a part of it, its folder, or 'last'"
    )
    _jobs_dir(parser)
    return parser


def _render(parser: Parser) -> None:
    parser.add_argument("blend", metavar="FILE.blend")
    what = parser.add_argument_group("what")
    what.add_argument("-o", "--output", metavar="TEMPLATE", default="", help="as in Blender; default: the scene's own")
    what.add_argument("-f", "--frames", metavar="FRAMES", default="",
                      help="1-250, 1-250x2, 1,5,10-20 or '1-100 ^50-60'; default: the scene's range and step")  # fmt: skip
    what.add_argument("--scene", metavar="NAME", default="", help="default: the one the file was saved with")
    what.add_argument("--overwrite", action=argparse.BooleanOptionalAction, default=None,
                      help="render pictures that are there again; default: the scene's own setting")  # fmt: skip
    what.add_argument("--order", choices=[*Order], default="forward")
    what.add_argument("--image-sequence", action="store_true",
                      help="a scene that writes a movie renders PNG pictures instead")  # fmt: skip
    what.add_argument("--movie", action=argparse.BooleanOptionalAction, default=False,
                      help="the same, and at the end the movie is made of the pictures, with its sound")  # fmt: skip
    what.add_argument("--resolution", metavar="PERCENT", type=_number(1), default=0,
                      help="size of a test render; default: the scene's own")  # fmt: skip
    what.add_argument("--samples", metavar="PERCENT", type=_number(0.01, float), default=0.0,
                      help="part of the scene's samples for a test render; default: all")  # fmt: skip
    what.add_argument("--allow-unbaked", action="store_true",
                      help="go on with un-baked simulations: one worker, all frames in order")  # fmt: skip
    where = parser.add_argument_group("where")
    where.add_argument("--strategy", choices=[*Strategy], default="auto")
    where.add_argument("--per-device", metavar="N", type=_number(1), default=1, help="workers per device")
    where.add_argument("--devices", metavar="all|gpu|cpu|ID,…",
                       help="ids, PCI addresses or parts of a name; default: those ticked in Preferences, else all")  # fmt: skip
    where.add_argument("--threads", metavar="N", type=_number(0), default=0,
                       help="CPU threads per worker; default: its card's part of the cores")  # fmt: skip
    where.add_argument("--share-devices", action="store_true", help="do not wait for jobs that hold the same cards")
    _program_options(where)
    _how(parser.add_argument_group("how"))
    _display_options(parser)


def _how(how: argparse._ArgumentGroup) -> None:
    how.add_argument("--autoexec", action=argparse.BooleanOptionalAction, default=None,
                     help="run scripts in the file; default: as this Blender decides")  # fmt: skip
    how.add_argument("--persistent-data", choices=["auto", "on", "file"], default="auto",
                     help="keep the scene's data between frames; file: as saved in the scene")  # fmt: skip
    how.add_argument(
        "--retries", metavar="N", type=_number(0), default=3, help="how often a frame that failed is tried again"
    )
    how.add_argument("--last-resort", metavar="none|combined|cpu|combined,cpu", default="none",
                     help="what may render a frame that fits on no card; default: none, it is given up")  # fmt: skip
    how.add_argument("--recycle", metavar="N", type=_number(0), default=0,
                     help="start each Blender afresh after N frames; default: when its memory or pace asks for it")  # fmt: skip
    how.add_argument("--limits", metavar="NAME=N,…", default="", help="deadlines in seconds, e.g. load=900,first=3600")
    how.add_argument("--then", choices=[*Then], default=Then.NOTHING,
                     help="when the job has ended by itself; in the minute before, Ctrl-C or 'stop' prevents it")  # fmt: skip
    how.add_argument("--release-claims-after", metavar="MINUTES", type=_number(0, float), default=0.0,
                     help="take over claims that no living dispatcher holds when they are older; 0: never")  # fmt: skip
    _jobs_dir(how)


def _measure(parser: Parser) -> None:
    _render(parser)
    how = parser.add_argument_group("measuring", "FILE.blend may be the folder of a measurement that was prepared.")
    how.add_argument("--minutes", metavar="M", type=_number(0.1, float), default=10.0,
                     help="about how long it may take; default: 10")  # fmt: skip
    how.add_argument("--quick", action="store_true", help="two rounds, three minutes")
    how.add_argument("--repeats", metavar="N", type=_number(1), default=3, help="rounds; default: 3")
    how.add_argument("--frames-per-point", metavar="N", type=_number(0), default=0,
                     help="frames of each run, all workers together; default: as many as the time allows")  # fmt: skip
    how.add_argument("--work-per-frame", action="store_true",
                     help="also with fewer and more samples and pixels: where combined and instances cross")  # fmt: skip
    how.add_argument("--seed", metavar="N", type=_number(0), default=0, help="of the order of the runs")
    how.add_argument("--report", metavar="FILE.html", default="", help="write the report too")
    how.add_argument("--render", action="store_true", help="go on to render the file in the recommended way")


def _doctor(parser: Parser) -> None:
    parser.add_argument("blend", metavar="FILE.blend", nargs="?", default="", help="look at this scene too")
    parser.add_argument("--json", action="store_true", help="one JSON object, with all facts")
    parser.add_argument("--blender", metavar="PATH", help="as for render")
    parser.add_argument("--no-render", action="store_true", help="render no small picture on each device")
    _jobs_dir(parser)


def _support(parser: Parser) -> None:
    parser.add_argument("-o", "--output", metavar="FILE.zip", default="", help="default: in the current folder")
    parser.add_argument("--keep-paths", action="store_true", help="show whole paths, but for the home folder")
    parser.add_argument("--blender", metavar="PATH", help="as for render; default: the job's own")


def _program_options(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--blender", metavar="PATH",
                        help="an application, or a Python that can import bpy; default: $BLENDER, 'blender' on PATH, "
                        "this Python")  # fmt: skip
    parser.add_argument("--backend", choices=["auto", *(b.lower() for b in Backend)], default="auto")
    parser.add_argument("--factory", action="store_true", help="clean Blenders: no add-ons, no preferences")


def _jobs_dir(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--jobs-dir", metavar="DIR", help="where job folders are; default: this user's state folder")


def _display_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON event a line on stdout")
    parser.add_argument("-q", "--quiet", action="store_true", help="only the end")
    parser.add_argument("-v", "--verbose", action="store_true", help="one line per worker too, and full error texts")
