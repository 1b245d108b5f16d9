"""Stage 1: a batch-top-k sparse autoencoder on residual activations, trained without labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kedit.machine import fast_training
from kedit.progress import progress
from kedit.sae.dictionary import FreeBank
from kedit.sae.sparse import Revival, Step, Weights, sparse_step

CHUNK = 4096
"""Rows encoded at a time outside training: bounds memory at CHUNK x F floats."""
WARMUP, DECAY = 0.05, 0.5
"""Shares of the steps in which the rate rises from 0 and, at the end, falls to 0."""
DEAD_AFTER = 40_000
"""Tokens without a firing after which a latent is dead and the auxiliary loss revives it."""
HELD_OUT, HELD_OUT_MOST = 0.05, 8192
"""Share of the activations, and the most of them, on which the threshold is calibrated."""
OUTLIER = 10.0
"""Times the median norm."""
GUESS = 0.95
"""The smallest value selected in a batch is looked for from this share of the last batch's on."""


class _Schedule(NamedTuple):
    k: int
    steps: int
    batch: int
    lr: float

    def rate(self, step: int) -> float:
        """Linear warm-up, plateau, linear decay to 0."""
        rise = (step + 1) / max(1.0, WARMUP * self.steps)
        fall = (self.steps - step) / max(1.0, DECAY * self.steps)
        return self.lr * min(1.0, rise, fall)


def pretrain(
    x: Float[Tensor, "n d"],
    *,
    n_free: int | None = None,
    k: int = 32,
    steps: int = 250,
    batch: int = 2048,
    lr: float = 4e-3,
    seed: int = 0,
    label: str = "dictionary",
) -> FreeBank:
    """Train F latents (None: 8 d), k active per token on average, on activations x; the bank works on raw x, in float32.

    `lr` is the peak rate of Adam for activations scaled to a mean norm of sqrt(d). x may be of any float dtype and on any device.
    Rows that are not `typical` are left out: a few first tokens would own the variance.
    Deterministic by seed (same machine, version and thread count). ValueError if n < 2 or not 0 < k <= F.
    Batch-top-k (Bussmann et al., arXiv 2412.06410), because it trains what is used: one threshold for all tokens. Codes trained
    with k per token lose about 0.12 of explained variance under such a threshold. Losses and gradients: `kedit.sae.sparse`.
    """
    n, d = x.shape
    n_free = n_free or 8 * d
    if n < 2 or not 0 < k <= n_free:
        raise ValueError(f"cannot train {n_free} latents with k = {k} on {n} activations")
    generator = torch.Generator().manual_seed(seed)
    held, kept = _split(x, generator)
    scale, mean, variance = _statistics(x, kept)
    weights = initial(n_free, mean, generator)
    _train(x, kept, weights, scale, variance, _Schedule(k, steps, batch, lr), generator, label)
    return with_threshold(_unscaled(weights, scale), x[held.to(x.device)], k)


def refit(
    bank: FreeBank,
    x: Float[Tensor, "n d"],
    written: Callable[[Tensor], Tensor],
    *,
    steps: int,
    k: int = 32,
    batch: int = 2048,
    lr: float = 4e-3,
    seed: int = 0,
    label: str = "free latents beside slots",
) -> FreeBank:
    """The bank trained on with slots beside it: L_rec = ||x - z W_dec - b_dec - written(x)||^2 on activations x.

    written: states [b, d] -> what slots add to their reconstruction [b, d]. Shapes, seed and threshold as in `pretrain`.
    """
    generator = torch.Generator().manual_seed(seed)
    held, kept = _split(x, generator)
    scale, _, variance = _statistics(x, kept)
    start = (bank.W_enc.T.contiguous(), bank.b_enc * scale, bank.W_dec.clone(), bank.b_dec * scale)
    weights, schedule = Weights(*(tensor.to(x.device) for tensor in start)), _Schedule(k, steps, batch, lr)
    _train(x, kept, weights, scale, variance, schedule, generator, label, written)
    return with_threshold(_unscaled(weights, scale), x[held.to(x.device)], k)


