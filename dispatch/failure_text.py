# SPDX-License-Identifier: GPL-3.0-or-later
"""What an error text or an exit status of a Blender means: text in, `Fault` out.

Pure. The table holds the words that Cycles 4.2 … 5.2, its drivers, Blender and the C library really print; it is used
by the child for the exception of a render and by the dispatcher for the log tail of a child that died. A first error
is often followed by others that it caused (out of memory, then invalid context): so the table is asked row by row over
the whole text, the causes before the consequences.
"""

from __future__ import annotations

import re

from .model import Fault

EXIT_PARENT_GONE = 75
"""The child's stdin ended."""
EXIT_SCENE_ENDED = 76
"""A script of the scene ended Blender (`sys.exit`)."""
EXIT_SCRIPT_ERROR = 77
"""`--python-exit-code`: the child's own program did not start."""
EXIT_BROKEN = 78
"""The child said `Broken` and ended."""

_DISK_FULL = r"no space left on device|\bENOSPC\b|\[Errno 28\]|disk quota exceeded|\[Errno 122\]|not enough space on the disk|\[WinError 112\]"

_OUT_OF_VRAM = (
    r"out of GPU(?: and shared host)? memory"  # Cycles itself, every backend
    r"|out of memory in (?:cu|hip)\w+"  # CUDA and HIP calls: "Out of memory in cuMemAlloc(…)"
    r"|out of memory in (?:CUDA|HIP) (?:queue|device)"
    r"|(?:CUDA|HIP|cuda|hip)\w* error[^\n]{0,60}out of memory|CUDA_ERROR_OUT_OF_MEMORY|hipErrorOutOfMemory"
    r"|failed to [^\n]*(?:CUDA|HIP|OptiX)[^\n]*\(out of memory\)|the GPU due to Embree [^\n]*out of memory"
    r"|OPTIX_ERROR_(?:DEVICE_)?OUT_OF_MEMORY"
    r"|OUT_OF_DEVICE_MEMORY|(?:PI|UR_RESULT)_ERROR_OUT_OF_RESOURCES"  # oneAPI
    r"|out of memory - couldn't allocate integrator state|kIO\w*ErrorOutOfMemory|insufficient memory \(0+8"  # Metal
    r"|failed to (?:allocate|create)[^\n]{0,60}(?:for [BT]LAS|integrator state|scratch buffer)"  # HIP-RT
    r"|failed to create (?:CUDA|HIP|GPU) texture|maximum GPU (?:texture|image) size or available GPU memory"
    r"|GPU (?:texture|image) allocation failed|failed to allocate[^\n]{0,40}(?:GPU|device) memory"
    r"|unable to allocate (?:index|vertex|uniform) buffer"  # Blender's own drawing: EEVEE, the compositor
    r"|(?:VK|vk::)_?ERROR_OUT_OF_DEVICE_MEMORY|GL_OUT_OF_MEMORY"
)

_OUT_OF_RAM = (
    r"std::bad_alloc|\bbad_alloc\b|\bMemoryError\b|cannot allocate memory|\[Errno 12\]|\bENOMEM\b"
    r"|(?:Calloc|Malloc|aligned_malloc|Mallocn_array|Calloc_array) returns (?:null|nill)"
    r"|out of memory on allocating|not enough memory|oom-kill|killed process \d+"
    r"|the paging file is too small|\[WinError (?:8|14|1455)\]|OUT_OF_HOST_MEMORY|HOST_OUT_OF_MEMORY"
)

_OUT_OF_MEMORY = r"out of memory\.?\s*$"
"""OpenImageDenoise says no more, on a card as on the processor, and so do others."""

_TOO_LARGE = (
    r"because there are too many instances|texture exceeds maximum allowed size|texture size exceeded \(max"
    r"|requested OSL group data size"
)
"""Limits of a card's driver that no other try and no other card of its kind gets over."""

_LOST_DEVICE = (
    # "ANY ERROR in cuMemAlloc(…) (file:line)", "ANY ERROR in CUDA queue …": how Cycles says that a driver's call failed.
    r"\w in (?:(?:cu|hip|optix|hiprt)[A-Z]\w*\(|(?:CUDA|HIP) queue\b)|\b(?:CUDA cu|HIP hip)[A-Z]\w+: "
    r"|(?:CUDA|HIP) error\b|CUDA_ERROR_\w+|hipError[A-Z]\w+|OPTIX_ERROR_\w+"
    r"|failed to (?:initialize|configure|retain|get|create|enable|set up)[^\n]{0,40}(?:CUDA|HIP|HIPRT|OptiX|[BT]LAS)"
    r"|failed to (?:load|execute|build)[^\n]{0,40}(?:CUDA|HIP|HIPRT|OptiX|oneAPI|BLAS|TLAS|denoising) ?(?:kernel|shader|acceleration|\b)"
    r"|(?:CUDA|HIP|oneAPI|Metal) (?:backend|binary kernel)[^\n]*(?:requires|not found)|kernel compilation failed"
    r"|(?:CUDA nvcc|HIP hipcc) compiler not found|failed to execute (?:compilation|linking) command"
    r"|unable to load kernel|failed loading denoising kernel|unable to compile OptiX kernels"
    r"|oneAPI [^\n]*(?:error|exception)|enumerating SYCL devices|the GPU due to Embree|DEVICE_LOST|device lost"
    r"|command buffer not completed|kIO\w*CallbackError\w+|could not activate pipeline|failed to compile library"
    r"|GPU (?:denoiser (?:creation|configuration)|has fallen off)|NVRM: Xid|no device available to denoise"
    r"|device enumeration|amdgpu: [^\n]*reset"
)

