"""Where edits fire and where they should, with intervals and counts: the same rows on the terminal and on pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.table import Table
from rich.text import Text

from kedit.reporting import format as fmt
from kedit.reporting.tables import table
from kedit.verification.figures import Locality, OwnPrompts, ScopeParts, Share

Row = tuple[str, Share | None, Share | None]
"""What it is, leak, miss."""
_GROUPS: Final = {
    "other_relations": "fires, other relations asked",
    "other_subjects": "fires, subjects out of scope",
    "negatives": "fires, nothing asked",
}


def scope_rows(locality: Locality) -> list[Row]:
    """Leak and miss of an edit as it acts, by group of prompts, then of its scope and its gate; only what was measured."""
    rows: list[Row] = [(name, locality.scope_leak.get(group), None) for group, name in _GROUPS.items()]  # type: ignore[call-overload]
    return _measured([*rows, ("fires, where it should", None, locality.scope_miss), *_parts(locality)])


def own_rows(own: OwnPrompts) -> list[Row]:
    """The same on a recipe's own prompts."""
    return _measured([("fires", own.scope_leak, own.scope_miss), *_parts(own)])


def _parts(parts: ScopeParts) -> list[Row]:
    return [("scope by subject", parts.subject_leak, parts.subject_miss), ("gate", parts.gate_leak, parts.gate_miss)]


def _measured(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row[1] or row[2]]


def scope_table(locality: Locality) -> Table | None:
    """Leaks and misses; None where nothing was measured."""
    rows = scope_rows(locality)
    if not rows:
        return None
    made = table("Where it fires", ("", "leak", "miss"))
    for name, *shares in rows:
        made.add_row(name, *(fmt.counted(found) if found else "" for found in shares))
    return made


def read_back_line(locality: Locality) -> Text | None:
    """What edited states say of themselves, in one line."""
    if locality.read_back is None:
        return None
    return Text.assemble(("read-back   ", "dim"), f"error {fmt.counted(locality.read_back, 3)}")


def own_prompts_lines(name: str, own: OwnPrompts) -> Iterator[Text]:
    """What an edit does on the recipe's own prompts: where it fires, its scope, its gate and its hits, a line each."""
    lines = [f"{what}: leak {fmt.counted(leak)} · miss {fmt.counted(miss)}" for what, leak, miss in own_rows(own)]
    rates = (("hit, known", own.known), ("all facts", own.all_facts))
    if hits := [f"{what} {fmt.share(found.hit)} of {found.n}" for what, found in rates if found]:
        lines.append(" · ".join(hits))
    if own.informative and own.informative.dropped:
        lines.append(f"left out {own.informative.dropped}: {own.informative.note}")
    for index, line in enumerate(lines):
        # Told once: with a long name the figures would not fit on a line.
        lead = (("own prompts ", "dim"), f"{name}  ") if index == 0 else ((" " * 12, "dim"),)
        yield Text.assemble(*lead, line)
