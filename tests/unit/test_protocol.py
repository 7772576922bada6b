# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import json
import os
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch import protocol
from dispatch.model import Fault, Phases, Picture
from dispatch.protocol import LONGEST_LINE, Failed, Hello, Leave, Rendered, decode, encode

MESSAGES = [*typing.get_args(protocol.Request), *typing.get_args(protocol.Report)]

# What os.fsdecode may give for a file name: any text, and lone surrogates for bytes that are no UTF-8.
names = st.text(st.characters(codec="utf-8")) | st.binary(max_size=40).map(lambda b: os.fsdecode(b))


def values(kind: type) -> st.SearchStrategy[typing.Any]:
    """Strategy for any message: every text is a possible file name."""
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{f.name: _value(hints[f.name]) for f in dataclasses.fields(kind)})


def _value(hint: typing.Any) -> st.SearchStrategy[typing.Any]:
    if hint is str:
        return names
    if hint is float:
        return st.floats(allow_nan=False, allow_infinity=False)
    if typing.get_origin(hint) is tuple:
        inner = typing.get_args(hint)
        if inner[-1] is Ellipsis:
            return st.lists(_value(inner[0]), max_size=3).map(tuple)
        return st.tuples(*map(_value, inner))
    if options := [o for o in typing.get_args(hint) if o is not type(None)]:
        return st.none() | st.one_of(*map(_value, options))
    return values(hint) if dataclasses.is_dataclass(hint) else st.from_type(hint)


anything = st.one_of(*map(values, MESSAGES))


@given(anything)
def test_every_message_comes_back_equal_and_is_one_line_of_ascii(message: protocol.Request | protocol.Report) -> None:
    line = encode(message)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert line.isascii()
    assert decode(line) == message


@given(anything, st.data())
def test_a_cut_message_is_no_message(message: protocol.Request | protocol.Report, data: st.DataObject) -> None:
    line = encode(message)
    cut = data.draw(st.integers(0, len(line) - 2))
    assert decode(line[:cut]) is None
    assert decode(line[cut + 1 :]) is None or line[cut + 1 :] == line[1:]


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda b: b"{" + b))
def test_any_bytes_are_taken_or_refused_without_an_exception(line: bytes) -> None:
    decode(line)


json_values = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda s: st.lists(s))


@given(
    st.sampled_from(MESSAGES),
    st.dictionaries(st.sampled_from(["attempt", "frame", "words", "fault", "pictures", "pid"]), json_values),
)
def test_a_message_with_wrong_fields_is_no_message_or_a_right_one(kind: type, fields: dict[str, object]) -> None:
    found = decode(json.dumps({"mgd": kind.__name__} | fields).encode())
    assert found is None or decode(encode(found)) == found


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"{}",
        b"{\n",
        b"null",
        b"[1]",
        b"Fra:3 Mem:8.34M (Peak 10.49M) | Sample 1/4",
        b'{"mgd": "Nothing"}',
        b'{"mgd": ["Leave"]}',
        b'{"mgd": {"Leave": 1}}',
        b'{"mgd": null}',
        b'{"mgd": "Render", "attempt": 1}',
        b'{"mgd": "Render", "attempt": "1", "frame": 1}',
        b'{"mgd": "Render", "attempt": 1.0, "frame": 1}',
        b'{"mgd": "Failed", "attempt": 1, "fault": "bad luck", "words": ""}',
        b'{"mgd": "Leave"}{"mgd": "Leave"}',
        b"\xef\xbb\xbf" + b'{"mgd": "Leave"}',
        b'{"mgd": "Leave", "x": "\xff"}',
        b"{" * 100_000,
        b'{"mgd":' + b"[" * 100_000,
    ],
)
def test_garbage_is_no_message(line: bytes) -> None:
    assert decode(line) is None


def test_a_line_that_is_too_long_is_garbage_even_where_it_would_parse() -> None:
    long = encode(Failed(1, Fault.SCENE, "x" * LONGEST_LINE))
    assert decode(long) is None
    assert decode(encode(Failed(1, Fault.SCENE, "x" * 1000))) is not None


def test_a_message_without_fields_is_encoded_and_keys_of_newer_versions_are_ignored() -> None:
    assert encode(Leave()) == b'{"mgd":"Leave"}\n'
    assert decode(b'{"mgd":"Leave","hurry":true}\r\n') == Leave()


def test_nested_values_have_their_types_after_the_way_through_the_pipe() -> None:
    message = Rendered(7, (Picture("/o/\udcff.png", 12, "ab"),), Phases(0.1, 1, 2, 3), devices=("CPU",))
    found = decode(encode(message))
    assert found == message
    assert isinstance(found, Rendered)
    assert isinstance(found.pictures[0], Picture)
    assert os.fsencode(found.pictures[0].path) == b"/o/\xff.png"


def test_the_version_triple_stays_a_tuple() -> None:
    hello = decode(encode(Hello(protocol.VERSION, 4711, (5, 0, 1), "abc")))
    assert isinstance(hello, Hello)
    assert hello.version >= (4, 2, 0)
