# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures: runs the points of a measurement's plan one after the other, in rounds, and keeps its file up to date.

Owns the order of the steps, and when it is over. What is measured is `measure_plan`'s, one run `measure_run`'s, what
follows from the figures `recommendation`'s. After every run the file is whole: whoever ends this loses one run.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from . import caveats, frames, job, layout, measure, measure_plan, measure_run, recommendation, weights, wording
from .job import Wish
from .measure_memory import no_room
from .measure_plan import Cost, Plan
from .measurement import Measurement, Point, Run, State, Way
from .model import Backend, DispatchError, Job, Strategy
from .snapshot import Snapshot
from .telemetry import Telemetry
from .weights import Costs

OVERTIME = 1.5
"""Times the minutes given after which no further run begins."""

TOO_SHORT = 2.0
"""Seconds of a first run that is made longer."""

BUSY = 95.0
"""Percent of the GPUs' time from which on a second worker can gain nothing to speak of."""

Say = Callable[[str], object]

Key = tuple[Way, str, float, int]
"""What tells points apart."""


class Stopped(Exception):
    """Somebody asked for the end."""


def run(folder: Path, say: Say, entry: Path | None = None) -> Measurement:
    """Measure what the folder asks for; return the measurement, whole or as far as it came.

    Args:
        say: Gets one line for each run that is over.
        entry: Replaces the program that runs inside Blender (tests).

    Raises:
        DispatchError: nothing could be measured, another process measures there, or the folder cannot be written.
    """
    measured = job.load_to_run(folder)
    with job.lock(folder):
        measuring = Measuring(folder, measured, say, entry)
        try:
            return measuring.run()
        finally:
            measure.tidy(folder)


