"""One training step of a sparse dictionary at the cost of its active latents: selection, decoding, gradients.

The dense step multiplies three B x d x m matrices and more; only the encoder's is needed, for it is not known beforehand which
latents are active. Decoding gathers k rows per token, and weight gradients gather k tokens per token's share of a latent.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

ROWS = 1024
"""Rows of encoded tokens that are looked through at a time: which of their latents may be active then stays in the cache."""


class Weights(NamedTuple):
    """A dictionary (or its gradient) laid out by latent: encoder [m, d] (= W_enc^T), b_enc [m], decoder [m, d], b_dec [d]."""

    encoder: Tensor
    b_enc: Tensor
    decoder: Tensor
    b_dec: Tensor


class Active(NamedTuple):
    """N active latents of B tokens: tokens [N] (ascending), latents [N], values [N] > 0; offsets [B]: where a token's begin."""

    tokens: Tensor
    latents: Tensor
    values: Tensor
    offsets: Tensor


class ByLatent(NamedTuple):
    """The same sorted by latent, tokens ascending: latents, tokens, values [N]; offsets [m]: where a latent's begin.

    Each latent's sum over its tokens is then a gather: parallel, and deterministic as additions to scattered places are not.
    """

    latents: Tensor
    tokens: Tensor
    values: Tensor
    offsets: Tensor

    @classmethod
    def of(cls, active: Active, m: int) -> ByLatent:
        """Sort once for all sums."""
        order = _order(active.latents, m)
        counts = torch.bincount(active.latents, minlength=m)
        return cls(active.latents[order], active.tokens[order], active.values[order], counts.cumsum(0) - counts)

    def sums(self, values: Tensor, vectors: Tensor) -> Tensor:
        """out[j] = sum of values[i] * vectors[tokens[i]] over the places i of latent j: values [N], vectors [B, d] -> [m, d]."""
        return F.embedding_bag(self.tokens, vectors, self.offsets, per_sample_weights=values, mode="sum")

    def totals(self, values: Tensor) -> Tensor:
        """[m]: sums of the values [N] themselves."""
        if values.device.type == "cpu":
            return torch.bincount(self.latents, weights=values, minlength=len(self.offsets)).to(values.dtype)
        nowhere = torch.zeros_like(self.tokens)
        return F.embedding_bag(nowhere, values.new_ones(1, 1), self.offsets, per_sample_weights=values, mode="sum")[:, 0]

    def sums_and_products(self, vectors: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """`sums` of the active values, [m, d]; and of each place [N] the product of its token's vector and its latent's row.

        The products are the gradient of <sums, rows> by the values; embedding_bag has a kernel for it, and reads each row once.
        """
        with torch.enable_grad():
            leaf = self.values.detach().requires_grad_(True)
            sums = self.sums(leaf, vectors.detach())
        return sums.detach(), torch.autograd.grad(sums, leaf, rows.detach())[0]


class Revival(NamedTuple):
    """Which latents the auxiliary loss revives (AuxK of Gao et al., arXiv 2406.04093, on the first `rows` of a batch).

    dead: bool [m]; k: how many dead latents reconstruct a token's residual; weight: of the loss.
    """

    dead: Tensor
    k: int
    rows: int
    weight: float = 1 / 32


class Step(NamedTuple):
    """Result of one step: reconstruction loss / variance, revival loss, the gradient of their sum, what was active."""

    loss: Tensor
    revival_loss: Tensor
    gradient: Weights
    active: Active


def batch_top_k(raw: Float[Tensor, "B m"], bias: Float[Tensor, " m"], k: int, guess: float = 0.0) -> Active:
    """The B k largest positive values of raw + bias, of a batch: some tokens get more, others fewer (arXiv 2412.06410).

    A guess of the smallest of them, from the batch before, saves ranking all B m values; it never changes the result. Nor does
    it matter that the bias is added to few of them: what is left out is known to be smaller.
    """
    wanted, m = k * len(raw), raw.shape[1]
    for floor in (guess, guess / 2, 0.0) if guess > 0 else (0.0,):
        cut = floor - bias
        places = _above(raw, cut)
        if len(places) < wanted and floor > 0:
            continue
        values = raw.flatten()[places] + bias[places % m]
        least = _nth_largest(values, wanted) if len(values) >= wanted else 0.0
        # By rounding, values left out may be as large as this.
        if floor == 0 or least > (cut + bias).max().item():
            break
    if len(values) > wanted:
        kept = values >= least
        places, values = places[kept], values[kept]
    return _active(places // m, places % m, values, len(raw))


def _above(raw: Tensor, cut: Tensor) -> Tensor:
    """Flat positions where raw [B, m] is above cut [m]; numpy's scan of host memory takes a fifth of torch's time."""
    if raw.device.type != "cpu":
        return (raw > cut).flatten().nonzero()[:, 0]
    size = ROWS * raw.shape[1]
    found = [np.flatnonzero((part > cut).numpy()) + number * size for number, part in enumerate(raw.split(ROWS))]
    return torch.from_numpy(np.concatenate(found))


def _nth_largest(values: Tensor, n: int) -> float:
    place = len(values) - n
    if values.device.type == "cpu":
        return float(np.partition(values.numpy(), place)[place])
    return values.kthvalue(place + 1).values.item()


def _order(latents: Tensor, m: int) -> Tensor:
    """Places [N] sorted by latent, in their order where it is the same; numpy sorts keys of 16 bits by radix."""
    if latents.device.type == "cpu" and m <= 1 << 16:
        return torch.from_numpy(np.argsort(latents.numpy().astype(np.uint16), kind="stable"))
    return latents.sort(stable=True).indices


def _active(tokens: Tensor, latents: Tensor, values: Tensor, n: int) -> Active:
    counts = torch.bincount(tokens, minlength=n)
    return Active(tokens, latents, values, counts.cumsum(0) - counts)


def decode(decoder: Tensor, active: Active) -> Tensor:
    """Sum of values * decoder rows by token: [B, d]."""
    return F.embedding_bag(active.latents, decoder, active.offsets, per_sample_weights=active.values, mode="sum")


@torch.no_grad()
def sparse_step(
    weights: Weights,
    x: Float[Tensor, "B d"],
    k: int,
    variance: float,
    revival: Revival | None = None,
    guess: float = 0.0,
    room: Float[Tensor, "B m"] | None = None,
    given: Float[Tensor, "B d"] | None = None,
) -> Step:
    """Loss and exact gradient of a batch-top-k autoencoder on a batch x.

    loss = mean ||x - x_hat||^2 / variance, x_hat = z decoder + b_dec, z = batch_top_k((x - b_dec) encoder^T + b_enc), plus
    revival: weight * sum ||e - e_hat||^2 / sum ||e||^2, where dead latents reconstruct the residual e = x - x_hat, a constant.
    `room` is overwritten: memory that is kept from step to step need not be mapped anew. `given`: what others add to x_hat.
    """
    n, m = len(x), len(weights.b_enc)
    centred = x - weights.b_dec
    raw = torch.mm(centred, weights.encoder.T, out=room)
    active = both = batch_top_k(raw, weights.b_enc, k, guess)
    revived = revival is not None and bool(revival.dead.any())
    if revival is not None and revived:
        # Their residuals are tokens like others, behind those of the batch: one sum serves both.
        both = _joined(active, _top_dead(raw[: revival.rows], weights.b_enc, revival))
    output = decode(weights.decoder, both)
    wanted = centred if given is None else centred - given
    loss, revival_loss = _to_gradient(output, wanted, variance, revival.weight if revival is not None else 0.0)
    places = ByLatent.of(both, m)
    decoder, by_value = places.sums_and_products(output, weights.decoder)
    if revived:
        places = places._replace(tokens=places.tokens % n)
    encoder, b_enc = places.sums(by_value, centred), places.totals(by_value)
    b_dec = output[:n].sum(0) - b_enc @ weights.encoder
    return Step(loss, revival_loss, Weights(encoder, b_enc, decoder, b_dec), active)


def _top_dead(raw: Tensor, bias: Tensor, revival: Revival) -> Active:
    """Each token's top dead latents, as far as they are positive."""
    dead = revival.dead.nonzero()[:, 0]
    pre = raw.index_select(1, dead).add_(bias[dead])
    top, places = pre.topk(min(revival.k, len(dead)), dim=1, sorted=False)
    tokens, columns = (top > 0).nonzero(as_tuple=True)
    return _active(tokens, dead[places[tokens, columns]], top[tokens, columns], len(raw))


def _joined(first: Active, second: Active) -> Active:
    """The tokens of both, one after the other."""
    tokens, latents, values, offsets = (torch.cat(pair) for pair in zip(first, second, strict=True))
    tokens[len(first.tokens) :] += len(first.offsets)
    offsets[len(first.offsets) :] += len(first.tokens)
    return Active(tokens, latents, values, offsets)


def _to_gradient(output: Tensor, centred: Tensor, variance: float, weight: float) -> tuple[Tensor, Tensor]:
    """Both losses; outputs [B, d], and behind them those that reconstruct the first residuals, become gradients in place."""
    n = len(centred)
    error, miss = output[:n].sub_(centred), output[n:]
    loss, revival_loss = _square(error) / (n * variance), error.new_zeros(())
    if len(miss):
        residual = error[: len(miss)]
        energy = _square(residual).clamp_min(torch.finfo(error.dtype).tiny)
        miss += residual
        revival_loss = weight * _square(miss) / energy
        miss *= 2 * weight / energy
    error *= 2 / (n * variance)
    return loss, revival_loss


def _square(x: Tensor) -> Tensor:
    return torch.linalg.vector_norm(x).square()
