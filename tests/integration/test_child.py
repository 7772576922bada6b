# SPDX-License-Identifier: GPL-3.0-or-later
"""The child as a real process: hello, inspect, configure, render, commit, leave."""

from __future__ import annotations

import os
import shutil
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from integration.spoken_child import SpokenChild

from dispatch import claims, pictures, protocol
from dispatch.model import Backend, Fault
from dispatch.protocol import (
    Begun,
    Broken,
    Commit,
    Committed,
    Discard,
    Failed,
    FolderNoted,
    FolderUsed,
    Hello,
    Inspect,
    Inspected,
    Leave,
    Left,
    Loaded,
    Progressed,
    Render,
    Rendered,
    SceneFacts,
    Skipped,
    Threads,
)


def pixels(png: Path) -> bytes:
    """The unpacked picture data of a PNG: the same for the same pixels, whatever the metadata says."""
    data, packed, at = png.read_bytes(), b"", 8
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] in (b"IDAT", b"IHDR"):
            packed += data[at + 8 : at + 8 + length] if data[at + 4 : at + 8] == b"IDAT" else b""
        at += 12 + length
    return zlib.decompress(packed)


def files(folder: Path) -> list[str]:
    """What an artist sees in the folder."""
    return [name for name in _everything(folder) if ".mgd" not in Path(name).parts]


def traces(folder: Path) -> list[str]:
    """What lies in our working folder, beside the owner files of the living."""
    return [name for name in _everything(folder) if ".mgd" in Path(name).parts and "owners" not in Path(name).parts]


def _everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def facts(child: SpokenChild, blend: Path, **changes: object) -> SceneFacts:
    child.say(Inspect(str(blend), **changes))  # type: ignore[arg-type]
    answer = child.until(Inspected)
    assert answer.scene is not None, answer.error
    return answer.scene


def test_a_child_says_hello_first(child: SpokenChild) -> None:
    hello = child.hear()
    assert isinstance(hello, Hello)
    assert (hello.protocol, hello.version >= (4, 2, 0)) == (protocol.VERSION, True)


def test_frames_are_the_pixels_of_a_plain_animation_render(child: SpokenChild, scenes: Path, tmp_path: Path) -> None:
    loaded = child.configure(scenes / "moving.blend", str(tmp_path / "out" / "x_####"))
    assert isinstance(loaded, Loaded)
    assert loaded.devices == ("CPU",)
    for attempt, frame in enumerate((3, 1, 4, 2), 1):
        assert child.render(attempt, frame) == Committed(attempt)
    assert child.leave() == 0
    assert files(tmp_path / "out") == files(scenes / "plain_moving")
    for name in files(tmp_path / "out"):
        assert pixels(tmp_path / "out" / name) == pixels(scenes / "plain_moving" / name), name


def test_a_compositor_on_the_gpu_moves_to_the_cpu(child: SpokenChild, scenes: Path, tmp_path: Path) -> None:
    loaded = child.configure(scenes / "gpu_compositor.blend", str(tmp_path / "x_####"))
    assert isinstance(loaded, Loaded)
    assert "CPU instead of a GPU" in loaded.warnings[0]
    assert child.render(1, 4) == Committed(1)
    assert pixels(tmp_path / "x_0004.png") == pixels(scenes / "plain_moving" / "x_0004.png")


def test_a_report_carries_picture_phases_memory_and_devices(child: SpokenChild, scenes: Path, tmp_path: Path) -> None:
    child.configure(scenes / "simple.blend", str(tmp_path / "out" / "x_####"))
    assert child.render(1, 7) == Committed(1)
    final = tmp_path / "out" / "x_0007.png"
    (rendered,) = (report for report in child.heard if isinstance(report, Rendered))
    assert rendered.pictures == (pictures.digest(final),)
    assert rendered.devices == ("CPU",)
    assert rendered.memory > 50 << 20
    assert rendered.phases.render > 0
    assert min(rendered.phases.evaluate, rendered.phases.sync, rendered.phases.write) >= 0
    kinds = [type(report) for report in child.heard if not isinstance(report, Progressed)]
    assert kinds == [Hello, Loaded, FolderUsed, Begun, Rendered, Committed]


