# SPDX-License-Identifier: GPL-3.0-or-later
"""What Auto's search cost and what came of it, from the journal's ``auto`` records. Pure.

Lost seconds: how much longer the frames of the search took than they would have taken with what was found.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .rate import Moments, between

OPEN = frozenset({"try", "doubt", "keep"})
"""Decisions after which another one is to come."""


@dataclass(frozen=True, slots=True)
class Search:
    """Seconds count from the moment at which the first layout was warm."""

    decisions: tuple[Mapping[str, Any], ...]
    """``after`` (seconds), ``decision``, ``words``."""
    seconds: float
    """Until the last decision."""
    lost: float
    before: float
    """Frames per second until the first try; 0: there was no time to tell."""
    after: float
    """With what was found."""
    over: bool
    """False: the cell ended while another decision was to come."""


def decided(records: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return Auto's records."""
    return [record for record in records if record.get("what") == "auto"]


def is_over(decisions: Sequence[Mapping[str, Any]]) -> bool:
    return bool(decisions) and decisions[-1].get("decision") not in OPEN


def since_last(moments: Moments, decisions: Sequence[Mapping[str, Any]], slots: Collection[str]) -> Moments:
    """Return the moments after the last decision, of those slots where a picture was finished since.

    A worker that the decision takes away finishes its frame first: its slot is none of ``slots``, and does not count.
    """
    last = decisions[-1]["at"] if decisions else 0.0
    later = {slot: [at for at in times if at > last] for slot, times in moments.items() if slot in slots}
    return {slot: times for slot, times in later.items() if times}


def search(decisions: Sequence[Mapping[str, Any]], times: Sequence[float], since: float, after: float) -> Search:
    """Sum a search up.

    Args:
        decisions: Auto's records, ``at`` in seconds of the same clock as ``times``.
        times: Moments of all pictures, ascending.
        since: When the first layout was warm.
        after: Frames per second with what was found.
    """
    if not times:
        return Search((), 0.0, 0.0, 0.0, after, is_over(decisions))
    first = decisions[0]["at"] if decisions else times[-1]
    last = max(since, decisions[-1]["at"]) if decisions else since
    before = between(times, since, first)
    meanwhile = sum(since < at <= last for at in times)
    told = tuple(
        {"after": round(d["at"] - since, 1), "decision": d.get("decision", ""), "words": d.get("words", "")}
        for d in decisions
    )
    lost = last - since - meanwhile / after if after else 0.0
    return Search(told, last - since, max(0.0, lost), before, after, is_over(decisions))


def slots_at_end(records: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Return the slots of the layout that was there when the records end; not one whose worker still has to leave it."""
    slots: set[str] = set()
    for record in records:
        if record["what"] == "spawn":
            slots.add(record["slot"])
        elif record["what"] == "slot closed":
            slots.discard(record["slot"])
        elif record["what"] == "layout":
            slots = set(record["slots"])
        elif record["what"] == "wish":
            break  # stopped by us: what ends from here on is no decision
    return frozenset(slots)


def by_device(slots: Iterable[str]) -> dict[str, int]:
    """Return how many slots each device has, by the name of its first one.

    Slots of a device are ``NAME``, ``NAME 2``, ``NAME 3``.
    """
    counts: dict[str, int] = {}
    for name in slots:
        base, _, number = name.rpartition(" ")
        card = base if base and number.isdigit() and len(number) < 3 else name
        counts[card] = counts.get(card, 0) + 1
    return counts
