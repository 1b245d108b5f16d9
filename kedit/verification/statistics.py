"""Estimates with 95 % intervals that respect who and what was sampled: subjects and carriers, not rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kedit.intervals import wilson

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RESAMPLES: Final = 2000
_CHUNK: Final = 200
"""Resamples whose weights of all items are held at a time."""
NAN: Final = float("nan")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval, from `n` items of `subjects` subjects. Empty: NaN, n = 0."""

    value: float
    low: float
    high: float
    n: int
    subjects: int

    @property
    def usable(self) -> bool:
        """Whether value and interval are numbers."""
        return math.isfinite(self.value) and math.isfinite(self.low) and math.isfinite(self.high)

    def __str__(self) -> str:
        if not math.isfinite(self.value):
            return "n/a"
        if not self.usable:
            return f"{self.value:.2f}"
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


EMPTY: Final = Estimate(NAN, NAN, NAN, 0, 0)


def bootstrap_ci(
    values: ArrayLike,
    clusters_a: Sequence[Any] | ArrayLike,
    clusters_b: Sequence[Any] | ArrayLike,
    *,
    groups: Sequence[Any] | ArrayLike | None = None,
    n: int = RESAMPLES,
    seed: int = 0,
    bounds: tuple[float, float] | None = (0.0, 1.0),
) -> Estimate:
    """Mean of `values` [N] with a two-way clustered bootstrap interval (percentile, 95 %).

    Subjects (`clusters_a`) and carriers (`clusters_b`) are resampled independently and an item weighs the product of its two
    counts: the pigeonhole bootstrap (Owen, Annals of Applied Statistics 1, 2007), which errs to the wide side. With `groups` [N]
    (ordered pairs) the statistic is the mean of the groups' means under one and the same resample. Where all values are equal, as
    at 0 and 1, a bootstrap has nothing to say; exceptions not yet seen are bounded by Wilson on subjects, and so they are
    with one subject. A sample with a few exceptions claims no more than one without any would. `bounds`: the range of a value,
    None if unbounded. A NaN among `values` gives NaN, it is never dropped.
    """
    x = np.asarray(values, dtype=np.float64).ravel()
    if x.size == 0:
        return EMPTY
    a, subjects = _codes(clusters_a, x.size)
    b, carriers = _codes(clusters_b, x.size)
    g, n_groups = _codes(groups, x.size) if groups is not None else (np.zeros(x.size, dtype=np.int64), 1)
    # Places of each group, ascending: looking through all items for every group costs their product.
    members = np.split(np.argsort(g, kind="stable"), np.cumsum(np.bincount(g, minlength=n_groups))[:-1])
    value = float(np.mean([x[group].mean() for group in members]))
    if not np.isfinite(x).all():
        return Estimate(NAN, NAN, NAN, int(x.size), subjects)
    if np.ptp(x) == 0:
        low, high = _never_varied(value, subjects, bounds)
        return Estimate(value, low, high, int(x.size), subjects)
    if subjects == 1:
        low, high = _one_subject(value, bounds)
        return Estimate(value, low, high, int(x.size), 1)
    weights_a, weights_b = _resamples(subjects, n, seed, 0), _resamples(carriers, n, seed, 1)
    statistics = np.full((n, n_groups), np.nan)
    for number, group in enumerate(members):
        statistics[:, number] = _weighted_means(x[group], a[group], b[group], weights_a, weights_b)
    drawn = statistics[~np.isnan(statistics).all(axis=1)]
    low, high = _cautious(np.quantile(np.nanmean(drawn, axis=1), (0.025, 0.975)), subjects, bounds)
    # Percentiles may miss the value itself when a few clusters carry it all; an interval that excludes its own estimate misleads.
    return Estimate(value, min(low, value), max(high, value), int(x.size), subjects)


