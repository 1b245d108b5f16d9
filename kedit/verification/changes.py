"""Differences of figures that have no rows behind them: b - a, with the intervals that the two sides give."""

from __future__ import annotations

import math

from kedit.editing.metric_names import QUADRANTS
from kedit.verification.comparison import Change, KnowledgeChange
from kedit.verification.figures import Binding, Interval, Locality, ScopeParts
from kedit.verification.report import Evaluation, Report


def change(
    a: float | None,
    b: float | None,
    ci_a: Interval = (None, None),
    ci_b: Interval = (None, None),
    n_a: int = 0,
    n_b: int = 0,
    *,
    bounds: tuple[float, float] | None = (-1.0, 1.0),
) -> Change:
    """b - a; with two intervals theirs by normal combination of their half widths, sqrt(h_a^2 + h_b^2)."""
    if a is None or b is None:
        return Change(a=a, b=b, ci_a=ci_a, ci_b=ci_b, n_a=n_a, n_b=n_b)
    difference = b - a
    ci: Interval = (None, None)
    ends = [end for end in (*ci_a, *ci_b) if end is not None]
    if len(ends) == 4:
        half = math.hypot((ends[1] - ends[0]) / 2, (ends[3] - ends[2]) / 2)
        low, high = bounds or (-math.inf, math.inf)
        ci = (max(difference - half, low), min(difference + half, high))
    return Change(a=a, b=b, ci_a=ci_a, ci_b=ci_b, n_a=n_a, n_b=n_b, difference=difference, ci=ci, method="unpaired")


def binding_changes(a: Binding | None, b: Binding | None) -> dict[str, Change]:
    if a is None or b is None:
        return {}
    found = {
        f"accuracy {name}": change(
            a.quadrants[name].accuracy, b.quadrants[name].accuracy, a.quadrants[name].ci, b.quadrants[name].ci,
            a.quadrants[name].n, b.quadrants[name].n,
        )
        for name in QUADRANTS
        if name in a.quadrants and name in b.quadrants
    }  # fmt: skip
    for term, value in a.auroc.items():
        if term in b.auroc:
            found[f"auroc {term}"] = change(value, b.auroc[term])
    found["false_positive_rate"] = change(a.false_positive_rate, b.false_positive_rate, n_a=a.negatives, n_b=b.negatives)
    found["background_rate"] = change(a.background_rate, b.background_rate)
    return {name: made for name, made in found.items() if (made.a, made.b) != (None, None)}


def damage_changes(a: Locality, b: Locality) -> dict[str, Change]:
    found: dict[str, Change] = {}
    for kind in ("scoped", "forced"):
        for name in a.retention.keys() & b.retention.keys():
            left, right = getattr(a.retention[name], kind), getattr(b.retention[name], kind)
            if left and right:
                found[f"retention {name} {kind}"] = change(left.value, right.value, left.ci, right.ci, left.n, right.n)
        for corpus in a.drift_kl.keys() & b.drift_kl.keys():
            one, other = getattr(a.drift_kl[corpus], kind), getattr(b.drift_kl[corpus], kind)
            if one and other:
                both = change(one.mean, other.mean, one.ci, other.ci, one.n, other.n, bounds=None)
                found[f"drift_kl {corpus} {kind}"] = both
                tails = change(one.p95, other.p95, one.p95_ci, other.p95_ci, one.n, other.n, bounds=None)
                found[f"drift_kl_p95 {corpus} {kind}"] = tails
    found = dict(sorted(found.items()))  # sets of names have no order of their own
    leaks = {f"scope_leak {name}": (a.scope_leak[name], b.scope_leak[name]) for name in a.scope_leak if name in b.scope_leak}
    others = {key: (getattr(a, key), getattr(b, key)) for key in ("scope_miss", *ScopeParts.model_fields, "read_back")}
    for key, (one, other) in (leaks | others).items():
        if one and other:
            bounds = None if key == "read_back" else (-1.0, 1.0)
            found[key] = change(one.value, other.value, one.ci, other.ci, one.n, other.n, bounds=bounds)
    return {name: made for name, made in found.items() if (made.a, made.b) != (None, None)}


def knowledge_changes(a: Evaluation | Report, b: Evaluation | Report) -> dict[str, KnowledgeChange]:
    if not isinstance(a, Evaluation) or not isinstance(b, Evaluation):
        return {}
    found = {}
    for term in dict.fromkeys((*a.knowledge, *b.knowledge)):
        one, other = a.knowledge.get(term), b.knowledge.get(term)
        found[term] = KnowledgeChange(
            asked_a=one.asked if one else None,
            asked_b=other.asked if other else None,
            known_a=one.known if one else None,
            known_b=other.known if other else None,
            direct_ask=change(one.direct_ask if one else None, other.direct_ask if other else None),
        )
    return found
