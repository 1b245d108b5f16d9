"""`kedit align --checkpoints`: binding and swap over the checkpoints of a model that is being taught, at one hook point."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from kedit.config import AlignConfig
from kedit.errors import InputError
from kedit.files import read_json, write_json
from kedit.lm.cache import is_model_folder
from kedit.progress import say
from kedit.stages import layers
from kedit.stages.job import FIGURES, Inputs, Job, ModelSource, open_job, pin_threads
from kedit.stages.material import bind_slots, keep_ontology, make_prompts

SCHEMA: Final = "kedit.emergence/1"
STAGE_VERSION = 1
EMERGENCE, HOOK_POINT = "emergence.json", "training/hook-point.json"
FIGURE_FILES = (f"{FIGURES}/emergence.svg", f"{FIGURES}/emergence.png")
SETTLED_HERE = ("model", "teach", "preset")
"""Settings that say nothing here: the folder holds the models, none is taught, and attempts at a block are always causal."""


def emergence(cfg: AlignConfig, folder: Path) -> dict[str, Any]:
    """What every checkpoint in a folder knows, reads and lets be swapped: `kedit.emergence/1`, kept with a figure in the run.

    Each is measured as the layer sweep measures a block, at the block that the sweep chooses for the last checkpoint, or the
    one that is named. The run is that of the first checkpoint: later ones may join it, and only they are measured then.
    InputError, before any long work, for a folder without models or with one that cannot be loaded.
    """
    if given := [name for name in SETTLED_HERE if name in cfg.model_fields_set]:
        raise InputError(
            f"--{given[0]} does not go with --checkpoints",
            advice="The models are those in the folder; nothing is taught, and all are measured alike.",
        )
    found = checkpoints(folder)
    cfg = cfg.model_copy(update={"model": str(folder)})
    inputs = Inputs(cfg)
    for path in found:
        _ = _source(cfg, path).id
    _source(cfg, found[-1]).check()
    with open_job(inputs, _source(cfg, found[0])) as job:
        keep_ontology(job)
        bind_slots(job)
        make_prompts(job)
        pin_threads(job.run)
        layer = _hook_point(job, found[-1]) if cfg.layer == "auto" else cfg.layer
        rows = [_row(job, path, layer) for path in found]
        _keep(job, layer, rows)
        say(f"Done: {job.run.path}" if job.ran else f"Nothing to do: {job.run.path} is up to date.")
        document: dict[str, Any] = read_json(job.file(EMERGENCE))
    return document


def checkpoints(folder: Path) -> list[Path]:
    """The models' folders in a folder, numbers in their names in order of size; InputError if there is none."""
    if is_model_folder(folder):
        advice = "Name the folder that holds it, beside the other checkpoints."
        raise InputError(f"--checkpoints {folder} is itself a model's folder", advice=advice)
    inside = folder.iterdir() if folder.is_dir() else ()
    # A hidden one is still being written.
    found = [path for path in inside if is_model_folder(path) and not path.name.startswith(".")]
    if not found:
        what = "holds no model's folder" if folder.is_dir() else "is no folder"
        advice = "A checkpoint has config.json, weights and tokenizer; `kedit bench alignsae --checkpoints` keeps some."
        raise InputError(f"--checkpoints {folder} {what}", advice=advice)
    return sorted(found, key=lambda path: [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path.name)])


def _source(cfg: AlignConfig, path: Path) -> ModelSource:
    """A checkpoint as a source of its own each time, so that no more than one model is held at once."""
    return ModelSource(cfg.model_copy(update={"model": str(path)}))


def _opened(job: Job, path: Path) -> Job:
    """The same job on a checkpoint, its prompts asked. States are not kept: those of a dozen models would fill the disk."""
    from kedit.lm.knowledge import assess
    from kedit.lm.reading import read
    from kedit.stages.asking import asked_reading, decoders, wanted_layers

    source = _source(job.cfg, path)
    source.check()
    own = Job(job, source, job.run, source.lm)
    found = read(own.lm, own.prompts.prompts, decoders(own, own.lm), layers=wanted_layers(own, own.lm.n_layers))
    own.readings[own.lm.fingerprint] = found
    own.knowledge = assess(own.lm, own.prompts, asked_reading(own, own.lm), own.matchers)
    return own


