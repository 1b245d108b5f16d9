"""The main job as a list of stages, and what is done with a finished run. The program's commands call these."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedit.config import AlignConfig
from kedit.editing import load_recipe
from kedit.editing.plan import run_folder
from kedit.files import atomic
from kedit.machine import metered
from kedit.progress import say
from kedit.stages import asked, capturing, emerging, inspecting, probing
from kedit.stages.aligned import AlignedRun, AnyRecipe
from kedit.stages.asking import know
from kedit.stages.dictionary import pretrain_dictionary
from kedit.stages.job import Inputs, ModelSource, open_job
from kedit.stages.layers import choose_layer
from kedit.stages.material import bind_slots, keep_ontology, make_prompts
from kedit.stages.models import settle_model
from kedit.stages.results import evaluate
from kedit.stages.slots import train_baselines, train_slots

if TYPE_CHECKING:
    from kedit.lm.model import LanguageModel
    from kedit.verification.answer import Answer
    from kedit.verification.fragmentation import Fragmentation
    from kedit.verification.inspection import Inspection
    from kedit.verification.passport import Passports
    from kedit.verification.report import Report

__all__ = [
    "AlignedRun",
    "align",
    "ask",
    "capture",
    "dry_run",
    "emergence",
    "fragmentation",
    "inspect",
    "load_run",
    "merge",
    "passports",
    "probe",
    "verify",
]


def align(cfg: AlignConfig, *, model: LanguageModel | None = None, activations: Path | None = None) -> AlignedRun:
    """Bind an ontology's relations to slots of a model, train and evaluate them; goes on where it was interrupted.

    `model`: one that is already loaded, in place of the configuration's name. `activations`: those of another run on the same
    prompts, to be used here too. InputError, before any long work, for what cannot be aligned.
    """
    with metered() as spent:
        inputs = Inputs(cfg)
        source = ModelSource(cfg, model)
        source.check()
        with open_job(inputs, source) as job:
            if activations is not None:
                _share(activations, job.file("activations"))
            keep_ontology(job)
            bind_slots(job)
            make_prompts(job)
            settle_model(job)
            know(job)
            choose_layer(job)
            pretrain_dictionary(job)
            train_slots(job)
            train_baselines(job)
            evaluate(job)
            say(f"Done: {job.run.path}" if job.ran else f"Nothing to do: {job.run.path} is up to date.")
    run = AlignedRun(cfg.run_directory(), model=model, device=cfg.device)
    run.costs = inspecting.costs(run.manifest, job.ran, spent)
    return run


def _share(activations: Path, own: Path) -> None:
    """Copy what another run has read and this one has not, each file whole or not at all."""
    for file in activations.glob("*.safetensors"):
        if not (own / file.name).is_file():
            with atomic(own / file.name) as temporary:
                shutil.copyfile(file, temporary)


def emergence(cfg: AlignConfig, checkpoints: Path) -> dict[str, Any]:
    """Binding and swap over the checkpoints of a model that is being taught, a model's folder each; nothing is taught."""
    return emerging.emergence(cfg, checkpoints)


def load_run(path: Path | str, *, model: LanguageModel | None = None, device: str = "auto") -> AlignedRun:
    """A finished run. `model`: your own copy of its model, else the one that the run names. InputError if there is none."""
    return AlignedRun(path, model=model, device=device)


def verify(
    recipe: Path | str,
    *,
    run: Path | str | None = None,
    competitors: Sequence[str] = (),
    device: str = "auto",
    allow_unverified: bool = False,
) -> Report:
    """Apply a recipe to its run (`run` wins over the recipe's own), measure it and keep the report."""
    loaded = load_recipe(recipe)
    aligned = load_run(run_folder(loaded, run), device=device)
    return aligned.verify(loaded, competitors=competitors, allow_unverified=allow_unverified)


def ask(
    run: Path | str,
    question: str,
    *,
    recipe: AnyRecipe | None = None,
    device: str = "auto",
    max_new_tokens: int = asked.NEW_TOKENS,
) -> Answer:
    """One text, continued before and after an edit, and the slots that it switched on."""
    return asked.answer(load_run(run, device=device), question, recipe, max_new_tokens=max_new_tokens)


def inspect(run: Path | str, *, slot: str | None = None) -> Inspection:
    """What a run holds, and one slot of it in depth; never loads a model."""
    return inspecting.inspection(Path(run), slot)


def passports(run: Path | str, *, device: str = "auto", seed: int = 0) -> Passports:
    """What may be said of every relation slot of a run: measured with its model, and kept as passports.json."""
    return load_run(run, device=device).passports(seed=seed)


def fragmentation(run: Path | str, *, device: str = "auto", seed: int = 0) -> Fragmentation:
    """Over how many latents every relation of a run is spread: measured with its model, and kept as fragmentation.json."""
    return load_run(run, device=device).fragmentation(seed=seed)


def probe(cfg: AlignConfig) -> dict[str, Any]:
    """What a model knows of an ontology."""
    return probing.probe(cfg)


def capture(
    cfg: AlignConfig,
    out: Path,
    *,
    layers: Sequence[int] = (),
    shard: tuple[int, int] = (1, 1),
    window: int | None = None,
    threads: int | None = None,
) -> dict[str, Any]:
    """States of an ontology's prompts, or a shard of them, to a folder; by default at the hook points that `align` would try."""
    return capturing.capture(cfg, out, layers=layers, shard=shard, window=window, threads=threads)


def merge(folders: Sequence[Path], out: Path) -> dict[str, Any]:
    """One folder of captured states from those that shards made."""
    return capturing.merge(folders, out)


def dry_run(cfg: AlignConfig) -> dict[str, Any]:
    """What `align` would do; nothing is loaded or written."""
    return probing.dry_run(cfg)
