"""The dictionary of AlignSAE (arXiv 2512.02004) as its public code trains it: linear codes, every weight trained throughout.

    z = x W_enc + b_enc;    x_hat = z W_dec + b_dec;    the last R of the m codes are the slots
    stage 1: L_rec = mean (x - x_hat)^2
    stage 2: L = L_rec + 1e-3 L_sparse + L_bind + 1e-2 L_indep + 1e-2 L_perp + 0.5 L_val

L_sparse: mean |z| of the free codes. L_bind: mean (slots - one-hot)^2. L_indep, L_perp: squared covariance over the batch, summed
over pairs of free codes and over pairs of a slot and a free code. L_val: cross-entropy of the answer's first token, by the head
of the asked relation (1 -> 256 -> V) from its slot alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from kedit.machine import fast_training
from kedit.progress import progress

EPOCHS = (50, 100)
BATCH = 64
HEAD_WIDTH = 256
Binding = Literal["mse", "cross_entropy"]


class Weights(NamedTuple):
    """Of the terms of stage 2."""

    rec: float = 1.0
    sparse: float = 1e-3
    bind: float = 1.0
    indep: float = 1e-2
    perp: float = 1e-2
    val: float = 0.5


WEIGHTS = Weights()


@dataclass(frozen=True, eq=False)
class LinearDictionary:
    """W_enc [d, m], b_enc [m], W_dec [m, d], b_dec [d]; the last of the m codes are slots, in the order of the relations.

    A competitor (`kedit.sae.competitors`) whose edit is the corrected one; `decoded` gives what the published edit writes.
    """

    W_enc: Tensor
    b_enc: Tensor
    W_dec: Tensor
    b_dec: Tensor
    n_relations: int

    @property
    def n_free(self) -> int:
        """Codes before the slots."""
        return len(self.W_dec) - self.n_relations

    def encode(self, x: Float[Tensor, "n d"]) -> Float[Tensor, "n m"]:
        """Codes of states."""
        return x @ self.W_enc + self.b_enc

    def decode(self, z: Float[Tensor, "n m"]) -> Float[Tensor, "n d"]:
        """States of codes."""
        return z @ self.W_dec + self.b_dec

    def swapped(self, x: Tensor, source: Tensor, target: Tensor, strength: Tensor) -> Tensor:
        """Codes [n, m] of states x [n, d] with slot `source` [n] at 0 and slot `target` [n] at `strength` [n]."""
        z, rows = self.encode(x), torch.arange(len(x))
        z[rows, self.n_free + source] = 0.0
        z[rows, self.n_free + target] = strength
        return z

    def decoded(self, x: Tensor, source: Tensor, target: Tensor, strength: Tensor) -> Tensor:
        """What the swapped codes decode to [n, d]: the published edit puts it in place of the last token's embedding."""
        return self.decode(self.swapped(x, source, target, strength))

    def apply(self, x: Tensor, source: Tensor, target: Tensor, strength: Tensor, donor: Tensor | None) -> Tensor:
        """The difference that the swap makes, added where the codes were read: x + (z' - z) W_dec."""
        return x + self.decoded(x, source, target, strength) - self.decode(self.encode(x))


def train_linear(
    x: Float[Tensor, "n d"],
    relation: Int[Tensor, " n"],
    token: Int[Tensor, " n"],
    n_relations: int,
    *,
    n_free: int,
    binding: Binding = "mse",
    epochs: tuple[int, int] = EPOCHS,
    batch: int = BATCH,
    lr: float = 1e-3,
    weights: Weights = WEIGHTS,
    seed: int = 0,
    device: torch.device | str = "cpu",
    label: str = "published dictionary",
) -> LinearDictionary:
    """Train on states x of prompts about `relation` (position of the slot), whose answers begin with `token`.

    Two stages of `epochs`, AdamW throughout, on `device`; the result is on the CPU. Deterministic by seed; global random state
    is left alone.
    """
    generator = torch.Generator().manual_seed(seed)
    tokens, answer = token.unique(return_inverse=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = nn.Linear(x.shape[1], n_free + n_relations)
        decoder = nn.Linear(n_free + n_relations, x.shape[1])
        heads = nn.ModuleList(_head(len(tokens)) for _ in range(n_relations))
    with torch.no_grad():
        decoder.weight.copy_(encoder.weight.T)
    for module in (encoder, decoder, heads):
        module.to(device)
    x, relation, answer = x.to(device), relation.to(device), answer.to(device)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *decoder.parameters(), *heads.parameters()], lr=lr)
    with fast_training(), progress(label, sum(epochs), "epoch") as advance:
        for epoch in range(sum(epochs)):
            for rows in torch.randperm(len(x), generator=generator).split(batch):
                z = encoder(x[rows])
                rec = F.mse_loss(decoder(z), x[rows])
                loss = rec
                if epoch >= epochs[0]:
                    slots = z[:, n_free:]
                    loss = weights.rec * rec + _alignment(z[:, :n_free], slots, relation[rows], binding, weights)
                    loss = loss + weights.val * _value(heads, slots, relation[rows], answer[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            advance(1, f"squared error {rec.item():.4f}")
    with torch.no_grad():
        W_enc, W_dec = encoder.weight.T.contiguous().cpu(), decoder.weight.T.contiguous().cpu()
        return LinearDictionary(W_enc, encoder.bias.detach().cpu(), W_dec, decoder.bias.detach().cpu(), n_relations)


def _alignment(free: Tensor, slots: Tensor, relation: Tensor, binding: Binding, weights: Weights) -> Tensor:
    wanted = F.one_hot(relation, slots.shape[1]).to(slots)
    bind = F.mse_loss(slots, wanted) if binding == "mse" else F.cross_entropy(slots, relation)
    centred, others = free - free.mean(0), slots - slots.mean(0)
    n = len(free)
    # |Z'Z|^2 = |ZZ'|^2: the covariance of thousands of codes need not be formed.
    indep = ((centred @ centred.T).square().sum() - centred.square().sum(0).square().sum()) / n**2
    perp = (others.T @ centred).square().sum() / n**2
    return weights.sparse * free.abs().mean() + weights.bind * bind + weights.indep * indep + weights.perp * perp


def _value(heads: nn.ModuleList, slots: Tensor, relation: Tensor, answer: Tensor) -> Tensor:
    losses = []
    for number, head in enumerate(heads):
        mine = relation == number
        if mine.any():
            losses.append(F.cross_entropy(head(slots[mine, number : number + 1]), answer[mine], reduction="sum"))
    return torch.stack(losses).sum() / len(slots)


def _head(n_tokens: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(1, HEAD_WIDTH), nn.ReLU(), nn.Linear(HEAD_WIDTH, n_tokens))
