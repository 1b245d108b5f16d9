"""Natural states of a run: a sample of its training prompts, and what is natural in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from torch import Tensor

from kedit.curriculum.prompts import Prompt, PromptSet
from kedit.curriculum.splits import unit_hash
from kedit.sae.manifold import Natural, natural_of

PER_RELATION: Final = 300
"""Training prompts of a relation whose natural states are looked at."""


def natural_sample(prompts: PromptSet, relations: Sequence[str], seed: int) -> dict[str, list[Prompt]]:
    """Relation -> a sample of its training prompts about training subjects, by hash."""
    found: dict[str, list[Prompt]] = {iri: [] for iri in relations}
    for prompt in prompts.select(carrier_split="train", subject_split="train"):
        if prompt.relation in found:
            found[str(prompt.relation)].append(prompt)
    return {
        iri: sorted(some, key=lambda prompt: (unit_hash("passport", seed, prompt.id), prompt.id))[:PER_RELATION]
        for iri, some in found.items()
    }


def nature_of(prompts: PromptSet, sample: Mapping[str, Sequence[Prompt]], states: Mapping[str, Tensor]) -> Natural:
    """What is natural in states [n, d] of each relation's sample.

    Differences are between prompts about one subject on carriers in the same place of their relations' lists: shared frames
    stand in the same order.
    """
    place: dict[str, int] = {}
    seen: dict[str, int] = defaultdict(int)
    for carrier in prompts.carriers:
        if carrier.relation is not None and carrier.split == "train":
            place[carrier.id] = seen[carrier.relation]
            seen[carrier.relation] += 1
    return natural_of(
        [
            {(str(prompt.subject), place[prompt.carrier]): x for prompt, x in zip(some, states[iri], strict=True)}
            for iri, some in sample.items()
        ]
    )
