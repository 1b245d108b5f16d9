"""The curve over the weight of L_man (`kedit.manifold/1`) as a table and a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from kedit.reporting import format as fmt
from kedit.reporting import tables
from kedit.reporting.terminal import show

SHORT = {
    "edited states among natural ones": "among natural",
    "hit kept inside natural differences": "kept inside",
    "hit kept outside natural differences": "kept outside",
    "hit of interchanging the slots' span": "span",
    "reconstruction helped": "helped",
    "read without the slots": "left to read",
}


def render_manifold(document: Mapping[str, Any]) -> RenderableType:
    """One line for each kind of rows: the hit on validation, and the tests of *carries* and *isolated*."""
    table = tables.table("Edits among natural states", ("rows", "at", "hit", *SHORT.values()))
    for row in document["rows"]:
        tests = (fmt.share(row["carries"].get(test)) for test in SHORT)
        table.add_row(label(row), f"{row['strength']:g}", fmt.share(row["hit"]), *tests)
    first = document["rows"][0] if document["rows"] else {"n": 0}
    note = f"{document['hook_point']}, seed {document['seed']}; hit: {first['n']} swaps on validation; others: means over slots"
    return Group(table, Text(note, style="dim"))


def label(row: Mapping[str, Any]) -> str:
    """How the write rows were made."""
    return f"natural by {row['share']:g}" if row["weight"] is None else f"L_man {row['weight']:g}"


def print_manifold(document: Mapping[str, Any]) -> None:
    """Print the curve."""
    show(render_manifold(document))


def save_manifold(document: Mapping[str, Any], path: Path) -> None:
    """Draw the curve into an SVG or PNG file."""
    from kedit.reporting.figures import manifold_figure

    manifold_figure(document).save(path)
