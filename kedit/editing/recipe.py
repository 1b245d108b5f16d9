"""Edit recipes, schema version 1: what to edit, for whom, how strongly, and what must be true afterwards.

These models say what a recipe may hold; `reading` makes them from a file, `resolving` binds them to an ontology and its slots.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, PositiveInt, PrivateAttr, StringConstraints, field_validator
from pydantic_core import PydanticCustomError

from kedit.editing.metric_names import (
    CONTROLS,
    EDIT_METRICS,
    EXTRA_CONTROLS,
    METRICS,
    OWN_PROMPTS,
    QUADRANTS,
)
from kedit.errors import Place, did_you_mean
from kedit.yaml import Location, dotted

Term = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
"""A term of the ontology: CURIE, IRI or label."""
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
When = Literal["asked", "always"]
Steps = Literal["prompt", "asked", "all"]

SHARES = frozenset(METRICS) - {"drift_kl", "drift_kl_p95", "read_back", "perplexity_ratio", "interference"}
"""Metrics that lie between 0 and 1."""
FORCIBLE = frozenset({"retention", "drift_kl", "drift_kl_p95"})
_CORPORA_OF: dict[str, tuple[str, ...]] = {
    "drift_kl": ("neutral", "other_relations", "other_subjects"),
    "drift_kl_p95": ("neutral", "other_relations", "other_subjects"),
    "retention": ("other_relations", "other_subjects", "same_relation"),
    "scope_leak": ("other_relations", "other_subjects", "negatives", OWN_PROMPTS),
    **dict.fromkeys(("scope_miss", "subject_leak", "subject_miss", "gate_leak", "gate_miss"), (OWN_PROMPTS,)),
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)


class KlStrength(_Strict):
    """The strength at which the edit moves neutral text by so many nats."""

    kl: Annotated[FiniteFloat, Field(gt=0)]
    """Mean KL(base || edited) on neutral text with the edit on everywhere, in nats."""


Strength = Literal["auto"] | FiniteFloat | KlStrength


class Subjects(_Strict):
    """Whose answers an edit may change: one of `class`, `in` and `sparql` (default: every subject), less `except`."""

    class_: Annotated[Term | None, Field(alias="class")] = None
    """Individuals of this class and its subclasses."""
    in_: Annotated[tuple[Term, ...] | None, Field(alias="in", min_length=1)] = None
    """These individuals."""
    except_: Annotated[tuple[Term, ...], Field(alias="except")] = ()
    """Individuals to leave out."""
    sparql: Term | None = None
    """A SELECT query, run on the run's own ontology; its first variable is the subject."""


class Scope(_Strict):
    """Where an edit fires."""

    subjects: Subjects | None = None
    """Whose answers may change, told by the last subject that the text names. Default: everyone's."""
    when: When | None = None
    """`asked`: only where the slot is on; `always`: forced. Default: asked, but always for `set`."""
    steps: Steps = "prompt"
    """`prompt`: last token; `asked`: where the slot crosses its threshold, once an answer; `all`: generated tokens, too."""


class _Edit(_Strict):
    op: str
    id: Identifier | None = None
    """A name to refer to in `expect` and reports; unique. Default: made of operator and terms."""
    scope: Scope = Scope()
    """Where the edit fires."""
    enabled: bool = True
    """`false` switches the edit off without deleting it."""

    @property
    def terms(self) -> dict[str, str]:
        """Key -> term, for every term that must have a slot; the one whose threshold gates the edit comes first."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """The id, or one made of operator and terms ("swap-father-mother")."""
        local = (re.split(r"[#/:]", term.rstrip(">#/"))[-1] for term in self.terms.values())
        return self.id or "-".join([self.op, *(re.sub(r"[^\w.]+", "-", part).strip("-") for part in local)])

    @property
    def when(self) -> When:
        """The gate, defaults filled in."""
        default: When = "always" if self.op == "set" and self.scope.steps != "asked" else "asked"
        return self.scope.when or default


class Swap(_Edit):
    """`from` off, `to` at `strength`: the model answers another relation of the same subject."""

    op: Literal["swap"]
    """Asked for one relation, answer another of the same subject."""
    source: Annotated[Term, Field(alias="from")]
    """The relation (or class) that is asked for: CURIE, IRI or label."""
    target: Annotated[Term, Field(alias="to")]
    """The relation (or class) that is answered instead: CURIE, IRI or label."""
    strength: Strength = "auto"
    """How strongly `to` is on: `auto` as calibration chose, or a number; 1 is as when it is asked for."""

    @property
    def terms(self) -> dict[str, str]:
        return {"from": self.source, "to": self.target}


class _OneSlot(_Edit):
    slot: Term
    """The relation or class whose slot is edited: CURIE, IRI or label."""

    @property
    def terms(self) -> dict[str, str]:
        return {"slot": self.slot}


class Suppress(_OneSlot):
    """The slot off."""

    op: Literal["suppress"]
    """Switch the slot off."""
    strength: Strength = "auto"
    """How far below off: 0 is off, 1 as far below it as on lies above."""


class Amplify(_OneSlot):
    """The slot at `strength` times its value."""

    op: Literal["amplify"]
    """Multiply what the slot reads."""
    strength: Strength = "auto"
    """The factor; `auto` is 2."""


class Set(_OneSlot):
    """The slot at `strength`, asked for or not."""

    op: Literal["set"]
    """Put the slot at a value, asked for or not."""
    strength: Strength = "auto"
    """The value: `auto` as calibration chose, or a number; 1 is as when it is asked for."""


Edit = Swap | Suppress | Amplify | Set
OPERATIONS: dict[str, type[_Edit]] = {"swap": Swap, "suppress": Suppress, "amplify": Amplify, "set": Set}


class Verify(_Strict):
    """How much is measured."""

    controls: tuple[str, ...] = ()
    """Controls on demand, beside the fixed ones."""
    per_edit: PositiveInt = 200
    """Items per edit and quadrant."""
    locality_n: PositiveInt = 1000
    """Items of each figure of damage."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of samples and bootstraps."""
    max_drift_kl: Annotated[FiniteFloat | None, Field(gt=0)] = None
    """Damage budget of `strength: auto`: the most nats by which the edit, forced, may move neutral text on average."""

    @field_validator("controls")
    @classmethod
    def _known(cls, controls: tuple[str, ...]) -> tuple[str, ...]:
        for control in controls:
            if control not in CONTROLS:
                _refuse(f"unknown control {control!r}", did_you_mean(control, EXTRA_CONTROLS))
        return controls


