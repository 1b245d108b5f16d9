"""Which prompts are read together: common beginnings of carriers once, what follows in batches of one length across carriers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

import torch
from torch import Tensor

from kedit.lm.model import LanguageModel
from kedit.machine import gpu_memory_left

PASS, GPU_PASS = 64, 2048
"""What a forward pass costs besides its tokens, in tokens of a larger one. On a CPU weights are read for few rows, and so in
every step of the answers that follow; on a GPU some hundred kernels start."""
MIN_TOKENS, MIN_ROWS = 3, 4
"""A shorter beginning, or one of fewer prompts, is not worth being read apart."""
CPU_TOKENS, GPU_TOKENS = 1024, 1 << 15
"""New tokens of a pass: of one on a CPU, and the most of one on a GPU."""
CELLS, ANSWERED = 3, 4
"""Keys and values, in cells per token of a pass, that are held at once: of prompts, and of answers that go on from them."""


class Limits(NamedTuple):
    """Most new tokens and rows of one pass, rows x columns of keys and values that are held at once, and what a pass costs."""

    tokens: int
    rows: int
    cells: int
    start: int = PASS


def limits(lm: LanguageModel, rows: int | None = None) -> Limits:
    """What is good where a model is, for at most `rows` prompts a pass: on CPUs products of 1,024 rows are as fast as any.

    Of the default model 3,072 cells are 140 MB. A GPU waits for its kernels to start unless they are large: there a pass takes
    as many tokens as fit into half of the memory that is free now.
    """
    on_cpu = lm.device.type == "cpu"
    tokens = CPU_TOKENS if on_cpu else _tokens_in(gpu_memory_left(lm.device) // 2, _bytes_per_token(lm))
    return Limits(tokens, min(rows or tokens, tokens // 4), CELLS * tokens, PASS if on_cpu else GPU_PASS)


def _bytes_per_token(lm: LanguageModel) -> int:
    """At most, of a pass: keys and values that reading and answering hold, and four times the logits of its rows."""
    cell = 2 * lm.n_layers * lm.d_model * lm.dtype.itemsize
    return (CELLS + ANSWERED) * cell + lm.model.get_output_embeddings().weight.shape[0] * lm.dtype.itemsize


def _tokens_in(memory: int, each: int) -> int:
    """A power of two, so that what else is in memory seldom changes how prompts are read together."""
    return min(GPU_TOKENS, 1 << max(CPU_TOKENS, memory // each).bit_length() - 1)


class Beginning(NamedTuple):
    """Tokens that are read once for all prompts (places) which begin so; none for those that are read whole."""

    ids: tuple[int, ...]
    members: list[int]


def beginnings(prompts: Sequence[Sequence[int]], carriers: Sequence[str]) -> list[Beginning]:
    """What all prompts (token ids) of a carrier have in common at their beginning, over all carriers, shortest first."""
    found: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for members in by_carrier(carriers):
        shared = shared_tokens([prompts[i] for i in members]) if len(members) >= MIN_ROWS else 0
        found[tuple(prompts[members[0]][:shared]) if shared >= MIN_TOKENS else ()] += members
    return sorted((Beginning(ids, members) for ids, members in found.items()), key=lambda one: len(one.ids))


def by_carrier(carriers: Sequence[str]) -> list[list[int]]:
    """Places of every carrier's prompts."""
    groups: dict[str, list[int]] = defaultdict(list)
    for place, carrier in enumerate(carriers):
        groups[carrier].append(place)
    return list(groups.values())


def shared_tokens(prompts: Sequence[Sequence[int]]) -> int:
    """Length of the common beginning of all prompts, leaving every one at least its last token; 0 for a single prompt."""
    if len(prompts) == 1:
        return 0
    least = min(len(row) for row in prompts) - 1
    first, last = min(map(list, prompts)), max(map(list, prompts))
    return next((i for i in range(least) if first[i] != last[i]), least)


def windows(found: Sequence[Beginning], cells: int) -> Iterator[list[Beginning]]:
    """Beginnings, in order of length, as many at a time as have their keys and values in so many cells."""
    window: list[Beginning] = []
    for one in found:
        if window and (len(window) + 1) * len(one.ids) > cells:
            yield window
            window = []
        window.append(one)
    if window:
        yield window


def batches(lengths: Sequence[int], before: Sequence[int], most: Limits) -> Iterator[list[int]]:
    """Places of rows in batches of one length, or of some where padding costs less than a further pass; short ones first.

    lengths: new tokens of each row; before: those in front of them that have been read already.
    """
    sizes = sorted(set(lengths))
    start = 0
    for stop in _cuts(sizes, Counter(lengths), most):
        among, width = set(sizes[start:stop]), sizes[stop - 1]
        rows = [i for i, length in enumerate(lengths) if length in among]
        yield from _chunks(sorted(rows, key=lambda i: before[i]), width, before, most)
        start = stop


def _cuts(sizes: Sequence[int], counts: Counter[int], most: Limits) -> list[int]:
    """Where to cut the sorted lengths so that tokens, padding and passes cost least: ends of the pieces."""
    rows = [0, *accumulate(counts[size] for size in sizes)]
    best = [(0, 0)]
    for stop, width in enumerate(sizes, 1):
        counted = [rows[stop] - rows[start] for start in range(stop)]
        costs = [count * width + most.start * _passes(count, width, most) for count in counted]
        best.append(min((best[i][0] + cost, i) for i, cost in enumerate(costs)))
    cuts, stop = [], len(sizes)
    while stop:
        cuts.append(stop)
        stop = best[stop][1]
    return cuts[::-1]


def _passes(rows: int, width: int, most: Limits) -> int:
    return -(-rows // min(most.rows, max(1, most.tokens // width)))


def _chunks(rows: Sequence[int], width: int, before: Sequence[int], most: Limits) -> Iterator[list[int]]:
    """Rows, sorted by what stands before them, in batches of about the same size."""
    size = -(-len(rows) // _passes(len(rows), width, most))
    chunk: list[int] = []
    for row in rows:
        if chunk and (len(chunk) == size or (len(chunk) + 1) * (before[row] + width) > most.cells):
            yield chunk
            chunk = []
        chunk.append(row)
    if chunk:
        yield chunk


def padded(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Token ids [b, s], padded in front, and the mask of real ones [b, s]."""
    width = max(map(len, rows))
    ids = torch.tensor([[0] * (width - len(row)) + list(row) for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    return ids, mask
