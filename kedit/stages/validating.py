"""What swaps do on validation carriers x validation subjects: everything that is chosen, is chosen by these figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kedit.curriculum.splits import unit_hash
from kedit.verification.budget import linked
from kedit.verification.controls import Arm
from kedit.verification.items import Item, sample_items
from kedit.verification.measure import measure
from kedit.verification.metrics import by_pair, share
from kedit.verification.outcomes import SwapRow
from kedit.verification.setting import FALLBACK, VALIDATION, Setting

PLATEAU = 0.005
"""Strengths whose hits differ by no more are equally good."""


class Rates(NamedTuple):
    """Shares of known validation items, each the mean over ordered pairs, and how many items there were."""

    hit: float | None
    stuck: float | None
    n: int


class Curve(NamedTuple):
    """The chosen strength, and the hit at each that was tried."""

    best: float
    hits: dict[float, float]


def validation_items(setting: Setting, most: int, seed: int) -> tuple[Item, ...]:
    """Known items of all ordered pairs, about `most` of them, the same number of each; of more pairs, `most` by hash."""
    pairs: Sequence[tuple[str, str]] = setting.pairs
    if len(pairs) > most:
        pairs = [(source, target) for source, targets in linked(setting).items() for target in targets]
        pairs = sorted(pairs, key=lambda pair: unit_hash("validated", seed, *pair))[:most]
    edits = [setting.swap(source, target) for source, target in pairs]
    cap = max(1, -(-most // max(len(edits), 1)))
    for cell in (VALIDATION, FALLBACK):
        items = tuple(item for item in sample_items(setting, edits, quadrants=(cell,), cap=cap, seed=seed).items if item.known)
        if items:
            return items
    return ()


def rates(setting: Setting, items: Sequence[Item], control: str, label: str) -> Rates:
    """How often the edit, or a control in its place, hits and how often the old answer stays."""
    return _rates(measure(setting, {Arm(control): items}, label=label))


def best_strength(setting: Setting, items: Sequence[Item], control: str, strengths: Sequence[float], label: str) -> Curve:
    """Hit at every strength, and the strength with the best one; of nearly equal ones the nearest to 1."""
    rows = measure(setting, {Arm(control, strength): items for strength in strengths}, label=label)
    found = {strength: _rates([row for row in rows if row.strength == strength]).hit for strength in strengths}
    return chosen_of({strength: hit for strength, hit in found.items() if hit is not None})


def chosen_of(hits: dict[float, float]) -> Curve:
    """Of strengths and their hits the best one; of nearly equal ones the nearest to 1."""
    near = [strength for strength, hit in hits.items() if hit >= max(hits.values()) - PLATEAU]
    return Curve(min(near, key=lambda strength: (abs(strength - 1), strength), default=1.0), hits)


def _rates(rows: Sequence[SwapRow]) -> Rates:
    groups = list(by_pair(rows).values())
    if not groups:
        return Rates(None, None, 0)
    hit, stuck = (sum(share(group, metric) for group in groups) / len(groups) for metric in ("hit", "stuck"))
    return Rates(hit, stuck, len(rows))
