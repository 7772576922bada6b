# SPDX-License-Identifier: GPL-3.0-or-later
"""``support`` on the command line: a real job's folder becomes a zip that says nothing of anybody."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import command_line
import pytest
from engine import make_job, records, run
from fake_scene import write_blend

from dispatch import job, support
from dispatch.doctor_nouns import Computer, Driver, Facts, Programs
from dispatch.model import DispatchError, Outcome

SECRET = "xq7-very-secret-value"
FACTS = Facts(Programs("0.1.0", "3.11"), Computer("Linux", 2, 2), Driver("none"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with a home of her own, secrets in the environment, and a job in it that went wrong."""
    home = tmp_path / "home" / "annalena"
    home.mkdir(parents=True)
    for name, value in {
        "HOME": str(home),
        "XDG_STATE_HOME": str(home / ".local" / "state"),
        "USER": "annalena",
        "LOGNAME": "annalena",
        "HOSTNAME": "studio-nine",
        "FARM_API_TOKEN": SECRET,
        "BLENDER_FAKE_CHILD": json.dumps({"rules": []}),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(home)
    return home


def finished(home: Path) -> Path:
    words = f"Cannot open C:\\Users\\annalena\\tex.png or {home}/my film/tex.png with {SECRET} on studio-nine"
    blend = write_blend(
        home / "my shot.blend", frames=[1, 3, 1], rules=[{"at": "render", "do": "print", "words": words}]
    )
    folder = make_job(
        job.jobs_folder(), blend, str(home / "my film" / "####"), "1-3", environment={"OCIO": str(home / "c")}
    )
    assert run(folder) is Outcome.COMPLETE
    with (folder / "workers" / "own.log").open("w", encoding="utf-8") as log:
        log.write(f"{words}\n{json.dumps({'nested': words})}\nFRAME_TOKEN={SECRET}\nall is well\n")
    return folder


def contents(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as bundle:
        assert bundle.testzip() is None
        return {name: bundle.read(name).decode() for name in bundle.namelist()}


def assert_no_trace(found: dict[str, str], home: Path) -> None:
    for name, text in found.items():
        for trace in ("annalena", SECRET, str(home), str(home.parent), "studio-nine"):
            assert not re.search(re.escape(trace), name + text, re.IGNORECASE), f"{trace} in {name}"


def test_a_bundle_holds_what_helps_and_nothing_of_anybody(home: Path) -> None:
    folder = finished(home)
    status, out, errors = command_line.run("support", "last", "-o", home / "bundle.zip")
    assert (status, errors) == (0, "")
    assert out == f"The support bundle is {home / 'bundle.zip'}: look through it before you send it.\n"
    found = contents(home / "bundle.zip")
    assert {"README.txt", "machine.txt", "machine.json", "environment.json"} < set(found)
    assert {"job/job.json", "job/journal.jsonl", "job/snapshot.json", "job/workers/own.log"} < set(found)
    assert_no_trace(found, home)
    assert not [name for name in found if name.endswith((".blend", ".png"))]
    assert "all is well" in found["job/workers/own.log"]
    journal = [json.loads(line) for line in found["job/journal.jsonl"].splitlines()]
    assert [r["what"] for r in journal] == [r["what"] for r in records(folder)]
    shown = json.loads(found["job/job.json"])
    assert shown["seal"] == "(left out)"
    assert shown["job"]["frames"] == "1-3"
    assert shown["job"]["output"] == "…/my film/####"


def test_whole_paths_on_request(home: Path) -> None:
    finished(home)
    assert command_line.run("support", "last", "-o", home / "b.zip", "--keep-paths")[0] == 0
    found = contents(home / "b.zip")
    assert_no_trace(found, home)
    assert json.loads(found["job/job.json"])["job"]["output"] == "~/my film/####"


def test_without_a_job_the_machine_alone_is_told(home: Path) -> None:
    status, out, _ = command_line.run("support")
    assert status == 0
    (bundle,) = home.glob("multi_gpu_dispatcher-support-*.zip")
    assert str(bundle) in out
    found = contents(bundle)
    assert not [name for name in found if name.startswith("job/")]
    assert_no_trace(found, home)


def test_a_damaged_job_is_packed_all_the_same(home: Path) -> None:
    folder = finished(home)
    (folder / "job.json").write_text('{"job": {"home": "/home/annalena/x",', encoding="utf-8")
    (folder / "journal.jsonl").write_bytes(b'{"what": "opened"}\n\xff\xfe{"half": "annalena')
    assert command_line.run("support", "last", "-o", home / "b.zip")[0] == 0
    found = contents(home / "b.zip")
    assert '{"what": "opened"}' in found["job/journal.jsonl"]
    assert_no_trace(found, home)


def test_a_huge_job_gives_a_small_bundle_with_the_ends_of_its_files(home: Path) -> None:
    folder = finished(home)
    with (folder / "journal.jsonl").open("a", encoding="utf-8") as journal:
        for n in range(60_000):
            journal.write(json.dumps({"what": "noise", "n": n, "words": "x " * 50}) + "\n")
    for n in range(60):
        (folder / "workers" / f"{n}.log").write_text(("z " * 500 + "\n") * 400, encoding="utf-8")
    left_out = support.write(home / "b.zip", FACTS, folder, {}, keep_paths=False)
    assert (home / "b.zip").stat().st_size < 20 << 20
    found = contents(home / "b.zip")
    assert sum(map(len, found.values())) < 20 << 20
    assert json.loads(found["job/journal.jsonl"].splitlines()[-1])["n"] == 59_999
    assert len([name for name in [*found, *left_out] if name.startswith("job/workers/")]) == support.MOST_LOGS


def test_a_link_in_a_job_folder_is_not_followed(home: Path) -> None:
    folder = finished(home)
    (home / "diary.txt").write_text("dear diary", encoding="utf-8")
    (folder / "dispatcher.log").symlink_to(home / "diary.txt")
    (folder / "workers" / "link.log").symlink_to(home / "diary.txt")
    support.write(home / "b.zip", FACTS, folder, {}, keep_paths=False)
    assert "dear diary" not in "".join(contents(home / "b.zip").values())


def test_a_place_that_cannot_be_written_is_named_and_nothing_is_left(home: Path) -> None:
    with pytest.raises(DispatchError, match="name another place with -o"):
        support.write(home / "no" / "such" / "b.zip", FACTS, None, {}, keep_paths=False)
    (home / "b.zip").mkdir()
    with pytest.raises(DispatchError, match="cannot be written"):
        support.write(home / "b.zip", FACTS, None, {}, keep_paths=False)
    assert [p.name for p in home.iterdir() if p.name != ".local"] == ["b.zip"]


def test_an_unknown_job_is_refused(home: Path) -> None:
    status, _, errors = command_line.run("support", "xyz")
    assert status == 2
    assert "There is no job 'xyz'" in errors
