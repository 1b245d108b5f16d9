"""`kedit inspect`: what a run holds, from its files alone; finished or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kedit.errors import InputError, did_you_mean
from kedit.files import read_json
from kedit.machine import Spent
from kedit.manifest import Manifest
from kedit.runs import Run
from kedit.stages.asking import READING
from kedit.stages.job import EVALUATION, LAYERS, SETTLED, SLOTS

if TYPE_CHECKING:
    from kedit.curriculum.slots import Slot, SlotMap
    from kedit.verification.inspection import Costs, Inspection, ReportLine, RunModel, SlotDetail, SlotLine, StageLine
    from kedit.verification.report import Evaluation

STAGES: Final = (
    *("ontology", "slots", "prompts", "model", "knowledge"),
    *("layers", "dictionary", "slot training", "vectors", "evaluation"),
)
"""The stages of `kedit align`, in order."""


def inspection(path: Path, term: str | None = None) -> Inspection:
    """A run's files in one document; `term`: the slot to show in depth. InputError if there is no run, or no such slot."""
    from kedit.curriculum.slots import SlotMap
    from kedit.stages.slots import sae_folder
    from kedit.verification.figures import CurvePoint, Layer
    from kedit.verification.inspection import Inspection, RunOntology
    from kedit.verification.report import Evaluation

    run = Run.open(path)
    manifest = run.manifest
    slots = SlotMap.load(run.file(SLOTS)) if run.done("slots") else None
    found: dict[str, Any] = read_json(run.file(LAYERS)) if run.done("layers") else {"chosen": None, "rows": []}
    trained: dict[str, Any] = {}
    if run.done("slot training"):
        trained = read_json(run.file(f"{sae_folder(found['chosen'])}/cfg.json"))["metadata"]["kedit"]
    evaluation = Evaluation.load(run.file(EVALUATION)) if run.done("evaluation") else None
    lines = _slot_lines(slots, trained, evaluation)
    detail = _detail(_find(slots, term, path), lines, slots, evaluation) if term is not None else None
    return Inspection(
        schema="kedit.inspection/1",
        path=str(path),
        finished=all(run.done(name) for name in STAGES),
        missing=tuple(name for name in STAGES if not run.done(name)),
        ontology=RunOntology(source=manifest.ontology.source, sha256=manifest.ontology.sha256),
        model=_model(run),
        seeds=manifest.seeds,
        versions=manifest.versions,
        stages=stage_lines(manifest),
        hook_point=next((row["hook_point"] for row in found["rows"] if row["layer"] == found["chosen"]), None),
        slots=lines,
        layers=tuple(
            Layer.model_validate(_known(Layer.model_fields, row) | {"chosen": row["layer"] == found["chosen"]})
            for row in found["rows"]
        ),
        strength=trained.get("strength"),
        strength_curve=tuple(
            CurvePoint.model_validate(_known(CurvePoint.model_fields, point)) for point in trained.get("strength_curve", ())
        ),
        evaluation=evaluation,
        reports=tuple(_report(folder) for folder in sorted((path / "reports").glob("*/report.json"))),
        slot=detail,
    )


def stage_lines(manifest: Manifest) -> tuple[StageLine, ...]:
    """Every stage with its last run's time and memory, in order; `reading` before the stage that needs it first."""
    from kedit.verification.inspection import StageLine

    records, timing = manifest.stages, manifest.timing
    names = list(dict.fromkeys((*STAGES, *records)))
    if READING in timing:
        names.insert(names.index("model"), READING)
    return tuple(
        StageLine(
            name=name,
            status="done" if name == READING else records[name].status if name in records else "missing",
            seconds=timing.get(name),
            memory=manifest.memory.get(name),
            gpu_memory=manifest.gpu_memory.get(name),
        )
        for name in names
    )


def costs(manifest: Manifest, ran: Sequence[str], spent: Spent) -> Costs:
    """What one `kedit align` took, and what it did."""
    from kedit.verification.inspection import Costs

    return Costs(stages=stage_lines(manifest), ran=tuple(ran), seconds=spent.seconds, memory=spent.memory)


