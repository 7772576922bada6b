# SPDX-License-Identifier: GPL-3.0-or-later
"""The campaign can fail: with one safeguard taken away a piece of it finds something wrong, and nothing without that."""

from __future__ import annotations

from pathlib import Path

import pytest
from mutations import MUTATIONS, Mutation, copied, look
from pieces import PIECES

pytestmark = pytest.mark.leaves_claims


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_the_campaign_notices_that(mutation: Mutation, tmp_path: Path, long: bool) -> None:
    copy = copied(tmp_path / "copy", mutation)  # what it replaces is there, in the short campaign too
    if mutation.quick or long:
        assert look(copy, mutation.piece, tmp_path / "piece")


@pytest.mark.parametrize("piece", sorted({m.piece for m in MUTATIONS}))
def test_with_all_its_safeguards_the_engine_stands_the_same_piece(piece: str, tmp_path: Path, long: bool) -> None:
    if long or piece in ("same_claim_at_the_same_instant", "power_cut_between_replace_and_report"):
        assert PIECES[piece](tmp_path) == []
