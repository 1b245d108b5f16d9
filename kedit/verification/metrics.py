"""Rows into numbers: rates per quadrant, pair and control, paired differences, binding, damage."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kedit.editing.metric_names import CONTROLS, QUADRANTS
from kedit.verification.figures import Control, Difference, Drift, Pair, Rate, Swap, SwapQuadrant
from kedit.verification.outcomes import EDIT, SwapRow
from kedit.verification.statistics import (
    EMPTY,
    NAN,
    Estimate,
    bootstrap_ci,
    bootstrap_statistic,
    paired_difference_ci,
    quantile_of,
)

MIN_ITEMS: Final = 20
MIN_SUBJECTS: Final = 12
_BLOCKS: Final = 200
"""Clusters of neighbouring positions when nobody says which text a position belongs to."""
Names = Callable[[str], str]
"""IRI -> the CURIE that documents show."""

_ROW_METRICS: Final[dict[str, Callable[[SwapRow], float]]] = {
    "hit": lambda row: row.hit,
    "exact": lambda row: row.hit and row.exact,
    "lenient": lambda row: row.gate and (row.lenient or row.outcome == "hit"),
    "wrong_subject": lambda row: row.outcome == "wrong_subject",
    "stuck": lambda row: row.outcome == "stuck",
    "derailed": lambda row: row.outcome == "derailed" or (row.outcome == "hit" and not row.gate),
    "no_gate": lambda row: not row.gate,
}


def item_values(rows: Sequence[SwapRow], metric: str) -> NDArray[np.float64]:
    """[N] of 0 and 1: whether each row counts for a metric of an edit."""
    of = _ROW_METRICS[metric]
    return np.fromiter((of(row) for row in rows), dtype=np.float64, count=len(rows))


def share(rows: Sequence[SwapRow], metric: str) -> float:
    """Plain share of rows; NaN for none."""
    return float(item_values(rows, metric).mean()) if rows else NAN


def select(
    rows: Iterable[SwapRow], *, quadrant: str | None = None, control: str = EDIT, known: bool | None = True
) -> list[SwapRow]:
    """Rows of one quadrant and control; only those whose target fact is known unless `known` is None."""
    return [
        row
        for row in rows
        if row.control == control and (quadrant is None or row.quadrant == quadrant) and (known is None or row.known == known)
    ]


def by_pair(rows: Iterable[SwapRow]) -> dict[tuple[str, str], list[SwapRow]]:
    """Rows of each ordered pair (source, target), sorted."""
    groups: dict[tuple[str, str], list[SwapRow]] = defaultdict(list)
    for row in rows:
        groups[row.source, row.target].append(row)
    return dict(sorted(groups.items()))


def counts(rows: Sequence[SwapRow]) -> bool:
    """Whether a pair's rows are enough to enter a macro-average: 20 items of 12 subjects."""
    return len(rows) >= MIN_ITEMS and len({row.subject for row in rows}) >= MIN_SUBJECTS


def estimate(rows: Sequence[SwapRow], metric: str = "hit", *, seed: int = 0) -> Estimate:
    """A metric over items (`hit_macro` over ordered pairs that count, `hit_worst_pair` the least of them), with its interval."""
    if metric == "hit_macro":
        rows = [row for group in by_pair(rows).values() if counts(group) for row in group]
        return _bootstrap(rows, "hit", seed, macro=True)
    if metric == "hit_worst_pair":
        groups = [group for group in by_pair(rows).values() if counts(group)]
        return _bootstrap(min(groups, key=lambda group: share(group, "hit"), default=[]), "hit", seed)
    return _bootstrap(rows, metric, seed)


def _bootstrap(rows: Sequence[SwapRow], metric: str, seed: int, *, macro: bool = False) -> Estimate:
    return bootstrap_ci(
        item_values(rows, metric),
        [row.subject for row in rows],
        [row.carrier for row in rows],
        groups=[f"{row.source} {row.target}" for row in rows] if macro else None,
        seed=seed,
    )


def _rate_fields(rows: Sequence[SwapRow], seed: int) -> dict[str, object]:
    hit, macro = estimate(rows, "hit", seed=seed), estimate(rows, "hit_macro", seed=seed)
    return {
        "n": hit.n,
        "subjects": hit.subjects,
        "hit": hit.value,
        "ci": (hit.low, hit.high),
        "hit_macro": macro.value,
        "ci_macro": (macro.low, macro.high),
        "pairs": sum(map(counts, by_pair(rows).values())),
    }


def rate(rows: Sequence[SwapRow], *, seed: int = 0) -> Rate | None:
    """Hit of some rows; None if there are none."""
    return Rate.model_validate(_rate_fields(rows, seed)) if rows else None


def quadrant_summary(rows: Sequence[SwapRow], *, names: Names = str, seed: int = 0) -> SwapQuadrant:
    """All rates of one quadrant. `rows` are rows of one control, known and unknown; the headline is over the known ones."""
    known = [row for row in rows if row.known]
    behavioural = [row.behavioural and row.gate for row in rows if row.behavioural is not None]
    worst = min(((share(group, "hit"), pair) for pair, group in by_pair(known).items() if counts(group)), default=None)
    return SwapQuadrant.model_validate(
        _rate_fields(known, seed)
        | {metric: share(known, metric) for metric in ("exact", "lenient", "wrong_subject", "stuck", "derailed", "no_gate")}
        | {
            "behavioural": float(np.mean(behavioural)) if behavioural else NAN,
            "worst": {"from": names(worst[1][0]), "to": names(worst[1][1]), "hit": worst[0]} if worst else None,
            "trained_pairs": rate([row for row in known if row.pair_trained], seed=seed),
            "untrained_pairs": rate([row for row in known if not row.pair_trained], seed=seed),
            "answer_seen": rate([row for row in known if row.answer_seen], seed=seed),
            "answer_unseen": rate([row for row in known if not row.answer_seen], seed=seed),
            "all_facts": rate(rows, seed=seed),
        }
    )


