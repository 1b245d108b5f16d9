"""The least that work on a model can take: its products, at the rate of this machine's plain matrix product.

Counted are multiplications by weights (2 FLOP a weight and token) and attention (4 FLOP a channel, query and key); norms,
activations, copies and whatever Python does are not, so that no program reaches the floor.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch

from kedit.lm.model import LanguageModel

SIDE = {"cpu": 1024, "cuda": 8192}
"""Side of the square matrices whose product measures the peak, by device; 1024 elsewhere."""
SAMPLE_S = 0.15
"""Seconds of products between two pieces of work."""


class Costs(NamedTuple):
    """FLOP of one token: `blocks[L]` through block L's weights, `head` to logits, `attention` per key, in each block."""

    blocks: tuple[int, ...]
    head: int
    attention: int

    def upto(self, layer: int) -> int:
        """Through blocks 0 to `layer`."""
        return sum(self.blocks[: layer + 1])

    def above(self, layer: int) -> int:
        """Through the blocks after `layer`."""
        return sum(self.blocks[layer + 1 :])

    @property
    def whole(self) -> int:
        """Through all blocks."""
        return sum(self.blocks)


def costs_of(lm: LanguageModel) -> Costs:
    """What a token costs in a model."""
    head = lm.model.get_output_embeddings().weight
    blocks = tuple(2 * sum(p.numel() for p in block.parameters() if p.dim() > 1) for block in lm.blocks)
    return Costs(blocks, 2 * head.numel(), 4 * lm.d_model)


def keys_seen(before: int, new: int) -> int:
    """Keys that `new` tokens look at, each at itself and all before it, behind `before` others."""
    return new * before + new * (new + 1) // 2


class Peak:
    """Rate of a square matrix product, FLOP/s, sampled between pieces of work: a machine's speed varies by the minute."""

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        self._side = SIDE.get(device.type, SIDE["cpu"])
        self._a, self._b = (torch.randn(self._side, self._side, device=device, dtype=dtype) for _ in range(2))
        self._device = device
        self.samples: list[float] = []

    def sample(self) -> None:
        """Measure once more."""
        torch.mm(self._a, self._b)
        wait_for(self._device)
        rates, began = [], time.perf_counter()
        while time.perf_counter() - began < SAMPLE_S:
            started = time.perf_counter()
            torch.mm(self._a, self._b)
            wait_for(self._device)
            rates.append(2 * self._side**3 / (time.perf_counter() - started))
        self.samples.append(statistics.median(rates))

    @property
    def rate(self) -> float:
        """Median of the samples."""
        return statistics.median(self.samples)


def wait_for(device: torch.device) -> None:
    """Until a device has done what it was told to."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


class Timed(NamedTuple):
    """What a piece of work gave and the seconds it took."""

    result: Any
    seconds: float


def timed(work: Callable[[], Any], device: torch.device) -> Timed:
    """Do a piece of work and say how long it took."""
    wait_for(device)
    started = time.perf_counter()
    result = work()
    wait_for(device)
    return Timed(result, time.perf_counter() - started)


def median(times: Iterable[Timed]) -> float:
    """Median seconds."""
    return statistics.median(one.seconds for one in times)
