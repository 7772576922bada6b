# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing that says who somebody is stays in a text, however it is spelled."""

from __future__ import annotations

import json
import re

import pytest

from dispatch import redaction
from dispatch.redaction import LEFT_OUT, Person, Redaction

LINUX = Person(
    ("/home/annalena",), ("annalena",), ("studio-nine.example.org", "studio-nine"), ("hunter2secret",),
    ("/mnt/big film/shots", "/mnt/big film", "/mnt"),
)  # fmt: skip
WINDOWS = Person(("C:\\Users\\Zoë Müller",), ("Zoë Müller",), ("WS-ZOE",), (), ())
TRACES = re.compile("annalena|studio-nine|hunter2|big film|zoë|müller|m%c3%bcller|m\\\\u00fc|ws-zoe", re.IGNORECASE)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("/home/annalena/shots/film/a.blend", "…/film/a.blend"),
        ("/home/annalena/a.blend", "~/a.blend"),
        ("in /home/annalena", "in ~"),
        ('{"blend": "/home/annalena/x/y/a b.blend"}', '{"blend": "…/y/a b.blend"}'),
        ("Cannot write /mnt/big film/shots/out/0001.png (full)", "Cannot write …/shots/out/0001.png (full)"),
        ("file:///home/annalena/x/y/z.png", "file://…/y/z.png"),
        ("Annalena's render by ANNALENA2 on Studio-Nine", "user's render by user2 on host"),
        ("ssh annalena@studio-nine.example.org", "ssh (e-mail)"),
        ("API_TOKEN=abc123 and password: 'top secret'", f"API_TOKEN={LEFT_OUT} and password: {LEFT_OUT}"),
        ("it says hunter2secret!", f"it says {LEFT_OUT}!"),
        ("https://docs.blender.org/manual/en/latest", "https://docs.blender.org/manual/en/latest"),
        ("4/5 frames, 1280/720, and/or", "4/5 frames, 1280/720, and/or"),
        ("/dev/nvidia0", "/dev/nvidia0"),
    ],
)
def test_text_of_linux(text: str, left: str) -> None:
    redacted = Redaction(LINUX).lines(text)
    assert redacted == left
    assert not TRACES.search(redacted)


@pytest.mark.parametrize(
    "text",
    [
        "C:\\Users\\Zoë Müller\\Films\\a.blend",
        "C:/Users/Zoë Müller/Films/a.blend",
        "c:\\users\\zoë müller\\Films\\a.blend",
        json.dumps("C:\\Users\\Zoë Müller\\Films\\a.blend"),
        json.dumps({"nested": json.dumps({"blend": "C:\\Users\\Zoë Müller\\a.blend"})}),
        "said: " + json.dumps({"blend": "C:\\Users\\Zoë Müller\\a.blend"}),
        "file:///C:/Users/Zo%C3%AB%20M%C3%BCller/a.blend",
        "\\\\WS-ZOE\\shots\\deep\\a.blend by Zoë Müller on ws-zoe",
    ],
)
def test_text_of_windows(text: str) -> None:
    for keep_paths in (False, True):
        redacted = Redaction(WINDOWS, keep_paths=keep_paths).lines(text)
        assert not TRACES.search(redacted), redacted


def test_whole_paths_are_kept_on_request_but_never_home() -> None:
    redact = Redaction(LINUX, keep_paths=True)
    assert redact.text("/srv/films/a/b/c.blend") == "/srv/films/a/b/c.blend"
    assert redact.text("/home/annalena/a/b/c.blend") == "~/a/b/c.blend"


def test_short_names_are_taken_out_as_words_and_ordinary_ones_not_at_all() -> None:
    redact = Redaction(Person(("/root", "/home/ann"), ("ann", "root"), ("localhost",)))
    assert (
        redact.text("ann planned annual plans for ann_2, root object")
        == "user planned annual plans for user_2, root object"
    )
    assert redact.text("/root/a.blend on localhost") == "~/a.blend on localhost"


def test_data_keeps_its_shape_and_loses_what_is_secret() -> None:
    data = {
        "schema": 1,
        "seal": "0123abc",
        "api_key": 7,
        "environment": {
            "CUDA_VISIBLE_DEVICES": "1",
            "BLENDER_TOKEN": "x",
            "HOME": "/home/annalena",
            "OCIO": "/a/b/c/d",
        },
        "frames": [1, 2.5, None, True],
        "/home/annalena/x": ["/mnt/big film/unknown folder/deep one/a b.blend"],
    }
    found = Redaction(LINUX).data(data)
    assert found == {
        "schema": 1,
        "seal": LEFT_OUT,
        "api_key": LEFT_OUT,
        "environment": {"CUDA_VISIBLE_DEVICES": "1", "OCIO": "…/c/d"},
        "frames": [1, 2.5, None, True],
        "~/x": ["…/deep one/a b.blend"],
    }


@pytest.mark.parametrize(
    "line",
    [
        "{'api_key': 'UNTOLD'}",
        'INFO headers {"api_key": "UNTOLD"}',
        "Authorization: Bearer UNTOLD",
        "X-Auth: UNTOLD",
        "Cookie: session=UNTOLD",
        "DB_PWD=UNTOLD",
        "passphrase = UNTOLD",
        "add-on --token UNTOLD",
        "GET https://bob:p!UNTOLD!@srv.example.com/x",
        "GET https://bob:UNTOLD@localhost:80/x",
        '{"text": "login with {\\"token\\": \\"UNTOLD\\"}"}',
        "environ({'A': 'b', 'AWS_SECRET_ACCESS_KEY': 'UNTOLD', 'C': 'd'})",
    ],
)
def test_what_stands_beside_a_secret_s_name_is_taken_out(line: str) -> None:
    assert "UNTOLD" not in Redaction(Person()).lines(line)


@pytest.mark.parametrize("piece", ["a", "key", "a.b-", "key ", "\\\\", "a@"])
def test_a_long_line_costs_no_more_than_its_length(piece: str) -> None:
    """256 kB of one line, as a log's tail may be: quadratic it would take minutes, and pytest's own timeout ends it."""
    Redaction(LINUX).lines(piece * (256 * 1024 // len(piece)))


def test_only_named_variables_are_shown() -> None:
    environ = {"OCIO": "/x", "BLENDER_USER_CONFIG": "/y", "CYCLES_AUTH": "z", "PATH": "/bin", "AWS_SECRET": "s3cr3t"}
    assert redaction.environment(environ) == {"OCIO": "/x", "BLENDER_USER_CONFIG": "/y"}
    assert redaction.secrets(environ) == ("z", "s3cr3t")


def test_without_anybody_a_text_without_paths_stays_as_it_is() -> None:
    assert Redaction(Person()).lines("Frame 7 took 0.4 s.") == "Frame 7 took 0.4 s."
