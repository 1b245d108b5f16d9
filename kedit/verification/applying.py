"""Edits at work on decision states: deltas as the gates decide, or forced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from kedit.curriculum.prompts import Prompt
from kedit.editing.operators import gates, recipe_delta, strength_of
from kedit.editing.resolving import ResolvedEdit
from kedit.editing.scope import LexicalScope, scope_of
from kedit.verification.setting import Setting


class Applied(NamedTuple):
    """Edits that are applied together, each at its strength; `id` is None for all edits of a recipe."""

    edits: tuple[ResolvedEdit, ...]
    strengths: tuple[float, ...]
    id: str | None = None

    @property
    def named_slots(self) -> frozenset[int]:
        """Slots that the edits name."""
        return frozenset(slot for edit in self.edits for slot in (edit.slot, edit.target) if slot is not None)

    @property
    def numbered(self) -> tuple[ResolvedEdit, ...]:
        """The edits with these strengths as their own."""
        return tuple(replace(edit, strength=strength) for edit, strength in zip(self.edits, self.strengths, strict=True))

    def forced(self) -> Applied:
        """The same without gates and scopes."""
        return self._replace(edits=tuple(edit.forced() for edit in self.edits))


class Edited(NamedTuple):
    """States [n, d] after edits, which edits fired [n, E], and what holds at the answers' own tokens [n, T, d], if any."""

    x: Tensor
    fired: Tensor
    answer: Tensor | None = None

    @property
    def any(self) -> Tensor:
        """[n]: where anything fired."""
        return self.fired.any(1)


def applied(setting: Setting, edits: Sequence[ResolvedEdit], id: str | None = None, strength: float | None = None) -> Applied:
    """Edits at their strengths: `strength` for all of them, else each edit's own, else the one chosen on validation."""
    chosen = {"strength": setting.strength}
    own = tuple(strength_of(edit, chosen) if strength is None else strength for edit in edits)
    return Applied(tuple(edits), own, id)


class Scopes:
    """Which edits' lexical scopes cover which texts; scopes are made once, and know no held-out carrier."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._made: dict[ResolvedEdit, LexicalScope | None] = {}

    def covered(self, edits: Sequence[ResolvedEdit], texts: Sequence[str]) -> Tensor:
        """[n, E]"""
        table = torch.ones(len(texts), len(edits), dtype=torch.bool)
        for column, edit in enumerate(edits):
            if (scope := self._of(edit)) is not None:
                table[:, column] = torch.tensor([scope.covers(text, edit.subjects) for text in texts], dtype=torch.bool)
        return table

    def _of(self, edit: ResolvedEdit) -> LexicalScope | None:
        if edit not in self._made:
            self._made[edit] = scope_of(edit, self._setting.ontology, self._setting.known_carriers)
        return self._made[edit]


@torch.no_grad()
def edit_states(setting: Setting, work: Applied, x: Tensor, covered: Tensor | None = None) -> Edited:
    """x + (u' - u) D for states [n, d] on the CPU; `covered` [n, E]: where scopes let edits fire (None: everywhere).

    Rows at which nothing fires are the very same bits.
    """
    sae = setting.sae
    u = sae.slot_values(x)
    result = recipe_delta(work.edits, work.strengths, u, sae.write_rows, sae.slot_threshold, covered)
    fires = result.fired.any(1) if work.edits else torch.zeros(len(x), dtype=torch.bool)
    return Edited(torch.where(fires[:, None], x + result.delta, x), result.fired, held_at_answers(setting, result.change))


def held_at_answers(setting: Setting, change: Tensor) -> Tensor | None:
    """(u' - u) A [n, T, d] of a change of slot values [n, K]; None where edits do not hold through the answer."""
    rows = setting.sae.answer_rows
    return None if rows is None else (change @ rows.flatten(1)).unflatten(1, rows.shape[1:])


def gates_open(setting: Setting, edits: Sequence[ResolvedEdit], x: Tensor) -> Tensor:
    """[n, E]: which edits' gates are open on states [n, d], whatever their scopes say."""
    return gates(edits, setting.sae.slot_values(x), setting.sae.slot_threshold)


def expected_values(setting: Setting, work: Applied, x: Tensor) -> Tensor:
    """u' [n, K]: the slot values that edits, fired everywhere, ask for."""
    from kedit.editing.operators import apply, combine

    u = setting.sae.slot_values(x)
    return u + combine(u, [apply(edit, u, strength) for edit, strength in zip(work.edits, work.strengths, strict=True)])


def asks(prompt: Prompt, edit: ResolvedEdit) -> bool:
    """Whether a prompt asks for what an edit is gated by: the relation, one below it, or one that answers with the class."""
    return edit.slot in prompt.slots


def in_scope(prompt: Prompt, edit: ResolvedEdit) -> bool:
    """Whether the prompt's true subject is in the edit's scope (what the lexical scope should find)."""
    return edit.subjects is None or prompt.subject in edit.subjects


def is_for(prompt: Prompt, edit: ResolvedEdit) -> bool:
    """Whether the edit should fire: the prompt asks for it, in scope; for `set`, it names a subject and asks nothing."""
    if edit.op == "set":
        return prompt.relation is None and prompt.subject is not None and in_scope(prompt, edit)
    return asks(prompt, edit) and in_scope(prompt, edit)


def is_not_for(prompt: Prompt, edit: ResolvedEdit) -> bool:
    """Whether the edit should stay away; where `set` finds its own relation asked, or nobody named, it may do as it likes."""
    if not in_scope(prompt, edit):
        return True
    return not asks(prompt, edit) and (edit.op != "set" or prompt.relation is not None)
