# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures as plotly will get them: colours that the page knows, names that cannot be tags, lanes in order."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from journal_lines import DEVICES, committed, record, rendered, spawn, timeline
from recorded_measurement import measurement

from dispatch import charts, figures, gantt, measurement_charts, report_data
from dispatch.recorded import Gauge, Gauges
from dispatch.timeline import Timeline

ASSETS = Path(__file__).resolve().parents[2] / "dispatch" / "assets"
SECONDS = figures.scale(60)
FIRST, SECOND, THIRD = "NVIDIA H200 (10:00)", "NVIDIA H200 (11:00)", "NVIDIA H200 (10:00) 2"


def job() -> Timeline:
    """Two cards, the first with a second worker from the tenth second on; one failure, one check, one decision."""
    one, two = (device.id for device in DEVICES)
    records = [spawn(0, 1, FIRST, devices=[one]), spawn(0, 2, SECOND, devices=[two])]
    for task in range(20):
        end = 3.0 + task // 2
        records += [rendered(end, 1 + task % 2, task, 1.0, carry=0.2), committed(end, task)]
    check = {"task": 1, "attempt": 90, "worker": 3, "compared": True, "same": True, "difference": 0.0, "words": ""}
    return timeline(
        *records,
        spawn(12.5, 3, THIRD, devices=[one]),
        record(13, "auto", decision="try", words="A second worker <b>per</b> GPU is tried."),
        record(15, "checked", **check, seconds=1.0),
        record(17, "failed", task=30, attempt=91, worker=3, fault="hang", words="<img src=x>"),
    )


def seen() -> Gauges:
    found = Gauges()
    for pci in ("0000:10:00", "0000:11:00"):
        found.load[pci] = Gauge([1.0, 2.0], [40.0, 60.0])
        found.vram[pci] = Gauge([1.0, 2.0], [2.0**30, 2.0**31])
    found.cpu = Gauge([1.0, 2.0], [5.0, 6.0])
    return found


def every_figure() -> dict[str, Any]:
    told = job()
    rates = report_data.rates(told)
    assert rates is not None
    bars, _ = report_data.bars(told)
    few, _ = report_data.bars(told, 6)
    return {
        "gantt": gantt.gantt(told, bars, few, SECONDS),
        "rate": charts.rate(told, rates, SECONDS),
        "machine": charts.machine(told, seen(), SECONDS),
        "times": charts.times(told, report_data.dots(told), report_data.outliers(told)),
        "shares": charts.where_it_went(told.cards, report_data.shares(told)),
        "rates": measurement_charts.rates(measurement()),
        "speed-up": measurement_charts.speed_up(measurement()),
        "work": measurement_charts.work(measurement()),
    }


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ():
        yield from texts(one)


@pytest.mark.parametrize("name", ["gantt", "rate", "machine", "times", "shares", "rates", "speed-up", "work"])
def test_a_figure_is_json_in_colours_that_the_page_knows_by_light_and_by_dark(name: str) -> None:
    figure = every_figure()[name]
    json.dumps(figure, allow_nan=False)
    light, dark = (ASSETS / "report.css").read_text(encoding="utf-8").split("prefers-color-scheme: dark", 1)
    colours = {text for text in texts(figure) if text.startswith("--")}
    assert colours
    for colour in colours:
        assert f"{colour}:" in light, colour
        assert f"{colour}:" in dark.split("* {", 1)[0], colour
    assert not re.search(r"<(?!br>|b>|/b>|extra>|/extra>)", " ".join(texts(figure)))


def test_the_page_s_own_script_and_style_load_nothing() -> None:
    for name in ("report.css", "report.js"):
        text = (ASSETS / name).read_text(encoding="utf-8")
        assert not re.search(r"https?:|url\(|@import|fetch\(|XMLHttpRequest|innerHTML|eval\(", text)


def test_lanes_of_one_card_stand_together_and_cards_apart() -> None:
    layout = every_figure()["gantt"]["layout"]["yaxis"]
    assert layout["ticktext"] == [FIRST, THIRD, SECOND]
    assert layout["tickvals"] == [0.0, 1.0, 2.35]


def test_phases_follow_each_other_on_the_bar_and_the_file_goes_beside() -> None:
    traces = {trace.get("name"): trace for trace in every_figure()["gantt"]["data"]}
    for before, after in (("evaluate", "sync"), ("sync", "render"), ("render", "write")):
        assert traces[before]["x"][1] == pytest.approx(traces[after]["x"][0], abs=1e-4)
    assert traces["file, beside the next frame"]["x"][0] == pytest.approx(traces["write"]["x"][1], abs=1e-4)
    assert traces["file, beside the next frame"]["y"][0] > traces["write"]["y"][0]
    assert traces["checked"]["x"] == [14.0, 15.0, None]
    assert traces["failed or lost"]["x"] == [15.0, 17.0, None]
    assert traces["loading"]["x"][:3] == [0.0, 2.0, None]


def test_the_overview_stands_for_the_same_frames_with_fewer_bars() -> None:
    figure = every_figure()["gantt"]

    def bars(traces: list[Any]) -> int:
        (hover,) = [trace for trace in traces if trace.get("customdata")]
        assert len(hover["x"]) == len(hover["customdata"]) == len(hover["y"])
        return len(hover["customdata"]) // 4

    assert bars(figure["data"]) == 20
    assert bars(figure["overview"]) == figure["overview_from"] <= 6
    assert [trace.get("name") for trace in figure["overview"]][:2] == ["loading", "evaluate"]


def test_cards_of_a_combined_device_are_told_apart_once_each() -> None:
    both = [device.id for device in DEVICES]
    told = timeline(spawn(0, 1, "2 × NVIDIA H200", devices=both), spawn(9, 2, FIRST, devices=both[:1]))
    figure = charts.machine(told, seen(), SECONDS)
    assert figure is not None
    assert [trace["name"] for trace in figure["data"] if trace["yaxis"] == "y"] == [FIRST, "0000:11:00"]


def test_each_gauge_has_its_panel_and_a_card_one_colour_in_all_of_them() -> None:
    figure = every_figure()["machine"]
    titles = [axis["title"]["text"] for name, axis in figure["layout"].items() if name.startswith("yaxis")]
    assert titles == ["GPU load, %", "GPU memory, GiB", "CPU, %"]
    of = [(trace["yaxis"], trace["name"], trace["line"]["color"]) for trace in figure["data"]]
    assert of == [
        ("y", FIRST, "--card0"),
        ("y", SECOND, "--card1"),
        ("y2", FIRST, "--card0"),
        ("y2", SECOND, "--card1"),
        ("y3", "CPU, all cores", "--card8"),
    ]
    assert figure["data"][2]["y"] == [1.0, 2.0]
    assert charts.machine(job(), Gauges(), SECONDS) is None


@pytest.mark.parametrize(
    ("duration", "name", "an_hour"), [(30, "seconds", 3600), (4_000, "minutes", 60), (90_000, "hours", 1)]
)
def test_the_time_axis_has_a_unit_that_reads_well(duration: float, name: str, an_hour: float) -> None:
    unit = figures.scale(duration)
    assert (unit.name, unit.of(3600)) == (name, an_hour)


def test_a_measurement_of_one_device_is_bars_and_one_without_rates_nothing() -> None:
    found = measurement()
    few = replace(found, points=found.points[3:4], scaling=())
    figure = measurement_charts.rates(few)
    assert figure is not None
    assert [trace["type"] for trace in figure["data"]] == ["bar"]
    assert measurement_charts.speed_up(few) is None
    assert measurement_charts.work(few) is None
    assert measurement_charts.rates(replace(found, points=())) is None
