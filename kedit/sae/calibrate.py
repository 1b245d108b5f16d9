"""The unit of slot reads: u = 0 as when the concept is not asked for, u = 1 as when it is; and the threshold between."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

MARGIN = 0.1
"""Share of a gap between off and on reads that a threshold keeps from either end."""
TOLERANCE = 0.001
"""Balanced accuracies that differ by no more are equally good: a few stray reads among thousands decide nothing."""
QUANTILES = (0.01, 0.05, 0.5, 0.95, 0.99)


class Calibrated(NamedTuple):
    """Slots in the calibrated unit: reads u = x W + b (W [d, K], b [K]), write rows D [K, d] and A, if any, thresholds [K].

    metadata: {"slots": [{"threshold", "balanced_accuracy", "train" and "valid": {"on" and "off": {"n", "mean", "std",
    "quantiles"}}}]}, all in the new unit, JSON-ready. unread: slots without prompts of both kinds, or whose reads do not tell
    them apart; they keep their scale and never switch on.
    """

    W: Tensor
    b: Tensor
    D: Tensor
    threshold: Tensor
    metadata: dict[str, Any]
    unread: tuple[int, ...]
    A: Tensor | None = None


def calibrate(
    W: Float[Tensor, "d K"],
    b: Float[Tensor, " K"],
    D: Float[Tensor, "K d"],
    u: Float[Tensor, "n K"],
    on: Bool[Tensor, "n K"],
    *,
    valid_u: Float[Tensor, "v K"],
    valid_on: Bool[Tensor, "v K"],
    A: Float[Tensor, "K T d"] | None = None,
) -> Calibrated:
    """Rescale every slot so that its mean read is 0 over training states that do not ask for it and 1 over those that do.

    u' = a u + c: W' = W a, b' = b a + c, D' = D / a by slot, so D' W' = I where D W = I, and a delta (u_to - u_from) D stays
    the same vector; so with A. Reads u, valid_u = x W + b are raw ones on training and validation states; on, valid_on say
    which slots are asked for.
    Thresholds are chosen on training and validation reads (those of them that have both kinds): see `best_threshold`. Balanced
    accuracies are of validation reads, of training ones where there are no others.
    """
    off_mean, on_mean = _mean(u, ~on), _mean(u, on)
    gap = on_mean - off_mean
    spread = _mean((u - torch.where(on, on_mean, off_mean).to(u.dtype)).abs(), torch.ones_like(on))
    readable = gap.isfinite() & (gap > 1e-3 * spread) & (gap > 1e-12)
    a = torch.where(readable, 1 / gap, 1.0)
    c = torch.where(readable, -off_mean * a, 0.0)
    reads, valid_reads = (u.double() * a + c), (valid_u.double() * a + c)
    slots, thresholds = [], []
    for k in range(len(b)):
        both = [(reads[:, k], on[:, k]), (valid_reads[:, k], valid_on[:, k])]
        samples = [(u_k[on_k], u_k[~on_k]) for u_k, on_k in both if on_k.any() and not on_k.all()]
        threshold = best_threshold(*samples) if readable[k] else float("inf")
        thresholds.append(threshold)
        slots.append(
            {
                "threshold": threshold if readable[k] else None,
                "balanced_accuracy": balanced_accuracy(*samples[-1], threshold) if readable[k] else None,
                "train": {"on": _describe(reads[on[:, k], k]), "off": _describe(reads[~on[:, k], k])},
                "valid": {"on": _describe(valid_reads[valid_on[:, k], k]), "off": _describe(valid_reads[~valid_on[:, k], k])},
            }
        )
    return Calibrated(
        W=(W.double() * a).to(W.dtype),
        b=(b.double() * a + c).to(b.dtype),
        D=(D.double() / a[:, None]).to(D.dtype),
        threshold=torch.tensor(thresholds, dtype=b.dtype, device=b.device),
        metadata={"slots": slots},
        unread=tuple((~readable).nonzero()[:, 0].tolist()),
        A=None if A is None else (A.double() / a[:, None, None]).to(A.dtype),
    )


def best_threshold(*samples: tuple[Tensor, Tensor]) -> float:
    """The cut t between reads, on if u > t, with the highest balanced accuracy, as the mean over samples of reads (on, off).

    Among equally good cuts, TOLERANCE apart at most, the one nearest to 1/2 is taken, half-way between the means of off and on,
    that keeps MARGIN of the gap between neighbouring reads from its ends: a few carriers show how strongly *they* read, and
    others that read more weakly must not fall silent. Reads below 0 count as 0, for relu(u) is what the latent shows.
    The best of all will not do: to be rid of one stray read of 0.75, a cut of 0.76 left an eighth of the questions of a carrier
    unread that had no part in it (biography world). ValueError without reads of both kinds in every sample.
    """
    if not samples or not all(len(on) and len(off) for on, off in samples):
        raise ValueError("a threshold needs reads of both kinds")
    reads = torch.cat([kind.double().clamp_min(0) for sample in samples for kind in sample]).unique()
    cuts = torch.cat([reads.new_zeros(1), (reads[1:] + reads[:-1]) / 2])
    margin = torch.cat([reads.new_zeros(1), reads[1:] - reads[:-1]])
    accuracy = torch.stack([_balanced_accuracies(*sample, cuts) for sample in samples]).mean(0)
    good = accuracy >= accuracy.max() - TOLERANCE
    room, centre = (0.5 - MARGIN) * margin[good], cuts[good]
    nearest = torch.minimum(torch.maximum(torch.tensor(0.5, dtype=centre.dtype), centre - room), centre + room)
    return nearest[(nearest - 0.5).abs().argmin()].item()


def balanced_accuracy(on: Float[Tensor, " p"], off: Float[Tensor, " q"], threshold: float) -> float:
    """Mean of the shares of `on` above a threshold and of `off` at or below it."""
    return _balanced_accuracies(on, off, torch.tensor([threshold], dtype=torch.float64)).item()


def _balanced_accuracies(on: Tensor, off: Tensor, cuts: Tensor) -> Tensor:
    on, off = (kind.double().clamp_min(0).sort().values for kind in (on, off))
    hit = 1 - torch.searchsorted(on, cuts, right=True).double() / len(on)
    rejected = torch.searchsorted(off, cuts, right=True).double() / len(off)
    return (hit + rejected) / 2


def _mean(values: Tensor, where: Tensor) -> Tensor:
    """Column means [K], in double precision, over the rows marked in `where`; NaN for a column without any."""
    return (values.double() * where).sum(0) / where.sum(0)


def _describe(values: Tensor) -> dict[str, Any]:
    """Count, mean, standard deviation and quantiles; None where there is nothing to describe."""
    if not len(values):
        return {"n": 0, "mean": None, "std": None, "quantiles": None}
    ranked = values.sort().values  # torch.quantile refuses more than 16 million values
    quantiles = {f"{q:g}": ranked[round(q * (len(ranked) - 1))].item() for q in QUANTILES}
    return {"n": len(values), "mean": values.mean().item(), "std": values.std(correction=0).item(), "quantiles": quantiles}
