"""The documents that verification leaves behind: `kedit.evaluation/1` of a run and `kedit.report/1` of a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import AliasChoices, Field, ValidationError

from kedit.errors import InputError, Place
from kedit.files import write_json
from kedit.verification.figures import (
    Binding,
    Cell,
    Control,
    CurvePoint,
    DictionaryStats,
    Fluency,
    Gate,
    Histogram,
    Interference,
    Interval,
    Knowledge,
    Layer,
    Locality,
    Model,
    Number,
    OwnPrompts,
    Pair,
    Plateau,
    Quadrant,
    Swap,
    SwapQuadrant,
)

VerdictName = Literal["PASS", "FAIL", "INCONCLUSIVE", "UNVERIFIED"]

MATCH: Final = (
    "whole answer: the longest value of the relation's range at the start of the answer is accepted for the subject; "
    "case, diacritics, leading article and outer punctuation ignored"
)
GENERATION: Final = "greedy, to the end of the line, at most four tokens past the longest accepted answer"
GATE: Final = "robust: whole-answer match on at least half of the training carriers, no edit"
CHOSEN_ON: Final = {
    "validation": (
        "hook point and calibrated strength chosen on validation carriers x validation subjects, "
        "thresholds on these and on training ones"
    ),
    "seen_template_seen_subject": (
        "hook point and calibrated strength chosen on training prompts: the ontology is too small to validate on"
    ),
}
CI_METHOD: Final = (
    "95 %, two-way clustered bootstrap by subject and carrier (pigeonhole, 2000 resamples); Wilson on subjects at 0 and 1; "
    "ci belongs to hit, ci_macro to hit_macro (mean over ordered pairs with at least 20 items of 12 subjects)"
)


class _Protocol(Model):
    """How the numbers of a document came about."""

    match: str = MATCH
    generation: str = GENERATION
    gate: str = GATE
    seed: int
    ci_method: str = CI_METHOD
    split: str = CHOSEN_ON["validation"]
    prompt_style: Literal["raw", "chat"] = "raw"


class Protocol(_Protocol):
    """Of an evaluation: every swap is measured at one strength."""

    strength: Number


class ReportProtocol(_Protocol):
    """Of a report: each edit has a strength of its own."""

    calibrated_strength: Number
    """What calibration chose for the run: that of edits for which there is nothing else to choose by."""


class RunInfo(Model):
    """Which run a document speaks of."""

    name: str | None = Field(default=None, validation_alias=AliasChoices("name", "path"))
    """The run directory's own name: its path depends on where it was called from. Earlier documents say `path`."""
    ontology: str | None = None
    ontology_sha256: str | None = None
    model: str | None = None
    fingerprint: str | None = None
    taught: bool = False
    preset: str | None = None
    kedit: str | None = None


class Document(Model):
    """A document that is written to and read from a file."""

    def document(self) -> dict[str, Any]:
        """As a JSON object with the documented keys."""
        return self.model_dump(mode="json", by_alias=True)

    def save(self, path: Path) -> None:
        """Write indented JSON, atomically."""
        write_json(path, self.document())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a document; InputError if it is missing, or not of this schema."""
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"cannot read: {error.strerror}", place=Place(path)) from error
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"]) or None
            raise InputError(first["msg"], place=Place(path, key=key), advice="Measure it again with this version.") from error


class Evaluation(Document):
    """`evaluation.json`: what a run's slots read and control."""

    schema_: Literal["kedit.evaluation/1"] = Field("kedit.evaluation/1", alias="schema")
    protocol: Protocol
    run: RunInfo = RunInfo()
    hook_point: str
    knowledge: dict[str, Knowledge] = {}
    binding: Binding = Binding()
    swap: Swap = Swap()
    controls: dict[str, dict[Quadrant, Control]] = {}
    locality: Locality = Locality()
    dictionary: DictionaryStats | None = None
    layers: tuple[Layer, ...] = ()
    activations: dict[str, Histogram] = {}
    gates: dict[str, Gate] = {}
    timing: dict[str, float] = {}


