"""Which prompts are read together: common beginnings of carriers once, what follows in batches of one length across carriers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

import torch
from torch import Tensor

from kedit.lm.model import LanguageModel
from kedit.machine import device_memory

PASS, GPU_PASS = 64, 2048
"""What a forward pass costs besides its tokens, in tokens of a larger one. On a CPU weights are read for few rows, and so in
every step of the answers that follow; on a GPU some hundred kernels start, in which a large one reads about 2,000 tokens."""
MIN_TOKENS, MIN_ROWS = 3, 4
"""A shorter beginning, or one of fewer prompts, is not worth being read apart."""
CPU_TOKENS, GPU_TOKENS = 1024, 1 << 15
"""New tokens of a pass: on a CPU, where products of 1,024 rows are as fast as any, and at most on a GPU."""
CELLS, ANSWERED = 3, 4
"""Keys and values, in cells per token of a pass: of prompts that are read, and copies that answers go on from."""
HELD = 12
"""The same, all that are held at once: of the last prompts and the next, of their beginnings, of answers that grow."""
GPU_SHARE = 0.25
"""Of a GPU's memory, for passes: weights, training swaps and what others do there want the rest."""


class Limits(NamedTuple):
    """Most new tokens and rows of one pass, rows x columns of keys and values that it may read, and what it costs besides."""

    tokens: int
    rows: int
    cells: int
    overhead: int = PASS


def limits(lm: LanguageModel, rows: int | None = None) -> Limits:
    """What is good where a model is, for at most `rows` prompts a pass; the same on every machine of one kind.

    On a CPU 1,024 tokens, whose 3,072 cells are 140 MB for the default model. A GPU waits for kernels to start unless they are
    large: there as many as have room in a quarter of its memory, a power of two from 1,024 to 32,768.
    """
    if lm.device.type == "cpu":
        tokens, overhead = CPU_TOKENS, PASS
    else:
        tokens, overhead = _tokens_in(GPU_SHARE * device_memory(lm.device), _bytes_per_token(lm)), GPU_PASS
    return Limits(tokens, min(rows or tokens, tokens // 4), CELLS * tokens, overhead)


def _bytes_per_token(lm: LanguageModel) -> int:
    """About, of a pass: keys and values of all blocks, and four times the logits of a row for every fourth token."""
    config = lm.model.config
    heads, size = getattr(config, "num_key_value_heads", None), getattr(config, "head_dim", None)
    width = heads * size if heads and size else lm.d_model
    vocabulary = lm.model.get_input_embeddings().weight.shape[0]
    return (HELD * 2 * lm.n_layers * width + vocabulary) * lm.dtype.itemsize


def _tokens_in(memory: float, each: int) -> int:
    return min(GPU_TOKENS, 1 << max(CPU_TOKENS, int(memory / each)).bit_length() - 1)


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
        costs = [count * width + most.overhead * _passes(count, width, most) for count in counted]
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
