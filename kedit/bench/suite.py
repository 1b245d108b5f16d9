"""The benchmarks by name: `kedit bench capture | control | swap | train`, and all of them, each in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from kedit.bench.report import Work, document, machine
from kedit.errors import InputError, KeditError
from kedit.progress import say

PROMPTS: Final[Mapping[Work, int]] = {"capture": 1200, "control": 240, "swap": 240}
"""Prompts at least; whole carriers of them."""
NOTES: Final = (
    "naive: one prompt at a time through the whole model, measured on 24 prompts or swaps and scaled to all",
    "of floor: products with weights and attention alone, at the rate of a matrix product of the same dtype measured in between",
    "equal: what kedit and the naive way make of these 24; states, losses and gradients within 1e-3 (3e-2 in half precision), "
    "answers token for token",
)
TRAIN_NOTES: Final = (
    "naive: the dense step, every gradient by autograd, Adam as it comes",
    "of floor: the encoder's product alone, measured in between",
    "equal: gradients within 1e-3 of the dense step's largest entry",
)


def measure_model(
    work: Work,
    ontology: Path,
    *,
    model: str,
    device: str = "auto",
    wheel: Path | None = None,
    prompts: int | None = None,
    layers: Sequence[int] = (),
    repeat: int = 3,
) -> dict[str, Any]:
    """Measure one kind of work of a model on an ontology's prompts: `kedit.bench/1`.

    `layers`: hook points, the last one that of edits; by default those that `kedit align` would try. InputError for what cannot
    be measured on.
    """
    from kedit.bench import models
    from kedit.bench.workload import load_workload
    from kedit.lm.cache import TINY
    from kedit.lm.store import load_model
    from kedit.machine import keep_freed_memory
    from kedit.ontology import load_ontology
    from kedit.stages.asking import candidate_layers

    if model == TINY:
        raise InputError("tiny is made from an ontology and taught; there is nothing to load", advice="Name another model.")
    keep_freed_memory()
    read = load_ontology(ontology)  # before the model: what is wrong with it is said at once
    lm = load_model(model, device=device, wheel=wheel)
    if too_deep := [layer for layer in layers if layer >= lm.n_layers - 1]:
        advice = f"Choose blocks from 0 to {lm.n_layers - 2}: nothing comes after the last one."
        raise InputError(f"--layers {too_deep[0]}: {lm.name} has blocks 0 to {lm.n_layers - 1}", advice=advice)
    loaded = load_workload(lm, read, prompts or PROMPTS[work], tuple(layers) or candidate_layers(lm.n_layers))
    say(f"{work}: {len(loaded.prompts):,} prompts")
    measured = {"capture": models.capture, "control": models.control, "swap": models.swap}[work](loaded, repeat)
    facts = {
        "model": lm.name,
        "ontology": ontology.name,
        "prompts": len(loaded.prompts),
        "carriers": len(set(loaded.carriers)),
        **{name: round(mean, 1) for name, mean in measured.lengths.items()},
        "hook_points": ", ".join(f"blocks.{layer}" for layer in loaded.layers),
        "dtype": str(lm.dtype).removeprefix("torch."),
        "device": lm.device.type,
        "repeat": repeat,
    }
    return document([measured.result], facts, NOTES)


def measure_dictionary(d: int, m: int, k: int, batch: int, repeat: int = 3, device: str = "auto") -> dict[str, Any]:
    """Measure a training step of the dictionary: `kedit.bench/1`. InputError for sizes that fit no dictionary.

    Where SAELens or sparsify are installed their steps, too.
    """
    from kedit.bench.dictionary import Size, dictionary_step
    from kedit.bench.rivals import NOTE, rival_steps
    from kedit.lm.store import pick_device
    from kedit.machine import keep_freed_memory

    if not 0 < k <= m:
        raise InputError(f"--k {k} of {m} latents", advice="Take at least one latent and at most all of them.")
    keep_freed_memory()
    where = pick_device(device)
    size = Size(d, m, k, batch)
    result, others = dictionary_step(size, repeat, where), list(rival_steps(size, repeat, where))
    notes = (*TRAIN_NOTES, NOTE) if others else TRAIN_NOTES
    return document([result, *others], {"device": where.type, "repeat": repeat}, notes)


def measure_all(options: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Every benchmark as `kedit bench NAME` with its options, one after the other; one document."""
    found = [_in_a_process(name, arguments) for name, arguments in options.items()]
    return {
        "schema": "kedit.bench/1",
        "machine": machine(),
        "workload": {name: one["workload"] for name, one in zip(options, found, strict=True)},
        "results": [row for one in found for row in one["results"]],
        "notes": _each_once(note for one in found for note in one["notes"]),
    }


def _in_a_process(name: str, arguments: Sequence[str]) -> dict[str, Any]:
    """Memory is what one benchmark takes, and nothing is warm from another."""
    command = [sys.executable, "-m", "kedit", "bench", name, *arguments, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    try:
        return dict(json.loads(done.stdout))
    except ValueError:
        raise KeditError(f"`kedit bench {name}` ended with exit code {done.returncode}") from None


def _each_once(notes: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(notes))
