"""Answers on the cached continuation path: prompts are read once, then answered from any number of edited states."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from kedit.curriculum.prompts import Prompt
from kedit.lm.batching import ANSWERED, limits
from kedit.lm.continuation import Held, Prefix, greedy_base
from kedit.lm.prefixes import read_prefixes
from kedit.lm.reading import Reads, stopping
from kedit.progress import progress
from kedit.verification.setting import Setting

TOKENS_EACH, MOST_PROMPTS = 8, 512
"""A pass reads a prompt for every so many tokens that it could take, as each is answered many times; and at most so many, for
states of all their edits are held on the CPU."""


class Batch(NamedTuple):
    """Prompts that have been read: `places` in what was asked for, states x [b, d] on the CPU."""

    places: list[int]
    prompts: list[Prompt]
    prefix: Prefix
    x: Tensor


def batches(setting: Setting, prompts: Sequence[Prompt], label: str) -> Iterator[Batch]:
    """Read prompts, batch by batch."""
    layer = setting.sae.layer
    ids = setting.lm.encode_batch([prompt.text for prompt in prompts])
    with progress(label, len(prompts), "prompt") as advance:
        carriers = [prompt.carrier for prompt in prompts]
        most = min(MOST_PROMPTS, limits(setting.lm).tokens // TOKENS_EACH)
        for index, prefix in read_prefixes(setting.lm, ids, carriers, [layer], rows=most):
            yield Batch(index, [prompts[i] for i in index], prefix, prefix.states[layer].float().cpu())
            advance(len(index))


def edited_texts(
    setting: Setting, prefix: Prefix, rows: Sequence[int], x: Tensor, reads: Sequence[Reads], answer: Tensor | None = None
) -> list[str]:
    """Greedy answers of the prompts at `rows` (which may repeat) with decision states `x` [n, d].

    `answer` [n, T, d]: what holds at the answers' own tokens, if edits do.
    """
    return [setting.lm.decode(ids) for ids in edited_answers(setting, prefix, rows, x, reads, answer)]


def edited_answers(
    setting: Setting, prefix: Prefix, rows: Sequence[int], x: Tensor, reads: Sequence[Reads], answer: Tensor | None = None
) -> list[list[int]]:
    """`edited_texts` as token ids."""
    sae = setting.sae

    def some(part: Prefix, chosen: slice) -> list[list[int]]:
        state = part.states[sae.layer]
        done, limit = stopping(reads[chosen], setting.decoders)
        held = None if answer is None else Held(sae.layer, answer[chosen].to(state), sae.answer_tokens)
        return setting.continuation.greedy(part, x[chosen].to(state), done, limit, held)

    return _in_chunks(setting, prefix, rows, some)


def base_texts(setting: Setting, prefix: Prefix, rows: Sequence[int], reads: Sequence[Reads]) -> list[str]:
    """Greedy answers of the unedited model to the prompts at `rows`."""

    def some(part: Prefix, chosen: slice) -> list[list[int]]:
        return greedy_base(setting.lm, part, *stopping(reads[chosen], setting.decoders))

    return [setting.lm.decode(ids) for ids in _in_chunks(setting, prefix, rows, some)]


def _in_chunks(
    setting: Setting, prefix: Prefix, rows: Sequence[int], some: Callable[[Prefix, slice], list[list[int]]]
) -> list[list[int]]:
    """So many rows at a time that copies of their keys and values have room: 190 MB for the default model on a CPU."""
    size = max(16, ANSWERED * limits(setting.lm).tokens // prefix.mask.shape[1])
    answers: list[list[int]] = []
    for start in range(0, len(rows), size):
        chosen = slice(start, start + size)
        answers += some(prefix.rows(torch.tensor(rows[chosen], device=prefix.mask.device)), chosen)
    return answers


def merged(reads: Sequence[Reads]) -> Reads:
    """All readings of several, once each."""
    table: Mapping[tuple[str, tuple[str, ...]], None] = dict.fromkeys(read for some in reads for read in some)
    return tuple(table)
