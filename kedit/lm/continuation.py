"""The cached continuation path: read a prompt once, then run only what an edit at its decision position changes.

An edit after block L at the last prompt token leaves every key and value of the earlier positions as they are,
and those of the decision position in blocks 0..L. So a prompt is read once (`lm.prefixes`); an edited run costs one
token through blocks L+1.. and then the answer's own tokens.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer

from kedit.lm.hooks import residual_hook
from kedit.lm.model import LanguageModel

KeysValues = tuple[Tensor, Tensor]


class Prefix(NamedTuple):
    """What reading `b` prompts leaves behind, aligned so that the decision position is the last of `T` columns.

    mask [b, T]: 1 at real tokens; cache: per block keys and values [b, heads, T, head_dim] (None where dropped to save
    memory); states: block -> residual stream after it at the decision position [b, d]; logits [b, vocab] of the next token.
    """

    mask: Tensor
    cache: tuple[KeysValues | None, ...]
    states: dict[int, Tensor]
    logits: Tensor

    def rows(self, index: Tensor) -> Prefix:
        """The prompts at `index`, which may repeat; nothing is copied where it is all of them in their order."""
        if len(index) == len(self.mask) and torch.equal(index, torch.arange(len(index), device=index.device)):
            return self
        cache = tuple(pair and (pair[0][index], pair[1][index]) for pair in self.cache)
        states = {layer: state[index] for layer, state in self.states.items()}
        logits = self.logits[index] if len(self.logits) else self.logits
        return Prefix(self.mask[index], cache, states, logits)

    def drop_below(self, layer: int) -> Prefix:
        """Forget keys and values of blocks 0..`layer` (never of the last); enough for teacher-forced runs of blocks above."""
        first = min(layer + 1, len(self.cache) - 1)
        return self._replace(cache=(None,) * first + self.cache[first:])


def room_for(like: Prefix, rows: int, width: int) -> Prefix:
    """An empty prefix of `rows` prompts of at most `width` tokens, for `put`; blocks and dtypes as in `like`."""

    def empty(tensor: Tensor, *shape: int) -> Tensor:
        return tensor.new_zeros(rows, *shape)

    def empty_like(part: Tensor) -> Tensor:
        return empty(part, part.shape[1], width, part.shape[3])

    cache = tuple(pair and (empty_like(pair[0]), empty_like(pair[1])) for pair in like.cache)
    states = {layer: empty(state, *state.shape[1:]) for layer, state in like.states.items()}
    return Prefix(empty(like.mask, width), cache, states, like.logits[:0])


def put(room: Prefix, rows: Sequence[int], part: Prefix) -> None:
    """Write the prompts of `part` into these rows of `room`, padded in front alone; `logits` are not kept."""
    at = torch.tensor(rows, device=room.mask.device)
    width = min(room.mask.shape[1], part.mask.shape[1])
    # Rows that were padded behind what they share with others have holes: real columns move to the end.
    columns = part.mask.argsort(dim=1, stable=True)[:, -width:]
    room.mask[at, -width:] = part.mask.gather(1, columns)
    for kept, pair in zip(room.cache, part.cache, strict=True):
        if kept is not None and pair is not None:
            for whole, some in zip(kept, pair, strict=True):
                whole[at, :, -width:] = some.take_along_dim(columns[:, None, :, None], dim=2)
    for layer, state in part.states.items():
        room.states[layer][at] = state


class Held(NamedTuple):
    """What goes on after an edit: at the first `tokens` tokens of each answer a row of `delta` [b, T, d] is added after `layer`.

    Token i gets row i, later ones the last.
    """

    layer: int
    delta: Tensor
    tokens: int


class StopForward(Exception):
    """Ends a forward pass after the deepest wanted block."""


def call(model: nn.Module, cache: Cache, mask: Tensor, **inputs: Any) -> Tensor:
    """Logits of new tokens behind a cache; `mask` [b, T] covers cache and new tokens and sets their positions."""
    new = next(iter(inputs.values())).shape[1]
    positions = (mask.cumsum(1) - 1).clamp_min(0)[:, -new:]
    return model(**inputs, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True).logits


def _longer(mask: Tensor, by: int) -> Tensor:
    return torch.cat([mask, mask.new_ones(len(mask), by)], dim=1)


@torch.no_grad()
def answer_states(lm: LanguageModel, prefix: Prefix, answers: Tensor, layer: int) -> Tensor:
    """Residual stream after block `layer` at teacher-forced answer tokens `answers` [b, A] -> [b, A, d].

    No edit at the decision position after that block can change it, so it is computed once.
    """
    return _states_of(lm, _cache(prefix.cache, lm), prefix.mask, answers, layer)


def _states_of(lm: LanguageModel, cache: DynamicCache, mask: Tensor, ids: Tensor, layer: int) -> Tensor:
    """Residual stream [b, n, d] after block `layer` at tokens [b, n] behind a cache, which gets their keys up to that block."""
    kept: dict[int, Tensor] = {}

    def stop(hidden: Tensor) -> None:
        kept[layer] = hidden
        raise StopForward

    with residual_hook(lm.blocks[layer], stop), suppress(StopForward):
        call(lm.model, cache, _longer(mask, ids.shape[1]), input_ids=ids)
    return kept[layer]


def empty_cache(lm: LanguageModel) -> DynamicCache:
    """A cache that keeps every key, also in blocks that look back a limited way.

    A window's own layer counts what it was given, and so cannot be filled with stored keys. Windows count padding, too:
    they are to be wider than the prompts, as they are.
    """
    cache = DynamicCache()
    cache.layers = [DynamicLayer() for _ in lm.blocks]
    return cache


def _cache(pairs: Sequence[KeysValues | None], lm: LanguageModel, drop_last: bool = False) -> DynamicCache:
    """A cache over (views of) stored keys and values; updates make new tensors, so the stored ones stay as they are."""
    cache = empty_cache(lm)
    some = next(pair for pair in reversed(pairs) if pair is not None)
    for layer, pair in zip(cache.layers, pairs, strict=True):
        keys, values = pair if pair is not None else (some[0][:, :1, :, :1], some[1][:, :1, :, :1])
        layer.lazy_initialization(keys, values)
        layer.keys, layer.values = (keys[..., :-1, :], values[..., :-1, :]) if drop_last else (keys, values)
    return cache


def replay(prefix: Prefix, lm: LanguageModel) -> DynamicCache:
    """A cache of everything before the decision token, which is to be computed anew."""
    return _cache(prefix.cache, lm, drop_last=True)


class _Inject(nn.Module):
    """Stands where a block stood and answers with given hidden states."""

    def __init__(self, as_tuple: bool) -> None:
        super().__init__()
        self.as_tuple = as_tuple
        self.value: Tensor | None = None

    def forward(self, *_: Any, **__: Any) -> Any:
        return (self.value,) if self.as_tuple else self.value


class Continuation:
    """The frozen model above block `layer`: hidden states in, next-token logits out.

    It shares all parameters with the model and changes nothing in it: the module path down to the list of blocks is
    copied shallowly, and the blocks at and below `layer` are replaced, in the copy, by one that hands out given states.
    """

    def __init__(self, lm: LanguageModel, layer: int) -> None:
        self.lm = lm
        self.layer = layer
        self._inject = _Inject(_returns_tuple(lm, layer))
        self._upper = _shallow(lm.model, lm.blocks_path.split("."))
        blocks = nn.ModuleList([self._inject] * (layer + 1) + list(lm.blocks[layer + 1 :]))
        _replace(self._upper, lm.blocks_path.split("."), blocks)

    def logits(self, prefix: Prefix, x: Tensor, tail: Tensor | None = None) -> Tensor:
        """Next-token logits [b, 1 + A, vocab] with `x` [b, d] as the decision state and `tail` [b, A, d] after it.

        Differentiable in `x`. `tail` are `answer_states` of teacher-forced answer tokens.
        """
        hidden = x[:, None] if tail is None else torch.cat([x[:, None], tail], dim=1)
        mask = _longer(prefix.mask, hidden.shape[1] - 1)
        return self._run(_cache(prefix.cache, self.lm, drop_last=True), mask, hidden)

    def _run(self, cache: DynamicCache, mask: Tensor, hidden: Tensor) -> Tensor:
        self._inject.value = hidden
        try:
            return call(self._upper, cache, mask, inputs_embeds=hidden.detach())
        finally:
            self._inject.value = None

    @torch.no_grad()
    def greedy(
        self,
        prefix: Prefix,
        x: Tensor,
        done: Callable[[int, str], bool],
        limit: int,
        held: Held | None = None,
        rest: Tensor | None = None,
    ) -> list[list[int]]:
        """Greedy answers after the decision state `x` [b, d]: token ids per row.

        A row ends when `done(row, text so far)` says so, at an end-of-text token, or after `limit` tokens. `held`: the edit also
        works on the answer's own tokens. `rest` [b, r]: tokens of the prompt that stand behind the edited position.
        """
        assert None not in prefix.cache[: self.layer + 1], "greedy continuation needs keys and values of all blocks"
        below, hidden, mask = _cache(prefix.cache, self.lm), x[:, None], prefix.mask
        if rest is not None and rest.shape[1]:
            hidden = torch.cat([hidden, _states_of(self.lm, below, mask, rest, self.layer)], dim=1)
            mask = _longer(mask, rest.shape[1])
        cache = _cache(prefix.cache, self.lm, drop_last=True)
        first = self._run(cache, mask, hidden)[:, -1].argmax(-1)
        cache.layers[: self.layer + 1] = below.layers[: self.layer + 1]
        return greedy_from(self.lm, cache, mask, first, done, limit, held)


@torch.no_grad()
def greedy_base(lm: LanguageModel, prefix: Prefix, done: Callable[[int, str], bool], limit: int) -> list[list[int]]:
    """Greedy answers of the unedited model: token ids per row; `done` and `limit` as in `Continuation.greedy`."""
    return greedy_from(lm, _cache(prefix.cache, lm), prefix.mask, prefix.logits.argmax(-1), done, limit)


def greedy_from(
    lm: LanguageModel,
    cache: DynamicCache,
    mask: Tensor,
    tokens: Tensor,
    done: Callable[[int, str], bool],
    limit: int,
    held: Held | None = None,
) -> list[list[int]]:
    """Go on greedily from first answer tokens [b] and a cache of all that stands before them; finished rows leave the batch."""
    answers: list[list[int]] = [[] for _ in range(len(tokens))]
    active = torch.arange(len(tokens), device=tokens.device)
    for step in range(limit):
        going = []
        for position, (row, token) in enumerate(zip(active.tolist(), tokens.tolist(), strict=True)):
            if token in lm.stop_tokens:
                continue
            answers[row].append(token)
            if not done(row, lm.decode(answers[row])):
                going.append(position)
        if not going or step == limit - 1:
            break
        if len(going) < len(active):
            keep = torch.tensor(going, device=tokens.device)
            active, tokens, mask = active[keep], tokens[keep], mask[keep]
            cache.batch_select_indices(keep)
        mask = _longer(mask, 1)
        with _holding(lm, held, active, step):
            tokens = call(lm.model, cache, mask, input_ids=tokens[:, None])[:, -1].argmax(-1)
    return answers


def _holding(lm: LanguageModel, held: Held | None, rows: Tensor, step: int) -> AbstractContextManager[None]:
    """The hook under which the answers `rows` read their token number `step`."""
    if held is None or step >= held.tokens:
        return nullcontext()
    added = held.delta[rows, min(step, held.delta.shape[1] - 1)][:, None]
    return residual_hook(lm.blocks[held.layer], lambda hidden: hidden + added)


def _returns_tuple(lm: LanguageModel, layer: int) -> bool:
    seen: list[bool] = []
    handle = lm.blocks[layer].register_forward_hook(lambda *call: seen.append(isinstance(call[-1], tuple)))
    try:
        with torch.no_grad():
            one = torch.zeros(1, 1, dtype=torch.long, device=lm.device)
            lm.model(input_ids=one, attention_mask=torch.ones_like(one))
    finally:
        handle.remove()
    return seen[0]


def _shallow(module: nn.Module, path: Sequence[str]) -> nn.Module:
    """A copy of `module` with its own table of children along `path`; everything else is shared."""
    twin = copy.copy(module)
    twin._modules = dict(module._modules)
    if len(path) > 1:
        twin._modules[path[0]] = _shallow(getattr(module, path[0]), path[1:])
    return twin


def _replace(module: nn.Module, path: Sequence[str], child: nn.Module) -> None:
    for name in path[:-1]:
        module = module._modules[name]  # type: ignore[assignment]
    module._modules[path[-1]] = child
