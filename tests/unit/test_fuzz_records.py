# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever stands in the files and lines that the engine reads: a sentence or nothing, never a fault of the program.

The same examples in every run. What is hostile about them: numbers without end, texts that no file system knows,
nesting without end, the right names with the wrong things in them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import typing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatch import audit, history, job, journal, measure, owners, protocol, recorder, records, recovery
from dispatch.codec import CodecError, from_plain
from dispatch.machine import Machine
from dispatch.measurement import Measurement
from dispatch.model import DispatchError, Job, Limits
from dispatch.snapshot import Snapshot
from dispatch.timeline import Timeline

fixed = settings(
    derandomize=True,
    max_examples=120,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

TEXTS = st.sampled_from(
    [
        "",
        "\0",
        "\ud800",
        "a\0b",
        "/",
        "..",
        "../../x",
        "\u202e4gnp.exe",
        "\x1b[31mred",
        "x" * 5000,
        "</script>",
        "1e999",
    ]
)
NUMBERS = st.sampled_from([0, -1, 1, 2**31, 2**63, 10**400, -(10**400), 1e308, float("inf"), float("nan"), 0.5])
LEAVES = st.none() | st.booleans() | NUMBERS | TEXTS | st.text(max_size=5) | st.integers(-3, 12)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6
)
NESTED = b"[" * 9_000, b'{"a":' * 5_000, b"\xff\xfe{\0", b"\xef\xbb\xbf{}", b"9" * 5000, b"[" + b"9" * 5000 + b"]"


def _near(kind: type) -> st.SearchStrategy[typing.Any]:
    """Objects with a dataclass's own field names and anything in them, some of it of the right type."""
    hints = typing.get_type_hints(kind)
    return st.fixed_dictionaries({}, optional={f.name: _of(hints[f.name]) | VALUES for f in dataclasses.fields(kind)})


def _of(hint: typing.Any) -> st.SearchStrategy[typing.Any]:
    if dataclasses.is_dataclass(hint):
        return _near(typing.cast(type, hint))
    inner = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        return st.lists(_of(inner[0]), max_size=3)
    if hint in (int, float):
        return NUMBERS | st.integers(0, 9)
    return TEXTS if hint is str else st.booleans() if hint is bool else VALUES


MESSAGES = [*typing.get_args(protocol.Request), *typing.get_args(protocol.Report)]


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_a_message_with_anything_in_it_is_a_message_or_none(kind):
    @fixed
    @given(_near(kind))
    def check(body):
        found = protocol.decode(json.dumps({"mgd": kind.__name__, **body}).encode())
        assert found is None or protocol.decode(protocol.encode(found)) == found

    check()


@given(st.binary(max_size=60).map(lambda tail: b"{" + tail) | st.sampled_from(NESTED))
@fixed
def test_a_line_of_anything_is_no_message(line):
    assert protocol.decode(line) is None or line.strip() == b"{}"


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity", "1" + "0" * 400])
def test_numbers_that_are_none_are_refused(number):
    line = b'{"mgd":"Loaded","seconds":' + number.encode() + b',"devices":[]}'
    assert protocol.decode(line) is None
    with pytest.raises(CodecError):
        from_plain(Limits, json.loads('{"load":' + number + "}"))


def test_what_is_said_of_a_wrong_value_is_short():
    with pytest.raises(CodecError) as refused:
        from_plain(Job, {"order": "x" * 1_000_000, "id": "", "name": "", "created": ""})
    assert len(str(refused.value)) < 300
    with pytest.raises(CodecError) as refused:
        from_plain(dict[str, str], {"x" * 1_000_000: 3})
    assert len(str(refused.value)) < 300


RECORDS = st.sampled_from([
    *["opened", "folder", "process", "worker ended", "rendered", "committed", "found", "blamed", "given up", "again"],
    *["movie made", "told", "skipped", "handed", "begun", "loaded", "slot", "auto", "wish", "job ended", "checked"],
])  # fmt: skip
FACTS = ["owner", "boot", "pid", "start", "start_time", "folder", "worker", "attempt", "task", "tasks", "pictures"]
FACTS += [
    "warm",
    "lost_to_others",
    "words",
    "path",
    "size",
    "at",
    "slot",
    "phases",
    "level",
    "text",
    "devices",
    "fault",
]
PICTURES = st.lists(st.fixed_dictionaries({"path": TEXTS, "size": st.integers(-1, 3), "hash": TEXTS}), max_size=2)
JOURNALS = st.lists(
    st.fixed_dictionaries(
        {"what": RECORDS},
        optional={name: (PICTURES if name == "pictures" else st.integers(-2, 5)) | VALUES for name in FACTS},
    ),
    max_size=12,
)


