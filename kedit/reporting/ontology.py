"""The tables of the `kedit ontology` commands, made for 100 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDTH: Final = 100
SHOWN: Final = 40
"""Relations that the table lists; `--json` has them all."""
_SEVERITY: Final = {"error": "bold red", "warning": "yellow", "info": "dim"}
_TEMPLATE: Final = {"written": "green", "generated": "yellow", "missing": "red"}


def print_ontology(document: Mapping[str, Any], console: Console | None = None) -> None:
    """Head line, table of relations, what was read but not used, findings."""
    out = console or console_of()
    out.print(_head(document))
    relations = sorted(document["relations"], key=lambda row: (-bool(row["facts"]), row["slot"] is None, row["curie"]))
    if relations:
        out.print()
        out.print(_relations(relations[:SHOWN]))
        if len(relations) > SHOWN:
            out.print(Text(f"and {len(relations) - SHOWN:,} more relations (--json lists all)", "dim"))
        examples = [row for row in relations[:SHOWN] if row["example"]]
        if examples:
            out.print()
            out.print(_examples(examples))
    if document["unused"]:
        counts = ", ".join(f"{name} {count:,}" for name, count in document["unused"].items())
        out.print(Text.assemble("\n", ("read, not used  ", "dim"), counts))
    print_findings(document, out, head=False)


def print_findings(document: Mapping[str, Any], console: Console | None = None, *, head: bool = True) -> None:
    """Findings with severity, code, example, place and advice."""
    out = console or console_of()
    if head:
        out.print(_head(document))
    if not document["findings"]:
        out.print(Text("\nno findings", "green"))
        return
    out.print()
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for finding in document["findings"]:
        text = Text(finding["message"])
        if finding["example"] and finding["example"] not in finding["message"]:
            text.append(f"{', e.g. ' if finding['count'] > 1 else ': '}{finding['example']}")
        if finding["place"]:
            text.append(f" at {finding['place']}")
        if finding["advice"]:
            text.append(f"\n{finding['advice']}", "dim")
        grid.add_row(Text(finding["code"]), Text(finding["severity"], style=_SEVERITY[finding["severity"]]), text)
    out.print(grid)


def print_slots(document: Mapping[str, Any], console: Console | None = None) -> None:
    """The slots of `kedit.slots/1`, one a row."""
    table = _table("slot", "term", "label", "kind", "why")
    for slot in document["slots"]:
        table.add_row(*(Text(str(slot[key])) for key in ("index", "curie", "label", "kind", "reason")))
    (console or console_of()).print(table)


def print_prompts(rows: Sequence[Mapping[str, Any]], dropped: Mapping[str, int | str], console: Console | None = None) -> None:
    """Sample prompts with their splits and accepted answers; below them what was left out."""
    out = console or console_of()
    table = _table("relation", "carrier", "subject", "prompt", "accepted")
    for row in rows:
        cells = (row["relation"], row["carrier_split"], row["subject_split"], row["text"], ", ".join(row["answers"][:4]))
        table.add_row(*(Text(str(cell)) for cell in cells))
    if rows:
        out.print(table)
    for reason, count in dropped.items():
        if count:
            out.print(Text.assemble(("left out  ", "dim"), f"{reason}: {count}"))


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 1))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def console_of() -> Console:
    """Where tables go: as wide as the terminal, but for files and pipes as wide as the tables are made for."""
    console = Console(highlight=False)
    return console if console.is_terminal and console.width < WIDTH else Console(highlight=False, width=WIDTH)


def _head(document: Mapping[str, Any]) -> Text:
    facts = sum(row["facts"] for row in document["relations"])
    parts = [
        document["syntax"],
        _counted(document["triples"], "triple"),
        _counted(len(document["relations"]), "relation"),
        _counted(facts, "fact"),
        _counted(document["individuals"], "individual"),
        _counted(document["classes"], "class", "classes"),
    ]
    if document["imports"]:
        parts.append(_counted(len(document["imports"]), "import"))
    return Text.assemble((document["source"], "bold"), "\n", " · ".join(parts))


def _counted(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _relations(rows: list[Mapping[str, Any]]) -> Table:
    made = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 1), collapse_padding=True)
    made.add_column("relation", overflow="ellipsis", no_wrap=True, max_width=26)
    made.add_column("label", overflow="ellipsis", no_wrap=True, max_width=20)
    for name in ("kind", "facts", "subjects", "multi"):
        made.add_column(name, justify="left" if name == "kind" else "right", no_wrap=True)
    made.add_column("unique", no_wrap=True)
    made.add_column("folded", overflow="ellipsis", no_wrap=True, max_width=18)
    made.add_column("template", no_wrap=True)
    for row in rows:
        made.add_row(
            Text(row["curie"], style="bold" if row["slot"] is not None else "dim"),
            Text(row["label"]),
            "sym" if row["symmetric"] else {"object": "obj", "data": "data"}[row["kind"]],
            f"{row['facts']:,}",
            f"{row['subjects']:,}",
            f"{row['multi_answer']:,}",
            "yes" if row["functional"] else "",
            Text(" ".join(row["inverse_folded"])),
            Text(row["template"], style=_TEMPLATE[row["template"]]),
        )
    return made


def _examples(rows: list[Mapping[str, Any]]) -> Table:
    """One prompt per relation, with its right answers."""
    made = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 1), collapse_padding=True)
    made.add_column("relation", overflow="ellipsis", no_wrap=True, max_width=22)
    made.add_column("a prompt", overflow="fold")
    made.add_column("right answers", overflow="ellipsis", max_width=28)
    for row in rows:
        answers = row["example"]["answers"]
        shown = ", ".join(answers[:3]) + (f" (+{len(answers) - 3})" if len(answers) > 3 else "")
        made.add_row(Text(row["curie"]), Text(row["example"]["prompt"]), Text(f"→ {shown}"))
    return made
