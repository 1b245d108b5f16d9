"""Figures over seeds: means and extremes of what each run says, hits pooled over all rows, differences paired."""

from __future__ import annotations

import math

from kedit.bench.seeds import summary
from kedit.editing.metric_names import HEADLINE_QUADRANT
from kedit.reporting.terminal import render_seeds, to_text
from kedit.verification.metrics import control_summary, swap_summary
from kedit.verification.outcomes import SwapRow
from kedit.verification.report import Evaluation, Protocol


def row(subject: int, hit: bool, control: str = "edit") -> SwapRow:
    return SwapRow(
        prompt_id=f"p{subject}",
        subject=f"s{subject % 20}",
        carrier=f"c{subject % 3}",
        source="a",
        target="b",
        quadrant=HEADLINE_QUADRANT,
        strength=1.0,
        control=control,
        text="",
        outcome="hit" if hit else "derailed",
        exact=hit,
    )


def run(hits: int, seed: int) -> tuple[Evaluation, list[SwapRow]]:
    rows = [row(i, i < hits) for i in range(40)] + [row(i, False, "random_direction") for i in range(40)]
    evaluation = Evaluation.model_validate(
        {
            "protocol": Protocol(seed=seed, strength=1.0),
            "hook_point": "blocks.2.hook_resid_post",
            "swap": swap_summary(rows),
            "controls": control_summary(rows),
            "binding": {"quadrants": {HEADLINE_QUADRANT: {"n": 10, "accuracy": 1.0, "ci": (0.9, 1.0)}}},
        }
    )
    return evaluation, rows


def test_mean_extremes_and_pooled_hits() -> None:
    runs = {101: run(30, 101), 102: run(38, 102)}
    found = summary({seed: one[0] for seed, one in runs.items()}, {seed: one[1] for seed, one in runs.items()})
    hit = found["figures"]["swap hit (macro)"]
    assert (hit["min"], hit["max"]) == (30 / 40, 38 / 40)
    assert math.isclose(hit["mean"], 34 / 40)
    assert found["pooled"][HEADLINE_QUADRANT]["hit"]["n"] == 80
    assert math.isclose(found["pooled"][HEADLINE_QUADRANT]["hit"]["value"], 68 / 80)
    difference = found["differences"]["random_direction"]
    assert math.isclose(difference["value"], 68 / 80)
    assert difference["ci"][0] > 0


def test_the_table_names_every_figure() -> None:
    evaluation, rows = run(30, 101)
    document = summary({101: evaluation}, {101: rows})
    text = to_text(render_seeds(document))
    assert all(name in text for name in document["figures"])
    assert max(map(len, text.splitlines())) <= 100
