"""This machine: how torch uses it, what of it this process may use, and what a piece of work took of it."""

from __future__ import annotations

import ctypes
import math
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kedit.errors import InputError

if TYPE_CHECKING:
    import torch

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


def return_freed_memory() -> None:
    """Give the system what the C library keeps: otherwise one stage's peak is where the next one begins."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL("libc.so.6").malloc_trim(0)


@dataclass(slots=True)
class Spent:
    """What a piece of work took, once it has ended: seconds, and the most bytes that this process held during it."""

    seconds: float = 0.0
    memory: int | None = None
    """None where the system does not count the peak of a part of a process's life."""
    gpu_memory: int | None = None
    """Of torch's tensors, over all GPUs; None where no GPU was used."""


_open: list[list[int]] = []
"""Of every piece of work that is measured now: the peaks [process, GPUs] that were counted before the last reset."""
_earlier = [0]
"""The process's peak before the last reset."""


@contextmanager
def metered() -> Iterator[Spent]:
    """Measure the block: what is yielded is filled when it ends. Blocks may stand in each other."""
    spent, seen, started = Spent(), [0, 0], time.monotonic()
    known = _count_anew()
    _open.append(seen)
    try:
        yield spent
    finally:
        # Not by `remove`: peaks that are equal are not the same.
        _open[:] = [other for other in _open if other is not seen]
        spent.seconds = time.monotonic() - started
        spent.memory = max(seen[0], _counted()) if known else None
        gpu = max(seen[1], _gpu_counted())
        spent.gpu_memory = gpu or None


def peak_memory() -> int:
    """Bytes that this process has held at most; 0 where the system does not say."""
    return max(_earlier[0], _counted())


def _count_anew() -> bool:
    """Let the system count peaks from now on; whether it does."""
    peak, gpu = _counted(), _gpu_counted()
    _earlier[0] = max(_earlier[0], peak)
    for seen in _open:
        seen[:] = max(seen[0], peak), max(seen[1], gpu)
    if gpu:
        torch = sys.modules["torch"]
        for index in range(torch.cuda.device_count()):
            torch.cuda.reset_peak_memory_stats(index)
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def _counted() -> int:
    try:
        with open("/proc/self/status", encoding="ascii") as lines:
            # ru_maxrss begins with what the parent held when it started this process.
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        try:
            import resource
        except ImportError:  # Windows
            return 0
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


def _gpu_counted() -> int:
    # Asking a GPU that nobody uses would make a context on it.
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return 0
    return sum(torch.cuda.max_memory_allocated(index) for index in range(torch.cuda.device_count()))


def sensible_threads() -> int:
    """Threads that compute: the physical cores that this process may use, or fewer where its control group has less time."""
    try:
        mine = os.sched_getaffinity(0)
    except AttributeError:
        mine = set(range(os.cpu_count() or 1))
    siblings = {_text(Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")) or str(cpu) for cpu in mine}
    return max(1, min([len(siblings), *map(math.ceil, _cpu_quotas())]))


def memory_budget() -> int:
    """Bytes that one piece of work may plan with: `KEDIT_MEMORY` ("6GiB", "500MB"), else half of what is free here."""
    if chosen := os.environ.get("KEDIT_MEMORY"):
        return _bytes(chosen)
    found = re.search(r"^MemAvailable:\s+(\d+) kB", _text(Path("/proc/meminfo")), re.MULTILINE)
    try:
        free = int(found[1]) * 1024 if found else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, OSError, ValueError):  # Windows
        free = 4 << 30
    return max(0, min([free, *_memory_left()])) // 2


def device_memory(device: torch.device) -> int:
    """Bytes of memory that a GPU has; 0 where nobody says."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return torch.mps.recommended_max_memory() if device.type == "mps" else 0


def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(i?)B?", text.strip(), re.IGNORECASE)
    if match is None:
        raise InputError(f"KEDIT_MEMORY={text!r} is no amount of memory", advice="Write it as 6GiB or 500MB.")
    base = 1024 if match[3] else 1000
    return int(float(match[1]) * base ** " KMGT".index(match[2].upper() or " "))


def _groups(controller: str) -> Iterator[Path]:
    """Folders of the control groups that this process is in, its own first; inside a container the root may be the own one."""
    for line in _text(Path("/proc/self/cgroup")).splitlines():
        _, names, path = line.split(":", 2)
        if names and controller not in names.split(","):
            continue
        root = Path("/sys/fs/cgroup", controller) if names else Path("/sys/fs/cgroup")
        own = root / path.lstrip("/")
        yield from (own, *(parent for parent in own.parents if parent.is_relative_to(root)))


def _cpu_quotas() -> Iterator[float]:
    """Limits in processors, of cgroups of both versions."""
    for group in _groups("cpu"):
        quota, _, period = _text(group / "cpu.max").partition(" ")
        quota, period = quota or _text(group / "cpu.cfs_quota_us"), period or _text(group / "cpu.cfs_period_us")
        if quota.isdecimal() and period.isdecimal() and int(period):
            yield int(quota) / int(period)


def _memory_left() -> Iterator[int]:
    """Bytes that cgroups of both versions leave."""
    for group in _groups("memory"):
        for limit, current in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
            most, used = _text(group / limit), _text(group / current)
            if most.isdecimal() and used.isdecimal():
                yield int(most) - int(used)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
