"""L_bind: the slots' read columns W, trained to say which concepts a state is about."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

SHARPNESS = 12.0
"""Slope of the logistic read around u = 1/2: at u = 0 and u = 1 the cross-entropy is about 0.002 nats."""

DECAY = 0.1
"""Shrinkage of the whitening and weight of |V|^2: of 0.001, 0.01 and 0.1, the one with the fewest false alarms on validation."""


class Reader(NamedTuple):
    """Linear slot reads u = x W + b: W [d, K], b [K]; about 0 when a concept is off, about 1 when it is on."""

    W: Tensor
    b: Tensor


def train_reader(
    x: Tensor, labels: Tensor, n_relations: int, *, sinks: Tensor | None = None, decay: float = DECAY, steps: int = 400
) -> Reader:
    """Fit W, b on states `x` [n, d] with multi-hot `labels` [n, K]; the first `n_relations` slots exclude each other.

    Loss: cross-entropy among relation slots where one is on (its ancestors aside), binary cross-entropy of every slot at
    threshold 1/2, and the squared distance of u to 0 / 1, which keeps natural reads tight so that edits speak in the same unit.
    States are whitened first (PCA of x, shrunk by `decay`), so that carrier variance does not drown the relation.

    `sinks` [s, d]: states of attention sinks (Sun et al., arXiv 2402.17762), a hundred times as long as others and all but
    parallel. Reads are blind to their direction: along it a linear read says nothing, and there it would say it loudly.
    """
    blind = torch.zeros(1, x.shape[1]) if sinks is None or not len(sinks) else F.normalize(sinks.mean(0, keepdim=True), dim=1)
    x = _without(x, blind)
    mean, whiten = _whitening(x, decay)
    features = (x - mean) @ whiten
    labels = labels.to(features.dtype)
    asked = labels[:, :n_relations].sum(1) > 0
    target, above = _asked_and_above(labels[asked, :n_relations] > 0)
    positive = labels.mean(0).clamp(0.02, 0.98)
    balance = labels * (0.5 / positive) + (1 - labels) * (0.5 / (1 - positive))
    V = torch.zeros(features.shape[1], labels.shape[1], requires_grad=True)
    c = torch.zeros(labels.shape[1], requires_grad=True)
    optimizer = torch.optim.LBFGS([V, c], max_iter=steps, history_size=20, line_search_fn="strong_wolfe", tolerance_change=1e-7)

    def closure() -> Tensor:
        optimizer.zero_grad()
        u = features @ V + c
        logits = (SHARPNESS * u[asked, :n_relations]).masked_fill(above, -torch.inf)
        exclusive = F.cross_entropy(logits, target, reduction="none")
        binary = F.binary_cross_entropy_with_logits(SHARPNESS * (u - 0.5), labels, reduction="none")
        tight = (u - labels) ** 2
        loss = exclusive.mean() + (balance * (binary + tight)).mean() + decay * (V**2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    W = _without((whiten @ V.detach()).T, blind).T
    return Reader(W, c.detach() - mean @ W)


def _asked_and_above(on: Tensor) -> tuple[Tensor, Tensor]:
    """Of multi-hot rows [n, R] with a relation and its ancestors on: which is asked [n], and which stand above it [n, R].

    Whatever switches a relation on also does its ancestors: of those that are on together it is the one that is on most rarely.
    An ancestor is no rival of what it stands above.
    """
    often = on.sum(0).expand_as(on)
    asked = torch.where(on, often, len(on) + 1).argmin(1)
    return asked, on & ~F.one_hot(asked, on.shape[1]).bool()


def _without(x: Tensor, direction: Tensor) -> Tensor:
    """Rows x [n, d] with their part along a unit vector [1, d] taken out."""
    return x - (x @ direction.T) * direction


def _whitening(x: Tensor, decay: float) -> tuple[Tensor, Tensor]:
    """Mean [d] and a shrunk symmetric whitening [d, d]: (C + decay * tr(C)/d I)^(-1/2)."""
    mean = x.mean(0)
    centred = (x - mean).double()
    covariance = centred.T @ centred / max(len(x) - 1, 1)
    values, vectors = torch.linalg.eigh(covariance)
    floor = decay * values.clamp_min(0).mean()
    inverse = (values.clamp_min(0) + floor).rsqrt()
    return mean, ((vectors * inverse) @ vectors.T).to(x.dtype)
