"""What can be said of a measurement before it is made: how wide its intervals will be, and what it costs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from kedit.curriculum.prompts import Prompt, PromptSet, quadrant
from kedit.editing.metric_names import EDIT_METRICS, EXTRA_CONTROLS, HEADLINE_QUADRANT, OPERATOR_CONTROLS
from kedit.editing.recipe import Expectation, Verify
from kedit.editing.resolving import ResolvedEdit, ResolvedRecipe
from kedit.manifest import read_manifest

Z: Final = 1.959963984540054
METHOD: Final = (
    "half of the 95 % interval if the value lies at the bound: Wilson's, with the subjects as sample size, for answers about one "
    "subject stand and fall together; facts that the model does not know make it wider"
)
# Generations a second on two CPU cores with the default model on the cached path; only for the order of magnitude.
_ASSUMED_SECONDS: Final = 1 / 25
_WITHOUT_GENERATION: Final = frozenset({"majority", "direct_ask"})
# Roughly what `kedit verify` does beside the items: 99 random latents on 12 items, six strengths on 64 items, and eight of
# every competitor and of the two vectors beside them; damage is measured before the edit, as scoped and forced.
_NULL: Final = 99 * 12
_CURVE: Final = 6 * 64
_COMPETITOR: Final = 8 * 64
_VECTORS: Final = 2
_DAMAGE_PASSES: Final = 3


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Width(_Frozen):
    """How wide the interval of a share will be."""

    edit: str | None
    on: str
    bound: float
    items: int
    subjects: int
    half_width: float


class CostItem(_Frozen):
    """Generated answers, at most, and the time for them."""

    generations: int
    minutes: float


class Cost(_Frozen):
    """What `kedit verify` will take."""

    edit: CostItem
    controls: CostItem
    damage: CostItem
    curve: CostItem
    seconds_per_generation: float
    speed: Literal["measured", "assumed"]
    """Measured: by this run's own evaluation; assumed: two CPU cores and the default model."""


class Sample(NamedTuple):
    """Prompts to take a sample from: subject -> number of them."""

    subjects: Counter[str]

    def items(self, cap: int) -> int:
        """How many will be taken."""
        return min(self.subjects.total(), cap)

    def distinct(self, cap: int) -> int:
        """Of how many subjects they will be: the expectation under a random choice."""
        total = self.subjects.total()
        if total <= cap:
            return len(self.subjects)
        return round(sum(1 - (1 - cap / total) ** count for count in self.subjects.values()))


def half_width(share: float, n: int) -> float:
    """Half of Wilson's 95 % interval of a share of n (JASA 22, 1927)."""
    half = Z * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n)
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    return (min(centre + half, 1.0) - max(centre - half, 0.0)) / 2


def widths(
    expectation: Expectation,
    verify: Verify,
    edits: Mapping[str, Mapping[str, Sample]],
    surroundings: Mapping[str, Sample],
) -> Iterator[Width]:
    """For each bound on a share (no difference to a control: its interval depends on both) and each edit that it is about.

    `edits`: edit -> quadrant -> its prompts. `surroundings`: corpus of retention -> its prompts.
    """
    if expectation.versus is not None:
        return
    found: Iterable[tuple[str | None, str, Sample, int]] = ()
    if expectation.metric in EDIT_METRICS:
        on = expectation.on or HEADLINE_QUADRANT
        about = {edit: cells for edit, cells in edits.items() if expectation.edit in (None, edit) and on in cells}
        found = [(edit, on, cells[on], verify.per_edit) for edit, cells in about.items()]
    elif expectation.metric == "retention":
        found = [(None, on, s, verify.locality_n) for on, s in surroundings.items() if expectation.on in (None, on)]
    for bound in (expectation.at_least, expectation.at_most):
        for edit, on, sample, cap in found:
            if bound is not None and sample.items(cap):
                n = sample.distinct(cap)
                width = round(half_width(bound, n), 4)
                yield Width(edit=edit, on=on, bound=bound, items=sample.items(cap), subjects=n, half_width=width)


def surroundings(edits: Sequence[ResolvedEdit], prompts: PromptSet) -> dict[str, Sample]:
    """What retention is measured on: other relations, and, for edits with a scope, other subjects."""
    touched = {iri for edit in edits for iri in (edit.slot_iri, edit.target_iri)}
    unseen = [prompt for prompt in prompts.asked if prompt.subject and quadrant(prompt) == HEADLINE_QUADRANT]
    others = Sample(Counter(str(prompt.subject) for prompt in unseen if prompt.relation not in touched))
    scoped = [edit for edit in edits if edit.subjects is not None]
    outside = Sample(
        Counter(
            str(prompt.subject)
            for prompt in unseen
            if any(prompt.relation == edit.slot_iri and prompt.subject not in (edit.subjects or ()) for edit in scoped)
        )
    )
    return {name: sample for name, sample in (("other_relations", others), ("other_subjects", outside)) if sample.subjects}


def by_quadrant(prompts: Iterable[Prompt], names: Iterable[str]) -> dict[str, Sample]:
    """Quadrant -> the prompts of it."""
    cells = {name: Sample(Counter()) for name in names}
    for prompt in prompts:
        name = quadrant(prompt)
        if name in cells and prompt.subject is not None:
            cells[name].subjects[prompt.subject] += 1
    return cells


def measured_speed(run: Path) -> float | None:
    """Seconds per generated answer in the run's own evaluation; None where that is not known."""
    rows, seconds = run / "rows.jsonl", read_manifest(run).timing.get("evaluation")
    if seconds is None or not rows.is_file():
        return None
    with rows.open("rb") as lines:
        count = sum(1 for _ in lines)
    return seconds / count if count else None


def cost(resolved: ResolvedRecipe, edits: Mapping[str, Mapping[str, Sample]], seconds: float | None) -> Cost:
    """Upper bounds of the answers that are generated, and rough minutes."""
    verify = resolved.verify
    together = 1 if len(resolved.edits) > 1 else 0
    own = controls = curve = 0
    for edit in resolved.edits:
        items = {name: sample.items(verify.per_edit) for name, sample in edits[edit.id].items()}
        compared = sum(items.get(name, 0) for name in _control_quadrants(edit, resolved.expect))
        own += sum(items.values()) + together * compared
        names = {*OPERATOR_CONTROLS[edit.op], *verify.controls} - _WITHOUT_GENERATION
        controls += len(names) * compared + (_NULL if compared and edit.steps == "prompt" else 0)
        curve += _CURVE if edit.steps == "prompt" else 0
        if competitors := sum(name in EXTRA_CONTROLS for name in verify.controls) if edit.op == "swap" else 0:
            curve += _COMPETITOR * (competitors + _VECTORS)
    damage = _DAMAGE_PASSES * verify.locality_n * (len(resolved.edits) + together)
    each = seconds if seconds is not None else _ASSUMED_SECONDS
    return Cost(
        edit=_item(own, each),
        controls=_item(controls, each),
        damage=_item(damage, each),
        curve=_item(curve, each),
        seconds_per_generation=round(each, 5),
        speed="assumed" if seconds is None else "measured",
    )


def _control_quadrants(edit: ResolvedEdit, expect: Iterable[Expectation]) -> set[str]:
    """Controls are measured on the headline quadrant, and where an expectation needs one."""
    compared = (e for e in expect if (e.versus or e.metric == "direct_ask") and e.edit in (None, edit.id))
    return {HEADLINE_QUADRANT, *(e.on for e in compared if e.on)}


def _item(generations: int, seconds: float) -> CostItem:
    return CostItem(generations=generations, minutes=round(generations * seconds / 60, 1))
