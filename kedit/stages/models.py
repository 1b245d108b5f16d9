"""Which model is edited: the one that was asked for, or a copy of it that was taught the ontology."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from kedit.curriculum.prompts import PromptSet
from kedit.errors import InputError
from kedit.files import write_json
from kedit.ontology.model import Ontology
from kedit.progress import say
from kedit.stages.asking import asked_reading
from kedit.stages.job import MODEL, SETTLED, Job, pin_threads

if TYPE_CHECKING:
    from kedit.lm.knowledge import Knowledge
    from kedit.lm.model import LanguageModel

STAGE_VERSION = 3
TINY_TARGET = 0.995
TAUGHT_FROM = 1 / 3
"""Share of the depth below which a pre-trained model's blocks keep their weights: what names mean is known there already, and
a step costs two thirds."""


def settle_model(job: Job) -> None:
    """Decide which model is edited, and teach it if it must be taught: training/model.json, and model/ if it was."""
    inputs = {"model": job.source.id.fingerprint, "tiny": job.source.tiny, "teach": job.cfg.teach, "seed": job.cfg.seed}
    with job.stage("model", inputs, STAGE_VERSION, [SETTLED], after=["prompts"]) as stage:
        if not stage.needed:
            return
        shutil.rmtree(job.file(MODEL), ignore_errors=True)
        untaught: dict[str, Any] | None = None
        taught: LanguageModel | None = None
        why = ""
        if job.source.tiny:
            taught, why = _tiny(job), "tiny is made from the ontology"
        elif job.cfg.teach == "always":
            taught, why = _taught(job), "as asked for (--teach always)"
        else:
            enough, untaught = _known_untaught(job)
            if not enough and job.cfg.teach == "never":
                _refuse(untaught)
            if not enough:
                taught, why = _taught(job), too_little(untaught)
        if taught is not None:
            from kedit.lm.store import save_model

            save_model(taught, stage.output(MODEL))
        lm = taught or job.source.lm
        document = {
            "name": lm.name,
            "description": lm.description,
            "fingerprint": lm.fingerprint,
            "n_layers": lm.n_layers,
            "taught": taught is not None,
            "why": why,
            "untaught": untaught,
        }
        write_json(job.file(SETTLED), document)


def settled_model(job: Job) -> LanguageModel:
    """The model that is edited, loaded."""
    pin_threads(job.run)
    if not job.settled["taught"]:
        return job.source.lm
    from kedit.lm.store import load_model

    return load_model(str(job.file(MODEL)), device=job.cfg.device, blocks=job.cfg.blocks)


def lessons(prompts: PromptSet, ontology: Ontology) -> list[tuple[str, str]]:
    """What a copy is taught: every fact by the training carriers; by the other carriers those of training subjects alone."""
    return [
        (prompt.text, ontology.texts(prompt.answers[0])[0])
        for prompt in prompts.asked
        if prompt.carrier_split == "train" or prompt.subject_split == "train"
    ]


def too_little(known: dict[str, Any] | None) -> str:
    """Why a model must be taught, in words."""
    from kedit.lm.knowledge import ENOUGH_FACTS, ENOUGH_RELATIONS

    best = ", ".join(f"{term} {row['known']} of {row['asked']}" for term, row in (known or {}).items())
    return f"it knows fewer than {ENOUGH_FACTS} facts in all but {ENOUGH_RELATIONS - 1} of the relations ({best})"


def _known_untaught(job: Job) -> tuple[bool, dict[str, Any]]:
    from kedit.lm.knowledge import assess, summary

    pin_threads(job.run)
    knowledge: Knowledge = assess(job.source.lm, job.prompts, asked_reading(job, job.source.lm), job.matchers)
    return knowledge.enough, summary(knowledge, job.prompts, job.ontology)


def _refuse(known: dict[str, Any]) -> None:
    raise InputError(
        f"the model knows too little of the ontology, and nothing may be taught (--teach never): {too_little(known)}",
        advice="Let kedit teach a copy (--teach auto), choose another model, or see what it knows with `kedit probe`.",
    )


def _taught(job: Job) -> LanguageModel:
    from kedit.lm.teach import teach

    pin_threads(job.run)
    say(f"{job.source.lm.name} is taught: a copy learns the ontology's facts; your model stays as it is.")
    lm = job.source.lm
    return teach(lm, lessons(job.prompts, job.ontology), trainable_from=round(TAUGHT_FROM * lm.n_layers), seed=job.cfg.seed)


def _tiny(job: Job) -> LanguageModel:
    from kedit.lm.store import pick_device
    from kedit.lm.teach import teach
    from kedit.lm.tiny import make_tiny

    pin_threads(job.run)
    told = {prompt.id: f"{prompt.text} {job.ontology.texts(prompt.answers[0])[0]}\n" for prompt in job.prompts.asked}
    texts = [told.get(prompt.id, prompt.text) for prompt in job.prompts.prompts if prompt.carrier_split != "heldout"]
    examples = lessons(job.prompts, job.ontology)
    untaught = make_tiny(texts, seed=job.cfg.seed, device=pick_device(job.cfg.device))
    return teach(untaught, examples, target_accuracy=TINY_TARGET, seed=job.cfg.seed)
