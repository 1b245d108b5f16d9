"""Where edits fire: bookkeeping over the columns of the answers that are being generated.

A *column* is a position in a row's whole text, padding included; a forward pass covers the columns [past, past + s).
Everything is told by column, so that one call, chunks, a cache or none of it lead to the same edits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from kedit.editing.resolving import ResolvedEdit


@dataclass
class Answer:
    """One batch of answers in the making, from the prompt on.

    mask [B, width]: real tokens among the prompt's columns; in_scope [B, E]; texts: what scopes have read of each row.
    Rows may later be B * n (beams, several sequences a prompt), each prompt's copies side by side.
    """

    mask: Tensor
    in_scope: Tensor
    texts: tuple[str, ...] = ()
    fired_at: Tensor | None = None
    """[b, E]: the column at which each edit first fired, -1 where it did not."""
    held: Tensor | None = None
    """[b, T, d]: what is added at the answer's own tokens, of edits that hold through it."""
    fired: Tensor = field(init=False)
    """[B, E]: whether each edit fired at all."""

    def __post_init__(self) -> None:
        self.fired = torch.zeros_like(self.in_scope)

    @property
    def width(self) -> int:
        """Columns of the prompt."""
        return self.mask.shape[1]

    def eligible(self, edits: Sequence[ResolvedEdit], rows: int, past: int, length: int) -> Tensor:
        """[b, s, E]: where, in columns [past, past + length), scope and `steps` let each edit fire; its gate is asked later."""
        mask = _expand(self.mask, rows)
        columns = torch.arange(past, past + length)
        generated = (columns >= self.width).expand(rows, length)
        real = generated.clone()
        inside = columns < self.width
        real[:, inside] = mask[:, columns[inside]]
        decision = _last(mask)[:, None] == columns
        where = {"prompt": decision, "asked": real, "all": decision | generated}
        steps = torch.stack([where[edit.steps] for edit in edits], dim=-1)
        return steps & _expand(self.in_scope, rows)[:, None]

    def settle(self, edits: Sequence[ResolvedEdit], open_: Tensor, past: int) -> Tensor:
        """[b, s, E]: which of the open gates [b, s, E] fire, and remember them: `steps: asked` fires once per answer."""
        rows, _, count = open_.shape
        if self.fired_at is None or len(self.fired_at) != rows:
            self.fired_at = torch.full((rows, count), -1)
        # Columns from `past` on are (again) undecided: without a cache all are, and assisted decoding takes some back.
        before = torch.where(self.fired_at < past, self.fired_at, -1)
        first = open_ & (open_.cumsum(1) == 1) & (before < 0)[:, None]
        once = torch.tensor([edit.steps == "asked" for edit in edits])
        fires = torch.where(once, first, open_)
        now = torch.where(fires.any(1), past + fires.int().argmax(1), -1)
        self.fired_at = torch.where(before >= 0, before, now)
        self.fired |= (self.fired_at >= 0).view(len(self.mask), -1, count).any(1)
        return fires

    def hold(self, rows: int, at: Tensor, delta: Tensor) -> None:
        """Remember what edits add [n, T, d] at the own tokens of the answers `at` [n], of so many rows.

        A beam search reorders copies of one prompt alone, which hold the same.
        """
        self.held = delta.new_zeros(rows, *delta.shape[1:])
        self.held[at.to(delta.device)] = delta

    def held_at(self, past: int, length: int, most: int) -> Tensor | None:
        """What is added in the columns [past, past + length) [b, s, d], at the first `most` of an answer; None for nothing."""
        token = torch.arange(past, past + length) - self.width
        inside = (token >= 0) & (token < most)
        if self.held is None or not inside.any():
            return None
        rows = self.held[:, token.clamp(0, self.held.shape[1] - 1)]
        return torch.where(inside.to(rows.device)[:, None], rows, 0.0)

    def reorder(self, rows: Tensor) -> None:
        """Follow a beam search: row i goes on from row `rows[i]`."""
        if self.fired_at is not None:
            self.fired_at = self.fired_at[rows.cpu()]


def _expand(tensor: Tensor, rows: int) -> Tensor:
    """[B, ...] -> [rows, ...], each row repeated side by side, as transformers does for beams."""
    if rows % len(tensor):
        raise ValueError(f"a forward pass of {rows} rows does not belong to {len(tensor)} prompts")
    return tensor.repeat_interleave(rows // len(tensor), dim=0)


def _last(mask: Tensor) -> Tensor:
    """Last true column of each row [b]; -1 where there is none."""
    columns = torch.arange(mask.shape[1])
    return torch.where(mask, columns, -1).amax(1) if mask.shape[1] else torch.full((len(mask),), -1)
