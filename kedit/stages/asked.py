"""`kedit ask`: one text continued by the model as it is and as edited, with the slots that it switched on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kedit.errors import InputError

if TYPE_CHECKING:
    from kedit.stages.aligned import AlignedRun, AnyRecipe

NEW_TOKENS = 24


def answer(run: AlignedRun, question: str, recipe: AnyRecipe | None = None) -> dict[str, Any]:
    """`prompt`, `before`, with a recipe `after` and which edits `fired`, and `slots` by value."""
    from kedit.lm.continuation import read_prefix

    if not question.strip():
        raise InputError("the text is empty", advice='Ask something: kedit ask RUN "What is the capital of Mali?"')
    if recipe is not None:
        run.resolve(recipe)  # a wrong term is found before the model is loaded
    lm, sae = run.lm, run.sae
    prompt = as_prompt(question)
    ids = lm.encode(prompt)
    x = read_prefix(lm, [ids], [sae.layer]).states[sae.layer].float().cpu()
    values, active = sae.slot_values(x)[0].tolist(), sae.slot_active(x)[0].tolist()
    rows = [
        {"slot": slot.curie, "label": slot.label, "value": values[slot.index], "active": active[slot.index]}
        for slot in run.slots.slots
    ]
    document: dict[str, Any] = {
        "schema": "kedit.answer/1",
        "prompt": prompt,
        "before": _continued(run, lm.model, ids),
        "after": None,
        "slots": sorted(rows, key=lambda row: -row["value"]),
    }
    if recipe is not None:
        with run.edit(recipe) as model:
            document["after"] = _continued(run, model, ids)
            document["fired"] = {edit: any(found) for edit, found in model.fired.items()}
    return document


def as_prompt(question: str) -> str:
    """The text as the prompts of a run are framed: a bare question gets their Q/A frame."""
    text = question.replace("\\n", "\n")
    return f"Q: {text}\nA:" if text.rstrip().endswith("?") and "\n" not in text else text


def _continued(run: AlignedRun, model: Any, ids: list[int]) -> str:
    """Greedy text up to the end of the line."""
    import torch

    inputs = torch.tensor([ids], device=run.lm.device)
    made = model.generate(
        inputs,
        attention_mask=torch.ones_like(inputs),
        max_new_tokens=NEW_TOKENS,
        do_sample=False,
        pad_token_id=run.lm.tokenizer.pad_token_id,
    )
    return run.lm.decode(made[0, len(ids) :].tolist()).split("\n", 1)[0].strip()
