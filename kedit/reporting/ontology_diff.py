"""What `kedit ontology slots --check` and `kedit ontology diff` print: tables, and a last line that says it in words."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kedit.curriculum.diff import Change, OntologyDiff
from kedit.curriculum.slotcheck import BROKEN, SlotsCheck
from kedit.reporting.ontology import console_of

_HEADS: Final = {
    "retrain": ("not what was trained", "bold red"),
    "verify": ("make prompts and verify again", "yellow"),
    "compatible": ("nothing to do", "green"),
}
SHOWN: Final = 60
"""Changes of one group that are printed; `--json` has them all."""


def print_check(check: SlotsCheck, console: Console | None = None) -> None:
    """Every slot of the map and what has become of it; last line: compatible, or what to retrain."""
    out = console or console_of()
    out.print(Text(f"{check.lock} against {check.ontology}\n", "bold"))
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 1))
    for name in ("slot", "term", "kind", "", "what happened"):
        table.add_column(name, overflow="fold", justify="right" if name == "slot" else "left")
    for row in check.slots:
        style = "bold red" if row.status in BROKEN else "green" if row.status == "kept" else "yellow"
        index = "" if row.index is None else str(row.index)
        table.add_row(index, Text(row.curie), row.kind, Text(row.status, style), Text(row.says))
    out.print(table)
    _verdict(check.retrain, out)


def print_diff(diff: OntologyDiff, console: Console | None = None) -> None:
    """Changes by what they mean for a trained run; last line: compatible, or what to retrain."""
    out = console or console_of()
    for name, side in (("old", diff.old), ("new", diff.new)):
        out.print(Text.assemble((f"{name} ", "dim"), (side.source, "bold"), f" · {side.relations} relations, {side.slots} slots"))
    for means, (head, style) in _HEADS.items():
        found = [change for change in diff.changes if change.means == means]
        if found:
            out.print(Text.assemble("\n", (head, style)))
            out.print(_changes(found[:SHOWN]))
            if len(found) > SHOWN:
                out.print(Text(f"and {len(found) - SHOWN:,} more changes (--json lists all)", "dim"))
    if not diff.changes:
        out.print(Text("\nno change that a run would notice", "green"))
    _verdict(diff.retrain, out)


def _changes(changes: list[Change]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(overflow="fold", max_width=34)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for change in changes:
        said = Text(change.says)
        for example in change.examples:
            said.append(f"\n{example}", "dim")
        table.add_row(Text(f"  {change.curie}"), Text(change.change), said)
    return table


def _verdict(retrain: tuple[str, ...], out: Console) -> None:
    text = Text(f"retrain {', '.join(retrain)}", "bold red") if retrain else Text("compatible", "bold green")
    out.print()
    out.print(text, soft_wrap=True)  # one line, however many: scripts read the last one