def test_another_number_of_threads_changes_no_pixel(child: SpokenChild, scenes: Path, tmp_path: Path) -> None:
    child.configure(scenes / "moving.blend", str(tmp_path / "x_####"))
    assert child.render(1, 1) == Committed(1)
    child.say(Threads(1))
    assert child.render(2, 4) == Committed(2)
    for name in ("x_0001.png", "x_0004.png"):
        assert pixels(tmp_path / name) == pixels(scenes / "plain_moving" / name)


def test_nothing_is_put_in_place_before_the_commit(child: SpokenChild, scenes: Path, tmp_path: Path) -> None:
    child.configure(scenes / "simple.blend", str(tmp_path / "out" / "x_####"))
    child.say(Render(1, 1))
    child.until(Rendered)
    assert not (tmp_path / "out" / "x_0001.png").exists()
    child.say(Discard(1))
    assert child.render(2, 2) == Committed(2)
    assert child.leave() == 0
    assert files(tmp_path / "out") == ["x_0002.png"]
    assert traces(tmp_path / "out") == []


def test_the_next_frame_renders_while_the_last_one_waits_for_its_commit(
    child: SpokenChild, scenes: Path, tmp_path: Path
) -> None:
    child.configure(scenes / "simple.blend", str(tmp_path / "x_####"))
    child.say(Render(1, 1))
    child.say(Render(2, 2))
    assert [child.until(Rendered).attempt for _ in range(2)] == [1, 2]
    child.say(Commit(2))
    child.say(Commit(1))
    child.say(Commit(1))
    assert {child.until(Committed).attempt for _ in range(2)} == {1, 2}


def test_negative_frames_have_their_names_and_pixels(
    child: SpokenChild, another: Callable[[], SpokenChild], scenes: Path, tmp_path: Path
) -> None:
    child.configure(scenes / "moving.blend", str(tmp_path / "x_####"))
    for attempt, frame in enumerate((-5, 1), 1):
        assert child.render(attempt, frame) == Committed(attempt)
    assert [path.name for path in sorted(tmp_path.glob("*.png"))] == ["x_-0005.png", "x_0001.png"]
    assert pixels(tmp_path / "x_-0005.png") != pixels(tmp_path / "x_0001.png")
    assert pixels(tmp_path / "x_0001.png") == pixels(scenes / "plain_moving" / "x_0001.png")


def test_every_still_format_is_rendered_and_checked(
    another: Callable[[], SpokenChild], scenes: Path, tmp_path: Path
) -> None:
    names = (scenes / "formats").read_text(encoding="utf-8").split()
    assert {"PNG", "JPEG", "OPEN_EXR", "OPEN_EXR_MULTILAYER", "TIFF", "WEBP", "BMP", "TARGA"} <= set(names)
    waves = [names[at : at + 2] for at in range(0, len(names), 2)]
    for wave in waves:
        started = {name: another() for name in wave}
        for name, child in started.items():
            loaded = child.configure(scenes / f"format_{name}.blend", str(tmp_path / name / "x_####"))
            assert isinstance(loaded, Loaded)
        for name, child in started.items():
            assert child.render(1, 2) == Committed(1), name
            assert child.leave() == 0
            (picture,) = (path for path in (tmp_path / name).iterdir() if path.is_file())
            pictures.check(picture, name, (64, 36))


def test_single_views_are_named_as_blender_names_them(child: SpokenChild, scenes: Path, tmp_path: Path) -> None:
    child.configure(scenes / "views.blend", str(tmp_path / "out" / "x_####"))
    assert child.render(1, 1) == Committed(1)
    (rendered,) = (report for report in child.heard if isinstance(report, Rendered))
    assert [Path(p.path).name for p in rendered.pictures] == ["x_0001_L.png", "x_0001_R.png", "x_0001_third.png"]
    for picture in (tmp_path / "out").glob("*.png"):
        assert pixels(picture) == pixels(scenes / "plain_views" / picture.name)


def test_a_view_that_is_there_stays_and_counts_as_it_is(child: SpokenChild, scenes: Path, tmp_path: Path) -> None:
    there = tmp_path / "out" / "x_0001_L.png"
    there.parent.mkdir()
    there.write_bytes((scenes / "plain_views" / "x_0001_R.png").read_bytes())
    child.configure(scenes / "views.blend", str(tmp_path / "out" / "x_####"), overwrite=False)
    assert child.render(1, 1) == Committed(1), "it was nobody's while the frame was rendered"
    (rendered,) = (report for report in child.heard if isinstance(report, Rendered))
    left = next(picture for picture in rendered.pictures if Path(picture.path) == there)
    assert left == pictures.digest(there)
    assert there.read_bytes() == (scenes / "plain_views" / "x_0001_R.png").read_bytes()