def _known(fields: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """What a document has room for of a row of the run's own files."""
    return {key: value for key, value in row.items() if key in fields}


def _model(run: Run) -> RunModel:
    from kedit.verification.inspection import RunModel

    about = run.manifest.model
    settled = read_json(run.file(SETTLED)) if run.done("model") else {}
    return RunModel(
        name=about.name,
        fingerprint=about.fingerprint,
        revision=about.revision,
        description=settled.get("description", about.description),
        taught=settled.get("taught"),
        edited_fingerprint=settled.get("fingerprint"),
    )


def _slot_lines(slots: SlotMap | None, trained: Mapping[str, Any], evaluation: Evaluation | None) -> tuple[SlotLine, ...]:
    from kedit.verification.inspection import SlotLine

    if slots is None:
        return ()
    measured = trained.get("slots") or [{} for _ in slots.slots]
    auroc = evaluation.binding.auroc if evaluation else {}
    return tuple(
        SlotLine.model_validate(
            {
                **{key: getattr(slot, key) for key in ("index", "iri", "curie", "label", "kind", "reason")},
                **{key: row.get(key) for key in ("threshold", "balanced_accuracy", "train", "valid")},
                "auroc": auroc.get(slot.curie),
            }
        )
        for slot, row in zip(slots.slots, measured, strict=True)
    )


def _find(slots: SlotMap | None, term: str, path: Path) -> Slot:
    """The slot of a CURIE, IRI or label; InputError with the nearest of them."""
    if slots is None:
        message = f"the run {path} has no slots yet: stage slots has not been completed"
        raise InputError(message, advice="Run `kedit align` with the same options again: it goes on where it stopped.")
    wanted = term.strip().removeprefix("<").removesuffix(">")
    exact = [slot for slot in slots.slots if wanted in (slot.iri, slot.curie)]
    found = exact or [slot for slot in slots.slots if slot.label.casefold() == wanted.casefold()]
    if not found:
        known = [name for slot in slots.slots for name in (slot.curie, slot.label)]
        raise InputError(f"no slot {term!r} in the run {path}", advice=did_you_mean(term, known))
    if len(found) > 1:
        names = ", ".join(slot.curie for slot in found)
        raise InputError(f"{term!r} is the label of {len(found)} slots", advice=f"Say which: {names}.")
    return found[0]


def _detail(slot: Slot, lines: tuple[SlotLine, ...], slots: SlotMap | None, evaluation: Evaluation | None) -> SlotDetail:
    from kedit.editing.metric_names import HEADLINE_QUADRANT
    from kedit.verification.inspection import SlotDetail

    by_iri = slots.by_iri if slots else {}
    parents = tuple(by_iri[iri].curie if iri in by_iri else iri for iri in slot.parents)
    if evaluation is None:
        return SlotDetail(slot=lines[slot.index], parents=parents)
    pairs = [pair for pair in evaluation.swap.pairs if pair.quadrant == HEADLINE_QUADRANT]
    confusion, read_as = evaluation.binding.confusion, {}
    if confusion is not None and slot.curie in confusion.labels:
        counts = confusion.counts[confusion.labels.index(slot.curie)]
        read_as = {label: count for label, count in zip(confusion.labels, counts, strict=True) if count}
    return SlotDetail(
        slot=lines[slot.index],
        parents=parents,
        read_as=read_as,
        histogram=evaluation.activations.get(slot.curie),
        pairs_out=tuple(pair for pair in pairs if pair.source == slot.curie),
        pairs_in=tuple(pair for pair in pairs if pair.target == slot.curie),
    )


def _report(file: Path) -> ReportLine:
    from kedit.verification.inspection import ReportLine
    from kedit.verification.report import Report

    name = file.parent.name
    try:
        report = Report.load(file)
    except InputError:  # by another version: it is there, and no more can be said
        return ReportLine(recipe=name, path=str(file))
    binding = [item for item in report.expectations if item.severity == "error"]
    return ReportLine(
        recipe=report.recipe or name,
        path=str(file),
        verdict=report.verdict,
        exit_code=report.exit_code,
        edits=len(report.edits),
        met=sum(item.verdict == "PASS" for item in binding),
        binding=len(binding),
    )
