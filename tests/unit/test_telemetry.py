# SPDX-License-Identifier: GPL-3.0-or-later
"""Telemetry with a small fake driver that has only names the real library has, and without any driver."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import types
from collections.abc import Iterator
from types import SimpleNamespace as Plain
from typing import Any

import pytest

from dispatch import host
from dispatch.devices import NvmlDevice
from dispatch.gauges import CardSample, ProcessSample, Sample
from dispatch.host.anywhere import MemoryAllowed
from dispatch.telemetry import Telemetry


class NVMLError(Exception):
    """The driver's refusal."""


class FakeDriver:
    """Two cards; the second one tells nothing but its memory. Speaks bytes where old bindings did."""

    def __init__(self) -> None:
        self.lost = False
        self.load = 87
        self.starts = 0
        self.processes: list[Plain] = []

    def nvmlInit(self) -> None:  # noqa: N802
        self.starts += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        pass

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> tuple[int, int]:  # noqa: N802
        return index, self.starts

    def nvmlDeviceGetPciInfo(self, handle: tuple[int, int]) -> Plain:  # noqa: N802
        return Plain(busId=(b"00000000:3B:00.0", "00000000:5E:00.0")[handle[0]])

    def nvmlDeviceGetUUID(self, handle: tuple[int, int]) -> str | bytes:  # noqa: N802
        return (b"GPU-3b", "GPU-5e")[handle[0]]

    def nvmlDeviceGetName(self, handle: tuple[int, int]) -> str | bytes:  # noqa: N802
        return (b"NVIDIA H200", "NVIDIA A30")[handle[0]]

    def nvmlDeviceGetMigMode(self, handle: tuple[int, int]) -> list[int]:  # noqa: N802
        if handle[0] == 0:
            raise NVMLError("Not Supported")
        return [1, 1]

    def _answer(self, handle: tuple[int, int], value: Any) -> Any:
        if handle[0] == 1 or (self.lost and handle[1] == 1):
            raise NVMLError("GPU is lost")
        return value

    def nvmlDeviceGetMemoryInfo(self, handle: tuple[int, int]) -> Plain:  # noqa: N802
        if self.lost and handle[1] == 1:
            raise NVMLError("GPU is lost")
        return Plain(total=1000, used=400, free=600)

    def nvmlDeviceGetUtilizationRates(self, handle: tuple[int, int]) -> Any:  # noqa: N802
        return self._answer(handle, Plain(gpu=self.load, memory=10))

    def nvmlDeviceGetTemperature(self, handle: tuple[int, int], sensor: int) -> Any:  # noqa: N802
        assert sensor == 0
        return self._answer(handle, 61)

    def nvmlDeviceGetPowerUsage(self, handle: tuple[int, int]) -> Any:  # noqa: N802
        return self._answer(handle, 312500)

    def nvmlDeviceGetDisplayActive(self, handle: tuple[int, int]) -> Any:  # noqa: N802
        return self._answer(handle, 1)

    def nvmlDeviceGetComputeRunningProcesses(self, handle: tuple[int, int]) -> Any:  # noqa: N802
        return self._answer(handle, self.processes)


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> FakeDriver:
    import pynvml

    fake = FakeDriver()
    module = types.ModuleType("pynvml")
    for name in dir(FakeDriver):
        if name.startswith("nvml"):
            assert hasattr(pynvml, name), f"the real library has no {name}"
            setattr(module, name, getattr(fake, name))
    assert pynvml.NVML_TEMPERATURE_GPU == 0
    monkeypatch.setitem(sys.modules, "pynvml", module)
    return fake