def test_cropped_stereo_pictures_have_the_predicted_size(child: SpokenChild, scenes: Path, tmp_path: Path) -> None:
    child.configure(scenes / "side_by_side.blend", str(tmp_path / "x_####"))
    assert child.render(1, 1) == Committed(1)


@pytest.mark.parametrize(("name", "mains"), [("side_files", 1), ("reads_range", 3)])
def test_side_files_go_where_blender_puts_them(
    child: SpokenChild, scenes: Path, tmp_path: Path, name: str, mains: int
) -> None:
    shutil.rmtree(scenes / "plain", ignore_errors=True)
    child.configure(scenes / f"{name}.blend", str(tmp_path / "out" / "x_####"))
    for frame in (1, 2, 3, 4):
        assert child.render(frame, frame) == Committed(frame)
    (last,) = (report for report in child.heard if isinstance(report, Rendered) and report.attempt == 4)
    assert [
        path for path in (p.path for p in last.pictures[-mains:]) if not path.startswith(str(tmp_path / "out"))
    ] == []
    assert [p.path for p in last.pictures] == list(dict.fromkeys(p.path for p in last.pictures))
    assert child.leave() == 0
    assert files(scenes / "plain") == files(scenes / f"sides_{name}")
    assert files(tmp_path / "out") == files(scenes / f"plain_{name}")
    for file in files(scenes / "plain"):
        if file.endswith(".png"):
            assert pixels(scenes / "plain" / file) == pixels(scenes / f"sides_{name}" / file), file


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("Bär # 01 ✓/x_##_a###", "Bär # 01 ✓/x_##_a002.png"),
        ("no ending", "no ending0002.png"),
        ("named.png", "named.png0002.png"),
        ("shot.v1_####.exr", "shot.v1_0002.png"),
        ("folder/", "folder/0002.png"),
    ],
)
def test_names_are_those_of_blender(child: SpokenChild, scenes: Path, tmp_path: Path, template: str, name: str) -> None:
    child.configure(scenes / "simple.blend", f"{tmp_path}/out/{template}")
    assert child.render(1, 2) == Committed(1)
    assert files(tmp_path / "out") == [name]


def test_path_templates_are_expanded_where_blender_has_them(child: SpokenChild, scenes: Path, tmp_path: Path) -> None:
    version = child.until(Hello).version
    template = "a{{b}}/{blend_name}_#"
    child.configure(scenes / "moving.blend", f"{tmp_path}/out/{template}")
    assert child.render(1, 3) == Committed(1)
    expanded = "a{b}/moving_3.png" if version >= (4, 5, 0) else "a{{b}}/{blend_name}_3.png"
    assert files(tmp_path / "out") == [expanded]


def test_the_camera_in_a_name_is_the_one_that_the_marker_binds(
    child: SpokenChild, scenes: Path, tmp_path: Path
) -> None:
    version = child.until(Hello).version
    child.configure(scenes / "moving.blend", f"{tmp_path}/out/{{camera_name}}_#")
    answer = child.render(1, 3)
    if (4, 5, 0) <= version < (5, 0, 0):
        # It has templates, but not this one.
        assert isinstance(answer, Failed)
        assert answer.fault is Fault.SCENE
        assert "camera_name" in answer.words
    else:
        assert answer == Committed(1)
        assert files(tmp_path / "out") == ["Second_3.png" if version >= (5, 0, 0) else "{camera_name}_3.png"]


def test_a_killed_child_leaves_nothing_but_its_claim(child: SpokenChild, scenes: Path, tmp_path: Path) -> None:
    child.configure(scenes / "slow.blend", str(tmp_path / "out" / "x_####"), overwrite=False)
    child.say(Render(1, 1))
    child.until(Begun)
    child.process.kill()
    child.end()
    assert files(tmp_path / "out") == ["x_0001.png"]
    assert (tmp_path / "out" / "x_0001.png").stat().st_size == 0
    claims.release_attempt(tmp_path / "out", child.owner.id, 1)
    assert files(tmp_path / "out") == traces(tmp_path / "out") == []


