# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the dispatcher at one instant of its work, of a child and the dispatcher at once, and power cuts.

`test_every_step` takes all instants; here are those that a table should name.
"""

from __future__ import annotations

from pathlib import Path

import shooting
from case import ALL, Case, Seen
from power import Power, Shot
from steps import Bullet

COMPLETE = r"^6 of 6 frames complete, 0 rendered twice"


def killed(name: str, did: str, at: str, *, role: str = "dispatcher", step: int = 1, **how: bool) -> None:
    """Add the case that somebody is killed right before this effect (`steps`), and the job resumed.

    Args:
        at: Regular expression for the effect's name.
        step: It is the how manieth of these.
        how: ``overwrite``, ``real`` children, ``power``: the dispatcher dies with the child.
    """

    def provoke(folder: Path) -> Seen:
        place = folder / "job"
        bullet: Bullet = shooting.aim(place, role, step, at=at, power=how.get("power", False))
        seen, hit = shooting.seen(place, [bullet], overwrite=how.get("overwrite", False), real=how.get("real", False))
        assert len(hit) == 1, "the effect did not come"
        return seen

    children = "real children" if how.get("real") else "fake children"
    text = f"for real, {children}: kill -9 of itself right before that effect, then resumed"
    needs = "bpy" if how.get("real") else ""
    ALL.append(Case(name, "dispatcher" if role == "dispatcher" else "children", text, did, COMPLETE, provoke, needs))


def power_cut(name: str, did: str, shots: list[Shot], *, overwrite: bool = False) -> None:
    """Add the case that the power fails there, and the job is resumed on what the disk has kept."""

    def provoke(folder: Path) -> Seen:
        campaign = Power(folder / "power", seed=1, shots=shots, overwrite=overwrite)
        wrong = campaign.run()
        assert wrong == [], campaign.struck
        assert campaign.last is not None
        return campaign.last

    how = "simulated: everything is killed, what nobody synced is lost or damaged, another boot id, then resumed"
    ALL.append(Case(name, "machine", how, did, COMPLETE, provoke))


killed(
    "dispatcher killed (-9) in the middle of writing a line of the journal",
    "cuts the torn line off; what it said is looked up in the files",
    r"^half a write journal\.jsonl .*rendered",
)
killed(
    "dispatcher killed (-9) between writing the journal and its sync",
    "goes on from the last whole line",
    r"^sync journal\.jsonl$",
    step=4,
)
killed(
    "dispatcher killed (-9) while it starts a child",
    "joins the output folder under a new name, buries the old one",
    r"^subprocess\.Popen python",
    step=2,
)
killed(
    "dispatcher killed (-9) while it replaces its snapshot",
    "the old snapshot stays whole; the next run shows its own",
    r"^os\.rename snapshot\.json\.new$",
    step=2,
)
killed(
    "dispatcher killed (-9) right before it writes down the job's end",
    "the next run finds everything in place, renders nothing, and closes the job",
    r"^write journal\.jsonl .*job ended",
)
killed(
    "a child and its dispatcher killed (-9) at once, between write and replace",
    "the next run removes the claim and renders the frame again",
    r"^os\.rename 0003\.png$",
    role="child",
    power=True,
)
killed(
    "a child and its dispatcher killed (-9) at once, right after a picture is in place, old pictures to be replaced",
    "knows the picture by its size and hash in the journal and does not render it again",
    r"^os\.remove 0003\.png\.json$",
    role="child",
    power=True,
    overwrite=True,
)
killed(
    "a child killed (-9) in the middle of writing its claim",
    "what names nobody stays taken until it has stood still for a heartbeat, then the frame is rendered",
    r"^half a write 0003\.png\.json$",
    role="child",
)
killed(
    "a real child killed (-9) between write and replace",
    "its claim and temporary files are removed, another one renders the frame",
    r"^os\.rename 0003\.png$",
    role="child",
    real=True,
)
power_cut(
    "the power fails while frames are claimed and put in place (Overwrite off)",
    "synced before it was said; claims of the time before are taken back, torn pictures never had a final name",
    [Shot("child", 2, at=r"^os\.rename 000\d\.png$", kept=0.5), Shot("dispatcher", 60, kept=0.0)],
)
power_cut(
    "the power fails between replacing a picture and its record (Overwrite on)",
    "the journal knew size and hash before: the new picture is recognised",
    [Shot("child", 2, at=r"^os\.remove 000\d\.png\.json$")],
    overwrite=True,
)
power_cut("the power fails when the job has just ended", "every picture and its name were synced before that", [])
