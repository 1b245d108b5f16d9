"""A recipe, measured and judged: every edit alone and all together, controls, damage, expectations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

from kedit.curriculum.splits import unit_hash
from kedit.editing.metric_names import HEADLINE_QUADRANT, QUADRANTS, RUN_METRICS
from kedit.editing.recipe import Expectation
from kedit.editing.resolving import ResolvedEdit, ResolvedRecipe
from kedit.errors import InputError
from kedit.lm.model import hook_point
from kedit.verification.applying import Applied, applied
from kedit.verification.binding import accuracy, false_positives, relation_auroc
from kedit.verification.controls import TOGETHER, Arm
from kedit.verification.evaluating import fired_gate, with_p_value
from kedit.verification.figures import Control, CurvePoint, Gate, Locality
from kedit.verification.items import Sample, sample_items
from kedit.verification.locality import NEUTRAL_N, Damage, damage
from kedit.verification.measure import ALL_CONTROLS, NULL_LATENTS, control_arms, latent_p_value, measure
from kedit.verification.metrics import control_summary, select, share, swap_summary
from kedit.verification.outcomes import EDIT, SwapRow
from kedit.verification.readings import binding_readings
from kedit.verification.report import CHOSEN_ON, EditResult, Protocol, Report, RunInfo, Transcript
from kedit.verification.setting import VALIDATION, Setting
from kedit.verification.statistics import Estimate
from kedit.verification.verdict import Measured, Measurements, judge

CURVE: Final = (0.5, 0.75, 1.0, 1.5, 2.0)
"""Multiples of an edit's strength at which its curve is taken, on validation."""
CURVE_ITEMS: Final = 40
CURVE_POSITIONS: Final = 100
TRANSCRIPTS: Final = 8
_OPERATOR_CONTROLS: Final = {
    "swap": ALL_CONTROLS,
    "suppress": ("noop", "wrong_slot", "random_latent", "random_direction"),
    "amplify": ("noop", "wrong_slot", "random_latent", "random_direction"),
    "set": ("noop", "wrong_slot", "random_latent", "random_direction", "interchange", "majority", "direct_ask"),
}
"""The fixed controls that mean something for an operator."""


class Verified(NamedTuple):
    """The report, and the rows behind it (edit by edit, by `SwapRow.edit`)."""

    report: Report
    rows: list[SwapRow]


class _EditMeasured(NamedTuple):
    result: EditResult
    rows: list[SwapRow]
    gates: dict[str, Gate]
    damage: Damage


def verify_recipe(
    setting: Setting,
    resolved: ResolvedRecipe,
    *,
    run: RunInfo | None = None,
    allow_unverified: bool = False,
    null_latents: int = NULL_LATENTS,
    neutral_n: int | None = None,
) -> Verified:
    """Measure a resolved recipe against its run and hold its expectations against that.

    Items per edit and quadrant, prompts of damage, seed and further controls are the recipe's own (`verify:`).
    InputError for a control that this version cannot measure.
    """
    options = resolved.verify
    if unknown := [name for name in options.controls if name not in ALL_CONTROLS]:
        message = f"the control {unknown[0]!r} is not measured by this version"
        raise InputError(message, advice=f"Leave it out; measured are: {', '.join(ALL_CONTROLS)}.")
    neutral_n = min(options.locality_n, NEUTRAL_N) if neutral_n is None else neutral_n
    edits = tuple(edit for edit in resolved.edits if not edit.is_empty)
    together = applied(setting, edits) if len(edits) > 1 else None
    measured = {
        edit.id: _measure_edit(setting, edit, resolved, together, null_latents=null_latents, neutral_n=neutral_n)
        for edit in edits
    }
    numbers = [number for name, one in measured.items() for number in one.damage.numbers(name)]
    locality = next(iter(measured.values())).damage.locality() if measured else Locality()
    if together is not None:
        all_of_them = damage(
            setting, [together], n=options.locality_n, neutral_n=neutral_n, protect=resolved.protect, seed=options.seed
        )
        numbers += all_of_them.numbers()
        locality = all_of_them.locality()
    numbers += run_numbers(setting, resolved.expect, options.seed)
    rows = {name: one.rows for name, one in measured.items()}
    verdict = judge(resolved.expect, Measurements(rows, numbers, options.seed), allow_unverified=allow_unverified)
    report = Report(
        schema="kedit.report/1",
        recipe=resolved.name,
        verdict=verdict.verdict,
        protocol=Protocol(
            seed=options.seed,
            strength=setting.strength,
            split=CHOSEN_ON[setting.sae.metadata.get("chosen_on", "validation")],
            prompt_style=setting.prompts.style,
        ),
        run=run or RunInfo(),
        edits=tuple(one.result for one in measured.values()),
        locality=locality,
        gates=_all_gates(measured),
        expectations=verdict.expectations,
        allow_unverified=allow_unverified,
    )
    return Verified(report, [row for some in rows.values() for row in some])