def test_outputs_that_overwrite_each_other_are_refused(child: SpokenChild, scenes: Path, tmp_path: Path) -> None:
    child.configure(scenes / "clash.blend", str(tmp_path / "x_####"))
    failed = child.render(1, 1)
    assert isinstance(failed, Failed)
    assert failed.fault is Fault.SCENE
    assert "Second" in failed.words
    assert "s_0001" in failed.words
    assert not list(tmp_path.glob("*.png"))


def test_overwrite_off_keeps_what_is_there(child: SpokenChild, scenes: Path, tmp_path: Path) -> None:
    there = tmp_path / "x_0001.png"
    there.write_bytes((scenes / "plain_simple" / "x_0003.png").read_bytes())
    (tmp_path / "x_0002.png").touch()
    child.configure(scenes / "simple.blend", str(tmp_path / "x_####"), overwrite=False)
    assert child.render(1, 1) == Skipped(1, (pictures.digest(there),))
    claimed = child.render(2, 2)
    assert isinstance(claimed, Skipped)
    assert (claimed.pictures, claimed.since > 0) == ((), True)
    assert child.render(3, 3) == Committed(3)


def test_a_picture_of_another_size_is_kept_and_said(
    child: SpokenChild, another: Callable[[], SpokenChild], scenes: Path, tmp_path: Path
) -> None:
    child.configure(scenes / "simple.blend", str(tmp_path / "x_####"), resolution=50)
    assert child.render(1, 1) == Committed(1)
    there = pictures.digest(tmp_path / "x_0001.png")
    whole = another()
    whole.configure(scenes / "simple.blend", str(tmp_path / "x_####"), overwrite=False)
    skipped = whole.render(1, 1)
    assert isinstance(skipped, Skipped)
    assert skipped.pictures == (there,)
    assert [" and are kept" in words for words in skipped.warnings] == [True]


def test_overwrite_on_replaces_what_is_there(child: SpokenChild, scenes: Path, tmp_path: Path) -> None:
    there = tmp_path / "x_0001.png"
    there.write_bytes((scenes / "plain_simple" / "x_0003.png").read_bytes())
    child.configure(scenes / "simple.blend", str(tmp_path / "x_####"))
    assert child.render(1, 1) == Committed(1)
    assert pixels(there) == pixels(scenes / "plain_simple" / "x_0001.png")


def test_a_frame_claimed_by_another_child_is_skipped(
    child: SpokenChild, another: Callable[[], SpokenChild], scenes: Path, tmp_path: Path
) -> None:
    child.configure(scenes / "slow.blend", str(tmp_path / "x_####"))
    child.say(Render(1, 1))
    child.until(Begun)
    second = another()
    second.configure(scenes / "simple.blend", str(tmp_path / "x_####"), overwrite=False)
    skipped = second.render(1, 1)
    assert isinstance(skipped, Skipped)
    assert str(child.owner.pid) in skipped.owner


def test_another_scene_of_the_file_can_be_chosen(child: SpokenChild, scenes: Path, tmp_path: Path) -> None:
    child.configure(scenes / "two.blend", str(tmp_path / "x_####"), scene="Other")
    assert child.render(1, 1) == Committed(1)
    assert pictures.dimensions(tmp_path / "x_0001.png") == (40, 20)


def test_the_end_of_stdin_ends_the_child_in_the_middle_of_a_frame(
    child: SpokenChild, scenes: Path, tmp_path: Path
) -> None:
    child.configure(scenes / "slow.blend", str(tmp_path / "out" / "x_####"))
    child.say(Render(1, 1))
    child.until(Progressed)
    asked = time.monotonic()
    assert child.process.stdin is not None
    child.process.stdin.close()
    assert child.end() == 75
    assert time.monotonic() - asked < 60
    assert files(tmp_path / "out") == []
    assert traces(tmp_path / "out") == [".mgd/claims/x_0001.png.json"]
    assert (tmp_path / "out" / ".mgd" / "temp" / child.owner.id / "1").is_dir()


def test_progress_comes_at_most_four_times_a_second(child: SpokenChild, scenes: Path, tmp_path: Path) -> None:
    child.configure(scenes / "slow.blend", str(tmp_path / "x_####"))
    child.say(Render(1, 1))
    first = child.until(Progressed)
    assert (first.attempt, first.samples) == (1, 200_000)