@pytest.fixture
def busy() -> Iterator[subprocess.Popen[bytes]]:
    """A process with a child of its own, both alive until the test ends."""
    inner = "import sys; block = b'x' * 30_000_000; print('up', flush=True); sys.stdin.read()"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    with subprocess.Popen([sys.executable, "-c", outer], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        yield process
        assert process.stdin is not None
        process.stdin.close()
        process.wait(60)


def test_cards_are_known_by_pci_and_split_ones_have_no_uuid(driver: FakeDriver) -> None:
    assert Telemetry().nvml_devices() == (
        NvmlDevice("0000:3b:00", "GPU-3b", "NVIDIA H200", 1000),
        NvmlDevice("0000:5e:00", "", "NVIDIA A30", 1000),
    )


def test_what_a_card_does_not_tell_is_none(driver: FakeDriver) -> None:
    driver.processes = [Plain(pid=77, usedGpuMemory=300), Plain(pid=78, usedGpuMemory=None)]
    telemetry = Telemetry()
    assert telemetry.sample({}).cards == {
        "0000:3b:00": CardSample(87.0, 400, 1000, 61.0, 312.5, {77: 300}, display=True),
        "0000:5e:00": CardSample(None, 400, 1000),
    }
    assert telemetry.why == ""


def test_a_cards_load_is_the_mean_of_all_glances_since_the_last_sample(driver: FakeDriver) -> None:
    """Frames that take a card a moment: with one look in two seconds it seemed idle most of the time (seen on H200)."""
    telemetry = Telemetry()
    for load in (0, 100, 1):
        driver.load = load
        telemetry.glance()
    driver.load = 60
    assert [card.load for card in telemetry.sample({}).cards.values()] == [40.2, None]
    assert telemetry.sample({}).cards["0000:3b:00"].load == 60.0, "the glances before are told"


def test_a_card_that_no_longer_tells_its_load_has_none(driver: FakeDriver) -> None:
    telemetry = Telemetry()
    telemetry.glance()
    driver.lost = True
    assert telemetry.sample({}).cards["0000:3b:00"] == CardSample()


def test_memory_on_cards_belongs_to_a_worker_with_all_its_processes(
    driver: FakeDriver, busy: subprocess.Popen[bytes]
) -> None:
    import psutil

    (child,) = psutil.Process(busy.pid).children()
    driver.processes = [Plain(pid=child.pid, usedGpuMemory=300), Plain(pid=os.getpid(), usedGpuMemory=5)]
    assert Telemetry().sample({1: busy.pid}).workers[1].vram == 300


def test_memory_and_load_of_a_worker_count_its_whole_tree(busy: subprocess.Popen[bytes]) -> None:
    telemetry = Telemetry()
    worker = telemetry.sample({3: busy.pid}).workers[3]
    assert worker.memory is not None
    assert worker.memory > 30_000_000
    assert worker.cpu is not None


def test_the_load_of_a_busy_process_is_seen() -> None:
    telemetry = Telemetry()
    telemetry.sample({0: os.getpid()})
    until = time.monotonic() + 0.2
    while time.monotonic() < until:
        pass
    sample = telemetry.sample({0: os.getpid()})
    assert (sample.workers[0].cpu or 0) > 10
    assert (sample.cpu or 0) > 0


def test_a_process_that_is_gone_is_none(busy: subprocess.Popen[bytes]) -> None:
    telemetry = Telemetry()
    telemetry.sample({0: busy.pid})
    assert busy.stdin is not None
    busy.stdin.close()
    busy.wait(60)
    assert telemetry.sample({0: busy.pid}).workers == {0: ProcessSample()}


def test_the_machines_memory_is_read(driver: FakeDriver) -> None:
    sample = Telemetry().sample({})
    assert 0 < (sample.ram_available or 0) < (sample.ram_total or 0)


def test_in_a_container_its_own_memory_counts(driver: FakeDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "memory_allowed", lambda: MemoryAllowed(1 << 20, 1 << 10, 7))
    sample = Telemetry().sample({})
    assert (sample.ram_total, sample.ram_available, sample.oom_kills) == (1 << 20, 1 << 10, 7)


def test_a_driver_that_was_reset_is_opened_again(driver: FakeDriver) -> None:
    telemetry = Telemetry()
    driver.lost = True
    assert list(telemetry.sample({}).cards.values()) == [CardSample(), CardSample()]
    assert telemetry.sample({}).cards["0000:3b:00"].load == 87.0


def test_without_a_driver_it_says_so_and_works_on(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("pynvml")

    def no_driver() -> None:
        raise NVMLError("NVML Shared Library Not Found")

    monkeypatch.setattr(module, "nvmlInit", no_driver, raising=False)
    monkeypatch.setitem(sys.modules, "pynvml", module)
    telemetry = Telemetry()
    assert telemetry.why == (
        "Load, memory and temperature of NVIDIA cards are not available: NVML Shared Library Not Found."
    )
    sample = telemetry.sample({0: os.getpid()})
    assert sample.cards == {}
    assert sample.workers[0].memory
    assert telemetry.nvml_devices() == ()
    telemetry.close()


def test_without_both_libraries_everything_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setitem(sys.modules, "psutil", None)
    monkeypatch.setattr(host, "memory_allowed", MemoryAllowed)
    telemetry = Telemetry()
    assert telemetry.sample({0: os.getpid()}) == Sample({0: ProcessSample()}, {})
    assert "processes and memory are not available" in telemetry.why
    assert "NVIDIA cards are not available" in telemetry.why


def test_a_closed_telemetry_gives_no_cards(driver: FakeDriver) -> None:
    telemetry = Telemetry()
    telemetry.close()
    assert telemetry.sample({}).cards == {}