class Measuring:
    def __init__(self, folder: Path, measured: Job, say: Say, entry: Path | None) -> None:
        self._folder = folder
        self._job = measured
        self._say = say
        self._entry = entry
        self._numbers = frames.parse(measured.frames)
        self._there = len(self._numbers)
        self._room = frames.MOST_FRAMES
        """Frames for whose pictures the disk has room."""
        self._spent = 0.0
        """Seconds of all runs, without waiting in line."""
        self._cost = Cost(0.0, 0.0)
        self._costs: dict[tuple[Key, int], Costs] = {}
        """Point and repeat → what its frames took."""
        found = measure.read(folder)
        self._found = measure.write(
            folder,
            replace(
                found,
                state=State.RUNNING,
                machine=caveats.machine(),
                points=(),
                notes=tuple(caveats.from_the_start(folder, measured)),
            ),
        )

    def run(self) -> Measurement:
        """Take all steps; a stop or a fault leaves what is there so far."""
        try:
            self._measure()
            self._end(State.COMPLETE)
        except (Stopped, KeyboardInterrupt):
            self._note("It was stopped before its end.")
            self._end(State.STOPPED)
        except DispatchError as error:
            self._note(str(error))
            self._end(State.FAILED)
            raise
        return self._found

    # --- the steps --------------------------------------------------------------------------------------------------

    def _measure(self) -> None:
        start = measure_plan.first(
            self._found,
            on_cpu=all(device.backend is Backend.CPU for device in self._found.devices),
            pinned=self._job.engine == layout.CYCLES,
        )
        pilot = self._pilot(start)
        plan = measure_plan.fit(self._found, start, self._cost, self._there)
        plan = self._without_the_pointless(plan, pilot.runs[0])
        points = [point.with_run(pilot.runs[0]) if _key(point) == _key(pilot) else point for point in plan.points]
        self._found = replace(self._found, points=tuple(points), repeats=plan.repeats)
        self._note(*caveats.of_plan(plan, len(self._numbers), self._found.minutes))
        self._plan(points, plan.repeats)
        left = wording.duration(self._found.seconds_left or 0.0)
        self._say(f"{wording.count(self._found.planned, 'run')}, about {left}.")
        if self._found.done:  # the first run was as long as the plan has it, and counts
            self._say_run(pilot, pilot.runs[0])
        for repeat in range(plan.repeats):
            self._round(
                [point for point in self._found.points if len(point.runs) <= repeat and not point.trouble], repeat
            )
            if repeat == 0:
                self._more_workers(start)
        if self._found.work_per_frame:
            self._more_and_less_work()

    def _without_the_pointless(self, plan: Plan, first: Run) -> Plan:
        """Where time is short and the GPUs have no time left anyway, more workers per GPU are not tried."""
        if plan.seconds <= self._found.minutes * 60 or (first.gpu_load or 0.0) < BUSY:
            return plan
        gpus = "The GPU was" if max(point.way.cards for point in plan.points) == 1 else "The GPUs were"
        self._note(f"{gpus} {first.gpu_load:.0f} % busy with one worker each: more workers were not tried.")
        return measure_plan.without_more_workers(plan, self._cost)

    def _pilot(self, start: Way) -> Point:
        """Run the first way once, as short as may be: it tells what everything costs."""
        self._say("First a short run, which tells how long the others take.")
        fewest = measure_plan.least_frames(start)
        point = Point(start, frames=max(fewest, self._found.frames_per_point))
        ran = self._render(point, 0)
        if 0 < ran.run.seconds < TOO_SHORT and not self._found.frames_per_point:
            # a few quick frames tell little
            point = replace(point, frames=fewest + math.ceil(2 * TOO_SHORT * ran.run.rate))
            ran = self._render(point, 0)
        if not ran.run.rate:
            raise DispatchError(f"The scene cannot be measured: {ran.run.trouble}.")
        frame = start.workers / ran.run.rate
        self._cost = Cost(max(measure_plan.LEAST_LOAD, ran.run.wall - point.frames / start.workers * frame), frame)
        self._room = measure_run.room(self._folder, ran.size)
        self._there = min(self._there, self._room)
        return point.with_run(ran.run)

    def _more_workers(self, start: Way) -> None:
        """Try more workers per device as long as that pays, and there are time, memory and disk for it."""
        while way := measure_plan.further(self._found.points, start):
            new = measure_plan.one_more(self._found, way, self._cost, self._there)
            if words := self._no_room(new):
                self._note(f"{way.words}: not tried, {words}.")
                break
            if not self._has_time([new], OVERTIME):
                self._note(*caveats.left_out([new.words]))
                break
            self._try([new])
        best = recommendation.best_instances(self._found)
        if best is not None and best.way.per_device > 2:
            self._on_fewer_cards(best.way)

    def _no_room(self, point: Point) -> str:
        """Say what is short for a point; empty: nothing."""
        if point.frames > self._room:
            return f"its {point.frames} pictures need more than half of what is free on the disk"
        with closing(Telemetry()) as telemetry:
            return no_room(point.way, self._found.memory, self._found.devices, telemetry.sample({}))

    def _on_fewer_cards(self, way: Way) -> None:
        """Ask how the best number of workers scales, if there is time."""
        fewer = [
            measure_plan.one_more(self._found, replace(way, cards=cards), self._cost, self._there)
            for cards in measure_plan.counts(way.cards)[:-1]
        ]
        asked = len(fewer)
        while asked and not self._has_time(fewer[:asked], 1.0):
            asked -= 1
        self._note(*caveats.left_out([point.words for point in fewer[asked:]]))
        self._try(fewer[:asked])

    def _more_and_less_work(self) -> None:
        best = recommendation.best_instances(self._found)
        combined = [p.way for p in recommendation.on_all(self._found) if p.way.strategy is Strategy.COMBINED]
        if best is None or not combined:
            self._note("Work per frame was not measured: there is no combined device to compare with.")
            return
        plan = measure_plan.more_work(self._found, [best.way, *combined], self._cost, self._there)
        self._note(*caveats.left_out(plan.left_out))
        self._spent = 0.0
        self._try(plan.points)

    def _has_time(self, points: Sequence[Point], times: float) -> bool:
        """Whether these fit, with all repeats, into so many times the minutes given, after all that is still to come."""
        more = self._found.repeats * sum(self._takes(point) for point in points)
        return self._spent + (self._found.seconds_left or 0.0) + more <= times * self._found.minutes * 60

    def _try(self, points: Sequence[Point]) -> None:
        """Run these once, and with the others from now on."""
        self._found = replace(self._found, points=(*self._found.points, *points))
        self._note(*caveats.beyond_the_end(points, len(self._numbers)))
        self._plan(self._found.points, self._found.repeats)
        self._round(points, 0)

    # --- one round, one run ---------------------------------------------------------------------------------------

    def _round(self, points: Iterable[Point], repeat: int) -> None:
        """Run each point once, in an order of this round's own: what drifts (heat, other programs) hits all alike."""
        order = list(points)
        random.Random(f"{self._found.seed}-{repeat}").shuffle(order)
        for point in order:
            takes = self._takes(point)
            if self._spent + takes > OVERTIME * self._found.minutes * 60 and point.runs:
                self._note("There was no time for all repeats.")
                continue
            ran = self._render(point, repeat)
            self._add(point, ran.run)

    def _render(self, point: Point, repeat: int) -> measure_run.Ran:
        self._found = measure.write(self._folder, replace(self._found, current=point.words))
        numbers = measure_plan.spread(self._numbers, point.frames)
        ran = measure_run.one(
            self._folder, self._job, point, numbers, repeat=repeat, on_snapshot=self._look, entry=self._entry
        )
        if ran is None:
            raise Stopped
        self._spent += ran.run.wall
        self._costs[_key(point), repeat] = ran.costs
        return ran

    def _look(self, snapshot: Snapshot) -> bool:
        """Follow a run: say where it waits, and whether it may go on."""
        state = State.WAITING if snapshot.state == "waiting" else State.RUNNING
        if state is not self._found.state:
            if state is State.WAITING and snapshot.behind:
                self._say(f"Waiting: the job '{snapshot.behind}' renders on these devices.")
            self._found = measure.write(self._folder, replace(self._found, state=state))
        if {Wish.STOP, Wish.STOP_NOW}.isdisjoint(asked.wish for asked in job.take_wishes(self._folder)):
            return True
        self._say("Stopping: what was measured so far stays.")
        return False

    def _add(self, point: Point, run: Run) -> None:
        """Put a run to its point, say it, and keep the file up to date with all that follows."""
        points = tuple(known.with_run(run) if _key(known) == _key(point) else known for known in self._found.points)
        points = self._weighed(points)
        self._found = recommendation.concluded(replace(self._found, points=points, state=State.RUNNING, current=""))
        self._plan(points, self._found.repeats)
        self._say_run(point, run)

    def _weighed(self, points: tuple[Point, ...]) -> tuple[Point, ...]:
        """Correct all rates by the frames that the runs got to, as far as that is known by now."""
        for (key, repeat), weight in zip(self._costs, weights.weights([*self._costs.values()]), strict=True):
            points = tuple(point.weighted(repeat, weight) if _key(point) == key else point for point in points)
        return points

    def _say_run(self, point: Point, run: Run) -> None:
        came = wording.rate(run.rate) if run.rate else run.trouble
        self._say(f"{self._found.done} of {self._found.planned}: {point.words}: {came}")

    def _plan(self, points: Sequence[Point], repeats: int) -> None:
        """Count what is done and what is left, and write it down."""
        left = [(point, max(0, (repeats if not point.by else 1) - len(point.runs))) for point in points]
        # a point that does not work is not tried again
        left = [(point, 0 if point.trouble else times) for point, times in left]
        done = sum(len(point.runs) for point in points)
        seconds = sum(times * self._takes(point) for point, times in left)
        planned = done + sum(times for _, times in left)
        self._found = measure.write(
            self._folder, replace(self._found, done=done, planned=planned, seconds_left=seconds)
        )

    def _takes(self, point: Point) -> float:
        """Seconds of one run: as it was, else as it may be."""
        walls = [run.wall for run in point.good]
        cost = measure_plan.cost_of(point.way, self._found.points, self._cost)
        return sum(walls) / len(walls) if walls else measure_plan.seconds_of(point, cost)

    def _note(self, *said: str) -> None:
        self._found = replace(self._found, notes=tuple(dict.fromkeys((*self._found.notes, *said))))

    def _end(self, state: State) -> None:
        ended = replace(self._found, state=state, current="", seconds_left=0.0, planned=self._found.done)
        self._found = measure.write(self._folder, recommendation.concluded(ended))


def _key(point: Point) -> Key:
    return point.way, point.by, point.factor, point.frames