def test_leaving_drops_what_is_not_begun(child: SpokenChild, scenes: Path, tmp_path: Path) -> None:
    child.configure(scenes / "simple.blend", str(tmp_path / "x_####"))
    child.say(Render(1, 1))
    child.until(Begun)
    child.say(Leave())
    child.say(Render(2, 2))
    child.until(Rendered)
    child.say(Commit(1))
    reports = [child.hear() for _ in range(2)]
    assert reports in ([Committed(1), Left()], [Committed(1), Left((2,))])
    assert child.end() == 0
    assert [path.name for path in tmp_path.glob("*.png")] == ["x_0001.png"]


def test_leaving_drops_prefetched_frames(child: SpokenChild, scenes: Path, tmp_path: Path) -> None:
    child.configure(scenes / "simple.blend", str(tmp_path / "out" / "x_####"))
    # The folder is never noted, so that the first frame cannot begin.
    child.note = lambda folder: None  # type: ignore[method-assign]
    for attempt in (1, 2, 3):
        child.say(Render(attempt, attempt))
    child.until(FolderUsed)
    child.say(Leave())
    assert child.until(Left) == Left((1, 2, 3))
    assert child.end() == 0
    assert not (tmp_path / "out").exists()


def test_a_folder_that_lost_our_owner_file_is_asked_for_again(child: SpokenChild, scenes: Path, tmp_path: Path) -> None:
    child.configure(scenes / "simple.blend", str(tmp_path / "out" / "x_####"))
    (tmp_path / "out").mkdir()
    child.say(FolderNoted(str(tmp_path / "out")))
    assert child.render(1, 1) == Committed(1)
    assert FolderUsed(str(tmp_path / "out")) in child.heard


def test_what_a_scene_prints_is_no_message_and_goes_to_the_log(
    child: SpokenChild, scenes: Path, tmp_path: Path
) -> None:
    (scenes / "init").unlink(missing_ok=True)
    loaded = child.configure(scenes / "noisy.blend", str(tmp_path / "x_####"), autoexec=True)
    assert isinstance(loaded, Loaded)
    assert loaded.handlers_left_out == ("script.py.init",)
    assert child.render(1, 1) == Committed(1)
    assert child.render(2, 2) == Committed(2)
    assert child.leave() == 0
    assert child.strange == []
    log = child.log.read_text(encoding="utf-8", errors="replace")
    assert '{"mgd":"Left"' in log
    assert "garbage" in log
    assert "ValueError: no" in log
    # The frame handler counts, the once-per-job handler does not fire.
    assert pixels(tmp_path / "x_0002.png") != pixels(scenes / "plain_simple" / "x_0002.png")
    assert not (scenes / "init").exists()


@pytest.mark.parametrize(("name", "status"), [("leaves", 76), ("loads", 78)])
def test_a_script_that_ends_blender_or_loads_a_file_has_a_clear_end(
    child: SpokenChild, scenes: Path, tmp_path: Path, name: str, status: int
) -> None:
    child.configure(scenes / f"{name}.blend", str(tmp_path / "x_####"), autoexec=True)
    broken = child.render(1, 1)
    assert isinstance(broken, Broken)
    assert broken.fault is Fault.SCENE
    assert child.end() == status


def test_a_script_that_changes_the_output_path_fails_the_frame(
    child: SpokenChild, scenes: Path, tmp_path: Path
) -> None:
    child.configure(scenes / "renames.blend", str(tmp_path / "x_####"), autoexec=True)
    failed = child.render(1, 1)
    assert isinstance(failed, Failed)
    assert failed.fault is Fault.SCENE
    assert "elsewhere" in failed.words
    assert not (scenes / "elsewhere").exists()


def test_pictures_of_the_video_sequencer_need_no_camera(child: SpokenChild, scenes: Path, tmp_path: Path) -> None:
    found = facts(child, scenes / "strips.blend")
    assert (found.camera, found.needs_camera) == ("", False)
    child.configure(scenes / "strips.blend", str(tmp_path / "x_####"))
    assert child.render(1, 1) == Committed(1)
    assert pixels(tmp_path / "x_0001.png") == pixels(scenes / "plain_strips" / "x_0001.png")


