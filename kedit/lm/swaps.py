"""Training data for the control loss: prompts read once, swap answers teacher-forced on the cached continuation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from kedit.lm.continuation import Continuation, Prefix, answer_states, put, room_for
from kedit.lm.model import LanguageModel
from kedit.lm.prefixes import read_prefixes
from kedit.progress import progress

POOL = 16
"""Batches that are sorted by answer length together."""


@runtime_checkable
class Readable(Protocol):
    """A prompt, or its beginning up to where it is edited."""

    @property
    def text(self) -> str: ...
    @property
    def carrier(self) -> str: ...


class Swap(NamedTuple):
    """One training example: prompt (index), relation slots from and to, and the answer's token ids.

    before: tokens between the edited position, where the prompt that was given ends, and the answer.
    """

    prompt: int
    source: int
    target: int
    answer: tuple[int, ...]
    before: tuple[int, ...] = ()

    @property
    def forced(self) -> tuple[int, ...]:
        """All that follows the edited position."""
        return self.before + self.answer


class SwapBatch(NamedTuple):
    """Satisfies `sae.control.ControlBatch`: states in float32 on the CPU, where dictionary and edits are; logits by the model."""

    x: Tensor
    source: Tensor
    target: Tensor
    answers: Tensor
    logits: Callable[..., Tensor]


class SwapData:
    """All swaps of a training set on one hook point.

    Memory: keys and values of the blocks above `layer` for every prompt, and d floats per token after the edited position.
    """

    def __init__(self, lm: LanguageModel, layer: int, prompts: Sequence[Readable], swaps: Sequence[Swap]) -> None:
        self._continuation = Continuation(lm, layer)
        ids = lm.encode_batch([prompt.text for prompt in prompts])
        by_prompt: dict[int, list[int]] = {}
        for number, swap in enumerate(swaps):
            by_prompt.setdefault(swap.prompt, []).append(number)
        used = sorted(by_prompt)
        width = max(len(swap.forced) for swap in swaps)
        room: Prefix | None = None
        texts = [ids[i] for i in used]
        self._tail = torch.zeros(len(swaps), width - 1, lm.d_model)
        with progress("caching swaps", len(used), "prompt") as advance:
            for index, prefix in read_prefixes(lm, texts, [prompts[i].carrier for i in used], [layer]):
                flat = [(row, number) for row, i in enumerate(index) for number in by_prompt[used[i]]]
                _put_tails(self._tail, lm, layer, prefix, [(row, number, swaps[number].forced) for row, number in flat])
                kept = prefix.drop_below(layer)
                room = room or room_for(kept, len(used), max(map(len, texts)))
                put(room, index, kept)
                advance(len(index))
        if room is None:
            raise ValueError("no swaps to train on")
        self._prefix = room
        place = {prompt: row for row, prompt in enumerate(used)}
        self._row = torch.tensor([place[swap.prompt] for swap in swaps])
        self._source = torch.tensor([swap.source for swap in swaps])
        self._target = torch.tensor([swap.target for swap in swaps])
        self._answers = _padded([(-100,) * len(swap.before) + swap.answer for swap in swaps], width)
        self._length = torch.tensor([len(swap.forced) for swap in swaps])
        self._layer = layer

    def __len__(self) -> int:
        return len(self._row)

    @property
    def answer_tokens(self) -> int:
        """Tokens after the edited position that another one is read after, at most."""
        return self._tail.shape[1]

    def part(self, wanted: range) -> SwapData:
        """Only the swaps with these places in the sequence that this was made from; shares the cache."""
        view = copy(self)
        for name in ("_tail", "_row", "_source", "_target", "_answers", "_length"):
            setattr(view, name, getattr(self, name)[wanted.start : wanted.stop])
        return view

    def batches(self, size: int, generator: torch.Generator) -> Iterator[SwapBatch]:
        """Endless batches of `size` swaps, every swap once before any comes again (but for the last few).

        Batches of one pool hold answers of like length: a batch costs as much as its longest answer.
        """
        while True:
            order = torch.randperm(len(self), generator=generator)
            for pool in order[: len(order) // size * size].split(size * POOL):
                batches = pool[self._length[pool].argsort(stable=True)].split(size)
                for index in torch.randperm(len(batches), generator=generator).tolist():
                    yield self.batch(batches[index])

    def batch(self, pick: Tensor) -> SwapBatch:
        """The swaps at `pick`."""
        width = int(self._length[pick].max())
        prefix = self._prefix.rows(self._row[pick])
        tail = self._tail[pick, : width - 1] if width > 1 else None

        state = prefix.states[self._layer]

        def logits(x: Tensor, answer: Tensor | None = None) -> Tensor:
            told = tail if tail is None or answer is None else tail + answer[:, _rows(tail.shape[1], answer.shape[1])]
            return self._continuation.logits(prefix, x.to(state), None if told is None else told.to(state))

        return SwapBatch(state.float().cpu(), self._source[pick], self._target[pick], self._answers[pick, :width], logits)


def _rows(tokens: int, rows: int) -> Tensor:
    """Which of an answer's rows each of its tokens gets: its own, later ones the last."""
    return torch.arange(tokens).clamp_max(rows - 1)


def _padded(answers: Sequence[Sequence[int]], width: int) -> Tensor:
    padded = torch.full((len(answers), width), -100)
    for i, answer in enumerate(answers):
        padded[i, : len(answer)] = torch.tensor(answer)
    return padded


def _put_tails(
    tails: Tensor, lm: LanguageModel, layer: int, prefix: Prefix, flat: Sequence[tuple[int, int, tuple[int, ...]]]
) -> None:
    """Write states after block `layer` at all but the last forced token into `tails` [swaps, width - 1, d].

    flat: row of `prefix`, number of the swap, forced tokens.
    """
    longer = sorted((one for one in flat if len(one[2]) > 1), key=lambda one: len(one[2]))
    for start in range(0, len(longer), 256):
        part = longer[start : start + 256]
        most = len(part[-1][2]) - 1
        forced = _padded([ids[:-1] for _, _, ids in part], most).clamp_min(0).to(lm.device)
        rows = torch.tensor([row for row, _, _ in part], device=lm.device)
        states = answer_states(lm, prefix.rows(rows), forced, layer).float().cpu()
        tails[[number for _, number, _ in part], :most] = states
