# SPDX-License-Identifier: GPL-3.0-or-later
"""Pieces of the campaign that each lean on one safeguard of the engine: they find nothing wrong while it holds.

python tests/faults/pieces.py NAME FOLDER      prints what is wrong, a line each; exit status 1 where something is

`mutations` runs them against an engine with that safeguard broken. A piece brings the dangerous moment about, it does
not wait for it.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

if __name__ == "__main__":
    for place in (Path(__file__).resolve().parents[n] for n in (2, 1, 0)):
        sys.path.insert(0, str(place))

import engine
import outside
import psutil
import shooting
from fake_scene import write_blend
from power import Power, Shot
from prepared import ENDS, Prepared
from trouble import Trouble
from waiting import until


def same_claim_at_the_same_instant(folder: Path) -> list[str]:
    """Two dispatchers, whose children make the record of the same claim at the same instant: one of them renders."""
    renders = folder / "renders"
    blend = write_blend(folder / "a.blend", seconds=0.01, renders=str(renders))
    made = [engine.make_job(folder / n, blend, str(folder / "out" / "####"), "1-6", workers=1) for n in ("one", "two")]
    meeting = folder / "meeting"
    meeting.mkdir()
    env = os.environ | {"MGD_MEETING": json.dumps([str(meeting), r"claims/0001\.png\.json$"])}
    logs = [(folder / f"{job.parent.name}.log").open("wb") for job in made]
    started = [shooting.popen(job, log, env) for job, log in zip(made, logs, strict=True)]
    statuses = [process.wait(ENDS) for process in started]
    for log in logs:
        log.close()
    seen = Prepared(made[0], folder / "out", tuple(range(1, 7)), shooting.STEPPED, renders).seen(
        max(statuses), jobs=tuple(made), most_renders=1
    )
    return outside.problems(seen)


def power_cut_after_the_last_frame(folder: Path) -> list[str]:
    """The power fails when the job says that it is complete."""
    return Power(folder / "power", seed=1, shots=()).run()


def power_cut_between_replace_and_report(folder: Path) -> list[str]:
    """A picture is in place, nobody was told yet, and the power fails; it was known before it was put there."""
    shots = [Shot("child", n, at=r"^os.remove 000\d.png.json$") for n in (1, 2)]
    return Power(folder / "power", seed=1, shots=shots, overwrite=True).run()


def power_cut_with_claims(folder: Path) -> list[str]:
    """The power fails when a frame is in place and the next one is claimed: no claim without its record is left."""
    shots = [Shot("child", 2, at=r"^os.remove 000\d.png.json$")]
    return Power(folder / "power", seed=1, seconds=0.3, shots=shots).run()


def picture_removed_while_the_job_runs(folder: Path) -> list[str]:
    """A picture that was in place is taken away: the audit says so."""
    job = Trouble(folder, 6, held_from=5, overwrite=True)
    with job.running() as dispatcher:
        job.until_held()
        job.final(1).unlink()
        status = job.finish(dispatcher)
    return outside.problems(dataclasses.replace(job.seen(status, expected_status=1), frames=tuple(range(2, 7))))


def half_a_picture(folder: Path) -> list[str]:
    """A child writes half a picture and says that it has finished."""
    job = shooting.make(folder)
    status = shooting.start(job, folder / "log", None, {"MGD_HALF_A_PICTURE": str(folder / "half")})
    return outside.problems(job.seen(status))


def killed_before_the_picture_is_in_place(folder: Path) -> list[str]:
    """A child dies between the journal's word and the replacement."""
    bullet = shooting.aim(folder / "job", "child", 1, at=r"^os.rename 0003.png$")
    return shooting.shoot(folder / "job", [bullet], overwrite=True)[0]


