"""Competitors beside an edit: each at its own best validated strength, and at its best for no more damage than the edit's.

Damage is forced KL on neutral text: with edit and competitor switched on everywhere, a gate helps neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor

from kedit.curriculum.neutral import eval_sentences, train_sentences
from kedit.editing.metric_names import EXTRA_CONTROLS, FIXED_CONTROLS, HEADLINE_QUADRANT, VECTORS
from kedit.editing.reach import competes
from kedit.editing.resolving import ResolvedEdit, ResolvedRecipe
from kedit.errors import InputError
from kedit.verification.applying import applied
from kedit.verification.controls import Arm
from kedit.verification.figures import Control, CurvePoint
from kedit.verification.items import Item
from kedit.verification.measure import measure
from kedit.verification.metrics import control_summary, estimate
from kedit.verification.moving import moved
from kedit.verification.neutral import NeutralText
from kedit.verification.outcomes import EQUAL_DAMAGE, SwapRow
from kedit.verification.setting import Setting
from kedit.verification.strengths import POSITIONS, Settled, curve_items, forced_kl, spending

COST_POSITIONS: Final = 200
"""Positions of evaluation text on which the table's costs are measured."""
STRENGTHS: Final = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)
REACH: Final = (0.01, 64.0)
"""Strengths among which the edit's damage is looked for."""
Shown = dict[str, dict[str, Control]]


class Rival(NamedTuple):
    """A competitor's curve on validation, its best strength, and the best that costs no more than the edit (`note`: why none)."""

    curve: tuple[CurvePoint, ...]
    best: float
    equal: float | None
    note: str = ""

    @property
    def tried(self) -> dict[str, float]:
        """What is added to a competitor's name -> strength at which it is measured."""
        return {"": self.best} | ({} if self.equal is None else {EQUAL_DAMAGE: self.equal})


def check_controls(setting: Setting, names: Sequence[str]) -> None:
    """InputError for a control that this run has nothing for."""
    missing = [name for name in names if name not in FIXED_CONTROLS and name not in setting.competitors]
    if missing:
        known = ", ".join((*FIXED_CONTROLS, *setting.competitors))
        raise InputError(f"the control {missing[0]!r} has not been trained for this run", advice=f"Measured are: {known}.")


def without_idle(setting: Setting, resolved: ResolvedRecipe) -> ResolvedRecipe:
    """The recipe without controls on demand where no edit of it competes with them; a note says so."""
    idle = [name for name in resolved.verify.controls if name in EXTRA_CONTROLS]
    if not idle or any(competes(edit, setting.relations) for edit in resolved.edits):
        return resolved
    left = tuple(name for name in resolved.verify.controls if name not in idle)
    note = f"not compared with {', '.join(idle)}: only swaps of relations at the prompt have competitors"
    return replace(resolved, verify=resolved.verify.model_copy(update={"controls": left}), notes=(*resolved.notes, note))


def competing(setting: Setting, edit: ResolvedEdit, names: Sequence[str]) -> tuple[str, ...]:
    """Which controls compete with an edit: of swaps of relations the fixed vectors, and those that are asked for."""
    if not competes(edit, setting.relations):
        return ()
    return (*(name for name in VECTORS if name in setting.vectors), *(name for name in names if name in EXTRA_CONTROLS))


def rivals_of(setting: Setting, edit: ResolvedEdit, settled: Settled, names: Sequence[str], seed: int) -> dict[str, Rival]:
    """The competitors of an edit with their strengths, chosen on validation; none where there is nothing to choose by."""
    items = curve_items(setting, edit, seed)
    budget = next((point.drift_kl for point in settled.curve if point.chosen), None)
    if not items:
        return {}
    text = NeutralText(setting, n=POSITIONS, seed=seed, sentences=train_sentences())
    return {name: _rival(setting, edit, name, items, text, budget, seed) for name in competing(setting, edit, names)}


def rival_arms(rivals: Mapping[str, Rival], items: Sequence[Item]) -> dict[Arm, Sequence[Item]]:
    """What is to be measured of them."""
    return {Arm(name, strength): items for name, rival in rivals.items() for strength in rival.tried.values()}


