"""Which prompts an edit is for and whose answer counts there: one rule for `kedit plan` and for what is measured."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from kedit.curriculum.prompts import Prompt
from kedit.editing.metric_names import HEADLINE_QUADRANT, QUADRANTS
from kedit.editing.recipe import Expectation
from kedit.editing.resolving import ResolvedEdit
from kedit.ontology.model import Ontology


def counted_relation(prompt: Prompt, edit: ResolvedEdit) -> str | None:
    """The relation whose answer counts on a prompt; None if the edit is not for it."""
    if edit.op == "set":
        return edit.slot_iri if prompt.relation is None else None
    if prompt.relation is None or edit.slot not in prompt.slots:
        return None
    if edit.op == "swap":
        return edit.target_iri if edit.target_iri != prompt.relation else None
    return prompt.relation


def in_reach(edit: ResolvedEdit, prompt: Prompt, ontology: Ontology) -> bool:
    """Whether a prompt can show the edit's effect: the edit is for it, its subject is in scope and has an answer that counts."""
    if prompt.subject is None or (edit.subjects is not None and prompt.subject not in edit.subjects):
        return False
    counted = counted_relation(prompt, edit)
    return counted in ontology.relations and bool(ontology.values(str(counted), prompt.subject))


def competes(edit: ResolvedEdit, relations: Collection[str]) -> bool:
    """Whether competitors know how to do what an edit does: swap two relations at the prompt."""
    named = edit.slot_iri in relations and edit.target_iri in relations
    return edit.op == "swap" and edit.steps == "prompt" and not edit.is_empty and named


def control_quadrants(edit: ResolvedEdit, expect: Iterable[Expectation]) -> tuple[str, ...]:
    """Where controls are measured: on the headline quadrant, and on those for which an expectation needs one."""
    needed = {e.on for e in expect if (e.versus or e.metric == "direct_ask") and e.edit in (None, edit.id)}
    return tuple(name for name in QUADRANTS if name == HEADLINE_QUADRANT or name in needed)
