"""The blocks that evaluations and reports are made of: frozen, strict, NaN as null.

Terms are CURIEs, rates are shares in [0, 1], KL is in nats; what was not measured or is not a number is null.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from kedit.verification.statistics import Estimate

Quadrant = Literal[
    "seen_template_seen_subject",
    "unseen_template_seen_subject",
    "seen_template_unseen_subject",
    "unseen_template_unseen_subject",
]
Cell = Quadrant | Literal["validation", "validation_subjects"]
"""Where a strength may be chosen, too."""


def _number(value: Any) -> Any:
    """JSON knows neither NaN nor infinity: both stand as null."""
    if value is None or isinstance(value, (bool, str)):
        return value
    number = float(value)
    return number if math.isfinite(number) else None


Number = Annotated[float | None, BeforeValidator(_number)]
Interval = tuple[Number, Number]


class Model(BaseModel):
    """Frozen and strict: an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)


class Knowledge(Model):
    """What the unedited model answers for one relation: numbers of subjects."""

    asked: int
    known: int
    any: int | None = None
    """Known on at least one training carrier."""
    majority: Number = None
    """Share of asked subjects for whom the relation's most frequent value is right."""
    majority_value: str | None = None
    direct_ask: Number = None
    """Hit over known facts, mean over training carriers."""


class BindingQuadrant(Model):
    n: int
    accuracy: Number
    ci: Interval


class Confusion(Model):
    """`counts[i][j]`: prompts that ask `labels[i]` and are read as `labels[j]`; the last label stands for no relation."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


class Binding(Model):
    quadrants: dict[Quadrant, BindingQuadrant] = {}
    confusion: Confusion | None = None
    auroc: dict[str, Number] = {}
    false_positive_rate: Number = None
    negatives: int = 0
    background_rate: Number = None
    """Share of the tokens of held-out background text at which any relation slot is on; none for a taught copy, whose own
    text is full of questions."""


class Rate(Model):
    """Hit of some rows: over items, and as the mean over ordered pairs that have enough of them."""

    n: int
    subjects: int
    hit: Number
    hit_macro: Number = None
    ci: Interval
    ci_macro: Interval = (None, None)
    pairs: int = 0
    """Ordered pairs that count in `hit_macro`."""


class WorstPair(Model):
    source: str = Field(alias="from")
    target: str = Field(alias="to")
    hit: Number


class SwapQuadrant(Rate):
    exact: Number
    wrong_subject: Number
    stuck: Number
    derailed: Number
    no_gate: Number = None
    lenient: Number = None
    behavioural: Number = None
    """Share in which the model's own modal direct answer came out, right or wrong (all facts)."""
    worst: WorstPair | None = None
    trained_pairs: Rate | None = None
    untrained_pairs: Rate | None = None
    answer_seen: Rate | None = None
    answer_unseen: Rate | None = None
    all_facts: Rate | None = None
    """Without the knowledge gate."""


class Pair(Model):
    source: str = Field(alias="from")
    target: str = Field(alias="to")
    quadrant: Quadrant
    n: int
    subjects: int
    hit: Number
    ci: Interval
    majority: Number = None
    stuck: Number = None
    trained: bool | None = None
    counts: bool = True
    """Whether it has enough items and subjects to enter `hit_macro`."""


class Swap(Model):
    quadrants: dict[Quadrant, SwapQuadrant] = {}
    pairs: tuple[Pair, ...] = ()


class Difference(Model):
    """Edit minus control on the same items."""

    value: Number
    ci: Interval
    n: int


class Share(Model):
    """A measured figure with its interval."""

    value: Number
    ci: Interval = (None, None)
    n: int = 0
    subjects: int = 0

    @classmethod
    def of(cls, estimate: Estimate) -> Self:
        """From an estimate."""
        return cls(value=estimate.value, ci=(estimate.low, estimate.high), n=estimate.n, subjects=estimate.subjects)

    @classmethod
    def found(cls, estimate: Estimate) -> Self | None:
        """From an estimate; None where there was nothing to measure."""
        return cls.of(estimate) if estimate.n else None


class CurvePoint(Model):
    """An edit, or a competitor, at one strength, on validation."""

    strength: float
    hit: Number
    ci: Interval = (None, None)
    n: int = 0
    drift_kl: Number = None
    """Mean KL on neutral text, forced."""
    chosen: bool = False


