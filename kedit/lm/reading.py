"""Reading prompts: one pass that captures decision states and asks the model, in batches of equal length."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kedit.curriculum.answers import AnswerMatcher
from kedit.curriculum.prompts import Prompt
from kedit.lm.continuation import greedy_base, read_prefix
from kedit.lm.model import LanguageModel
from kedit.progress import progress

ROWS_PER_BATCH = 96
"""Prompts of a carrier are sorted by length: small batches waste little on padding."""
PAST_ANSWER = 4
"""Tokens decoded past the longest accepted answer (method.md, Match)."""

Reads = tuple[tuple[str, tuple[str, ...]], ...]
"""(relation, accepted values): the readings of an answer that must be settled before it may end."""


def batches_by_carrier(carriers: Sequence[str], lengths: Sequence[int], most: int = ROWS_PER_BATCH) -> Iterator[list[int]]:
    """Indices in batches of one carrier each, whose own words are then read once; shorter prompts first within a carrier."""
    groups: dict[str, list[int]] = defaultdict(list)
    for index in sorted(range(len(carriers)), key=lambda i: lengths[i]):
        groups[carriers[index]].append(index)
    for members in groups.values():
        for start in range(0, len(members), most):
            yield members[start : start + most]


class Decoder:
    """Says when a greedy answer may end: its outcome is settled, or it is `PAST_ANSWER` tokens past the longest accepted one."""

    def __init__(self, lm: LanguageModel, matcher: AnswerMatcher, forms: Mapping[str, Sequence[str]]) -> None:
        self.matcher = matcher
        self._lengths = {value: max((len(lm.encode(" " + form)) for form in texts), default=1) for value, texts in forms.items()}

    def limit(self, accepted: Sequence[str]) -> int:
        """Most tokens to decode for a row whose accepted values are `accepted`."""
        return max((self._lengths.get(value, 1) for value in accepted), default=1) + PAST_ANSWER


@dataclass(frozen=True)
class Reading:
    """What a model makes of prompts: states[layer] [n, d] at the decision positions, greedy answers as ids and text."""

    states: dict[int, Tensor]
    answers: tuple[tuple[int, ...], ...]
    texts: tuple[str, ...]


@torch.no_grad()
def read(
    lm: LanguageModel,
    prompts: Sequence[Prompt],
    decoders: Mapping[str, Decoder],
    *,
    layers: Sequence[int] = (),
    label: str = "reading prompts",
) -> Reading:
    """Read and answer every prompt; prompts about no relation are read, not answered."""
    ids = [lm.encode(prompt.text) for prompt in prompts]
    states = {layer: torch.empty(len(prompts), lm.d_model) for layer in layers}
    answers: list[tuple[int, ...]] = [()] * len(prompts)
    with progress(label, len(prompts), "prompt") as advance:
        for index in batches_by_carrier([prompt.carrier for prompt in prompts], [len(row) for row in ids]):
            prefix = read_prefix(lm, [ids[i] for i in index], layers)
            for layer in layers:
                states[layer][index] = prefix.states[layer].float().cpu()
            asked = [position for position, i in enumerate(index) if prompts[i].relation is not None]
            if asked:
                rows = [prompts[index[position]] for position in asked]
                done, limit = stopping([((str(row.relation), row.answers),) for row in rows], decoders)
                found = greedy_base(lm, prefix.rows(torch.tensor(asked, device=lm.device)), done, limit)
                for position, tokens in zip(asked, found, strict=True):
                    answers[index[position]] = tuple(tokens)
            advance(len(index))
    return Reading(states, tuple(answers), tuple(lm.decode(list(row)) for row in answers))


def stopping(reads: Sequence[Reads], decoders: Mapping[str, Decoder]) -> tuple[Callable[[int, str], bool], int]:
    """`done` and `limit` for greedy answers, one per row: when all readings are settled, or a few tokens past what any accepts.

    An answer that cannot be one relation's any more may still turn out to be another's.
    """
    limits = [answer_limit(row, decoders) for row in reads]
    counts = [0] * len(limits)

    def done(row: int, text: str) -> bool:
        counts[row] += 1
        return counts[row] >= limits[row] or all(decoders[relation].matcher.settled(text) for relation, _ in reads[row])

    return done, max(limits)


def answer_limit(reads: Reads, decoders: Mapping[str, Decoder]) -> int:
    """Most tokens of an answer that is read so."""
    return max(decoders[relation].limit(accepted) for relation, accepted in reads)
