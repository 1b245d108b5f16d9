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
}


def render_manifold(document: Mapping[str, Any]) -> RenderableType:
    """One line a weight: the hit on validation, and the tests of *carries*."""
    table = tables.table("Edits among natural states", ("weight", "hit", *SHORT.values()))
    for row in document["rows"]:
        table.add_row(f"{row['weight']:g}", fmt.share(row["hit"]), *(fmt.share(row["carries"][test]) for test in SHORT))
    first = document["rows"][0] if document["rows"] else {"n": 0}
    note = f"{document['hook_point']}, seed {document['seed']}; hit: {first['n']} swaps on validation; others: means over slots"
    return Group(table, Text(note, style="dim"))


def print_manifold(document: Mapping[str, Any]) -> None:
    """Print the curve."""
    show(render_manifold(document))


def save_manifold(document: Mapping[str, Any], path: Path) -> None:
    """Draw the curve into an SVG or PNG file."""
    from kedit.reporting.figures import manifold_figure

    manifold_figure(document).save(path)
