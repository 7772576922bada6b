# SPDX-License-Identifier: GPL-3.0-or-later
"""Words that want to break the panel: Blender gets them cleaned, whole, and as text it can draw."""

from __future__ import annotations

import re
from pathlib import Path

from installed import Installed

HARM = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff]")

CODE = r"""
enable()
text = room("ui.text")
class Context:
    region = None
    preferences = bpy.context.preferences
EVIL = ["\x1b]0;t\x07\x1b[31mred", "a\r\nb\u2028c", "gnp.\u202e4gpj", "half \ud800 \udcff", "\0", "{0} %s [b]x[/b]",
        "x" * 10_000_000, "y " * 1_000_000]
shown = []
for words in EVIL:
    shown += text.wrapped(words, 200, Context())
    shown.append(text.shortened(words, 200, Context()))
    shown.append(text.first_fit((words, words), 10_000_000, Context()))
    shown.append(room("dispatch.findings").in_panel(words))
# Blender itself takes each of them: as a property, as a report's text, as a label's.
for words in shown:
    bpy.context.scene.name = words[:60]
    bpy.context.window_manager.clipboard = words
disable()
tell(shown)
"""


def test_whatever_a_name_or_a_sentence_holds_blender_draws_it_as_one_line_of_letters(tmp_path: Path) -> None:
    shown = Installed(tmp_path).run(CODE)
    assert len(shown) > 20
    assert [words for words in shown if HARM.search(words)] == []
    assert max(map(len, shown)) <= 2000
    assert "red" in shown
    assert "{0} %s [b]x[/b]" in shown
