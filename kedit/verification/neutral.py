"""Drift on neutral text: KL(base || edited) of the next token, each prefix of a sentence treated as a prompt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from kedit.curriculum.neutral import eval_sentences
from kedit.curriculum.splits import unit_hash
from kedit.lm.continuation import Prefix, put, room_for
from kedit.lm.hooks import residual_hook
from kedit.progress import progress
from kedit.verification.applying import Applied, Scopes, edit_states
from kedit.verification.setting import Setting

SENTENCES_PER_BATCH = 8


class Position(NamedTuple):
    """A token of a sentence that is treated as the end of a prompt, and the edits that are applied there."""

    sentence: int
    token: int
    work: int


class Drifts(NamedTuple):
    """KL per position [N] in nats, as scoped and forced; which sentence each belongs to; whether edits fired there."""

    scoped: list[float]
    forced: list[float]
    sentences: list[str]
    fired: list[bool]


def kl(base: Tensor, edited: Tensor) -> Tensor:
    """KL(base || edited) [n] in nats from next-token logits [n, V]; rounding below 0 is cut off."""
    p, q = base.float().log_softmax(-1), edited.float().log_softmax(-1)
    return (p.exp() * (p - q)).sum(-1).clamp_min(0)


def neutral_drift(
    setting: Setting, works: Sequence[Applied], *, n: int, seed: int = 0, sentences: Sequence[str] | None = None
) -> Drifts:
    """Drift at `n` positions of our own evaluation text (all there are, if fewer), each under one of `works` chosen by hash.

    The first token of a sentence is left out: its state is the same in every text and many times as long as any other.
    One forward pass per sentence; a prefix is that pass's keys and values under a shorter mask.
    """
    ids = setting.lm.encode_batch(list(eval_sentences() if sentences is None else sentences))
    chosen = _positions(ids, n, seed, len(works))
    found = Drifts([], [], [], [])
    scopes = Scopes(setting)
    with progress("drift on neutral text", len(chosen), "sentence") as advance:
        for prefix, positions in _read(setting, ids, chosen):
            covered = [scopes.covered(works[p.work].edits, [_beginning(setting, ids, p)])[0] for p in positions]
            scoped, forced, fired = drift_at(setting, prefix, works, [p.work for p in positions], covered)
            found.scoped.extend(scoped)
            found.forced.extend(forced)
            found.fired.extend(fired)
            found.sentences.extend(str(p.sentence) for p in positions)
            advance(1)
    return found


class NeutralText:
    """`n` positions of some sentences, read once, when they are first needed: what moving their states costs."""

    def __init__(self, setting: Setting, *, n: int, seed: int = 0, sentences: Sequence[str]) -> None:
        self._setting, self._n, self._seed, self._sentences = setting, n, seed, sentences

    @cached_property
    def _prefix(self) -> Prefix | None:
        """All positions as the ends of one batch of prompts: many small batches would each pay for all the weights."""
        ids = self._setting.lm.encode_batch(list(self._sentences))
        read = _read(self._setting, ids, _positions(ids, self._n, self._seed, 1))
        parts = [prefix.drop_below(self._setting.sae.layer) for prefix, _ in read]
        if not parts:
            return None
        room = room_for(parts[0], sum(len(part.mask) for part in parts), max(part.mask.shape[1] for part in parts))
        first = 0
        for part in parts:
            put(room, range(first, first + len(part.mask)), part)
            first += len(part.mask)
        return room._replace(logits=torch.cat([part.logits for part in parts]))

    @torch.no_grad()
    def costs(self, movers: Sequence[Callable[[Tensor], Tensor]]) -> list[float | None]:
        """Mean KL in nats under each of `movers`: states [b, d] -> states [b, d]; None where there is no position."""
        if self._prefix is None:
            return [None for _ in movers]
        state = self._prefix.states[self._setting.sae.layer]
        x = state.float().cpu()
        found: list[float | None] = []
        for mover in movers:
            logits = self._setting.continuation.logits(self._prefix, mover(x).to(state))[:, -1]
            found.append(kl(self._prefix.logits, logits).mean().item())
        return found


def _positions(ids: Sequence[Sequence[int]], n: int, seed: int, works: int) -> dict[int, list[Position]]:
    """Sentence -> its positions among the `n` that come first by hash, each under one of so many works."""
    everywhere = [(i, token) for i, row in enumerate(ids) for token in range(1, len(row))]
    everywhere.sort(key=lambda place: unit_hash("neutral position", seed, *place))
    chosen: dict[int, list[Position]] = defaultdict(list)
    for i, token in everywhere[:n]:
        chosen[i].append(Position(i, token, int(unit_hash("neutral edit", seed, i, token) * works)))
    return chosen


def _read(
    setting: Setting, ids: Sequence[Sequence[int]], chosen: Mapping[int, list[Position]]
) -> Iterator[tuple[Prefix, list[Position]]]:
    """Each sentence's prefixes up to its positions; sentences of like length are read together."""
    order = sorted(chosen, key=lambda i: len(ids[i]))
    for start in range(0, len(order), SENTENCES_PER_BATCH):
        part = order[start : start + SENTENCES_PER_BATCH]
        yield from _prefixes(setting, [ids[i] for i in part], [sorted(chosen[i]) for i in part])


