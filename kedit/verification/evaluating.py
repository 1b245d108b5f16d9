"""A run, measured: what its slots read, what swaps of all pairs do beside their controls, and what they damage."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from kedit.editing.metric_names import HEADLINE_QUADRANT, QUADRANTS
from kedit.verification.applying import applied
from kedit.verification.binding import activations, binding_summary
from kedit.verification.budget import budget
from kedit.verification.controls import Arm
from kedit.verification.figures import Binding, Control, Gate, Histogram, Locality, Swap
from kedit.verification.items import Cap, limit_of, sample_items
from kedit.verification.locality import LOCALITY_N, NEUTRAL_N, Damage, damage
from kedit.verification.measure import (
    ALL_CONTROLS,
    CONTROLS_PER_PAIR,
    NULL_LATENTS,
    PER_PAIR,
    control_arms,
    latent_p_value,
    measure,
)
from kedit.verification.metrics import control_summary, swap_summary
from kedit.verification.outcomes import EDIT, SwapRow
from kedit.verification.readings import binding_readings
from kedit.verification.setting import Setting


@dataclass(frozen=True)
class Evaluated:
    """The blocks of `kedit.evaluation/1` that are measured on the test side, and the rows behind them."""

    binding: Binding
    swap: Swap
    controls: dict[str, dict[str, Control]]
    locality: Locality
    gates: dict[str, Gate]
    rows: tuple[SwapRow, ...]
    damage: Damage
    activations: dict[str, Histogram] = field(default_factory=dict)
    timing: dict[str, float] = field(default_factory=dict)


def evaluate_run(
    setting: Setting,
    pairs: Iterable[tuple[str, str]] | None = None,
    *,
    controls: Sequence[str] = ALL_CONTROLS,
    per_pair: Cap = PER_PAIR,
    controls_per_pair: Cap = CONTROLS_PER_PAIR,
    null_latents: int = NULL_LATENTS,
    locality_n: int = LOCALITY_N,
    neutral_n: int = NEUTRAL_N,
    seed: int = 0,
) -> Evaluated:
    """Binding, swaps of every ordered pair in all quadrants, controls in the headline quadrant, damage.

    `per_pair` caps the known items of a pair and quadrant (default: all in the headline quadrant, 30 in each other one),
    `controls_per_pair` those on which controls run; unless `pairs` are given, of relations with more than four targets as
    `budget` says. `null_latents` 0 leaves out the p-value.
    """
    clock = _Clock()
    edits = [setting.swap(*pair) for pair in (setting.pairs if pairs is None else pairs)]
    if pairs is None:
        per_pair, controls_per_pair = (budget(setting, cap, seed) for cap in (per_pair, controls_per_pair))
        limit = limit_of(per_pair)
        edits = [edit for edit in edits if any(limit(edit, cell) != 0 for cell in QUADRANTS)]
    readings = binding_readings(setting)
    binding = binding_summary(readings, seed=seed)
    thresholds = setting.sae.slot_threshold[setting.relation_slots].tolist()
    clock.lap("binding")
    sample = sample_items(setting, edits, quadrants=QUADRANTS, cap=per_pair, seed=seed)
    arms = {Arm(EDIT): sample.items} | control_arms(sample, controls, (HEADLINE_QUADRANT,), controls_per_pair)
    rows = measure(setting, arms, seed=seed)
    clock.lap("swaps and controls")
    shown = control_summary(rows, seed=seed)
    if null_latents and "random_latent" in shown:
        common = sample.capped(controls_per_pair, (HEADLINE_QUADRANT,))
        p_value = latent_p_value(setting, common, latents=null_latents, seed=seed)
        shown["random_latent"] = with_p_value(shown["random_latent"], p_value)
        clock.lap("random latents")
    around = damage(setting, [applied(setting, [edit]) for edit in edits], n=locality_n, neutral_n=neutral_n, seed=seed)
    clock.lap("damage")
    return Evaluated(
        binding=binding,
        swap=swap_summary(rows, names=setting.ontology.curie, seed=seed),
        controls=shown,
        locality=around.locality(),
        gates=sample.gates | fired_gate(rows),
        rows=tuple(rows),
        damage=around,
        activations=activations(readings, thresholds),
        timing=clock.laps,
    )


def with_p_value(quadrants: dict[str, Control], p_value: float) -> dict[str, Control]:
    """The headline quadrant's control with its p-value."""
    return {
        name: Control.model_validate(control.model_dump(by_alias=True) | {"p_value": p_value})
        if name == HEADLINE_QUADRANT
        else control
        for name, control in quadrants.items()
    }


def fired_gate(rows: Sequence[SwapRow]) -> dict[str, Gate]:
    """How often the edit's own gate opened; where it did not the item is a failed one, not a dropped one."""
    edit = [row for row in rows if row.control == EDIT]
    if not edit:
        return {}
    fired = sum(row.gate for row in edit)
    note = "items at which the edit did not fire stay in and count as misses"
    return {"fired": Gate(kept=fired, dropped=len(edit) - fired, note=note)}


class _Clock:
    """Seconds between laps."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.laps[name] = round(now - self._last, 2)
        self._last = now