def test_a_missing_camera_is_a_scene_error(child: SpokenChild, scenes: Path, tmp_path: Path) -> None:
    child.configure(scenes / "no_camera.blend", str(tmp_path / "out" / "x_####"), overwrite=False)
    failed = child.render(1, 1)
    words = "Cannot render, no camera: set one, or switch off the script that takes it away"
    assert failed == Failed(1, Fault.SCENE, words)
    assert files(tmp_path / "out") == traces(tmp_path / "out") == []


def test_a_place_that_cannot_be_written_is_said(child: SpokenChild, scenes: Path, tmp_path: Path) -> None:
    (tmp_path / "x_0001.png").mkdir()
    child.configure(scenes / "simple.blend", str(tmp_path / "x_####"))
    failed = child.render(1, 1)
    assert isinstance(failed, Failed)
    assert failed.fault is Fault.CANNOT_WRITE
    assert child.render(2, 2) == Committed(2)


def test_an_error_of_cycles_is_said_for_every_frame_and_leaves_nothing_behind(
    child: SpokenChild, scenes: Path, tmp_path: Path
) -> None:
    """Blender itself says it once: with persistent data it then saves blank pictures as long as it runs."""
    child.configure(scenes / "tiled.blend", str(tmp_path / "out" / "x_####"))
    assert child.render(1, 1) == Committed(1)
    (temporary,) = tmp_path.glob("blender_*")
    shutil.rmtree(temporary)
    temporary.touch()
    for attempt in (2, 3):
        failed = child.render(attempt, 2)
        assert isinstance(failed, Failed)
        assert (failed.fault, failed.words) == (Fault.CANNOT_WRITE, "Error writing tile to file")
    temporary.unlink()
    temporary.mkdir()
    assert child.render(4, 2) == Committed(4)
    for name in ("x_0001.png", "x_0002.png"):
        assert pixels(tmp_path / "out" / name) == pixels(scenes / "plain_tiled" / name), name


@pytest.mark.parametrize(
    ("backend", "identifier"), [(Backend.CUDA, "CUDA_card_0000:3b:00"), (Backend.CPU, "no such processor")]
)
def test_a_device_that_does_not_exist_is_refused_with_those_that_do(
    child: SpokenChild, scenes: Path, tmp_path: Path, backend: Backend, identifier: str
) -> None:
    broken = child.configure(scenes / "simple.blend", str(tmp_path / "x_####"), backend=backend, devices=(identifier,))
    assert isinstance(broken, Broken)
    assert broken.fault is Fault.WRONG_DEVICE
    assert identifier in broken.words
    assert "'CPU'" in broken.words
    assert child.end() == 78


