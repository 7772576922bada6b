# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark on GPUs where it only reckons: plan, steady state, Auto's search, table, recordings."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.gpu import measuring, plan, rate, recording, runs, search, table
from benchmarks.gpu.gauge import Busy, Gauge, Look
from benchmarks.gpu.measuring import Measured


@pytest.mark.parametrize(
    ("text", "per_device", "threads", "workers"),
    [("plain", 1, 0, 4), ("plain-one", 1, 0, 1), ("2x8", 2, 8, 8), ("3", 3, 0, 12), ("combined", 1, 0, 1)],
)
def test_a_word_is_a_way(text: str, per_device: int, threads: int, workers: int) -> None:
    way = plan.way(text)
    assert (way.per_device, way.threads, way.workers(4)) == (per_device, threads, workers)


@pytest.mark.parametrize("text", ["", "0", "2x", "x8", "twice", "2x0"])
def test_what_is_no_way_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no way to render"):
        plan.way(text)


def test_repeats_go_round_all_ways_and_one_card_knows_no_combined() -> None:
    scene = plan.SCENES["light"]
    keys = [cell.key for cell in plan.cells(scene, ["plain", "combined", "2"], 2, cards=4)]
    assert keys == ["light/plain/1", "light/combined/1", "light/2/1", "light/plain/2", "light/combined/2", "light/2/2"]
    assert [cell.way.name for cell in plan.cells(scene, ["plain", "combined", "2"], 1, cards=1)] == ["plain", "2"]


def test_every_scene_names_ways_that_exist_and_its_share_of_the_minutes() -> None:
    for scene in plan.SCENES.values():
        assert all(plan.way(text) for text in scene.ways)
    assert sum(plan.shares(plan.SCENES, 12).values()) == pytest.approx(720)


def test_a_cell_that_was_measured_is_expected_to_take_as_long_again() -> None:
    (cell,) = plan.cells(plan.SCENES["light"], ["2"], 1, 4)
    assert plan.expected(cell, {"light/2/1": 17.0, "light/2/2": 19.0, "light/3/1": 99.0}) == 19.0
    assert plan.expected(cell, {}) > cell.scene.steady


def test_the_steady_state_begins_when_the_last_one_is_warm() -> None:
    moments = {"1": [5.0, 6.0, 7.0, 8.0, 9.0], "2": [6.5, 7.5, 8.5]}
    found = rate.steady(moments, warm=1, sources=2)
    assert found is not None
    assert found.since == 6.5
    assert found.rate == pytest.approx(2.0)
    assert found.frames == 3 + 2


def test_two_long_frames_each_are_enough_for_a_rate() -> None:
    found = rate.steady({"1": [50.0, 97.0], "2": [52.0, 99.0]}, warm=1, sources=2)
    assert found is not None
    assert found.rate == pytest.approx(2 / 47)
    assert not rate.is_enough({"1": [50.0, 97.0], "2": [52.0]}, 1, 2, now=98.0, seconds=1.0)
    assert rate.is_enough({"1": [50.0, 97.0], "2": [52.0, 99.0]}, 1, 2, now=99.0, seconds=1.0)


def test_stretches_that_are_not_looked_at_are_neither_time_nor_frames() -> None:
    moments = {"A": [5.0, 6.0, 7.0, 11.0, 12.0, 13.0], "B": [5.5, 6.5, 7.5, 8.5]}
    found = rate.steady(moments, 1, 2, {"A": [(7.0, 11.0)], "B": [(2.0, 5.5)]})
    assert found is not None
    assert found.rate == pytest.approx(2.0)
    assert found.frames == 4 + 3
    without = rate.steady(moments, 1, 2)
    assert without is not None
    assert without.rate == pytest.approx(5 / 8 + 1)


def test_whoever_never_came_is_not_waited_for_in_the_figures() -> None:
    found = rate.steady({"1": [1.0, 2.0, 3.0]}, warm=1, sources=2)
    assert found is not None
    assert found.rate == pytest.approx(1.0)
    assert rate.steady({}, 1, 2) is None
    assert rate.steady({"1": [1.0]}, 1, 1) is None


