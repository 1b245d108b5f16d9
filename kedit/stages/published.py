"""The preset `paper`: slots and free bank trained together on the published objective."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from kedit.sae.binding import Reader
from kedit.sae.control import Rows
from kedit.sae.dictionary import AlignedSAE, FreeBank
from kedit.sae.paper import NONE, moved_origin, train_published
from kedit.stages.dictionary import K, load_bank, measured_together
from kedit.stages.examples import States, answer_to, is_training
from kedit.stages.fitting import all_rows, fit_reader
from kedit.stages.job import Job

STEPS, BATCH = 300, 256
STRENGTHS = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Rows that reconstruction left are far too short at 1."""


class Fitted(NamedTuple):
    """Reads of all slots, their rows, the bank that was trained along, and held-out losses."""

    reader: Reader
    rows: Rows
    bank: FreeBank
    losses: dict[str, float]


def sizes() -> dict[str, Any]:
    """What the result depends on, beside the run."""
    return {"steps": STEPS, "batch": BATCH, "k": K, "strengths": STRENGTHS}


def fit_published(job: Job, layer: int, states: States) -> Fitted:
    """Slots and bank on the training states. Class slots are not part of the method: they are fitted as in `causal`."""
    index = [slot.index for slot in job.slots.relations]
    relation, token = _targets(job, len(states.x))
    bank = load_bank(job)
    k = min(K, len(bank.threshold))
    made = train_published(
        states.x, relation, token, bank, len(index), k=k, steps=STEPS, batch=BATCH, seed=job.cfg.seed, label="published objective"
    )
    d, n_slots = len(made.W), len(job.slots)
    reader = fit_reader(job, layer, states) if n_slots > len(index) else Reader(torch.zeros(d, n_slots), torch.zeros(n_slots))
    reader.W[:, index], reader.b[index] = made.W, made.b
    on = states.labels[:, index] > 0
    u = states.x @ made.W + made.b
    off = torch.where(on.all(0), torch.ones_like(on), ~on).to(u.dtype)
    bank = moved_origin(made.bank, (u * off).sum(0) / off.sum(0) @ made.D)
    return Fitted(reader, all_rows(job, states, Rows(made.D)), bank, made.losses)


def published_metadata(job: Job, sae: AlignedSAE, fitted: Fitted) -> dict[str, Any]:
    """What is otherwise in this preset. `dictionary`: figures of free bank and relation slots, as in training/dictionary.json."""
    return {
        "read_back": False,
        "target": None,
        "losses": fitted.losses,
        "dictionary": measured_together(job, sae, [slot.index for slot in job.slots.relations]),
    }


def _targets(job: Job, n: int) -> tuple[Tensor, Tensor]:
    """Position of the asked relation, and the first token of the right answer where it is known; [n] each, NONE elsewhere.

    Training states begin with the training prompts, in order; what follows are positions that ask for nothing.
    """
    place = {slot.iri: row for row, slot in enumerate(job.slots.relations)}
    relation, token = torch.full((n,), NONE), torch.full((n,), NONE)
    for row, prompt in enumerate(prompt for prompt in job.prompts.prompts if is_training(prompt)):
        if prompt.relation is not None:
            key = (str(prompt.subject), prompt.relation)
            relation[row] = place[prompt.relation]
            ids = answer_to(job.knowledge, {key: set(prompt.withheld)}, key, "gold")
            token[row] = ids[0] if ids else NONE
    return relation, token