def paired_difference_ci(
    a: ArrayLike,
    b: ArrayLike,
    clusters_a: Sequence[Any] | ArrayLike,
    clusters_b: Sequence[Any] | ArrayLike,
    *,
    groups: Sequence[Any] | ArrayLike | None = None,
    n: int = RESAMPLES,
    seed: int = 0,
    bounds: tuple[float, float] | None = (-1.0, 1.0),
) -> Estimate:
    """Mean of a - b over the same items [N], with the interval of `bootstrap_ci` on the differences."""
    left, right = np.asarray(a, dtype=np.float64).ravel(), np.asarray(b, dtype=np.float64).ravel()
    if left.shape != right.shape:
        raise ValueError(f"paired samples of different size: {left.size} and {right.size}")
    return bootstrap_ci(left - right, clusters_a, clusters_b, groups=groups, n=n, seed=seed, bounds=bounds)


Statistic = Callable[[Floats], Floats]
"""Weights of N items under b resamples [b, N] -> the statistic of each [b]; NaN where it is not defined."""


def bootstrap_statistic(
    statistic: Statistic,
    clusters_a: Sequence[Any] | ArrayLike,
    clusters_b: Sequence[Any] | ArrayLike | None = None,
    *,
    n: int = RESAMPLES,
    seed: int = 0,
    bounds: tuple[float, float] | None = None,
) -> Estimate:
    """A statistic that is no mean, with the same resamples and the same caution as `bootstrap_ci`.

    Without `clusters_b` one way is resampled. A statistic that is NaN for the sample itself gives NaN.
    """
    size = len(np.asarray(clusters_a))
    if size == 0:
        return EMPTY
    a, subjects = _codes(clusters_a, size)
    b, others = _codes(clusters_b, size) if clusters_b is not None else (np.zeros(size, dtype=np.int64), 1)
    value = float(statistic(np.ones((1, size)))[0])
    if not math.isfinite(value):
        return Estimate(NAN, NAN, NAN, size, subjects)
    if subjects == 1:
        low, high = _one_subject(value, bounds)
        return Estimate(value, low, high, size, 1)
    weights_a, weights_b = _resamples(subjects, n, seed, 0), _resamples(others, n, seed, 1)
    chunks = [slice(start, start + _CHUNK) for start in range(0, n, _CHUNK)]
    drawn = np.concatenate([statistic(weights_a[chunk][:, a] * weights_b[chunk][:, b]) for chunk in chunks])
    drawn = drawn[np.isfinite(drawn)]
    if not drawn.size:
        return Estimate(value, NAN, NAN, size, subjects)
    low, high = _cautious(np.quantile(drawn, (0.025, 0.975)), subjects, bounds)
    return Estimate(value, min(low, value), max(high, value), size, subjects)


def quantile_of(values: ArrayLike, q: float) -> Statistic:
    """The q-quantile of `values` [N], each as often as its weight says (numpy's linear rule); NaN if one of them is."""
    x = np.asarray(values, dtype=np.float64).ravel()
    order = np.argsort(x)
    ordered = x[order]

    def statistic(weights: Floats) -> Floats:
        if np.isnan(x).any():
            return np.full(len(weights), NAN)
        reached = np.cumsum(weights[:, order], axis=1)
        place = np.maximum(reached[:, -1:] - 1, 0) * q
        below, above = (ordered[(reached > np.floor(place + step)).argmax(axis=1)] for step in (0, 1))
        # At the last item nothing lies above, and the part of it that is taken is 0.
        found = below + (place[:, 0] % 1) * (above - below)
        return np.where(reached[:, -1] > 0, found, NAN)

    return statistic


def auroc_of(scores: ArrayLike, positive: ArrayLike) -> Statistic:
    """`auroc` of weighted items: ties counted half; NaN without weight in both classes or with a NaN score."""
    s, on = np.asarray(scores, dtype=np.float64).ravel(), np.asarray(positive, dtype=bool).ravel()
    order = np.argsort(s, kind="stable")
    on, starts = on[order], np.flatnonzero(np.diff(s[order], prepend=-np.inf))

    def statistic(weights: Floats) -> Floats:
        if np.isnan(s).any():
            return np.full(len(weights), NAN)
        ordered = weights[:, order]
        above, below = (np.add.reduceat(ordered * side, starts, axis=1) for side in (on, ~on))
        pairs = above.sum(axis=1) * below.sum(axis=1)
        wins = (above * (np.cumsum(below, axis=1) - below / 2)).sum(axis=1)
        return np.divide(wins, pairs, out=np.full(len(weights), NAN), where=pairs > 0)

    return statistic


