# SPDX-License-Identifier: GPL-3.0-or-later
"""What a report shows of a job, reckoned from its timeline: bars, rates, outliers, where the time went.

Owns the reckoning and the thinning: whatever the job's length, what comes out fits a page. Pure. How it is drawn is
`charts`, how it is said `job_sections`.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from .timeline import PHASES, Span, Timeline

MOST_BARS = 12_000
"""Bars of the timeline; longer jobs have several frames in one."""

OVERVIEW_BARS = 3_000
"""Bars that are in sight at once: more would be narrower than a point, and slow to zoom."""

MOST_POINTS = 6_000
"""Dots of the frame times, outliers not counted."""

BINS = 120
"""Steps in which frames per second are counted."""

IN_BIN = 8
"""Frames in one of them, at least."""

NEIGHBOURS = 31
"""Frames before and behind, in all, that an outlier is compared with: frames of one scene differ in cost."""

OUTLIER = 2.0
"""Times the neighbours' median."""

LEAST_EXCESS = 0.1
"""Seconds above the neighbours' median: below it nobody waits."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One frame on its lane, or several one after another."""

    lane: int
    begin: float
    first: int
    """Number of the first frame."""
    count: int
    phases: tuple[float, ...]
    """Seconds, as in `timeline.PHASES`; of several frames their sums."""
    end: float
    """When the last of its frames was whole."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Frames per second over the job, and what they could be."""

    at: tuple[float, ...]
    """Middle of each step."""
    observed: tuple[float, ...]
    ideal: tuple[float, ...]
    """Each worker at the pace of one that has its card for itself."""
    per_card: tuple[float, ...]
    """Each card at the pace of one worker alone; differs from ``ideal`` where workers share cards."""
    alone: bool
    """The pace was measured on workers that were alone; if not, ``ideal`` knows nothing of what sharing costs."""


@dataclass(frozen=True, slots=True)
class Outlier:
    index: int
    """Place in the timeline's frames."""
    seconds: float
    times: float
    """Of its neighbours' median."""
    phase: str
    """Where most of the excess went."""
    warming: bool
    """One of its worker's first frames."""


@dataclass(frozen=True, slots=True)
class Share:
    """Where the time of a card's workers went, in seconds."""

    card: int
    frames: int
    median: float
    """Of one frame in one worker."""
    phases: tuple[float, ...]
    """Evaluate, sync, render, write."""
    loading: float
    lost: float
    checking: float
    idle: float