def _beginning(setting: Setting, ids: Sequence[Sequence[int]], position: Position) -> str:
    return setting.lm.decode(ids[position.sentence][: position.token + 1])


@torch.no_grad()
def drift_at(
    setting: Setting, prefix: Prefix, works: Sequence[Applied], which: Sequence[int], covered: Sequence[Tensor]
) -> tuple[list[float], list[float], list[bool]]:
    """KL as scoped and forced, and where edits fired, for the prompts of a prefix; row i is under `works[which[i]]`.

    As scoped it is exactly 0 where nothing fires.
    """
    layer = setting.sae.layer
    x = prefix.states[layer].float().cpu()
    scoped, forced = x.clone(), x.clone()
    fired = torch.zeros(len(x), dtype=torch.bool)
    for number in sorted(set(which)):
        rows = [i for i, other in enumerate(which) if other == number]
        work = works[number]
        made = edit_states(setting, work, x[rows], torch.stack([covered[i] for i in rows]))
        scoped[rows], fired[rows] = made.x, made.any
        forced[rows] = edit_states(setting, work.forced(), x[rows]).x

    def drift(rows: Tensor, states: Tensor) -> Tensor:
        part = prefix.rows(rows.to(prefix.mask.device))
        logits = setting.continuation.logits(part, states[rows].to(part.states[layer]))[:, -1]
        return kl(part.logits, logits).cpu()

    everywhere = drift(torch.arange(len(x)), forced)
    gated = torch.where(fired, everywhere, torch.zeros(()))
    other = (fired & (scoped != forced).any(1)).nonzero()[:, 0]
    if len(other):
        gated[other] = drift(other, scoped)
    return gated.tolist(), everywhere.tolist(), fired.tolist()


def _prefixes(
    setting: Setting, rows: Sequence[Sequence[int]], positions: Sequence[Sequence[Position]]
) -> Iterator[tuple[Prefix, list[Position]]]:
    """Sentences read at once, and from that each one's prefixes up to the wanted positions."""
    lm, layer = setting.lm, setting.sae.layer
    width = max(map(len, rows))
    pads = [width - len(row) for row in rows]
    ids = torch.tensor([[0] * pad + list(row) for pad, row in zip(pads, rows, strict=True)], device=lm.device)
    mask = torch.tensor([[0] * pad + [1] * len(row) for pad, row in zip(pads, rows, strict=True)], device=lm.device)
    kept: list[Tensor] = []
    with torch.no_grad(), residual_hook(lm.blocks[layer], _keep(kept)):
        places = (mask.cumsum(1) - 1).clamp_min(0)
        output = lm.model(input_ids=ids, attention_mask=mask, position_ids=places, use_cache=True)
    for row, (pad, wanted) in enumerate(zip(pads, positions, strict=True)):
        columns = torch.tensor([pad + position.token for position in wanted], device=lm.device)
        # Keys and values carry their positions; what stands behind a prefix is masked, and its own last token comes anew.
        before = mask[row] * (torch.arange(width, device=lm.device) < columns[:, None]).long()
        cache = tuple(
            None if block <= layer else (_spread(pair.keys[row], len(wanted)), _spread(pair.values[row], len(wanted)))
            for block, pair in enumerate(output.past_key_values.layers)
        )
        states = {layer: kept[0][row, columns]}
        yield Prefix(F.pad(before, (0, 1), value=1), cache, states, output.logits[row, columns]), list(wanted)


def _spread(one: Tensor, count: int) -> Tensor:
    """[heads, T, h] -> [count, heads, T + 1, h] without copying per row; the last column stands for the decision position."""
    return F.pad(one, (0, 0, 0, 1)).expand(count, -1, -1, -1)


def _keep(kept: list[Tensor]) -> Callable[[Tensor], None]:
    def keep(hidden: Tensor) -> None:
        kept.append(hidden)

    return keep