def test_a_whole_job_is_measured_where_it_was_rendered_and_reckoned_where_not() -> None:
    times = [10.0 + n for n in range(100)]
    assert rate.whole(times, 5.0, 1.0, 50) == (54.0, True)
    assert rate.whole(times, 5.0, 2.0, 200) == (154.0, False)


DECISIONS = [
    {"what": "auto", "at": 10.0, "decision": "try", "words": "a second worker per GPU may gain 1.9×"},
    {"what": "auto", "at": 18.0, "decision": "keep", "words": "two workers per GPU: 20 instead of 10 frames/s"},
    {"what": "auto", "at": 20.0, "decision": "hold", "words": "a third would gain at most 1 %"},
]


def test_a_search_costs_what_its_frames_took_longer_than_they_had_to() -> None:
    times = [0.1 * n for n in range(1, 201)] + [20 + 0.05 * n for n in range(1, 401)]
    found = search.search(DECISIONS, times, since=0.0, after=20.0)
    assert found.before == pytest.approx(10.0, rel=0.02)
    assert found.seconds == 20.0
    assert found.lost == pytest.approx(20 - 200 / 20, rel=0.02)
    assert found.over
    assert not any(search.is_over(DECISIONS[:count]) for count in (0, 1, 2))


def test_a_search_without_decisions_costs_nothing() -> None:
    found = search.search([], [1.0, 2.0, 3.0, 4.0], since=1.0, after=1.0)
    assert (found.seconds, found.lost, found.decisions) == (0.0, 0.0, ())
    assert search.since_last({"1": [1.0, 3.0]}, [], {"1"}) == {"1": [1.0, 3.0]}


def test_what_was_found_is_judged_by_frames_after_the_last_decision() -> None:
    moments = {"1": [1.0, 19.0, 21.0, 22.0], "2": [2.0, 3.0]}
    assert search.since_last(moments, DECISIONS, {"1", "2"}) == {"1": [21.0, 22.0]}


def test_what_a_worker_finishes_after_it_was_taken_away_does_not_count() -> None:
    moments = {"A": [19.0, 21.0, 22.0, 23.0], "A 2": [20.2, 20.3]}
    assert search.since_last(moments, DECISIONS, {"A"}) == {"A": [21.0, 22.0, 23.0]}


FOLLOWED = [
    {"what": "spawn", "worker": 1, "slot": "A"},
    {"what": "rendered", "worker": 1, "attempt": 7},
    {"what": "spawn", "worker": 2, "slot": "A"},
    {"what": "committed", "attempt": 7, "at": 1.0},
    {"what": "rendered", "worker": 2, "attempt": 8},
    {"what": "committed", "attempt": 8, "at": 9.0},
    {"what": "rendered", "worker": 2, "attempt": 9},
    {"what": "committed", "attempt": 9, "at": 9.5},
]


def test_the_moments_of_a_slot_are_those_of_all_its_workers() -> None:
    assert runs.moments(FOLLOWED) == {"A": [1.0, 9.0, 9.5]}


def test_a_change_of_workers_for_a_check_is_told_from_others() -> None:
    assert runs.checks(FOLLOWED) == {"A": []}
    assert runs.checks([*FOLLOWED, {"what": "check", "worker": 2}]) == {"A": [(1.0, 9.0)]}


class Played(runs.EngineRun):
    """A run that is over, of which there is a journal."""

    def __init__(self, journal: Path) -> None:
        self.start, self._follow = 0.0, runs.Follow(journal)


@pytest.mark.parametrize(
    ("way", "checked", "per_second"), [("1", True, 1.0), ("1", False, 11 / 20), ("auto", True, 1.0)]
)
def test_a_check_is_neither_time_nor_frames_of_a_cell(
    way: str, checked: bool, per_second: float, tmp_path: Path
) -> None:
    found = reckoned(way, checked, tmp_path, steady=30.0)
    assert found.rate == pytest.approx(per_second, rel=0.2)
    assert not found.error


