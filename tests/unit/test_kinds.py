# SPDX-License-Identifier: GPL-3.0-or-later
"""What devices that are alike have done in a window."""

from __future__ import annotations

import pytest

from dispatch.kinds import LOOKS, kinds
from dispatch.model import Backend, Device


def test_frames_that_are_heard_of_in_one_instant_tell_no_rate() -> None:
    """As after the computer slept: a clock may tick every 16 ms only."""
    (kind,) = kinds([Device("CUDA_0", "Card", Backend.CUDA)])
    for _ in range(LOOKS + 1):
        kind.look(10.0, (1,))
    for _ in range(9):
        kind.finished(12.0, 1)
    assert not kind.steady(1)
    kind.finished(13.0, 1)
    assert kind.steady(1)
    assert kind.rate == pytest.approx(9.0, rel=1e-3)
