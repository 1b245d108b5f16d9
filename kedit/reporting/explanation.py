"""The answers to one question with their reasons, as a tree."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from kedit.ontology.explain import Because, Explanation
from kedit.reporting.ontology import console_of


def print_explanation(found: Explanation, console: Console | None = None) -> None:
    """The question, its answers with what each rests on, and what was read but gives no answer."""
    out = console or console_of()
    out.print(Text.assemble((found.relation, "bold"), f" '{found.label}' of ", (found.subject, "bold"), f" '{found.name}'"))
    if found.asked is not None:
        out.print(Text.assemble(("asked as  ", "dim"), found.asked))
    else:
        out.print(Text.assemble(("not asked  ", "yellow"), found.not_asked or ""))
    for answer in found.answers:
        also = f"  (also right: {', '.join(answer.texts[1:])})" if len(answer.texts) > 1 else ""
        mark = ("stated  ", "green") if answer.stated else ("follows  ", "cyan")
        tree = Tree(Text.assemble(mark, (answer.texts[0], "bold"), f"  {answer.value}", (also, "dim")), guide_style="dim")
        _grow(tree, answer.because)
        out.print(tree)
    if found.left_out:
        tree = Tree(Text("read, but no answer", "yellow"), guide_style="dim")
        _grow(tree, found.left_out)
        out.print(tree)


def _grow(tree: Tree, reasons: Iterable[Because]) -> None:
    for reason in reasons:
        _grow(tree.add(Text.assemble(reason.statement, (f"  {reason.how}", "dim"))), reason.because)