def test_what_auto_found_is_not_judged_by_some_seconds(tmp_path: Path) -> None:
    found = reckoned("auto", True, tmp_path, steady=60.0)
    assert found.error == "what Auto found was seen for 21 s only, until the time of the cell was over"
    ways = {"auto": [found], "1": [reckoned("1", True, tmp_path, steady=60.0)]}
    assert not any("Against" in line for line in table._auto(ways))
    ways["auto"].append(replace(found, error=""))
    assert any("Against" in line for line in table._auto(ways))


def reckoned(way: str, checked: bool, tmp_path: Path, steady: float) -> measuring.Measured:
    """Measure a picture a second by two workers after each other, and ten seconds in between."""
    done = [(1, float(n)) for n in range(8)] + [(2, float(n)) for n in range(17, 24)]
    records: list[dict[str, object]] = [{"what": "spawn", "worker": n, "slot": "A", "at": 0.0} for n in (1, 2)]
    records += [{"what": "check", "worker": 2, "at": 15.0}] if checked else []
    for attempt, (worker, at) in enumerate(done):
        picture = {"what": "rendered", "worker": worker, "attempt": attempt, "at": at, "phases": {}}
        records += [picture, {"what": "committed", "attempt": attempt, "at": at}]
    records += [{"what": "auto", "decision": "hold", "words": "", "at": 1.5}] if way == "auto" else []
    lines = [json.dumps({**r, "at": datetime.fromtimestamp(float(str(r["at"])), UTC).isoformat()}) for r in records]
    (tmp_path / "journal.jsonl").write_text("\n".join(lines) + "\n")
    run = Played(tmp_path / "journal.jsonl")
    cell = plan.Cell(replace(plan.SCENES["light"], warm=1, steady=steady), plan.way(way), 1)
    place = runs.Place(tmp_path, tmp_path, (runs.Card("a", "A", "OPTIX", "", ""),))
    return measuring._reckon(cell, place, run, run.moments(), Gauge([]))


