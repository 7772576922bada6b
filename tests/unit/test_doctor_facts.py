# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``doctor`` gathers, from this machine, from real folders and processes, and from a driver that is not there."""

from __future__ import annotations

import os
import subprocess
import sys
import types
from pathlib import Path
from types import SimpleNamespace as Plain
from typing import Any

import pytest
from engine import make_job
from fake_scene import png, write_blend

from dispatch import doctor_disk, doctor_driver, doctor_facts, host, job, report_page
from dispatch.doctor_nouns import Card, Driver
from dispatch.host.anywhere import MemoryAllowed
from dispatch.pictures import pixels
from dispatch.pictures.source import BrokenPicture

# --- folders


def test_a_folder_that_can_do_everything(tmp_path: Path) -> None:
    found = doctor_disk.look("output folder", tmp_path)
    assert (found.problem, found.failed, found.ahead) == ("", (), 0.0)
    assert found.free is not None
    assert found.free > 0
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_tried_and_not_left_behind(tmp_path: Path) -> None:
    found = doctor_disk.look("jobs folder", tmp_path / "a" / "b")
    assert (found.problem, found.failed) == ("", ())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_has_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    assert doctor_disk.look("jobs folder", tmp_path / "file").problem
    assert doctor_disk.look("jobs folder", tmp_path / "file" / "below").problem
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("call", "deed"),
    [
        ("replace", doctor_disk.REPLACE),
        ("lock_file", doctor_disk.LOCK),
        ("fsync_file", doctor_disk.SYNC),
    ],
)
def test_what_a_file_system_cannot_do_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, deed: str
) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(host, call, refuse)
    assert doctor_disk.look("jobs folder", tmp_path).failed == (deed,)


def test_locks_that_everybody_gets_are_no_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "lock_file", lambda path: host.FileLock(os.open(path, os.O_CREAT | os.O_RDWR), path))
    assert doctor_disk.look("jobs folder", tmp_path).failed == (doctor_disk.LOCK,)


def test_a_file_servers_clock_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = doctor_disk.time.time
    monkeypatch.setattr(doctor_disk.time, "time", lambda: here() + 500.0)
    assert -600.0 < doctor_disk.look("jobs folder", tmp_path).ahead < -400.0


def test_the_nearest_mount_names_the_file_system() -> None:
    mounts = [Plain(mountpoint=m, fstype=f) for m, f in (("/", "ext4"), ("/mnt", "nfs4"), ("/mnt", "cifs"))]
    assert doctor_disk._nearest(Path("/mnt/shots/a"), mounts) == "cifs"
    assert doctor_disk._nearest(Path("/mnt2"), mounts) == "ext4"
    assert doctor_disk._nearest(Path("/mnt"), mounts[1:2]) == "nfs4"
    assert doctor_disk._nearest(Path("/home"), mounts[1:]) == ""


# --- the driver


class FakeDriver(types.ModuleType):
    """One card that is hot, on four lanes, with a memory error; the rest it does not know."""

    def __init__(self) -> None:
        super().__init__("pynvml")
        self.answers: dict[str, Any] = {
            "nvmlInit": None,
            "nvmlShutdown": None,
            "nvmlDeviceGetCount": 1,
            "nvmlDeviceGetHandleByIndex": "handle",
            "nvmlDeviceGetPciInfo": Plain(busId=b"00000000:3B:00.0"),
            "nvmlDeviceGetName": b"NVIDIA H200",
            "nvmlDeviceGetMemoryInfo": Plain(total=100, used=60),
            "nvmlDeviceGetCudaComputeCapability": [9, 0],
            "nvmlDeviceGetCurrPcieLinkWidth": 4,
            "nvmlDeviceGetMaxPcieLinkWidth": 16,
            "nvmlDeviceGetTotalEccErrors": 2,
            "nvmlDeviceGetCurrentClocksThrottleReasons": 0x41,
            "nvmlDeviceGetTemperature": 91,
            "nvmlDeviceGetComputeRunningProcesses": [Plain(pid=os.getpid(), usedGpuMemory=5), Plain(pid=2**31 - 7)],
            "nvmlSystemGetDriverVersion": b"570.86.10",
            "nvmlSystemGetCudaDriverVersion": 12080,
        }
        self.closed = 0

    def __getattr__(self, name: str) -> Any:
        if name == "nvmlShutdown":
            self.closed += 1
        if name.startswith("nvml") and name in self.answers:
            return lambda *arguments: self.answers[name]
        raise AttributeError(name)


def test_the_driver_tells_of_its_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = FakeDriver()
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    found = doctor_driver.look()
    (card,) = found.cards
    assert (found.why, found.version, found.cuda) == ("", "570.86.10", "12.8")
    assert (card.pci, card.name, card.capability) == ("0000:3b:00", "NVIDIA H200", (9, 0))
    assert (card.link_width, card.link_width_most, card.ecc_errors, card.temperature) == (4, 16, 2, 91)
    assert card.slowed == ("heat, by the hardware",)
    assert (card.split, card.display, card.link_generation) == (False, None, None)
    assert [program.vram for program in card.programs] == [5, None]
    assert card.programs[1].name == "process 2147483641"
    assert driver.closed == 1


