"""`kedit.answer/1`: one text before and after an edit, the edits that fired and the slots that lit up."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from kedit.verification.figures import Model, Number
from kedit.verification.report import Document, RunInfo


class AnswerSlot(Model):
    """What a slot reads at the prompt's last token, in calibrated units: 0 as when it is not asked for, 1 as when it is."""

    slot: str
    label: str
    kind: str
    threshold: Number
    before: Number
    active: bool
    after: Number = None
    """Of the edited state; None without a recipe."""
    active_after: bool | None = None


class AnswerEdit(Model):
    """One edit of the recipe at this text."""

    id: str
    op: Literal["swap", "suppress", "amplify", "set"]
    slot: str
    target: str | None = None
    strength: Number
    fired: bool
    blocked_by: Literal["scope", "gate", "empty"] | None = None
    """What kept it from firing."""
    reason: str = ""


class Answer(Document):
    """What `kedit ask` finds."""

    schema_: Literal["kedit.answer/1"] = Field("kedit.answer/1", alias="schema")
    run: RunInfo = RunInfo()
    hook_point: str
    recipe: str | None = None
    prompt: str
    max_new_tokens: int
    before: str
    after: str | None = None
    edits: tuple[AnswerEdit, ...] = ()
    slots: tuple[AnswerSlot, ...] = ()
    """Those that read most, before or after, first."""
