"""`kedit bench manifold`: what keeping edited states among natural ones (L_man) costs, and what it gains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from kedit.bench.report import machine
from kedit.stages.aligned import AlignedRun
from kedit.stages.competitors import over_manifold
from kedit.stages.slots import ITEMS
from kedit.stages.validating import rates, validation_items
from kedit.verification.outcomes import EDIT
from kedit.verification.passport_tests import carried

SCHEMA: Final = "kedit.manifold/1"
WEIGHTS: Final = (0.0, 0.1, 1.0, 10.0)


def manifold_curve(run: AlignedRun, weights: Sequence[float] = WEIGHTS, seed: int = 0) -> dict[str, Any]:
    """Write rows of a run trained anew at each weight: `kedit.manifold/1`, a row each.

    hit and n: swaps of every pair on validation, at strength 1, as the mean over items. The tests of *carries* are those of
    passports, on unseen carriers x unseen subjects, as means over slots.
    """
    rows = []
    for weight, sae in over_manifold(run, weights):
        setting = replace(run.setting, sae=sae, strength=1.0)
        items = validation_items(setting, ITEMS, seed)
        found = rates(setting, items, EDIT, f"validating L_man {weight:g}")
        rows.append({"weight": weight, "hit": found.hit, "n": found.n, "carries": carried(setting, seed=seed)})
    return {
        "schema": SCHEMA,
        "run": run.path.name,
        "hook_point": run.sae.hook_point,
        "hold": run.sae.answer_rows is not None,
        "seed": seed,
        "machine": machine(),
        "rows": rows,
    }
