"""What can be said of a measurement before it is made: how wide its intervals will be, and what it costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from kedit.editing.grounds import Ground, Sample
from kedit.editing.metric_names import EXTRA_CONTROLS, LOWER_IS_BETTER, OPERATOR_CONTROLS, VECTORS
from kedit.editing.reach import competes, control_quadrants
from kedit.editing.recipe import SHARES, Expectation
from kedit.editing.resolving import ResolvedRecipe
from kedit.intervals import half_width, needed, wilson
from kedit.manifest import read_manifest
from kedit.ontology.model import Ontology

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
_DAMAGE_PASSES: Final = 3
_TRAINED: Final = frozenset({"reft_r1", "das_r1", "das_r8", "permuted_answers"})
"""Competitors that take as long as training the slots; the others are there in a fraction of that."""
_ASSUMED_TRAINING: Final = 300.0


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
    training: CostItem
    """Of competitors that the run does not have yet."""
    seconds_per_generation: float
    speed: Literal["measured", "assumed"]
    """Measured: by this run's own evaluation; assumed: two CPU cores and the default model."""


def widths(expectation: Expectation, grounds: Iterable[Ground]) -> Iterator[Width]:
    """For each bound on a share (no difference to a control: its interval depends on both) and each of its grounds."""
    if expectation.versus is not None or expectation.metric not in SHARES:
        return
    found = [ground for ground in grounds if ground.items]
    for bound in (bound for bound in (expectation.at_least, expectation.at_most) if bound is not None):
        for edit, on, items, subjects in found:
            width = round(half_width(bound, subjects), 4)
            yield Width(edit=edit, on=on, bound=bound, items=items, subjects=subjects, half_width=width)


def too_few(expectation: Expectation, ground: Ground) -> str | None:
    """Why even a perfect score could not pass over what there is (at best: some will not be known); None if it could.

    Answers about one subject stand and fall together: intervals are no narrower than Wilson's over subjects.
    """
    if ground.items < expectation.min_n:
        return f"cannot be decided: there are {ground.items} items at most"
    if expectation.bound != "interval" or expectation.versus is not None or expectation.metric not in SHARES:
        return None
    lower = expectation.metric in LOWER_IS_BETTER
    bound = expectation.at_most if lower else expectation.at_least
    if bound is None:
        return None
    wanted = 1 - bound if lower else bound
    if wanted <= wilson(ground.subjects, ground.subjects)[0]:
        return None
    least = needed(wanted)
    advice = f"{least} are needed" if least else "no number of them is enough"
    said = f"over {ground.items} items of {ground.subjects} subjects"
    return f"cannot pass even with a perfect score {said}: {advice}, or `bound: point`"


class Speed(NamedTuple):
    """How fast a run is, as far as it has been measured: seconds per generated answer, and of training its slots.

    `trained`: competitors that need no training any more.
    """

    answer: float | None = None
    training: float | None = None
    trained: frozenset[str] = frozenset()


def measured_speed(run: Path) -> Speed:
    """By the run's own evaluation and training."""
    rows, timing = run / "rows.jsonl", read_manifest(run).timing
    count, seconds = 0, timing.get("evaluation")
    if rows.is_file():
        with rows.open("rb") as lines:
            count = sum(1 for _ in lines)
    trained = frozenset(path.stem for path in (run / "competitors").glob("*.safetensors"))
    return Speed(seconds / count if seconds is not None and count else None, timing.get("slot training"), trained)


def cost(resolved: ResolvedRecipe, ontology: Ontology, edits: Mapping[str, Mapping[str, Sample]], speed: Speed) -> Cost:
    """Upper bounds of the answers that are generated, and rough minutes."""
    verify = resolved.verify
    together = 1 if len(resolved.edits) > 1 else 0
    on_demand = [name for name in verify.controls if name in EXTRA_CONTROLS]
    own = controls = curve = 0
    for edit in resolved.edits:
        items = {name: sample.items(verify.per_edit) for name, sample in edits[edit.id].items()}
        compared = sum(items.get(name, 0) for name in control_quadrants(edit, resolved.expect))
        own += sum(items.values()) + together * compared
        rivals = {*VECTORS, *on_demand} if competes(edit, ontology.relations) else set()
        fixed = {*OPERATOR_CONTROLS[edit.op], *verify.controls} - {*_WITHOUT_GENERATION, *EXTRA_CONTROLS} - rivals
        # Competitors twice: at their own best and at equal damage.
        controls += (len(fixed) + 2 * len(rivals)) * compared + (_NULL if compared and edit.steps == "prompt" else 0)
        curve += (_CURVE if edit.steps == "prompt" else 0) + _COMPETITOR * len(rivals)
    damage = _DAMAGE_PASSES * verify.locality_n * (len(resolved.edits) + together)
    each = speed.answer if speed.answer is not None else _ASSUMED_SECONDS
    lessons = sum(name in _TRAINED for name in on_demand if name not in speed.trained)
    if not any(competes(edit, ontology.relations) for edit in resolved.edits):
        lessons = 0
    seconds = lessons * (speed.training if speed.training is not None else _ASSUMED_TRAINING)
    return Cost(
        edit=_item(own, each),
        controls=_item(controls, each),
        damage=_item(damage, each),
        curve=_item(curve, each),
        training=CostItem(generations=0, minutes=round(seconds / 60, 1)),
        seconds_per_generation=round(each, 5),
        speed="assumed" if speed.answer is None else "measured",
    )


def _item(generations: int, seconds: float) -> CostItem:
    return CostItem(generations=generations, minutes=round(generations * seconds / 60, 1))
