"""`kedit bench manifold`: what keeping edits among natural states costs in hits, and what it gains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from kedit.bench.report import machine
from kedit.sae.dictionary import AlignedSAE
from kedit.stages.aligned import AlignedRun
from kedit.stages.competitors import over_manifold, toward_nature
from kedit.stages.slots import ITEMS
from kedit.stages.validating import best_strength, validation_items
from kedit.verification.outcomes import EDIT
from kedit.verification.passport_tests import carried

SCHEMA: Final = "kedit.manifold/1"
WEIGHTS: Final = (0.0, 0.1, 1.0, 10.0)
STRENGTHS: Final = (1.0, 1.5, 2.0, 3.0)
"""Of which validation chooses: natural rows are far too short at 1."""


def manifold_curve(
    run: AlignedRun, weights: Sequence[float] = WEIGHTS, shares: Sequence[float] = (), seed: int = 0
) -> dict[str, Any]:
    """Write rows of a run trained anew at each weight of L_man, and brought towards natural ones by shares: `kedit.manifold/1`.

    hit and n: swaps of every pair on validation at the strength that is best there, as the mean over items. The tests of
    *carries* and *isolated* are those of passports, on unseen carriers x unseen subjects, as means over slots.
    """
    rows = [{"weight": weight, "share": 0.0, **_shown(run, sae, seed)} for weight, sae in over_manifold(run, weights)]
    rows += [{"weight": None, "share": share, **_shown(run, sae, seed)} for share, sae in toward_nature(run, shares)]
    return {
        "schema": SCHEMA,
        "run": run.path.name,
        "hook_point": run.sae.hook_point,
        "hold": run.sae.answer_rows is not None,
        "seed": seed,
        "machine": machine(),
        "rows": rows,
    }


def _shown(run: AlignedRun, sae: AlignedSAE, seed: int) -> dict[str, Any]:
    """What these write rows do."""
    setting = replace(run.setting, sae=sae)
    items = validation_items(setting, ITEMS, seed)
    curve = best_strength(setting, items, EDIT, STRENGTHS, "validating write rows")
    tests = carried(replace(setting, strength=curve.best), seed=seed)
    return {"strength": curve.best, "hit": curve.hits[curve.best], "n": len(items), "carries": tests}
