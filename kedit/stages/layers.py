"""The hook point: slots tried at a few middle blocks in short, and the best on validation chosen."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from kedit.files import read_json, write_json
from kedit.progress import say
from kedit.stages.asking import candidate_layers
from kedit.stages.job import LAYERS, Job

if TYPE_CHECKING:
    from kedit.sae.dictionary import AlignedSAE

STAGE_VERSION = 9
PROMPTS, STEPS, BATCH = 600, 60, 64
ITEMS = 300
"""Validation items at each block."""


class Attempt(NamedTuple):
    """Slots at one block, the cell that their swaps were measured in (None: no item), and the row of training/layers.json."""

    sae: AlignedSAE
    cell: str | None
    row: dict[str, Any]


def choose_layer(job: Job) -> None:
    """Try the candidates: training/layers.json with a row for each and the chosen one."""
    named = job.cfg.layer
    candidates = candidate_layers(job.settled["n_layers"]) if named == "auto" else (named,)
    inputs = {**size(), "candidates": candidates, "seed": job.cfg.seed, **job.objective}
    with job.stage("layers", inputs, STAGE_VERSION, [LAYERS], after=["prompts", "model", "knowledge"]) as stage:
        if stage.needed:
            rows = [attempt(job, layer).row for layer in candidates]
            best = best_row(rows)
            say(f"hook point: block {best['layer']}" + (" (chosen on validation)" if len(rows) > 1 else ""))
            write_json(job.file(LAYERS), {"chosen": best["layer"], "rows": rows})


def size() -> dict[str, int]:
    """How much an attempt at a block trains and asks."""
    return {"prompts": PROMPTS, "steps": STEPS, "batch": BATCH, "items": ITEMS}


def layers(job: Job) -> dict[str, Any]:
    """`training/layers.json`."""
    data: dict[str, Any] = read_json(job.file(LAYERS))
    return data


def chosen_layer(job: Job) -> int:
    """The block whose output is edited."""
    return int(layers(job)["chosen"])


def best_row(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The earliest block whose hit is within one standard error of the best: more of the model is left to work on the edit."""
    top = max(rows, key=lambda row: row["hit"] or 0.0)
    hit, items = top["hit"] or 0.0, max(top["items"], 1)
    enough = hit - math.sqrt(hit * (1 - hit) / items)
    return min((row for row in rows if (row["hit"] or 0.0) >= enough), key=lambda row: row["layer"])


def attempt(job: Job, layer: int, *, swaps: bool = True) -> Attempt:
    """Slots at one block, briefly trained: how well they bind and how often swaps hit, on validation.

    Without `swaps`, for a model that knows too little to be trained on them, write rows stay the mean differences, which no
    reading depends on, and nothing is swapped.
    """
    from kedit.sae.control import Rows
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
    rows, answer_tokens = Rows(mean_differences(job, layer)), 0
    if swaps:
        data = swap_data(job, layer, PROMPTS)
        answer_tokens = data.answer_tokens
        rows = fit_rows(job, layer, data, reader, rows.D, STEPS, BATCH, f"trying block {layer}")
    sae = slots_alone(layer, calibrated(reader, all_rows(job, states, rows), states, valid), answer_tokens)
    setting = setting_of(job, sae)
    items = validation_items(setting, ITEMS, job.cfg.seed) if swaps else ()
    found = rates(setting, items, EDIT, f"validating block {layer}")
    ceiling = rates(setting, items, "interchange", f"interchange at block {layer}")
    row = {
        "layer": layer,
        "hook_point": sae.hook_point,
        "binding": binding_accuracy(job, sae, valid if len(valid.x) else states),
        "hit": found.hit,
        "stuck": found.stuck,
        "interchange": ceiling.hit,
        "items": found.n,
    }
    return Attempt(sae, items[0].quadrant if items else None, row)
