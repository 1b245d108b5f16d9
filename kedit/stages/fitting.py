"""Slots at one hook point: read columns, write rows, and what they do on validation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from kedit.lm.capture import capture_positions, first_states
from kedit.lm.swaps import SwapData
from kedit.machine import fast_training
from kedit.sae.binding import Reader, train_reader
from kedit.sae.calibrate import Calibrated, calibrate
from kedit.sae.control import Rows, train_control
from kedit.sae.dictionary import AlignedSAE, FreeBank
from kedit.sae.manifold import Natural, natural_rows
from kedit.sae.pretrain import typical
from kedit.stages.asking import reading
from kedit.stages.examples import States, is_training, is_validation, labels, slot_order, swap_examples, trained_pairs
from kedit.stages.job import Job
from kedit.verification.nature import natural_sample, nature_of
from kedit.verification.setting import Setting

NEGATIVE_POSITIONS = 8000
"""Most positions of negatives, besides their last ones, that teach the slots when to be silent."""


def states_at(job: Job, layer: int, keep: Iterable[int]) -> States:
    """Decision states and labels of the prompts at these indices."""
    index = list(keep)
    x = reading(job, job.lm).states[layer][index]
    return States(x, labels([job.prompts.prompts[i] for i in index], job.slots))


def training_states(job: Job, layer: int) -> States:
    """What the slots are trained on: training prompts, negatives, and other positions of the negatives."""
    return _with_silence(job, layer, [i for i, prompt in enumerate(job.prompts.prompts) if is_training(prompt)])


def validation_states(job: Job, layer: int) -> States:
    """What the hook point and, with training states, thresholds are chosen on, made likewise.

    Empty where an ontology is too small to validate on.
    """
    return _with_silence(job, layer, [i for i, prompt in enumerate(job.prompts.prompts) if is_validation(prompt)])


def _with_silence(job: Job, layer: int, index: list[int]) -> States:
    """The prompts' decision states, and positions of the negatives among them: there, too, slots are to be silent.

    Positions of outlying norm are left out: a linear read says nothing of them, and a few would own the fit.
    """
    states = states_at(job, layer, index)
    silent = [job.prompts.prompts[i] for i in index if job.prompts.prompts[i].relation is None]
    if not silent:
        return states
    ids = job.lm.encode_batch([prompt.text for prompt in silent])
    others = capture_positions(job.lm, ids, ["silent"] * len(ids), layer, "reading negatives")
    pick = torch.randperm(len(others), generator=torch.Generator().manual_seed(job.cfg.seed))[:NEGATIVE_POSITIONS]
    return add_silence(states, others[pick])


def add_silence(states: States, x: Tensor) -> States:
    """The states with others [n, d] among them at which no slot is to be on."""
    x = x[typical(x)]
    return States(torch.cat([states.x, x]), torch.cat([states.labels, torch.zeros(len(x), states.labels.shape[1])]))


def fit_reader(job: Job, layer: int, states: States) -> Reader:
    """Read columns of all slots, in slot order."""
    order = slot_order(job.slots)
    reader = train_reader(states.x, states.labels[:, order], len(job.slots.relations), sinks=_sinks(job, layer, states))
    back = torch.tensor(order).argsort()
    return Reader(reader.W[:, back], reader.b[back])


def _sinks(job: Job, layer: int, states: States) -> Tensor:
    """States of first tokens, as far as they are of outlying norm beside those that slots are trained on."""
    texts = {prompt.carrier: prompt.text for prompt in job.prompts.prompts if is_training(prompt)}
    firsts = first_states(job.lm, [row[0] for row in job.lm.encode_batch(list(texts.values()))], layer)
    return firsts[~typical(torch.cat([states.x, firsts]))[len(states.x) :]]


def mean_differences(job: Job, layer: int) -> Tensor:
    """[R, d]: the mean state of each relation's training prompts (every carrier counting the same) less the mean of all."""
    x = reading(job, job.lm).states[layer]
    sums: dict[str, list[Tensor]] = {}
    by_carrier: dict[str, list[int]] = {}
    for i, prompt in enumerate(job.prompts.prompts):
        if prompt.relation is not None and is_training(prompt):
            by_carrier.setdefault(prompt.carrier, []).append(i)
    for carrier, index in by_carrier.items():
        sums.setdefault(str(job.prompts.by_carrier[carrier].relation), []).append(x[index].mean(0))
    rows = torch.stack([torch.stack(sums[slot.iri]).mean(0) if slot.iri in sums else x.mean(0) for slot in job.slots.relations])
    return rows - rows.mean(0)


def swap_data(job: Job, layer: int, most: int) -> SwapData:
    """The training swaps at a hook point, read once."""
    prompts, swaps = swap_examples(job, most)
    with fast_training():
        return SwapData(job.lm, layer, prompts, swaps)


