"""The published objective (AlignSAE, arXiv 2512.02004): the whole dictionary is trained on, with linear codes for the slots.

    u = (x - b_dec) W + b                           slots, without an activation function
    z = batch-top-k(relu((x - b_dec) W_enc + b_enc))    free latents
    x_hat = z W_dec + u D + b_dec
    L = L_rec + a_bind L_bind + a_perp L_perp + a_val L_val

Nothing here knows what an edit does: D is whatever reconstruction leaves, and D W = I does not hold.
Ours where paper and published code leave room or disagree: the free latents' sparsity is that of the bank (top-k, not an L1
term); L_perp is a squared correlation, not a covariance, so that it cannot be met by shrinking codes; the value head is one
linear map from all slots to the first answer tokens that occur, not one small network per slot to the whole vocabulary.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from kedit.progress import progress
from kedit.sae.dictionary import FreeBank
from kedit.sae.pretrain import typical, with_threshold

NONE = -1
"""Label of a state that asks for no relation, token of one without an answer: no part in L_bind, no part in L_val."""
HELD_OUT = 0.05
"""Share of the states on which threshold and final losses are measured."""


class Losses(NamedTuple):
    """The four terms, or their weights."""

    rec: Tensor | float
    bind: Tensor | float
    perp: Tensor | float
    val: Tensor | float


WEIGHTS = Losses(rec=1.0, bind=1.0, perp=1.0, val=0.5)
"""Those of the published code, but for L_perp, which is normalised here and was a sum of 600,000 covariances there."""


class Parameters(NamedTuple):
    """What trains: W_enc [d, F], b_enc [F], W_dec [F, d], b_dec [d]; slots W [d, R], b [R], D [R, d]; head V [R, T], c [T]."""

    W_enc: Tensor
    b_enc: Tensor
    W_dec: Tensor
    b_dec: Tensor
    W: Tensor
    b: Tensor
    D: Tensor
    V: Tensor
    c: Tensor


class Codes(NamedTuple):
    """Slots u [n, R], free latents z [n, F] and the reconstruction [n, d]."""

    u: Tensor
    z: Tensor
    x_hat: Tensor


class Published(NamedTuple):
    """The dictionary on raw states: bank, slot reads u = x W + b (W [d, R], b [R]), write rows D [R, d]; held-out losses."""

    bank: FreeBank
    W: Tensor
    b: Tensor
    D: Tensor
    losses: dict[str, float]


def train_published(
    x: Float[Tensor, "n d"],
    relation: Int[Tensor, " n"],
    token: Int[Tensor, " n"],
    bank: FreeBank,
    n_relations: int,
    *,
    k: int = 32,
    steps: int = 300,
    batch: int = 256,
    lr: float = 1e-3,
    weights: Losses = WEIGHTS,
    seed: int = 0,
    label: str = "published objective",
) -> Published:
    """Train bank and slots together on states x, which relation each asks for (or NONE), and its answer's first token (or NONE).

    k: free latents per state, as the bank was trained with. `lr` is Adam's for states scaled to a mean norm of sqrt(d), falling
    to 0. Rows of the free bank keep unit norm, slot rows do not. Slots are in their raw unit: calibrate them. Deterministic by
    seed. ValueError if no state asks for a relation.
    """
    if not (relation != NONE).any():
        raise ValueError("no state asks for a relation")
    generator = torch.Generator().manual_seed(seed)
    keep = typical(x)
    scale = math.sqrt(x.shape[1]) / x[keep].norm(dim=1).mean().item()
    x, relation, token = x[keep].float() * scale, relation[keep], token[keep]
    variance = (x - x.mean(0)).square().sum(1).mean().item()
    tokens = token[token != NONE].unique()
    answer = torch.where(token == NONE, NONE, torch.searchsorted(tokens, token))
    order = torch.randperm(len(x), generator=generator)
    held, kept = order.tensor_split([max(1, round(HELD_OUT * len(x)))])
    params = initial(bank, n_relations, len(tokens), scale, generator)
    optimizer = torch.optim.Adam(list(params), lr=lr)
    with progress(label, steps, "step") as advance:
        for step in range(steps):
            pick = kept[torch.randint(len(kept), (min(batch, len(kept)),), generator=generator)]
            found = losses(params, x[pick], relation[pick], answer[pick], k, variance)
            optimizer.zero_grad()
            weighted(found, weights).backward()  # type: ignore[no-untyped-call]
            optimizer.param_groups[0]["lr"] = lr * (1 - step / steps)
            optimizer.step()
            with torch.no_grad():
                params.W_dec.div_(params.W_dec.norm(dim=1, keepdim=True).clamp_min(1e-8))
            rec, bind = (torch.as_tensor(term).item() for term in (found.rec, found.bind))
            advance(1, f"unexplained {rec:.3f}, binding {bind:.3f}")
    with torch.no_grad():
        final = losses(params, x[held], relation[held], answer[held], k, variance)
        return _unscaled(params, final, scale, x[held] / scale, k)


def initial(bank: FreeBank, n_relations: int, n_tokens: int, scale: float, generator: torch.Generator) -> Parameters:
    """The bank for states scaled by `scale`; slots begin as random unit rows, their columns the transpose."""
    d = len(bank.b_dec)
    D = F.normalize(torch.randn(n_relations, d, generator=generator), dim=1)
    start = Parameters(
        W_enc=bank.W_enc,
        b_enc=bank.b_enc * scale,
        W_dec=bank.W_dec,
        b_dec=bank.b_dec * scale,
        W=D.T.contiguous(),
        b=torch.zeros(n_relations),
        D=D,
        V=torch.zeros(n_relations, n_tokens),
        c=torch.zeros(n_tokens),
    )
    return Parameters(*(value.float().clone().requires_grad_(True) for value in start))


def codes(params: Parameters, x: Float[Tensor, "n d"], k: int) -> Codes:
    """Linear slots, the n k largest positive free latents of the batch, and what they reconstruct together."""
    centred = x - params.b_dec
    u = centred @ params.W + params.b
    z = (centred @ params.W_enc + params.b_enc).relu()
    if k * len(x) < z.numel():
        z = z * (z >= z.detach().flatten().topk(k * len(x), sorted=False).values.min())
    return Codes(u, z, z @ params.W_dec + u @ params.D + params.b_dec)


def losses(
    params: Parameters, x: Float[Tensor, "n d"], relation: Int[Tensor, " n"], answer: Int[Tensor, " n"], k: int, variance: float
) -> Losses:
    """L_rec = mean ||x - x_hat||^2 / variance, L_bind = cross-entropy of u, L_perp = `correlation`, L_val that of u V + c.

    relation: position of the slot, or NONE; answer: position among the T answer tokens, or NONE.
    """
    u, z, x_hat = codes(params, x, k)
    rec = (x - x_hat).square().sum(1).mean() / variance
    return Losses(rec, _cross_entropy(u, relation), correlation(u, z), _cross_entropy(u @ params.V + params.c, answer))


def weighted(found: Losses, weights: Losses) -> Tensor:
    """L: the weighted sum of the terms."""
    return torch.stack([weight * torch.as_tensor(loss) for weight, loss in zip(weights, found, strict=True)]).sum()


def correlation(u: Float[Tensor, "n R"], z: Float[Tensor, "n F"]) -> Tensor:
    """Squared correlation over a batch, mean over all pairs of a slot and a free latent that varies; 0 if none does."""
    slots, free = (F.normalize(part - part.mean(0), dim=0) for part in (u, z))
    live = (free.detach() != 0).any(0).sum().clamp_min(1)
    return (slots.T @ free).square().sum() / (u.shape[1] * live)


def moved_origin(bank: FreeBank, offset: Float[Tensor, " d"]) -> FreeBank:
    """The bank with b_dec + offset: the same codes, reconstructions moved by `offset`.

    Slots that are off show no code, while linear ones still add their off-mean times their row: that belongs into b_dec.
    """
    return bank._replace(b_dec=bank.b_dec + offset, b_enc=bank.b_enc + offset @ bank.W_enc)


def _cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Mean over the rows that have a target; 0 where none has."""
    known = target != NONE
    return F.cross_entropy(logits[known], target[known]) if known.any() else logits.sum() * 0


def _unscaled(params: Parameters, final: Losses, scale: float, held: Tensor, k: int) -> Published:
    """The dictionary for raw states: scale moves into biases, slot columns and slot rows; free rows keep their unit norm."""
    p = Parameters(*(value.detach() for value in params))
    bank = FreeBank(p.W_enc, p.b_enc / scale, p.W_dec, p.b_dec / scale, torch.zeros_like(p.b_enc))
    return Published(
        bank=with_threshold(bank, held, k),
        W=p.W * scale,
        b=p.b - p.b_dec @ p.W,
        D=p.D / scale,
        losses={name: float(value) for name, value in final._asdict().items()},
    )
