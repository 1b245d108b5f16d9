"""Finished measurements as they lie on the disk: an evaluation or a report, and the rows behind it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kedit.errors import InputError, Place, did_you_mean
from kedit.verification.figures import Control, Pair, SwapQuadrant
from kedit.verification.metrics import select
from kedit.verification.outcomes import SwapRow, load_rows
from kedit.verification.report import Evaluation, Report


@dataclass(frozen=True)
class Source:
    """One side: a document, and the rows beside it that belong to it."""

    path: Path
    document: Evaluation | Report
    rows: tuple[SwapRow, ...] = ()
    why_no_rows: str = ""


def read_source(path: Path) -> Source:
    """The document that a path stands for, with its rows; InputError if there is none."""
    file = _document_file(path)
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        advice = "Name a run directory, a folder of its reports, or the evaluation.json or report.json in one of them."
        raise InputError("is not a JSON document", place=Place(file), advice=advice) from error
    schema = data.get("schema") if isinstance(data, dict) else None
    kinds: dict[Any, type[Evaluation] | type[Report]] = {"kedit.evaluation/1": Evaluation, "kedit.report/1": Report}
    if schema not in kinds:
        message = f"unknown schema {schema!r}: neither an evaluation nor a report"
        raise InputError(message, place=Place(file, key="schema"), advice=f"Known: {', '.join(kinds)}.")
    document = kinds[schema].load(file)
    rows, why = _rows(file.with_name("rows.jsonl"), document)
    return Source(path, document, rows, why)


def _document_file(path: Path) -> Path:
    if path.is_file():
        return path
    if not path.is_dir():
        siblings = sorted(str(child) for child in path.parent.iterdir()) if path.parent.is_dir() else []
        raise InputError(f"there is no run or report {path}", advice=did_you_mean(str(path), siblings) if siblings else None)
    for name in ("report.json", "evaluation.json"):
        if (path / name).is_file():
            return path / name
    if (path / "run.json").is_file():
        message = f"the run {path} is not finished: it holds no evaluation.json"
        raise InputError(message, advice="Run `kedit align` with the same options again: it goes on where it stopped.")
    raise InputError(f"{path} holds neither evaluation.json nor report.json", advice="Name a run, or a folder of its reports.")


def _rows(file: Path, document: Evaluation | Report) -> tuple[tuple[SwapRow, ...], str]:
    """The rows of a document; none, and why, where they are missing or those of another measurement."""
    if not file.is_file():
        return (), "there is no rows.jsonl beside it"
    try:
        rows = tuple(load_rows(file))
    except (OSError, ValueError, TypeError) as error:
        raise InputError("is damaged, or was written by another version", place=Place(file)) from error
    for name, part in parts(document).items():
        mine = [row for row in rows if row.edit == name]
        for quadrant, figures in part.quadrants.items():
            if len(select(mine, quadrant=quadrant)) != figures.n:
                return (), "its rows.jsonl is that of another measurement"
    return rows, ""


@dataclass(frozen=True)
class Part:
    """What is measured as one: a run's swaps, or one edit of a recipe."""

    quadrants: Mapping[Any, SwapQuadrant]
    pairs: Sequence[Pair]
    controls: Mapping[str, Mapping[Any, Control]]


def parts(document: Evaluation | Report) -> dict[str, Part]:
    """Name -> what is measured as one; the name of a run's swaps is empty."""
    if isinstance(document, Evaluation):
        return {"": Part(document.swap.quadrants, document.swap.pairs, document.controls)}
    return {edit.id: Part(edit.quadrants, edit.pairs, edit.controls) for edit in document.edits}
