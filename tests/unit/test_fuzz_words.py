# SPDX-License-Identifier: GPL-3.0-or-later
"""What people and scenes say: words for the command line, names, a driver's text. It is read, and does nothing else."""

from __future__ import annotations

import contextlib
import io
import json
import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch import arguments, deadlines, figures, findings, frames, job, markup, wording
from dispatch.display import Events, Plain
from dispatch.journal import Journal
from dispatch.model import DispatchError, Limits
from dispatch.snapshot import Message, Snapshot, WorkerView

fixed = settings(derandomize=True, max_examples=200)

EVIL = [
    "\x1b]0;title\x07\x1b[2J\x1b[31mred\x1b[0m",
    "two\r\nlines\u2028three",
    "gnp.\u202e4gpj\u2066x\u2069\u200f",
    "\0\x7f\x9b31m",
    "half \ud800 \udcff",
    "[bold red]rich[/] {0} {name} %s %d",
    "</script><script>alert(1)</script><img src=x onerror=alert(1)>",
    "x" * 10_000_000,
]
TEXTS = (
    st.text(st.characters())
    | st.text(st.sampled_from("a \u0633\u064e\u0915\u094d\u200b\u200c\u200d\u200e…\x1b"))
    | st.sampled_from(EVIL[:-1])
)


HARM = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff]"
    r"|(?:^|[\0-\u0590])[\u200c\u200d]"  # joiners belong to scripts beyond these
)


def is_harmless(text: str) -> bool:
    """Nothing but letters, and spaces between them."""
    return HARM.search(text) is None


@given(TEXTS)
@fixed
def test_a_cleaned_text_only_holds_what_can_be_read_and_stays_what_it_is(text):
    once = wording.clean(text)
    assert is_harmless(once)
    assert wording.clean(once) == once
    once.encode()


@pytest.mark.parametrize("text", ["shot é → 木 🎬", "a  b", "C:\\x\\y", "100 %", ""])
def test_an_honest_name_stays_as_it_is(text):
    assert wording.clean(text) == text


JOINED = {
    "Persian": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "Persian with a vowel mark": "\u0645\u0650\u200c\u062e",
    "Hindi, not tied": "\u0915\u094d\u200c\u0937",
    "Sinhala": "\u0dc1\u0dca\u200d\u0dbb\u0dd3",
    "Bengali": "\u09b0\u200d\u09cd\u09af\u09be\u09ae",
    "Malayalam, at a word's end": "\u0d05\u0d35\u0d28\u0d4d\u200d.blend",
}


@pytest.mark.parametrize("name", JOINED.values(), ids=JOINED)
def test_a_name_that_is_written_with_joiners_can_be_copied(name):
    assert wording.clean(f"/films/{name}/0001.png") == f"/films/{name}/0001.png"


@pytest.mark.parametrize("joiner", ["\u200c", "\u200d"])
def test_a_joiner_that_joins_nothing_is_gone(joiner):
    assert wording.clean(f"{joiner}sh{joiner}ot {joiner}1{joiner}") == "shot 1"
    assert wording.clean(f"\u0633{joiner}{joiner}\u0633{joiner}") == "\u0633\u0633"
    assert wording.clean(f"\u0633\u202e{joiner}\u200f\u0633") == f"\u0633{joiner}\u0633"


def test_what_moves_a_terminal_is_gone_with_its_figures():
    assert wording.clean(EVIL[0]) == "red"
    assert wording.clean(EVIL[1]) == "two lines three"
    assert wording.clean(EVIL[2]) == "gnp.4gpjx"
    assert len(wording.clean(EVIL[-1])) == wording.LONGEST


def a_snapshot(words: str) -> Snapshot:
    worker = WorkerView(1, words, ("CPU",), words)
    messages = (Message("2026-01-01T00:00:00", "warning", words),)
    return Snapshot("id", words, "rendering", 9, workers=(worker,), messages=messages, output=words, bottleneck=words)


