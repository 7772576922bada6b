# SPDX-License-Identifier: GPL-3.0-or-later
"""Every fault of the campaign: nothing is lost, doubled or quietly wrong, and the artist reads the right sentence."""

from __future__ import annotations

from pathlib import Path

import played
import pytest
from case import Case


@pytest.mark.leaves_claims  # what may stay in an output folder is the outside look's business
@pytest.mark.parametrize("fault", played.cases(), ids=lambda fault: f"{fault.group}: {fault.name}")
def test_a_fault_costs_no_frame_and_is_told(fault: Case, tmp_path: Path) -> None:
    assert played.play(fault, tmp_path).problems == ()