class Transcript(Model):
    prompt: str
    subject: str
    before: str
    after: str
    outcome: str
    accepted: tuple[str, ...] = ()
    fired: bool = True
    slots_before: dict[str, Number] = {}
    """What the relation slots read at the decision position, in calibrated units, as the prompt stands."""
    slots_after: dict[str, Number] = {}
    """What they read of the edited state."""


class EditResult(Model):
    """What one edit of a recipe did."""

    id: str
    op: Literal["swap", "suppress", "amplify", "set"]
    source: str | None = Field(None, alias="from")
    target: str | None = Field(None, alias="to")
    slot: str | None = None
    hook_point: str
    strength: Number
    quadrants: dict[Quadrant, SwapQuadrant] = {}
    pairs: tuple[Pair, ...] = ()
    controls: dict[str, dict[Quadrant, Control]] = {}
    strength_how: Literal["given", "auto", "budget", "none"] = "given"
    """`auto`: chosen on validation; `budget`: what the KL asked for buys; `none`: there is nothing to choose."""
    curve_on: dict[Cell, int] = {}
    """Cell -> items behind the curve, by which `auto` chooses: carriers and subjects of validation, training carriers about
    validation subjects where those are few, or, where an ontology is too small, training prompts."""
    forced_kl: Number = None
    """Mean KL, forced, on the very neutral text on which competitors' costs stand."""
    locality: Locality = Locality()
    """What this edit damages alone; the report's own `locality` is that of all of them."""
    curve: tuple[CurvePoint, ...] = ()
    plateau: Plateau | None = None
    fluency: Fluency | None = None
    own_prompts: OwnPrompts | None = None
    together: Interference | None = None
    """None where the recipe has one edit."""
    transcripts: tuple[Transcript, ...] = ()
    self_test_kl: Number = None
    """Largest KL, in nats, between the edited model's first answer token and that of the path that everything was measured on."""
    notes: tuple[str, ...] = ()


class JudgedExpectation(Model):
    """One expectation of a recipe beside what was measured."""

    metric: str
    edit: str | None = None
    versus: str | None = None
    at: Literal["own_best", "equal_damage"] = "own_best"
    on: str | None = None
    forced: bool = False
    bound: Literal["interval", "point"] = "interval"
    severity: Literal["error", "warn"] = "error"
    required: str
    measured: Number
    ci: Interval = (None, None)
    n: int = 0
    subjects: int = 0
    verdict: Literal["PASS", "FAIL", "INCONCLUSIVE"]
    reason: str = ""


class Report(Document):
    """`report.json` of `kedit verify`."""

    schema_: Literal["kedit.report/1"] = Field("kedit.report/1", alias="schema")
    recipe: str = ""
    verdict: VerdictName
    protocol: ReportProtocol
    run: RunInfo = RunInfo()
    edits: tuple[EditResult, ...] = ()
    locality: Locality = Locality()
    binding: Binding | None = None
    """Of the run, like `layers`: what its slots read."""
    layers: tuple[Layer, ...] = ()
    activations: dict[str, Histogram] = {}
    """Relation slot -> its reads on unseen carriers and unseen subjects."""
    gates: dict[str, Gate] = {}
    expectations: tuple[JudgedExpectation, ...] = ()
    notes: tuple[str, ...] = ()
    """What resolving the recipe left out, and why: edits that are switched off, and what was expected of them."""
    allow_unverified: bool = False
    timing: dict[str, float] = {}

    @property
    def exit_code(self) -> int:
        """What the process ends with."""
        return exit_code(self.verdict, self.allow_unverified)


def exit_code(verdict: VerdictName, allow_unverified: bool = False) -> int:
    """0 for PASS, and for UNVERIFIED where that was allowed; else 1."""
    return 0 if verdict == "PASS" or (verdict == "UNVERIFIED" and allow_unverified) else 1