@pytest.mark.parametrize("words", EVIL)
def test_a_terminal_only_gets_lines_of_ours(words):
    out = io.StringIO()
    shown = Plain(out, out, "p", verbose=True)
    shown.created(words, words, words)
    shown.finding(findings.warning("key", words))
    shown.show(a_snapshot(words))
    lines = out.getvalue().split("\n")
    assert all(map(is_harmless, lines))


@pytest.mark.parametrize("words", EVIL)
def test_the_live_display_draws_it_and_takes_no_name_for_a_style(words):
    live = pytest.importorskip("dispatch.live")
    from rich.console import Console

    console = Console(file=io.StringIO(), width=100, height=30, force_terminal=True, color_system=None)
    console.print(live.draw(a_snapshot(words), 100, 30))
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(map(is_harmless, said.split("\n")))
    assert ("[bold red]rich[/]" in said) == ("[bold red]" in words)


@pytest.mark.parametrize("words", EVIL)
def test_an_event_stays_one_line_of_json(words):
    out = io.StringIO()
    Events(out).event("message", text=words)
    (line,) = out.getvalue().splitlines()
    assert line.isascii()
    assert json.loads(line)["text"] == words


@pytest.mark.parametrize("words", EVIL)
def test_a_page_gets_neither_a_tag_nor_a_mark(words):
    page = markup.join(
        [markup.head(words, words, "", words), markup.table([words], [[words]]), markup.note(words, words)]
    )
    assert "<script" not in page
    assert "<img" not in page
    assert is_harmless(page.replace("\n", " "))
    assert is_harmless(figures.short(words, 40))
    assert len(figures.short(words, 40)) <= 40


@pytest.mark.parametrize("words", EVIL)
def test_a_job_and_its_journal_hold_any_words(tmp_path, words):
    with contextlib.closing(Journal(tmp_path / "journal.jsonl")) as book:
        book.write("told", {"text": words})
        book.sync()
    job.write_snapshot(tmp_path, a_snapshot(words))
    assert job.read_snapshot(tmp_path) == a_snapshot(words)
    assert is_harmless(findings.in_panel(f"{words}: choose another place with --jobs-dir."))


WORDS = st.sampled_from([
    *["render", "measure", "status", "stop", "resume", "audit", "release", "run", "devices", "report", "x.blend"],
    *["-f", "--frames", "-o", "--limits", "--retries", "--samples", "--per-device", "--devices", "--then", "--json"],
    *["--threads", "1-5", "-5--1", "nan", "1e400", "inf", "-1", "9" * 5000, "load=nan", "task=", "=", "--", "-", ""],
])  # fmt: skip


@given(st.lists(WORDS | TEXTS, max_size=6))
@fixed
def test_any_command_line_is_a_command_or_a_sentence(words):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(DispatchError):
        try:
            given = arguments.parse(words)
            if given.command == "render":
                arguments.wishes(given)
        except SystemExit as end:
            assert end.code == 0  # noqa: PT017 - help


@given(st.text(st.sampled_from("0123456789-+^,;. x×…\0\ud800\u202e")) | TEXTS)
@fixed
def test_any_frames_are_frames_or_a_short_sentence(text):
    try:
        assert frames.parse(text)
    except DispatchError as error:
        assert len(str(error)) < 400  # noqa: PT017


LIMITS = st.sampled_from([*Limits.__dataclass_fields__, "lode", ""])


@given(
    st.lists(
        st.tuples(LIMITS, st.sampled_from(["0", "-1", "nan", "inf", "1e8", "1e-9", "5", "0.5", "", "x", "9" * 400]))
    )
)
@fixed
def test_any_limits_are_such_that_nothing_is_done_without_a_pause(pairs):
    try:
        found = deadlines.parse(",".join(f"{name}={value}" for name, value in pairs))
    except DispatchError:
        return
    for name in Limits.__dataclass_fields__:
        value = getattr(found, name)
        assert math.isfinite(value)
        assert value >= deadlines.LEAST.get(name, 0.0)
