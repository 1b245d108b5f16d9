"""Matrix products at the speed of the hardware, for training steps alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def fast_matmul() -> Iterator[None]:
    """Let float32 products round their inputs to bfloat16 where the processor has units for that (AMX, tensor cores).

    About twice as fast there, the same elsewhere. Gradients bear the rounding; what is reported is never computed so.
    """
    import torch

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
