"""A 'model' with a planted effect, to train write rows and their competitors on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch

D_MODEL, SLOTS, TOKENS = 12, 3, 7


class Batch(NamedTuple):
    x: torch.Tensor
    source: torch.Tensor
    target: torch.Tensor
    answers: torch.Tensor
    logits: object


class Planted:
    """A 'model' whose next token is read off the state by a fixed matrix; the answer to relation r is token r."""

    def __init__(self) -> None:
        self.readout = torch.randn(D_MODEL, TOKENS, generator=torch.Generator().manual_seed(3))

    def batches(self, size: int, generator: torch.Generator) -> Iterator[Batch]:
        while True:
            x = torch.randn(size, D_MODEL, generator=generator)
            source = torch.randint(SLOTS, (size,), generator=generator)
            target = (source + 1) % SLOTS
            yield Batch(x, source, target, target[:, None], lambda state: (state @ self.readout)[:, None])
