"""Reading prompts, each token as seldom as can be: states, and prefixes to go on from."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from kedit.lm.batching import Beginning, Limits, batches, beginnings, limits, padded, windows
from kedit.lm.continuation import Prefix, StopForward, call, empty_cache, put, room_for
from kedit.lm.hooks import residual_hook
from kedit.lm.model import LanguageModel


class Pass(NamedTuple):
    """What one forward pass over `b` rows of `s` new tokens, padded in front, leaves behind.

    places: the prompts that end with these tokens; none where it was common beginnings that were read. mask [b, T]: 1 at
    real tokens, those read before among them; hidden: block -> residual stream after it [b, s, d]; logits [b, vocab]
    of the next token, none of a pass that ended early.
    """

    places: list[int]
    mask: Tensor
    cache: DynamicCache
    hidden: dict[int, Tensor]
    logits: Tensor

    @property
    def decisions(self) -> dict[int, Tensor]:
        """Block -> states [b, d] at the last token."""
        return {layer: hidden[:, -1] for layer, hidden in self.hidden.items()}

    def prefix(self) -> Prefix:
        """The rows as prompts that have been read."""
        pairs = tuple((layer.keys, layer.values) if layer.is_initialized else None for layer in self.cache.layers)
        return Prefix(self.mask, pairs, self.decisions, self.logits)


def read_prefixes(
    lm: LanguageModel,
    prompts: Sequence[Sequence[int]],
    carriers: Sequence[str],
    layers: Sequence[int],
    *,
    upto: int | None = None,
    rows: int | None = None,
) -> Iterator[tuple[list[int], Prefix]]:
    """Read prompts (token ids) once, batch by batch: places in `prompts`, and what reading them leaves behind. As `passes`."""
    for one in passes(lm, prompts, carriers, layers, upto=upto, rows=rows):
        if one.places:
            yield one.places, one.prefix()


def read_prefix(lm: LanguageModel, prompts: Sequence[Sequence[int]], layers: Sequence[int], upto: int | None = None) -> Prefix:
    """Read prompts (token ids) in one pass, each from its beginning; `upto` as in `passes`."""
    return _run(lm, list(range(len(prompts))), prompts, layers, upto).prefix()


def passes(
    lm: LanguageModel,
    prompts: Sequence[Sequence[int]],
    carriers: Sequence[str],
    layers: Sequence[int],
    *,
    upto: int | None = None,
    rows: int | None = None,
) -> Iterator[Pass]:
    """Read prompts (token ids), keeping states after `layers`: what those of a carrier all begin with once, before the rest.

    Batches are of one length across carriers, of at most `rows`. With `upto` passes end after that block, without logits.
    """
    most = limits(lm, rows)
    for window in windows(beginnings(prompts, carriers), most.cells):
        room = yield from _read_common(lm, window, layers, upto, most)
        places = [i for one in window for i in one.members]
        known = [number for number, one in enumerate(window) for _ in one.members]
        before = [len(window[number].ids) for number in known]
        rest = [prompts[i][start:] for i, start in zip(places, before, strict=True)]
        for batch in batches(list(map(len, rest)), before, most):
            width = max(before[i] for i in batch)
            behind = _shared(lm, room, [known[i] for i in batch], width) if room is not None and width else None
            yield _run(lm, [places[i] for i in batch], [rest[i] for i in batch], layers, upto, behind)


def _read_common(
    lm: LanguageModel, window: Sequence[Beginning], layers: Sequence[int], upto: int | None, most: Limits
) -> Generator[Pass, None, Prefix | None]:
    """Read the beginnings themselves: their keys and values, a row for each; None if there are none."""
    room: Prefix | None = None
    some = [number for number, one in enumerate(window) if one.ids]
    for batch in batches([len(window[number].ids) for number in some], [0] * len(some), most):
        rows = [some[i] for i in batch]
        one = _run(lm, [], [window[number].ids for number in rows], layers, upto)
        yield one
        part = one.prefix()._replace(states={})
        room = room or room_for(part, len(window), len(window[-1].ids))
        put(room, rows, part)
    return room


def _shared(lm: LanguageModel, room: Prefix, rows: Sequence[int], width: int) -> tuple[DynamicCache, Tensor]:
    """A cache whose rows are those of `room`, in its last `width` columns, and their mask."""
    index = torch.tensor(rows, device=room.mask.device)
    cache = empty_cache(lm)
    for block, pair in enumerate(room.cache):
        if pair is not None:
            keys, values = pair
            cache.layers[block] = _SharedLayer(keys[:, :, -width:], values[:, :, -width:], index)
    return cache, room.mask[index, -width:]


class _SharedLayer(DynamicLayer):
    """Keys and values [n, heads, T, head_dim] of a few beginnings, dealt out to the rows that have them.

    Only when the block is reached: a pass that ends early copies none for the blocks above.
    """

    def __init__(self, keys: Tensor, values: Tensor, rows: Tensor) -> None:
        super().__init__()
        self.lazy_initialization(keys, values)
        self.keys, self.values = keys, values
        self._rows: Tensor | None = rows

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        if self._rows is not None:
            self.keys, self.values, self._rows = self.keys[self._rows], self.values[self._rows], None
        return super().update(key_states, value_states, *args, **kwargs)


@torch.no_grad()
def _run(
    lm: LanguageModel,
    places: list[int],
    rows: Sequence[Sequence[int]],
    layers: Sequence[int],
    upto: int | None,
    behind: tuple[DynamicCache, Tensor] | None = None,
) -> Pass:
    """One pass over token ids, behind what has been read of each row."""
    ids, mask = (tensor.to(lm.device) for tensor in padded(rows))
    cache = empty_cache(lm)
    if behind is not None:
        cache, mask = behind[0], torch.cat([behind[1], mask], dim=1)
    hidden: dict[int, Tensor] = {}
    logits = torch.empty(0, 1, 1, device=lm.device)
    with ExitStack() as stack:
        for layer in layers:
            stack.enter_context(residual_hook(lm.blocks[layer], partial(_keep, hidden, layer)))
        if upto is not None:
            stack.enter_context(residual_hook(lm.blocks[upto], _stop))
        with suppress(StopForward):
            # An index rather than a count: a slice of the last column would go through a batched product, several times slower.
            logits = call(lm.model, cache, mask, input_ids=ids, logits_to_keep=torch.tensor([ids.shape[1] - 1]))
    return Pass(places, mask, cache, hidden, logits[:, -1])


def _keep(kept: dict[int, Tensor], layer: int, hidden: Tensor) -> None:
    kept[layer] = hidden


def _stop(_hidden: Tensor) -> None:
    raise StopForward
