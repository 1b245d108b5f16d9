"""`kedit bench alignsae`: the biography task of AlignSAE, its method and others beside kedit's, on the same prompts.

One world, one base model that was taught it, one run of `kedit align` per seed; then every method answers the same swaps, about
people and in words that none of them was trained on.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from kedit.bench.biography import biographies, write_biography
from kedit.bench.ladder import Ladder
from kedit.bench.report import machine
from kedit.bench.taught import base_model, is_kept
from kedit.config import AlignConfig
from kedit.curriculum.prompts import PromptSet, build_prompts
from kedit.curriculum.slots import build_slots
from kedit.errors import InputError, KeditError
from kedit.files import digest, read_json, write_json
from kedit.lm.model import LanguageModel
from kedit.lm.store import pick_device
from kedit.lm.teach import teach
from kedit.lm.tiny import make_tiny
from kedit.ontology import Ontology, load_ontology, require_alignable
from kedit.progress import say
from kedit.stages.aligned import AlignedRun
from kedit.stages.models import lessons

SCHEMA: Final = "kedit.ladder/1"
VERSION: Final = 3
"""Raised where code changes the base model."""
GATES: Final = {"training questions": 0.98, "held-out carriers": 0.95}
"""Least share of right answers without an edit; held-out carriers count for training people, as they were taught."""
EPOCHS: Final = 24
BIOGRAPHIES: Final = 40
"""Cuts of biographies a person is taught by. A model that stopped at 99.8 % right after ten of them answered every question, but
of some people it fetched others' facts where a swap alone asked: 0.89 of swaps hit on validation (world 1, n = 300), 0.93 after
ten epochs more of the same, 0.96 after ten with forty."""
SEEDS: Final = (101, 102, 103)


@dataclass(frozen=True)
class Profile:
    """How large the world and its model are, and how the model is taught: peak rate, examples a step."""

    people: int
    width: int
    layers: int
    lr: float
    batch: int


PROFILES: Final = {
    "laptop": Profile(200, 256, 6, lr=2e-3, batch=80),
    "paper": Profile(1000, 768, 12, lr=8e-4, batch=80),
}


def climb(
    profile: str,
    out: Path,
    seeds: Sequence[int] = SEEDS,
    people: int | None = None,
    device: str = "auto",
    *,
    world: int = 0,
    checkpoints: bool = False,
) -> dict[str, Any]:
    """The whole ladder: `kedit.ladder/1`, also kept as OUT/ladder.json.

    World, base model, runs and whatever else is there already in `out` is used again. `world`: the seed that its people are
    drawn with. `checkpoints`: the base model as it was while it was taught is kept, too, in OUT/checkpoints. KeditError if the
    base model does not know enough of the world to be judged by it.
    """
    from kedit.pipeline import align

    size = PROFILES[profile] if people is None else replace(PROFILES[profile], people=people)
    out.mkdir(parents=True, exist_ok=True)
    ontology = out / "biography.ttl"
    write_biography(ontology, size.people, world)
    spent = {"base model": time.monotonic()}
    base = _base_model(ontology, size, out / "model", device, out / "checkpoints" if checkpoints else None)
    spent["base model"] = time.monotonic() - spent["base model"]
    rows: list[dict[str, Any]] = []
    about: list[dict[str, Any]] = []
    shared, layer = out / f"seed-{seeds[0]}" / "activations", None
    for seed in seeds:
        begun = time.monotonic()
        settings = {
            "ontology": ontology,
            "model": str(out / "model"),
            "teach": "never",
            "hold": True,
            "device": device,
            "seed": seed,
            "layer": layer,
            "out": out / f"seed-{seed}",
            "max_subjects": size.people,
        }
        cfg = AlignConfig.load(None, settings)
        run = align(cfg, model=base, activations=shared if shared.is_dir() else None)
        base_knows = gates(run)
        _require_gates(base_knows)
        aligned = time.monotonic()
        part = _part(run, seed)
        rows += part["rows"]
        spent[f"align, seed {seed}"] = aligned - begun
        spent[f"ladder, seed {seed}"] = part["seconds"]
        about.append({"seed": seed, "hook_point": run.sae.hook_point, "layers": run.tried, "base": base_knows, **part["about"]})
        layer = run.layer
    document = {
        "schema": SCHEMA,
        "profile": profile,
        "size": asdict(size),
        "world": world,
        "machine": machine(),
        "timing": {name: round(seconds, 1) for name, seconds in spent.items()},
        "runs": about,
        "rows": rows,
    }
    write_json(out / "ladder.json", document)
    return document


def _biographies(read: Ontology, relations: Sequence[str], people: Sequence[str]) -> list[tuple[str, str]]:
    """What the model is taught beside questions: the same facts as running text."""
    facts = {
        person: {relation.rpartition("#")[2]: read.texts(read.values(relation, person)[0])[0] for relation in relations}
        for person in people
    }
    return biographies({person: read.texts(person)[0] for person in people}, facts, BIOGRAPHIES)


def _part(run: AlignedRun, seed: int) -> dict[str, Any]:
    """What a seed adds to the ladder, kept in its run: a ladder of several seeds goes on where it was cut off."""
    path = run.path / "ladder.json"
    key = digest([run.slots_hash, seed, VERSION])
    if path.is_file() and (kept := read_json(path)).get("key") == key:
        return dict(kept)
    begun, ladder = time.monotonic(), Ladder(run, seed)
    part = {"key": key, "rows": ladder.rows(), "about": ladder.about(), "seconds": round(time.monotonic() - begun, 1)}
    write_json(path, part)
    return part


def gates(run: AlignedRun) -> dict[str, float]:
    """Share of right answers of the unedited model: all people by training carriers, training people by held-out ones."""
    asked = list(zip(run.prompts.asked, run.knowledge.hits, strict=True))
    trained = [hit for prompt, hit in asked if prompt.carrier_split == "train"]
    held = [hit for prompt, hit in asked if prompt.carrier_split == "heldout" and prompt.subject_split == "train"]
    return {name: sum(hits) / max(len(hits), 1) for name, hits in zip(GATES, (trained, held), strict=True)}


def _require_gates(found: dict[str, float]) -> None:
    if short := [f"{name} {share:.1%} (at least {GATES[name]:.0%})" for name, share in found.items() if share < GATES[name]]:
        raise KeditError(f"the base model does not know the world well enough: {', '.join(short)}")


def _base_model(ontology: Path, size: Profile, folder: Path, device: str, checkpoints: Path | None) -> LanguageModel:
    """The model that was taught the world, from its folder if it is that one."""
    key = digest([ontology.read_text(encoding="utf-8"), asdict(size), EPOCHS, BIOGRAPHIES, VERSION])
    if is_kept(folder, key) and checkpoints is not None and not checkpoints.is_dir():
        raise InputError(f"{folder} was taught without --checkpoints", advice="Name another --out, or remove it.")
    return base_model(folder, key, partial(_taught, ontology, size, device, checkpoints), device)


def _taught(ontology: Path, size: Profile, device: str, checkpoints: Path | None) -> LanguageModel:
    read = load_ontology(ontology)
    relations = tuple(require_alignable(read))
    prompts: PromptSet = build_prompts(read, build_slots(read, relations), relations, max_subjects=size.people)
    told = lessons(prompts, read) + _biographies(read, relations, sorted({str(prompt.subject) for prompt in prompts.asked}))
    texts = [f"{text} {answer}\n" for text, answer in told]
    say(f"teaching {size.layers} blocks of width {size.width} {len(told):,} answers about {size.people} people")
    untaught = make_tiny(texts, width=size.width, layers=size.layers, device=pick_device(device))
    pace: dict[str, Any] = {"epochs": EPOCHS, "lr": size.lr, "batch_size": size.batch, "target_accuracy": None}
    if checkpoints is not None:
        shutil.rmtree(checkpoints, ignore_errors=True)  # of a teaching that was killed
    return teach(untaught, told, **pace, from_scratch=True, checkpoints=checkpoints)
