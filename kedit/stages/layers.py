"""The hook point: slots tried at a few middle blocks in short, and the best on validation chosen."""

from __future__ import annotations

import math
from typing import Any

from kedit.files import read_json, write_json
from kedit.progress import say
from kedit.stages.asking import candidate_layers
from kedit.stages.job import LAYERS, Job

STAGE_VERSION = 7
PROMPTS, STEPS, BATCH = 600, 60, 64
ITEMS = 300
"""Validation items at each block."""


def choose_layer(job: Job) -> None:
    """Try the candidates: training/layers.json with a row for each and the chosen one."""
    named = job.cfg.layer
    candidates = candidate_layers(job.settled["n_layers"]) if named == "auto" else (named,)
    size = {"prompts": PROMPTS, "steps": STEPS, "batch": BATCH, "items": ITEMS}
    inputs = {**size, "candidates": candidates, "seed": job.cfg.seed, **job.held}
    with job.stage("layers", inputs, STAGE_VERSION, [LAYERS], after=["prompts", "model", "knowledge"]) as stage:
        if stage.needed:
            rows = [_try(job, layer) for layer in candidates]
            best = _choose(rows)
            say(f"hook point: block {best['layer']}" + (" (chosen on validation)" if len(rows) > 1 else ""))
            write_json(job.file(LAYERS), {"chosen": best["layer"], "rows": rows})


def layers(job: Job) -> dict[str, Any]:
    """`training/layers.json`."""
    data: dict[str, Any] = read_json(job.file(LAYERS))
    return data


def chosen_layer(job: Job) -> int:
    """The block whose output is edited."""
    return int(layers(job)["chosen"])


def _choose(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The earliest block whose hit is within one standard error of the best: more of the model is left to work on the edit."""
    top = max(rows, key=lambda row: row["hit"] or 0.0)
    hit, items = top["hit"] or 0.0, max(top["items"], 1)
    enough = hit - math.sqrt(hit * (1 - hit) / items)
    return min((row for row in rows if (row["hit"] or 0.0) >= enough), key=lambda row: row["layer"])


def _try(job: Job, layer: int) -> dict[str, Any]:
    """Slots at one block, briefly trained: how well they bind and how often swaps hit, on validation."""
    from kedit.stages.fitting import (
        all_rows,
        binding_accuracy,
        calibrated,
        fit_reader,
        fit_rows,
        mean_differences,
        setting_of,
        slots_alone,
        swap_data,
        training_states,
        validation_states,
    )
    from kedit.stages.validating import rates, validation_items
    from kedit.verification.outcomes import EDIT

    states, valid = training_states(job, layer), validation_states(job, layer)
    reader = fit_reader(job, layer, states)
    data = swap_data(job, layer, PROMPTS)
    rows = fit_rows(job, data, reader, mean_differences(job, layer), STEPS, BATCH, f"trying block {layer}")
    slots = calibrated(reader, all_rows(job, states, rows), states, valid)
    sae = slots_alone(layer, slots, data.answer_tokens)
    setting = setting_of(job, sae)
    items = validation_items(setting, ITEMS, job.cfg.seed)
    found = rates(setting, items, EDIT, f"validating block {layer}")
    ceiling = rates(setting, items, "interchange", f"interchange at block {layer}")
    return {
        "layer": layer,
        "hook_point": sae.hook_point,
        "binding": binding_accuracy(job, sae, valid if len(valid.x) else states),
        "hit": found.hit,
        "stuck": found.stuck,
        "interchange": ceiling.hit,
        "items": found.n,
    }
