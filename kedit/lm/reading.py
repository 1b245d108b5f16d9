"""Reading prompts: one pass that captures decision states and asks the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kedit.curriculum.answers import AnswerMatcher
from kedit.curriculum.prompts import Prompt
from kedit.lm.continuation import Prefix, greedy_base
from kedit.lm.model import LanguageModel
from kedit.lm.prefixes import read_prefixes
from kedit.progress import progress

PAST_ANSWER = 4
"""Tokens decoded past the longest accepted answer (method.md, Match)."""

Reads = tuple[tuple[str, tuple[str, ...]], ...]
"""(relation, accepted values): the readings of an answer that must be settled before it may end."""


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
    asked = [i for i, prompt in enumerate(prompts) if prompt.relation is not None]
    silent = [i for i, prompt in enumerate(prompts) if prompt.relation is None] if layers else []
    states = {layer: torch.empty(len(prompts), lm.d_model) for layer in layers}
    answers: list[tuple[int, ...]] = [()] * len(prompts)
    with progress(label, len(asked) + len(silent), "prompt") as advance:
        for index, prefix in _read_some(lm, prompts, asked, layers):
            _store(states, index, prefix)
            done, limit = stopping([((str(prompts[i].relation), prompts[i].answers),) for i in index], decoders)
            for i, tokens in zip(index, greedy_base(lm, prefix, done, limit), strict=True):
                answers[i] = tuple(tokens)
            advance(len(index))
        for index, prefix in _read_some(lm, prompts, silent, layers, upto=max(layers, default=None)):
            _store(states, index, prefix)
            advance(len(index))
    return Reading(states, tuple(answers), tuple(lm.decode(list(row)) for row in answers))


def _read_some(
    lm: LanguageModel, prompts: Sequence[Prompt], places: Sequence[int], layers: Sequence[int], upto: int | None = None
) -> Iterator[tuple[list[int], Prefix]]:
    """Read the prompts at these places; batches of places."""
    ids = lm.encode_batch([prompts[i].text for i in places])
    for index, prefix in read_prefixes(lm, ids, [prompts[i].carrier for i in places], layers, upto=upto):
        yield [places[i] for i in index], prefix


def _store(states: Mapping[int, Tensor], index: Sequence[int], prefix: Prefix) -> None:
    for layer, state in prefix.states.items():
        states[layer][index] = state.float().cpu()


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
