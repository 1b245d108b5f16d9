"""What slots read: on natural prompts (binding), and on edited states (read-back, slots that moved along)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from kedit.curriculum.prompts import Prompt
from kedit.verification.applying import Applied, edit_states, expected_values
from kedit.verification.binding import NONE, Readings
from kedit.verification.setting import Setting, states_of


def binding_readings(setting: Setting, states: Tensor | None = None, prompts: Sequence[Prompt] | None = None) -> Readings:
    """What the relation slots read on prompts (default: all asked ones, and the negatives that nothing was trained on).

    `states` [n, d] are those of `prompts`, in that order; without them they are looked up or read.
    """
    if prompts is None:
        prompts = [*setting.prompts.asked, *evaluation_negatives(setting)]
    x = (states_of(setting, prompts, "reading slots") if states is None else states).float().cpu()
    sae, columns = setting.sae, setting.relation_slots
    row_of = {iri: row for row, iri in enumerate(setting.relations)}
    slots = columns.tolist()
    on = np.array([[slot in prompt.slots for slot in slots] for prompt in prompts], dtype=np.bool_).reshape(len(prompts), -1)
    asked = np.array([NONE if prompt.relation is None else row_of[prompt.relation] for prompt in prompts], dtype=np.int64)
    cells = {prompt.id: cell for cell, members in setting.by_cell.items() for prompt in members}
    return Readings(
        labels=tuple(slot.curie for slot in setting.slots.relations),
        asked=asked,
        values=sae.slot_values(x)[:, columns].double().numpy(),
        active=sae.slot_active(x)[:, columns].numpy(),
        quadrants=[cells.get(prompt.id, "") if prompt.relation is not None else "" for prompt in prompts],
        subjects=[prompt.subject or "" for prompt in prompts],
        carriers=[prompt.carrier for prompt in prompts],
        on=on if on.any() and (on.sum(1) > 1).any() else None,
    )


def evaluation_negatives(setting: Setting) -> list[Prompt]:
    """Negatives on held-out carriers about test subjects or nobody: neither wording nor subject was trained on."""
    return [p for p in setting.prompts.negatives if p.carrier_split == "heldout" and p.subject_split in (None, "test")]


class ReadBack(NamedTuple):
    """After edits, forced, on n states: error [n] over relation slots, change [n, K] of slots that no edit names (else 0)."""

    error: Tensor
    moved: Tensor


@torch.no_grad()
def read_back(setting: Setting, work: Applied, x: Tensor) -> ReadBack:
    """Mean |u(x') - u'| over relation slots, and |u(x') - u(x)| of the slots that the edits do not name."""
    made = edit_states(setting, work.forced(), x)
    read = setting.sae.slot_values(made.x)
    error = (read - expected_values(setting, work, x))[:, setting.relation_slots].abs().mean(1)
    moved = (read - setting.sae.slot_values(x)).abs()
    moved[:, sorted(work.named_slots)] = 0.0
    return ReadBack(error, moved)
