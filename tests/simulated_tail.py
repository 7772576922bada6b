# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated computer with an eye on the end of the job: how long it took, who held what, what time left was said."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Sequence

from simulated_machine import Card, Child, Frame, Scene, SimulatedMachine

from dispatch.events import Event
from dispatch.protocol import Begun
from dispatch.roster import WorkerState
from dispatch.time_left import time_left

OVERHEAD = 0.02
"""Seconds of a frame beside the card's: evaluate and sync."""


def plain(gpu: float = 1.0, **changes: object) -> Scene:
    """Return a scene where nothing but the card counts, so that the best possible time is known."""
    quiet = {"evaluate": 0.01, "sync": 0.01, "gap": 0.0, "carry": 0.05, "load": 0.5, "first": 0.0, "noise": 0.0}
    return Scene(gpu=gpu, **{**quiet, **changes})  # type: ignore[arg-type]


def best_time(tasks: int, seconds: Sequence[float]) -> float:
    """Return the shortest time in which workers that need so many seconds each can do so many equal tasks."""
    ends = [(s, s) for s in seconds]
    heapq.heapify(ends)
    end = 0.0
    for _ in range(tasks):
        end, each = heapq.heappop(ends)
        heapq.heappush(ends, (end + each, each))
    return end


class WatchedEnd(SimulatedMachine):
    """``doubled``: moments in which a worker held a second task that one without any could have done earlier."""

    def __init__(self, scene: Scene, speeds: Sequence[float], **settings: object) -> None:
        cards = tuple(Card(speed=speed, name=f"Card {speed}") for speed in speeds)
        super().__init__(scene, cards, **{"cores": 64, **settings})  # type: ignore[arg-type]
        self.begun = 0.0
        self.doubled = 0
        self.costs: list[float] = []
        """Of the frames, noise and all."""
        self.marks: dict[float, tuple[float, float | None, tuple[float, float] | None]] = {}
        """Share of the frames done → (time, seconds left, range) as told then."""
        self.look_at: list[float] = []

    def render(self, frame: Frame, then: Callable[[], None]) -> None:
        self.costs.append(frame.cost)
        super().render(frame, then)

    @property
    def seconds(self) -> list[float]:
        """What one frame of cost 1 takes each card alone."""
        return [OVERHEAD + self.scene.gpu / card.speed for card in self.cards]

    @property
    def span(self) -> float:
        """Seconds from the first frame's begin to the last picture."""
        return self.finishes[-1] - self.begun

    def _say(self, child: Child, report: object) -> None:
        if isinstance(report, Begun) and not self.begun:
            self.begun = self.now
        super()._say(child, report)

    def feed(self, event: Event) -> None:
        super().feed(event)
        self._watch_hands()
        done = len(self.finishes) / self.machine.ledger.count
        while self.look_at and done >= self.look_at[0]:
            self.marks[self.look_at.pop(0)] = (self.now, *time_left(self.machine, self.now))

    def _watch_hands(self) -> None:
        ready = [w for w in self.machine.workers.values() if w.state is WorkerState.READY]
        need = dict(zip((device.id for device in self.devices), self.seconds, strict=True))
        idle = [need[w.slot.slot.devices[0].id] for w in ready if not w.hand]
        for worker in ready if idle else ():
            each, frame = need[worker.slot.slot.devices[0].id], worker.in_frame()
            if frame and worker.to_render() > 1 and 2 * each - (self.now - frame.begun_at) > 1.05 * min(idle):
                self.doubled += 1


def film(kind: str, frames: int, seed: int) -> Callable[[int], float]:
    """Return the frames' costs: ``same``, ``noise``, ``drift``, ``wave``, ``cuts`` or ``walk``."""
    rng = random.Random(f"{kind} {frames} {seed}")
    costs: list[float] = []
    level, turn = 1.0, rng.uniform(0, 6.28)
    slope = math.log(rng.choice((0.5, 0.7, 1.4, 2.0)))
    swing, waves = rng.uniform(0.2, 0.5), rng.uniform(1, 4)
    for n in range(frames):
        match kind:
            case "same":
                level = 1.0
            case "noise":
                level = rng.lognormvariate(0.0, 0.3)
            case "drift":
                level = math.exp(slope * n / frames)
            case "wave":
                level = 1 + swing * math.sin(turn + 6.28 * waves * n / frames)
            case "cuts":
                level = rng.lognormvariate(0.0, 0.4) if n == 0 or rng.random() < 12 / frames else level
            case "walk":
                level *= rng.lognormvariate(0.0, 0.5 / math.sqrt(frames))
        costs.append(level)
    return costs.__getitem__
