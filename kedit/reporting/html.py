"""Evaluations and reports as one static, self-contained HTML page: no scripts, nothing fetched, every value escaped."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

from kedit.editing.metric_names import HEADLINE_QUADRANT, QUADRANTS
from kedit.files import write_text
from kedit.reporting import format as fmt
from kedit.verification.figures import Control, Pair, Rate, SwapQuadrant
from kedit.verification.report import Evaluation, Report


def evaluation_page(evaluation: Evaluation) -> str:
    """`evaluation.html`: a run's evaluation as a page."""
    swap = evaluation.swap
    sections = [
        _edit_section("Swap", "The answer becomes that of another relation.", swap.quadrants, swap.pairs, evaluation.controls)
    ]
    return _template().render(
        title=_title(evaluation.run.ontology, evaluation.run.model),
        doc=evaluation,
        hook_point=evaluation.hook_point,
        knowledge=dict(sorted(evaluation.knowledge.items(), key=lambda item: -item[1].known)),
        sections=sections if swap.quadrants else [],
        expectations=(),
        verdict=None,
        **_shared(),
    )


def report_page(report: Report) -> str:
    """`report.html`: what `kedit verify` found, as a page."""
    sections = []
    for edit in report.edits:
        what = f"{edit.op} {edit.source} → {edit.target}" if edit.op == "swap" else f"{edit.op} {edit.slot or ''}"
        section = _edit_section(edit.id, what, edit.quadrants, edit.pairs, edit.controls)
        sections.append(section | {"transcripts": edit.transcripts, "curve": edit.curve})
    return _template().render(
        title=_title(report.recipe, report.run.ontology, report.run.model),
        doc=report,
        hook_point=", ".join(dict.fromkeys(edit.hook_point for edit in report.edits)),
        knowledge={},
        sections=sections,
        expectations=report.expectations,
        verdict=report.verdict,
        **_shared(),
    )


def save_page(document: Evaluation | Report, path: Path) -> None:
    """Write the page of a document, atomically."""
    write_text(path, report_page(document) if isinstance(document, Report) else evaluation_page(document))


def _title(*parts: str | None) -> str:
    return " × ".join(part for part in parts if part) or "kedit"


def _edit_section(
    title: str,
    about: str,
    quadrants: Mapping[Any, SwapQuadrant],
    pairs: tuple[Pair, ...],
    controls: Mapping[str, Mapping[Any, Control]],
) -> dict[str, Any]:
    """What the template shows of one edit."""
    shown = [(fmt.quadrant(name), quadrants[name]) for name in reversed(QUADRANTS) if name in quadrants]
    headline = quadrants.get(HEADLINE_QUADRANT)
    compared: list[tuple[str, Rate]] = [("edit", headline)] if headline and controls else []
    for name, rows in controls.items():
        if HEADLINE_QUADRANT in rows:
            compared.append((fmt.words(name), rows[HEADLINE_QUADRANT]))
    mine = {(pair.source, pair.target): pair for pair in pairs if pair.quadrant == HEADLINE_QUADRANT}
    terms = sorted({term for pair in mine for term in pair})
    return {
        "title": title,
        "about": about,
        "quadrants": shown,
        "headline": headline,
        "controls": compared,
        "pairs": mine,
        "terms": fmt.short_names(terms),
        "transcripts": (),
        "curve": (),
    }


def _shared() -> dict[str, Any]:
    return {"fmt": fmt, "outcomes": fmt.OUTCOMES, "rgb": lambda value: "rgb({},{},{})".format(*fmt.heat(value))}


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(files("kedit.reporting").joinpath("page.html.j2").read_text(encoding="utf-8"))