def test_later_cells_of_auto_resume_the_job_of_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And count nothing of what it did before."""
    cells = list(plan.cells(plan.SCENES["light"], ["auto", "2"], 2, 4, go_on=True))
    assert [cell.key for cell in cells] == ["light/auto/1", "light/2/1", "light/auto/2", "light/2/2"]
    assert [cell.resumes for cell in cells] == [False, False, True, False]
    place = runs.Place(tmp_path, tmp_path, ())
    places = [measuring.place_of(cell, tmp_path, tmp_path, place) for cell in cells]
    assert places[0].folder == places[2].folder
    assert len({place.folder for place in places}) == 3
    started: list[list[str]] = []
    monkeypatch.setattr(runs.subprocess, "Popen", lambda argv, **_: started.append(argv))
    job = places[0].folder / "jobs" / "20260101-light"
    job.mkdir(parents=True)
    runs.EngineRun(cells[2], places[2])
    assert started[0][3] == "render", "there is no job yet"
    (job / "journal.jsonl").write_text(json.dumps({"what": "opened", "at": "2026-01-01T00:00:00+00:00"}) + "\n")
    run = runs.EngineRun(cells[2], places[2])
    assert started[1][3:5] == ["resume", str(job)]
    with (job / "journal.jsonl").open("a") as file:
        file.write(json.dumps({"what": "opened", "at": datetime.now(UTC).isoformat()}) + "\n")
    assert len(run.records()) == 1


def test_a_job_that_has_all_its_frames_is_not_resumed(tmp_path: Path) -> None:
    place = runs.Place(tmp_path, tmp_path, ())
    assert not runs.is_complete(place), "there is no job yet"
    journal = tmp_path / "jobs" / "20260101-light" / "journal.jsonl"
    journal.parent.mkdir(parents=True)
    for outcome, expected in (("stopped", False), ("complete", True)):
        with journal.open("a") as file:
            file.write(json.dumps({"what": "job ended", "at": "2026-01-01T00:00:00+00:00", "outcome": outcome}) + "\n")
        assert runs.is_complete(place) is expected


def test_a_later_cell_of_auto_has_time_for_what_was_found_and_for_no_search_of_its_own() -> None:
    first, resumed = plan.cells(plan.SCENES["sync"], ["auto"], 2, 4, go_on=True)
    assert plan.longest(first) == first.scene.most
    assert plan.RECALL + resumed.scene.steady < plan.expected(resumed, {}) < plan.longest(resumed) < first.scene.most


def spawned(*slots: str) -> list[dict[str, object]]:
    return [{"what": "spawn", "worker": n, "slot": slot} for n, slot in enumerate(slots)]


def test_the_layout_is_what_was_wanted_last() -> None:
    first, more = ("A", "B"), ("A", "B", "A 2", "B 2")
    tried = [*spawned(*first), {"what": "layout", "slots": [*more]}, *spawned("A 2", "B 2")]
    assert search.slots_at_end(spawned(*first)) == {*first}
    assert search.slots_at_end(tried) == {*more}
    # Dropped: the workers of those slots finish their frames after that, and one of the others makes room for a check.
    dropped = [*tried, {"what": "layout", "slots": [*first]}, {"what": "worker ended", "worker": 0}]
    assert search.slots_at_end(dropped) == {*first}
    assert search.slots_at_end([*tried, {"what": "slot closed", "slot": "B 2"}]) == {"A", "B", "A 2"}


def test_what_ends_because_we_stopped_the_job_is_no_decision() -> None:
    stopped = [*spawned("A", "B"), {"what": "wish", "wish": "stop-now"}, {"what": "slot closed", "slot": "A"}]
    assert search.slots_at_end(stopped) == {"A", "B"}


def test_slots_are_counted_by_device() -> None:
    slots = ("NVIDIA H200 (3b:00)", "NVIDIA H200 (3b:00) 2", "NVIDIA H200")
    assert search.by_device(slots) == {"NVIDIA H200 (3b:00)": 2, "NVIDIA H200": 1}


def result(way: str, speed: float, **more: object) -> Measured:
    return Measured(f"light/{way}/1", "light", way, 4, rate=speed, frames=50, first=6.1, whole=90.0, **more)  # type: ignore[arg-type]


def test_the_table_compares_with_the_plain_ways_and_auto_with_the_best_grid() -> None:
    found = {
        **{"decisions": [{"after": 20.0, "decision": "keep", "words": "two per GPU"}], "seconds": 20.0, "lost": 4.0},
        **{"before": 12.0, "after": 24.0, "over": True, "layout": {"H200": 4, "H200 b": 4}},
    }
    phases = {"evaluate": 0.001, "sync": 0.02, "render": 0.3, "write": 0.01, "carry": 0.08}
    results = [
        *(result("plain-one", 0.75), result("plain", 2.5), result("2", 25.0), result("1", 12.0)),
        result("auto", 24.0, search=found, phases=phases, busy=Busy((95.0, 85.0), (1 << 32, 2 << 30), 40.0, 3 << 30)),
        Measured("light/3/1", "light", "3", 0, error="no picture came\nin time"),
    ]
    text = table.page(results, ["today"])
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    speeds, times = rows[1:7], rows[8:]
    assert [row.split("|")[1].strip() for row in speeds] == [
        *("one plain Blender, one GPU", "a plain Blender per GPU, placeholders", "**ours**, 1 per GPU"),
        *("**ours**, 2 per GPU", "**ours**, 3 per GPU", "**ours, Auto**"),
    ]
    assert speeds[-1] == "| **ours, Auto** | 24 | 32.00 × | – | 9.60 × | 6.1 s | ≈ 90 s |"
    figures = "90 % (85–95) | 0.075 | 40 % | 3.0, 4.0 GB | 0.001 | 0.020 | 0.300 | 0.010 | 0.002 | 0.080"
    assert times[-1] == f"| **ours, Auto** | {figures} |"
    assert {row.count("|") for row in times} == {rows[7].count("|")}
    assert "Against the best static layout (**ours**, 2 per GPU): -4.0 %." in text
    assert "4.0 s of render lost to it" in text
    assert "* light/3/1: no picture came in time" in text


def test_repeats_show_their_spread() -> None:
    text = table.page([result("2", 10.0), result("2", 12.0), result("2", 11.0)], [])
    assert "| 11 (10–12) |" in text


def test_a_repeat_that_means_little_counts_where_there_is_no_other_only() -> None:
    doubted = result("2", 6.0, error="seen for 8 s only")
    assert table.rate([doubted, result("2", 10.0), result("2", 12.0)]) == 11.0
    assert "| 11 (10–12) |" in table.page([doubted, result("2", 10.0), result("2", 12.0)], [])
    assert table.rate([doubted]) == 6.0
    odd = result("2", 11.0, error="seen for 8 s only", phases={"render": 9.0})
    assert "9.000" not in table.page([result("2", 10.0), result("2", 12.0), odd], []), "nor do its phases"


def test_results_survive_their_file() -> None:
    cell = result("auto", 24.0, busy=Busy((95.0,), (1 << 32,), 40.0, None))
    assert measuring.from_plain(json.loads(json.dumps(measuring.asdict(cell)))) == cell


def test_means_are_of_the_stretch_alone() -> None:
    gauge = Gauge([])
    gauge._handles = [object()]
    gauge.looks = [Look(float(n), (10.0 * n,), (n,), 50.0, 7 - n) for n in range(6)]
    busy = gauge.busy(2.0, 4.0)
    assert (busy.load, busy.vram, busy.cpu, busy.ram) == ((30.0,), (4,), 50.0, 5)
    assert gauge.busy(90.0, 91.0) == Busy()


def journal(frames: int) -> list[dict[str, object]]:
    phases = {"evaluate": 0.01, "sync": 0.02, "render": 0.2, "write": 0.1, "carry": 0.05}
    records: list[dict[str, object]] = [{"what": "spawn", "at": 100.0, "worker": 1, "slot": "H200"}]
    for n in range(frames):
        at = 103 + n / 10
        records.append(
            {
                **{"what": "rendered", "at": at, "task": n, "attempt": n, "worker": 1, "seconds": 0.4},
                **{"pictures": [{"size": 2_000_000}], "phases": phases, "memory": 1 << 30},
            }
        )
        records.append({"what": "committed", "at": at + 0.02, "attempt": n})
    records.append({"what": "auto", "at": 103 + frames / 10, "decision": "hold", "words": "enough"})
    return records


def test_a_recording_holds_frames_decisions_and_gauges() -> None:
    looks = [{"at": 102.0, "cards": {"0000:3b:00": {"load": 88.2, "vram": 5 << 30}}, "ram": 1 << 34, "cpu": 12.0}]
    data = json.loads(recording.record(journal(20), looks, {"scene": "light"}))
    assert data["events"][0] == [0.0, "spawn", {"worker": 1, "slot": "H200"}]
    assert data["events"][-1][1] == "auto"
    assert data["frames"]["render"] == [200] * 20
    assert data["frames"]["placed"] == [20] * 20
    assert data["frames"]["at"][:2] == [3.0, 3.1]
    assert data["samples"]["cards"] == {"0000:3b:00": {"load": [88], "vram": [5 << 10]}}
    assert data["samples"]["ram"] == [1 << 14]


def test_a_long_recording_is_cut_to_its_size() -> None:
    text = recording.record(journal(5000), [], {}, most=20_000)
    data = json.loads(text)
    assert len(text) <= 20_000
    assert 100 < len(data["frames"]["at"]) < 5000
    assert all(len(column) == len(data["frames"]["at"]) for column in data["frames"].values())
