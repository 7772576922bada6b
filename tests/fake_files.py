# SPDX-License-Identifier: GPL-3.0-or-later
"""The three ways in which a fake child makes its pictures: as the real child does, by a hard link, or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fake_scene import png

Files = tuple[Callable[[], tuple[str, ...]], Callable[[], None], Callable[[], tuple[Any, ...]]]
"""(put in place, throw away, make): what an attempt's pictures need."""


def real_files(child: Any, final: Path) -> Files | None:
    """Claim as the real child does; None where the frame is not ours (said already)."""
    from mgd_dispatch import claims, pictures

    setup, attempt, frame = child.setup, child.attempt, child.frame
    size = tuple(child.script.get("size", [4, 4]))

    def take() -> Any:
        return claims.claim(
            (final,),
            setup.owner,
            attempt,
            overwrite=setup.overwrite,
            expected_size=size,
            release_after=setup.release_claims_after,
            again=child.again,
        )

    try:
        claim = take()
    except claims.TakenOver:  # our owner file is gone: the dispatcher must join the folder again
        child.folders.discard(str(final.parent))
        child.enter(str(final.parent))
        try:
            claim = take()
        except claims.TakenOver:
            raise claims.no_place(final.parent) from None
    if isinstance(claim, claims.AlreadyThere):
        child.say(child.protocol.Skipped(attempt, tuple(claim.pictures)))
        return None
    if isinstance(claim, claims.Taken):
        child.say(child.protocol.Skipped(attempt, (), claim.owner, claim.since))
        return None
    temp = claim.temp / final.name

    def make() -> tuple[Any, ...]:
        who = f"frame {frame} attempt {attempt} worker {setup.worker} pid {os.getpid()} data {setup.persistent_data}"
        content = png(*size, note=who)
        temp.write_bytes(content[: len(content) // 2])
        child.strike("write")
        temp.write_bytes(content)
        pictures.check(temp, size=size)
        found = pictures.digest(temp)
        return (child.model.Picture(str(final), found.size, found.hash),)

    return lambda: tuple(claim.commit(((temp, final),))), claim.release, make


def linked_files(child: Any, final: Path) -> Files:
    """One picture per child, hard-linked to every final name: next to no time in the file system."""
    if child.template is None:
        folder = final.parent / ".mgd" / "temp" / child.setup.owner
        folder.mkdir(parents=True, exist_ok=True)
        content = png(4, 4, f"pid {os.getpid()}")
        path = folder / f"template-{os.getpid()}.png"
        path.write_bytes(content)
        digest = hashlib.blake2b(content, digest_size=16).hexdigest()
        child.template = path, child.model.Picture("", len(content), digest)
    path, picture = child.template

    def put() -> tuple[str, ...]:
        os.link(path, final)
        return ()

    return put, lambda: None, lambda: (child.model.Picture(str(final), picture.size, picture.hash),)


def no_files(child: Any, final: Path) -> Files:
    return tuple, lambda: None, lambda: (child.model.Picture(str(final), 0, ""),)


FILES: dict[str, Callable[[Any, Path], Files | None]] = {"real": real_files, "link": linked_files, "none": no_files}
