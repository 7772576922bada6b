# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of a frame, and the player's command line."""

from __future__ import annotations

import pytest

from dispatch import player


@pytest.mark.parametrize(
    ("template", "like", "frame", "path"),
    [
        ("/o/shot_####", "/o/shot_0007.png", 12, "/o/shot_0012.png"),
        ("/o/shot_", "/o/shot_0007.exr", 12, "/o/shot_0012.exr"),
        ("/o/", "/o/0007.png", 12, "/o/0012.png"),
        ("/o/##_v2", "/o/07_v2.png", 112, "/o/112_v2.png"),
        ("/o/shot_####", "/o/shot_0007_L.png", 8, "/o/shot_0008_L.png"),
        ("/o/shot_####.png", "/o/shot_0007.png", 8, "/o/shot_0008.png"),
        ("/o/####", "/o/-0005.png", -4, "/o/-0004.png"),
        ("/o/a+b.####", "/o/a+b.12345.png", 3, "/o/a+b.0003.png"),
        ("C:\\o\\####", "C:\\o\\0001.png", 2, "C:\\o\\0002.png"),
    ],
)
def test_the_picture_of_a_frame_has_the_name_that_blender_gives_it(template, like, frame, path):
    assert player.picture(template, like, frame) == path


def test_the_player_gets_speed_range_and_step():
    argv = player.command("/b/blender", "/o/0001.png", 24 / 1.001, [1, 3, 5])
    assert argv == ["/b/blender", "-a", "-f", "24", "1.001", "-s", "1", "-e", "5", "-j", "2", "/o/0001.png"]
    assert player.command("b", "f", 24, [7])[-7:-1] == ["-s", "7", "-e", "7", "-j", "1"]
    assert player.command("b", "f", 0.5, [7])[2:5] == ["-f", "1", "2"]
