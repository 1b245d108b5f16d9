"""Where decision states lie by nature, and how far an edit leaves that (L_man): regions of relations, and their differences."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

ENERGY: Final = 0.9
"""Share of the natural differences' energy that the leading components hold."""
SHRINKAGE: Final = 0.1
"""Of the covariance, towards a ball."""
REGION: Final = 0.99
Table = Mapping[tuple[Hashable, Hashable], Tensor]
"""(subject, frame) -> state [d]."""


class Natural(NamedTuple):
    """mean [R, d], precision [R, d, d] and edge [R] of each relation's states: the squared Mahalanobis distance 99 % keep.

    differences [R, R, k, d]: leading components of what changes, by nature, from one relation to another: orthonormal rows,
    filled up with zeros.
    """

    mean: Tensor
    precision: Tensor
    edge: Tensor
    differences: Tensor

    def away(self, x: Float[Tensor, "n d"], relation: Int[Tensor, " n"]) -> Float[Tensor, " n"]:
        """Squared distance of states from those of a relation, in units of its edge: at most 1 is inside."""
        off = x - self.mean[relation]
        return torch.einsum("nd,nde,ne->n", off, self.precision[relation], off) / self.edge[relation]

    def inside(self, change: Float[Tensor, "n d"], source: Int[Tensor, " n"], target: Int[Tensor, " n"]) -> Float[Tensor, "n d"]:
        """The part of changes from one relation to another that lies in their natural differences."""
        basis = self.differences[source, target]
        return torch.einsum("nk,nkd->nd", torch.einsum("nd,nkd->nk", change, basis), basis)

    def left(
        self, x: Float[Tensor, "n d"], change: Float[Tensor, "n d"], source: Int[Tensor, " n"], target: Int[Tensor, " n"]
    ) -> Float[Tensor, " n"]:
        """L_man of edited states x: how far outside the target's region, plus the share of the change outside the differences."""
        outside = (change - self.inside(change, source, target)).square().sum(1) / change.square().sum(1).clamp_min(1e-12)
        return (self.away(x, target).clamp_min(1e-12).sqrt() - 1).clamp_min(0) + outside


def natural_rows(W: Float[Tensor, "d R"], x: Float[Tensor, "n d"]) -> Float[Tensor, "R d"]:
    """Rows D = (W^T S W)^+ W^T S that go by nature with reads of states x, of covariance S: least squares of states on reads.

    D W = I, as of trained rows. What is left, x - (x W) D, does not covary with any read: no linear reader finds there what
    they say (Belrose et al., LEACE, arXiv 2306.03819).
    """
    read = torch.cov(x.double().T) @ W.double()
    return (torch.linalg.pinv(W.double().T @ read, hermitian=True) @ read.T).to(W.dtype)


def natural_of(states: Sequence[Table]) -> Natural:
    """What is natural, from states of each relation: (subject, frame) -> [d]; all relations fill the same frames.

    A relation's edge is set in other frames than its mean and covariance are of: states of unseen words lie further out than any
    of seen ones, by nature. ValueError for a relation without two states.
    """
    regions = [_region(table) for table in states]
    d = len(regions[0][0])
    bases = [[_leading(list(_paired(a, b)), d) for b in states] for a in states]
    most = max(len(basis) for row in bases for basis in row)
    differences = torch.zeros(len(states), len(states), most, d)
    for i, row in enumerate(bases):
        for j, basis in enumerate(row):
            differences[i, j, : len(basis)] = basis
    mean, precision, edge = (torch.stack(parts) for parts in zip(*regions, strict=True))
    return Natural(mean, precision, edge, differences)


def _region(table: Table) -> tuple[Tensor, Tensor, Tensor]:
    """Mean [d], precision [d, d] and edge of one relation's states; of a single frame, the edge in every other state."""
    x = torch.stack(list(table.values()))
    if len(x) < 4:
        raise ValueError(f"{len(x)} states are too few for a region")
    order = {frame: number for number, frame in enumerate(dict.fromkeys(frame for _, frame in table))}
    number = torch.tensor([order[frame] for _, frame in table]) if len(order) > 1 else torch.arange(len(x))
    fitted, held = x[number % 2 == 0].double(), x[number % 2 == 1].float()
    covariance = torch.cov(fitted.T)
    floor = SHRINKAGE * covariance.diagonal().mean().clamp_min(1e-12)
    precision = torch.linalg.inv(covariance + floor * torch.eye(x.shape[1], dtype=covariance.dtype)).float()
    off = held - fitted.mean(0).float()
    return fitted.mean(0).float(), precision, ((off @ precision) * off).sum(1).quantile(REGION)


def _paired(first: Table, second: Table) -> Iterator[Tensor]:
    return (second[key] - first[key] for key in first if key in second)


def _leading(differences: Sequence[Tensor], d: int) -> Tensor:
    """Right singular vectors [k, d] that hold `ENERGY` of the differences' energy, their mean's direction included."""
    if not differences:
        return torch.zeros(0, d)
    _, values, vectors = torch.linalg.svd(torch.stack(list(differences)).float(), full_matrices=False)
    energy = values.square().cumsum(0) / values.square().sum().clamp_min(1e-30)
    return vectors[: int((energy < ENERGY).sum()) + 1]