def bars(timeline: Timeline, most: int = MOST_BARS) -> tuple[list[Bar], int]:
    """Return what the lanes show, and how many frames one bar stands for at most."""
    frames = timeline.frames
    size = max(1, -(-len(frames) // most))
    held: dict[int, list[int]] = {}
    made: list[Bar] = []
    for index in range(len(frames)):
        kept = held.setdefault(frames.lane[index], [])
        kept.append(index)
        if len(kept) == size:
            made.append(_bar(timeline, kept))
            kept.clear()
    made += [_bar(timeline, kept) for kept in held.values() if kept]
    return made, size


def _bar(timeline: Timeline, indices: Sequence[int]) -> Bar:
    frames = timeline.frames
    first, last = indices[0], indices[-1]
    phases = tuple(sum(column[i] for i in indices) for column in frames.phases)
    end = frames.begin[last] + frames.seconds(last)
    return Bar(frames.lane[first], frames.begin[first], frames.number[first], len(indices), phases, end)


def rates(timeline: Timeline) -> Rates | None:
    """Return frames per second over the job; None where too few frames were rendered to draw a line."""
    duration, count = timeline.duration, len(timeline.in_place)
    pace, alone = _pace_alone(timeline)
    bins = min(BINS, count // IN_BIN)
    if bins < 2 or duration <= 0 or not pace:
        return None
    width = duration / bins
    counts = [0] * bins
    for at in timeline.in_place:
        counts[min(bins - 1, int(at / width))] += 1
    ideal, per_card = [0.0] * bins, [0.0] * bins
    for step in range(bins):
        begin, end = step * width, (step + 1) * width
        lanes = _parts(timeline, begin, end)
        ideal[step] = sum(part * pace.get(card, 0.0) for card, part in lanes)
        most: dict[int, float] = {}
        for card, part in lanes:
            most[card] = max(part, most.get(card, 0.0))
        per_card[step] = sum(part * pace.get(card, 0.0) for card, part in most.items())
    middles = tuple((step + 0.5) * width for step in range(bins))
    return Rates(middles, tuple(n / width for n in counts), tuple(ideal), tuple(per_card), alone)


def speed_up(timeline: Timeline) -> float | None:
    """Return how many times as fast the whole job was as one worker alone on one card; None where nothing is known."""
    pace, _ = _pace_alone(timeline)
    if not pace or timeline.duration <= 0:
        return None
    return len(timeline.in_place) / timeline.duration / (sum(pace.values()) / len(pace))


def _parts(timeline: Timeline, begin: float, end: float) -> list[tuple[int, float]]:
    """Return for each worker its card, and the part of the time in which it was there."""
    there = ((span, min(end, span.end) - max(begin, span.begin)) for span in timeline.alive)
    return [(timeline.lanes[span.lane].card, both / (end - begin)) for span, both in there if both > 0]


def _pace_alone(timeline: Timeline) -> tuple[dict[int, float], bool]:
    """Return by card the frames per second of one worker that has it for itself, and whether there was one on each."""
    frames = timeline.frames
    alone: dict[int, list[float]] = {}
    shared: dict[int, list[float]] = {}
    for index in range(len(frames)):
        if seconds := frames.seconds(index):
            card = timeline.lanes[frames.lane[index]].card
            shared.setdefault(card, []).append(seconds)
            if frames.alone[index] and not frames.warming[index]:
                alone.setdefault(card, []).append(seconds)
    return {card: 1.0 / median(alone.get(card, every)) for card, every in shared.items()}, set(alone) == set(shared)


def outliers(timeline: Timeline) -> list[Outlier]:
    """Return the frames that took far longer than their neighbours on the same card, the worst first."""
    frames = timeline.frames
    by_card: dict[int, list[int]] = {}
    for index in range(len(frames)):
        by_card.setdefault(timeline.lanes[frames.lane[index]].card, []).append(index)
    found = []
    for indices in by_card.values():
        indices.sort(key=frames.number.__getitem__)
        usual = list(_running_median([frames.seconds(i) for i in indices]))
        for place, index in enumerate(indices):
            seconds = frames.seconds(index)
            if usual[place] > 0 and seconds > OUTLIER * usual[place] and seconds - usual[place] > LEAST_EXCESS:
                phase = _excess(timeline, indices, place)
                found.append(Outlier(index, seconds, seconds / usual[place], phase, bool(frames.warming[index])))
    return sorted(found, key=lambda one: one.times, reverse=True)


def _running_median(values: Sequence[float]) -> Iterator[float]:
    """Yield for each value the median of its `NEIGHBOURS`, itself among them."""
    half = NEIGHBOURS // 2
    window = sorted(values[:half])
    for place in range(len(values)):
        if place + half < len(values):
            insort(window, values[place + half])
        if place > half:
            del window[bisect_left(window, values[place - half - 1])]
        yield window[len(window) // 2]


def _excess(timeline: Timeline, indices: Sequence[int], place: int) -> str:
    """Return the phase in which a frame lost most against its neighbours."""
    near = indices[max(0, place - NEIGHBOURS // 2) : place + NEIGHBOURS // 2 + 1]
    lost = [column[indices[place]] - median(column[i] for i in near) for column in timeline.frames.phases[:4]]
    return PHASES[lost.index(max(lost))]


def shares(timeline: Timeline) -> list[Share]:
    """Return where the time of each card's workers went, from their start to their end."""
    frames = timeline.frames
    seconds: dict[int, list[float]] = {card: [] for card in range(len(timeline.cards))}
    phases = {card: [0.0] * 4 for card in seconds}
    for index in range(len(frames)):
        card = timeline.lanes[frames.lane[index]].card
        seconds[card].append(frames.seconds(index))
        for number, column in enumerate(frames.phases[:4]):
            phases[card][number] += column[index]

    def spent(spans: Iterable[Span], card: int) -> float:
        return sum(span.end - span.begin for span in spans if timeline.lanes[span.lane].card == card)

    made = []
    for card, times in seconds.items():
        loading, lost = spent(timeline.loading, card), spent(timeline.lost, card)
        checking = spent(timeline.checking, card)
        idle = max(0.0, spent(timeline.alive, card) - sum(phases[card]) - lost - checking)
        usual = median(times) if times else 0.0
        made.append(Share(card, len(times), usual, tuple(phases[card]), loading, lost, checking, idle))
    return made


def dots(timeline: Timeline, most: int = MOST_POINTS) -> Mapping[int, list[int]]:
    """Return by card the frames whose times are drawn: all, or every n-th."""
    frames = timeline.frames
    step = max(1, -(-len(frames) // most))
    chosen: dict[int, list[int]] = {}
    for index in range(0, len(frames), step):
        chosen.setdefault(timeline.lanes[frames.lane[index]].card, []).append(index)
    return chosen
