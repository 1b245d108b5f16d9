"""How strong an edit is: hit and damage over strengths on validation, and the strength that `auto` or a KL budget means.

Nothing here sees a test prompt: items are about validation subjects, neutral text is that of training.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, Literal, assert_never

import numpy as np
from pydantic import ValidationError
from torch import Tensor

from kedit.curriculum.neutral import train_sentences
from kedit.editing.resolving import ResolvedEdit, ResolvedRecipe
from kedit.files import digest
from kedit.verification.applying import Applied, applied, edit_states
from kedit.verification.controls import Arm
from kedit.verification.figures import Cell, CurvePoint, Model, Plateau
from kedit.verification.items import Item, sample_items
from kedit.verification.measure import measure
from kedit.verification.metrics import estimate, item_values
from kedit.verification.neutral import NeutralText
from kedit.verification.outcomes import EDIT, SwapRow
from kedit.verification.setting import FALLBACK, VALIDATION, VALIDATION_SUBJECTS, Setting

STRENGTHS: Final = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
"""Tried for `auto`, in calibrated units."""
FACTORS: Final = (1.25, 1.5, 2.0, 2.5, 3.0, 4.0)
"""Tried for an amplification, which multiplies what is there."""
BELOW_OFF: Final = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5)
"""Tried for a suppression: how far below off."""
MULTIPLES: Final = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
"""Of a strength that is given: its curve."""
VERSION: Final = 4
"""Raised where code changes what is settled."""
ITEMS: Final = 64
POSITIONS: Final = 100
PLATEAU: Final = 0.05
BUDGET_REACH: Final = (0.01, 8.0)
"""Strengths among which a KL budget is looked for."""
BUDGET_STEPS: Final = 12
How = Literal["given", "auto", "budget", "none"]


class Settled(Model):
    """The strength of one edit and how it was found."""

    strength: float
    how: How = "given"
    """`none`: nothing to choose (an empty edit), or nothing to choose by."""
    curve: tuple[CurvePoint, ...] = ()
    curve_on: dict[Cell, int] = {}
    """Cell -> items behind the curve."""
    plateau: Plateau | None = None
    note: str = ""


def settle(
    setting: Setting, resolved: ResolvedRecipe, kept: MutableMapping[str, Any] | None = None, salt: str = ""
) -> tuple[ResolvedRecipe, dict[str, Settled]]:
    """The recipe with a number for every strength, and each edit's curve.

    `kept`: what was settled before, by a key over the edit, the budget, the seed and `salt` (which names the slots).
    """
    found: dict[str, Settled] = {}
    text = NeutralText(setting, n=POSITIONS, seed=resolved.verify.seed, sentences=train_sentences())
    for edit in resolved.edits:
        key = _key(edit, resolved, salt)
        if kept is not None and (old := _kept(kept.get(key))) is not None:
            found[edit.id] = old
            continue
        found[edit.id] = settle_edit(setting, edit, budget=resolved.verify.max_drift_kl, seed=resolved.verify.seed, text=text)
        if kept is not None:
            kept[key] = found[edit.id].model_dump(mode="json")
    edits = tuple(replace(edit, strength=found[edit.id].strength, kl=None) for edit in resolved.edits)
    return replace(resolved, edits=edits), found


def _kept(value: Any) -> Settled | None:
    """What was settled before; None for nothing, and for what is not that."""
    try:
        return None if value is None else Settled.model_validate(value)
    except ValidationError:
        return None


def settle_edit(
    setting: Setting, edit: ResolvedEdit, *, budget: float | None = None, seed: int = 0, text: NeutralText | None = None
) -> Settled:
    """One edit's strength.

    `auto`: the smallest strength whose hit is within noise (one standard error of the paired difference) of the best, among
    those whose forced KL on neutral text (`text`; training's, if None) is within `budget`. A KL budget: the strength that
    spends it.
    """
    text = text or NeutralText(setting, n=POSITIONS, seed=seed, sentences=train_sentences())
    default = applied(setting, [edit]).strengths[0]
    if edit.is_empty:
        return Settled(strength=default, how="none")
    if edit.kl is not None:
        strength, note = strength_of_kl(setting, edit, edit.kl, text)
        return _with_curve(setting, edit, strength, "budget", note, text, seed)
    if edit.strength is not None:
        return _with_curve(setting, edit, edit.strength, "given", "", text, seed)
    items = curve_items(setting, edit, seed)
    if not items or edit.steps != "prompt":
        return Settled(strength=default, how="none", note="no validation prompts: the strength that calibration chose")
    rows, curve = measured_curve(setting, edit, _tried(edit), items, text, seed)
    if not any(point.hit for point in curve):
        return _settled(curve, items, default, "none", "no strength hits on validation: the strength that calibration chose")
    chosen = smallest_within_noise(rows, curve, budget)
    if chosen is None:
        strength, note = strength_of_kl(setting, edit, float(budget or 0), text)
        note = note or "no strength tried is within the damage budget"
        return _with_curve(setting, edit, strength, "auto", note, text, seed)
    note = "" if items[0].quadrant != FALLBACK else "chosen on training prompts: too little to validate on"
    return _settled(curve, items, chosen, "auto", note)


def _tried(edit: ResolvedEdit) -> tuple[float, ...]:
    match edit.op:
        case "suppress":
            return BELOW_OFF
        case "amplify":
            return FACTORS
        case "swap" | "set":
            return STRENGTHS
        case _:
            assert_never(edit.op)


def curve_items(setting: Setting, edit: ResolvedEdit, seed: int, most: int = ITEMS) -> tuple[Item, ...]:
    """Known items about validation subjects, of a suppression those that the unedited model answers rightly.

    Validation carriers come first; where they make fewer than `most`, training carriers fill up.
    """

    def known(cell: str) -> tuple[Item, ...]:
        items = sample_items(setting, [edit], quadrants=(cell,), seed=seed).capped(None, (cell,))
        return tuple(item for item in items if edit.op != "suppress" or setting.hits.get(item.prompt.id, False))

    found = known(VALIDATION)
    if len(found) < most:
        found += known(VALIDATION_SUBJECTS)
    return (found or known(FALLBACK))[:most]


def measured_curve(
    setting: Setting, edit: ResolvedEdit, strengths: Sequence[float], items: Sequence[Item], text: NeutralText, seed: int
) -> tuple[dict[float, list[SwapRow]], list[CurvePoint]]:
    """Rows and a point for every strength: hit on the items, forced drift on neutral text."""
    rows = measure(setting, {Arm(EDIT, s): items for s in strengths}, seed=seed, label=f"strengths of {edit.id}")
    by_strength = {s: [row for row in rows if row.strength == s] for s in strengths}
    costs = forced_kl(setting, edit, strengths, text)
    points = []
    for (strength, some), cost in zip(by_strength.items(), costs, strict=True):
        hit = estimate(some, seed=seed)
        points.append(CurvePoint(strength=strength, hit=hit.value, ci=(hit.low, hit.high), n=hit.n, drift_kl=cost))
    return by_strength, points


def forced_kl(setting: Setting, edit: ResolvedEdit, strengths: Sequence[float], text: NeutralText) -> list[float | None]:
    """Mean forced KL, in nats, on a neutral text at each strength."""
    works = [applied(setting, [edit], strength=strength).forced() for strength in strengths]
    return text.costs([partial(_forced_states, setting, work) for work in works])


def _forced_states(setting: Setting, work: Applied, x: Tensor) -> Tensor:
    return edit_states(setting, work, x).x


def smallest_within_noise(
    rows: dict[float, list[SwapRow]], curve: Sequence[CurvePoint], budget: float | None = None
) -> float | None:
    """The smallest strength whose hit is within one standard error of the best one's; None if none keeps the budget."""
    allowed = [p for p in curve if budget is None or (p.drift_kl is not None and p.drift_kl <= budget)]
    if not allowed:
        return None
    values = {point.strength: item_values(rows[point.strength], "hit") for point in allowed}
    best = max(allowed, key=lambda point: (point.hit or 0.0, -point.strength)).strength
    near = []
    for strength, hits in values.items():
        loss = values[best] - hits
        n = len(loss)
        # One item is never more than noise: where all losses go one way their spread cannot say so.
        error = max(float(np.std(loss, ddof=1)) / math.sqrt(n), 1 / n) if n > 1 else 1.0
        if float(np.mean(loss)) <= error + 1e-12:
            near.append(strength)
    return min(near)


def strength_of_kl(setting: Setting, edit: ResolvedEdit, kl: float, text: NeutralText) -> tuple[float, str]:
    """The strength at which forced KL on neutral text is `kl` nats (see `spending`), and what to say of it."""
    low, high = BUDGET_REACH
    if edit.op == "amplify":
        low = 1.0  # below 1 it would suppress
    return spending(partial(forced_kl, setting, edit, text=text), kl, (low, high), "the edit")


def spending(
    costs: Callable[[Sequence[float]], Sequence[float | None]],
    kl: float,
    reach: tuple[float, float],
    name: str,
    known: Mapping[float, float | None] | None = None,
) -> tuple[float, str]:
    """The strength that costs `kl` nats, or up to 2 % less, and what to say where none in `reach` does.

    Between a strength that costs less and one that costs more the next to try lies on the line through both in logarithms.
    `known`: strengths whose costs are known already.
    """
    found = {strength: math.inf if cost is None else cost for strength, cost in (known or {}).items()}

    def cost(strength: float) -> float:
        if strength not in found:
            (value,) = costs([strength])
            found[strength] = math.inf if value is None else value
        return found[strength]

    over = min((strength for strength, value in found.items() if value > kl), default=reach[1])
    low = max((strength for strength, value in found.items() if value <= kl and strength < over), default=reach[0])
    high = over
    if cost(high) <= kl:
        return high, f"even at strength {high:g} {name} costs less than {kl:g} nats"
    if cost(low) > kl:
        return low, f"even at strength {low:g} {name} costs more than {kl:g} nats"
    for _ in range(BUDGET_STEPS):
        if cost(low) >= 0.98 * kl:
            break
        rise = math.log(cost(high) / cost(low)) if cost(low) > 0 and cost(high) < math.inf else math.inf
        share = math.log(kl / cost(low)) / rise if rise < math.inf else 0.5
        # Never so near to an end that the other one stays where it is.
        middle = low * (high / low) ** min(max(share, 0.1), 0.9)
        low, high = (middle, high) if cost(middle) <= kl else (low, middle)
    return low, ""


def _with_curve(
    setting: Setting, edit: ResolvedEdit, strength: float, how: How, note: str, text: NeutralText, seed: int
) -> Settled:
    items = curve_items(setting, edit, seed)
    if not items or edit.steps != "prompt":
        return Settled(strength=strength, how=how, note=note)
    tried = {strength, *(_tried(edit) if strength <= 0 else (strength * times for times in MULTIPLES))}
    _, curve = measured_curve(setting, edit, sorted(tried), items, text, seed)
    return _settled(curve, items, strength, how, note)


def _settled(curve: Sequence[CurvePoint], items: Sequence[Item], chosen: float, how: How, note: str) -> Settled:
    marked = tuple(point.model_copy(update={"chosen": point.strength == chosen}) for point in curve)
    cells = Counter(item.quadrant for item in items)
    fields = {"strength": chosen, "how": how, "curve": marked, "curve_on": cells, "plateau": plateau(curve, chosen), "note": note}
    return Settled.model_validate(fields)


def plateau(curve: Sequence[CurvePoint], chosen: float, tolerance: float = PLATEAU) -> Plateau | None:
    """The run of strengths around the chosen one whose hit is within `tolerance` of the hit there."""
    points = sorted(curve, key=lambda point: point.strength)
    place = next((i for i, point in enumerate(points) if point.strength == chosen), None)
    if place is None or points[place].hit is None:
        return None
    level = float(points[place].hit or 0.0)
    first = last = place
    # 1e-9: shares of a few items differ by rounding where they are equal.
    while first > 0 and abs(float(points[first - 1].hit or 0.0) - level) <= tolerance + 1e-9:
        first -= 1
    while last + 1 < len(points) and abs(float(points[last + 1].hit or 0.0) - level) <= tolerance + 1e-9:
        last += 1
    return Plateau(low=points[first].strength, high=points[last].strength, tolerance=tolerance)


def _key(edit: ResolvedEdit, resolved: ResolvedRecipe, salt: str) -> str:
    subjects = None if edit.subjects is None else sorted(edit.subjects)
    what = [edit.op, edit.slot_iri, edit.target_iri, edit.strength, edit.kl, subjects, edit.when, edit.steps]
    options = [resolved.verify.max_drift_kl, resolved.verify.seed]
    return digest([what, options, _tried(edit), MULTIPLES, ITEMS, POSITIONS, VERSION, salt])
