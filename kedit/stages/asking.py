"""Reading all prompts once with a model, and what it knows of the ontology by its answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kedit.files import digest, load_tensors, save_tensors
from kedit.stages.job import KNOWLEDGE, Job

if TYPE_CHECKING:
    from kedit.lm.model import LanguageModel
    from kedit.lm.reading import Decoder, Reading

STAGE_VERSION = 1
READING_VERSION = 2
READING = "reading"
"""No stage, but told apart: whichever stage first asks the model needs it, as a rule the one that decides on teaching."""
FRACTIONS = (0.5, 0.6)
"""Shares of the depth whose blocks are candidates for the hook point. Later blocks learn faster, lead in a short trial, and
end behind: at 0.7 of SmolLM2-135M's depth 0.92 of validation swaps hit after full training, at 0.6 0.96 (seed 0)."""
SHALLOW = 6
"""Of a model with so few blocks all but the last are: there the answer may be fetched before the middle."""


def know(job: Job) -> None:
    """Ask the model every prompt: knowledge.json and knowledge.jsonl."""
    outputs = [KNOWLEDGE, "knowledge.jsonl"]
    inputs = {"model": job.fingerprint, **job.wording}
    with job.stage("knowledge", inputs, STAGE_VERSION, outputs, after=["prompts", "model"]) as stage:
        if stage.needed:
            from kedit.lm.knowledge import assess

            job.knowledge = assess(job.lm, job.prompts, asked_reading(job, job.lm), job.matchers)
            job.knowledge.save(job.file(KNOWLEDGE))


def candidate_layers(n_layers: int) -> tuple[int, ...]:
    """A few middle blocks, never the last one."""
    if n_layers <= SHALLOW:
        return tuple(range(max(n_layers - 1, 1)))
    return tuple(sorted({min(max(round(share * n_layers) - 1, 0), max(n_layers - 2, 0)) for share in FRACTIONS}))


def wanted_layers(job: Job, n_layers: int) -> tuple[int, ...]:
    """Blocks whose states are read: the candidates, and one that the configuration names."""
    named = () if job.cfg.layer == "auto" else (job.cfg.layer,)
    return tuple(sorted({*candidate_layers(n_layers), *named}))


def decoders(job: Job, lm: LanguageModel) -> dict[str, Decoder]:
    """What ends an answer, per relation."""
    from kedit.lm.reading import Decoder

    return {relation: Decoder(lm, matcher, matcher.surface_forms) for relation, matcher in job.matchers.items()}


def reading(job: Job, lm: LanguageModel) -> Reading:
    """States at the wanted layers and answers of all prompts, in their order; kept under activations/, made again if deleted."""
    from kedit.lm.reading import Reading, read

    if (kept := job.readings.get(lm.fingerprint)) is not None:
        return kept
    layers = wanted_layers(job, lm.n_layers)
    # By the texts alone: runs that differ in their splits may share a reading.
    texts = [[prompt.text, prompt.relation, list(prompt.answers)] for prompt in job.prompts.prompts]
    key = digest([lm.fingerprint, texts, list(layers), READING_VERSION])
    path = job.file(f"activations/reading-{key}.safetensors")
    if path.is_file():
        tensors = load_tensors(path)
        lengths, ids = tensors["lengths"].tolist(), tensors["ids"].tolist()
        answers = _split(ids, lengths)
        states = {layer: tensors[f"states.{layer}"] for layer in layers}
        result = Reading(states, answers, tuple(lm.decode(row) for row in answers))
    else:
        import torch

        with job.part(READING):
            result = read(lm, job.prompts.prompts, decoders(job, lm), layers=layers)
        flat = [token for answer in result.answers for token in answer]
        tensors = {f"states.{layer}": state for layer, state in result.states.items()}
        tensors |= {"ids": torch.tensor(flat, dtype=torch.long), "lengths": torch.tensor([len(a) for a in result.answers])}
        save_tensors(path, tensors)
    job.readings[lm.fingerprint] = result
    return result


def asked_reading(job: Job, lm: LanguageModel) -> Reading:
    """The answers to the asked prompts alone."""
    from kedit.lm.reading import Reading

    found = reading(job, lm)
    asked = [i for i, prompt in enumerate(job.prompts.prompts) if prompt.relation is not None]
    return Reading({}, tuple(found.answers[i] for i in asked), tuple(found.texts[i] for i in asked))


def _split(ids: Sequence[int], lengths: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    result, start = [], 0
    for length in lengths:
        result.append(tuple(ids[start : start + length]))
        start += length
    return tuple(result)
