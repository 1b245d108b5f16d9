"""`kedit.inspection/1`: all that a run directory holds, read from its files alone."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from kedit.verification.figures import CurvePoint, Histogram, Layer, Model, Number, Pair
from kedit.verification.report import Document, Evaluation, VerdictName


class StageLine(Model):
    """One stage of `kedit align`, or `reading`, the part of one that reads all prompts."""

    name: str
    status: Literal["done", "stale", "missing"]
    """`stale`: made from earlier inputs; it will run again."""
    seconds: Number = None
    memory: int | None = None
    """The most bytes that the process held meanwhile; null where that is not known."""
    gpu_memory: int | None = None


class Costs(Model):
    """What one `kedit align` took, and each of its stages at their last run."""

    stages: tuple[StageLine, ...]
    ran: tuple[str, ...]
    """Those that had something to do this time."""
    seconds: float
    memory: int | None = None


class Spread(Model):
    """Reads of a slot in calibrated units over some states."""

    n: int
    mean: Number = None
    std: Number = None
    quantiles: dict[str, Number] | None = None


class Reads(Model):
    """Over states that ask for the slot's term (on) and that do not (off)."""

    on: Spread
    off: Spread


class SlotLine(Model):
    """One slot; what is null has not been trained, or not been evaluated."""

    index: int
    iri: str
    curie: str
    label: str
    kind: Literal["relation", "class"]
    reason: str = ""
    threshold: Number = None
    """Null in a trained run: the slot's reads do not tell its prompts apart, and it never switches on."""
    balanced_accuracy: Number = None
    train: Reads | None = None
    valid: Reads | None = None
    auroc: Number = None


class SlotDetail(Model):
    """One slot in depth."""

    slot: SlotLine
    parents: tuple[str, ...] = ()
    read_as: dict[str, int] = {}
    """On unseen carriers and subjects: prompts that ask for it, by the slot that reads most."""
    histogram: Histogram | None = None
    pairs_out: tuple[Pair, ...] = ()
    """Swaps from it, on unseen carriers and subjects."""
    pairs_in: tuple[Pair, ...] = ()
    """Swaps to it."""


class ReportLine(Model):
    """One report of `kedit verify`."""

    recipe: str
    path: str
    verdict: VerdictName | None = None
    """Null where the report cannot be read by this version."""
    exit_code: int | None = None
    edits: int = 0
    met: int = 0
    """Binding expectations that passed."""
    binding: int = 0


class RunOntology(Model):
    source: str
    sha256: str


class RunModel(Model):
    name: str
    fingerprint: str
    revision: str | None = None
    description: str | None = None
    taught: bool | None = None
    """Null while that is not settled."""
    edited_fingerprint: str | None = None
    """Of the weights that are edited: another, where a copy was taught."""


class Inspection(Document):
    """What `kedit inspect` finds."""

    schema_: Literal["kedit.inspection/1"] = Field("kedit.inspection/1", alias="schema")
    path: str
    finished: bool
    missing: tuple[str, ...] = ()
    """Stages that have not been completed."""
    ontology: RunOntology
    model: RunModel
    seeds: dict[str, int] = {}
    versions: dict[str, str] = {}
    stages: tuple[StageLine, ...] = ()
    hook_point: str | None = None
    slots: tuple[SlotLine, ...] = ()
    layers: tuple[Layer, ...] = ()
    strength: Number = None
    strength_curve: tuple[CurvePoint, ...] = ()
    evaluation: Evaluation | None = None
    reports: tuple[ReportLine, ...] = ()
    slot: SlotDetail | None = None
    """The one that was asked for."""