def swap_summary(rows: Sequence[SwapRow], *, names: Names = str, seed: int = 0) -> Swap:
    """Quadrants and pairs of the edit's rows; a pair's `majority` comes from the rows of that control."""
    quadrants, pairs = {}, []
    for quadrant in QUADRANTS:
        mine = select(rows, quadrant=quadrant, known=None)
        if not mine:
            continue
        quadrants[quadrant] = quadrant_summary(mine, names=names, seed=seed)
        majority = by_pair(select(rows, quadrant=quadrant, control="majority"))
        for (source, target), group in by_pair(row for row in mine if row.known).items():
            hit = estimate(group, seed=seed)
            pairs.append(
                Pair.model_validate(
                    {
                        "from": names(source),
                        "to": names(target),
                        "quadrant": quadrant,
                        "n": hit.n,
                        "subjects": hit.subjects,
                        "hit": hit.value,
                        "ci": (hit.low, hit.high),
                        "majority": share(majority.get((source, target), []), "hit"),
                        "stuck": share(group, "stuck"),
                        "trained": group[0].pair_trained,
                        "counts": counts(group),
                    }
                )
            )
    return Swap.model_validate({"quadrants": quadrants, "pairs": pairs})


def control_summary(rows: Sequence[SwapRow], *, seed: int = 0) -> dict[str, dict[str, Control]]:
    """Every control that has rows, per quadrant (known facts), with the paired difference edit - control."""
    present = {row.control for row in rows} - {EDIT}
    ordered = [name for name in CONTROLS if name in present] + sorted(present - set(CONTROLS))
    summary: dict[str, dict[str, Control]] = {}
    for name in ordered:
        summary[name] = {}
        for quadrant in QUADRANTS:
            mine = select(rows, quadrant=quadrant, control=name)
            if mine:
                difference = paired_difference(select(rows, quadrant=quadrant), mine, seed=seed)
                shown = Difference(value=difference.value, ci=(difference.low, difference.high), n=difference.n)
                summary[name][quadrant] = Control.model_validate(_rate_fields(mine, seed) | {"difference": shown})
    return summary


def paired_difference(edit: Sequence[SwapRow], control: Sequence[SwapRow], metric: str = "hit", *, seed: int = 0) -> Estimate:
    """Mean of edit - control over the items that both have (`n` says how many).

    Items are the same by prompt and pair; a control that asks other prompts (direct ask) is compared by subject and target,
    with the mean of its rows.
    """
    macro, metric = metric == "hit_macro", metric.removesuffix("_macro")
    if macro:
        edit = [row for group in by_pair(edit).values() if counts(group) for row in group]
    exact: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    loose: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row, value in zip(control, item_values(control, metric), strict=True):
        exact[row.prompt_id, row.source, row.target].append(value)
        loose[row.subject, row.target].append(value)
    same_prompts = any((row.prompt_id, row.source, row.target) in exact for row in edit)
    matched, left, right = [], [], []
    for row, value in zip(edit, item_values(edit, metric), strict=True):
        key = (row.prompt_id, row.source, row.target)
        partner = exact.get(key) if same_prompts else loose.get((row.subject, row.target))
        if partner is not None:
            matched.append(row)
            left.append(value)
            right.append(float(np.mean(partner)))
    if not matched:
        return EMPTY
    return paired_difference_ci(
        left,
        right,
        [row.subject for row in matched],
        [row.carrier for row in matched],
        groups=[f"{row.source} {row.target}" for row in matched] if macro else None,
        seed=seed,
    )


def drift(kl: ArrayLike, texts: Sequence[str] | None = None, *, seed: int = 0) -> Drift:
    """Mean and 95th percentile of KL per position [N], nats, intervals clustered by text; NaN anywhere makes it NaN."""
    result, p95 = drift_estimates(kl, texts, seed=seed)
    ends = (result.low, result.high), (p95.low, p95.high)
    return Drift(mean=result.value, p95=p95.value, ci=ends[0], p95_ci=ends[1], n=result.n)


def drift_estimates(kl: ArrayLike, texts: Sequence[str] | None = None, *, seed: int = 0) -> tuple[Estimate, Estimate]:
    """Mean and 95th percentile of KL per position [N] (`drift_kl`, `drift_kl_p95`), both resampled by text."""
    values = np.asarray(kl, dtype=np.float64).ravel()
    if values.size == 0:
        return EMPTY, EMPTY
    block = -(-values.size // _BLOCKS)
    clusters = np.asarray(texts) if texts is not None else np.arange(values.size) // block
    mean = bootstrap_ci(values, clusters, np.zeros(values.size, dtype=int), bounds=None, seed=seed)
    return mean, bootstrap_statistic(quantile_of(values, 0.95), clusters, seed=seed)


def retained(kept: ArrayLike, subjects: Sequence[str], carriers: Sequence[str], *, seed: int = 0) -> Estimate:
    """Share of known answers that stay as they were, `kept` [N] of 0 and 1."""
    return bootstrap_ci(np.asarray(kept, dtype=np.float64), subjects, carriers, seed=seed)
