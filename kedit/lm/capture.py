"""Residual states at every token position of texts: no logits, nothing above the wanted block."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

import torch
from torch import Tensor
from transformers import DynamicCache

from kedit.lm.continuation import StopForward, call, padded_behind, shared_tokens
from kedit.lm.hooks import residual_hook
from kedit.lm.model import LanguageModel
from kedit.lm.reading import batches_by_carrier
from kedit.progress import progress

ROWS_PER_BATCH = 128


@torch.no_grad()
def capture_positions(
    lm: LanguageModel, texts: Sequence[Sequence[int]], carriers: Sequence[str], layer: int, label: str = "capturing states"
) -> Tensor:
    """States after block `layer` at every position but the first of every text (token ids) -> [n, d], float32, on the CPU.

    A first token's state is the same in every text and a hundred times as long. What the texts of one carrier begin with in
    common is read, and counted, once per batch.
    """
    found: list[Tensor] = [torch.empty(0, lm.d_model)]
    with progress(label, len(texts), "text") as advance:
        for index in batches_by_carrier(carriers, [len(row) for row in texts], ROWS_PER_BATCH):
            found += _batch(lm, [texts[i] for i in index], layer)
            advance(len(index))
    return torch.cat(found)


@torch.no_grad()
def first_states(lm: LanguageModel, tokens: Iterable[int], layer: int) -> Tensor:
    """States [n, d] after block `layer` of tokens that begin a text: in most models attention sinks, of enormous norm."""
    ids = torch.tensor(sorted(set(tokens))[:ROWS_PER_BATCH], device=lm.device)[:, None]
    return _states(lm, DynamicCache(config=lm.model.config), ids, torch.ones_like(ids), layer)[:, 0]


def _batch(lm: LanguageModel, rows: Sequence[Sequence[int]], layer: int) -> list[Tensor]:
    shared = shared_tokens(rows)
    cache = DynamicCache(config=lm.model.config)
    found = []
    if shared:
        ids = torch.tensor([list(rows[0][:shared])], device=lm.device)
        common = _states(lm, cache, ids, torch.ones_like(ids), layer)
        found.append(common[0, 1:])
        for block in cache.layers[: layer + 1]:
            block.keys, block.values = (kept.expand(len(rows), -1, -1, -1) for kept in (block.keys, block.values))
    ids, mask = padded_behind(rows, shared)
    hidden = _states(lm, cache, ids.to(lm.device), mask.to(lm.device), layer)
    wanted = mask[:, shared:].bool()
    if not shared:
        wanted &= mask.cumsum(1) > 1
    found.append(hidden[wanted])
    return found


def _states(lm: LanguageModel, cache: DynamicCache, ids: Tensor, mask: Tensor, layer: int) -> Tensor:
    """States [b, s, d] of new tokens, in float32 on the CPU; the pass ends at the wanted block."""
    kept: list[Tensor] = []

    def stop(hidden: Tensor) -> None:
        kept.append(hidden.float().cpu())
        raise StopForward

    with residual_hook(lm.blocks[layer], stop):
        with suppress(StopForward):
            call(lm.model, cache, mask, input_ids=ids)
    return kept[0]