def _measure_edit(
    setting: Setting,
    edit: ResolvedEdit,
    resolved: ResolvedRecipe,
    together: Applied | None,
    *,
    null_latents: int,
    neutral_n: int,
) -> _EditMeasured:
    options = resolved.verify
    sample = sample_items(setting, [edit], quadrants=QUADRANTS, cap=options.per_edit, seed=options.seed)
    quadrants = _control_quadrants(edit, resolved.expect)
    controls = dict.fromkeys((*_OPERATOR_CONTROLS[edit.op], *options.controls))
    arms = {Arm(EDIT): sample.items} | control_arms(sample, [*controls], quadrants, None)
    if together is not None:
        arms[Arm(TOGETHER)] = sample.capped(None, quadrants)
    if edit.op == "suppress":  # what is not answered without the edit cannot be taken away
        arms[Arm("noop")] = sample.items
    rows = measure(setting, arms, seed=options.seed, all_edits=together, named=True, label=f"measuring {edit.id}")
    gates = dict(sample.gates)
    if edit.op == "suppress":
        rows, gates["answered_before"] = answered_before(rows)
    work = applied(setting, [edit], edit.id)
    around = damage(setting, [work], n=options.locality_n, neutral_n=neutral_n, protect=resolved.protect, seed=options.seed)
    shown = control_summary(rows, seed=options.seed)
    if null_latents and "random_latent" in shown and edit.steps == "prompt":
        common = sample.capped(None, (HEADLINE_QUADRANT,))
        p_value = latent_p_value(setting, common, latents=null_latents, seed=options.seed)
        shown["random_latent"] = with_p_value(shown["random_latent"], p_value)
    curve = _curve(setting, edit, work.strengths[0], options.seed)
    result = _result(setting, edit, work.strengths[0], rows, shown, curve, sample)
    return _EditMeasured(result, rows, gates | fired_gate(rows), around)


def _control_quadrants(edit: ResolvedEdit, expect: Iterable[Expectation]) -> tuple[str, ...]:
    """The headline quadrant, and those for which an expectation needs a control."""
    needed = {
        expectation.on
        for expectation in expect
        if (expectation.versus or expectation.metric == "direct_ask") and expectation.edit in (None, edit.id)
    }
    return tuple(name for name in QUADRANTS if name == HEADLINE_QUADRANT or name in needed)


def answered_before(rows: Sequence[SwapRow]) -> tuple[list[SwapRow], Gate]:
    """Of the rows of a suppression, those on prompts that the unedited model answers rightly, and how many they are."""
    answered = {(row.prompt_id, row.target) for row in rows if row.control == "noop" and row.outcome == "stuck"}
    kept = [row for row in rows if (row.prompt_id, row.target) in answered]
    n, all_rows = (sum(row.control == EDIT for row in some) for some in (kept, rows))
    return kept, Gate(kept=n, dropped=all_rows - n, note="items that the unedited model answers rightly on this very prompt")


def _result(
    setting: Setting,
    edit: ResolvedEdit,
    strength: float,
    rows: Sequence[SwapRow],
    controls: dict[str, dict[str, Control]],
    curve: Sequence[CurvePoint],
    sample: Sample,
) -> EditResult:
    names = setting.ontology.curie
    swap = swap_summary([row for row in rows if row.control in (EDIT, "majority")], names=names)
    is_swap = edit.op == "swap"
    return EditResult.model_validate(
        {
            "id": edit.id,
            "op": edit.op,
            "from": names(edit.slot_iri) if is_swap else None,
            "to": names(edit.target_iri) if edit.target_iri else None,
            "slot": None if is_swap else names(edit.slot_iri),
            "hook_point": hook_point(setting.sae.layer),
            "strength": strength,
            "quadrants": swap.quadrants,
            "pairs": swap.pairs,
            "controls": controls,
            "curve": tuple(curve),
            "transcripts": transcripts(setting, rows, sample),
        }
    )


def _curve(setting: Setting, edit: ResolvedEdit, strength: float, seed: int) -> list[CurvePoint]:
    """Hit and forced drift on neutral text over strengths, on validation prompts: the test side chooses nothing."""
    if edit.op == "suppress" or edit.steps != "prompt":
        return []
    sample = sample_items(setting, [edit], quadrants=(VALIDATION,), cap=CURVE_ITEMS, seed=seed)
    items = sample.capped(None, (VALIDATION,))
    if not items:
        return []
    from kedit.verification.neutral import neutral_drift

    rows = measure(setting, {Arm(EDIT, strength * times): items for times in CURVE}, seed=seed, label=f"curve of {edit.id}")
    points = []
    for times in CURVE:
        at = strength * times
        hit = share([row for row in rows if row.strength == at], "hit")
        drift = neutral_drift(setting, [applied(setting, [edit], strength=at)], n=CURVE_POSITIONS, seed=seed).forced
        points.append(CurvePoint(strength=at, hit=hit, drift_kl=sum(drift) / len(drift) if drift else None))
    return points


def transcripts(setting: Setting, rows: Sequence[SwapRow], sample: Sample, count: int = TRANSCRIPTS) -> tuple[Transcript, ...]:
    """A few answers of the headline quadrant before and after, chosen by hash, good and bad as they come."""
    before = {(row.prompt_id, row.target): row.text for row in rows if row.control == "noop"}
    texts = {item.prompt.id: item.prompt.text for item in sample.items}
    mine = [row for row in select(rows, quadrant=HEADLINE_QUADRANT) if (row.prompt_id, row.target) in before]
    mine.sort(key=lambda row: unit_hash("transcript", row.prompt_id, row.target))
    return tuple(
        Transcript(
            prompt=texts[row.prompt_id],
            subject=setting.ontology.individuals[row.subject].label,
            before=before[row.prompt_id, row.target],
            after=row.text,
            outcome=row.outcome,
            accepted=tuple(setting.ontology.texts(v)[0] for v in setting.ontology.values(row.target, row.subject)),
        )
        for row in mine[:count]
    )


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
            worst = float(np.min(list(relation_auroc(readings, quadrant).values())))  # NaN, if one of them is
            found.append(Measured("auroc", Estimate(worst, worst, worst, value.n, value.subjects)))
    return found


def _all_gates(measured: dict[str, _EditMeasured]) -> dict[str, Gate]:
    """Every edit's gates; under its id where there are several edits."""
    if len(measured) == 1:
        return next(iter(measured.values())).gates
    return {f"{edit}: {name}": gate for edit, one in measured.items() for name, gate in one.gates.items()}
