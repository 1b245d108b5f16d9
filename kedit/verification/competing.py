"""Competitors beside an edit: each at its own best validated strength, and at its best for no more damage than the edit's.

Damage is forced KL on neutral text: with edit and competitor switched on everywhere, a gate helps neither.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import torch
from torch import Tensor

from kedit.curriculum.neutral import eval_sentences, train_sentences
from kedit.editing.metric_names import EXTRA_CONTROLS, FIXED_CONTROLS, HEADLINE_QUADRANT
from kedit.editing.resolving import ResolvedEdit
from kedit.errors import InputError
from kedit.verification.controls import Arm, moved
from kedit.verification.figures import Control, CurvePoint
from kedit.verification.items import Item
from kedit.verification.measure import measure
from kedit.verification.metrics import control_summary, estimate, select
from kedit.verification.neutral import forced_drifts
from kedit.verification.outcomes import SwapRow
from kedit.verification.setting import Setting
from kedit.verification.strengths import POSITIONS, Settled, curve_items

VECTORS: Final = ("diff_means", "trained_vector")
"""Fixed controls that have a strength, and so compete, too."""
STRENGTHS: Final = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)
EQUAL_DAMAGE: Final = "@equal_damage"
Shown = dict[str, dict[str, Control]]


def check_controls(setting: Setting, names: Sequence[str]) -> None:
    """InputError for a control that this run has nothing for."""
    missing = [name for name in names if name not in FIXED_CONTROLS and name not in setting.competitors]
    if missing:
        known = ", ".join((*FIXED_CONTROLS, *setting.competitors))
        raise InputError(f"the control {missing[0]!r} has not been trained for this run", advice=f"Measured are: {known}.")


def competing(setting: Setting, edit: ResolvedEdit, names: Sequence[str]) -> tuple[str, ...]:
    """Which controls compete with an edit: for swaps, those that are asked for, and with them the fixed vectors."""
    wanted = [name for name in names if name in EXTRA_CONTROLS]
    if edit.op != "swap" or edit.steps != "prompt" or not wanted:
        return ()
    return (*(name for name in VECTORS if name in setting.vectors), *wanted)


def compete(
    setting: Setting,
    edit: ResolvedEdit,
    settled: Settled,
    items: Sequence[Item],
    rows: Sequence[SwapRow],
    names: Sequence[str],
    seed: int,
) -> tuple[Shown, list[SwapRow]]:
    """The competitors' figures in the headline quadrant, and their rows; `rows` are the edit's own."""
    validation = curve_items(setting, edit, seed)
    if not names or not validation or not items:
        return {}, []
    budget = next((point.drift_kl for point in settled.curve if point.chosen), None)
    curves = {name: _curve(setting, edit, name, validation, seed) for name in names}
    best = {name: _best(curve) for name, curve in curves.items()}
    equal = {
        name: _best([p for p in curve if budget is not None and p.drift_kl is not None and p.drift_kl <= budget])
        for name, curve in curves.items()
    }
    arms = {Arm(name, s): items for name, chosen in (*best.items(), *equal.items()) if (s := chosen) is not None}
    measured = measure(setting, arms, seed=seed, named=True, label=f"competitors of {edit.id}")
    mine = select(rows, quadrant=HEADLINE_QUADRANT)
    shown: Shown = {}
    kept: list[SwapRow] = []
    for name in names:
        tried = {"": best[name], EQUAL_DAMAGE: equal[name]}
        costs = _costs(setting, edit, name, sorted({s for s in tried.values() if s is not None}), seed)
        for suffix, strength in tried.items():
            if strength is None:
                continue
            theirs = [_renamed(r, name + suffix) for r in measured if r.control == name and r.strength == strength]
            figures = control_summary([*mine, *theirs], seed=seed).get(name + suffix, {}).get(HEADLINE_QUADRANT)
            if figures is None:
                continue
            kept += theirs
            figures = figures.model_copy(update={"strength": strength, "forced_kl": costs[strength]})
            if suffix:
                shown[name][HEADLINE_QUADRANT] = shown[name][HEADLINE_QUADRANT].model_copy(update={"equal_damage": figures})
            else:
                marked = tuple(point.model_copy(update={"chosen": point.strength == strength}) for point in curves[name])
                shown[name] = {HEADLINE_QUADRANT: figures.model_copy(update={"curve": marked})}
    return shown, kept


def _renamed(row: SwapRow, control: str) -> SwapRow:
    return SwapRow.from_json(row.to_json() | {"control": control})


def _curve(setting: Setting, edit: ResolvedEdit, name: str, items: Sequence[Item], seed: int) -> list[CurvePoint]:
    """Hit on validation and forced KL on the neutral text of training, at every strength."""
    rows = measure(setting, {Arm(name, s): items for s in STRENGTHS}, seed=seed, label=f"strengths of {name}")
    costs = _costs(setting, edit, name, STRENGTHS, seed, train_sentences())
    points = []
    for strength in STRENGTHS:
        hit = estimate([row for row in rows if row.strength == strength], seed=seed)
        points.append(CurvePoint(strength=strength, hit=hit.value, ci=(hit.low, hit.high), n=hit.n, drift_kl=costs[strength]))
    return points


def _best(curve: Sequence[CurvePoint]) -> float | None:
    """The strength with the best hit; of equal ones that which costs least."""
    usable = [point for point in curve if point.hit is not None]
    if not usable:
        return None
    return min(usable, key=lambda p: (-float(p.hit or 0.0), float(p.drift_kl or 0.0), p.strength)).strength


def _costs(
    setting: Setting,
    edit: ResolvedEdit,
    name: str,
    strengths: Sequence[float],
    seed: int,
    sentences: Sequence[str] | None = None,
) -> dict[float, float | None]:
    """Mean forced KL at each strength; on the neutral text of evaluation unless told otherwise."""

    def mover(strength: float) -> Callable[[Tensor], Tensor]:
        return lambda x: moved(setting, name, x, _all(edit.slot, x), _all(edit.target, x), torch.full((len(x),), strength), seed)

    texts = eval_sentences() if sentences is None else sentences
    found = forced_drifts(setting, [mover(s) for s in strengths], n=POSITIONS, seed=seed, sentences=texts)
    return {s: sum(kl) / len(kl) if kl else None for s, kl in zip(strengths, found, strict=True)}


def _all(slot: int | None, x: Tensor) -> Tensor:
    return torch.full((len(x),), -1 if slot is None else slot)
