"""`kedit bench two-hop`: questions over two steps, a slot for each, swaps of either judged by the composed answer."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from kedit.bench.report import machine
from kedit.bench.taught import base_model
from kedit.bench.two_hop_world import SPLITS, invented_facts, published_facts, write_two_hop_world
from kedit.curriculum.hops import HopPrompt, build_hops
from kedit.curriculum.prompts import Prompt, build_prompts
from kedit.curriculum.slots import build_slots
from kedit.curriculum.splits import unit_hash
from kedit.editing.metric_names import HEADLINE_QUADRANT, QUADRANTS
from kedit.errors import InputError, KeditError, Place
from kedit.files import digest, write_json
from kedit.lm.model import LanguageModel
from kedit.lm.store import pick_device
from kedit.lm.teach import teach
from kedit.lm.tiny import make_tiny, stacked
from kedit.ontology import Ontology, load_ontology, require_alignable
from kedit.progress import say
from kedit.sae.saelens import save_sae
from kedit.stages.examples import trained_pairs
from kedit.stages.hopping import Bound, bind_step
from kedit.stages.models import lessons
from kedit.verification.binding import accuracy
from kedit.verification.hopping import ARMS, HopSetting, Row, measure, readings, right
from kedit.verification.statistics import Estimate, bootstrap_ci

SCHEMA: Final = "kedit.two-hop/1"
VERSION: Final = 1
"""Raised where code changes the base model."""
SEEDS: Final = (101, 102, 103)
GATE: Final = 0.98
"""Least share of composed questions that the unedited model answers, of all people in the training carriers."""
GRADED: Final = 4000
TAUGHT: Final = (2, 1)
"""In how many of its training carriers a composed question is taught, and in how many of the others."""
READ: Final = 2000
PER_CELL: Final = 1000


@dataclass(frozen=True)
class Size:
    """The base model, and how it is taught: epochs of its lower half, of the upper one on few words and on all, of the whole."""

    width: int = 128
    layers: int = 6
    lr: float = 2e-3
    batch: int = 80
    epochs: tuple[int, int, int, int] = (40, 40, 20, 8)


def two_hops(
    out: Path,
    seeds: Sequence[int] = SEEDS,
    *,
    facts: Path | None = None,
    world: int = 0,
    device: str = "auto",
    size: Size = Size(),
) -> dict[str, Any]:
    """The whole measurement: `kedit.two-hop/1`, also kept as OUT/two-hop.json; slots in OUT/seed-S/step-N.

    facts: the published fact base (`facts.jsonl`) in place of invented ones. world: seed of invented facts, and of who is held
    out. KeditError if the base model does not know enough of the world.
    """
    out.mkdir(parents=True, exist_ok=True)
    path = out / "two-hop.ttl"
    write_two_hop_world(path, invented_facts(world) if facts is None else published_facts(facts), world)
    ontology = load_ontology(path)
    relations = tuple(require_alignable(ontology))
    slots = build_slots(ontology, relations)
    hops, refused = build_hops(ontology, slots, relations)
    if not hops:
        raise InputError("no chain of these facts can be asked", advice=next(iter(refused.values()), None))
    _require_enough(ontology, relations, hops, facts or path)
    singles = build_prompts(ontology, slots, relations)
    spent = {"base model": time.monotonic()}
    key = digest([path.read_text(encoding="utf-8"), asdict(size), VERSION])
    lm = base_model(out / "model", key, partial(_taught, ontology, hops, lessons(singles, ontology), size, device), device)
    spent["base model"] = time.monotonic() - spent["base model"]
    base = _gates(HopSetting(lm, ontology, relations, tuple(hops)))
    if base["training questions"] < GATE:
        raise KeditError(f"the base model answers {base['training questions']:.1%} of composed questions, not {GATE:.0%}")
    silent = [prompt for prompt in singles.negatives if prompt.carrier_split == "train"]
    runs = []
    for seed in seeds:
        begun = time.monotonic()
        runs.append(_run(HopSetting(lm, ontology, relations, tuple(hops), seed), silent, out / f"seed-{seed}"))
        spent[f"seed {seed}"] = time.monotonic() - begun
    document = {
        "schema": SCHEMA,
        "facts": "invented" if facts is None else "published",
        "world": {
            "seed": world,
            "ontology_sha256": ontology.sha256,
            "people": len(ontology.individuals),
            "relations": len(relations),
            "chains": len({hop.path for hop in hops}),
        },
        "size": asdict(size),
        "machine": machine(),
        "timing": {name: round(seconds, 1) for name, seconds in spent.items()},
        "base": base,
        "runs": runs,
    }
    write_json(out / "two-hop.json", document)
    return document


def _require_enough(ontology: Ontology, relations: Sequence[str], hops: Sequence[HopPrompt], path: Path) -> None:
    """InputError for facts by which slots cannot be trained, chosen and tested, before a model is taught them."""

    def refused(message: str, advice: str) -> InputError:
        return InputError(message, place=Place(path), advice=advice)

    begun_by = {hop.subject_split for hop in hops}
    if absent := [split for split, _ in SPLITS if split not in begun_by]:
        advice = "People are held out of those to whom no fact leads: there should be four of them, better ten or more."
        raise refused(f"no chain begins at anybody of the split {' or '.join(absent)}", advice)
    training = {(hop.subject, hop.path.steps) for hop in hops if hop.subject_split == "train"}
    for number in range(len(hops[0].path.steps)):
        if idle := set(relations) - {steps[number] for _, steps in training}:
            named = ", ".join(sorted(map(ontology.curie, idle)))
            advice = "Give its people and values further facts, or leave it out."
            raise refused(f"no chain of a training person has {named} as step {number + 1}", advice)
        alike = Counter((subject, steps[:number], steps[number + 1 :]) for subject, steps in training)
        if max(alike.values()) < 2:
            raise refused(f"no two chains differ in step {number + 1} alone", "Give people facts of two relations or more.")


def _taught(ontology: Ontology, hops: Sequence[HopPrompt], told: list[tuple[str, str]], size: Size, device: str) -> LanguageModel:
    """A model from scratch that answers composed questions.

    Taught them at once it never learnt to compose (0.13, what the last relation alone tells, after six epochs). So half of it
    learns to look up: single facts, who that is at a name behind "the boss of", and which relation a composed question asks of
    whoever that is. Stacked on itself it looks up twice: the upper half learns composed questions, first in their shortest
    words, while the lower keeps what it does. Last, at half the rate, all of it learns everything: of held-out people in words
    that only others were taught in, the upper half alone knew 0.44.
    """
    text = {iri: ontology.texts(iri)[0] for iri in ontology.individuals}
    asked = _by_question(hops, training=True)
    shortest = [min(alike, key=lambda hop: (len(hop.text), hop.id)) for alike in asked]
    taught = [hop for alike in asked for hop in alike[: TAUGHT[0]]]
    parts = {(hop.upto("subject", 0), text[hop.bridges[0]]) for hop in [*taught, *shortest]}
    parts |= {(hop.text, str(ontology.relations[hop.path.steps[-1]].phrase)) for hop in taught}
    taught += [hop for alike in _by_question(hops, training=False) for hop in alike[: TAUGHT[1]]]
    composed = [(hop.text, text[hop.answers[0]]) for hop in shortest]
    everything = [*told, *((hop.text, text[hop.answers[0]]) for hop in taught)]
    say(f"teaching {size.layers} blocks of width {size.width} {len(told):,} facts and {len(taught):,} composed questions")
    lm = make_tiny([f"{a} {b}\n" for a, b in everything], width=size.width, layers=size.layers // 2, device=pick_device(device))
    pace: dict[str, Any] = {"lr": size.lr, "batch_size": size.batch, "per_text": 5, "target_accuracy": 0.998}
    lm = teach(lm, [*told, *sorted(parts)], epochs=size.epochs[0], from_scratch=True, **pace)
    upper = {"from_scratch": False, "trainable_from": lm.n_layers, **pace}
    lm = teach(stacked(lm), composed, epochs=size.epochs[1], **upper)
    lm = teach(lm, everything, epochs=size.epochs[2], **upper)
    return teach(lm, everything, epochs=size.epochs[3], from_scratch=False, **{**pace, "lr": size.lr / 2})


def _by_question(hops: Sequence[HopPrompt], *, training: bool) -> list[list[HopPrompt]]:
    """Composed questions, each in all of its training carriers by hash; or, about training people alone, in the others."""
    found: dict[tuple[str, tuple[str, ...]], list[HopPrompt]] = defaultdict(list)
    for hop in hops:
        if (hop.carrier_split == "train") is training and (training or hop.subject_split == "train"):
            found[hop.subject, hop.path.steps].append(hop)
    return [sorted(alike, key=lambda hop: unit_hash("lesson", hop.id)) for alike in found.values()]


def _gates(setting: HopSetting) -> dict[str, float]:
    """Shares of composed questions that the base model answers: about everybody, and about held-out people in unseen words."""
    training = [hop for hop in setting.prompts if hop.carrier_split == "train"]
    training = sorted(training, key=lambda hop: unit_hash("gate", hop.id))[:GRADED]
    held = setting.by_cell["unseen_template_unseen_subject"][:GRADED]
    shares = {"training questions": right(setting, training), "held-out people and carriers": right(setting, held)}
    return {name: sum(hits) / max(len(hits), 1) for name, hits in shares.items()}


def _run(setting: HopSetting, silent: Sequence[Prompt], folder: Path) -> dict[str, Any]:
    """What is measured with one seed of alignment."""
    steps = []
    for number in range(len(setting.prompts[0].path.steps)):
        say(f"seed {setting.seed}: step {number + 1}")
        bound = bind_step(setting, number, silent)
        told = {"step": number + 1, "site": bound.step.site, "terms": setting.relations, "strength": bound.curve.best}
        save_sae(folder / f"step-{number + 1}", replace(bound.step.sae, metadata=told))
        steps.append(_measured(setting, bound))
    return {"seed": setting.seed, "steps": steps}


def _measured(setting: HopSetting, bound: Bound) -> dict[str, Any]:
    """Binding and swaps of a step, in every quadrant."""
    step, pairs = bound.step, trained_pairs(setting.relations, setting.seed)
    asked = [prompt for cell in QUADRANTS for prompt in setting.by_cell[cell][:READ]]
    read = readings(setting, step, asked)
    swaps: list[dict[str, Any]] = []
    targets: list[dict[str, Any]] = []
    for cell in QUADRANTS:
        items = setting.items(step.number, cell, PER_CELL)
        for arm in ARMS:
            rows = measure(setting, step, items, arm, bound.curve.best)
            told = {"all": rows, "trained": [row for row in rows if (row.source, row.target) in pairs]}
            told["never_trained"] = [row for row in rows if (row.source, row.target) not in pairs]
            swaps += [{"quadrant": cell, "arm": arm, "pairs": name, **_told(some, setting.seed)} for name, some in told.items()]
            if (cell, arm) == (HEADLINE_QUADRANT, "edit"):
                targets = list(_by_target(setting, rows))
    return {
        "step": step.number + 1,
        "site": step.site,
        "hook_point": step.sae.hook_point,
        "tried": bound.tried,
        "strength": bound.curve.best,
        "strength_curve": [{"strength": strength, "hit": hit} for strength, hit in bound.curve.hits.items()],
        "binding": [{"quadrant": cell, **_figure(accuracy(read, cell, seed=setting.seed))} for cell in QUADRANTS],
        "swaps": swaps,
        "targets": targets,
    }


def _told(rows: Sequence[Row], seed: int) -> dict[str, Any]:
    hit = bootstrap_ci([row.hit for row in rows], [row.subject for row in rows], [row.carrier for row in rows], seed=seed)
    return {**_figure(hit), "stuck": sum(row.stuck for row in rows) / len(rows) if rows else None}


def _figure(found: Estimate) -> dict[str, Any]:
    if not found.n:
        return {"value": None, "ci": None, "n": 0, "subjects": 0}
    return {"value": found.value, "ci": [found.low, found.high], "n": found.n, "subjects": found.subjects}


def _by_target(setting: HopSetting, rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """Hits by the relation that is written, in the headline quadrant."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.target].append(row)
    for target, some in sorted(found.items()):
        yield {"to": setting.ontology.curie(target), "n": len(some), "hit": sum(row.hit for row in some) / len(some)}