def _split(x: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Numbers of typical rows: those that the threshold is calibrated on, and those that are trained on."""
    order = torch.randperm(len(x), generator=generator)
    order = order[typical(x).cpu()[order]]
    n_held = min(max(1, int(len(order) * HELD_OUT)), HELD_OUT_MOST)
    return order[:n_held], order[n_held:]


def _unscaled(weights: Weights, scale: float) -> FreeBank:
    """The bank on raw activations: relu is homogeneous, so the scale moves into biases alone and decoder rows keep their norm."""
    return FreeBank(
        W_enc=weights.encoder.T.contiguous(),
        b_enc=weights.b_enc / scale,
        W_dec=weights.decoder,
        b_dec=weights.b_dec / scale,
        threshold=torch.zeros_like(weights.b_enc),
    )


def typical(x: Float[Tensor, "n d"]) -> Bool[Tensor, " n"]:
    """Rows of at most OUTLIER times the median norm: not the first token and the few like it, a hundred times as long."""
    norm = torch.cat([part.float().norm(dim=1) for part in x.split(CHUNK)])
    return norm <= OUTLIER * norm.median()


def with_threshold(bank: FreeBank, x: Float[Tensor, "n d"], k: int | float) -> FreeBank:
    """The bank with the one global threshold at which activations x [n, d] have a mean L0 of k, whole or not.

    Global rather than per latent: with unit rows, a latent's value is what it adds to the reconstruction, whichever it is.
    A token's latents beyond its 8 k largest are not counted.
    """
    limit = min(bank.threshold.numel(), max(1, math.ceil(8 * k)))
    values = torch.cat([bank.preact(part.float()).relu().topk(limit, dim=1).values.flatten() for part in x.split(CHUNK)])
    wanted = min(max(1, round(k * len(x))), len(values))
    ranked = values.sort(descending=True).values
    below = ranked[wanted] if wanted < len(values) else ranked.new_zeros(())
    threshold = (ranked[wanted - 1] + below) / 2 if ranked[wanted - 1] > 0 else ranked.new_zeros(())
    return bank._replace(threshold=torch.full_like(bank.threshold, threshold.item()))


def dictionary_stats(bank: FreeBank, x: Float[Tensor, "n d"]) -> dict[str, float]:
    """How well JumpReLU codes of activations x [n, d] reconstruct them.

    explained_variance: 1 - sum ||x - x_hat||^2 / sum ||x - mean||^2; l0: active latents per token; dead: share of latents that
    never fire on x (so give it enough tokens: a latent of frequency f stays silent on n of them with probability (1 - f)^n).
    """
    mean = x.double().mean(0)
    missed = total = active = 0.0
    fired = torch.zeros(bank.threshold.numel(), dtype=torch.bool, device=x.device)
    for part in x.split(CHUNK):
        z = bank.encode(part.float())
        missed += (part.float() - bank.decode(z)).double().square().sum().item()
        total += (part.double() - mean).square().sum().item()
        active += (z > 0).sum().item()
        fired |= (z > 0).any(0)
    return {
        "explained_variance": 1 - missed / total if total else math.nan,
        "l0": active / len(x),
        "dead": 1 - fired.double().mean().item() if len(fired) else 0.0,
    }


def _statistics(x: Tensor, rows: Tensor) -> tuple[float, Tensor, float]:
    """The scale at which the mean norm is sqrt(d), and of the scaled rows the mean [d] and the total variance."""
    norm, total, square = 0.0, torch.zeros(x.shape[1], dtype=torch.float64, device=x.device), 0.0
    for chunk in rows.split(CHUNK):
        part = x[chunk.to(x.device)].double()
        norm += part.norm(dim=1).sum().item()
        total += part.sum(0)
        square += part.square().sum().item()
    scale = math.sqrt(x.shape[1]) * len(rows) / max(norm, 1e-30)
    mean = total / len(rows)
    variance = square / len(rows) - mean.square().sum().item()
    return scale, (scale * mean).float(), max(scale**2 * variance, 1e-12)


def initial(n_free: int, mean: Tensor, generator: torch.Generator) -> Weights:
    """Random unit decoder rows, the encoder its transpose, b_dec the mean."""
    decoder = torch.randn(n_free, len(mean), generator=generator).to(mean.device)
    decoder /= decoder.norm(dim=1, keepdim=True)
    return Weights(decoder.clone(), torch.zeros(n_free, device=mean.device), decoder, mean.clone())


class Training:
    """A dictionary in training: weights, which `step` trains in place, optimiser, and what goes from one step to the next."""

    def __init__(self, weights: Weights, k: int, variance: float) -> None:
        self.weights = weights
        self.idle = torch.zeros(len(weights.b_enc), device=weights.b_enc.device)
        """Tokens since each latent fired."""
        self._k, self._variance, self._guess = k, variance, 0.0
        self._room = weights.b_enc.new_empty(0, len(weights.b_enc))
        self._optimizer = torch.optim.Adam(list(weights), betas=(0.9, 0.999), eps=1e-8, fused=True)

    @property
    def dead(self) -> Tensor:
        """bool [m]: latents that have been silent for too long."""
        return self.idle > DEAD_AFTER

    def step(self, x: Float[Tensor, "B d"], lr: float, given: Float[Tensor, "B d"] | None = None) -> Step:
        """One step on scaled activations at a rate; `given`: what slots add to the reconstruction."""
        weights = self.weights
        revival = Revival(self.dead, k=2 * self._k, rows=max(1, len(x) // 8))
        if len(self._room) != len(x):
            self._room = self._room.new_empty(len(x), len(weights.b_enc))
        result = sparse_step(weights, x, self._k, self._variance, revival, self._guess, self._room, given)
        self._guess = GUESS * result.active.values.min().item() if len(result.active.values) else 0.0
        _project(result.gradient.decoder, weights.decoder)
        for weight, gradient in zip(weights, result.gradient, strict=True):
            weight.grad = gradient
        self._optimizer.param_groups[0]["lr"] = lr
        self._optimizer.step()
        for weight in weights:
            weight.grad = None
        weights.decoder.div_(weights.decoder.norm(dim=1, keepdim=True).clamp_min(1e-8))
        self.idle += len(x)
        self.idle[result.active.latents] = 0
        return result


def _train(
    x: Tensor,
    rows: Tensor,
    weights: Weights,
    scale: float,
    variance: float,
    schedule: _Schedule,
    generator: torch.Generator,
    label: str,
    written: Callable[[Tensor], Tensor] | None = None,
) -> None:
    """Train the weights in place on scaled rows of x, beside what `written` makes of rows."""
    training = Training(weights, schedule.k, variance)
    batches = _batches(rows, schedule.batch, generator)
    with fast_training(), progress(label, schedule.steps, "step") as advance:
        for step in range(schedule.steps):
            part = x[next(batches).to(x.device)].float()
            given = written(part) * scale if written is not None else None
            result = training.step(part * scale, schedule.rate(step), given)
            advance(1, f"unexplained {result.loss.item():.3f}, dead {int(training.dead.sum())}")


def _project(gradient: Tensor, decoder: Tensor) -> None:
    """Remove from each row's gradient what would only change the row's length."""
    gradient.addcmul_(decoder, (gradient * decoder).sum(1, keepdim=True), value=-1)


def _batches(rows: Tensor, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Endless batches of row numbers: every epoch in a new order, a remainder goes into the next epoch's first batch."""
    size = min(size, len(rows))
    left = rows[:0]
    while True:
        left = torch.cat([left, rows[torch.randperm(len(rows), generator=generator)]])
        while len(left) >= size:
            yield left[:size]
            left = left[size:]
