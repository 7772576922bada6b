# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of all faults in Markdown, with the sentences that were really read; its place in a document.

Pure. Owns the form of the table and the markers around it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from case import Case

BEGIN, END = "<!-- faults: begin (make faults writes this) -->", "<!-- faults: end -->"
GROUPS = {
    "children": "Children",
    "devices": "Devices and drivers",
    "dispatcher": "The dispatcher",
    "files": "Files and disks",
    "machine": "The machine",
    "scene": "The scene",
    "several": "Several on one folder",
    "records": "The job folder's own files",
}
LONGEST = 320


def markdown(lines: Sequence[tuple[Case, str]]) -> str:
    """Return the tables, one for each group.

    Args:
        lines: Each case with the sentence that was read.
    """
    parts = []
    for group, title in GROUPS.items():
        rows = [(case, sentence) for case, sentence in lines if case.group == group]
        if rows:
            parts += [
                f"### {title}",
                "",
                "| fault | provoked by | the engine | the artist reads |",
                "|---|---|---|---|",
            ]
            parts += [_row(case.name, case.how, case.did, sentence or "nothing") for case, sentence in rows]
            parts.append("")
    return "\n".join(parts)


def _row(*cells: str) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def shown(sentence: str, folder: Path) -> str:
    """Return a sentence without what differs from run to run: the test's folder, process ids, job ids."""
    words = sentence.replace(f"{folder}/", "").replace(str(folder), "the folder")
    words = re.sub(r"\bpid \d+", "pid 4711", words)
    words = re.sub(r"\b\d{8}-\d{6}-([\w-]+)-[0-9a-f]{4}\b", r"20261121-074500-\1-7f3a", words)
    return words if len(words) <= LONGEST else words[: LONGEST - 2] + " …"


def put(document: str, table: str) -> str:
    """Return the document with the table between its markers.

    Raises:
        ValueError: the markers are not there.
    """
    head, tail = document.index(BEGIN) + len(BEGIN), document.index(END)
    return f"{document[:head]}\n\n{table}\n{document[tail:]}"
