"""What edits do to slot values: tiny pure functions on calibrated linear reads u [..., K], and the delta they amount to.

Everything here works on u, where 0 is off and 1 is as strongly on as when the concept is asked for. The residual stream
moves by (u' - u) D; where D W = I (preset `causal`), an edited state reads back exactly u'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, assert_never

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kedit.editing.resolving import ResolvedEdit

Slots = Float[Tensor, "*batch K"]
AMPLIFY_AUTO = 2.0


def swap(u: Slots, source: int, target: int, strength: float) -> Slots:
    """`source` off, `target` at `strength`; swap(r, r) leaves everything as it is."""
    return u if source == target else _with(_with(u, source, 0.0), target, strength)


def suppress(u: Slots, slot: int, strength: float = 0.0) -> Slots:
    """`slot` off, or `strength` below off: what the rest of a prompt says of the relation may bring some of it back."""
    return _with(u, slot, -strength)


def amplify(u: Slots, slot: int, strength: float) -> Slots:
    """`slot` at `strength` times its value."""
    return _with(u, slot, strength * u[..., slot])


def set_slot(u: Slots, slot: int, strength: float) -> Slots:
    """`slot` at `strength`."""
    return _with(u, slot, strength)


def _with(u: Slots, slot: int, value: float | Tensor) -> Slots:
    changed = u.clone()
    changed[..., slot] = value
    return changed


def apply(edit: ResolvedEdit, u: Slots, strength: float) -> Slots:
    """u' of one edit, fired everywhere."""
    match edit.op:
        case "swap":
            assert edit.target is not None
            return swap(u, edit.slot, edit.target, strength)
        case "suppress":
            return suppress(u, edit.slot, strength)
        case "amplify":
            return amplify(u, edit.slot, strength)
        case "set":
            return set_slot(u, edit.slot, strength)
        case _:
            assert_never(edit.op)


def gate(edit: ResolvedEdit, u: Slots, threshold: Float[Tensor, " K"]) -> Bool[Tensor, " *batch"]:
    """Where the edit's slot lets it fire: where it is on (u > threshold), or everywhere if the edit is forced."""
    if edit.when == "always":
        return torch.ones(u.shape[:-1], dtype=torch.bool, device=u.device)
    return u[..., edit.slot] > threshold[edit.slot]


def gates(edits: Sequence[ResolvedEdit], u: Float[Tensor, "n K"], threshold: Float[Tensor, " K"]) -> Bool[Tensor, "n E"]:
    """Which edits' gates are open where, whatever their scopes say."""
    open_ = [gate(edit, u, threshold) for edit in edits]
    return torch.stack(open_, dim=1) if open_ else torch.ones(len(u), 0, dtype=torch.bool, device=u.device)


def combine(u: Slots, edited: Sequence[Slots]) -> Slots:
    """Change of u by several edits at once: the sum of what each of them alone changes."""
    return torch.stack([each - u for each in edited]).sum(0) if edited else torch.zeros_like(u)


def delta(change: Slots, D: Float[Tensor, "K d"]) -> Float[Tensor, "*batch d"]:
    """The residual stream's part of a change of slot values: (u' - u) D."""
    return change @ D


class Fired(NamedTuple):
    """Delta [n, d] of all edits together, which of them fired where [n, E], and the change of slot values behind it [n, K]."""

    delta: Tensor
    fired: Tensor
    change: Tensor


def recipe_delta(
    edits: Sequence[ResolvedEdit],
    strengths: Sequence[float],
    u: Float[Tensor, "n K"],
    D: Float[Tensor, "K d"],
    threshold: Float[Tensor, " K"],
    eligible: Bool[Tensor, "n E"] | None = None,
) -> Fired:
    """What a recipe adds to states with reads `u`: edits fire where they are `eligible` (scope, step) and their gate is open."""
    open_ = gates(edits, u, threshold)
    return fired_delta(edits, strengths, u, D, open_ if eligible is None else open_ & eligible)


def fired_delta(
    edits: Sequence[ResolvedEdit],
    strengths: Sequence[float],
    u: Float[Tensor, "n K"],
    D: Float[Tensor, "K d"],
    fired: Bool[Tensor, "n E"],
) -> Fired:
    """The same where it is already known which edits fire."""
    edited = [
        torch.where(fired[:, i, None], apply(edit, u, strength), u)
        for i, (edit, strength) in enumerate(zip(edits, strengths, strict=True))
    ]
    change = combine(u, edited)
    return Fired(delta(change, D), fired, change)


def strength_of(edit: ResolvedEdit, metadata: Mapping[str, Any]) -> float:
    """The strength in calibrated units; where nothing settled it, calibration's own (1 if none), 2 to amplify, 0 to suppress."""
    if edit.strength is not None:
        return edit.strength
    return {"amplify": AMPLIFY_AUTO, "suppress": 0.0}.get(edit.op, float(metadata.get("strength", 1.0)))