def fit_rows(job: Job, layer: int, data: SwapData, reader: Reader, start: Tensor, steps: int, batch: int, label: str) -> Rows:
    """Write rows [R, d] of the relation slots, trained for what they do; D W = I. Of edits that hold rows for answers, too."""
    index = [slot.index for slot in job.slots.relations]
    W, b = reader.W[:, index], reader.b[index]
    how: dict[str, Any] = {"steps": steps, "batch": min(batch, len(data)), "seed": job.cfg.seed, "hold": job.cfg.hold}
    if job.cfg.manifold:
        how |= {"natural": natural_states(job, layer), "manifold": job.cfg.manifold}
    if job.cfg.write == "natural":
        asked = [i for i, prompt in enumerate(job.prompts.prompts) if prompt.relation is not None and is_training(prompt)]
        how["kept"] = natural_rows(W, states_at(job, layer, asked).x.float())
    return train_control(data, W, b, start, **how, label=label)


def natural_states(job: Job, layer: int) -> Natural:
    """What is natural at a hook point, in states of training prompts."""
    sample = natural_sample(job.prompts, job.relations, job.cfg.seed)
    place = {prompt.id: i for i, prompt in enumerate(job.prompts.prompts)}
    states = reading(job, job.lm).states[layer]
    return nature_of(
        job.prompts, sample, {iri: states[[place[prompt.id] for prompt in some]].float() for iri, some in sample.items()}
    )


def all_rows(job: Job, states: States, relations: Rows) -> Rows:
    """Rows [K, d]: trained ones of relations; of classes, which edits only read, on less off mean, and none for answers."""
    rows = torch.zeros(states.labels.shape[1], states.x.shape[1])
    for slot in job.slots.slots:
        on = states.labels[:, slot.index] > 0
        if slot.kind == "class" and on.any() and not on.all():
            rows[slot.index] = states.x[on].mean(0) - states.x[~on].mean(0)
    index = [slot.index for slot in job.slots.relations]
    rows[index] = relations.D
    if relations.A is None:
        return Rows(rows)
    answers = torch.zeros(len(rows), *relations.A.shape[1:])
    answers[index] = relations.A
    return Rows(rows, answers)


def calibrated(reader: Reader, rows: Rows, states: States, valid: States) -> Calibrated:
    """Slots in the unit in which 1 is as strongly on as when it is asked for."""
    if not len(valid.x):
        valid = states
    u, valid_u = states.x @ reader.W + reader.b, valid.x @ reader.W + reader.b
    return calibrate(reader.W, reader.b, rows.D, u, states.labels > 0, valid_u=valid_u, valid_on=valid.labels > 0, A=rows.A)


def no_bank(d: int) -> FreeBank:
    """A bank without latents: slots alone."""
    return FreeBank(torch.zeros(d, 0), torch.zeros(0), torch.zeros(0, d), torch.zeros(d), torch.zeros(0))


def slots_alone(layer: int, slots: Calibrated, answer_tokens: int = 0) -> AlignedSAE:
    """A dictionary of slots alone, to try them out."""
    return with_slots(layer, no_bank(len(slots.W)), slots, {"answer_tokens": answer_tokens})


def with_slots(layer: int, bank: FreeBank, slots: Calibrated, metadata: Mapping[str, Any]) -> AlignedSAE:
    """Calibrated slots behind a bank."""
    return AlignedSAE.with_slots(layer, bank, slots.W, slots.b, slots.D, slots.threshold, metadata, slots.A)


def setting_of(
    job: Job,
    sae: AlignedSAE,
    vectors: Mapping[str, Tensor] | None = None,
    *,
    strength: float = 1.0,
    diff_means_strength: float = 1.0,
) -> Setting:
    """The run as it is measured, with this dictionary."""
    states = reading(job, job.lm).states.get(sae.layer)
    by_id = {} if states is None else dict(zip((prompt.id for prompt in job.prompts.prompts), states, strict=True))
    return Setting(
        lm=job.lm,
        sae=sae,
        ontology=job.ontology,
        slots=job.slots,
        prompts=job.prompts,
        knowledge=job.knowledge,
        matchers=job.matchers,
        trained_pairs=trained_pairs(job.relations, job.cfg.seed),
        vectors=dict(vectors or {}),
        states=by_id,
        strength=strength,
        diff_means_strength=diff_means_strength,
    )


def binding_accuracy(job: Job, sae: AlignedSAE, states: States) -> float | None:
    """Share of asked prompts whose strongest active relation slot is the one asked for."""
    index = [slot.index for slot in job.slots.relations]
    asked = states.labels[:, index].sum(1) > 0
    if not asked.any():
        return None
    x, wanted = states.x[asked], states.labels[asked][:, index] > 0
    u = torch.where(sae.slot_active(x), sae.slot_values(x), -torch.inf)[:, index]
    best = u.max(1)
    right = wanted[torch.arange(len(x)), best.indices] & best.values.isfinite()
    return right.double().mean().item()