def _bad_files(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    text, cut = tmp_path / "text.blend", tmp_path / "cut.blend"
    text.write_text("hello", encoding="utf-8")
    cut.write_bytes(b"BLENDER17-01v0999" + b"x" * 50)
    yield tmp_path / "none.blend", "There is no file"
    yield text, "is not a .blend file"
    yield cut, "Blender"


def test_files_that_cannot_be_opened_are_explained(child: SpokenChild, tmp_path: Path) -> None:
    for path, words in _bad_files(tmp_path):
        child.say(Inspect(str(path)))
        answer = child.until(Inspected)
        assert words in answer.error
        assert str(path) in answer.error
        assert answer.scene is None
    broken = child.configure(tmp_path / "none.blend", str(tmp_path / "x_####"))
    assert isinstance(broken, Broken)
    assert broken.fault is Fault.SCENE


def test_a_scene_that_is_not_there_and_a_movie_are_refused(
    child: SpokenChild, another: Callable[[], SpokenChild], scenes: Path, tmp_path: Path
) -> None:
    broken = child.configure(scenes / "two.blend", str(tmp_path / "x_####"), scene="Third")
    assert isinstance(broken, Broken)
    assert "'Other'" in broken.words
    broken = another().configure(scenes / "movie.blend", str(tmp_path / "x_####"))
    assert isinstance(broken, Broken)
    assert "movie" in broken.words


def test_a_movie_becomes_an_image_sequence_on_request(child: SpokenChild, scenes: Path, tmp_path: Path) -> None:
    found = facts(child, scenes / "movie.blend", sequence=True, output=str(tmp_path / "out" / "m_####"))
    assert (found.file_format, found.is_movie) == ("PNG", False)
    assert Path(found.first_path).name == "m_0001.png"
    assert isinstance(child.configure(scenes / "movie.blend", str(tmp_path / "out" / "m_####"), sequence=True), Loaded)
    assert child.render(1, 1) == Committed(1)
    assert files(tmp_path / "out") == ["m_0001.png"]


def test_a_test_render_has_another_size_and_fewer_samples(
    child: SpokenChild, another: Callable[[], SpokenChild], scenes: Path, tmp_path: Path
) -> None:
    child.configure(scenes / "side_by_side.blend", str(tmp_path / "x_####"), resolution=50)
    assert child.render(1, 1) == Committed(1)
    assert pictures.dimensions(tmp_path / "x_0001.png") == (2 * (22 - 4), 18)
    second = another()
    second.configure(scenes / "slow.blend", str(tmp_path / "slow_####"), samples=0.5)
    second.say(Render(1, 1))
    assert second.until(Progressed).samples == 1000
    third = another()
    third.configure(scenes / "simple.blend", str(tmp_path / "least_####"), samples=0.5)
    assert third.render(1, 1) == Committed(1)
    assert pixels(tmp_path / "least_0001.png") == pixels(scenes / "plain_simple" / "x_0001.png")


def test_inspecting_lists_devices_without_a_file(child: SpokenChild) -> None:
    child.say(Inspect())
    answer = child.until(Inspected)
    assert [device.id for device in answer.devices if device.backend is Backend.CPU] == ["CPU"]
    assert (answer.scene, answer.error) == (None, "")


def test_the_facts_of_a_good_scene(child: SpokenChild, scenes: Path, tmp_path: Path) -> None:
    found = facts(child, scenes / "moving.blend", output=str(tmp_path / "out" / "x_####"))
    assert (found.scene, found.scenes, found.engine) == ("Shot", ("Shot",), "CYCLES")
    assert (found.frame_start, found.frame_end, found.frame_step) == (1, 4, 1)
    assert (found.width, found.height, found.file_format, found.is_movie) == (64, 36, "PNG", False)
    assert (found.output, found.output_is_relative) == (str(tmp_path / "out" / "x_####"), False)
    assert found.first_path == str(tmp_path / "out" / "x_0001.png")
    assert found.last_path == str(tmp_path / "out" / "x_0004.png")
    assert (found.camera, found.view_layers, found.unbaked, found.warnings) == ("Camera", ("ViewLayer",), (), ())
    assert facts(child, scenes / "simple.blend").output == str(scenes / "plain" / "x_####")
    bare = facts(child, scenes / "no_camera.blend")
    assert (bare.camera, bare.needs_camera) == ("", True)
    assert facts(child, scenes / "movie.blend").is_movie
    assert facts(child, scenes / "views.blend").views == ("_L", "_R", "_third")
    assert facts(child, scenes / "side_by_side.blend").width == 2 * (45 - 8)
    assert facts(child, scenes / "two.blend", scene="Other").width == 40
    assert facts(child, scenes / "two.blend", scene="Third").scenes == ("Other", "Shot")
    assert len(facts(child, scenes / "side_files.blend").side_outputs) == 3
    from_windows = facts(child, scenes / "moving.blend", output="C:/Users/me/x_####")
    assert (from_windows.output, from_windows.output_is_relative) == ("C:/Users/me/x_####", os.name != "nt")


def test_the_facts_of_a_troubled_scene(child: SpokenChild, scenes: Path) -> None:
    found = facts(child, scenes / "troubled.blend")
    assert found.output_is_relative
    assert found.missing_images == (str(scenes / "gone.png"),)
    # Painted pixels that are not packed do not even get into the file.
    assert found.unpacked_paint == ()
    assert {path for path, *_ in found.external} == {str(scenes / "there.png"), str(scenes / "tile.1001.png")}
    assert found.unbaked == (("Cube", "CLOTH"), ("Soft", "SOFT_BODY"))
    assert (found.scripts_blocked, found.autoexec) == (True, False)
    assert found.gpu_compositor
    assert [side.path for side in found.side_outputs] == [str(scenes / "aside")]
    assert any("Light (location)" in warning for warning in found.warnings)
    assert facts(child, scenes / "noisy.blend", autoexec=True).handlers == ("script.py.init",)
    assert facts(child, scenes / "noisy.blend").scripts_blocked
    assert facts(child, scenes / "borrows.blend").missing_libraries == (str(scenes / "lent.blend"),)