def sleeper_wakes_in_the_others_frame(folder: Path) -> list[str]:
    """One that was taken for dead puts its picture in place while the one that took over renders the same frame."""
    output, gates = folder / "out", [folder / "commit", folder / "render"]
    rules = [
        [{"at": at, "do": "await", "path": str(gate), "frames": [3]}]
        for at, gate in zip(("commit", "render"), gates, strict=True)
    ]
    sleeper, other = (
        Trouble(folder / name, 6, rules=rule, overwrite=False, output=output, workers=1)
        for name, rule in zip(("a", "b"), rules, strict=True)
    )
    with sleeper.running(machine="a") as first:
        sleeper.until(Path(f"{gates[0]}-3").exists, "the sleeper's frame")
        asleep = [psutil.Process(first.pid), *sleeper.children(first)]
        for process in asleep:
            process.suspend()
        with other.running(machine="b") as second:
            other.until(Path(f"{gates[1]}-3").exists, "the other's frame")
            gates[0].touch()
            for process in reversed(asleep):
                process.resume()
            until(lambda: _spoken_of(sleeper.folder, 2), ENDS, "the end of the sleeper's attempt")
            gates[1].touch()
            statuses = [second.wait(ENDS), first.wait(ENDS)]
    jobs = (sleeper.folder, other.folder)
    lost = [r for job in jobs for r in engine.records(job) if r["what"] == "committed" and r["lost_to_others"]]
    wrong = [f"{record['lost_to_others']} was lost by one of ours to another" for record in lost]
    return wrong + outside.problems(other.seen(max(statuses), jobs=jobs, renders=None))


def the_dead_ones_claims_only(folder: Path) -> list[str]:
    """One of two dispatchers is killed: its claims are taken back, and nobody else's."""
    output = folder / "out"
    left, dead = (Trouble(folder / n, 8, held_from=3, overwrite=False, output=output, workers=1) for n in ("a", "b"))
    with left.running() as first:
        left.until_held(1)
        with dead.running() as second:
            dead.until(lambda: list(dead.gate.parent.glob("gate-*")), "its held frame")
            second.kill()
        left.until_told("has died: its claims are free again")
        status = left.finish(first)
    failed = [
        f"an attempt that nobody harmed: {r['words']}" for r in engine.records(left.folder) if r["what"] == "failed"
    ]
    return failed + outside.problems(left.seen(status, jobs=(left.folder,), most_renders=1))


def poison_frame(folder: Path) -> list[str]:
    """A frame that always fails is given up after a few tries, and the rest is finished."""
    rules = [{"at": "render", "do": "fail", "fault": "scene or script error", "words": "no camera", "frames": [2]}]
    job = Trouble(folder, 4, rules=rules, retries=2)
    tries = 0
    with job.running() as dispatcher:

        def ended() -> bool:
            nonlocal tries
            tries = sum(r["what"] == "failed" for r in engine.records(job.folder))
            return dispatcher.poll() is not None or tries > 12

        until(ended, ENDS, "the end of the job")
        if tries > 12:
            return [f"frame 2 was tried {tries} times"]
        status = dispatcher.wait(ENDS)
    return outside.problems(job.seen(status, expected_status=1, given_up=(2,)))


def _spoken_of(folder: Path, task: int) -> bool:
    """Whether an attempt at a task has ended, well or badly."""
    ends = ("committed", "failed", "found")
    return any(r["what"] in ends and r["task"] == task for r in engine.records(folder))


PIECES: dict[str, Callable[[Path], list[str]]] = {
    piece.__name__: piece
    for piece in (
        same_claim_at_the_same_instant,
        power_cut_after_the_last_frame,
        power_cut_between_replace_and_report,
        power_cut_with_claims,
        picture_removed_while_the_job_runs,
        half_a_picture,
        killed_before_the_picture_is_in_place,
        sleeper_wakes_in_the_others_frame,
        the_dead_ones_claims_only,
        poison_frame,
    )
}


def main(name: str, folder: str) -> int:
    Path(folder).mkdir(parents=True, exist_ok=True)
    wrong = PIECES[name](Path(folder))
    for words in wrong:
        print(words)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
