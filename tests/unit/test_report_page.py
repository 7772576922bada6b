# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as a file: whole, loading nothing from anywhere, and deaf to what scenes and logs would smuggle in."""

from __future__ import annotations

import importlib.util
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from recorded_job import make
from recorded_measurement import measurement

from dispatch import cli, markup, measure, report_page
from dispatch.model import DispatchError
from dispatch.timeline import KEPT

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


class Page(HTMLParser):
    """Everything of a page that a browser would load, run or show."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.scripts: list[dict[str, str | None]] = []
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.shown = ""
        self._open: list[str] = []
        self.data: Any = None
        self.policy = ""
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        of = dict(attrs)
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "href", "action", "srcset", "data")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        if tag == "script":
            self.scripts.append(of)
        if of.get("http-equiv") == "Content-Security-Policy":
            self.policy = of.get("content") or ""
        if tag not in ("meta", "link", "img", "br"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] == ["script"]:
            if self.scripts[-1].get("id") == "figures":
                self.data = json.loads(data)
        elif self._open[-1:] != ["style"]:
            self.shown += data


def job_page(folder: Path) -> Page:
    return Page(report_page.write(folder).read_text(encoding="utf-8"))


def texts(value: Any) -> list[str]:
    """All strings in a figure."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for one in value.values() for text in texts(one)]
    return [text for one in value for text in texts(one)] if isinstance(value, list) else []


def test_the_page_of_a_job_is_whole_and_loads_nothing(tmp_path: Path) -> None:
    page = job_page(make(tmp_path, frames=120))
    assert page.loads == []
    assert page.handlers == []
    assert not {"link", "iframe", "object", "base", "form", "img"} & set(page.tags)
    assert "default-src 'none'" in page.policy
    assert [script.get("src") for script in page.scripts] == [None] * 3
    assert set(page.data) == {"timeline", "rate", "machine", "times", "shares"}
    for words in ("120 of 120 frames complete", "NVIDIA H200 (10:00) 2", "out of VRAM", "it is tried", "forest.blend"):
        assert words in page.shown
    assert len({script["nonce"] for script in page.scripts if "nonce" in script}) == 1


def test_each_page_has_another_nonce(tmp_path: Path) -> None:
    folder = make(tmp_path, frames=20)
    assert job_page(folder).policy != job_page(folder).policy


def test_names_and_words_from_scenes_and_logs_stay_text(tmp_path: Path) -> None:
    folder = make(tmp_path, frames=40, name=EVIL, blend=f"/{EVIL}.blend", scene=EVIL, output=EVIL, movie=EVIL)
    lines = (folder / "journal.jsonl").read_text(encoding="utf-8").splitlines()
    wicked = json.loads(lines[1]) | {"slot": EVIL, "worker": 99}
    at = {"at": wicked["at"]}
    more = [
        wicked,
        {"what": "told", "level": EVIL, "text": EVIL, **at},
        {"what": "auto", "decision": EVIL, "words": EVIL, **at},
        {"what": "failed", "task": 1, "attempt": 999, "worker": 99, "fault": EVIL, "words": EVIL, **at},
    ]
    with (folder / "journal.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(record)}\n" for record in more)
    page = job_page(folder)
    assert page.handlers == []
    assert len(page.scripts) == 3
    assert "img" not in page.tags
    assert page.shown.count(EVIL) >= 10
    # plotly reads text as HTML: there it is escaped once more
    drawn = [text for text in texts(page.data) if "alert(1)" in text]
    assert drawn
    assert not [text for text in drawn if "<script" in text or "<img" in text]
    assert "<" not in report_page.job_page(folder).split('id="figures">')[1].split("</script>")[0]


def test_a_job_without_anything_has_a_page_too(tmp_path: Path) -> None:
    folder = make(tmp_path, frames=20)
    for name in ("journal.jsonl", "telemetry.jsonl"):
        (folder / name).unlink()
    page = job_page(folder)
    assert page.data == {}
    assert "No worker was started." in page.shown


