"""`kedit ask` on the terminal: before and after side by side, what fired, and the slots as bars."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from kedit.reporting import format as fmt
from kedit.reporting import tables
from kedit.reporting.terminal import show
from kedit.verification.answer import Answer, AnswerEdit, AnswerSlot

NARROW: Final = 70
"""Columns below which before and after stand one above the other."""
TOP: Final = 8
BAR: Final = 16
_LEAST_SCALE: Final = 1.25
"""The bar's right end is at least here, so that a slot that is asked for does not fill it."""


def render_answer(answer: Answer, top: int = TOP) -> RenderableType:
    """One text before and after an edit; the first `top` slots."""
    run = answer.run
    facts = [run.ontology, run.model, answer.hook_point, answer.recipe, f"at most {answer.max_new_tokens} new tokens, greedy"]
    parts: list[RenderableType] = [Text(" · ".join(fact for fact in facts if fact), style="dim")]
    parts.append(Panel(Text(answer.prompt), title="prompt", title_align="left", border_style="dim", padding=(0, 1)))
    if answer.after is None:
        parts.append(Panel(Text(answer.before), title="answer", title_align="left", border_style="cyan", padding=(0, 1)))
    else:
        parts.append(_Sides(*changed_words(answer.before, answer.after)))
        parts += [_edit_line(edit) for edit in answer.edits] or [Text("the recipe has no edit", style="dim")]
    if answer.slots:
        parts += ["", _slot_table(answer.slots[:top], edited=answer.after is not None)]
    if len(answer.slots) > top:
        parts.append(Text(f"and {len(answer.slots) - top} more", style="dim"))
    return Group(*parts)


def print_answer(answer: Answer, top: int = TOP) -> None:
    """Print one text before and after an edit."""
    show(render_answer(answer, top))


def changed_words(before: str, after: str) -> tuple[Text, Text]:
    """Both texts, with the words that the other has not in colour."""
    left, right = before.split(), after.split()
    texts = Text(), Text()
    for operation, a, b, c, d in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        same = operation == "equal"
        for text, words, style in ((texts[0], left[a:b], "red"), (texts[1], right[c:d], "bold green")):
            for word in words:
                text.append(" " if text else "").append(word, None if same else style)
    return texts


@dataclass(frozen=True)
class _Sides:
    """Two texts: side by side where there is room, else one above the other."""

    before: Text
    after: Text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        panels = [
            Panel(text if text else Text("(nothing)", style="dim"), title=title, title_align="left", border_style=style)
            for title, text, style in (("before", self.before, "dim"), ("after", self.after, "green"))
        ]
        if options.max_width < NARROW:
            yield from panels
        else:
            grid = Table.grid(expand=True, padding=(0, 1, 0, 0))
            grid.add_column(ratio=1)
            grid.add_column(ratio=1)
            grid.add_row(*panels)
            yield grid


def _edit_line(edit: AnswerEdit) -> Text:
    what = f"{edit.op} {edit.slot}" + (f" → {edit.target}" if edit.target else "")
    text = Text.assemble(("✓ " if edit.fired else "✗ ", "bold green" if edit.fired else "yellow"), (edit.id, "bold"), f"  {what}")
    if edit.strength is not None:
        text.append(f" at {edit.strength:g}")
    if edit.fired:
        return text.append("  fired", "green")
    return text.append(f"  did not fire ({edit.blocked_by}): {edit.reason}", "yellow")


def _slot_table(slots: tuple[AnswerSlot, ...], *, edited: bool) -> Table:
    """Bars of what each slot reads; on slots are bold, `┃` marks the threshold."""
    values = [value for slot in slots for value in (slot.before, slot.after) if value is not None]
    scale = max(_LEAST_SCALE, *values)
    columns = ("slot", "before", "", *(("after", "") if edited else ()), "threshold ┃")
    made = tables.table("Slots at the prompt's last token, in calibrated units", columns)
    names = fmt.short_names(slot.slot for slot in slots)
    for index, name in enumerate(columns):
        if name in ("before", "after"):
            made.columns[index].justify = "left"
    for slot in slots:
        on = slot.active or bool(slot.active_after)
        cells: list[Text | str] = [Text(names[slot.slot], style="bold" if on else "dim")]
        for value, active in ((slot.before, slot.active), (slot.after, bool(slot.active_after)))[: 2 if edited else 1]:
            cells.append(bar(value, slot.threshold, scale, active))
            cells.append(Text(fmt.MISSING if value is None else f"{value:.2f}", style="bold" if active else "dim"))
        made.add_row(*cells, Text(fmt.MISSING if slot.threshold is None else f"{slot.threshold:.2f}", style="dim"))
    return made


def bar(value: float | None, threshold: float | None, scale: float, active: bool, width: int = BAR) -> Text:
    """A value between 0 and `scale` as a bar, with a tick at the threshold."""
    filled = round(min(max(value or 0.0, 0.0) / scale, 1.0) * width)
    tick = round(min(threshold / scale, 1.0) * (width - 1)) if threshold is not None and 0 <= threshold <= scale else None
    text = Text()
    for cell in range(width):
        if cell == tick:
            text.append("┃", "yellow")
        else:
            text.append("█" if cell < filled else " ", "bold green" if active else "dim")
    return text
