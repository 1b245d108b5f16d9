"""The tables of the `kedit ontology` commands, made for 100 columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kedit.files import write_text
from kedit.ontology.findings import GUESSED, IGNORED

WIDTH: Final = 100
SHOWN: Final = 20
"""Relations that the table lists; `--json` has them all."""
PROMPTED: Final = 12
"""Relations of which a prompt is shown."""
_SAME: Final = 5
"""Findings of one code that are shown (one a missing import, for example)."""
_SEVERITY: Final = {"error": "bold red", "warning": "yellow", "info": "dim"}
_TEMPLATE: Final = {"written": "green", "generated": "yellow", "missing": "red"}
_TOLD: Final = frozenset({"KE001", "KE012", "KE013", "KE022"})
"""Findings that the head of the screen and the reasons of the relations tell in short."""


def print_ontology(document: Mapping[str, Any], console: Console | None = None) -> None:
    """What is used, what was guessed, what is ignored and why, and what else there is to look at."""
    out = console or console_of()
    out.print(_head(document))
    out.print(_rows(_about_the_file(document)))
    _print_used(document, out)
    guessed = [finding for finding in document["findings"] if finding["code"] in GUESSED]
    if guessed:
        _heading(out, "guessed")
        out.print(_findings(guessed, document["source"]))
    _print_ignored(document, out)
    rest = [finding for finding in document["findings"] if finding["code"] not in GUESSED | IGNORED]
    if rest:
        _heading(out, "to look at")
        out.print(_findings(rest))


def print_findings(document: Mapping[str, Any], output: Path | None = None) -> None:
    """Findings with severity, code, example, place and advice, and how many there are of each severity; into a file, if named."""
    out = Console(file=StringIO(), highlight=False, width=WIDTH) if output else console_of()
    out.print(_head(document))
    out.print()
    found = document["findings"]
    if found:
        out.print(_findings(found))
        out.print()
    counts = [(sum(finding["severity"] == severity for finding in found), severity) for severity in _SEVERITY]
    said = [Text(_counted(count, name), style=_SEVERITY[name]) for count, name in counts if count]
    out.print(Text(" · ").join(said) if said else Text("no findings", "green"))
    if output and isinstance(out.file, StringIO):
        write_text(output, "\n".join(line.rstrip() for line in out.file.getvalue().splitlines()) + "\n")


def _print_used(document: Mapping[str, Any], out: Console) -> None:
    used = [row for row in document["relations"] if row["slot"] is not None]
    if not used:
        _heading(out, "used", "nothing: no relation can be aligned")
        return
    classes = document["class_slots"]
    facts, inferred = (sum(row[key] for row in used) for key in ("facts", "inferred"))
    said = _counted(len(used), "relation") + (f" and {_counted(len(classes), 'class', 'classes')}" if classes else "")
    said += f", a slot each; {_counted(facts, 'fact')}" + (f", {inferred:,} of them inferred" if inferred else "")
    _heading(out, "used", said)
    rows = sorted(sorted(used, key=lambda row: (-row["facts"], row["slot"]))[:SHOWN], key=lambda row: row["slot"])
    out.print(_relations(rows))
    if len(used) > SHOWN:
        out.print(Text(f"and {len(used) - SHOWN:,} more relations with fewer facts (--json lists all)", "dim"))
    if classes:
        out.print(_rows([("classes", _few([_term(row) for row in classes], 8))]))
    out.print()
    out.print(_examples([row for row in rows if row["example"]][:PROMPTED]))
    if len(used) > PROMPTED:
        out.print(Text("kedit ontology prompts shows more", "dim"))


def _print_ignored(document: Mapping[str, Any], out: Console) -> None:
    reasons: dict[str, list[str]] = {}
    for row in document["relations"]:
        if row["slot"] is None:
            reason, _, detail = (row["why"] or "its slot cannot be numbered").partition(": ")
            reasons.setdefault(reason, []).append(f"{_term(row)} ({detail})" if detail else row["curie"])
    rows = [
        ("" if number else "relations", f"{len(names):,} {reason}: {_few(names, 4)}")
        for number, (reason, names) in enumerate(sorted(reasons.items(), key=lambda item: (-len(item[1]), item[0])))
    ]
    if document["unused"]:
        rows.append(("not used", ", ".join(f"{name} {count:,}" for name, count in document["unused"].items())))
    found = [finding for finding in document["findings"] if finding["code"] in IGNORED - _TOLD]
    if rows or found:
        _heading(out, "ignored")
    if rows:
        out.print(_rows(rows))
    if found:
        out.print(_findings(found, document["source"]))


def _about_the_file(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the triples were read as; graphs and imports, where there are any."""
    rows = [("read as", ", ".join(f"{name} {count:,}" for name, count in document["uses"].items()))]
    if document["graphs"]:
        rows.append(("graphs", _few([f"{name} {count:,}" for name, count in document["graphs"].items()], 4)))
    if document["imports"]:
        rows.append(("imports", _few(document["imports"], 4)))
    if document["unresolved_imports"]:
        rows.append(("not found", _few(list(document["unresolved_imports"]), 4)))
    return rows


