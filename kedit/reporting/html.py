"""Evaluations and reports as one static, self-contained HTML page: no scripts, nothing fetched, every value escaped."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from kedit.editing.metric_names import QUADRANTS
from kedit.files import write_text
from kedit.reporting import figures as draw
from kedit.reporting import format as fmt
from kedit.reporting import sections
from kedit.reporting.figures import Figure
from kedit.reporting.scope import own_rows, scope_rows
from kedit.reporting.tables import VERDICT_MARK
from kedit.verification.report import Evaluation, Report

FIGURES = "figures"
"""The folder beside a page that holds its figures as files."""


def evaluation_page(evaluation: Evaluation) -> str:
    """`evaluation.html`: a run's evaluation as a page."""
    return _evaluation(evaluation)[0]


def report_page(report: Report) -> str:
    """`report.html`: what `kedit verify` found, as a page."""
    return _report(report)[0]


def save_page(document: Evaluation | Report, path: Path) -> None:
    """Write the page of a document and, in `figures/` beside it, every figure as SVG and PNG.

    Each file is written atomically; figures of an earlier page do not survive.
    """
    page, shown = _report(document) if isinstance(document, Report) else _evaluation(document)
    folder = path.parent / FIGURES
    for figure in shown:
        for ending in ("svg", "png"):
            figure.save(folder / f"{figure.name}.{ending}")
    write_text(path, page)
    _remove_stale(folder, {figure.name for figure in shown})


def _remove_stale(folder: Path, names: set[str]) -> None:
    """Figures that the page does not show; what is no figure stays."""
    for file in sorted(folder.glob("*")):
        if file.suffix in (".svg", ".png") and file.stem not in names and file.is_file():
            file.unlink()


def _evaluation(evaluation: Evaluation) -> tuple[str, list[Figure]]:
    part = sections.evaluation_section(evaluation)
    return _page(
        evaluation,
        [part] if part.quadrants else [],
        kind="kedit align · evaluation",
        title=_title(evaluation.run.ontology, evaluation.run.model),
        facts=sections.evaluation_facts(evaluation),
        knowledge=sections.known(evaluation.knowledge),
        dictionary=sections.dictionaries(evaluation.dictionary),
    )


def _report(report: Report) -> tuple[str, list[Figure]]:
    return _page(
        report,
        sections.edit_sections(report.edits),
        kind="kedit verify · report",
        title=_title(report.recipe, report.run.ontology, report.run.model),
        facts=sections.report_facts(report),
        verdict=report.verdict,
        counted=sections.counted(report),
        expectations=sections.expectations(report.expectations),
        notes=report.notes,
        interfering=[edit.id for edit in report.edits if edit.together and edit.together.interferes],
    )


def _page(document: Evaluation | Report, parts: Sequence[sections.Section], **own: Any) -> tuple[str, list[Figure]]:
    """The page, and its figures in order."""
    locality = document.locality
    confusion, reads = draw.confusion_figure(document.binding), draw.activation_figure(document.activations)
    layers = draw.layer_figure(document.layers)
    whole = {
        "damage": draw.damage_figure(locality),
        "confusion": confusion,
        "activations": reads,
        "layers": layers,
    }
    binding = document.binding.quadrants if document.binding else {}
    aurocs = document.binding.auroc if document.binding else {}
    slots = fmt.short_names(aurocs)
    names = fmt.short_names(locality.moved_slots)
    moved = ((names[term], value) for term, value in locality.moved_slots.items() if value is not None)
    values: dict[str, Any] = {"verdict": None, "expectations": (), "interfering": (), "knowledge": (), "dictionary": (), **own}
    page = _environment().get_template("page.html.j2").render(
        doc=document,
        sections=parts,
        mark=VERDICT_MARK,
        has_locality=bool(locality.model_dump(exclude_defaults=True)),
        moved=sorted(moved, key=lambda item: (-abs(item[1]), item[0])),
        binding_rows=[(name, binding[name]) for name in reversed(QUADRANTS) if name in binding],
        aurocs=[(slots[term], value) for term, value in aurocs.items()],
        about_run=any((confusion, reads, layers, binding, values["knowledge"], values["dictionary"])),
        **whole,
        **values,
    )  # fmt: skip
    drawn = [*(figure for part in parts for figure in part.figures.values()), *whole.values()]
    return page, [figure for figure in drawn if figure]


def _title(*parts: str | None) -> str:
    return " × ".join(part for part in parts if part) or "kedit"


@cache
def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(lambda name: (files("kedit.reporting") / "pages" / name).read_text(encoding="utf-8")),
        finalize=lambda value: fmt.legal(value) if type(value) is str else value,
    )
    environment.globals |= {"fmt": fmt, "pair_text": draw.pair_text, "scope_rows": scope_rows, "own_rows": own_rows}
    return environment