def _hook_point(job: Job, last: Path) -> int:
    """The block that the layer sweep chooses for the last checkpoint; where nothing can be swapped, the one that binds best."""
    inputs = {**layers.size(), "model": _source(job.cfg, last).id.fingerprint, "seed": job.cfg.seed, **job.objective}
    with job.stage("hook point", inputs, layers.STAGE_VERSION, [HOOK_POINT], after=["prompts"]) as stage:
        if stage.needed:
            from kedit.stages.asking import candidate_layers

            own = _opened(job, last)
            swaps = not _too_little(own)
            rows = [layers.attempt(own, layer, swaps=swaps).row for layer in candidate_layers(own.lm.n_layers)]
            best = layers.best_row(rows) if swaps else max(rows, key=lambda row: row["binding"] or 0.0)
            say(f"hook point: block {best['layer']} (chosen on validation at {last.name})")
            write_json(job.file(HOOK_POINT), {"chosen": best["layer"], "rows": rows})
    return int(read_json(job.file(HOOK_POINT))["chosen"])


def _row(job: Job, path: Path, layer: int) -> dict[str, Any]:
    """One line of the document, measured unless this model was at this block."""
    out, fingerprint = f"training/checkpoints/{path.name}.json", _source(job.cfg, path).id.fingerprint
    inputs = {
        **layers.size(),
        "sweep": layers.STAGE_VERSION,
        "model": fingerprint,
        "layer": layer,
        "seed": job.cfg.seed,
        **job.objective,
    }
    with job.stage(f"checkpoint {path.name}", inputs, STAGE_VERSION, [out], after=["prompts"]) as stage:
        if stage.needed:
            write_json(job.file(out), _measured(_opened(job, path), layer))
    return {"checkpoint": path.name, "fingerprint": fingerprint, **read_json(job.file(out))}


def _measured(job: Job, layer: int) -> dict[str, Any]:
    """What a checkpoint knows, and what slots at the block do there; `reason` says why no swap was measured."""
    from kedit.curriculum.prompts import quadrant
    from kedit.editing.metric_names import HEADLINE_QUADRANT
    from kedit.stages.examples import is_validation
    from kedit.stages.fitting import binding_accuracy, states_at
    from kedit.verification.setting import VALIDATION

    asked = zip(job.prompts.asked, job.knowledge.hits, strict=True)
    answered = [hit for prompt, hit in asked if prompt.carrier_split == "train"]
    reason = _too_little(job)
    tried = layers.attempt(job, layer, swaps=not reason)
    held = [i for i, prompt in enumerate(job.prompts.prompts) if quadrant(prompt) == HEADLINE_QUADRANT]
    # Where there is nothing to validate on at all, all checkpoints are measured on training prompts, and so alike.
    validated = any(is_validation(prompt) for prompt in job.prompts.asked)
    if not reason and (tried.cell is None or (validated and tried.cell != VALIDATION)):
        reason = "no swap can be measured: no validation subject has facts of two relations that the model answers"
    swapped = {field: None if reason else tried.row[field] for field in ("hit", "stuck", "interchange")}
    return {
        "known": sum(answered) / len(answered) if answered else None,
        "binding": binding_accuracy(job, tried.sae, states_at(job, layer, held)),
        "binding_n": len(held),
        **swapped,
        "n": 0 if reason else tried.row["items"],
        "cell": None if reason else tried.cell,
        "reason": reason,
    }


def _too_little(job: Job) -> str | None:
    """Why no swap can be trained; None if some can."""
    from kedit.stages.examples import swap_examples

    try:
        swap_examples(job, layers.PROMPTS)
    except InputError as error:
        return error.message
    return None


def _keep(job: Job, layer: int, rows: list[dict[str, Any]]) -> None:
    """emergence.json and its pictures."""
    from kedit.lm.model import hook_point
    from kedit.reporting.figures import emergence_figure

    document = {"schema": SCHEMA, "hook_point": hook_point(layer), "seed": job.cfg.seed, "rows": rows}
    after = [f"checkpoint {row['checkpoint']}" for row in rows]
    with job.stage("emergence", document, STAGE_VERSION, [EMERGENCE, *FIGURE_FILES], after=after) as stage:
        if stage.needed:
            write_json(job.file(EMERGENCE), document)
            figure = emergence_figure(document)
            for file in FIGURE_FILES:
                figure.save(job.file(file))
