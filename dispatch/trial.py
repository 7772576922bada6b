# SPDX-License-Identifier: GPL-3.0-or-later
"""A comparison of the same workers with and without some extra ones, on frames that differ in cost. Pure.

Blocks with (B) and without (A) the extra workers follow each other as B A A B B A A B …, and only neighbours are
compared: what changes slowly (heavier frames, a warmer card) cancels, what changes at once (a camera cut) spoils one
pair of many, which does not count for much. Blocks are short: what is plain shows in a few of them, and what is not
needs many pairs rather than long blocks, in which the machine itself changes. What the devices without an extra worker
lose counts too, where it is more than noise. Owns these figures; who rests when is the caller's doing.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from math import exp, hypot, log, sqrt
from statistics import median

from .blocks import Block, Rate

LEAST_GAIN = log(1.02)
"""A gain below 2 % is not worth the memory of a worker."""

PLAIN_PAIRS = 2
"""Pairs, one in each order, that are enough for a plain gain."""

LEAST_PAIRS = 3
"""Pairs that are enough for any other answer."""

ABOVE_NOISE = 2.35
"""A gain is so many times its error at least. It is looked at up to twelve times: by pure noise 3 to 8 of 100 comparisons say
that something was gained, with 2.2 5 to 10."""

MOST_PAIRS = 8
"""Pairs after which a gain that is not there by then is none …"""

PROMISING = 16
"""… and one that looks like some, and is still no larger than the noise."""


CLEAR = log(1.1)
"""What all of the first three pairs say like this needs no fourth, though there is time for many …"""

PLAIN = log(1.25)
"""… and a gain like this needs no third pair: a block of long frames takes most of a minute."""

PLAIN_AT_ONCE = log(1.4)
"""A gain like this needs one pair, where the workers without the extra ones were as much slower just before the comparison,
too: a camera cut does one of the two. It is larger since the block with the extra workers is the same in both."""

SURE = 4.0
"""A plain gain is so many times its error: then each of the two pairs is three quarters of it at least."""

EACH = 4
"""Frames that each worker finishes in a block, mostly: workers that share a card take turns in changing order."""

LONGER = 1.5
"""Where so many times as many pairs as usual may be compared, there is time for many."""

LONGEST = 16.0
"""So many times as many at most."""

OTHERS = 2
"""Frames that each worker elsewhere finishes at least in a block."""


class Answer(Enum):
    KEEP = "keep"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Compared:
    """What the pairs say together. Rates are frames per second of the devices that have an extra worker."""

    pairs: int
    gain: float
    """0.25: a quarter more frames per second with the extra workers."""
    error: float
    """Standard error of the gain."""
    without: float

    @property
    def with_extra(self) -> float:
        return self.without * (1.0 + self.gain)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two neighbouring blocks, of the same devices."""

    with_extra: Rate
    without: Rate

    @property
    def gain(self) -> float:
        """Log ratio of the rates."""
        return log(self.with_extra.rate / self.without.rate)

    @property
    def variance(self) -> float:
        return self.with_extra.variance + self.without.variance