def test_damaged_telemetry_and_journal_cost_only_themselves(tmp_path: Path) -> None:
    folder = make(tmp_path, frames=60)
    for name in ("journal.jsonl", "telemetry.jsonl"):
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(b'\xff\xfe{"at"\n[1]\n"x"\n' + data[: len(data) // 2])
    assert "timeline" in job_page(folder).data


def test_a_storm_of_failures_is_cut_and_said(tmp_path: Path) -> None:
    folder = make(tmp_path, frames=20)
    record = json.loads((folder / "journal.jsonl").read_text(encoding="utf-8").splitlines()[1])
    storm = {"what": "told", "level": "error", "text": "Q7storm", "at": record["at"]}
    with (folder / "journal.jsonl").open("a", encoding="utf-8") as file:
        file.writelines([f"{json.dumps(storm)}\n"] * (KEPT + 30))
    page = job_page(folder)
    assert page.shown.count("Q7storm") == markup.MOST_ROWS - 1  # and the warning that stands there already
    assert "are not shown" in page.shown
    assert "more failures, decisions and messages are in the journal" in page.shown


def test_a_job_of_many_frames_stays_a_page(tmp_path: Path) -> None:
    folder = make(tmp_path, frames=15_000)
    text = report_page.job_page(folder)
    page = Page(text)
    assert len(text) < 12_000_000
    assert "one bar stands for up to 2 of them" in page.shown
    assert len(page.data["timeline"]["overview"]) == len(page.data["timeline"]["data"])
    (hover,) = [trace for trace in page.data["timeline"]["data"] if trace.get("customdata")]
    assert len([told for told in hover["customdata"] if told]) <= 3 * 12_000


def test_the_page_of_a_measurement(tmp_path: Path) -> None:
    folder = tmp_path / "20261121-090000-forest-00bb"
    folder.mkdir()
    measure.write(folder, measurement())
    page = job_page(folder)
    assert page.loads == page.handlers == []
    assert set(page.data) == {"rates", "speed-up", "work"}
    assert [trace["name"] for trace in page.data["rates"]["data"]] == [
        "combined",
        "1 per GPU",
        "2 per GPU",
        "3 per GPU",
    ]
    assert all(trace["error_y"]["array"] for trace in page.data["rates"]["data"])
    for words in (
        "2 instances per GPU",
        "Speed-up against the ideal",
        "Combined wins above about",
        "VRAM in use on a card",
    ):
        assert words in page.shown


def test_without_plotly_one_sentence_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make(tmp_path, frames=20)
    monkeypatch.setattr(report_page, "_PLOTLY", "plotly.absent.js")
    with pytest.raises(DispatchError, match="pip install plotly"):
        report_page.write(folder)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert cli.main(["report", str(folder)]) == 2
    assert "pip install plotly" in capsys.readouterr().err
    assert not (folder / "report.html").exists()


def test_the_command_writes_where_it_is_told_and_opens_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make(tmp_path / "jobs", frames=20)
    opened: list[str] = []
    monkeypatch.setattr(report_page.webbrowser, "open", lambda address: not opened.append(address))
    there = tmp_path / "a b.html"
    assert cli.main(["report", "forest", "--jobs-dir", str(folder.parent), "-o", str(there), "--open"]) == 0
    assert capsys.readouterr().out == f"{there}\n"
    assert opened == [there.as_uri()]
    assert cli.main(["report", str(folder)]) == 0
    assert (folder / "report.html").is_file()
    assert cli.main(["report", str(folder), "-o", str(tmp_path / "none" / "a.html")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_a_name_that_is_no_text_and_a_folder_in_the_way_leave_one_page_or_nothing(tmp_path: Path) -> None:
    folder = make(tmp_path / "jobs", frames=20, blend="/scenes/\udcff.blend")
    assert "/scenes/?.blend" in job_page(folder).shown
    (there := tmp_path / "there").mkdir()
    with pytest.raises(DispatchError, match="cannot be written"):
        report_page.write(folder, there)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["jobs", "there"]


def test_plotly_is_pinned_and_its_license_goes_with_it() -> None:
    root = Path(__file__).resolve().parents[2]
    pinned = (root / "tools" / "requirements-assets.txt").read_text(encoding="utf-8")
    assert re.findall(r"(?m)^(plotly)==\S+ \\\n +--hash=sha256:[0-9a-f]{64}$", pinned) == ["plotly"]
    found = importlib.util.find_spec("plotly")
    assert found is not None
    assert "plotly.LICENSE.txt" in (root / "tools" / "assets.sh").read_text(encoding="utf-8")
