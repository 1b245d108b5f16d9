"""Other ways to make a model answer another relation, trained on the same swaps: what an edit through slots is compared with.

Each is a frozen value with one method: `apply(x, source, target, strength, donor)`, decision states [n, d] in, edited ones out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn import functional as F

from kedit.sae.control import ANSWER_ROWS, JITTER, ControlBatch, ControlData, answer_loss, drawn, fit, swap_delta
from kedit.sae.dictionary import FreeBank


@runtime_checkable
class Competitor(Protocol):
    """An intervention on decision states."""

    def apply(self, x: Tensor, source: Tensor, target: Tensor, strength: Tensor, donor: Tensor | None) -> Tensor:
        """States x [n, d] of prompts about relation `source` [n] made to ask `target` [n] (positions among relation slots).

        strength [n]: 1 is what was trained. donor [n, d]: natural states of other subjects' prompts about the target.
        """
        ...


class _Tensors:
    """Saved and made again as a table of tensors."""

    def tensors(self) -> dict[str, Tensor]:
        """Field name -> tensor."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        return {name: tensor for name, tensor in found.items() if tensor is not None}


@dataclass(frozen=True, eq=False)
class Directions(_Tensors):
    """x + strength (V[target] - V[source]): V [R, d], e.g. probe directions or function vectors (no loss, no gradient)."""

    V: Tensor

    def apply(self, x: Tensor, source: Tensor, target: Tensor, strength: Tensor, donor: Tensor | None) -> Tensor:
        """See `Competitor`."""
        return x + strength[:, None] * (self.V[target] - self.V[source])


@dataclass(frozen=True, eq=False)
class RankOneReft(_Tensors):
    """Rank-1 LoReFT (Wu et al., arXiv 2404.03592), one per target: x + strength (w x + b - r x) r, |r| = 1.

    `shift` [R, d] is w - r; `direction` [R, d] is r, of any length; `bias` [R]. `answers` [R, T, d]: see `held`.
    """

    direction: Tensor
    shift: Tensor
    bias: Tensor
    answers: Tensor | None = None

    def apply(self, x: Tensor, source: Tensor, target: Tensor, strength: Tensor, donor: Tensor | None) -> Tensor:
        """See `Competitor`."""
        r = F.normalize(self.direction[target], dim=1)
        amount = (x * self.shift[target]).sum(1) + self.bias[target]
        return x + (strength * amount)[:, None] * r


@dataclass(frozen=True, eq=False)
class Das(_Tensors):
    """Distributed alignment search (Geiger et al., arXiv 2303.02536): x's part in a learned subspace becomes the donor's.

    `basis` [k, d]: orthonormal rows, the same for all relations. `answers` [R, T, d]: see `held`.
    """

    basis: Tensor
    answers: Tensor | None = None

    def apply(self, x: Tensor, source: Tensor, target: Tensor, strength: Tensor, donor: Tensor | None) -> Tensor:
        """See `Competitor`; needs a donor."""
        assert donor is not None, "an interchange needs a donor"
        return x + strength[:, None] * ((donor - x) @ self.basis.T) @ self.basis


@dataclass(frozen=True, eq=False)
class SingleLatents(_Tensors):
    """One free latent for each relation, the one that tells it best from the others: source's off, target's at its mean.

    encoder, decoder [R, d]; bias, threshold, on [R]: of the latents, and their mean activation where the relation is asked.
    """

    encoder: Tensor
    decoder: Tensor
    bias: Tensor
    threshold: Tensor
    on: Tensor

    def apply(self, x: Tensor, source: Tensor, target: Tensor, strength: Tensor, donor: Tensor | None) -> Tensor:
        """See `Competitor`."""
        off = self._active(x, source)[:, None] * self.decoder[source]
        to = (strength * self.on[target] - self._active(x, target))[:, None] * self.decoder[target]
        # Two relations may share their best latent: then it is set once.
        same = (self.decoder[source] == self.decoder[target]).all(1, keepdim=True)
        return x + to - torch.where(same, 0.0, 1.0) * off

    def _active(self, x: Tensor, which: Tensor) -> Tensor:
        pre = (x * self.encoder[which]).sum(1) + self.bias[which]
        return torch.where(pre > self.threshold[which], pre.clamp_min(0), 0.0)


@dataclass(frozen=True, eq=False)
class SlotRows(_Tensors):
    """The edit itself through other write rows D [R, d]; reads u = x W + b as the slots' own (W [d, R], b [R]).

    `answers` [R, T, d]: see `held`.
    """

    W: Tensor
    b: Tensor
    D: Tensor
    answers: Tensor | None = None

    def apply(self, x: Tensor, source: Tensor, target: Tensor, strength: Tensor, donor: Tensor | None) -> Tensor:
        """See `Competitor`."""
        return x + swap_delta(x @ self.W + self.b, self.D, source, target, strength)


def held(answers: Tensor, source: Tensor, target: Tensor, strength: Tensor) -> Tensor:
    """What a competitor of an edit that holds adds at the answer's own tokens [n, T, d]: trained with it, as the edit's A is."""
    return strength[:, None, None] * answers[target] - answers[source]


KINDS: dict[str, type[Directions | RankOneReft | Das | SingleLatents | SlotRows]] = {
    "reft_r1": RankOneReft,
    "das_r1": Das,
    "das_r8": Das,
    "linear_probe": Directions,
    "function_vector": Directions,
    "best_latent": SingleLatents,
    "permuted_answers": SlotRows,
}


def from_tensors(name: str, tensors: dict[str, Tensor]) -> Competitor:
    """A competitor that was saved by name."""
    made: Competitor = KINDS[name](**tensors)
    return made


