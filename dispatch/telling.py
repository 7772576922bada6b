# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences for the artist that come again: thousands of failures must not become thousands of sentences. Pure.

The first few of a kind are all said, then the 10th, 20th, 40th …, with their number. The journal has a record of each.
"""

from __future__ import annotations

from collections import Counter

FIRST = 5
"""Sentences of a kind that are all said."""


class Telling:
    def __init__(self) -> None:
        self._once: set[str] = set()
        self._kinds: Counter[str] = Counter()

    def words(self, text: str, *, once: bool = False, like: str = "") -> str:
        """Return what to say now, empty: nothing. ``like``: its kind, empty: always said."""
        if once:
            new = text not in self._once
            self._once.add(text)
            return text if new else ""
        if not like:
            return text
        self._kinds[like] += 1
        number = self._kinds[like]
        if number <= FIRST:
            return text
        tens, rest = divmod(number, 10)
        return "" if rest or tens & (tens - 1) else f"{text.rstrip('.')} ({number:,} times so far)."
