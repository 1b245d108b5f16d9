"""Residual states of texts: no logits, nothing above the deepest wanted block, what a carrier's texts share read once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import partial

import torch
from torch import Tensor
from transformers import DynamicCache

from kedit.lm.continuation import StopForward, call, padded_behind, shared_tokens
from kedit.lm.hooks import residual_hook
from kedit.lm.model import LanguageModel
from kedit.lm.reading import batches_by_carrier
from kedit.progress import progress

ROWS_PER_BATCH = 128


def capture_decisions(
    lm: LanguageModel,
    texts: Sequence[Sequence[int]],
    carriers: Sequence[str],
    layers: Sequence[int],
    label: str = "capturing states",
) -> dict[int, Tensor]:
    """States after each of `layers` at the last token of every text (token ids): layer -> [n, d], float32, on the CPU."""
    found = {layer: torch.empty(len(texts), lm.d_model) for layer in layers}
    for index, states in decision_states(lm, texts, carriers, layers, label):
        for layer, state in states.items():
            found[layer][index] = state
    return found


@torch.no_grad()
def decision_states(
    lm: LanguageModel,
    texts: Sequence[Sequence[int]],
    carriers: Sequence[str],
    layers: Sequence[int],
    label: str = "capturing states",
) -> Iterator[tuple[list[int], dict[int, Tensor]]]:
    """Batch by batch: places in `texts`, and layer -> states [b, d] at their last tokens; nothing is kept."""
    with progress(label, len(texts), "text") as advance:
        for index in batches_by_carrier(carriers, [len(row) for row in texts], ROWS_PER_BATCH):
            rows = [texts[i] for i in index]
            shared = shared_tokens(rows)
            cache = DynamicCache(config=lm.model.config)
            if shared:
                ids = torch.tensor([list(rows[0][:shared])], device=lm.device)
                _states(lm, cache, ids, torch.ones_like(ids), layers)
                _share(cache, len(rows), max(layers))
            ids, mask = padded_behind(rows, shared)
            hidden = _states(lm, cache, ids.to(lm.device), mask.to(lm.device), layers)
            yield index, {layer: state[:, -1].float().cpu() for layer, state in hidden.items()}
            advance(len(index))


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
    return _at_every_token(lm, DynamicCache(config=lm.model.config), ids, torch.ones_like(ids), layer)[:, 0]


def _batch(lm: LanguageModel, rows: Sequence[Sequence[int]], layer: int) -> list[Tensor]:
    shared = shared_tokens(rows)
    cache = DynamicCache(config=lm.model.config)
    found = []
    if shared:
        ids = torch.tensor([list(rows[0][:shared])], device=lm.device)
        common = _at_every_token(lm, cache, ids, torch.ones_like(ids), layer)
        found.append(common[0, 1:])
        _share(cache, len(rows), layer)
    ids, mask = padded_behind(rows, shared)
    hidden = _at_every_token(lm, cache, ids.to(lm.device), mask.to(lm.device), layer)
    wanted = mask[:, shared:].bool()
    if not shared:
        wanted &= mask.cumsum(1) > 1
    found.append(hidden[wanted])
    return found


def _share(cache: DynamicCache, rows: int, layer: int) -> None:
    """Let every row see what has been read for one of them."""
    for block in cache.layers[: layer + 1]:
        block.keys, block.values = (kept.expand(rows, -1, -1, -1) for kept in (block.keys, block.values))


def _at_every_token(lm: LanguageModel, cache: DynamicCache, ids: Tensor, mask: Tensor, layer: int) -> Tensor:
    """States [b, s, d] of new tokens after one block, in float32 on the CPU."""
    return _states(lm, cache, ids, mask, (layer,))[layer].float().cpu()


def _states(lm: LanguageModel, cache: DynamicCache, ids: Tensor, mask: Tensor, layers: Sequence[int]) -> dict[int, Tensor]:
    """States [b, s, d] of new tokens after each of `layers`; the pass ends at the deepest of them."""
    kept: dict[int, Tensor] = {}
    with ExitStack() as stack:
        for layer in layers:
            stack.enter_context(residual_hook(lm.blocks[layer], partial(_keep, kept, layer, layer == max(layers))))
        with suppress(StopForward):
            call(lm.model, cache, mask, input_ids=ids)
    return kept


def _keep(kept: dict[int, Tensor], layer: int, last: bool, hidden: Tensor) -> None:
    kept[layer] = hidden
    if last:
        raise StopForward