def _heading(out: Console, name: str, rest: str = "") -> None:
    out.print(Text.assemble("\n", (f"{name:<10}", "bold"), (rest, "bold")))


def _rows(rows: Sequence[tuple[str, str]]) -> Table:
    """A name and a text each, the text wrapped beside the name."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(min_width=9, no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    for name, text in rows:
        grid.add_row(Text(name), Text(text))
    return grid


def _term(row: Mapping[str, Any]) -> str:
    return f"{row['curie']} '{row['label']}'"


def _few(names: Sequence[str], count: int) -> str:
    more = f" and {len(names) - count:,} more" if len(names) > count else ""
    return ", ".join(names[:count]) + more


def _findings(findings: Sequence[Mapping[str, Any]], source: str | None = None) -> Table:
    """A finding a row, with advice; in short, with places in the `source` by its name alone, if that is given."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    codes = Counter(finding["code"] for finding in findings)
    seen: Counter[str] = Counter()
    for finding in findings:
        code = finding["code"]
        seen[code] += 1
        if seen[code] > _SAME:
            if seen[code] == codes[code]:
                grid.add_row(
                    Text(code), Text(""), Text(f"and {codes[code] - _SAME:,} more of the same (--json lists all)", "dim")
                )
            continue
        text = Text(finding["message"])
        if finding["example"] and finding["example"] not in finding["message"]:
            text.append(f"{', e.g. ' if finding['count'] > 1 else ': '}{finding['example']}")
        if finding["place"]:
            place = str(finding["place"])
            text.append(f"  {Path(place).name if source and place.startswith(f'{source}:') else place}", "cyan")
        if source is None and finding["advice"]:
            text.append(f"\n{finding['advice']}", "dim")
        grid.add_row(Text(code), Text(finding["severity"], style=_SEVERITY[finding["severity"]]), text)
    return grid


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
    if document["graphs"]:
        parts.append(_counted(len(document["graphs"]), "graph"))
    if document["imports"]:
        parts.append(_counted(len(document["imports"]), "import"))
    return Text.assemble((document["source"], "bold"), "\n", " · ".join(parts))


def _counted(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _relations(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Relations with their slots; columns that say nothing of any of them are left out."""
    made = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 1), collapse_padding=True)
    cells = {
        "slot": [Text(str(row["slot"]), "dim") for row in rows],
        "relation": [Text(row["curie"], "bold") for row in rows],
        "label": [Text(row["label"]) for row in rows],
        "kind": [Text("sym" if row["symmetric"] else {"object": "obj", "data": "data"}[row["kind"]]) for row in rows],
        **{key: [Text(f"{row[key]:,}" if row[key] else "") for row in rows] for key in ("facts", "inferred", "subjects")},
        "several": [Text(f"{row['multi_answer']:,}" if row["multi_answer"] else "") for row in rows],
        "unique": [Text("yes" if row["functional"] else "") for row in rows],
        "folded": [Text(" ".join(row["inverse_folded"])) for row in rows],
        "template": [Text(_template(row), style=_TEMPLATE[row["template"]]) for row in rows],
    }
    widths = {"relation": 28, "label": 20, "folded": 18, "template": 30}
    shown = {name: column for name, column in cells.items() if any(cell.plain for cell in column)}
    for name in shown:
        right = name in ("slot", "facts", "inferred", "subjects", "several")
        made.add_column(name, justify="right" if right else "left", overflow="ellipsis", no_wrap=True, max_width=widths.get(name))
    for row in zip(*shown.values(), strict=True):
        made.add_row(*row)
    return made


def _template(row: Mapping[str, Any]) -> str:
    return f"{row['rule']} {row['confidence']:.2f}" if row["template"] == "generated" else str(row["template"])


def _examples(rows: Sequence[Mapping[str, Any]]) -> Table:
    """One prompt per relation, with its right answers."""
    made = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 1), collapse_padding=True)
    made.add_column("relation", overflow="ellipsis", no_wrap=True, max_width=22)
    made.add_column("a prompt", overflow="fold")
    made.add_column("right answers", overflow="ellipsis", no_wrap=True, max_width=30)
    for row in rows:
        answers = row["example"]["answers"]
        shown = ", ".join(answers[:3]) + (f" (+{len(answers) - 3})" if len(answers) > 3 else "")
        made.add_row(Text(row["curie"]), Text(row["example"]["prompt"]), Text(f"→ {shown}"))
    return made
