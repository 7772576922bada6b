# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of places: disks that fill up or go away, folders that are removed, renamed, closed."""

from __future__ import annotations

import shutil
from pathlib import Path

import engine
from case import Seen, case
from disks import small_disk
from trouble import PATIENCE, Trouble
from waiting import until

from dispatch.job import Wish, ask

HOUR = 3600.0


# --- disks ----------------------------------------------------------------------------------------------------------


@case(
    "the disk of the output folder is full",
    "files",
    how="for real: a small disk (tmpfs) filled to its last byte in the middle of the job, emptied when the job says so",
    did="holds the job, tries one frame now and then, goes on by itself; no frame is blamed",
    reads=r"^Paused: .*is full: make room. The job goes on by itself",
)
def output_disk_full(folder: Path) -> Seen:
    job = Trouble(folder, held_from=4)
    with small_disk(job.output) as disk, job.running() as dispatcher:
        job.until_held()
        disk.fill()
        job.let_go()
        job.until_told("^Paused")
        disk.make_room()
        status = job.finish(dispatcher)
    return job.seen(status)


@case(
    "the disk of the jobs folder is full while journaling",
    "files",
    how="for real: a small disk (tmpfs) filled in the middle of the job, emptied after a while",
    did="lets nobody put a picture in place before the journal has it; goes on by itself; nothing is rendered twice",
    reads=r"^The journal .* cannot be written \(No space left on device\): make room on that disk",
)
def journal_disk_full(folder: Path) -> Seen:
    said = folder / "said"
    with small_disk(folder / "jobs", 4096) as disk:
        job = Trouble(folder, held_from=4)
        with job.running(log=said) as dispatcher:
            job.until_held()
            disk.fill()
            job.let_go()
            job.until_said(said, "cannot be written")
            disk.make_room()
            status = job.finish(dispatcher)
        return job.seen(status, most_renders=1)


@case(
    "a stop while the disk of the jobs folder is full",
    "files",
    how="for real: a small disk (tmpfs) filled in the middle, then `stop --now`; room is made before a resume",
    did="stops although nothing can be written any more; resume renders the rest",
    reads=r"^8 of 8 frames complete",
)
def stop_on_full_disk(folder: Path) -> Seen:
    said = folder / "said"
    with small_disk(folder / "jobs", 4096) as disk:
        job = Trouble(folder, held_from=4, overwrite=False)
        with job.running(log=said) as dispatcher:
            job.until_held()
            disk.fill()
            job.let_go()
            job.until_said(said, "cannot be written")
            ask(job.folder, Wish.STOP_NOW)
            assert dispatcher.wait(PATIENCE) == 3
        disk.make_room()
        status = job.run()
    return job.seen(status)


@case(
    "the snapshot cannot be written",
    "files",
    how="simulated: a folder lies where the new snapshot is made, until the job is nearly done",
    did="renders on; shows itself again when it can",
    reads=r"8 of 8 frames complete, 0 rendered twice, 0 retried$",
)
def snapshot_refused(folder: Path) -> Seen:
    job = Trouble(folder, held_from=8)
    in_the_way = job.folder / "snapshot.json.new"
    in_the_way.mkdir()
    with job.running() as dispatcher:
        job.until_held(1)
        in_the_way.rmdir()
        status = job.finish(dispatcher)
    return job.seen(status, most_renders=1)


# --- folders --------------------------------------------------------------------------------------------------------


@case(
    "the output folder is removed in the middle, pictures and all",
    "files",
    how="for real: rm -r while two frames render; resumed after the end",
    did="makes it again and renders on; the audit misses what was in it; resume renders that again and nothing else",
    reads=r"^The folder .*out was removed while the job ran",
)
def output_removed(folder: Path) -> Seen:
    job = Trouble(folder, held_from=4)
    with job.running() as dispatcher:
        job.until_held()
        shutil.rmtree(job.output)
        assert job.finish(dispatcher) == 1
    return job.seen(job.run(), twice=(1, 2, 3))


@case(
    "the output folder is renamed in the middle",
    "files",
    how="for real: mv while two frames render; its pictures are brought back before a resume",
    did="makes the folder again and renders on; the audit misses what was in it; resume takes what was brought back",
    reads=r"^Frames 1-3 were in place, but files in .*out are gone or broken now: Resume renders them again",
)
def output_renamed(folder: Path) -> Seen:
    job = Trouble(folder, held_from=4)
    moved = folder / "moved"
    with job.running() as dispatcher:
        job.until_held()
        job.output.rename(moved)
        assert job.finish(dispatcher) == 1
    for picture in moved.glob("*.png"):
        if picture.stat().st_size:
            picture.rename(job.output / picture.name)
    return job.seen(job.run())


@case(
    "a file lies where the output folder was",
    "files",
    how="for real: the folder renamed and a file made under its name, until the job says so",
    did="three frames in a row cannot be written: holds the job and goes on by itself",
    reads=r"^Paused: .*The job goes on by itself when that is mended",
)
def output_is_a_file(folder: Path) -> Seen:
    job = Trouble(folder, held_from=4, overwrite=False)
    moved = folder / "moved"
    with job.running() as dispatcher:
        job.until_held()
        job.output.rename(moved)
        job.output.write_text("in the way")
        job.let_go()
        job.until_told("^Paused")
        job.output.unlink()
        moved.rename(job.output)
        status = job.finish(dispatcher)
    return job.seen(status)


@case(
    "the output folder becomes read-only in the middle",
    "files",
    how="for real: a tmpfs mounted read-only over itself, until the job says so",
    did="three frames in a row cannot be written: holds the job and goes on by itself",
    reads=r"^Paused: Cannot write .*Read-only file system.*The job goes on by itself",
)
def output_read_only(folder: Path) -> Seen:
    job = Trouble(folder, held_from=4)
    with small_disk(job.output) as disk, job.running() as dispatcher:
        job.until_held()
        with disk.read_only():
            job.let_go()
            job.until_told("^Paused")
        status = job.finish(dispatcher)
    return job.seen(status)


