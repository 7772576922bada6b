# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated computer that drives the real `Machine`: cards, cores, memory, frames and time, without any of them.

Time jumps from event to event. A card and the processor each share themselves among what runs on them; everything
that is random comes from one seed. A worker does what `dispatch/child` does: evaluate, sync, render, write one frame
after another, and carry each file away beside the next frame.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from dispatch.berths import Given
from dispatch.events import (
    Command,
    Compare,
    End,
    Event,
    Gauged,
    Hand,
    Kill,
    Load,
    Recover,
    Recovered,
    Send,
    Spawn,
    Spawned,
    Started,
    TimePassed,
    WorkerEnded,
    WorkerSaid,
)
from dispatch.gauges import CardSample, ProcessSample, Sample
from dispatch.kinds import Searched
from dispatch.layout import plan
from dispatch.machine import Machine
from dispatch.model import Backend, Device, Fault, Layout, Limits, Phases, Picture, Slot
from dispatch.protocol import (
    Begun,
    Checked,
    Commit,
    Committed,
    Hello,
    Leave,
    Left,
    Loaded,
    Rendered,
    Threads,
)

GB = 1 << 30
LOOK = 2.0
"""Seconds between two gauges."""

TICK = 1.0
"""Seconds between two looks at the clock."""


@dataclass(frozen=True)
class Card:
    """``speed`` 2.0 needs half of the scene's GPU seconds."""

    speed: float = 1.0
    name: str = "Card"
    vram: int = 24 * GB
    display: bool = False
    tells: bool = True
    """Whether the driver tells load and memory."""


@dataclass(frozen=True)
class Scene:
    """What one frame costs on a card of speed 1 and a free core; seconds."""

    evaluate: float = 0.02
    sync: float = 0.03
    sync_threads: float = 1.0
    """Threads that the sync can use at most."""
    gpu: float = 0.22
    gap: float = 0.08
    """Part of the render phase in which the card idles."""
    write: float = 0.0
    carry: float = 0.1
    load: float = 3.0
    """Core seconds until the scene is loaded."""
    first: float = 1.0
    """More seconds of the card for a worker's first frame."""
    noise: float = 0.05
    """Sigma of the lognormal factor on each frame's cost."""
    sharing: float = 0.25
    """How much more GPU time a frame needs for each other worker that renders on the card at the same time."""
    ram: int = 2 * GB
    vram: int = 2 * GB
    leak: int = 0
    """Bytes of RAM that a worker keeps of each frame."""
    vram_leak: int = 0
    warms: Callable[[int], int] = lambda frames: 0
    """Bytes of RAM that a worker's caches hold after so many frames."""
    ages: Callable[[int, int], float] = lambda worker, frames: 1.0
    """Factor on what a frame costs a worker after so many of its frames."""
    cost: Callable[[int], float] = lambda task: 1.0
    """Factor on a frame's GPU and sync time: camera cuts."""


class Shared:
    """A resource whose jobs progress alike: in virtual time, so that each step is O(log jobs)."""

    def __init__(self, world: SimulatedMachine, rate: Callable[[float, int], float]) -> None:
        """``rate`` (weights in all, jobs) → progress of each job per second and weight."""
        self._world = world
        self._rate = rate
        self._virtual = 0.0
        self._at = 0.0
        self._jobs: list[tuple[float, int, float, Callable[[], None]]] = []
        self._weights = 0.0
        self._turn = 0
        self.busy = 0.0
        """Integral of what was in use: seconds × share of the resource."""

    def add(self, work: float, weight: float, then: Callable[[], None]) -> None:
        """Do so much work (seconds at weight 1 alone), ``weight`` at once, then call."""
        self._advance()
        self._weights += weight
        heapq.heappush(self._jobs, (self._virtual + work / weight, self._world.number(), weight, then))
        self._plan()

    def use(self) -> float:
        """Return ``busy`` until now."""
        self._advance()
        return self.busy

    def _advance(self) -> None:
        passed, self._at = self._world.now - self._at, self._world.now
        if self._jobs:
            rate = self._rate(self._weights, len(self._jobs))
            self._virtual += passed * rate
            self.busy += passed * self._world.in_use(self, rate * self._weights)

    def _plan(self) -> None:
        self._turn += 1
        if self._jobs:
            turn = self._turn
            left = max(0.0, self._jobs[0][0] - self._virtual)
            self._world.after(left / self._rate(self._weights, len(self._jobs)), lambda: self._reached(turn))

    def _reached(self, turn: int) -> None:
        if turn != self._turn:
            return
        self._advance()
        _, _, weight, then = heapq.heappop(self._jobs)
        self._weights = self._weights - weight if self._jobs else 0.0
        self._plan()
        then()


