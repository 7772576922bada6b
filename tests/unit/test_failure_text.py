# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from dispatch.failure_text import classify, classify_exit
from dispatch.model import Fault

CUDA_WORDS = (
    *("Driver not initialized", "Driver deinitialized", "No CUDA-capable device available", "Invalid device"),
    *("Invalid kernel image", "Invalid context", "No binary for GPU", "Uncorrectable ECC error detected"),
    *("Nvlink uncorrectable", "Invalid ptx", "Unsupported PTX version", "File not found", "Operating system"),
    *("CUDA not ready", "Illegal address", "Launch exceeded resources", "Launch exceeded timeout"),
    *("Context is destroyed", "Hardware stack error", "Illegal instruction", "Misaligned address"),
    *("Invalid address space", "Invalid pc", "Launch failed", "Not permitted", "Not supported", "Unknown error"),
    *("Unknown CUDA error value", "Invalid value", "Primary context active"),
)
"""What Cycles calls the driver's error codes (4.2 to 5.2)."""

REAL = [
    (Fault.OUT_OF_VRAM, "Error: System is out of GPU and shared host memory"),
    (Fault.OUT_OF_VRAM, "Error: System is out of GPU memory"),
    (Fault.OUT_OF_VRAM, "Out of memory in cuStreamCreate(&cuda_stream_, CU_STREAM_NON_BLOCKING) (queue.cpp:21)"),
    (Fault.OUT_OF_VRAM, "Out of memory in CUDA queue enqueue (integrator_init_from_camera)"),
    (Fault.OUT_OF_VRAM, "Out of memory in HIP queue copy_from_device ()"),
    (Fault.OUT_OF_VRAM, "OPTIX_ERROR_DEVICE_OUT_OF_MEMORY in optixLaunch(pipeline) (queue.cpp:120)"),
    (Fault.OUT_OF_VRAM, 'oneAPI memory operation error: got runtime exception "UR_RESULT_ERROR_OUT_OF_DEVICE_MEMORY"'),
    (Fault.OUT_OF_VRAM, "Insufficient Memory (00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)"),
    (Fault.OUT_OF_VRAM, "Illegal address in CUDA queue x ()\nSystem is out of GPU memory"),
    (Fault.OUT_OF_VRAM, "Failed to create CUDA context (Out of memory)"),
    (Fault.OUT_OF_VRAM, "Failed to load CUDA kernel from '/x/kernel_sm_90.cubin.zst' (Out of memory)"),
    (Fault.OUT_OF_VRAM, "Failed to load HIP kernel from '/x/kernel_gfx1100.fatbin.zst' (out of memory)"),
    (
        Fault.OUT_OF_VRAM,
        "Failed to create image. Maximum GPU image size or available GPU memory was likely exceeded.",
    ),
    (Fault.OUT_OF_VRAM, "Failed to allocate scratch buffer for BLAS"),
    (Fault.OUT_OF_VRAM, "Out of memory - couldn't allocate integrator state"),
    (
        Fault.OUT_OF_VRAM,
        "BVH failed to migrate to the GPU due to Embree library error (Out of memory)",
    ),
    (Fault.OUT_OF_VRAM, "Unable to allocate vertex buffer. Most likely an out of memory issue."),
    (Fault.OUT_OF_RAM, "OPTIX_ERROR_HOST_OUT_OF_MEMORY in optixDeviceContextCreate() (device_impl.cpp:1)"),
    (
        Fault.OUT_OF_RAM,
        'oneAPI memory operation error: got runtime exception "UR_RESULT_ERROR_OUT_OF_HOST_MEMORY"',
    ),
    (Fault.OUT_OF_MEMORY, "OIDN error: out of memory"),
    (Fault.OUT_OF_MEMORY, "Error: out of memory\nError: out of memory\n"),  # of OpenImageDenoise on a card
    (Fault.OUT_OF_VRAM, "OIDN error: out of memory\nSystem is out of GPU memory"),
    (Fault.OUT_OF_RAM, "std::bad_alloc\nError: Out of memory"),
    (Fault.OUT_OF_RAM, "Malloc returns null: len=64000000 in x, total 1\nError: Out of memory."),
    (Fault.OUT_OF_RAM, "terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc"),
    (Fault.OUT_OF_RAM, "Calloc returns null: len=1600000000 in imb_addrectImBuf, total 42"),
    (Fault.OUT_OF_RAM, "Malloc returns null: len=10800000000 in CDPropFloat3, total 12643604"),  # a mesh
    (Fault.OUT_OF_RAM, "Malloc returns null: len=64000000 in Cycles Aligned Alloc, total 367157532"),
    (Fault.OUT_OF_RAM, "Calloc returns null: len=272 in keymap list, total 5912424"),  # at the start
    (Fault.OUT_OF_RAM, "OSError: [Errno 12] Cannot allocate memory: '/x/bpy/5.0/scripts/modules/_bpy_internal'"),
    (Fault.OUT_OF_MEMORY, "Error: Out of memory\n"),
    (Fault.LOST_DEVICE, "Illegal address in CUDA queue copy_from_device (integrator_shade_surface prefix_sum)"),
    (Fault.LOST_DEVICE, "Launch failed in cuCtxSynchronize() (device_impl.cpp:970)"),
    (Fault.LOST_DEVICE, "Failed to create CUDA context (Invalid device)"),
    (Fault.LOST_DEVICE, "Failed to load CUDA kernel from '/x/kernel_sm_90.cubin' (File not found)"),
    (Fault.LOST_DEVICE, "OPTIX_ERROR_CUDA_ERROR in optixLaunch() (queue.cpp:1)"),
    (Fault.LOST_DEVICE, "Failed to build OptiX acceleration structure"),
    (Fault.LOST_DEVICE, "CUDA binary kernel for this graphics card compute capability (12.0) not found."),
    (Fault.LOST_DEVICE, 'oneAPI unknown kernel execution error: got runtime exception "UR_RESULT_ERROR_DEVICE_LOST"'),
    (Fault.LOST_DEVICE, "Command buffer not completed. status = 5. "),
    *((Fault.LOST_DEVICE, f"{words} in cuStreamSynchronize(cuda_stream_) (queue.cpp:1)") for words in CUDA_WORDS),
    *((Fault.LOST_DEVICE, f"{words} in CUDA queue synchronize (integrator_shade_surface)") for words in CUDA_WORDS),
    (Fault.LOST_DEVICE, "an illegal memory access was encountered in hipStreamSynchronize(hip_stream_) (queue.cpp:1)"),
    (Fault.LOST_DEVICE, "unspecified launch failure in HIP queue copy_from_device (prefix_sum)"),
    (Fault.LOST_DEVICE, "CUDA cuInit: Unknown error"),
    (Fault.LOST_DEVICE, "Failed to initialize CUDA runtime (No CUDA-capable device available)"),
    (Fault.LOST_DEVICE, "Failed to set up OptiX denoiser"),
    (Fault.LOST_DEVICE, "OPTIX_ERROR_UNSUPPORTED_ABI_VERSION in optixInit() (device.cpp:1)"),
    (Fault.LOST_DEVICE, "Failed to create BLAS!"),
    (Fault.LOST_DEVICE, "Failed to get scratch buffer size for TLAS"),
    (Fault.LOST_DEVICE, "HIP binary kernel for this graphics card compute capability (10.1) not found."),
    (Fault.LOST_DEVICE, "HIP kernel compilation failed, see console for details."),
    (Fault.LOST_DEVICE, "Failed to execute linking command, see console for details."),
    (Fault.LOST_DEVICE, "Failed loading denoising kernel, see console for errors"),
    (Fault.LOST_DEVICE, 'oneAPI kernel "integrator_init" execution error: got runtime exception "x"'),
    (Fault.LOST_DEVICE, "An error has been encountered while enumerating SYCL devices: x"),
    (Fault.LOST_DEVICE, "Could not activate pipeline for integrator_shade_surface"),
    (Fault.LOST_DEVICE, "Caused GPU Hang Error (00000003:kIOGPUCommandBufferCallbackErrorHang)"),
    (
        Fault.LOST_DEVICE,
        "Discarded (victim of GPU error/recovery) (00000005:kIOGPUCommandBufferCallbackErrorInnocentVictim)",
    ),
    (Fault.LOST_DEVICE, "NVRM: Xid (PCI:0000:01:00): 79, GPU has fallen off the bus."),
    (Fault.SCENE, "Failed to build OptiX acceleration structure because there are too many instances"),
    (Fault.SCENE, "Texture exceeds maximum allowed size of 16384 x 16384 (requested: 20000 x 20000)"),
    (Fault.SCENE, "Maximum GPU 2D texture size exceeded (max 16384x16384, found 20000x20000)"),
    (Fault.SCENE, "Requested OSL group data size (4096) is greater than the maximum supported with OptiX (2048)"),
    (Fault.SCENE, "Error: Cannot render, no camera\n"),
    (Fault.SCENE, "Failed to denoise, build has no OpenImageDenoise support"),
    (Fault.CANNOT_WRITE, "Error: Render error (Not a directory) cannot save: '/x/f/0001.png'"),
    (Fault.CANNOT_WRITE, "[Errno 13] Permission denied: '/x'"),
    (Fault.CANNOT_WRITE, "Error writing tile to file"),
    (Fault.CANNOT_WRITE, "Error opening tile file /tmp/blender_x/cycles-tile-buffer-1.exr"),
    (Fault.DISK_FULL, "Render error (No space left on device) cannot save: '/x/0001.tif'"),
    (Fault.DISK_FULL, "[WinError 112] There is not enough space on the disk: 'C:\\\\x'"),
    (Fault.CANNOT_START, "ModuleNotFoundError: No module named 'bpy'"),
]


