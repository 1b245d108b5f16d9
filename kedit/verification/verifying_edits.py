"""One edit of a recipe, measured: hits, controls, damage, fluency, transcripts, and what the other edits do to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import torch

from kedit.curriculum.splits import unit_hash
from kedit.editing.metric_names import HEADLINE_QUADRANT, OPERATOR_CONTROLS, QUADRANTS
from kedit.editing.reach import control_quadrants
from kedit.editing.resolving import ResolvedEdit, ResolvedRecipe
from kedit.lm.model import hook_point
from kedit.verification.applying import Applied, Scopes, applied, edit_states
from kedit.verification.competing import Rival, rival_arms, rival_figures, rivals_of, told_apart
from kedit.verification.controls import TOGETHER, Arm
from kedit.verification.evaluating import fired_gate, with_p_value
from kedit.verification.figures import Control, Difference, Gate, Interference, OwnPrompts
from kedit.verification.fluency import FLUENCY, fluency
from kedit.verification.fluency import Measure as Written
from kedit.verification.items import Item, Sample, sample_items
from kedit.verification.locality import Damage, damage
from kedit.verification.measure import control_arms, latent_p_value, measure
from kedit.verification.metrics import counts, paired_difference, rate, select, swap_summary
from kedit.verification.outcomes import EDIT, SwapRow
from kedit.verification.own_prompts import own_prompts
from kedit.verification.report import EditResult, Transcript
from kedit.verification.selftest import SelfTest, self_test
from kedit.verification.setting import Setting, states_of
from kedit.verification.statistics import EMPTY, NAN, Estimate
from kedit.verification.strengths import Settled
from kedit.verification.verdict import Measured

TRANSCRIPTS: Final = 8
INTERFERENCE: Final = 0.05
"""A loss of hit, with all edits at work, that is reported as interference even where its interval reaches 0."""


LATER: Final = (
    "retention, drift, leak, miss and gate are not measured: {} beyond the last token of a prompt, where these are read"
)


class Extent(NamedTuple):
    """How much is measured beside what the recipe says: latents of the null, positions of neutral text."""

    null_latents: int
    neutral_n: int


class EditMeasured(NamedTuple):
    """One edit's block of the report, and what stands behind it."""

    result: EditResult
    rows: list[SwapRow]
    gates: dict[str, Gate]
    numbers: list[Measured]
    self_test: SelfTest


class _Figures(NamedTuple):
    """What was measured of one edit, before it is put together."""

    rows: list[SwapRow]
    controls: dict[str, dict[str, Control]]
    forced_kl: float | None
    around: Damage
    written: Written | None
    own: tuple[OwnPrompts, list[SwapRow], list[Measured]] | None
    together: Interference | None
    transcripts: tuple[Transcript, ...]
    self_test: SelfTest


def measure_edit(
    setting: Setting,
    edit: ResolvedEdit,
    resolved: ResolvedRecipe,
    together: Applied | None,
    settled: Settled,
    *,
    extent: Extent,
) -> EditMeasured:
    """Everything about one edit, at the strength that was settled."""
    options = resolved.verify
    sample = sample_items(setting, [edit], quadrants=QUADRANTS, cap=options.per_edit, seed=options.seed)
    rivals = rivals_of(setting, edit, settled, options.controls, options.seed)
    rows = measure(
        setting,
        _arms(edit, resolved, sample, together, rivals),
        seed=options.seed,
        all_edits=together,
        named=True,
        label=f"measuring {edit.id}",
    )
    rows = told_apart(rows, rivals)
    gates = dict(sample.gates)
    if edit.op == "suppress":
        rows, gates["answered_before"] = answered_before(rows)
    figures = _figures(setting, edit, resolved, sample, rows, rivals, extent, several=together is not None)
    if figures.written is not None:
        gates["went_on"] = figures.written.gate
    result = _result(setting, edit, settled, figures, tuple(_notes(edit, settled, rivals, figures.written)))
    everything = [*rows, *(figures.own[1] if figures.own else ())]
    return EditMeasured(result, everything, gates | fired_gate(rows), _numbers(edit.id, figures), figures.self_test)