@dataclass
class Child:
    """A simulated background Blender."""

    worker: int
    slot: Slot
    pid: int
    threads: float
    alive: bool = True
    loaded: bool = False
    leaving: bool = False
    busy: bool = False
    frames: int = 0
    waiting: list[tuple[int, int]] = field(default_factory=list)
    carried: set[int] = field(default_factory=set)
    cpu: float = 0.0
    cpu_before: float = 0.0


class SimulatedMachine:
    """``run`` plays the whole job; ``rate`` tells frames per second over a part of it."""

    def __init__(
        self,
        scene: Scene,
        cards: tuple[Card, ...] = (Card(),),
        *,
        tasks: int = 1000,
        cores: int = 16,
        ram: int = 64 * GB,
        seed: int = 0,
        per_card: int = 1,
        limits: Limits | None = None,
        slots: Layout | None = None,
        auto: bool = False,
        threads: int = 0,
        blend_size: int = 0,
        searched: Mapping[str, Searched] = MappingProxyType({}),
        tells: bool = True,
        **machine: object,
    ) -> None:
        """Without cards the job renders on the processor. ``machine``: more arguments of `Machine`.

        ``auto``: with the layout that a job with this strategy begins with, and Auto at work. ``tells``: whether
        anybody can read loads and memory there.
        """
        self.tells = tells
        self.now = 0.0
        self.scene, self.cards, self.cores, self.ram = scene, cards, cores, ram
        self.rng = random.Random(seed)
        self.ram_others = 4 * GB
        self.vram_others = dict.fromkeys(range(len(cards)), 0)
        self.finishes: list[float] = []
        self.by_slot: dict[str, int] = {}
        self.log: list[Command] = []
        self.heard: list[Event] = []
        self.children: dict[int, Child] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = 0
        self.processor = Shared(self, lambda weights, jobs: min(1.0, self.cores / weights))
        self._card_shares = [Shared(self, self._card_rate(card)) for card in cards]
        self._busy_before = [0.0] * len(cards)
        self._cpu_before = 0.0
        self.devices = self.make_devices()
        if auto:
            machine["given"] = Given(self.devices, cores, threads, blend_size, searched)
            slots = plan(self.devices, per_device=per_card, threads=threads, cores=cores, tasks=tasks)
        layout = slots or self.make_slots(per_card)
        self.machine = Machine(tasks, layout, limits or Limits(), **machine)  # type: ignore[arg-type]

    # --- the machine's parts ------------------------------------------------------------------------------------

    def make_devices(self) -> tuple[Device, ...]:
        if not self.cards:
            return (Device("CPU", "Some processor", Backend.CPU),)
        return tuple(
            Device(f"CUDA_{n:02}", card.name, Backend.CUDA, pci=f"0000:{n:02x}:00") for n, card in enumerate(self.cards)
        )

    def make_slots(self, per_card: int) -> Layout:
        """Return the static layout: ``per_card`` workers on each, the cores shared by the cards."""
        threads = max(1, self.cores // (len(self.devices) if self.cards else per_card))
        return tuple(
            Slot(f"{device.id}" if copy == 1 else f"{device.id} {copy}", (device,), threads)
            for copy in range(1, per_card + 1)
            for device in self.devices
        )

    def _card_rate(self, card: Card) -> Callable[[float, int], float]:
        def rate(weights: float, jobs: int) -> float:
            return card.speed / (jobs * (1.0 + self.scene.sharing * (jobs - 1)))

        return rate

    def in_use(self, shared: Shared, amount: float) -> float:
        return amount if shared is self.processor else 1.0

    def number(self) -> int:
        self._numbers += 1
        return self._numbers

    def after(self, seconds: float, then: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (self.now + seconds, self.number(), then))

    def at(self, moment: float, then: Callable[[], None]) -> None:
        """Call at that time (tests change the world with it)."""
        heapq.heappush(self._timers, (moment, self.number(), then))

    # --- time ---------------------------------------------------------------------------------------------------

    def run(self, most: float = 1e6) -> SimulatedMachine:
        """Play until the job has ended, at most so many simulated seconds."""
        self.feed(Started(self.now))
        self.after(TICK, self._tick)
        if self.tells:
            self.after(LOOK, self._look)
        while self.machine.outcome is None:
            assert self._timers, "nothing happens any more"
            moment, _, then = heapq.heappop(self._timers)
            assert moment < most, f"the job does not end: {self.machine.ledger.counts}"
            self.now = max(self.now, moment)
            then()
        return self

    def rate(self, begin: float = 0.0, end: float = 1.0) -> float:
        """Return frames per second between two shares of the job's frames, e.g. the last half without the tail."""
        first, last = int(begin * (len(self.finishes) - 1)), int(end * (len(self.finishes) - 1))
        return (last - first) / (self.finishes[last] - self.finishes[first])

    def feed(self, event: Event) -> None:
        self.heard.append(event)
        for command in self.machine.handle(event):
            self.log.append(command)
            self._do(command)

    def _tick(self) -> None:
        self.feed(TimePassed(self.now))
        self.after(TICK, self._tick)

    def _look(self) -> None:
        self.feed(Gauged(self.now, self.sample()))
        self.after(LOOK, self._look)

    # --- gauges -------------------------------------------------------------------------------------------------

    def sample(self) -> Sample:
        cards: dict[str, CardSample] = {}
        for n, card in enumerate(self.cards):
            busy = self._card_shares[n].use()
            load = min(100.0, 100.0 * (busy - self._busy_before[n]) / LOOK)
            self._busy_before[n] = busy
            pci = self.devices[n].pci
            if card.tells and pci:
                used = self.vram_used(n)
                cards[pci] = CardSample(load=load, vram_used=used, vram_total=card.vram, display=card.display)
        used = self.processor.use()
        cpu, self._cpu_before = 100.0 * (used - self._cpu_before) / LOOK / self.cores, used
        workers = {child.worker: self._process(child) for child in self.children.values()}
        return Sample(workers, cards, ram_total=self.ram, ram_available=self.ram_free(), cpu=min(100.0, cpu))

    def _process(self, child: Child) -> ProcessSample:
        cpu = 100.0 * (child.cpu - child.cpu_before) / LOOK
        child.cpu_before = child.cpu
        return ProcessSample(memory=self.memory(child), cpu=cpu, vram=self._vram(child) or None)

    def memory(self, child: Child) -> int:
        scene = self.scene
        return (scene.ram if child.loaded else scene.ram // 4) + child.frames * scene.leak + scene.warms(child.frames)

    def _vram(self, child: Child) -> int:
        return self.scene.vram + child.frames * self.scene.vram_leak if child.loaded and self.cards else 0

    def ram_free(self) -> int:
        return max(0, self.ram - self.ram_others - sum(self.memory(c) for c in self.children.values()))

    def vram_used(self, card: int) -> int:
        device = self.devices[card]
        ours = sum(self._vram(c) for c in self.children.values() if device in c.slot.devices)
        return min(self.cards[card].vram, self.vram_others[card] + ours)

    # --- what the machine asks for --------------------------------------------------------------------------------

    def _do(self, command: Command) -> None:
        match command:
            case Spawn(worker, slot):
                self.children[worker] = child = Child(worker, slot, 1000 + worker, float(slot.threads))
                self.after(0.0, lambda: self._start(child))
            case Load(worker, _):
                if child := self.children.get(worker):
                    self._compute(child, self.scene.load, 1.0, lambda: self._loaded(child))
            case Hand(worker, task, attempt):
                if child := self.children.get(worker):
                    child.waiting.append((attempt, task))
                    self.after(0.001, lambda: self._next(child))
            case Compare(worker, task, attempt, _):
                if child := self.children.get(worker):
                    child.busy = True
                    self.after(0.001, lambda: Frame(self, child, attempt, task, check=True).begin())
            case Send(worker, request):
                if child := self.children.get(worker):
                    self._hear(child, request)
            case Kill(worker):
                if child := self.children.get(worker):
                    self.after(0.01, lambda: self._gone(child, Fault.KILLED))
            case Recover(worker, _):
                self.after(0.01, lambda: self.feed(Recovered(self.now, worker, ())))
            case End():
                pass

    def _start(self, child: Child) -> None:
        self.feed(Spawned(self.now, child.worker, child.pid))
        self._compute(child, 0.5, 1.0, lambda: self._say(child, Hello(1, child.pid, (5, 0, 1), "")))

    def _hear(self, child: Child, request: object) -> None:
        if isinstance(request, Commit) and request.attempt in child.carried:
            child.carried.discard(request.attempt)
            self.after(0.005, lambda: self._committed(child, request.attempt))
        elif isinstance(request, Threads):
            child.threads = float(request.count)
        elif isinstance(request, Leave):
            child.leaving = True
            self._leave_if_done(child)

    def _committed(self, child: Child, attempt: int) -> None:
        if child.alive:
            self.finishes.append(self.now)
            self.by_slot[child.slot.name] = self.by_slot.get(child.slot.name, 0) + 1
            self._say(child, Committed(attempt))
            self._leave_if_done(child)

    def _leave_if_done(self, child: Child) -> None:
        if child.leaving and child.alive and not child.busy and not child.carried and child.loaded:
            self._say(child, Left(tuple(attempt for attempt, _ in child.waiting)))
            self.after(0.05, lambda: self._gone(child, None))

    def _gone(self, child: Child, fault: Fault | None) -> None:
        if child.alive:
            child.alive = False
            del self.children[child.worker]
            self.feed(WorkerEnded(self.now, child.worker, fault))

    # --- a child's life -------------------------------------------------------------------------------------------

    def _say(self, child: Child, report: object) -> None:
        if child.alive:
            self.feed(WorkerSaid(self.now, child.worker, report))  # type: ignore[arg-type]

    def _loaded(self, child: Child) -> None:
        child.loaded = True
        self._say(child, Loaded(self.scene.load, tuple(d.id for d in child.slot.devices)))

    def _compute(self, child: Child, work: float, weight: float, then: Callable[[], None]) -> None:
        def done() -> None:
            child.cpu += work
            if child.alive:
                then()

        self.processor.add(max(work, 1e-6), weight, done)

    def _next(self, child: Child) -> None:
        if child.busy or not child.alive or not child.waiting or child.leaving:
            return
        child.busy = True
        attempt, task = child.waiting.pop(0)
        Frame(self, child, attempt, task).begin()

    def frame_done(self, frame: Frame) -> None:
        """The worker is free for its next frame; the file is carried away beside it."""
        child = frame.child
        child.busy = False
        child.frames += 1
        if frame.check:
            self._say(child, Checked(frame.attempt, True, True))
            self._next(child)
            return
        child.carried.add(frame.attempt)
        carried_from = self.now

        def carried() -> None:
            phases = Phases(*frame.phases, carry=self.now - carried_from)
            pictures = (Picture(f"/out/{frame.task:05}.png", 2_000_000, "aa"),)
            devices = tuple(d.id for d in child.slot.devices)
            memory = self.memory(child)
            self._say(child, Rendered(frame.attempt, pictures, phases, memory=memory, devices=devices))

        self._compute(child, self.scene.carry, 1.0, carried)
        self._next(child)

    def render(self, frame: Frame, then: Callable[[], None]) -> None:
        """Do a frame's samples on its worker's device, alone or all of them together."""
        child, scene = frame.child, self.scene
        work = scene.gpu * frame.cost + (scene.first if child.frames == 0 else 0.0)
        if not self.cards:
            self._compute(child, work * self.cores, child.threads, then)
            return
        numbers = [self.devices.index(device) for device in child.slot.devices]
        open_parts = len(numbers)

        def part() -> None:
            nonlocal open_parts
            open_parts -= 1
            if open_parts == 0 and child.alive:
                self.after(scene.gap, then)

        for number in numbers:
            self._card_shares[number].add(work / len(numbers), 1.0, part)


class Frame:
    """One attempt on its way through a child."""

    def __init__(self, world: SimulatedMachine, child: Child, attempt: int, task: int, *, check: bool = False) -> None:
        self.child, self.attempt, self.task, self.check = child, attempt, task, check
        self.cost = world.scene.cost(task) * world.rng.lognormvariate(0.0, world.scene.noise)
        self.cost *= world.scene.ages(child.worker, child.frames)
        self.phases: list[float] = []
        self._world = world
        self._since = world.now

    def begin(self) -> None:
        world, scene = self._world, self._world.scene
        threads = min(self.child.threads, scene.sync_threads)
        if not self.check:
            world._say(self.child, Begun(self.attempt))
        steps: list[Callable[[Callable[[], None]], None]] = [
            lambda then: world._compute(self.child, scene.evaluate, 1.0, then),
            lambda then: world._compute(self.child, scene.sync * self.cost, threads, then),
            lambda then: world.render(self, then),
            lambda then: world._compute(self.child, scene.write, 1.0, then),
        ]
        self._go(steps)

    def _go(self, steps: list[Callable[[Callable[[], None]], None]]) -> None:
        if not steps:
            self._world.frame_done(self)
            return

        def then() -> None:
            self.phases.append(self._world.now - self._since)
            self._since = self._world.now
            self._go(steps[1:])

        steps[0](then)
