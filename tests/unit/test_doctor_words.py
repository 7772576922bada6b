# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel says of what a doctor printed; whatever was printed."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch import doctor_words
from dispatch.doctor_nouns import Diagnosis, error, good, warning
from dispatch.findings import Level
from dispatch.model import SCHEMA

fixed = settings(derandomize=True, deadline=None, database=None, max_examples=100)
"""The same examples in every run."""

FOUND = [
    good("engine", "Multi-GPU Dispatcher 0.1.0."),
    warning("sleep", "The machine may fall asleep: switch sleep off."),
    error(
        "place", "The jobs folder /jobs cannot be written (full): mend that, or choose another place with --jobs-dir."
    ),
    good("jobs", "No job is running."),
]


def printed(*found: Diagnosis) -> str:
    """As `doctor_command` prints it."""
    return json.dumps({"schema": SCHEMA, "exit": 0, "checks": [asdict(each) for each in found], "facts": {"x": 1}})


def test_errors_come_first_in_words_of_the_panel_and_what_is_good_is_counted() -> None:
    checked = doctor_words.read(["Blender 5.2.2 (hash)", "{}", printed(*FOUND), "Blender quit"])
    assert checked is not None
    assert [(each.level, each.key) for each in checked.findings] == [(Level.ERROR, "place"), (Level.WARNING, "sleep")]
    assert checked.findings[0].panel == (
        "The jobs folder /jobs cannot be written (full): choose another jobs folder in the add-on's preferences."
    )
    assert (checked.good, checked.every) == (2, tuple(FOUND))
    assert doctor_words.good_line(checked) == "2 things are good."


@pytest.mark.parametrize(
    ("found", "short", "line"),
    [
        (FOUND, "1 error", "2 things are good."),
        ([FOUND[1], FOUND[1]], "2 warnings", ""),
        ([FOUND[0]], "good", "This machine can render: 1 thing is good."),
    ],
)
def test_a_header_names_the_worst(found: list[Diagnosis], short: str, line: str) -> None:
    checked = doctor_words.read([printed(*found)])
    assert checked is not None
    assert (doctor_words.in_short(checked), doctor_words.good_line(checked)) == (short, line)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"schema": 99, "checks": [{"grade": "good", "key": "a", "text": "b"}]}',
        '{"schema": 1, "checks": []}',
        '{"schema": 1, "checks": {"grade": "good"}}',
        '{"schema": 1, "checks": [{"grade": "fine", "key": "a", "text": "b"}]}',
        '{"schema": 1, "checks": [{"grade": "good", "key": 1, "text": "b"}]}',
        '{"schema": 1, "checks": ' + "[" * 100_000,
        printed(*FOUND)[:-40],
    ],
)
def test_what_is_no_answer_is_none(line: str) -> None:
    assert doctor_words.read([line]) is None


@fixed
@given(st.lists(st.one_of(st.text(max_size=40), st.just(printed(*FOUND)).map(lambda text: text[:60]))))
def test_no_text_can_break_it(lines: list[str]) -> None:
    assert doctor_words.read(["{" + line for line in lines]) is None


@fixed
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_no_json_can_break_it(data: object) -> None:
    doctor_words.read([json.dumps({"schema": SCHEMA, "checks": data}), json.dumps({"schema": data, "checks": [data]})])