def train_reft(
    data: ControlData, start: Tensor, *, steps: int, batch: int, lr: float = 0.1, hold: bool = False, seed: int = 0
) -> RankOneReft:
    """Rank-1 ReFT for every target, from the mean differences `start` [R, d] on: loss, data and steps of the edit's write rows.

    All parameters are trained in units in which a step moves the output alike.
    """
    generator = torch.Generator().manual_seed(seed)
    stream = data.batches(batch, generator)
    count, d = start.shape
    first = next(data.batches(batch, torch.Generator().manual_seed(seed)))
    length = start.norm(dim=1).mean().clamp_min(1e-12)
    reach = length / first.x.norm(dim=1).mean().clamp_min(1e-12) / d**0.5

    def made(free: Tensor) -> RankOneReft:
        direction, shift, bias = free[:, :d], free[:, d : 2 * d] * reach, free[:, 2 * d] * length
        answers = (free[:, 2 * d + 1 :] * length / d**0.5).unflatten(1, (ANSWER_ROWS, d)) if hold else None
        return RankOneReft(direction, shift, bias, answers)

    def loss(free: Tensor) -> Tensor:
        part = next(stream)
        return _loss_of(made(free), part, drawn(JITTER, len(part.x), generator), None)

    begin = [F.normalize(start, dim=1) * d**0.5, torch.zeros(count, d), start.norm(dim=1)[:, None] / length]
    begin += [torch.zeros(count, ANSWER_ROWS * d)] if hold else []
    return made(fit(torch.cat(begin, dim=1), loss, steps, lr, "rank-1 ReFT"))


def _loss_of(made: RankOneReft | Das, part: ControlBatch, strength: Tensor, donor: Tensor | None) -> Tensor:
    """The control loss of a competitor on a batch."""
    edited = made.apply(part.x, part.source, part.target, strength, donor)
    answer = () if made.answers is None else (held(made.answers, part.source, part.target, strength),)
    return answer_loss(part.logits(edited, *answer), part.answers).mean()


def train_das(
    data: ControlData,
    donors: Callable[[Tensor, torch.Generator], Tensor],
    start: Tensor,
    *,
    rank: int,
    steps: int,
    batch: int,
    lr: float = 0.1,
    hold: bool = False,
    seed: int = 0,
) -> Das:
    """DAS of a rank: loss, data and steps of the edit's write rows; `donors(target [b], generator)` -> states [b, d].

    Begins in the span of the mean differences `start` [R, d], as far as that reaches.
    """
    generator = torch.Generator().manual_seed(seed)
    stream = data.batches(batch, generator)
    d = start.shape[1]
    leading = torch.linalg.svd(start - start.mean(0), full_matrices=False).Vh[:rank]
    random = torch.randn(rank, d, generator=torch.Generator().manual_seed(seed)) / d**0.5
    random[: len(leading)] = leading
    unit = start.pow(2).mean().sqrt()

    def made(free: Tensor) -> Das:
        return Das(_orthonormal(free[:rank]), (free[rank:] * unit).view(len(start), ANSWER_ROWS, d) if hold else None)

    def loss(free: Tensor) -> Tensor:
        part = next(stream)
        donor = donors(part.target, generator)
        return _loss_of(made(free), part, drawn(JITTER, len(part.x), generator), donor)

    begin = [random * d**0.5] + ([torch.zeros(ANSWER_ROWS * len(start), d)] if hold else [])
    return made(fit(torch.cat(begin), loss, steps, lr, f"DAS of rank {rank}"))


def _orthonormal(free: Tensor) -> Tensor:
    return torch.linalg.qr(free.T).Q.T.contiguous()


def probe_directions(x: Tensor, asked: Tensor, lengths: Tensor, *, decay: float = 1e-3, steps: int = 200) -> Directions:
    """Weights of a logistic probe (multinomial, L2) on states x [n, d] of prompts about relations `asked` [n].

    Features are standardised; a relation's direction points to its class, as long as its mean difference (`lengths` [R]).
    """
    mean, scale = x.mean(0), x.std(0).clamp_min(1e-6)
    features = (x - mean) / scale
    V = torch.zeros(x.shape[1], len(lengths), requires_grad=True)
    c = torch.zeros(len(lengths), requires_grad=True)
    optimizer = torch.optim.LBFGS([V, c], max_iter=steps, history_size=20, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(features @ V + c, asked) + decay * (V**2).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    weights = (V.detach() / scale[:, None]).T
    return Directions(F.normalize(weights - weights.mean(0), dim=1) * lengths[:, None])


def best_latents(bank: FreeBank, x: Tensor, asked: Tensor, count: int) -> SingleLatents:
    """For each of `count` relations the free latent whose activation has the highest ROC area against the other relations."""
    z = bank.encode(x)
    chosen, on = [], []
    for relation in range(count):
        mine = asked == relation
        latent = int(_areas(z, mine).argmax())
        chosen.append(latent)
        on.append(z[mine, latent].mean())
    return SingleLatents(
        bank.W_enc.T[chosen].clone(),
        bank.W_dec[chosen].clone(),
        (bank.b_enc - bank.b_dec @ bank.W_enc)[chosen],
        bank.threshold[chosen].clone(),
        torch.stack(on),
    )


def _areas(z: Tensor, mine: Tensor) -> Tensor:
    """Area under the ROC curve of every latent [m], ties counted half."""
    ranks = torch.empty_like(z)
    for column in range(z.shape[1]):
        _, inverse, counts = z[:, column].unique(return_inverse=True, return_counts=True)
        ranks[:, column] = (counts.cumsum(0) - (counts - 1) / 2)[inverse]
    n_on, n_off = mine.sum(), (~mine).sum()
    return (ranks[mine].sum(0) - n_on * (n_on + 1) / 2) / (n_on * n_off).clamp_min(1)