class Plateau(Model):
    """Strengths around the chosen one, on validation, whose hit is within `tolerance` of the hit there."""

    low: float
    high: float
    tolerance: float = 0.05


class Gate(Model):
    """What a gate kept and dropped."""

    kept: int
    dropped: int
    note: str = ""


class Control(Rate):
    """What stands beside an edit on the same prompts, at the strength that was best for it on validation."""

    difference: Difference | None = None
    p_value: Number = None
    strength: Number = None
    forced_kl: Number = None
    """Mean KL on neutral text with it switched on everywhere."""
    curve: tuple[CurvePoint, ...] = ()
    equal_damage: Control | None = None
    """The same at its best validated strength among those that cost no more forced KL than the edit."""


class Fluency(Model):
    """Edited text going on: perplexity under the base model against that of its own text, and how much it repeats itself.

    Both are over texts that go on, with the edit and without; where the edit ends many more at once they are left out.
    """

    n: int = 0
    subjects: int = 0
    ended_base: Share | None = None
    """Texts of the unedited model that end with the answer, of all that were written."""
    ended_edited: Share | None = None
    perplexity_base: Number = None
    perplexity_edited: Number = None
    perplexity_ratio: Share | None = None
    repetition_base: Number = None
    """Share of 4-grams of tokens that have occurred before in the same text."""
    repetition_edited: Share | None = None


class Interference(Rate):
    """An edit's hit with all the recipe's edits at work, on the items on which it was measured alone."""

    difference: Difference | None = None
    """Alone minus together."""
    interferes: bool | None = None
    """Whether the difference is more than 0.05, or its interval excludes 0; None: not seen, on too few items to rule it out."""


class ScopeParts(Model):
    """Subject scope and gate, told apart; None where an edit has no scope by subject, or no gate."""

    subject_leak: Share | None = None
    """Prompts about subjects out of scope, whatever they ask, that the lexical scope covers all the same."""
    subject_miss: Share | None = None
    """Prompts about subjects in scope that it does not cover."""
    gate_leak: Share | None = None
    """Prompts that do not ask for the edit, whoever they are about, at which its gate is open."""
    gate_miss: Share | None = None
    """Prompts that ask for it at which the gate is shut."""


class OwnPrompts(ScopeParts):
    """One edit on the recipe's own prompts: whether it fires where it should and only there, and what it makes of the answers."""

    n: int
    scope_leak: Share | None = None
    scope_miss: Share | None = None
    informative: Gate | None = None
    """Prompts that the edit is for, and those of them whose answer would tell nothing."""
    known: Rate | None = None
    """Hit on prompts that the edit is for, over facts that the model knows."""
    all_facts: Rate | None = None
    unedited: Rate | None = None
    """The same known facts without the edit."""


class Histogram(Model):
    """Reads of one slot in calibrated units: prompts per bin that ask for its term (on) and that do not (off)."""

    edges: tuple[float, ...]
    on: tuple[int, ...]
    off: tuple[int, ...]
    threshold: Number = None


class Drift(Model):
    """KL(base || edited) in nats over positions."""

    mean: Number
    p95: Number
    ci: Interval = (None, None)
    p95_ci: Interval = (None, None)
    n: int = 0


class Retention(Model):
    scoped: Share | None = None
    forced: Share | None = None


class DriftPair(Model):
    scoped: Drift | None = None
    forced: Drift | None = None


class Locality(ScopeParts):
    """Damage, each figure as the gate decides (scoped) and with the edit on everywhere (forced)."""

    retention: dict[str, Retention] = {}
    drift_kl: dict[Literal["neutral", "other_relations", "other_subjects"], DriftPair] = {}
    scope_leak: dict[Literal["other_relations", "other_subjects", "negatives"], Share] = {}
    """Prompts out of scope at which edits fired, by what they are."""
    scope_miss: Share | None = None
    read_back: Share | None = None
    """Mean absolute error in calibrated units."""
    moved_slots: dict[str, Number] = {}
    """Mean absolute change of slots that the edit does not name, in calibrated units."""


class DictionaryStats(Model):
    """Of the dictionary at the hook point, on held-out decision positions; `background` on background text."""

    explained_variance: Number
    l0: Number
    dead: Number
    kl_spliced: Number = None
    n_free: int | None = None
    n_slots: int | None = None
    background: DictionaryStats | None = None


class Layer(Model):
    hook_point: str
    binding: Number
    hit: Number
    chosen: bool = False
    interchange: Number = None
    stuck: Number = None
