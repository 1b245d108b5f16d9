"""The figures that are claimed: the main job over several seeds of splits and training, with the mean and the worst of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from kedit.config import AlignConfig
from kedit.editing.metric_names import HEADLINE_QUADRANT, QUADRANTS
from kedit.errors import InputError
from kedit.progress import say
from kedit.verification.metrics import estimate, paired_difference, select, share
from kedit.verification.outcomes import EDIT, SwapRow, load_rows
from kedit.verification.report import Evaluation


def over_seeds(cfg: AlignConfig, seeds: Sequence[int]) -> dict[str, Any]:
    """Align once per seed beside each other and gather the figures: `kedit.seeds/1`.

    The runs lie in `<run directory>-seed<N>`. What the model makes of the prompts does not depend on the seed and is shared.
    """
    from kedit.pipeline import align

    root = cfg.run_directory()
    evaluations: dict[int, Evaluation] = {}
    rows: dict[int, list[SwapRow]] = {}
    shared = root / "activations"
    for seed in seeds:
        out = root.with_name(f"{root.name}-seed{seed}")
        say(f"seed {seed}: {out}")
        run = align(cfg.model_copy(update={"seed": seed, "out": out}), activations=shared)
        shared = shared if shared.is_dir() else out / "activations"
        evaluations[seed] = run.evaluation
        rows[seed] = load_rows(out / "rows.jsonl")
    return summary(evaluations, rows)


def summary(evaluations: Mapping[int, Evaluation], rows: Mapping[int, Sequence[SwapRow]]) -> dict[str, Any]:
    """Mean, minimum and maximum over seeds of every headline figure, and hits pooled over all seeds' rows, with intervals."""
    # A subject that stands in two seeds' test sets is one subject, but its rows are other items.
    pooled = [replace(row, prompt_id=f"{seed}:{row.prompt_id}") for seed, some in rows.items() for row in some]
    headline = select(pooled, quadrant=HEADLINE_QUADRANT)
    return {
        "schema": "kedit.seeds/1",
        "seeds": list(evaluations),
        "hook_points": {str(seed): evaluation.hook_point for seed, evaluation in evaluations.items()},
        "figures": {name: _spread(values) for name, values in _figures(evaluations.values()).items()},
        "pooled": {
            quadrant: _pooled(select(pooled, quadrant=quadrant)) for quadrant in QUADRANTS if select(pooled, quadrant=quadrant)
        },
        "differences": {
            name: _estimate(paired_difference(headline, select(pooled, quadrant=HEADLINE_QUADRANT, control=name), "hit_macro"))
            for name in sorted({row.control for row in pooled} - {EDIT})
        },
    }


def _figures(evaluations: Iterable[Evaluation]) -> dict[str, list[float | None]]:
    found: dict[str, list[float | None]] = {}

    def add(name: str, value: float | None) -> None:
        found.setdefault(name, []).append(value)

    for evaluation in evaluations:
        bound, quadrant = evaluation.binding.quadrants.get(HEADLINE_QUADRANT), evaluation.swap.quadrants.get(HEADLINE_QUADRANT)
        if bound is None or quadrant is None:
            raise InputError(
                f"{evaluation.run.name}: no swap could be measured on unseen carriers x unseen subjects",
                advice="The ontology is too small to hold subjects out; `kedit align` shows what can be measured.",
            )
        add("binding accuracy", bound.accuracy)
        add("false positives on negatives", evaluation.binding.false_positive_rate)
        add("on at background tokens", evaluation.binding.background_rate)
        add("swap hit (macro)", quadrant.hit_macro)
        add("ordered pairs that count", quadrant.pairs)
        add("worst pair", quadrant.worst.hit if quadrant.worst else None)
        add("trained pairs (macro)", quadrant.trained_pairs.hit_macro if quadrant.trained_pairs else None)
        add("never-trained pairs (macro)", quadrant.untrained_pairs.hit_macro if quadrant.untrained_pairs else None)
        add("exact", quadrant.exact)
        add("behavioural hit", quadrant.behavioural)
        add("hit over all facts (macro)", quadrant.all_facts.hit_macro if quadrant.all_facts else None)
        add("stuck", quadrant.stuck)
        for name, cells in evaluation.controls.items():
            if HEADLINE_QUADRANT in cells:
                add(f"control {name} (macro)", cells[HEADLINE_QUADRANT].hit_macro)
        locality = evaluation.locality
        add("read-back error", locality.read_back.value if locality.read_back else None)
        for name, kept in locality.retention.items():
            add(f"retention {name}, scoped", kept.scoped.value if kept.scoped else None)
            add(f"retention {name}, forced", kept.forced.value if kept.forced else None)
        for name, drift in locality.drift_kl.items():
            add(f"drift {name}, scoped", drift.scoped.mean if drift.scoped else None)
            add(f"drift {name}, forced", drift.forced.mean if drift.forced else None)
        if evaluation.dictionary:
            add("explained variance", evaluation.dictionary.explained_variance)
            add("L0", evaluation.dictionary.l0)
            add("dead latents", evaluation.dictionary.dead)
            add("spliced KL", evaluation.dictionary.kl_spliced)
    return found


def _spread(values: Sequence[float | None]) -> dict[str, Any]:
    known = [value for value in values if value is not None]
    if not known:
        return {"mean": None, "min": None, "max": None, "values": list(values)}
    return {"mean": float(np.mean(known)), "min": min(known), "max": max(known), "values": list(values)}


def _pooled(rows: Sequence[SwapRow]) -> dict[str, Any]:
    return {"hit": _estimate(estimate(rows)), "hit_macro": _estimate(estimate(rows, "hit_macro")), "stuck": share(rows, "stuck")}


def _estimate(found: Any) -> dict[str, Any]:
    numbers = {"value": found.value, "ci": [found.low, found.high]}
    clean = {key: None if np.isnan(value).any() else value for key, value in numbers.items()}
    return {**clean, "n": found.n, "subjects": found.subjects}
