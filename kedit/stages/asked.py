"""`kedit ask`: one text continued by the model as it is and as edited, with the slots that it switched on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kedit.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from kedit.editing import ResolvedEdit
    from kedit.stages.aligned import AlignedRun, AnyRecipe
    from kedit.verification.answer import Answer, AnswerEdit, AnswerSlot

NEW_TOKENS = 24


def answer(run: AlignedRun, question: str, recipe: AnyRecipe | None = None, *, max_new_tokens: int = NEW_TOKENS) -> Answer:
    """A text before and, with a recipe, after it; InputError for an empty text, or a recipe that does not fit the run."""
    from kedit.verification.answer import Answer

    if not question.strip():
        raise InputError("the text is empty", advice='Ask something: kedit ask RUN "What is the capital of Mali?"')
    # A wrong term is found before the model is loaded.
    resolved = run.resolve(recipe) if recipe is not None else None
    prompt = as_prompt(question)
    run.lm.check_length(prompt, max_new_tokens)
    ids = run.lm.encode(prompt)
    reads = _reads(run, run.lm.model, ids)
    before = _continued(run, run.lm.model, ids, max_new_tokens)
    after, edited_reads = None, None
    edits: tuple[AnswerEdit, ...] = ()
    if recipe is not None and resolved is not None:
        with run.edit(recipe) as model:
            edited_reads = _reads(run, model, ids)
            after = _continued(run, model, ids, max_new_tokens)
            edits = tuple(_edit(run, edit, any(model.fired[edit.id]), ids, reads) for edit in model.recipe.edits)
    return Answer(
        schema="kedit.answer/1",
        run=run.info,
        hook_point=run.sae.hook_point,
        recipe=resolved.name if resolved else None,
        prompt=prompt,
        max_new_tokens=max_new_tokens,
        before=before,
        after=after,
        edits=edits,
        slots=_slots(run, reads, edited_reads),
    )


def as_prompt(question: str) -> str:
    """The text as the prompts of a run are framed: a bare question gets their Q/A frame."""
    text = question.replace("\\n", "\n")
    return f"Q: {text}\nA:" if text.rstrip().endswith("?") and "\n" not in text else text


def _reads(run: AlignedRun, model: Any, ids: list[int]) -> Tensor:
    """[K] slot reads of the state that leaves the hook point at the prompt's last token, after an edit's own hook."""
    import torch

    from kedit.lm.hooks import residual_hook

    states: list[Tensor] = []

    def keep(hidden: Tensor) -> None:
        states.append(hidden[0, -1].float().cpu())

    inputs = torch.tensor([ids], device=run.lm.device)
    with torch.no_grad(), residual_hook(run.lm.blocks[run.sae.layer], keep):
        model(input_ids=inputs, attention_mask=torch.ones_like(inputs))
    return run.sae.slot_values(states[-1])


def _slots(run: AlignedRun, before: Tensor, after: Tensor | None) -> tuple[AnswerSlot, ...]:
    from kedit.verification.answer import AnswerSlot

    threshold = run.sae.slot_threshold
    rows = [
        AnswerSlot(
            slot=slot.curie,
            label=slot.label,
            kind=slot.kind,
            threshold=float(threshold[slot.index]),
            before=float(before[slot.index]),
            active=bool(before[slot.index] > threshold[slot.index]),
            after=None if after is None else float(after[slot.index]),
            active_after=None if after is None else bool(after[slot.index] > threshold[slot.index]),
        )
        for slot in run.slots.slots
    ]
    return tuple(sorted(rows, key=lambda row: -max(value for value in (row.before, row.after) if value is not None)))


def _edit(run: AlignedRun, edit: ResolvedEdit, fired: bool, ids: list[int], reads: Tensor) -> AnswerEdit:
    """Whether one edit fired and, if not, what kept it from that."""
    from kedit.editing.operators import strength_of
    from kedit.verification.answer import AnswerEdit

    curie, sae = run.ontology.curie, run.sae
    blocked_by, reason = (None, "") if fired else _blocked(run, edit, run.lm.decode(ids), reads)
    return AnswerEdit.model_validate(
        {
            "id": edit.id,
            "op": edit.op,
            "slot": curie(edit.slot_iri),
            "target": curie(edit.target_iri) if edit.target_iri else None,
            "strength": strength_of(edit, sae.metadata),
            "fired": fired,
            "blocked_by": blocked_by,
            "reason": reason,
        }
    )


def _blocked(run: AlignedRun, edit: ResolvedEdit, text: str, reads: Tensor) -> tuple[str, str]:
    """Of an edit that did not fire: `scope`, `gate` or `empty`, and why in words."""
    from kedit.editing.scope import scope_of

    if edit.is_empty:
        return "empty", "it swaps a slot with itself"
    scope = scope_of(edit, run.ontology, run.prompts.carriers)
    if scope is not None and not scope.covers(text, edit.subjects):
        named = sorted(run.ontology.individuals[iri].label for iri in scope.subjects(text))
        return "scope", f"{' or '.join(named)} is not in its scope" if named else "the text names no subject of its scope"
    value, threshold = (float(of[edit.slot]) for of in (reads, run.sae.slot_threshold))
    slot = run.ontology.curie(edit.slot_iri)
    where = "crosses its threshold nowhere; at the prompt's end it" if edit.steps == "asked" else "is off: it"
    return "gate", f"{slot} {where} reads {value:.2f}, its threshold is {threshold:.2f}"


def _continued(run: AlignedRun, model: Any, ids: list[int], max_new_tokens: int) -> str:
    """Greedy text up to the end of the line."""
    import torch

    inputs = torch.tensor([ids], device=run.lm.device)
    made = model.generate(
        inputs,
        attention_mask=torch.ones_like(inputs),
        max_new_tokens=max_new_tokens,
        do_sample=False,
        pad_token_id=run.lm.tokenizer.pad_token_id,
    )
    return run.lm.decode(made[0, len(ids) :].tolist()).split("\n", 1)[0].strip()
