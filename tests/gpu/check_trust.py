# SPDX-License-Identifier: GPL-3.0-or-later
"""On GPUs: checks of persistent data find no difference where there is none, and find the one that there is.

    python tests/gpu/check_trust.py OUTFOLDER [--tiny]

Run it with a Python that can import bpy. GPUs and denoisers do not repeat a picture to the last bit: the largest share
of pixels that differed visibly is printed for each scene of the benchmark, so that the tolerance can be judged.
``--tiny``: on the CPU, to try the script itself. Ends with ``N passed, N failed``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCENES = {"light": 600, "sync": 120, "extra": 160}
"""Name → frames."""

SPOIL = """
import bpy, sys
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
image = bpy.data.images.new("Filled", 8, 8)
material = bpy.data.materials.new("Filled")
material.use_nodes = True
tree = material.node_tree
texture = tree.nodes.new("ShaderNodeTexImage")
texture.image = image
tree.links.new(texture.outputs[0], next(n for n in tree.nodes if n.bl_idname == "ShaderNodeBsdfPrincipled").inputs[0])
for thing in bpy.data.objects:
    if thing.type == "MESH":
        thing.data.materials.clear()
        thing.data.materials.append(material)
text = bpy.data.texts.new("fill.py")
text.use_module = True
text.write(
    "import bpy\\n"
    "def fill(scene, *_):\\n"
    "    colour = [scene.frame_current * step % 997 / 997 for step in (7, 12, 17)]\\n"
    "    bpy.data.images['Filled'].pixels.foreach_set([*colour, 1.0] * 64)\\n"
    "bpy.app.handlers.frame_change_pre.append(fill)\\n"
)
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[2])
"""


def checks_of(out: Path, name: str, frames: int, tiny: bool) -> tuple[list[dict], str]:
    """Render the scene; return the records of its checks, and the last line that was printed."""
    command = [sys.executable, "-m", "dispatch", "render", str(out / f"{name}.blend"), "--autoexec", "--jobs-dir"]
    command += [str(out / "jobs" / name), "-o", str(out / name / "x_####"), "-f", f"1-{frames}", "--limits", "check=1"]
    command += ["--strategy", "per-device", "--devices", "cpu" if tiny else "gpu", "--per-device", "2" if tiny else "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=900)
    said = (done.stdout + done.stderr).strip().splitlines()
    lines = [line for path in (out / "jobs" / name).rglob("journal.jsonl") for line in path.read_text().splitlines()]
    return [r for r in map(json.loads, lines) if r["what"] == "checked"], said[-1] if said else ""


def main() -> int:
    out, tiny = Path(sys.argv[1]).resolve(), "--tiny" in sys.argv
    out.mkdir(parents=True, exist_ok=True)
    os.environ["XDG_STATE_HOME"] = str(out / "state")
    made = [sys.executable, str(ROOT / "benchmarks/gpu/scenes.py"), str(out), ",".join(SCENES), "100"]
    subprocess.run([*made, *(["--tiny"] if tiny else [])], check=True, stdout=subprocess.DEVNULL)
    command = [sys.executable, "-c", SPOIL, str(out / "light.blend"), str(out / "spoilt.blend")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    failed = 0
    for name, frames in {**SCENES, "spoilt": 600}.items():
        checked, said = checks_of(out, name, frames // (6 if tiny else 1), tiny)
        looked = [r for r in checked if r["compared"]]
        differ = [r for r in looked if not r["same"]]
        holds = len(differ) >= 2 if name == "spoilt" else bool(looked) and not differ
        failed += not holds
        most = max((r["difference"] for r in looked), default=0.0)
        words = f"{len(looked)} checks, at most {most:.5f} of the pixels differ, {[r['words'] for r in checked if r['words']]}"
        print(f"{name}: {'as it should be' if holds else 'WRONG'}: {words}; {said}", flush=True)
    print(f"{len(SCENES) + 1 - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