def told_apart(rows: Iterable[SwapRow], rivals: Mapping[str, Rival]) -> list[SwapRow]:
    """The rows, those of competitors by what they were measured as: `name`, `name@equal_damage`, or both."""
    made = []
    for row in rows:
        if (rival := rivals.get(row.control)) is None:
            made.append(row)
            continue
        names = [row.control + suffix for suffix, strength in rival.tried.items() if strength == row.strength]
        made += [row if name == row.control else SwapRow.from_json(row.to_json() | {"control": name}) for name in names]
    return made


def rival_figures(
    setting: Setting, edit: ResolvedEdit, rows: Sequence[SwapRow], rivals: Mapping[str, Rival], seed: int
) -> tuple[Shown, float | None]:
    """All controls of rows that were `told_apart`; of competitors with strength, cost, curve, and figures at equal damage.

    And what the edit itself costs on the same text, that of evaluation; None where nothing competes.
    """
    found = control_summary(rows, seed=seed)
    if not rivals:
        return found, None
    text = NeutralText(setting, n=COST_POSITIONS, seed=seed, sentences=eval_sentences())
    for name, rival in rivals.items():
        if name not in found:
            continue
        strengths = list(rival.tried.values())
        costs = costs_of(setting, edit, name, strengths, text, seed)
        fields = {suffix: {"strength": s, "forced_kl": kl} for suffix, s, kl in zip(rival.tried, strengths, costs, strict=True)}
        equal = found.pop(name + EQUAL_DAMAGE, {})
        for quadrant, control in found[name].items():
            also: dict[str, Any] = {"curve": rival.curve} if quadrant == HEADLINE_QUADRANT else {}
            if quadrant in equal:
                also["equal_damage"] = equal[quadrant].model_copy(update=fields[EQUAL_DAMAGE])
            found[name][quadrant] = control.model_copy(update=fields[""] | also)
    return found, forced_kl(setting, edit, applied(setting, [edit]).strengths, text)[0]


def _rival(
    setting: Setting, edit: ResolvedEdit, name: str, items: Sequence[Item], text: NeutralText, budget: float | None, seed: int
) -> Rival:
    costs = partial(costs_of, setting, edit, name, text=text, seed=seed)
    known, note = dict(zip(STRENGTHS, costs(STRENGTHS), strict=True)), ""
    if budget is not None:
        spent, note = spending(costs, budget, REACH, name, known)
        known.setdefault(spent, *costs([spent]))
    rows = measure(setting, {Arm(name, s): items for s in known}, seed=seed, label=f"strengths of {name}")
    curve = []
    for strength, cost in sorted(known.items()):
        hit = estimate([row for row in rows if row.strength == strength], seed=seed)
        curve.append(CurvePoint(strength=strength, hit=hit.value, ci=(hit.low, hit.high), n=hit.n, drift_kl=cost))
    best = _best(curve)
    within = [point for point in curve if budget is not None and point.drift_kl is not None and point.drift_kl <= budget]
    marked = tuple(point.model_copy(update={"chosen": point.strength == best}) for point in curve)
    return Rival(marked, best, _best(within) if within else None, note)


def _best(curve: Sequence[CurvePoint]) -> float:
    """The strength with the best hit; of equal ones that which costs least."""
    return min(curve, key=lambda p: (-float(p.hit or 0.0), float(p.drift_kl or 0.0), p.strength)).strength


def costs_of(
    setting: Setting, edit: ResolvedEdit, name: str, strengths: Sequence[float], text: NeutralText, seed: int
) -> list[float | None]:
    """Mean forced KL, in nats, on a neutral text at each strength."""

    def mover(strength: float) -> Callable[[Tensor], Tensor]:
        return lambda x: moved(setting, name, x, _all(edit.slot, x), _all(edit.target, x), torch.full((len(x),), strength), seed)

    return text.costs([mover(strength) for strength in strengths])


def _all(slot: int | None, x: Tensor) -> Tensor:
    return torch.full((len(x),), -1 if slot is None else slot)