class Expectation(_Strict):
    """A bound on one metric. `at_least` and `at_most` compare the unfavourable end of the 95 % interval unless `bound: point`."""

    metric: str
    """What is bounded."""
    edit: str | None = None
    """An edit's id; without it the expectation holds for every edit."""
    at_least: FiniteFloat | None = None
    """The metric must not be below this."""
    at_most: FiniteFloat | None = None
    """The metric must not be above this."""
    versus: str | None = None
    """A control: the bound is on the paired difference to it."""
    at: Literal["own_best", "equal_damage"] = "own_best"
    """At which strength `versus` stands: its own best, or, of a competitor, the best that costs no more than the edit."""
    on: str | None = None
    """A corpus (metrics of damage) or a quadrant (metrics of an edit and of binding)."""
    forced: bool = False
    """The edit switched on everywhere, instead of as scoped."""
    min_n: PositiveInt = 30
    """Items without which the verdict is INCONCLUSIVE."""
    bound: Literal["interval", "point"] = "interval"
    """What must meet the bound: the unfavourable end of the 95 % interval, or the plain value."""
    severity: Literal["error", "warn"] = "error"
    """`warn`: is reported, and fails nothing."""

    @field_validator("metric")
    @classmethod
    def _metric(cls, metric: str) -> str:
        if metric not in METRICS:
            _refuse(f"unknown metric {metric!r}", did_you_mean(metric, METRICS))
        return metric

    @field_validator("versus")
    @classmethod
    def _versus(cls, versus: str | None) -> str | None:
        if versus is not None and versus not in CONTROLS:
            _refuse(f"unknown control {versus!r}", did_you_mean(versus, CONTROLS))
        return versus

    @property
    def corpora(self) -> tuple[str, ...]:
        """What `on` may name for this metric."""
        if self.metric in EDIT_METRICS:
            return (*QUADRANTS, OWN_PROMPTS)
        return _CORPORA_OF.get(self.metric, QUADRANTS if self.metric in ("binding_accuracy", "direct_ask") else ())


class OwnPrompt(_Strict):
    """A text outside any template, on which every edit is tried."""

    text: Annotated[str, StringConstraints(min_length=1)]
    """What is to be continued."""
    subject: Term | None = None
    """Whom it is about; nobody, if left out."""
    asks: Term | None = None
    """The relation that it asks for; none, if left out."""


class Recipe(_Strict):
    """An edit recipe: what to edit in a language model, for whom, and what must be true afterwards."""

    kedit: Literal[1]
    """Schema version."""
    name: Identifier | None = None
    """Names the report. Default: the file's name."""
    run: str | None = None
    """Run directory, relative to the working directory; `--run` wins."""
    ontology: str | None = None
    """IRI of the ontology that the run must have been made from."""
    prefixes: dict[str, str] = {}
    """Prefix -> namespace, for CURIEs in this recipe; beside those of the ontology."""
    include: tuple[str, ...] = ()
    """Recipes that are merged in first, relative to this file."""
    edits: tuple[Annotated[Edit, Field(discriminator="op")], ...]
    """What is edited; several edits compose, and are verified one by one and together."""
    verify: Verify = Verify()
    """How much is measured, and beside which controls."""
    expect: tuple[Expectation, ...] = ()
    """What must be true afterwards; without it the verdict is UNVERIFIED."""
    prompts: tuple[OwnPrompt, ...] = ()
    """Your own prompts, outside any template: every edit is tried on them (`on: own_prompts`)."""
    protect: tuple[Term, ...] = ()
    """Relations that must not move, besides those that no edit touches."""

    _places: dict[Location, Place] = PrivateAttr(default_factory=dict)

    def place(self, *location: str | int) -> Place:
        """Where a key stands (`place("edits", 0, "from")`), or its nearest parent that stands in the file."""
        known = location
        while known and known not in self._places:
            known = known[:-1]
        found = self._places.get(known) or Place(self.name or "recipe")
        return Place(found.file, found.line, found.column, dotted(location) or None, found.text)

    @property
    def file(self) -> Path | None:
        """The file that the recipe was read from."""
        place = self._places.get(())
        return Path(place.file) if place else None


def _refuse(message: str, advice: str) -> NoReturn:
    raise PydanticCustomError("kedit", "{message}", {"message": message, "advice": advice})
