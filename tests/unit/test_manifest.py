# SPDX-License-Identifier: GPL-3.0-or-later
"""What the manifest says agrees with the rest of the project."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from dispatch.model import PROGRAM

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))
WHEELS = [Path(wheel).name.removesuffix(".whl").split("-") for wheel in MANIFEST["wheels"]]


def test_one_name_and_one_version_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert MANIFEST["id"] == PROGRAM
    assert MANIFEST["version"] == project["version"]
    assert MANIFEST["license"] == [f"SPDX:{project['license']}"]
    assert MANIFEST["blender_version_min"] == "4.2.0"


def test_wheels_fit_every_python_from_blender_4_2_on() -> None:
    """One wheel for one Python makes the whole extension incompatible with all other Blenders."""
    for _, _, python, abi, platform in WHEELS:
        assert (abi, python[:3]) in {("abi3", "cp3"), ("none", "py3")}
        assert int(re.sub(r"\D", "", python) or 3) <= 311
        assert abi == "abi3" or platform == "any"


def test_every_platform_has_its_wheel() -> None:
    marks = {
        "linux-x64": ("manylinux", "x86_64"),
        "linux-arm64": ("manylinux", "aarch64"),
        "windows-x64": ("win_", "amd64"),
        "windows-arm64": ("win_", "arm64"),
        "macos-arm64": ("macosx", "arm64"),
        "macos-x64": ("macosx", "x86_64"),
    }
    assert set(MANIFEST["platforms"]) == set(marks)
    psutil = [platform for name, *_, platform in WHEELS if name == "psutil"]
    for system, processor in marks.values():
        assert len([p for p in psutil if p.startswith(system) and p.endswith(processor)]) == 1


def test_the_pinned_downloads_are_the_wheels() -> None:
    lines = (ROOT / "tools" / "requirements-wheels.txt").read_text(encoding="utf-8")
    pinned = {(name.replace("-", "_"), version) for name, version in re.findall(r"(?m)^([\w-]+)==(\S+)", lines)}
    assert pinned == {(name, version) for name, version, *_ in WHEELS}
    assert lines.count("--hash=sha256:") == len(WHEELS)
