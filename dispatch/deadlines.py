# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of ``--limits``: which of the engine's deadlines and counts are replaced, and by what.

Pure. Owns that little language and the least values; the names and defaults are `model.Limits`'.
"""

from __future__ import annotations

import difflib
from dataclasses import fields, replace
from typing import Any

from .model import DispatchError, Limits

LEAST: dict[str, float] = {
    **dict.fromkeys(("start", "load", "first", "task", "die", "heartbeat"), 1.0),
    **dict.fromkeys(("leave", "backoff", "backoff_most", "claims"), 0.01),
    "deaths": 1,
}
"""Least values of limits by which the engine paces itself: without a pause it would do nothing else."""


def parse(text: str) -> Limits:
    """Return the engine's limits with those of ``load=900,first=3600`` replaced.

    Raises:
        DispatchError: an unknown name, or no number.
    """
    known = {f.name: type(getattr(Limits(), f.name)) for f in fields(Limits)}
    changed: dict[str, Any] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, value = (word.strip() for word in part.partition("="))
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"there are {', '.join(known)}."
            raise DispatchError(f"There is no limit '{name[:60]}': {hint}")
        try:
            changed[name] = known[name](value)
        except ValueError:
            changed[name] = -1
        least = LEAST.get(name, 0)
        if not least <= changed[name] < 1e9:
            raise DispatchError(f"Limit '{part[:60]}' needs a number, {least:g} or more: write it like {name}=900.")
    return replace(Limits(), **changed)
