"""Fragmentation of a run (`kedit.fragmentation/1`) as tables: without slots and with them, and the hierarchy of slots."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from kedit.reporting import format as fmt
from kedit.reporting import tables
from kedit.reporting.terminal import show
from kedit.verification.fragmentation import Consistency, Fragmentation, RelationSpread, Spread

_MARK = {True: ("✓", "green"), False: ("✗", "red"), None: ("?", "yellow")}


def render_fragmentation(found: Fragmentation) -> RenderableType:
    """Spread of every relation, the cost in reconstruction, and one line for each slot and ancestor."""
    where = f"{found.run}: preset {found.preset}, {found.hook_point}; {fmt.quadrant_words(found.quadrant)}"
    parts: list[RenderableType] = [_spreads(found.relations), "", _l0(found), _reconstruction(found)]
    if found.hierarchy:
        parts += ["", _hierarchy(found.hierarchy)]
    return Group(*parts, Text(where, style="dim"), Text(found.note, style="dim"))


def _spreads(relations: tuple[RelationSpread, ...]) -> Table:
    names = fmt.short_names([one.relation for one in relations])
    columns = ("relation", "dictionary", "latents", "95 %", "top share", "95 %", "top latent", "n / others")
    table = tables.table("Fragmentation of relations, at the same mean L0", columns, left=2)
    for one in relations:
        table.add_row(Text(names[one.relation]), "unsupervised", *_figures(one.unsupervised), f"{one.n} / {one.others}")
        table.add_row("", "aligned", *_figures(one.aligned), "", style="bold")
    return table


def _figures(spread: Spread) -> tuple[Text | str, ...]:
    effective, top = spread.effective, spread.top_share
    latents = fmt.MISSING if effective.value is None else f"{effective.value:.1f}"
    latent = "own slot" if spread.own else spread.top_slot or fmt.plain(spread.top)
    style = "green" if spread.own else ""
    return (latents, fmt.interval(effective.ci, 1), fmt.share(top.value), fmt.interval(top.ci), Text(latent, style=style))


def _l0(found: Fragmentation) -> Text:
    text = Text.assemble(("L0                  ", "dim"), f"unsupervised {found.l0.unsupervised:.2f}")
    return text.append(f" · aligned {found.l0.aligned:.2f}, {found.l0.aligned_slots:.2f} of them slots")


def _reconstruction(found: Fragmentation) -> Text:
    row = found.reconstruction
    mark, style = _MARK[row.passed]
    figures = [fmt.MISSING if value is None else f"{value:.3f}" for value in (row.unsupervised, row.aligned)]
    difference = fmt.MISSING if row.difference is None else f"{row.difference:+.3f}"
    text = Text.assemble(("explained variance  ", "dim"), f"unsupervised {figures[0]} · aligned {figures[1]} · {difference}")
    return text.append(f" {mark}", style=style).append(f" (at most {row.most_lost:g} lost; n {row.n})", style="dim")


def _hierarchy(rows: tuple[Consistency, ...]) -> Table:
    names = fmt.short_names([term for row in rows for term in (row.child, row.ancestor)])
    columns = ("where this slot is on", "is its ancestor", "on", "95 %", "elsewhere", "n")
    table = tables.table("Consistency of the hierarchy", columns, left=2)
    for row in rows:
        figures = (fmt.share(row.share), fmt.interval(row.ci), fmt.share(row.elsewhere), str(row.n))
        table.add_row(Text(names[row.child]), Text(names[row.ancestor]), *figures)
    return table


def print_fragmentation(found: Fragmentation) -> None:
    """Print what was found."""
    show(render_fragmentation(found))
