# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests with a window get: an application, the built zip installed in it, and Blenders to start at will."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from gui.home import private_environment
from gui.session import Session
from gui.simulated import fake_blender
from waiting import until

from dispatch import job

ROOT = Path(__file__).resolve().parents[2]
ID = "multi_gpu_dispatcher"
MANIFEST = """
schema_version = "1.0.0"
id = "{id}"
version = "1.0.0"
name = "An Artist's Own"
tagline = "What a scene may need"
maintainer = "Nobody"
type = "add-on"
blender_version_min = "4.2.0"
license = ["SPDX:GPL-3.0-or-later"]
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--blender", help="an application made by tools/real-blender.sh")
    parser.addoption("--zip", help="the built extension (default: the newest one in dist/)")
    parser.addoption("--shots", default=str(ROOT / "build" / "gui-screenshots"), help="where screenshots are kept")


@pytest.fixture(scope="session")
def application(pytestconfig: pytest.Config) -> Path:
    blender = pytestconfig.getoption("blender")
    assert blender, "say --blender PATH: an application made by tools/real-blender.sh"
    path = Path(blender).absolute()
    assert path.with_name("xvfb-blender").exists(), f"{path} has no xvfb-blender beside it: make it again"
    return path


@pytest.fixture(scope="session")
def version(application: Path) -> str:
    """As the application itself says it: ``5.2.2``."""
    done = subprocess.run([application, "--version"], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.split()[1]


@pytest.fixture(scope="session")
def extension_zip(pytestconfig: pytest.Config) -> Path:
    if named := pytestconfig.getoption("zip"):
        return Path(named).absolute()
    built = sorted((ROOT / "dist").glob(f"{ID}-*.zip"), key=lambda path: path.stat().st_mtime)
    assert built, "there is no zip: run `make zip`, or say --zip PATH"
    return built[-1]


@pytest.fixture(scope="session")
def installed(application: Path, extension_zip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the zip was really installed and enabled; each test gets a copy of it."""
    home = tmp_path_factory.mktemp("installed")
    env = private_environment(home)
    words = ["extension", "install-file", "-r", "user_default", "-e", str(extension_zip)]
    argv = [application, "--command", *words]
    done = subprocess.run(argv, env=env, cwd=home, capture_output=True, text=True, timeout=120)
    # it may say 0 after an error: what counts is that it is there in the next start
    probe = [application, "--command", ID, "--help"]
    there = subprocess.run(probe, env=env, cwd=home, capture_output=True, text=True, timeout=120)
    assert there.returncode == 0, (done.stdout, done.stderr, there.stdout, there.stderr)
    return home


@pytest.fixture
def home(installed: Path, tmp_path: Path) -> Path:
    """The private home of this test's Blenders."""
    return shutil.copytree(installed, tmp_path / "home", symlinks=True)


@pytest.fixture
def jobs(home: Path) -> Iterator[Callable[[], list[Path]]]:
    """Return the job folders, oldest first. What still runs at the end of the test is stopped."""
    root = home / "state" / ID / "jobs"
    yield lambda: job.folders(root)
    for folder in job.folders(root):
        if job.is_running(folder):
            job.ask(folder, job.Wish.STOP_NOW)
            until(lambda folder=folder: not job.is_running(folder), 60, f"the end of {folder.name}")


@pytest.fixture
def shots(pytestconfig: pytest.Config, request: pytest.FixtureRequest, version: str) -> Path:
    """Where this test keeps its screenshots."""
    return Path(pytestconfig.getoption("shots")).absolute() / version / request.node.name


@pytest.fixture(scope="session")
def shaders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where Mesa keeps what it has compiled for one test for all later ones: in an empty home a start takes 7 s more."""
    return {"MESA_SHADER_CACHE_DIR": str(tmp_path_factory.mktemp("shaders"))}


@pytest.fixture
def start(
    application: Path, home: Path, jobs: object, shots: Path, shaders: dict[str, str]
) -> Iterator[Callable[..., Session]]:
    """Return a function that starts a Blender in the test's home; all of them end with the test."""
    running: list[Session] = []

    def begin(*words: object, env: Mapping[str, str] | None = None, **options: Any) -> Session:
        running.append(Session(application, home, shots=shots, words=words, env={**shaders, **(env or {})}, **options))
        return running[-1]

    yield begin
    for session in running:
        session.end()
    for session in running:
        assert "Traceback" not in session.printed(), session.printed()


@pytest.fixture
def simulated(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that makes a Blender with simulated GPUs; see `fake_blender`."""
    return lambda **behaviour: fake_blender.launcher(tmp_path / "simulated", **behaviour)


@pytest.fixture
def install(application: Path, home: Path, tmp_path: Path) -> Callable[[str, str], None]:
    """Return a function that installs an add-on of the artist's: (id, text of its __init__.py)."""

    def put(name: str, text: str) -> None:
        path = tmp_path / f"{name}.zip"
        with zipfile.ZipFile(path, "w") as packed:
            packed.writestr("blender_manifest.toml", MANIFEST.format(id=name))
            packed.writestr("__init__.py", text)
        words = ["--command", "extension", "install-file", "-r", "user_default", "-e", str(path)]
        done = subprocess.run(
            [application, *words], env=private_environment(home), cwd=home, capture_output=True, text=True, timeout=120
        )
        assert f'Installed "{name}"' in done.stdout, (done.stdout, done.stderr)

    return put
