# SPDX-License-Identifier: GPL-3.0-or-later
"""Auto's sentences: what it decided about the number of workers, with the figures that decided it. Pure, text only."""

from __future__ import annotations

from collections.abc import Sequence

from .prospect import Prospect
from .trial import Compared
from .wording import size

_NUMBERS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")
_ORDINALS = ("zeroth", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")


def workers(count: int, noun: str, part: str = "") -> str:
    """``Two workers per GPU``; ``noun`` is what one device of the kind is called."""
    return (
        f"{_number(count)} worker{'' if count == 1 else 's'} {'on the CPU' if noun == 'CPU' else f'per {noun}'}{part}"
    )


def part(count: int, of: int) -> str:
    """Say on how many of the devices, where it is not all of them."""
    return "" if count >= of else f" on {count} of {of}"


def _number(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def one_more(count: int) -> str:
    """``a third``, beside two."""
    ordinal = _ORDINALS[count + 1] if count + 1 < len(_ORDINALS) else f"{count + 1}th"
    return f"{'an' if count + 1 in (8, 11, 18) else 'a'} {ordinal}"


def try_more(count: int, noun: str, part: str, seen: Prospect) -> str:
    return f"Trying {_lower(workers(count, noun, part))}: {_most(seen)} more frames/s ({_busy(noun, seen)})."


def try_fewer(count: int, noun: str, *, others: bool) -> str:
    """``others``: because the frames have become others."""
    why = ": the frames are others now" if others else ""
    return f"Comparing {_lower(workers(count, noun))} with one less{why}."


def recall(count: int, noun: str) -> str:
    return f"{workers(count, noun)}, as found before the job was interrupted."


def keep(count: int, noun: str, part: str, found: Compared) -> str:
    return f"{workers(count, noun, part)}: {_rates(found.with_extra, found.without)} frames/s ({_figures(found)})."


def drop(count: int, noun: str, more: int, found: Compared) -> str:
    """``count``: how many stay; ``more``: how many were tried beside them."""
    with_more = f"with {_lower(_number(more))} more it was {_rates(found.with_extra, found.without)} frames/s"
    return f"{workers(count, noun)}: {with_more} ({_figures(found)})."


def not_loaded(count: int, noun: str, more: int, why: str) -> str:
    return (
        f"{workers(count, noun)}: {_lower(_number(more))} more {'was' if more == 1 else 'were'} not possible ({why})."
    )


def no_gain(count: int, noun: str, seen: Prospect) -> str:
    return f"{workers(count, noun)}: {one_more(count)} would gain {_most(seen)} ({_busy(noun, seen)})."


def most(count: int, noun: str) -> str:
    return f"{workers(count, noun)}: Auto starts no more than that on one device."


def no_room(count: int, noun: str, memory: str, need: int) -> str:
    """``memory``: ``RAM`` or ``VRAM``."""
    return f"{workers(count, noun)}: {one_more(count)}, which needs {size(need)} of {memory}, does not fit beside what stays free."


def too_short(count: int, noun: str, seen: Prospect) -> str:
    what = one_more(count) if seen.more == 1 else _lower(_number(count + seen.more))
    return f"{workers(count, noun)}: too few frames are left to try {what} ({_most(seen)} more frames/s)."


def cut_short(count: int, noun: str, more: int, *, kept: bool) -> str:
    """``count``: how many stay; ``more``: how many were on trial; ``kept``: they are among those that stay."""
    stays, goes = ("the last one stays", "that one goes") if more == 1 else ("the last ones stay", "those go")
    what = f"less was cut short, and {stays}" if kept else f"more was cut short, and {goes}"
    return f"{workers(count, noun)}: the comparison with {_lower(_number(more))} {what}."


def fewer(name: str, left: int, memory: str, free: int, total: int, need: int) -> str:
    """``need``: the most that one worker has had; 0: not known."""
    most = f"; one of them has had {size(need)}" if need else ""
    stay = "one worker stays" if left == 1 else f"{left} workers stay" if left else "its frames go to the others"
    return f"One worker less on {name}: {size(free)} of {size(total)} {memory} are free{most}; {stay}."


def again(name: str, count: int, memory: str) -> str:
    """``count``: how many there are now."""
    return f"{_number(count)} worker{'' if count == 1 else 's'} on {name}: there is enough {memory} for it now."


def one_first(count: int, bytes: int) -> str:
    return (
        f"One worker first, to see what the scene needs: {count} copies of a {size(bytes)} file may not fit into RAM."
    )


def nobody_tells() -> str:
    return "All workers begin: for a minute nothing has told how much RAM is free, so not all of them may fit."


def all_fit(count: int, need: int) -> str:
    return f"All {count} workers: each needs about {size(need)} of RAM."


def some_fit(fit: int, count: int, need: int, free: int) -> str:
    return f"{_number(fit)} of {count} workers: each needs {size(need)} of RAM and {size(free)} are free."


def combined(need: int, free: int) -> str:
    return f"All devices as one: a worker needs {size(need)} of RAM and a second one does not fit into {size(free)}."


def noun(names: Sequence[str], name: str) -> str:
    """Return what one device of a kind is called where the job has these kinds of GPU."""
    return name if name == "CPU" or len(names) > 1 else "GPU"


def _most(seen: Prospect) -> str:
    """A full card is a bound; idle cores are none: beside more workers a frame may cost the processor less."""
    return f"{'about' if seen.limit == 'cpu' else 'at most'} {_percent(max(0.0, seen.most))}"


def _busy(noun: str, seen: Prospect) -> str:
    if seen.limit == "cpu" or noun == "CPU":
        return f"CPU {_percent(seen.cpu if seen.cpu is not None else seen.busy)} busy"
    told = "" if seen.told else "at most "
    return f"{'GPUs' if noun == 'GPU' and seen.devices > 1 else noun} {told}{_percent(seen.busy)} busy"


def _figures(found: Compared) -> str:
    return f"{_signed(found.gain)}, {found.pairs} comparison{'' if found.pairs == 1 else 's'}"


def _rates(first: float, second: float) -> str:
    digits = 1 if min(first, second) >= 1 else 2 if min(first, second) >= 0.1 else 3
    return f"{first:.{digits}f} instead of {second:.{digits}f}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _signed(share: float) -> str:
    return f"{'+' if share >= 0 else '−'}{abs(100 * share):.0f} %"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
