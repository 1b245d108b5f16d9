"""L_ctrl: the slots' write rows D, trained for what an edit does to the rest of the model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn import functional as F

from kedit.machine import fast_training
from kedit.progress import progress
from kedit.sae.manifold import Natural

JITTER = (0.7, 1.3)
"""Strengths that swaps are trained at: wide enough for a plateau around 1."""
ANSWER_ROWS = 4
"""Rows for an answer's tokens, the last also for what follows: with one for all of them swaps of the biography world hit 0.93
on validation, whatever the steps, with doubled tokens ("Ithaca,,")."""
REST = (-0.5, 1.0)
"""Where training leaves the source: beyond off, off, or still on. A target row must override whichever source is left, so that
it also does so for sources that it was never trained with."""


@runtime_checkable
class ControlBatch(Protocol):
    """Swaps of one training batch.

    x [b, d]: decision states; source, target [b]: positions of relation slots; answers [b, A]: token ids, -100 where there
    is none; logits: decision states [b, d] -> next-token logits [b, A, V] of the rest of the frozen model; a second argument
    [b, T, d], where there is one, is added to the states of the answer's own tokens (the last row also to what follows).
    """

    @property
    def x(self) -> Tensor: ...
    @property
    def source(self) -> Tensor: ...
    @property
    def target(self) -> Tensor: ...
    @property
    def answers(self) -> Tensor: ...
    @property
    def logits(self) -> Callable[..., Tensor]: ...


@runtime_checkable
class ControlData(Protocol):
    """What training write rows needs of the model."""

    def batches(self, size: int, generator: torch.Generator) -> Iterator[ControlBatch]:
        """Endless batches of `size` swaps."""
        ...


class Rows(NamedTuple):
    """What training gives: D [K, d], and of edits that hold through the answer what they write at its own tokens, A [K, T, d]."""

    D: Tensor
    A: Tensor | None = None


class WriteRows(NamedTuple):
    """D = W^+ + N (I - W W^+): fixed part [K, d], projector [d, d]; N [K, d] is free. D W = I whatever N is."""

    fixed: Tensor
    projector: Tensor
    free: Tensor

    @property
    def D(self) -> Tensor:
        """Write rows [K, d]."""
        return self.fixed + self.free @ self.projector


def write_rows(W: Tensor, start: Tensor) -> WriteRows:
    """Write rows that read back exactly through `W` [d, K], as near to `start` [K, d] as D W = I allows."""
    pinv = torch.linalg.pinv(W.double()).to(W.dtype)
    projector = torch.eye(len(W)) - W @ pinv
    return WriteRows(pinv, projector, start.clone())


def swap_delta(
    u: Tensor, D: Tensor, source: Tensor, target: Tensor, strength: Tensor | float, rest: Tensor | float = 0.0
) -> Tensor:
    """Delta [b, d] of swap source -> target at reads `u` [b, K]: source at `rest` (0: off), target at `strength`."""
    rows = torch.arange(len(u))
    to = (strength - u[rows, target])[:, None] * D[target]
    off = (rest - u[rows, source])[:, None] * D[source]
    return torch.where((source == target)[:, None], torch.zeros_like(to), to + off)


def train_control(
    data: ControlData,
    W: Tensor,
    b: Tensor,
    start: Tensor,
    *,
    steps: int,
    batch: int = 64,
    lr: float = 0.1,
    jitter: tuple[float, float] = JITTER,
    rest: tuple[float, float] = REST,
    hold: bool = False,
    kept: Tensor | None = None,
    natural: Natural | None = None,
    manifold: float = 0.0,
    seed: int = 0,
    label: str = "control loss",
) -> Rows:
    """Train D [K, d] by the answers that the frozen model gives after swaps; D W = I throughout.

    Strengths are drawn from `jitter`, what is left of the source from `rest`. `lr` is in units of the root mean square of
    `start`'s entries; Adam with cosine decay. `hold`: also A [K, T, d], by which the same change of slot values works on the
    answer's own tokens, (u' - u) A; without it the question's words go on to say how the answer ends. `kept`: a D that is not
    trained, but A for it, if edits hold. `manifold`: the weight of L_man, by which edited states stay among `natural` ones.
    """
    if kept is not None and not hold:
        return Rows(kept)
    generator = torch.Generator().manual_seed(seed)
    rows, unit = write_rows(W, start), _unit(start)
    stream = data.batches(batch, generator)

    def loss(free: Tensor) -> Tensor:
        part = next(stream)
        made = rows_of(free)
        strength, left = (drawn(bounds, len(part.x), generator) for bounds in (jitter, rest))
        u = part.x @ W + b
        change = swap_delta(u, made.D, part.source, part.target, strength, left)
        told: tuple[Tensor, ...] = ()
        if made.A is not None:
            answer = swap_delta(u, made.A.flatten(1), part.source, part.target, strength, left)
            told = (answer.unflatten(1, (ANSWER_ROWS, -1)),)
        total = answer_loss(part.logits(part.x + change, *told), part.answers).mean()
        if natural is not None and manifold:
            away = natural.left(part.x + change, change, part.source, part.target).mean()
            total = total + manifold * away.to(total.device)
        return total

    def rows_of(free: Tensor) -> Rows:
        D, *answers = (free * unit).split(len(start))
        written = rows._replace(free=D).D if kept is None else kept
        return Rows(written, torch.stack(answers, dim=1) if hold else None)

    return rows_of(fit(_begin(start / unit, hold), loss, steps, lr, label))


def _begin(rows: Tensor, hold: bool) -> Tensor:
    """Where training begins: rows [K, d], and behind them those for answers, if any, at 0."""
    return torch.cat([rows, torch.zeros(ANSWER_ROWS * len(rows), rows.shape[1])]) if hold else rows


def train_vectors(
    data: ControlData,
    start: Tensor,
    *,
    steps: int,
    batch: int = 64,
    lr: float = 0.1,
    jitter: tuple[float, float] = JITTER,
    rest: tuple[float, float] = REST,
    hold: bool = False,
    seed: int = 0,
    label: str = "trained vectors",
) -> Rows:
    """Train V [R, d] so that x + strength V[to] - V[from] is answered like a question about `to`; `hold`: and A, likewise.

    What slots must match: loss, data, schedule and strengths of `train_control`, but no dictionary, no read, no gate.
    """
    generator = torch.Generator().manual_seed(seed)
    unit = _unit(start)
    stream = data.batches(batch, generator)

    def loss(free: Tensor) -> Tensor:
        part = next(stream)
        strength, left = (drawn(bounds, len(part.x), generator)[:, None] for bounds in (jitter, rest))
        move, *answer = (
            strength * table[part.target] - (1 - left) * table[part.source] for table in (free * unit).split(len(start))
        )
        told = (torch.stack(answer, dim=1),) if hold else ()
        return answer_loss(part.logits(part.x + move, *told), part.answers).mean()

    V, *answers = (fit(_begin(start / unit, hold), loss, steps, lr, label) * unit).split(len(start))
    return Rows(V, torch.stack(answers, dim=1) if hold else None)


def fit(start: Tensor, loss_of: Callable[[Tensor], Tensor], steps: int, lr: float, label: str) -> Tensor:
    """Minimise a stochastic loss from `start` on: Adam, a short warm-up, cosine decay. Returns what `start` became."""
    free = start.clone().requires_grad_(True)
    optimizer = torch.optim.Adam([free], lr=lr, betas=(0.9, 0.98))
    with fast_training(), progress(label, steps, "step") as advance:
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = lr * min(1.0, (step + 1) / 10) * 0.5 * (1 + math.cos(math.pi * step / steps))
            loss = loss_of(free)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad()
            advance(1, f"loss {loss.item():.3f}")
    return free.detach()


def drawn(bounds: tuple[float, float], n: int, generator: torch.Generator) -> Tensor:
    """[n] numbers, uniform between `bounds`."""
    return bounds[0] + (bounds[1] - bounds[0]) * torch.rand(n, generator=generator)


def _unit(start: Tensor) -> Tensor:
    return start.pow(2).mean().sqrt().clamp_min(1e-12)


def answer_loss(logits: Tensor, answers: Tensor) -> Tensor:
    """Cross-entropy of whole answers, summed over their tokens: logits [b, A, V], answers [b, A] (-100: none) -> [b]."""
    # Flat, so that the softmax runs over contiguous memory.
    wanted = answers.flatten().to(logits.device)
    losses = F.cross_entropy(logits.flatten(0, 1).float(), wanted, ignore_index=-100, reduction="none")
    return losses.view(answers.shape).sum(1)