@case(
    "the output folder's disk is unmounted in the middle and comes back",
    "files",
    how="for real: a tmpfs moved away under two rendering children, and back before a resume",
    did="renders on into the folder that is there now; the audit misses the others; resume finds all that are back",
    reads=r"missing or broken",
)
def output_disk_away(folder: Path) -> Seen:
    job = Trouble(folder, held_from=4)
    with small_disk(job.output) as disk:
        with job.running() as dispatcher:
            job.until_held()
            disk.go_away()
            job.finish(dispatcher)
        disk.come_back()
        status = job.run()
    return job.seen(status, twice=tuple(range(4, 9)))


@case(
    "the hidden folder .mgd is removed in the middle",
    "files",
    how="for real: rm -r of .mgd while two frames render",
    did="notices that its claims are gone, joins again and renders those frames again",
    reads=r"^The working folder .*\.mgd is gone .*: made again",
)
def working_folder_removed(folder: Path) -> Seen:
    job = Trouble(folder, held_from=4, overwrite=False)
    with job.running() as dispatcher:
        job.until_held()
        shutil.rmtree(job.output / ".mgd")
        status = job.finish(dispatcher)
    return job.seen(status)


@case(
    "the job folder is removed in the middle",
    "files",
    how="for real: rm -r of the running job's folder",
    did="ends itself and its children after five seconds: nobody could see or stop it any more",
    reads=r"^The folder of job .* was removed or moved, which ends the job",
)
def job_folder_removed(folder: Path) -> Seen:
    job = Trouble(folder, held_from=4)
    said = folder / "said"
    with job.running(log=said) as dispatcher:
        job.until_held()
        until(lambda: shutil.rmtree(job.folder, ignore_errors=True) or not job.folder.exists(), PATIENCE)
        status = dispatcher.wait(PATIENCE)
    return job.seen(status, jobs=(), expected_status=2, frames=(1, 2, 3), said=job.said(said))


@case(
    "the output folder is on another disk than everything else",
    "files",
    how="for real: real Blenders, the output on a tmpfs",
    did="finishes each picture near the job, brings it beside its final name and moves it there in one step",
    reads=r"^6 of 6 frames complete, 0 rendered twice, 0 retried$",
    needs="bpy",
)
def other_disk(folder: Path) -> Seen:
    job = Trouble(folder, 6, real=True)
    with small_disk(job.output):
        status = job.run()
    return job.seen(status)


SIDE = """
NEW = bpy.app.version >= (5, 0, 0)
if NEW:
    tree = bpy.data.node_groups.new("Compositing", "CompositorNodeTree")
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    scene.compositing_node_group = tree
    out = tree.nodes.new("NodeGroupOutput")
else:
    scene.use_nodes = True
    tree = scene.node_tree
    tree.nodes.clear()
    out = tree.nodes.new("CompositorNodeComposite")
layers, node = tree.nodes.new("CompositorNodeRLayers"), tree.nodes.new("CompositorNodeOutputFile")
if NEW:
    node.directory, node.file_name, node.format.media_type = {side!r}, "s_", "IMAGE"
    node.file_output_items.clear()
    node.file_output_items.new("RGBA", "")
else:
    node.base_path, node.file_slots[0].path = {side!r}, "s_"
node.format.file_format = "PNG"
for target in (out, node):
    tree.links.new(layers.outputs[0], target.inputs[0])
"""


@case(
    "the folder of a File Output node is removed in the middle",
    "files",
    how="for real: real Blenders, rm -r of the side folder while two frames render; resumed after the end",
    did="makes it again and renders on; the audit misses the frames whose side pictures are gone; resume renders them again",
    reads=r"^The folder .*side was removed while the job ran: made again. Resume renders what was lost with it",
    needs="bpy",
)
def side_folder_removed(folder: Path) -> Seen:
    side = folder / "side"
    job = _with_side(folder, side)
    with job.running() as dispatcher:
        job.until_held()
        shutil.rmtree(side)
        assert job.finish(dispatcher) == 1
    assert f"Frames 1-3 were in place, but files in {side} are gone or broken now" in engine.told(job.folder)
    assert "Another dispatcher" not in engine.told(job.folder)
    status = job.run()
    assert _sides(side) == job.count
    return job.seen(status, twice=(1, 2, 3))


@case(
    "the folder of a File Output node becomes read-only in the middle",
    "files",
    how="for real: real Blenders, a tmpfs mounted read-only over itself, until the job says so",
    did="three frames in a row cannot be written: holds the job and goes on by itself; no main picture without its side one",
    reads=r"^Paused: Cannot write .*side/s_000\d\.png \(Read-only file system\).*The job goes on by itself",
    needs="bpy",
)
def side_folder_read_only(folder: Path) -> Seen:
    side = folder / "side"
    with small_disk(side) as disk:
        job = _with_side(folder, side)
        with job.running() as dispatcher:
            job.until_held()
            with disk.read_only():
                job.let_go()
                job.until_told("^Paused")
                assert not job.final(4).exists() or not job.final(4).stat().st_size
            status = job.finish(dispatcher)
        assert _sides(side) == job.count
    return job.seen(status)


def _with_side(folder: Path, side: Path) -> Trouble:
    return Trouble(folder, held_from=4, real=True, overwrite=True, script=SIDE.format(side=f"{side}/"))


def _sides(side: Path) -> int:
    """How many side pictures there are, and nothing else."""
    assert not (side / ".mgd").exists()
    return len(list(side.glob("*.png")))