def _figures(
    setting: Setting,
    edit: ResolvedEdit,
    resolved: ResolvedRecipe,
    sample: Sample,
    rows: list[SwapRow],
    rivals: Mapping[str, Rival],
    extent: Extent,
    *,
    several: bool,
) -> _Figures:
    """What is made of an edit's rows, and what is measured around them."""
    options, work = resolved.verify, applied(setting, [edit], edit.id)
    around = damage(
        setting, [work], n=options.locality_n, neutral_n=extent.neutral_n, protect=resolved.protect, seed=options.seed
    )
    shown, cost = rival_figures(setting, edit, rows, rivals, options.seed)
    headline = sample.capped(None, (HEADLINE_QUADRANT,))
    if extent.null_latents and "random_latent" in shown and edit.steps == "prompt":
        p_value = latent_p_value(setting, headline, latents=extent.null_latents, seed=options.seed)
        shown["random_latent"] = with_p_value(shown["random_latent"], p_value)
    return _Figures(
        rows=rows,
        controls={name: control for name, control in shown.items() if name != TOGETHER},
        forced_kl=cost,
        around=around,
        written=fluency(setting, work, headline, seed=options.seed),
        own=own_prompts(setting, edit, resolved.prompts, options.seed),
        together=interference(rows, options.seed) if several else None,
        transcripts=transcripts(setting, work, rows, sample),
        self_test=self_test(setting, edit, headline or sample.items),
    )


def _numbers(edit: str, figures: _Figures) -> list[Measured]:
    """What expectations may be held against, beside the rows."""
    written, own = figures.written, figures.own
    return [
        *figures.around.numbers(edit),
        *(written.numbers if written else (Measured(metric, EMPTY, edit=edit) for metric in FLUENCY)),
        _interference_number(figures.together, edit),
        *(own[2] if own else ()),
    ]


def _result(setting: Setting, edit: ResolvedEdit, settled: Settled, figures: _Figures, notes: tuple[str, ...]) -> EditResult:
    """The edit's block of the report."""
    curie = setting.ontology.curie
    swap = swap_summary([row for row in figures.rows if row.control in (EDIT, "majority")], names=curie)
    return EditResult.model_validate(
        _terms(edit, curie)
        | {
            "hook_point": hook_point(setting.sae.layer),
            "strength": settled.strength,
            "strength_how": settled.how,
            "quadrants": swap.quadrants,
            "pairs": swap.pairs,
            "controls": figures.controls,
            "locality": figures.around.locality(),
            "forced_kl": figures.forced_kl,
            "curve": settled.curve,
            "curve_on": settled.curve_on,
            "plateau": settled.plateau,
            "fluency": figures.written.fluency if figures.written else None,
            "own_prompts": figures.own[0] if figures.own else None,
            "together": figures.together,
            "transcripts": figures.transcripts,
            "self_test_kl": figures.self_test.kl,
            "notes": notes,
        }
    )


def _notes(edit: ResolvedEdit, settled: Settled, rivals: Mapping[str, Rival], written: Written | None) -> Iterator[str]:
    """What a reader of the figures must know."""
    yield from (note for note in (settled.note, *(rival.note for rival in rivals.values())) if note)
    if edit.steps != "prompt":
        yield LATER.format(f"with `steps: {edit.steps}` it also fires")
    if written is not None and written.note:
        yield written.note


def _terms(edit: ResolvedEdit, names: Any) -> dict[str, Any]:
    """What a document calls an edit by."""
    is_swap = edit.op == "swap"
    return {
        "id": edit.id,
        "op": edit.op,
        "from": names(edit.slot_iri) if is_swap else None,
        "to": names(edit.target_iri) if edit.target_iri else None,
        "slot": None if is_swap else names(edit.slot_iri),
    }


