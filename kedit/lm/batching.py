"""Which prompts are read together: common beginnings of carriers once, what follows in batches of one length across carriers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

import torch
from torch import Tensor

PASS = 64
"""What a forward pass costs besides its tokens, in tokens of a larger one: weights are read for few rows, and so in every
step of the answers that follow."""
MIN_TOKENS, MIN_ROWS = 3, 4
"""A shorter beginning, or one of fewer prompts, is not worth being read apart."""


class Limits(NamedTuple):
    """Most new tokens and rows of one pass, and rows x columns of keys and values that are held at once."""

    tokens: int
    rows: int
    cells: int


def limits(device: torch.device, rows: int | None = None) -> Limits:
    """What is good on a device, for at most `rows` prompts a pass: on CPUs products of 1,024 rows are as fast as any.

    Of the default model 3,072 cells are 140 MB.
    """
    tokens = 1024 if device.type == "cpu" else 4096
    return Limits(tokens, min(rows or tokens, tokens // 4), 3 * tokens)


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
        costs = [rows[stop] - rows[start] for start in range(stop)]
        best.append(min((best[i][0] + count * width + PASS * _passes(count, width, most), i) for i, count in enumerate(costs)))
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
