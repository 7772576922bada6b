# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from dispatch.codec import CodecError, from_plain, to_json
from dispatch.model import Backend, BlenderProgram, Device, Job, Limits


@dataclass(frozen=True)
class Inner:
    count: int
    share: float = 0.5


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner
    pair: tuple[int, str] = (0, "")
    many: tuple[Inner, ...] = ()
    table: dict[str, float] = field(default_factory=dict)
    perhaps: Inner | None = None
    backend: Backend = Backend.CPU
    sure: bool = False


def job() -> Job:
    return Job(
        id="j1",
        name="schöner \udcff Name",
        created="2026-11-21T03:00:00+00:00",
        blend="/a/b.blend",
        scene="Scene",
        frames="1-250x2",
        output="//####",
        blender=BlenderProgram("/usr/bin/blender", False, (5, 2, 2)),
        devices=(Device("CUDA_x_0000:3b:00", "card", Backend.OPTIX, pci="0000:3b:00"), Device("CPU", "p", Backend.CPU)),
        environment={"OCIO": "/x"},
        external=(("/a/t.png", 5, 2**62),),
        limits=Limits(task=1.5),
    )


def test_a_job_comes_back_equal_from_json() -> None:
    assert from_plain(Job, json.loads(to_json(job()))) == job()


def test_json_is_one_ascii_line_whatever_the_names() -> None:
    assert to_json(job()).isascii()
    assert "\n" not in to_json({"a": "line\nbreak"})


def test_missing_optional_fields_take_their_default_and_unknown_keys_are_ignored() -> None:
    assert from_plain(Outer, {"name": "n", "inner": {"count": 1}, "newer": 1}) == Outer("n", Inner(1))


def test_whole_numbers_serve_as_float_but_truth_values_are_no_numbers() -> None:
    assert from_plain(Inner, {"count": 1, "share": 2}).share == 2.0
    assert isinstance(from_plain(Inner, {"count": 1, "share": 2}).share, float)
    for wrong in ({"count": True}, {"count": 1, "share": False}):
        with pytest.raises(CodecError, match="expected a number"):
            from_plain(Inner, wrong)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"name": None}, "Outer.name"),
        ({"name": 5}, "Outer.name"),
        ({"inner": None}, "Outer.inner"),
        ({"inner": {}}, "Outer.inner.count"),
        ({"inner": {"count": 1.5}}, "Outer.inner.count"),
        ({"pair": [1]}, "Outer.pair"),
        ({"pair": ["x", "y"]}, r"Outer.pair\[0\]"),
        ({"many": {"count": 1}}, "Outer.many"),
        ({"many": [{"count": 1}, {"count": "x"}]}, r"Outer.many\[1\].count"),
        ({"table": [1]}, "Outer.table"),
        ({"table": {"k": "x"}}, "Outer.table.k"),
        ({"perhaps": 3}, "Outer.perhaps"),
        ({"backend": "VULKAN"}, "Outer.backend"),
        ({"backend": ["CPU"]}, "Outer.backend"),
        ({"sure": 1}, "Outer.sure"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_fields_name(change: dict[str, object], place: str) -> None:
    data = {"name": "n", "inner": {"count": 1}} | change
    with pytest.raises(CodecError, match=place):
        from_plain(Outer, data)


@pytest.mark.parametrize("data", [None, 1, "x", [], [["name", "n"]]])
def test_a_dataclass_is_built_from_an_object_only(data: object) -> None:
    with pytest.raises(CodecError, match="expected an object"):
        from_plain(Outer, data)


def test_optional_values_and_enums_come_back_as_themselves() -> None:
    value = Outer("n", Inner(1), perhaps=Inner(2), backend=Backend.HIP, table={"a": 1.0}, many=(Inner(3),), sure=True)
    assert from_plain(Outer, json.loads(to_json(value))) == value
