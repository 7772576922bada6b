# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of faults for the documentation, and where it is put."""

from __future__ import annotations

from pathlib import Path

import pytest
import table
from case import Case, Seen


def nothing(folder: Path) -> Seen:
    raise NotImplementedError


def test_cases_become_tables_by_group_and_a_bar_in_a_cell_does_not_break_them() -> None:
    lines = [
        (Case("disk full", "files", "a disk of 1 MB", "waits", "full", nothing), "Paused: make\nroom | or not."),
        (Case("child killed", "children", "kill -9", "starts another", "", nothing), ""),
    ]
    assert table.markdown(lines).splitlines() == [
        "### Children",
        "",
        "| fault | provoked by | the engine | the artist reads |",
        "|---|---|---|---|",
        "| child killed | kill -9 | starts another | nothing |",
        "",
        "### Files and disks",
        "",
        "| fault | provoked by | the engine | the artist reads |",
        "|---|---|---|---|",
        "| disk full | a disk of 1 MB | waits | Paused: make room \\| or not. |",
    ]


def test_sentences_lose_what_differs_from_run_to_run() -> None:
    sentence = "/tmp/x-17/out/0003.png is claimed by render7 (pid 4200) of 20261121-134641-shot-5987"
    assert (
        table.shown(sentence, Path("/tmp/x-17"))
        == "out/0003.png is claimed by render7 (pid 4711) of 20261121-074500-shot-7f3a"
    )
    assert len(table.shown("x" * 1000, Path("/tmp/x-17"))) == table.LONGEST


def test_the_table_replaces_what_is_between_its_markers_and_nothing_else() -> None:
    document = f"# Title\n\n{table.BEGIN}\n\nold\n{table.END}\n\nafter\n"
    once = table.put(document, "new")
    assert once == f"# Title\n\n{table.BEGIN}\n\nnew\n{table.END}\n\nafter\n"
    assert table.put(once, "new") == once
    with pytest.raises(ValueError, match="substring"):
        table.put("no markers", "new")


def test_the_document_has_the_markers() -> None:
    document = (Path(__file__).resolve().parents[2] / "docs" / "reliability.md").read_text("utf-8")
    assert document.index(table.BEGIN) < document.index(table.END)
