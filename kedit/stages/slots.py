"""The slots themselves: read columns and write rows at the chosen hook point, calibrated, appended to the free bank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kedit
from kedit.files import load_tensors, save_tensors
from kedit.stages import dictionary
from kedit.stages.dictionary import background_states, load_bank, measured_together, refitted
from kedit.stages.job import VECTORS, Job
from kedit.stages.layers import chosen_layer

if TYPE_CHECKING:
    from torch import Tensor

    from kedit.lm.swaps import SwapData
    from kedit.sae.calibrate import Calibrated
    from kedit.sae.dictionary import AlignedSAE, FreeBank
    from kedit.stages.examples import States
    from kedit.verification.setting import Setting

STAGE_VERSION = 9
VECTORS_VERSION = 4
PROMPTS, STEPS, BATCH = 2000, 300, 32
"""On validation (countries, seed 0, n = 378) 200, 300 and 400 steps of 64 swaps hit 0.908, 0.902 and 0.912, 300 of 32 swaps, in
half the time, 0.921: all the same."""
TAUGHT_STEPS = 400
"""Where the model was taught every fact there are twice as many swaps to learn from."""
STRENGTHS = (0.75, 1.0, 1.25, 1.5)
NATURAL_STRENGTHS = (*STRENGTHS, 2.0, 3.0)
"""Tried for rows that are natural and not trained: they may be too short at 1."""
VECTOR_STRENGTHS = (1.0, 1.5, 2.0, 3.0, 4.0)
"""Tried for the mean differences, which are far too short at 1."""
ITEMS = 300
"""Validation items at each strength."""


def sae_folder(layer: int) -> str:
    """Where the dictionary of a block lies in a run."""
    return f"sae/blocks.{layer}.hook_resid_post"


def train_slots(job: Job) -> None:
    """Train, calibrate and save the slots with the free bank: sae/<hook point>/."""
    from kedit.stages.examples import TARGET

    layer = chosen_layer(job)
    size = {
        "prompts": PROMPTS,
        "steps": control_steps(job),
        "batch": BATCH,
        "target": TARGET,
        "strengths": _strengths(job),
        "items": ITEMS,
    }
    if job.cfg.preset == "paper":
        from kedit.stages.published import sizes

        size = {"prompts": PROMPTS, "items": ITEMS, **sizes()}
    inputs = {**size, "layer": layer, "model": job.fingerprint, "seed": job.cfg.seed, "preset": job.cfg.preset}
    inputs |= job.objective | ({"refit": dictionary.REFIT_STEPS} if job.cfg.refit else {})
    after = ["slots", "prompts", "knowledge", "layers", "dictionary"]
    with job.stage("slot training", inputs, STAGE_VERSION, [sae_folder(layer)], after=after) as stage:
        if stage.needed:
            from kedit.sae.saelens import save_sae

            save_sae(job.file(sae_folder(layer)), _trained(job, layer))


def train_baselines(job: Job) -> None:
    """Vectors that the slots are compared with: training/vectors.safetensors."""
    layer = chosen_layer(job)
    size = {"prompts": PROMPTS, "steps": control_steps(job), "batch": BATCH, "strengths": VECTOR_STRENGTHS, "items": ITEMS}
    inputs = {**size, "layer": layer, "model": job.fingerprint, "seed": job.cfg.seed, **job.objective}
    with job.stage("vectors", inputs, VECTORS_VERSION, [VECTORS], after=["slot training"]) as stage:
        if stage.needed:
            import torch

            from kedit.sae.control import train_vectors
            from kedit.stages.fitting import mean_differences, setting_of
            from kedit.stages.validating import best_strength, validation_items

            means, data = mean_differences(job, layer), swaps_at(job, layer)
            trained = train_vectors(
                data, means, steps=control_steps(job), batch=min(BATCH, len(data)), hold=job.cfg.hold, seed=job.cfg.seed
            )
            vectors = {"diff_means": means, "trained_vector": trained.D}
            vectors |= {} if trained.A is None else {"trained_vector.answers": trained.A}
            setting = setting_of(job, load_aligned(job), vectors)
            items = validation_items(setting, ITEMS, job.cfg.seed)
            curve = best_strength(setting, items, "diff_means", VECTOR_STRENGTHS, "strength of mean differences")
            save_tensors(job.file(VECTORS), {**vectors, "diff_means_strength": torch.tensor([curve.best])})


def load_aligned(job: Job) -> AlignedSAE:
    """The dictionary with its slots."""
    from kedit.sae.saelens import load_sae

    return load_sae(job.file(sae_folder(chosen_layer(job))))


def full_setting(job: Job) -> Setting:
    """The run as it is measured: dictionary, vectors and the strengths that were chosen."""
    from kedit.stages.fitting import setting_of

    sae, vectors, strength = load_aligned(job), *load_vectors(job.file(VECTORS))
    return setting_of(job, sae, vectors, strength=float(sae.metadata.get("strength", 1.0)), diff_means_strength=strength)


def load_vectors(path: Path) -> tuple[dict[str, Tensor], float]:
    """Vectors [R, d] by name, and the strength of the mean differences."""
    tensors = load_tensors(path)
    strength = float(tensors.pop("diff_means_strength")[0])
    return tensors, strength


def swaps_at(job: Job, layer: int) -> SwapData:
    """The training swaps at the chosen block, read once in a process."""
    from kedit.stages.fitting import swap_data

    if layer not in job.swaps:
        job.swaps.clear()
        job.swaps[layer] = swap_data(job, layer, PROMPTS)
    return job.swaps[layer]


def control_steps(job: Job) -> int:
    """Steps of training write rows, and of everything that is compared with them."""
    return TAUGHT_STEPS if job.taught else STEPS


def _strengths(job: Job) -> tuple[float, ...]:
    return NATURAL_STRENGTHS if job.cfg.write == "natural" else STRENGTHS


def _trained(job: Job, layer: int) -> AlignedSAE:
    return _published(job, layer) if job.cfg.preset == "paper" else _causal(job, layer)


def _causal(job: Job, layer: int) -> AlignedSAE:
    from kedit.stages.fitting import (
        add_silence,
        all_rows,
        calibrated,
        fit_reader,
        fit_rows,
        mean_differences,
        slots_alone,
        training_states,
        validation_states,
    )

    states, valid = training_states(job, layer), validation_states(job, layer)
    if not job.taught:
        # What a taught copy writes are its lessons, which do ask.
        states = add_silence(states, background_states(job, layer).training)
    reader = fit_reader(job, layer, states)
    rows = fit_rows(
        job, layer, swaps_at(job, layer), reader, mean_differences(job, layer), control_steps(job), BATCH, "training write rows"
    )
    slots = calibrated(reader, all_rows(job, states, rows), states, valid)
    bank = refitted(job, layer, slots_alone(layer, slots)) if job.cfg.refit else load_bank(job)
    sae = _assembled(job, layer, bank, slots, states, _strengths(job))
    if not job.cfg.refit:
        return sae
    return replace(sae, metadata={**sae.metadata, "dictionary": measured_together(job, sae, range(len(job.slots)))})


def _published(job: Job, layer: int) -> AlignedSAE:
    from kedit.stages.fitting import calibrated, training_states, validation_states
    from kedit.stages.published import STRENGTHS, fit_published, published_metadata

    states, valid = training_states(job, layer), validation_states(job, layer)
    fitted = fit_published(job, layer, states)
    sae = _assembled(job, layer, fitted.bank, calibrated(fitted.reader, fitted.rows, states, valid), states, STRENGTHS)
    return replace(sae, metadata={**sae.metadata, **published_metadata(job, sae, fitted)})


def _assembled(job: Job, layer: int, bank: FreeBank, slots: Calibrated, states: States, strengths: Sequence[float]) -> AlignedSAE:
    """Slots behind the bank, with the strength that is best on validation."""
    from kedit.stages.fitting import setting_of, slots_alone, with_slots
    from kedit.stages.validating import best_strength, validation_items
    from kedit.verification.outcomes import EDIT
    from kedit.verification.setting import FALLBACK

    held = {"answer_tokens": swaps_at(job, layer).answer_tokens} if slots.A is not None else {}
    setting = setting_of(job, slots_alone(layer, slots, **held))
    items = validation_items(setting, ITEMS, job.cfg.seed)
    curve = best_strength(setting, items, EDIT, strengths, "choosing the strength")
    metadata = _metadata(job, states) | {
        **slots.metadata,
        **held,
        "background_rate": _background_rate(job, setting.sae),
        "unread": list(slots.unread),
        "strength": curve.best,
        "chosen_on": items[0].quadrant if items else FALLBACK,
        "strength_curve": [{"strength": strength, "hit": hit} for strength, hit in curve.hits.items()],
    }
    return with_slots(layer, bank, slots, metadata)


def _background_rate(job: Job, sae: AlignedSAE) -> float | None:
    """How often any relation slot is on in text that asks nothing and that nothing was trained on."""
    if job.taught:
        return None
    active = sae.slot_active(background_states(job, sae.layer).held)[:, [slot.index for slot in job.slots.relations]]
    return active.any(1).double().mean().item()


def _metadata(job: Job, states: States) -> dict[str, Any]:
    from kedit.stages.examples import TARGET, trained_pairs

    pairs = trained_pairs(job.relations, job.cfg.seed)
    return {
        "model_name": job.settled["name"],
        "model_fingerprint": job.fingerprint,
        "taught": job.taught,
        "ontology_sha256": job.ontology.sha256,
        "kedit": kedit.__version__,
        "preset": job.cfg.preset,
        "read_back": True,
        "target": TARGET,
        "seed": job.cfg.seed,
        "training_states": len(states.x),
        "terms": [slot.iri for slot in job.slots.slots],
        "trained_pairs": [[job.slots.index(a), job.slots.index(b)] for a, b in sorted(pairs)],
    }