def permutation_p_value(real: float, null: ArrayLike) -> float:
    """One-sided p-value of `real` against draws of the null, (1 + #{null >= real}) / (1 + #null) (Phipson and Smyth 2010)."""
    draws = np.asarray(null, dtype=np.float64).ravel()
    if not math.isfinite(real) or draws.size == 0 or not np.isfinite(draws).all():
        return NAN
    return float((1 + np.sum(draws >= real)) / (1 + draws.size))


def auroc(scores: ArrayLike, positive: ArrayLike) -> float:
    """Area under the ROC curve by ranks, ties counted half (Mann-Whitney); NaN without both classes or with a NaN score."""
    s, on = np.asarray(scores, dtype=np.float64).ravel(), np.asarray(positive, dtype=bool).ravel()
    n_on, n_off = int(on.sum()), int((~on).sum())
    if n_on == 0 or n_off == 0 or np.isnan(s).any():
        return NAN
    _, inverse, counts = np.unique(s, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[on].sum() - n_on * (n_on + 1) / 2) / (n_on * n_off))


def _codes(clusters: Sequence[Any] | ArrayLike, size: int) -> tuple[Ints, int]:
    names, codes = np.unique(np.asarray(clusters), return_inverse=True)
    if codes.size != size:
        raise ValueError(f"{size} values but {codes.size} cluster labels")
    return codes.ravel().astype(np.int64), len(names)


@lru_cache(maxsize=8)
def _resamples(clusters: int, n: int, seed: int, way: int) -> Floats:
    """[n, clusters] counts of n draws of `clusters` clusters with replacement."""
    generator = np.random.default_rng([seed, way, clusters])
    counts = generator.multinomial(clusters, np.full(clusters, 1 / clusters), size=n).astype(np.float64)
    counts.setflags(write=False)
    return counts


def _weighted_means(x: Floats, a: Ints, b: Ints, weights_a: Floats, weights_b: Floats) -> Floats:
    """[n] means of x under the product weights; NaN where a resample holds none of the items."""
    rows, row = np.unique(a, return_inverse=True)
    columns, column = np.unique(b, return_inverse=True)
    totals, counts = np.zeros((len(rows), len(columns))), np.zeros((len(rows), len(columns)))
    np.add.at(totals, (row, column), x)
    np.add.at(counts, (row, column), 1.0)
    left, right = weights_a[:, rows], weights_b[:, columns]
    denominator = ((left @ counts) * right).sum(axis=1)
    numerator = ((left @ totals) * right).sum(axis=1)
    return np.divide(numerator, denominator, out=np.full(len(left), np.nan), where=denominator > 0)


def _never_varied(value: float, subjects: int, bounds: tuple[float, float] | None) -> tuple[float, float]:
    """Interval of a value that never varied: exceptions, at most Wilson's 0 of `subjects`, lie at the bounds."""
    if bounds is None:
        return value, value
    share = wilson(0, subjects)[1]
    return value - share * (value - bounds[0]), value + share * (bounds[1] - value)


def _cautious(ends: Floats, subjects: int, bounds: tuple[float, float] | None) -> tuple[float, float]:
    """Ends [2] that claim no more than a sample without any exception would."""
    low, high = map(float, ends)
    if bounds is None:
        return low, high
    least, most = (_never_varied(bound, subjects, bounds) for bound in bounds)
    return min(low, most[0]), max(high, least[1])


def _one_subject(value: float, bounds: tuple[float, float] | None) -> tuple[float, float]:
    """One subject says next to nothing about subjects: Wilson with n = 1, scaled to the bounds."""
    if bounds is None:
        return NAN, NAN
    width = bounds[1] - bounds[0]
    low, high = wilson((value - bounds[0]) / width, 1)
    return bounds[0] + width * low, bounds[0] + width * high
