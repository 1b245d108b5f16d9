"""Residual states of any number of prompts in constant memory: captured window by window to files, read from their maps."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

import torch
from safetensors import safe_open
from torch import Tensor

from kedit.curriculum.prompts import PromptSet
from kedit.errors import InputError, KeditError
from kedit.lm import shards
from kedit.lm.capture import decision_states
from kedit.lm.model import LanguageModel, hook_point, parse_hook_point
from kedit.lm.shards import WINDOW, Plan, Shard, new_part
from kedit.locks import DirectoryLock
from kedit.machine import sensible_threads

_DTYPES: Final[dict[torch.dtype, shards.Dtype]] = {torch.bfloat16: "bfloat16", torch.float16: "float16"}
ENCODED_AT_ONCE = 1024
"""What a tokenizer makes of a text beside its ids takes many times as much memory."""


class Captured(NamedTuple):
    """Numbers of the parts that a shard made now, and that it found made."""

    made: tuple[int, ...]
    kept: tuple[int, ...]


class Capture:
    """States at the last token of every prompt, after each of `layers`, to a folder.

    `prompts`: (text, carrier), gone through twice and never held; texts of one carrier share their beginning. Windows of them
    are cut, and batched, without regard to shards. `threads`: by default those that the folder was begun with. InputError for
    a folder of another plan, a block that the model has not, and where there are no prompts.
    """

    def __init__(
        self,
        lm: LanguageModel,
        prompts: Iterable[tuple[str, str]],
        folder: Path,
        layers: Sequence[int],
        *,
        window: int = WINDOW,
        threads: int | None = None,
    ) -> None:
        self.lm, self.folder = lm, folder
        self.layers = _checked(lm, layers)
        self._prompts = prompts
        digests = [(count, sha) for count, _, sha in _windows(prompts, window)]
        if not digests:
            raise InputError("there are no prompts to capture states of")
        if threads is None and (folder / shards.PLAN).is_file():
            threads = shards.read_plan(folder).threads
        self._digests = [sha for _, sha in digests]
        self.plan = Plan(
            schema="kedit.activations/1",
            fingerprint=lm.fingerprint,
            hook_points=[hook_point(layer) for layer in self.layers],
            dtype=_DTYPES.get(lm.dtype, "float32"),
            d=lm.d_model,
            n=sum(count for count, _ in digests),
            prompts=self._digests[-1],
            window=window,
            threads=threads or min(torch.get_num_threads(), sensible_threads()),
            device=lm.device.type,
        )
        shards.claim(folder, self.plan)

    def run(self, shard: Shard = (1, 1)) -> Captured:
        """Make the parts of one shard that are not made yet; interrupted, those that were finished stay."""
        mine, made = self.plan.mine(shard), []
        lock = DirectoryLock(self.folder, f".shard-{shard[0]}-of-{shard[1]}.lock")
        try:
            shards.sweep(self.folder, mine)
            wanted = {part for part in mine if not shards.is_whole(self.folder, self.plan, part)}
            with _threads(self.plan.threads):
                for part, (_, window, sha) in enumerate(_windows(self._prompts, self.plan.window) if wanted else ()):
                    if part >= self.plan.parts or sha != self._digests[part]:
                        raise KeditError("the prompts were others when they were gone through again")
                    if part in wanted:
                        self._make(part, window)
                        made.append(part)
        finally:
            lock.release()
        if len(made) < len(wanted):
            raise KeditError("there were fewer prompts when they were gone through again")
        return Captured(tuple(made), tuple(part for part in mine if part not in wanted))

    def _make(self, part: int, window: Sequence[tuple[str, str]]) -> None:
        ids: list[list[int]] = []
        for start in range(0, len(window), ENCODED_AT_ONCE):
            ids += self.lm.encode_batch([text for text, _ in window[start : start + ENCODED_AT_ONCE]])
        carriers = [carrier for _, carrier in window]
        label = f"capturing part {part + 1} of {self.plan.parts}"
        with new_part(self.folder, self.plan, part) as out:
            for places, states in decision_states(self.lm, ids, carriers, self.layers, label=label):
                for layer, state in states.items():
                    rows = state.to(getattr(torch, self.plan.dtype)).contiguous().view(torch.uint8).numpy()
                    for place, row in zip(places, rows, strict=True):
                        out.write(hook_point(layer), place, row.data)


def _checked(lm: LanguageModel, layers: Sequence[int]) -> tuple[int, ...]:
    if not layers or not all(0 <= layer < lm.n_layers for layer in layers):
        shown = ", ".join(map(str, layers)) or "none"
        raise InputError(f"--layers {shown}: {lm.name} has blocks 0 to {lm.n_layers - 1}", advice="Choose one or more of these.")
    return tuple(sorted(set(layers)))


def _windows(prompts: Iterable[tuple[str, str]], size: int) -> Iterator[tuple[int, list[tuple[str, str]], str]]:
    """Windows of prompts: how many, which, and the SHA-256 over all prompts up to there."""
    sha, rest = hashlib.sha256(), iter(prompts)
    while window := list(islice(rest, size)):
        for text, carrier in window:
            sha.update(json.dumps([text, carrier]).encode() + b"\n")
        yield len(window), window, sha.hexdigest()


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Activations:
    """A finished folder of captured states; what is read is copied from a map of the file, and nothing else is held."""

    def __init__(self, path: Path, plan: Plan) -> None:
        self.path, self.plan = path, plan

    def __len__(self) -> int:
        return self.plan.n

    @property
    def layers(self) -> tuple[int, ...]:
        """Blocks whose output was captured."""
        return tuple(map(parse_hook_point, self.plan.hook_points))

    @cached_property
    def prompts(self) -> PromptSet:
        """What the rows are states of, in their order; InputError if the folder was made of other texts than an ontology's."""
        return PromptSet.load(self.path / shards.PROMPTS)

    def states(self, layer: int, start: int = 0, stop: int | None = None) -> Tensor:
        """Rows `start` to `stop` [rows, d] after a block, in the dtype that was captured."""
        start, stop, _ = slice(start, stop).indices(self.plan.n)
        size = self.plan.window
        found = [torch.empty(0, self.plan.d, dtype=getattr(torch, self.plan.dtype))]
        for part in range(start // size, -(-stop // size) if stop > start else 0):
            first = part * size
            found.append(self._rows(layer, part, max(start - first, 0), min(stop - first, self.plan.rows(part))))
        return torch.cat(found) if len(found) != 2 else found[1]

    def batches(self, layer: int, rows: int = 1024) -> Iterator[Tensor]:
        """All rows after a block, so many at a time."""
        for start in range(0, self.plan.n, rows):
            yield self.states(layer, start, start + rows)

    def _rows(self, layer: int, part: int, start: int, stop: int) -> Tensor:
        if layer not in self.layers:
            shown = ", ".join(map(str, self.layers))
            raise InputError(f"{self.path} holds no states after block {layer}", advice=f"It holds those after {shown}.")
        with safe_open(str(shards.part_file(self.path, part)), framework="pt") as file:
            return file.get_slice(hook_point(layer))[start:stop]


def load_activations(path: Path | str) -> Activations:
    """The states that `kedit capture` wrote to a folder; InputError if there are none, or parts are missing."""
    path = Path(path)
    plan = shards.read_plan(path)
    shards.require_all(shards.missing(path, plan), plan)
    return Activations(path, plan)
