"""`kedit capture`: states of an ontology's prompts to files, by one process or by several whose parts are then merged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedit.config import AlignConfig
from kedit.lm import shards
from kedit.machine import metered
from kedit.progress import say
from kedit.stages.asking import candidate_layers
from kedit.stages.job import Inputs, ModelSource
from kedit.stages.probing import made_prompts

if TYPE_CHECKING:
    from kedit.machine import Spent


def capture(
    cfg: AlignConfig,
    out: Path,
    *,
    layers: Sequence[int] = (),
    shard: tuple[int, int] = (1, 1),
    window: int | None = None,
    threads: int | None = None,
) -> dict[str, Any]:
    """States at the last token of every prompt: the parts of one shard, and prompts.jsonl; `kedit.capture/1`."""
    with metered() as spent:
        inputs = Inputs(cfg)
        _, prompts = made_prompts(inputs)
        lm = ModelSource(cfg).lm
        from kedit.lm.activations import Capture

        pairs = [(prompt.text, prompt.carrier) for prompt in prompts.prompts]
        layers = tuple(layers) or candidate_layers(lm.n_layers)
        work = Capture(lm, pairs, out, layers, window=window or shards.WINDOW, threads=threads)
        prompts.save(out / shards.PROMPTS)
        plan = work.plan
        say(f"{plan.n:,} prompts in {plan.parts} parts, of which shard {shard[0]}/{shard[1]} makes {len(plan.mine(shard))}")
        if plan.parts < shard[1]:
            say(f"shards beyond the {plan.parts}. have nothing to do; a smaller --window, the same for all, makes more parts")
        found = work.run(shard)
    parts = {"made": list(found.made), "kept": list(found.kept), "missing": shards.missing(out, plan)}
    return _document(out, plan, f"{shard[0]}/{shard[1]}", parts, spent)


def merge(folders: Sequence[Path], out: Path) -> dict[str, Any]:
    """The parts of several folders in one; `kedit.capture/1`. InputError if one is missing or foreign."""
    with metered() as spent:
        plan, copied = shards.merge(folders, out)
    kept = [part for part in range(plan.parts) if part not in set(copied)]
    return _document(out, plan, None, {"made": copied, "kept": kept, "missing": []}, spent)


def _document(out: Path, plan: shards.Plan, shard: str | None, parts: Mapping[str, Any], spent: Spent) -> dict[str, Any]:
    return {
        "schema": "kedit.capture/1",
        "out": str(out),
        "plan": plan.document(),
        "shard": shard,
        "parts": dict(parts),
        "seconds": round(spent.seconds, 3),
        "peak_memory": spent.memory,
    }
