"""A model that is being taught (`kedit.emergence/1`) as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from kedit.reporting import format as fmt
from kedit.reporting import tables
from kedit.reporting.terminal import show


def render_emergence(document: Mapping[str, Any]) -> RenderableType:
    """One line a checkpoint, then what the columns mean and why some are empty."""
    table = tables.table("Emergence", ("checkpoint", "known", "binding", "hit", "ceiling", "n"))
    for row in document["rows"]:
        shares = (row[field] for field in ("known", "binding", "hit", "interchange"))
        table.add_row(Text(row["checkpoint"]), *map(fmt.share, shares), f"{row['n']:,}")
    return Group(table, *(Text(line, style="dim") for line in _notes(document)))


def _notes(document: Mapping[str, Any]) -> Iterator[str]:
    yield f"{document['hook_point']}, seed {document['seed']}; known: training questions answered"
    yield "binding: held-out carriers × held-out subjects; hit, ceiling (interchange): n swaps of known facts, on validation"
    for said, rows in groupby(document["rows"], key=lambda row: row["reason"] or _other_cell(row)):
        if said:
            names = [row["checkpoint"] for row in rows]
            yield f"{names[0]}{f' to {names[-1]}' if len(names) > 1 else ''}: {said}"


def _other_cell(row: Mapping[str, Any]) -> str | None:
    return None if row["cell"] in (None, "validation") else f"nothing to validate on: swaps of {fmt.quadrant(row['cell'])}"


def print_emergence(document: Mapping[str, Any]) -> None:
    """Print what emerged."""
    show(render_emergence(document))