@pytest.mark.parametrize(("fault", "text"), REAL)
def test_a_real_message_is_known(fault: Fault, text: str) -> None:
    assert classify(text) is fault


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Fra:3 Mem:8.34M (Peak 10.49M) | Time:00:00.00 | Remaining:00:00.00 | Mem:0.23M, Peak:0.23M | Sample 1/4",
        "00:00.426  render           | Saved: '/tmp/out/k_0003.png'",
        "Denoising on CUDA device NVIDIA H200",
    ],
)
def test_ordinary_words_mean_nothing(text: str) -> None:
    assert classify(text) is None


@pytest.mark.parametrize(
    ("returncode", "tail", "fault"),
    [
        (-9, "", Fault.KILLED),
        (137, "", Fault.KILLED),
        (-11, "Writing: /tmp/a.crash.txt", Fault.CRASHED),
        (139, "", Fault.CRASHED),
        (0xC0000005, "", Fault.CRASHED),
        (-1073741819, "", Fault.CRASHED),
        (-6, "terminate called after throwing an instance of 'std::bad_alloc'", Fault.OUT_OF_RAM),
        (-11, "Out of memory in cuMemAlloc(&p, size) (x.cpp:1)", Fault.OUT_OF_VRAM),
        (-11, "OIDN error: out of memory\nError running denoiser.", Fault.OUT_OF_MEMORY),
        (76, "", Fault.SCENE),
        (77, "Traceback", Fault.CANNOT_START),
        (1, "ModuleNotFoundError: No module named 'bpy'", Fault.CANNOT_START),
        (0, "", Fault.UNKNOWN),
        (-11, "Error: Cannot render, no camera", Fault.CRASHED),
    ],
)
def test_an_exit_is_explained_by_status_and_log(returncode: int, tail: str, fault: Fault) -> None:
    assert classify_exit(returncode, tail) is fault


def test_an_old_warning_does_not_explain_a_death() -> None:
    assert classify_exit(-11, "Out of memory in cuMemAlloc(x)\n" + "fine\n" * 100) is Fault.CRASHED
