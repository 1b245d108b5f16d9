"""`kedit probe` and `--dry-run`: what a model knows of an ontology, and what an alignment would do, without doing it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from kedit.config import AlignConfig
from kedit.curriculum.answers import matchers
from kedit.curriculum.prompts import PromptSet, build_prompts, quadrant
from kedit.curriculum.slots import SlotMap, build_slots
from kedit.manifest import MANIFEST, Manifest, read_manifest
from kedit.stages.job import Inputs, ModelSource, not_aligned


def probe(cfg: AlignConfig) -> dict[str, Any]:
    """Ask a model every question of an ontology; per relation and per template, how often it is right."""
    from kedit.lm.knowledge import assess, summary, template_rates
    from kedit.lm.reading import Decoder, read

    inputs = Inputs(cfg)
    _, prompts = made_prompts(inputs)
    lm = ModelSource(cfg).lm
    found = matchers(inputs.ontology, inputs.relations)
    decoders = {relation: Decoder(lm, matcher, matcher.surface_forms) for relation, matcher in found.items()}
    knowledge = assess(lm, prompts, read(lm, prompts.asked, decoders), found)
    return {
        "schema": "kedit.knowledge/1",
        "ontology": inputs.ontology.source,
        "model": lm.description,
        "fingerprint": lm.fingerprint,
        "enough": knowledge.enough,
        "knowledge": summary(knowledge, prompts, inputs.ontology),
        "templates": template_rates(knowledge, prompts, inputs.ontology),
    }


def dry_run(cfg: AlignConfig) -> dict[str, Any]:
    """What an alignment would work on; the model is not loaded and nothing is written."""
    inputs = Inputs(cfg)
    slots, prompts = made_prompts(inputs)
    folder = cfg.run_directory()
    run = read_manifest(folder) if (folder / MANIFEST).is_file() else None
    by_relation = Counter(inputs.ontology.curie(str(prompt.relation)) for prompt in prompts.asked)
    return {
        "schema": "kedit.dry-run/1",
        "run": str(folder),
        "stages done": [name for name, record in run.stages.items() if record.status == "done"] if run else [],
        "changed since": _changed(run, inputs) if run else [],
        "ontology": inputs.ontology.source,
        "model": cfg.model,
        "layer": cfg.layer,
        "teach": cfg.teach,
        "relations": [inputs.ontology.curie(iri) for iri in inputs.relations],
        "not aligned": not_aligned(inputs.ontology, inputs.relations),
        "slots": len(slots),
        "prompts": {"asked": len(prompts.asked), "negatives": len(prompts.negatives), **dict(sorted(by_relation.items()))},
        "quadrants": dict(Counter(name for prompt in prompts.asked if (name := quadrant(prompt)) is not None)),
        "dropped": dict(prompts.dropped),
    }


def _changed(run: Manifest, inputs: Inputs) -> list[str]:
    """Inputs that are not those of the stages that are done: what depends on them will be made again, or refused."""
    now = inputs.cfg.model_dump(mode="json", exclude={"overwrite"})
    before = {name: field.default for name, field in AlignConfig.model_fields.items()} | run.config
    settings = [f"{key}: {before.get(key)}, now {value}" for key, value in now.items() if before.get(key) != value]
    return (["ontology"] if run.ontology.sha256 != inputs.ontology.sha256 else []) + settings


def made_prompts(inputs: Inputs) -> tuple[SlotMap, PromptSet]:
    """The slots and prompts that an alignment would make."""
    cfg = inputs.cfg
    slots = build_slots(inputs.ontology, inputs.relations)
    prompts = build_prompts(inputs.ontology, slots, inputs.relations, seed=cfg.seed, max_subjects=cfg.max_subjects)
    return slots, prompts
