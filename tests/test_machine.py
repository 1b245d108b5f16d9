"""Fast products end with their context; what a block took is its own; no more threads or memory than this process may use."""

from __future__ import annotations

import mmap
import platform
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from kedit import machine
from kedit.errors import InputError
from kedit.machine import device_memory, fast_training, keep_freed_memory, memory_budget, metered, peak_memory, sensible_threads

BLOCK = 64 * 2**20
linux = pytest.mark.skipif(sys.platform != "linux", reason="the peak is counted anew on Linux only")


def test_the_setting_is_put_back() -> None:
    before = torch.get_float32_matmul_precision()
    with fast_training():
        assert torch.get_float32_matmul_precision() == "medium"
    assert torch.get_float32_matmul_precision() == before
    with pytest.raises(ValueError, match="stop"), fast_training():
        raise ValueError("stop")
    assert torch.get_float32_matmul_precision() == before


def test_products_stay_near() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(64, 64, generator=generator), torch.randn(64, 64, generator=generator)
    with fast_training():
        product = a @ b
    assert (product - a @ b).norm() < 0.01 * (a @ b).norm()


def test_keeping_memory_changes_no_result() -> None:
    x = torch.arange(4_000_000.0)
    before = (x * 2).sum()
    keep_freed_memory()
    assert torch.equal((x * 2).sum(), before)


def test_attention_is_the_same_in_training() -> None:
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, 3, n, 8, generator=generator) for n in (2, 5, 5))
    attend = torch.nn.functional.scaled_dot_product_attention
    with fast_training():
        plain = attend(q, k, v)
    assert (plain - attend(q, k, v)).abs().max() < 0.02


def test_peak_memory_grows_with_what_is_held() -> None:
    before = peak_memory()
    block = bytearray(b"x" * BLOCK)
    assert peak_memory() >= before
    assert peak_memory() >= len(block)


@linux
def test_each_block_has_its_own_peak() -> None:
    with metered() as whole:
        with metered() as large:
            # Mapped by itself: what the C library was told to keep stays the process's.
            with mmap.mmap(-1, BLOCK) as held:
                held.write(b"x" * BLOCK)
        with metered() as small:
            pass
    assert large.memory is not None
    assert small.memory is not None
    assert whole.memory is not None
    assert large.memory - small.memory > BLOCK // 2
    assert whole.memory >= large.memory
    assert peak_memory() >= whole.memory
    assert whole.seconds >= large.seconds > 0
    assert whole.gpu_memory is None


def test_a_block_is_measured_also_when_it_fails() -> None:
    with pytest.raises(ValueError, match="stop"), metered() as spent:
        raise ValueError("stop")
    assert spent.seconds > 0
    assert machine._open == []


def test_where_peaks_are_not_counted_they_are_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "write_text", refuse)
    with metered() as spent:
        pass
    assert spent.memory is None


def groups(monkeypatch: pytest.MonkeyPatch, files: dict[str, str]) -> None:
    monkeypatch.setattr(machine, "_text", lambda path: files.get(str(path), ""))


def test_threads_are_cores_less_what_the_group_may_not_use(monkeypatch: pytest.MonkeyPatch) -> None:
    siblings = {f"/sys/devices/system/cpu/cpu{i}/topology/thread_siblings_list": f"{i % 4},{i % 4 + 4}" for i in range(8)}
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    groups(monkeypatch, siblings)
    assert sensible_threads() == 4
    groups(monkeypatch, {})
    assert sensible_threads() == 8
    two = {
        "/proc/self/cgroup": "0::/a/b",
        "/sys/fs/cgroup/a/cpu.max": "150000 100000",
        "/sys/fs/cgroup/a/b/cpu.max": "max 100000",
    }
    groups(monkeypatch, {**siblings, **two})
    assert sensible_threads() == 2
    one = {"/proc/self/cgroup": "3:cpu,cpuacct:/docker/x\n0::/"}
    folder = "/sys/fs/cgroup/cpu"
    groups(monkeypatch, {**siblings, **one, f"{folder}/cpu.cfs_quota_us": "50000", f"{folder}/cpu.cfs_period_us": "100000"})
    assert sensible_threads() == 1
    groups(monkeypatch, {**siblings, **one, f"{folder}/cpu.cfs_quota_us": "-1", f"{folder}/cpu.cfs_period_us": "100000"})
    assert sensible_threads() == 4


def test_the_budget_is_half_of_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KEDIT_MEMORY", raising=False)
    free = {"/proc/meminfo": "MemTotal: 9000 kB\nMemAvailable:   4000 kB"}
    groups(monkeypatch, free)
    assert memory_budget() == 2000 * 1024
    own = {"/proc/self/cgroup": "0::/", "/sys/fs/cgroup/memory.max": "3000000", "/sys/fs/cgroup/memory.current": "1000000"}
    groups(monkeypatch, free | own)
    assert memory_budget() == 1_000_000
    groups(monkeypatch, free | own | {"/sys/fs/cgroup/memory.max": "max"})
    assert memory_budget() == 2000 * 1024


@pytest.mark.parametrize(("text", "size"), [("6GiB", 6 << 30), ("1.5 GB", 1_500_000_000), ("300", 300), ("2m", 2_000_000)])
def test_the_budget_may_be_given(monkeypatch: pytest.MonkeyPatch, text: str, size: int) -> None:
    monkeypatch.setenv("KEDIT_MEMORY", text)
    assert memory_budget() == size


def test_a_budget_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEDIT_MEMORY", "plenty")
    with pytest.raises(InputError, match="no amount of memory"):
        memory_budget()


def test_blocks_whose_peaks_are_equal_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    from kedit import machine

    monkeypatch.setattr(machine, "_counted", lambda: 7)
    with metered() as outer:
        with metered():
            with metered():
                pass
        with metered():
            pass
    assert outer.seconds >= 0
    assert not machine._open


def test_memory_of_gpus_is_counted_where_one_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    peaks, reset = [300, 40], []
    cuda = SimpleNamespace(
        is_initialized=lambda: True,
        device_count=lambda: len(peaks),
        max_memory_allocated=lambda index: peaks[index],
        reset_peak_memory_stats=reset.append,
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))  # type: ignore[arg-type]
    with metered() as whole:
        assert reset == [0, 1]
        with metered() as part:
            peaks[0] = 100
    assert (part.gpu_memory, whole.gpu_memory) == (140, 340)


HOLDS_AND_RETURNS = """
from mmap import PAGESIZE
from pathlib import Path
from kedit.machine import keep_freed_memory, return_freed_memory

def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGESIZE

keep_freed_memory()
parts = [bytearray(b"x") * (1 << 20) for _ in range(200)]
del parts
kept = held()
return_freed_memory()
print(kept - held())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="about glibc's malloc")
def test_what_stages_freed_goes_back_to_the_system() -> None:
    """In a process of its own: how malloc works is settled for the whole of one."""
    done = subprocess.run([sys.executable, "-c", HOLDS_AND_RETURNS], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 150 << 20


def test_memory_of_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(total_memory=7))
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 5)
    assert [device_memory(torch.device(name)) for name in ("cuda:1", "mps", "xpu")] == [7, 5, 0]
