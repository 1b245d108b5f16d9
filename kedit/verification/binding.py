"""Does a slot say which relation is asked? Accuracy, confusion, AUROC and false positives of the relation slots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kedit.editing.metric_names import HEADLINE_QUADRANT, QUADRANTS
from kedit.verification.figures import Binding, BindingQuadrant, Confusion, Histogram
from kedit.verification.statistics import EMPTY, NAN, Estimate, Floats, auroc, auroc_of, bootstrap_ci, bootstrap_statistic

NONE: Final = -1
"""Asked: a negative. Predicted: no relation slot fires."""
NONE_LABEL: Final = "(none)"


@dataclass(frozen=True)
class Readings:
    """What R relation slots read on N prompts; all arrays run over the same prompts."""

    labels: tuple[str, ...]
    """[R] CURIEs of the relation slots."""
    asked: NDArray[np.int64]
    """[N] index of the relation that is asked, -1 for negatives."""
    values: NDArray[np.float64]
    """[N, R] calibrated slot values."""
    active: NDArray[np.bool_]
    """[N, R] whether the value crosses the slot's threshold."""
    quadrants: Sequence[str]
    """[N] quadrant; anything else (as for negatives and validation prompts) belongs to none."""
    subjects: Sequence[str]
    carriers: Sequence[str]
    on: NDArray[np.bool_] | None = None
    """[N, R] slots that are rightly on (the asked relation and its ancestors); None where no relation has ancestors."""

    def __post_init__(self) -> None:
        shape = (len(self.asked), len(self.labels))
        if self.values.shape != shape or self.active.shape != shape or (self.on is not None and self.on.shape != shape):
            raise ValueError(f"expected values and active of shape {shape}, got {self.values.shape} and {self.active.shape}")

    @property
    def expected(self) -> NDArray[np.bool_]:
        """[N, R] multi-hot labels."""
        one_hot: NDArray[np.bool_] = self.asked[:, None] == np.arange(len(self.labels))
        return one_hot if self.on is None else one_hot | self.on

    @property
    def predicted(self) -> NDArray[np.int64]:
        """[N] strongest slot that fires, -1 if none does. An ancestor of the asked relation does not compete with it."""
        one_hot = self.asked[:, None] == np.arange(len(self.labels))
        competes = self.active & ~(self.expected & ~one_hot)
        values = np.where(competes, self.values, -np.inf)
        return np.where(competes.any(axis=1), values.argmax(axis=1), NONE).astype(np.int64)


def accuracy(readings: Readings, quadrant: str = HEADLINE_QUADRANT, *, seed: int = 0) -> Estimate:
    """Share of a quadrant's prompts on which the strongest firing slot is the relation asked for."""
    chosen = (np.asarray(readings.quadrants) == quadrant) & (readings.asked != NONE)
    if np.isnan(readings.values[chosen]).any():
        return Estimate(float("nan"), float("nan"), float("nan"), int(chosen.sum()), 0)
    right = (readings.predicted == readings.asked)[chosen]
    return bootstrap_ci(right, np.asarray(readings.subjects)[chosen], np.asarray(readings.carriers)[chosen], seed=seed)


def false_positives(readings: Readings, *, seed: int = 0) -> Estimate:
    """Share of negatives on which any relation slot fires."""
    negatives = readings.asked == NONE
    if not negatives.any():
        return EMPTY
    fired = readings.active[negatives].any(axis=1)
    # A sentence without a subject is its own cluster, by its carrier.
    names = [subject or carrier for subject, carrier in zip(readings.subjects, readings.carriers, strict=True)]
    return bootstrap_ci(fired, np.asarray(names)[negatives], np.asarray(readings.carriers)[negatives], seed=seed)


def confusion(readings: Readings, quadrant: str = HEADLINE_QUADRANT) -> Confusion:
    """Counts of asked (rows) against read (columns) in one quadrant, and of all negatives in the last row."""
    size = len(readings.labels) + 1
    table = np.zeros((size, size), dtype=np.int64)
    chosen = (np.asarray(readings.quadrants) == quadrant) | (readings.asked == NONE)
    np.add.at(table, (readings.asked[chosen] % size, readings.predicted[chosen] % size), 1)
    return Confusion(labels=(*readings.labels, NONE_LABEL), counts=tuple(tuple(map(int, row)) for row in table))


def relation_auroc(readings: Readings, quadrant: str = HEADLINE_QUADRANT) -> dict[str, float]:
    """AUROC of each slot: prompts on which it should be on, against all others of the quadrant and the negatives."""
    chosen = (np.asarray(readings.quadrants) == quadrant) | (readings.asked == NONE)
    values, expected = readings.values[chosen], readings.expected[chosen]
    return {label: auroc(values[:, index], expected[:, index]) for index, label in enumerate(readings.labels)}


def worst_auroc(readings: Readings, quadrant: str = HEADLINE_QUADRANT, *, seed: int = 0) -> Estimate:
    """The least of the relations' AUROCs, resampled by subject (a sentence about nobody is its own); NaN if one of them is."""
    chosen = (np.asarray(readings.quadrants) == quadrant) | (readings.asked == NONE)
    values, expected = readings.values[chosen], readings.expected[chosen]
    if np.isnan(list(relation_auroc(readings, quadrant).values())).any():
        return Estimate(NAN, NAN, NAN, int(chosen.sum()), 0)
    areas = [auroc_of(values[:, index], expected[:, index]) for index in range(len(readings.labels))]
    names = [subject or carrier for subject, carrier in zip(readings.subjects, readings.carriers, strict=True)]

    def least(weights: Floats) -> Floats:
        # A resample may lack a relation altogether: the others decide there.
        return np.fmin.reduce([area(weights) for area in areas])

    return bootstrap_statistic(least, np.asarray(names)[chosen], seed=seed, bounds=(0.0, 1.0))


def binding_summary(readings: Readings, *, seed: int = 0) -> Binding:
    """The binding block of `evaluation.json`."""
    quadrants = {}
    for quadrant in QUADRANTS:
        result = accuracy(readings, quadrant, seed=seed)
        if result.n:
            quadrants[quadrant] = BindingQuadrant(n=result.n, accuracy=result.value, ci=(result.low, result.high))
    return Binding.model_validate(
        {
            "quadrants": quadrants,
            "confusion": confusion(readings),
            "auroc": relation_auroc(readings),
            "false_positive_rate": false_positives(readings, seed=seed).value,
            "negatives": int((readings.asked == NONE).sum()),
        }
    )


BINS: Final = 32


def activations(readings: Readings, thresholds: Sequence[float], quadrant: str = HEADLINE_QUADRANT) -> dict[str, Histogram]:
    """Histograms of every relation slot's reads: where its relation is asked (on), and everywhere else in the quadrant (off).

    Negatives count as off. Bins are common to all slots, so that their distributions can be laid side by side.
    """
    inside = np.array([name == quadrant for name in readings.quadrants], dtype=bool) | (readings.asked == NONE)
    values = readings.values[inside]
    if not values.size:
        return {}
    low, high = (float(np.floor(values.min() * 4) / 4), float(np.ceil(values.max() * 4) / 4))
    edges = np.linspace(low, max(high, low + 0.25), BINS + 1)
    found = {}
    for column, label in enumerate(readings.labels):
        on = readings.asked[inside] == column if readings.on is None else readings.on[inside, column]
        counts = [np.histogram(values[mask, column], bins=edges)[0].tolist() for mask in (on, ~on)]
        found[label] = Histogram(
            edges=tuple(edges.tolist()), on=tuple(counts[0]), off=tuple(counts[1]), threshold=thresholds[column]
        )
    return found
