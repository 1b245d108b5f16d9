"""How torch uses this machine: what training steps may do for speed, and memory that stays with the process."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Parameters of `mallopt(3)`."""


@contextmanager
def fast_training() -> Iterator[None]:
    """Training steps at the speed of the hardware; nothing that is reported is computed so.

    Float32 products may round their inputs to bfloat16 where the processor has units for that (AMX, tensor cores); gradients
    bear the rounding. On the CPU, attention goes through plain matrix products: the fused kernel is several times slower,
    backwards above all, for the one to five queries of a step on cached keys.
    """
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with nullcontext() if torch.cuda.is_available() else sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


def keep_freed_memory() -> None:
    """Let the C library keep large blocks that were freed, where it is glibc; for a process that is kedit's own.

    By default every tensor of more than a few megabytes is mapped anew, page by page: a third of a training step.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            mallopt = ctypes.CDLL("libc.so.6").mallopt
            mallopt(M_MMAP_THRESHOLD, 1 << 30)
            mallopt(M_TRIM_THRESHOLD, (1 << 31) - 1)
