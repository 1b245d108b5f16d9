"""The first stages: the ontology's copy, the slot map and the labelled prompts. No model, no torch."""

from __future__ import annotations

from kedit.curriculum.prompts import build_prompts
from kedit.curriculum.slots import SlotMap, build_slots
from kedit.errors import InputError, Place
from kedit.files import write_json
from kedit.ontology import write_turtle
from kedit.ontology.inspection import guesses
from kedit.progress import say
from kedit.stages.job import ONTOLOGY, PROMPTS, SLOTS, Job, not_aligned

ONTOLOGY_VERSION = 1
SLOTS_VERSION = 1
PROMPTS_VERSION = 1


def keep_ontology(job: Job) -> None:
    """A canonical copy of what was loaded, imports included: ontology.ttl."""
    cfg = job.cfg
    inputs = {"sha256": job.ontology.sha256, "imports": job.ontology.imports}
    if cfg.graph:
        inputs["graph"] = cfg.graph
    with job.stage("ontology", inputs, ONTOLOGY_VERSION, [ONTOLOGY]) as stage:
        if stage.needed:
            out = job.file(ONTOLOGY)
            write_turtle(cfg.ontology, out, catalog=cfg.catalog, imports=cfg.imports, graph=cfg.graph, templates=cfg.templates)
            for guess in guesses(job.ontology):
                say(f"guessed: {guess}")
            if skipped := not_aligned(job.ontology, job.relations):
                shown = ", ".join(skipped[:5]) + (f" and {len(skipped) - 5} more" if len(skipped) > 5 else "")
                say(f"not aligned: {shown} (`kedit ontology inspect {cfg.ontology}` says why)")
            if any(job.ontology.relations[iri].template_source == "generated" for iri in job.relations):
                say(
                    f"better questions: `kedit ontology templates {cfg.ontology} -o templates.yaml`, edit, align with --templates"
                )


def bind_slots(job: Job) -> None:
    """Which latent belongs to which term: slots.json. A slot that is there keeps its index."""
    inputs = {"relations": job.relations, **job.wording}
    with job.stage("slots", inputs, SLOTS_VERSION, [SLOTS], after=["ontology"]) as stage:
        if stage.needed:
            slots = build_slots(job.ontology, job.relations, _previous(job))
            write_json(job.file(SLOTS), slots.model_dump(mode="json", by_alias=True))


def make_prompts(job: Job) -> None:
    """Labelled prompts with their splits: prompts.jsonl."""
    cfg = job.cfg
    inputs = {"seed": cfg.seed, "max_subjects": cfg.max_subjects, **job.wording}
    with job.stage("prompts", inputs, PROMPTS_VERSION, [PROMPTS], after=["ontology", "slots"]) as stage:
        if stage.needed:
            prompts = build_prompts(job.ontology, job.slots, job.relations, seed=cfg.seed, max_subjects=cfg.max_subjects)
            if not prompts.asked:
                place = Place(job.ontology.source)
                raise InputError(
                    "nothing to align: no prompt can be made", place=place, advice=_dropped(prompts.dropped), code="KE165"
                )
            prompts.save(job.file(PROMPTS))


def _previous(job: Job) -> SlotMap | None:
    """The run's slot map of an earlier alignment, if it had one."""
    path = job.file(SLOTS)
    if not path.is_file() or "slot training" not in job.run.manifest.stages:
        return None  # nothing is trained yet: slots may still be numbered afresh
    try:
        return SlotMap.load(path)
    except InputError:
        return None


def _dropped(dropped: object) -> str:
    return f"Left out: {dropped}. `kedit ontology inspect` shows what kedit reads."
