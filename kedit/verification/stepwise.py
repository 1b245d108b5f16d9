"""Edits that also work on generated tokens (`steps: asked`, `steps: all`): the slow path, through the edited model itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from kedit.editing.edited import EditedModel, edited
from kedit.editing.resolving import ResolvedRecipe
from kedit.lm.batching import padded
from kedit.lm.reading import answer_limit
from kedit.progress import progress
from kedit.verification.applying import Applied, applied
from kedit.verification.controls import TOGETHER, Arm
from kedit.verification.items import Item
from kedit.verification.outcomes import EDIT, SwapRow
from kedit.verification.rows import make_row, reads_of
from kedit.verification.setting import Setting

ROWS_PER_CALL = 32


def split_by_steps(arm: Arm, items: Sequence[Item], all_edits: Applied | None) -> tuple[list[Item], list[Item]]:
    """Items whose edits work on the prompt alone, and the others. Controls always work on the prompt alone."""
    if arm.control == TOGETHER and all_edits is not None:
        slow = any(edit.steps != "prompt" for edit in all_edits.edits)
        return ([], list(items)) if slow else (list(items), [])
    slow_items = [item for item in items if arm.control == EDIT and item.edit.steps != "prompt"]
    return [item for item in items if arm.control != EDIT or item.edit.steps == "prompt"], slow_items


def stepwise_rows(setting: Setting, arm: Arm, items: Sequence[Item], all_edits: Applied | None, named: bool) -> list[SwapRow]:
    """Rows of items whose answers are generated token by token under the hook."""
    if not items:
        return []
    groups: dict[Applied, list[Item]] = defaultdict(list)
    for item in items:
        together = all_edits if arm.control == TOGETHER else None
        groups[together or applied(setting, [item.edit], strength=arm.strength)].append(item)
    rows: list[SwapRow] = []
    with progress("edits at every step", len(items), "item") as advance:
        for work, members in groups.items():
            recipe = ResolvedRecipe("measured", work.numbered)
            with edited(setting.lm, setting.sae, recipe, setting.ontology, carriers=setting.known_carriers) as model:
                for start in range(0, len(members), ROWS_PER_CALL):
                    part = members[start : start + ROWS_PER_CALL]
                    for item, (text, fired) in zip(part, _generate(setting, model, part), strict=True):
                        strength = work.strengths[[edit.id for edit in work.edits].index(item.edit.id)]
                        rows.append(make_row(setting, item, arm, text, fired, strength, named))
                    advance(len(part))
    return rows


def _generate(setting: Setting, model: EditedModel, items: Sequence[Item]) -> list[tuple[str, bool]]:
    """Greedy answers under the edits, and whether each item's own fired."""
    ids = setting.lm.encode_batch([item.prompt.text for item in items])
    tokens, mask = (part.to(setting.lm.device) for part in padded(ids))
    limit = max(answer_limit(reads_of(setting, item), setting.decoders) for item in items)
    stop = min(setting.lm.stop_tokens, default=0)
    made = model.generate(tokens, attention_mask=mask, max_new_tokens=limit, do_sample=False, num_beams=1, pad_token_id=stop)
    fired = [model.fired[item.edit.id][row] for row, item in enumerate(items)]
    texts = []
    for row in made[:, tokens.shape[1] :].tolist():
        end = next((i for i, token in enumerate(row) if token in setting.lm.stop_tokens), len(row))
        texts.append(setting.lm.decode(row[:end]))
    return list(zip(texts, map(bool, fired), strict=True))
