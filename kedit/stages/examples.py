"""Training examples: which states the slots read, which swaps the write rows are trained on, which ordered pairs never."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor

from kedit.curriculum.answers import shares_answer
from kedit.curriculum.prompts import Prompt
from kedit.curriculum.slots import SlotMap
from kedit.curriculum.splits import unit_hash
from kedit.errors import InputError
from kedit.lm.knowledge import Knowledge, closings
from kedit.lm.swaps import Swap

if TYPE_CHECKING:
    from kedit.stages.job import Job

HELD_PAIRS = 0.25
"""Share of the ordered relation pairs that are never trained."""
TRAINING_PROMPTS = 2000
MANY_RELATIONS, TARGETS = 9, 6
"""Of more than so many relations a prompt is swapped to so many, as it is of nine: training grows with prompts alone."""
Target = Literal["self", "gold"]
TARGET: Target = "gold"
"""What a swap is trained to: the model's own most frequent answer to the direct question, or the right one where it is known.

On validation subjects of the countries `gold` hits 0.91 and `self` 0.90, its own distribution over the training carriers 0.86
(method.md's L_ctrl; seed 0, n = 1200): what a model makes up for facts it does not know is noise to train on."""


class States(NamedTuple):
    """States x [n, d], of decisions and of positions that ask nothing, with multi-hot labels [n, K]."""

    x: Tensor
    labels: Tensor


def trained_pairs(relations: Sequence[str], seed: int) -> frozenset[tuple[str, str]]:
    """Ordered pairs that are trained: all but a quarter, held out by hash, spread over sources and targets as evenly as it goes.

    A relation that lost most of its pairs would show how little it was trained, not whether what was trained generalises.
    """
    return _trained_pairs(tuple(sorted(relations)), seed)


@lru_cache(maxsize=8)
def _trained_pairs(relations: tuple[str, ...], seed: int) -> frozenset[tuple[str, str]]:
    pairs = [(a, b) for a in relations for b in relations if a != b]
    pairs.sort(key=lambda pair: unit_hash("pair", seed, *pair))
    left, trained = round(HELD_PAIRS * len(pairs)), pairs
    sources, targets = Counter[str](), Counter[str]()
    for most in range(1, len(relations) - 1):
        pairs, trained = trained, []
        for pair in pairs:
            source, target = pair
            if left and sources[source] < most and targets[target] < most:
                left -= 1
                sources[source] += 1
                targets[target] += 1
            else:
                trained.append(pair)
        if not left:
            break
    return frozenset(trained)


def slot_order(slots: SlotMap) -> list[int]:
    """Slot indices with the relations first, as training wants them."""
    return [slot.index for slot in slots.relations] + [slot.index for slot in slots.slots if slot.kind != "relation"]


def labels(prompts: Sequence[Prompt], slots: SlotMap) -> Tensor:
    """Multi-hot labels [n, K] in slot order."""
    table = torch.zeros(len(prompts), len(slots))
    for row, prompt in enumerate(prompts):
        table[row, list(prompt.slots)] = 1
    return table


def is_training(prompt: Prompt) -> bool:
    """Whether the slots may see a prompt: training carrier, and training subject if it has one."""
    return prompt.carrier_split == "train" and prompt.subject_split in (None, "train")


def is_validation(prompt: Prompt) -> bool:
    """Whether a prompt serves to choose: validation carrier, and validation subject if it has one."""
    return prompt.carrier_split == "valid" and prompt.subject_split in (None, "valid")


def swap_examples(job: Job, most: int = TRAINING_PROMPTS, target: Target = TARGET) -> tuple[list[Prompt], list[Swap]]:
    """Training prompts (a sample by hash) and, of each, the swaps to all relations of its subject along trained pairs.

    Where there are many relations, to TARGETS of them by hash.
    An answer is trained together with what closes answers in the prompt's own carrier: otherwise nothing tells the model that
    the new answer is complete, and it goes on ("Hungarianian").
    """
    prompts = [prompt for prompt in job.prompts.asked if is_training(prompt)]
    prompts = sorted(prompts, key=lambda prompt: (unit_hash("swaps", job.cfg.seed, prompt.id), prompt.id))[:most]
    pairs = trained_pairs(job.relations, job.cfg.seed)
    position = {iri: index for index, iri in enumerate(slot.iri for slot in job.slots.relations)}
    withheld = {(str(p.subject), str(p.relation)): set(p.withheld) for p in job.prompts.asked}
    closing = closings(job.lm, job.prompts, job.knowledge, job.matchers)
    targets: dict[str, list[str]] = defaultdict(list)
    for source, other in sorted(pairs):
        targets[source].append(other)

    def answers(prompt: Prompt) -> Iterator[tuple[str, tuple[int, ...]]]:
        source, subject = str(prompt.relation), str(prompt.subject)
        for other in _targets(prompt, targets[source], len(job.relations), job.cfg.seed):
            answer = answer_to(job.knowledge, withheld, (subject, other), target)
            if answer and not shares_answer(job.ontology, subject, source, other):
                yield other, answer + closing.get(prompt.carrier, ())

    several = TARGETS if len(job.relations) > MANY_RELATIONS else None
    swaps = [
        Swap(index, position[str(prompt.relation)], position[other], answer)
        for index, prompt in enumerate(prompts)
        for other, answer in sorted(islice(answers(prompt), several))
    ]
    if not swaps:
        raise InputError(
            "no swap can be trained: no training subject has facts of two relations that the model answers",
            advice="Give the relations subjects in common, or see what the model knows with `kedit probe`.",
        )
    return prompts, swaps


def _targets(prompt: Prompt, targets: Sequence[str], relations: int, seed: int) -> Sequence[str]:
    """In which order a prompt's targets are taken: of many relations by hash, for the first of them will do."""
    if relations <= MANY_RELATIONS:
        return targets
    return sorted(targets, key=lambda other: unit_hash("target", seed, prompt.id, other))


def answer_to(
    knowledge: Knowledge, withheld: Mapping[tuple[str, str], set[str]], key: tuple[str, str], target: Target
) -> tuple[int, ...] | None:
    """Token ids of what a (subject, relation) is trained to answer; None if that is not known, or withheld."""
    if target == "self":
        chosen = knowledge.modal.get(key)
    else:
        chosen = knowledge.right.get(key) if knowledge.known.get(key) else None
    # The other half of a symmetric pair belongs to a test subject.
    if chosen is None or set(chosen.values) <= withheld.get(key, set()):
        return None
    return chosen.ids
