"""One training step of a sparse dictionary at the cost of its active latents: selection, decoding, gradients.

The dense step multiplies three B x d x m matrices and more; only the encoder's is needed, for it is not known beforehand which
latents are active. Decoding gathers k rows per token, and weight gradients gather k tokens per token's share of a latent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


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


class _LatentGradient(NamedTuple):
    encoder: Tensor
    b_enc: Tensor
    decoder: Tensor


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


def batch_top_k(pre: Float[Tensor, "B m"], k: int, guess: float = 0.0) -> Active:
    """The B k largest positive values of a whole batch: some tokens get more, others fewer (Bussmann et al., arXiv 2412.06410).

    A guess of the smallest of them, from the batch before, saves ranking all B m values; it never changes the result.
    """
    wanted = k * len(pre)
    for floor in (max(guess, 0.0), 0.0):
        places = _nonzero(pre > floor)
        if len(places) >= wanted:
            break
    values = pre.flatten()[places]
    if len(values) > wanted:
        kept = values >= values.kthvalue(len(values) - wanted + 1).values
        places, values = places[kept], values[kept]
    return _active(places // pre.shape[1], places % pre.shape[1], values, len(pre))


def _nonzero(mask: Tensor) -> Tensor:
    """Flat positions where a mask is true; numpy's scan of host memory takes a fifth of torch's time."""
    if mask.device.type == "cpu":
        return torch.from_numpy(np.flatnonzero(mask.numpy()))
    return mask.flatten().nonzero()[:, 0]


def _active(tokens: Tensor, latents: Tensor, values: Tensor, n: int) -> Active:
    counts = torch.bincount(tokens, minlength=n)
    return Active(tokens, latents, values, counts.cumsum(0) - counts)


def decode(decoder: Tensor, active: Active) -> Tensor:
    """Sum of values * decoder rows by token: [B, d]."""
    return F.embedding_bag(active.latents, decoder, active.offsets, per_sample_weights=active.values, mode="sum")


def latent_sums(active: Active, values: Tensor, vectors: Tensor, m: int) -> Tensor:
    """out[j] = sum of values[i] * vectors[tokens[i]] over the places i with latents[i] = j: values [N], vectors [B, d] -> [m, d].

    Places are sorted by latent, so that each latent's sum is a gather of its own tokens: parallel and deterministic.
    """
    order = active.latents.sort(stable=True).indices
    counts = torch.bincount(active.latents, minlength=m)
    return F.embedding_bag(active.tokens[order], vectors, counts.cumsum(0) - counts, per_sample_weights=values[order], mode="sum")


@torch.no_grad()
def sparse_step(
    weights: Weights, x: Float[Tensor, "B d"], k: int, variance: float, revival: Revival | None = None, guess: float = 0.0
) -> Step:
    """Loss and exact gradient of a batch-top-k autoencoder on a batch x.

    loss = mean ||x - x_hat||^2 / variance, x_hat = z decoder + b_dec, z = batch_top_k((x - b_dec) encoder^T + b_enc), plus
    revival: weight * sum ||e - e_hat||^2 / sum ||e||^2, where dead latents reconstruct the residual e = x - x_hat, a constant.
    """
    m = len(weights.b_enc)
    centred = x - weights.b_dec
    pre = torch.addmm(weights.b_enc, centred, weights.encoder.T)
    active = batch_top_k(pre, k, guess)
    x_hat, backward = _decode_with_backward(weights.decoder, active)
    error = x_hat + weights.b_dec - x
    loss = error.square().sum() / (len(x) * variance)
    grad_out = error * (2 / (len(x) * variance))
    gradient = _latent_gradient(active, centred, grad_out, backward(grad_out), m)
    b_dec = grad_out.sum(0)
    revival_loss = loss.new_zeros(())
    if revival is not None and bool(revival.dead.any()):
        revival_loss, part = _revive(weights, centred[: revival.rows], pre[: revival.rows], error[: revival.rows], revival)
        gradient = _LatentGradient(*(a + b for a, b in zip(gradient, part, strict=True)))
    encoder, b_enc, decoder = gradient
    return Step(loss, revival_loss, Weights(encoder, b_enc, decoder, b_dec - b_enc @ weights.encoder), active)


def _revive(weights: Weights, centred: Tensor, pre: Tensor, error: Tensor, revival: Revival) -> tuple[Tensor, _LatentGradient]:
    """Loss and gradient of reconstructing -error [r, d] by each token's top dead latents."""
    dead = revival.dead.nonzero()[:, 0]
    top, places = pre[:, dead].topk(min(revival.k, len(dead)), dim=1, sorted=False)
    tokens, columns = (top > 0).nonzero(as_tuple=True)
    active = _active(tokens, dead[places[tokens, columns]], top[tokens, columns], len(pre))
    e_hat, backward = _decode_with_backward(weights.decoder, active)
    miss = e_hat + error
    energy = error.square().sum().clamp_min(torch.finfo(error.dtype).tiny)
    grad_out = miss * (2 * revival.weight / energy)
    gradient = _latent_gradient(active, centred, grad_out, backward(grad_out), len(weights.b_enc))
    return revival.weight * miss.square().sum() / energy, gradient


def _latent_gradient(active: Active, centred: Tensor, grad_out: Tensor, grad_values: Tensor, m: int) -> _LatentGradient:
    """Gradient by the weights of the active latents, from those by the decoded output [B, d] and by the values [N]."""
    encoder = latent_sums(active, grad_values, centred, m)
    b_enc = latent_sums(active, grad_values, torch.ones_like(centred[:, :1]), m)[:, 0]  # index_add is not deterministic on GPUs
    return _LatentGradient(encoder, b_enc, latent_sums(active, active.values, grad_out, m))


def _decode_with_backward(decoder: Tensor, active: Active) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Decode [B, d]; and the map from its gradient to that of the values [N] (row dot products; embedding_bag has a kernel)."""
    with torch.enable_grad():
        leaf = active.values.detach().requires_grad_(True)
        output = decode(decoder.detach(), active._replace(values=leaf))
    return output.detach(), lambda grad_out: torch.autograd.grad(output, leaf, grad_out)[0]
