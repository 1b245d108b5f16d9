"""A recipe, measured and judged: every edit alone and all together, controls, damage, expectations."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from kedit.editing.metric_names import HEADLINE_QUADRANT, QUADRANTS, RUN_METRICS
from kedit.editing.recipe import Expectation
from kedit.editing.resolving import ResolvedRecipe
from kedit.verification.applying import Applied, applied
from kedit.verification.binding import accuracy, false_positives, worst_auroc
from kedit.verification.competing import check_controls
from kedit.verification.figures import Gate, Locality
from kedit.verification.locality import NEUTRAL_N, Damage, damage
from kedit.verification.measure import NULL_LATENTS
from kedit.verification.outcomes import SwapRow
from kedit.verification.readings import binding_readings
from kedit.verification.report import CHOSEN_ON, Evaluation, Report, ReportProtocol, RunInfo
from kedit.verification.setting import Setting
from kedit.verification.strengths import settle
from kedit.verification.verdict import Measured, Measurements, judge
from kedit.verification.verifying_edits import LATER, EditMeasured, Extent, measure_edit

ROOM: Final = 32
"""Tokens of an answer for which a recipe's own prompts must leave room."""


class Verified(NamedTuple):
    """The report, and the rows behind it (edit by edit, by `SwapRow.edit`)."""

    report: Report
    rows: list[SwapRow]


def verify_recipe(
    setting: Setting,
    resolved: ResolvedRecipe,
    *,
    run: RunInfo | None = None,
    evaluation: Evaluation | None = None,
    settled: MutableMapping[str, Any] | None = None,
    salt: str = "",
    allow_unverified: bool = False,
    null_latents: int = NULL_LATENTS,
    neutral_n: int | None = None,
) -> Verified:
    """Measure a resolved recipe against its run and hold its expectations against that.

    Items per edit and quadrant, prompts of damage, seed and further controls are the recipe's own (`verify:`). `evaluation`: the
    run's, whose binding and layers the report repeats. `settled`, `salt`: strengths that were chosen before (`strengths.settle`).
    InputError for a control that this run has nothing for.
    """
    options = resolved.verify
    check_controls(setting, options.controls)
    for prompt in resolved.prompts:
        setting.lm.check_length(prompt.text, ROOM)
    resolved, strengths = settle(setting, resolved, settled, salt)
    edits = tuple(edit for edit in resolved.edits if not edit.is_empty)
    together = applied(setting, edits) if len(edits) > 1 else None
    extent = Extent(null_latents, min(options.locality_n, NEUTRAL_N) if neutral_n is None else neutral_n)
    measured = {edit.id: measure_edit(setting, edit, resolved, together, strengths[edit.id], extent=extent) for edit in edits}
    numbers = [number for one in measured.values() for number in one.numbers]
    locality = next(iter(measured.values())).result.locality if measured else Locality()
    around = _all_damage(setting, together, resolved, extent) if together is not None else None
    if around is not None:
        numbers += around.numbers()
        locality = around.locality()
    numbers += run_numbers(setting, resolved.expect, options.seed)
    rows = {name: one.rows for name, one in measured.items()}
    judged = judge(resolved.expect, Measurements(rows, numbers, options.seed), allow_unverified=allow_unverified)
    broken = tuple(one.self_test.judged(name) for name, one in measured.items() if not one.self_test.passed)
    verdict = replace(judged, expectations=(*judged.expectations, *broken))
    report = Report(
        schema="kedit.report/1",
        recipe=resolved.name,
        verdict=verdict.verdict,
        protocol=ReportProtocol(
            seed=options.seed,
            calibrated_strength=setting.strength,
            split=CHOSEN_ON[setting.sae.metadata.get("chosen_on", "validation")],
            prompt_style=setting.prompts.style,
        ),
        run=run or RunInfo(),
        edits=tuple(one.result for one in measured.values()),
        locality=locality,
        binding=evaluation.binding if evaluation else None,
        layers=evaluation.layers if evaluation else (),
        activations=evaluation.activations if evaluation else {},
        gates=_all_gates(measured),
        expectations=verdict.expectations,
        notes=(*resolved.notes, *_together_notes(together, around)),
        allow_unverified=allow_unverified,
    )
    return Verified(report, [row for some in rows.values() for row in some])


def _all_damage(setting: Setting, together: Applied, resolved: ResolvedRecipe, extent: Extent) -> Damage:
    """Damage with all edits at work."""
    options = resolved.verify
    return damage(
        setting,
        [together],
        n=options.locality_n,
        neutral_n=extent.neutral_n,
        protect=resolved.protect,
        seed=options.seed,
    )


def _together_notes(together: Applied | None, around: Damage | None) -> tuple[str, ...]:
    """What cannot be measured with all edits at work."""
    if together is None or around is None:
        return ()
    notes = []
    if later := [edit.id for edit in together.edits if edit.steps != "prompt"]:
        notes.append("together, " + LATER.format(f"{', '.join(later)} also fires"))
    if "other_relations" not in around.expected:
        notes.append("together, the edits name every relation: none is left to retain, and retention is judged edit by edit")
    return tuple(notes)


def run_numbers(setting: Setting, expect: Iterable[Expectation], seed: int) -> list[Measured]:
    """Metrics of the run, if an expectation asks for one: they mean reading the run's prompts."""
    if not any(e.metric in RUN_METRICS and e.metric != "direct_ask" for e in expect):
        return []
    readings = binding_readings(setting)
    found = [Measured("false_positive_rate", false_positives(readings, seed=seed))]
    for quadrant in QUADRANTS:
        value = accuracy(readings, quadrant, seed=seed)
        found.append(Measured("binding_accuracy", value, on=quadrant))
        if quadrant == HEADLINE_QUADRANT and value.n:
            found.append(Measured("auroc", worst_auroc(readings, quadrant, seed=seed)))
    return found


def _all_gates(measured: dict[str, EditMeasured]) -> dict[str, Gate]:
    """Every edit's gates; under its id where there are several edits."""
    if len(measured) == 1:
        return next(iter(measured.values())).gates
    return {f"{edit}: {name}": gate for edit, one in measured.items() for name, gate in one.gates.items()}