class Trial:
    def __init__(
        self,
        groups: Mapping[int, Hashable],
        extra: frozenset[int],
        tried: Hashable,
        *,
        each: int = EACH,
        longer: float = 1.0,
        before: Rate | None = None,
    ) -> None:
        """``groups``: worker → its group (workers that are alike), all that take part, ``extra`` ones included.

        ``tried``: the group that the extra workers belong to. ``each``: frames that each worker there finishes in a
        block. ``longer``: so many times as many pairs as usual may be compared. ``before``: how fast the devices were
        without the extra workers just before; None: not known, or others were measured than those that are compared.
        """
        self._groups = groups
        self.extra = extra
        self._tried = tried
        self._each = each
        self._longer = longer
        self._alone = before
        self._others = frozenset(groups.values()) - {tried}
        self._blocks = 0
        self._before: Block | None = None
        self._pairs: list[tuple[Pair, Pair | None]] = []
        """Of the tried devices, and of the others, if any."""
        self._answer: Answer | None = None
        self._block: Block | None = None

    @property
    def workers(self) -> frozenset[int]:
        return frozenset(self._groups)

    @property
    def with_extra(self) -> bool:
        """Whether the extra workers render in this block."""
        return self._blocks % 4 in (0, 3)

    def settled(self) -> None:
        """Whoever rests has finished what it held: the block counts from now on."""
        if self._block is None:
            self._block = Block(self._active(), self._groups, {})

    def finished(self, at: float, worker: int) -> None:
        """A worker has finished a frame."""
        if self._block is None:
            return
        self._block.finished(at, worker)
        if self._block.over:
            self._next()

    def _active(self) -> dict[int, int]:
        active = [worker for worker in self._groups if self.with_extra or worker not in self.extra]
        return {worker: self._each if self._groups[worker] == self._tried else OTHERS for worker in active}

    def _next(self) -> None:
        assert self._block is not None
        block, extra_rendered = self._block, self.with_extra
        self._blocks += 1
        if self._blocks % 2:
            self._before = block
        elif self._before:
            both = (block, self._before) if extra_rendered else (self._before, block)
            others = Pair(*(b.rate(self._others) for b in both)) if self._others else None
            self._pairs.append((Pair(*(b.rate({self._tried}) for b in both)), others))
            self._answer = self._judge()
        # Where nobody changes, the next block goes on from the last finishes.
        same = self.with_extra == extra_rendered
        self._block = Block(self._active(), self._groups, block.marks) if same else None

    # --- what it says ---------------------------------------------------------------------------------------------

    def compared(self) -> Compared | None:
        """What the pairs say so far; None before the first."""
        if not self._pairs:
            return None
        middle, error = self._middle()
        return Compared(len(self._pairs), exp(middle) - 1.0, error * exp(middle), self._without())

    def answer(self) -> Answer | None:
        """Return what the pairs so far say is to be done; None: more are needed."""
        return self._answer

    def _judge(self) -> Answer | None:
        count = len(self._pairs)
        if count < PLAIN_PAIRS:
            return Answer.KEEP if self._is_plain_at_once() else None
        if not _is_looked_at(count):
            return None
        middle, error = self._middle()
        if count < LEAST_PAIRS:
            return Answer.KEEP if middle > max(PLAIN, SURE * error) else None
        least = max(LEAST_GAIN, ABOVE_NOISE * error)
        if count == LEAST_PAIRS:
            return self._agreed(middle, max(CLEAR, least) if self._longer >= LONGER else least)
        if middle > least:
            return Answer.KEEP
        most = self._longer * (PROMISING if middle > LEAST_GAIN else MOST_PAIRS)
        return Answer.DROP if count >= most or middle + 2.0 * error < LEAST_GAIN else None

    def _agreed(self, middle: float, least: float) -> Answer | None:
        """Return what the first three pairs say, if all of them do."""
        gains = [pair.gain for pair, _ in self._pairs]
        if min(*gains, middle) > least:
            return Answer.KEEP
        return Answer.DROP if max(gains) < (-least if self._longer >= LONGER else 0.0) else None

    def _is_plain_at_once(self) -> bool:
        """Whether the first block with the extra workers is plainly faster than what was before it, and what came after."""
        if not self._pairs or self._alone is None:
            return False
        after, _ = self._pairs[0]
        before = Pair(after.with_extra, self._alone)
        return all(pair.gain > max(PLAIN_AT_ONCE, SURE * sqrt(pair.variance)) for pair in (before, after))

    def _without(self) -> float:
        return median(pair.without.rate for pair, _ in self._pairs)

    def _middle(self) -> tuple[float, float]:
        """Return the log of the gain and its standard error, with what the other devices lose set against it."""
        middle, error = _middle([pair for pair, _ in self._pairs])
        others = [pair for _, pair in self._pairs if pair]
        if others:
            loss, its_error = _middle(others)
            weight = median(pair.without.rate for pair in others) / self._without()
            if loss < -2.0 * its_error:
                return middle + weight * loss, hypot(error, weight * its_error)
        return middle, error


def _is_looked_at(pairs: int) -> bool:
    """Whether so many pairs are judged: 2, 3, 4, 6, 8, 12, 16 …, even ones, which cancel a drift, and few: each look may err."""
    while pairs % 2 == 0:
        pairs //= 2
    return pairs in (1, 3)


def _middle(pairs: Sequence[Pair]) -> tuple[float, float]:
    """Return the gain and its standard error: by the frames' spread, or the pairs', the larger.

    The median of all averages of two (Hodges and Lehmann): one pair in four may be spoiled, and little is lost to it.
    """
    gains = [pair.gain for pair in pairs]
    middle = median((a + b) / 2 for i, a in enumerate(gains) for b in gains[i:])
    frames = sqrt(sum(pair.variance for pair in pairs) / len(pairs))
    spread = 1.4826 * median(abs(gain - middle) for gain in gains)
    return middle, 1.05 * max(frames, spread) / sqrt(len(pairs))