def _arms(
    edit: ResolvedEdit, resolved: ResolvedRecipe, sample: Sample, together: Applied | None, rivals: Mapping[str, Rival]
) -> Mapping[Arm, Sequence[Item]]:
    """The edit on all items, its controls on the known ones of the quadrants that need them."""
    quadrants = control_quadrants(edit, resolved.expect)
    fixed = [name for name in OPERATOR_CONTROLS[edit.op] if name not in rivals]
    arms: dict[Arm, Sequence[Item]] = {
        Arm(EDIT): sample.items,
        **control_arms(sample, fixed, quadrants, None),
        **rival_arms(rivals, sample.capped(None, quadrants)),
    }
    if together is not None:
        arms[Arm(TOGETHER)] = sample.capped(None, quadrants)
    if edit.op == "suppress":  # what is not answered without the edit cannot be taken away
        arms[Arm("noop")] = sample.items
    return arms


def answered_before(rows: Sequence[SwapRow]) -> tuple[list[SwapRow], Gate]:
    """Of the rows of a suppression, those on prompts that the unedited model answers rightly, and how many they are."""
    answered = {(row.prompt_id, row.target) for row in rows if row.control == "noop" and row.outcome == "stuck"}
    kept = [row for row in rows if (row.prompt_id, row.target) in answered]
    n, all_rows = (sum(row.control == EDIT for row in some) for some in (kept, rows))
    return kept, Gate(kept=n, dropped=all_rows - n, note="items that the unedited model answers rightly on this very prompt")


def interference(rows: Sequence[SwapRow], seed: int) -> Interference | None:
    """The edit's hit with all edits at work, and what it loses by them; None where nothing was measured together."""
    alone, both = (select(rows, quadrant=HEADLINE_QUADRANT, control=name) for name in (EDIT, TOGETHER))
    found = rate(both, seed=seed)
    if found is None:
        return None
    lost = paired_difference(alone, both, "hit", seed=seed)
    seen = abs(lost.value) > INTERFERENCE or lost.low > 0 or lost.high < 0
    return Interference.model_validate(
        found.model_dump()
        | {
            "difference": Difference(value=lost.value, ci=(lost.low, lost.high), n=lost.n),
            "interferes": seen or (False if counts(both) else None),
        }
    )


def _interference_number(both: Interference | None, edit: str) -> Measured:
    """What an expectation is held against; empty where nothing was measured, so that it cannot pass."""
    if both is None or both.difference is None:
        return Measured("interference", EMPTY, edit=edit)
    value, low, high = (NAN if number is None else number for number in (both.difference.value, *both.difference.ci))
    return Measured("interference", Estimate(value, low, high, both.difference.n, both.subjects), edit=edit)


def transcripts(
    setting: Setting, work: Applied, rows: Sequence[SwapRow], sample: Sample, count: int = TRANSCRIPTS
) -> tuple[Transcript, ...]:
    """A few answers of the headline quadrant before and after, chosen by hash, good and bad as they come."""
    before = {(row.prompt_id, row.target): row.text for row in rows if row.control == "noop"}
    prompts = {item.prompt.id: item.prompt for item in sample.items}
    mine = [row for row in select(rows, quadrant=HEADLINE_QUADRANT) if (row.prompt_id, row.target) in before]
    mine.sort(key=lambda row: unit_hash("transcript", row.prompt_id, row.target))
    shown = mine[:count]
    if not shown:
        return ()
    texts = [prompts[row.prompt_id].text for row in shown]
    x = states_of(setting, [prompts[row.prompt_id] for row in shown])
    made = edit_states(setting, work, x, Scopes(setting).covered(work.edits, texts))
    reads = [_reads(setting, states) for states in (x, made.x)]
    return tuple(
        Transcript(
            prompt=text,
            subject=setting.ontology.individuals[row.subject].label,
            before=before[row.prompt_id, row.target],
            after=row.text,
            outcome=row.outcome,
            accepted=tuple(setting.ontology.texts(v)[0] for v in setting.ontology.values(row.target, row.subject)),
            fired=row.gate,
            slots_before=reads[0][i],
            slots_after=reads[1][i],
        )
        for i, (text, row) in enumerate(zip(texts, shown, strict=True))
    )


def _reads(setting: Setting, x: torch.Tensor) -> list[dict[str, float | None]]:
    """Relation slot -> its read, of every state."""
    values = setting.sae.slot_values(x)[:, setting.relation_slots].tolist()
    names = [slot.curie for slot in setting.slots.relations]
    return [dict(zip(names, row, strict=True)) for row in values]