def test_a_card_that_answers_nothing_is_still_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = FakeDriver()
    keep = {"nvmlInit", "nvmlShutdown", "nvmlDeviceGetCount", "nvmlDeviceGetHandleByIndex"}
    driver.answers = {name: answer for name, answer in driver.answers.items() if name in keep}
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    assert doctor_driver.look().cards == (Card("", "an NVIDIA card"),)


def test_no_driver_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    found = doctor_driver.look()
    assert found == Driver(found.why)
    assert found.why.startswith("NVIDIA's driver tells nothing (")


# --- the computer and its jobs


def test_in_a_container_its_own_memory_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "memory_allowed", lambda: MemoryAllowed(1 << 20, 1 << 10))
    found = doctor_facts.computer({}, tmp_path)
    assert (found.ram_total, found.ram_available) == (1 << 20, 1 << 10)


def test_this_machine(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "nvidia0").touch()
    (tmp_path / ".dockerenv").touch()
    environ = {"CUDA_VISIBLE_DEVICES": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID", "PATH": "/bin"}
    found = doctor_facts.computer(environ, tmp_path)
    assert found.cores >= 1
    assert found.ram_total is not None
    assert found.container
    assert found.masks == (("CUDA_VISIBLE_DEVICES", "1"),)
    assert found.nodes == ((str(tmp_path / "dev" / "nvidia0"), True),)
    assert not doctor_facts.computer({}, tmp_path / "dev").container


def test_our_own_version_is_the_manifests() -> None:
    manifest = Path(doctor_facts.__file__).parents[1] / "blender_manifest.toml"
    assert f'\nversion = "{doctor_facts.engine_version()}"' in manifest.read_text(encoding="utf-8")


@pytest.mark.parametrize("carried", [True, False])
def test_the_script_that_the_extension_carries_is_all_of_plotly_that_it_needs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, carried: bool
) -> None:
    monkeypatch.setitem(sys.modules, "plotly", None)
    monkeypatch.setattr(report_page, "_ASSETS", tmp_path)
    if carried:
        (tmp_path / "plotly.min.js").write_text("", encoding="utf-8")
    found = dict(doctor_facts.programs(None, why="No Blender is found.").libraries)
    assert bool(found["plotly"]) == carried


def test_libraries_that_are_missing_have_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich", None)
    found = dict(doctor_facts.programs(None, why="No Blender is found.").libraries)
    assert found["psutil"]
    assert found["rich"] == ""


def test_jobs_are_sorted_by_what_became_of_them(tmp_path: Path) -> None:
    blend = write_blend(tmp_path / "a.blend")
    root = tmp_path / "jobs"
    make_job(root, blend, str(tmp_path / "####"), "1-3")
    broken = make_job(root, blend, str(tmp_path / "####"), "1-3", id=job.new_id("broken"))
    (broken / "job.json").write_text("{", encoding="utf-8")
    busy = make_job(root, blend, str(tmp_path / "####"), "1-3", id=job.new_id("busy"), name="busy one")
    with job.lock(busy):
        found = doctor_facts.traces(root)
    assert (found.running, found.interrupted, found.unreadable) == (("busy one",), (), (broken.name,))


def test_a_blender_whose_dispatcher_is_dead_is_found(tmp_path: Path) -> None:
    dead = 2**31 - 7
    (name,) = host.parent_environment()
    sleep = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]
    streams: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    orphan_env = os.environ | {name: f"{dead} 1.0 {host.pid_namespace()}"}
    owned_env = os.environ | host.parent_environment()
    with (
        subprocess.Popen(sleep, env=orphan_env, **streams) as orphan,
        subprocess.Popen(sleep, env=owned_env, **streams) as owned,
    ):
        for process in (orphan, owned):
            assert process.stdout is not None
            process.stdout.readline()
        left = doctor_facts.traces(tmp_path).left
        for process in (orphan, owned):
            assert process.stdin is not None
            process.stdin.close()
    assert orphan.pid in left
    assert owned.pid not in left


# --- pictures


def test_pictures_are_compared_by_their_pixels(tmp_path: Path) -> None:
    one, other = tmp_path / "1.png", tmp_path / "2.png"
    one.write_bytes(png(4, 3, "one"))
    other.write_bytes(png(4, 3, "another comment"))
    assert len(pixels.pixels(one)) == 12
    assert pixels.difference(one, other) == 0.0
    other.write_bytes(png(5, 3, "x"))
    with pytest.raises(BrokenPicture, match="differ in size"):
        pixels.difference(one, other)
    other.write_bytes(one.read_bytes()[:60])
    with pytest.raises(BrokenPicture):
        pixels.pixels(other)