@given(JOURNALS)
@fixed
def test_any_journal_is_read_and_a_machine_starts_from_it(tmp_path, lines):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"".join(json.dumps(line).encode() + b"\n" for line in lines) + b'{"what":"commi')
    past = history.read(path, 3)
    done = recovery.settle(past, lambda what, **facts: json.dumps(facts))
    for task in (JOB, dataclasses.replace(JOB, overwrite=False)):
        audit.audit(tmp_path, task, look_into=True)
    belief = recovery.belief(JOB, past)
    Machine(3, (), Limits(), retries=1, gigabytes=0.0, done=done, belief=belief)
    history.last_picture(past)
    Timeline(JOB, [1, 2, 3], journal.read(path))


JOB = from_plain(
    Job,
    {
        **{"id": "i", "name": "n", "created": "", "blend": "/b.blend", "scene": "S", "frames": "1-3", "output": "/o/#"},
        **{"blender": {"path": "b", "is_module": True, "version": [5, 0, 1]}, "devices": []},
    },
)


def put(tmp_path: Path, name: str, content: bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


@given(
    _near(Job).map(lambda body: json.dumps({"schema": 1, "job": body}).encode())
    | VALUES.map(lambda v: json.dumps(v).encode())
    | st.sampled_from(NESTED)
    | st.binary(max_size=40)
)
@fixed
def test_any_job_file_is_a_job_or_a_short_sentence(tmp_path, content):
    put(tmp_path, "job.json", content)
    try:
        assert isinstance(job.load(tmp_path), Job)
    except DispatchError as error:
        assert len(str(error)) < 600  # noqa: PT017


@given(_near(Snapshot).map(lambda body: json.dumps(body).encode()) | st.sampled_from(NESTED) | st.binary(max_size=40))
@fixed
def test_any_snapshot_is_one_or_none(tmp_path, content):
    put(tmp_path, "snapshot.json", content)
    found = job.read_snapshot(tmp_path)
    assert found is None or isinstance(found, Snapshot)


@given(
    _near(Measurement).map(lambda body: json.dumps(body).encode()) | st.sampled_from(NESTED) | st.binary(max_size=40)
)
@fixed
def test_any_measurement_is_one_or_a_sentence(tmp_path, content):
    put(tmp_path, measure.NAME, content)
    with contextlib.suppress(DispatchError):
        assert isinstance(measure.read(tmp_path), Measurement)


@given(VALUES.map(lambda v: json.dumps(v).encode()) | st.sampled_from(NESTED) | st.binary(max_size=40))
@fixed
def test_any_record_or_owner_file_is_somebodys_or_nobodys(tmp_path, content):
    path = put(tmp_path, "0001.png.json", content)
    found = records.read(path)
    assert found is not None
    assert not set(found.owner + found.name) & set("/\\:\0")
    (tmp_path / ".mgd" / "owners").mkdir(parents=True, exist_ok=True)
    put(tmp_path, ".mgd/owners/abc", content).replace(tmp_path / ".mgd" / "owners" / "abc.json")
    assert owners.find(tmp_path, "abc").id == "abc"
    (tmp_path / ".mgd" / "owners" / "abc.json").unlink()


@given(st.dictionaries(st.sampled_from(["wish", "value"]), VALUES | st.sampled_from([*job.Wish])))
@fixed
def test_any_wish_is_taken_once(tmp_path, body):
    (tmp_path / "control").mkdir(exist_ok=True)
    put(tmp_path, "control/1.json", json.dumps(body).encode())
    assert len(list(job.take_wishes(tmp_path))) <= 1
    assert list(job.take_wishes(tmp_path)) == []


@given(
    st.lists(
        VALUES
        | st.fixed_dictionaries(
            {"at": TEXTS | st.just("2026-01-01T00:00:00+00:00"), "cards": VALUES, "workers": VALUES, "ram": VALUES}
        ),
        max_size=5,
    )
)
@fixed
def test_any_telemetry_is_gone_on_with(tmp_path, lines):
    path = put(tmp_path, recorder.NAME, b"\n".join(json.dumps(line).encode() for line in lines))
    recorder.Recorder(path, most=2)._thin()


@pytest.mark.parametrize("longest", [8, 9, 64])
def test_a_line_that_is_too_long_is_passed_over_and_never_held_whole(longest):
    damage = b'{"what":"' + b"x" * 100 + b'"}'
    read = io.BytesIO(b"short\n" + damage + b"\n\nlast")
    assert list(journal.lines(read, longest)) == [b"short\n", b"\n", b"last"]
