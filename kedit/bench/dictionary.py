"""A training step of the dictionary beside the dense step, and beside the product that no step can do without: the encoder's."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from kedit.bench.floors import timed
from kedit.bench.report import Result
from kedit.machine import fast_training, peak_memory
from kedit.sae.pretrain import Training, initial
from kedit.sae.sparse import Weights, sparse_step

LR = 1e-3
WARM_UP = 12
"""Steps before anything is timed: what is selected settles, and so does memory."""
NAIVE_STEPS = 2
TOLERANCE = 1e-3
"""Of gradients, relative to the largest entry."""


class Size(NamedTuple):
    """Width of the residual stream, latents, active latents per token, tokens per step."""

    d: int = 576
    m: int = 8192
    k: int = 32
    batch: int = 4096


def dictionary_step(size: Size, repeat: int, device: torch.device) -> Result:
    """One step on activations with the spectrum of a residual stream; gradients are those of the dense step."""
    draw = activations(size, device)
    training = fresh(size, device)
    with fast_training():
        for _ in range(WARM_UP):
            training.step(draw(), LR)
        ours, floor = [], []
        for x in (draw() for _ in range(max(3, 4 * repeat))):
            floor.append(timed(partial(torch.matmul, x, training.weights.encoder.T), device).seconds)
            ours.append(timed(partial(training.step, x, LR), device).seconds)
        memory = peak_memory()
        naive = _Dense(training.weights, size.k)
        dense = [timed(partial(naive.step, draw()), device).seconds for _ in range(NAIVE_STEPS)]
    name = f"dictionary step, d {size.d}, m {size.m}, k {size.k}, batch {size.batch}"
    equal = _same_gradient(training.weights, draw(), size.k)
    return Result(name, statistics.median(ours), min(dense), statistics.median(floor), memory, equal)


def fresh(size: Size, device: torch.device) -> Training:
    """A dictionary that has not been trained yet."""
    return Training(initial(size.m, torch.zeros(size.d, device=device), _generator()), size.k, variance=1.0)


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def activations(size: Size, device: torch.device) -> Callable[[], Tensor]:
    """Batches of sparse sums of a few of many directions, of falling weight, and noise."""
    generator = _generator()
    directions = torch.randn(4 * size.d, size.d, generator=generator)
    weight = 1 / torch.arange(1, 4 * size.d + 1).sqrt()

    def draw() -> Tensor:
        chosen = torch.rand(size.batch, 4 * size.d, generator=generator) < 0.02
        x = (chosen * weight) @ directions + 0.1 * torch.randn(size.batch, size.d, generator=generator)
        return (x * size.d**0.5 / x.norm(dim=1).mean()).to(device)

    return draw


class _Dense:
    """What one would write first: all latents decoded, every gradient by autograd, Adam as it comes."""

    def __init__(self, weights: Weights, k: int) -> None:
        self.weights = Weights(*(weight.detach().clone().requires_grad_(True) for weight in weights))
        self._k = k
        self._optimizer = torch.optim.Adam(list(self.weights), lr=LR)

    def loss(self, x: Tensor) -> Tensor:
        """Batch-top-k reconstruction loss."""
        encoder, b_enc, decoder, b_dec = self.weights
        pre = ((x - b_dec) @ encoder.T + b_enc).relu()
        least = pre.detach().flatten().topk(self._k * len(x)).values[-1]
        z = pre * (pre >= least.clamp_min(1e-30))
        return (z @ decoder + b_dec - x).square().sum() / len(x)

    def step(self, x: Tensor) -> None:
        """One step."""
        self._optimizer.zero_grad()
        self.loss(x).backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()


def _same_gradient(weights: Weights, x: Tensor, k: int) -> bool:
    dense = _Dense(weights, k)
    expected = torch.autograd.grad(dense.loss(x), list(dense.weights))
    found = sparse_step(weights, x, k, variance=1.0).gradient
    return all(bool((a - b).abs().max() <= TOLERANCE * b.abs().max()) for a, b in zip(found, expected, strict=True))