_CANNOT_WRITE = (
    r"render error \([^\n]*\) cannot save|cannot save(?: image| picture)?[,:]?|could ?n[o']t write|couldn't save"
    r"|permission denied|\[Errno (?:13|30|36|2|20|21)\]|read-only file system|file name too long|is not writable"
    r"|access is denied|\[WinError (?:3|5|19|32|206)\]|stale file handle|\[Errno 116\]|input/output error|\[Errno 5\]"
    r"|could not (?:create|open)[^\n]*(?:directory|file)"
    r"|error (?:opening|writing|closing|reading)[^\n]* tiles?\b"  # Cycles' file of tiles in its temporary folder
)

_SCENE = (
    r"no camera|cannot render|all (?:render|view) ?layers|nothing to render|\bis disabled in the render\b"
    r"|expected a camera|no render(?:able)? layer|render engine [^\n]* (?:not found|unavailable)|unknown (?:variable|template)"
    r"|(?:could not|failed to) (?:parse|expand|apply)[^\n]*(?:path|template)|template (?:syntax|error|variable)"
    r"|invalid (?:path )?template|failed to denoise, build has no|operator bpy\.ops\.render\.render\.poll"
    r"|not a blend file|incomplete header|newer version"
)

_CANNOT_START = (
    r"no module named '?(?:bpy|_cycles|numpy)|error while loading shared libraries|GLIBC\w*' not found"
    r"|cannot open shared object file|unable to open a display|couldn.t open libEGL|dll load failed|image not found"
    r"|\[Errno 8\]|exec format error|not a valid win32 application"
)

_TABLE = tuple(
    (fault, re.compile(pattern, re.IGNORECASE | re.MULTILINE))
    for fault, pattern in (
        (Fault.DISK_FULL, _DISK_FULL),
        (Fault.OUT_OF_VRAM, _OUT_OF_VRAM),
        (Fault.OUT_OF_RAM, _OUT_OF_RAM),
        (Fault.OUT_OF_MEMORY, _OUT_OF_MEMORY),
        (Fault.SCENE, _TOO_LARGE),
        (Fault.LOST_DEVICE, _LOST_DEVICE),
        (Fault.CANNOT_START, _CANNOT_START),
        (Fault.SCENE, _SCENE),
        (Fault.CANNOT_WRITE, _CANNOT_WRITE),
    )
)

_OWN_EXIT = {
    EXIT_SCENE_ENDED: Fault.SCENE,
    EXIT_SCRIPT_ERROR: Fault.CANNOT_START,
    126: Fault.CANNOT_START,
    127: Fault.CANNOT_START,
    0xC0000135: Fault.CANNOT_START,  # Windows: DLL not found
    0xC0000142: Fault.CANNOT_START,  # Windows: DLL failed to initialise
    0xC0000017: Fault.OUT_OF_RAM,  # Windows: STATUS_NO_MEMORY
    0xC000012D: Fault.OUT_OF_RAM,  # Windows: commitment limit
}

_KILLED = frozenset({-9, -15, -2, -1, 137, 143, 130, 0xC000013A})
"""SIGKILL, SIGTERM, SIGINT, SIGHUP as Popen and as a shell give them; Windows: ended by Ctrl+C."""

_GENTLE = frozenset(
    (Fault.DISK_FULL, Fault.OUT_OF_VRAM, Fault.OUT_OF_RAM, Fault.OUT_OF_MEMORY, Fault.LOST_DEVICE, Fault.CANNOT_START)
)
"""What a log tail may be believed: warnings about a scene or a file stand in many a healthy log."""


def classify(text: str) -> Fault | None:
    """Return what the error text speaks of, None where it says nothing known."""
    return next((fault for fault, pattern in _TABLE if pattern.search(text)), None)


def classify_exit(returncode: int, log_tail: str) -> Fault:
    """Return why a child ended without a goodbye.

    ``returncode`` is `subprocess.Popen.returncode` (negative: the signal). Only the end of the log is believed: an old
    warning far above does not explain a death.
    """
    known = _OWN_EXIT.get(returncode & 0xFFFFFFFF if returncode < -64 else returncode)
    if known is not None:
        return known
    spoken = classify("\n".join(log_tail.splitlines()[-60:]))
    if spoken in _GENTLE:
        return spoken
    if returncode in _KILLED:
        return Fault.KILLED
    return Fault.CRASHED if returncode < 0 or returncode >= 128 else Fault.UNKNOWN
