"""How cost grows with prompts, relations, hook points and the dictionary's width: `kedit.scaling/1`, a table and a picture.

On models made from scratch and left untaught: what grows how fast does not depend on what a model knows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch

from kedit.bench.dictionary import Size, dictionary_step
from kedit.bench.floors import median, timed
from kedit.bench.report import machine
from kedit.curriculum.answers import matchers
from kedit.curriculum.prompts import Prompt, PromptSet, build_prompts
from kedit.curriculum.slots import SlotMap, build_slots
from kedit.files import write_text
from kedit.lm.capture import capture_decisions
from kedit.lm.knowledge import Knowledge
from kedit.lm.model import LanguageModel
from kedit.lm.tiny import make_tiny
from kedit.ontology import load_ontology
from kedit.ontology.model import Ontology
from kedit.progress import say
from kedit.sae.dictionary import AlignedSAE
from kedit.stages.examples import trained_pairs
from kedit.verification.evaluating import evaluate_run
from kedit.verification.setting import Setting

LINEAR: Final = 1.1
"""The largest exponent of a cost that counts as linear."""
WIDTH, BLOCKS, LAYER = 128, 8, 5
PROMPTS: Final = (1_000, 2_000, 4_000, 8_000)
RELATIONS: Final = (4, 8, 16, 32)
SUBJECTS: Final = 60
DAMAGE: Final = 50
"""Prompts and positions on which damage is measured, whatever the size."""
HOOK_POINTS: Final = (1, 2, 4, 8)
LATENTS: Final = (1024, 2048, 4096, 8192)
NOUNS: Final = (
    *("colour", "fruit", "river", "tool", "metal", "planet", "month", "dance"),
    *("flower", "spice", "bird", "fabric", "game", "drink", "stone", "tree"),
    *("letter", "number", "season", "room", "poet", "island", "star", "organ"),
    *("weapon", "dish", "sport", "song", "hill", "boat", "coin", "insect"),
)
TEMPLATES: Final = (
    ("questionTemplate", "What is the {noun} of {{subject}}?"),
    ("questionTemplate", "Which {noun} belongs to {{subject}}?"),
    ("clozeTemplate", "The {noun} of {{subject}} is {{object}}"),
    ("clozeTemplate", "For {{subject}} the right {noun} is {{object}}"),
    ("validationTemplate", "As to the {noun}, {{subject}} has {{object}}"),
    ("heldOutTemplate", "Asked for a {noun}, {{subject}} says {{object}}"),
)


class Point(NamedTuple):
    """Seconds at one size."""

    size: int
    seconds: float


class Axis(NamedTuple):
    """What grows, the work that is timed, and the cost at each size."""

    name: str
    work: str
    points: tuple[Point, ...]

    @property
    def exponent(self) -> float:
        """Slope of the least-squares line through the logarithms: 1 is linear."""
        x, y = ([math.log(value) for value in column] for column in zip(*self.points, strict=True))
        mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
        above = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
        return above / sum((a - mean_x) ** 2 for a in x)

    def document(self) -> dict[str, Any]:
        """As it stands in the document."""
        points = [{"size": point.size, "seconds": point.seconds} for point in self.points]
        return {"axis": self.name, "work": self.work, "points": points, "exponent": self.exponent}


def measure_scaling(folder: Path, repeat: int = 3) -> dict[str, Any]:
    """Time each kind of work at growing sizes; worlds are written into `folder`. `kedit.scaling/1`."""
    axes = [*_capture_axes(folder, repeat), _relations_axis(folder, repeat), _latents_axis(repeat)]
    return {
        "schema": "kedit.scaling/1",
        "machine": machine(),
        "model": {"width": WIDTH, "blocks": BLOCKS, "hook_point": f"blocks.{LAYER}.hook_resid_post"},
        "axes": [axis.document() for axis in axes],
        "notes": [
            "exponent: slope of the line through the logarithms; 1 is linear",
            f"relations: prompts and slots made, every prompt read, the run evaluated; {SUBJECTS} subjects each",
        ],
    }


class _World(NamedTuple):
    ontology: Ontology
    slots: SlotMap
    prompts: PromptSet
    lm: LanguageModel


def write_world(path: Path, relations: int, subjects: int) -> None:
    """Turtle: subjects with one of ten values of each relation."""
    lines = [
        "@prefix ex: <https://example.org/growing#> .",
        "@prefix owl: <http://www.w3.org/2002/07/owl#> .",
        "@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .",
        "@prefix kedit: <https://w3id.org/kedit/ns#> .",
        "<https://example.org/growing> a owl:Ontology .",
        "ex:Thing a owl:Class ; rdfs:label 'thing' .",
    ]
    for noun in NOUNS[:relations]:
        lines.append(f"ex:{noun} a owl:DatatypeProperty ; rdfs:label '{noun}' ; rdfs:domain ex:Thing .")
        lines += [f"ex:{noun} kedit:{kind} '{text.format(noun=noun)}' ." for kind, text in TEMPLATES]
    for number in range(subjects):
        lines.append(f"ex:s{number} a ex:Thing ; rdfs:label 'Subject{number}' .")
        lines += [f"ex:s{number} ex:{noun} '{noun}{(7 * number + i) % 10}' ." for i, noun in enumerate(NOUNS[:relations])]
    write_text(path, "\n".join(lines) + "\n")


def _world(folder: Path, relations: int, subjects: int) -> tuple[Ontology, SlotMap, PromptSet]:
    path = folder / f"world-{relations}-{subjects}.ttl"
    write_world(path, relations, subjects)
    ontology = load_ontology(path)
    slots = build_slots(ontology, tuple(ontology.relations))
    return ontology, slots, build_prompts(ontology, slots, tuple(ontology.relations), max_subjects=subjects)


def _model(prompts: Sequence[Prompt]) -> LanguageModel:
    return make_tiny([prompt.text for prompt in prompts], width=WIDTH, layers=BLOCKS)


def _capture_axes(folder: Path, repeat: int) -> Iterator[Axis]:
    """Capture against prompts, and against hook points."""
    asked = _world(folder, 4, 2 * max(PROMPTS) // (4 * len(TEMPLATES)))[2].asked
    lm = _model(asked[:2000])
    ids, carriers = lm.encode_batch([prompt.text for prompt in asked]), [prompt.carrier for prompt in asked]

    def capture(count: int, layers: Sequence[int]) -> Callable[[], Any]:
        # Evenly, so that every size has prompts of every carrier.
        chosen = [int(i * len(ids) / count) for i in range(count)]
        return lambda: capture_decisions(lm, [ids[i] for i in chosen], [carriers[i] for i in chosen], layers)

    yield _axis("prompts", "capture", PROMPTS, lambda count: capture(count, (LAYER,)), repeat)
    all_blocks = range(BLOCKS)
    yield _axis("hook points", "capture", HOOK_POINTS, lambda n: capture(2000, (*all_blocks[: n - 1], BLOCKS - 1)), repeat)


def _relations_axis(folder: Path, repeat: int) -> Axis:
    # One model for all: its vocabulary must not grow with the world.
    lm = _model(_world(folder, max(RELATIONS), SUBJECTS)[2].asked)

    def work(relations: int) -> Callable[[], Any]:
        def do() -> int:
            ontology, slots, prompts = _world(folder, relations, SUBJECTS)
            texts = lm.encode_batch([prompt.text for prompt in prompts.prompts])
            x = capture_decisions(lm, texts, [prompt.carrier for prompt in prompts.prompts], (LAYER,))[LAYER]
            states = dict(zip((prompt.id for prompt in prompts.prompts), x, strict=True))
            setting = _setting(_World(ontology, slots, prompts, lm), states)
            evaluated = evaluate_run(
                setting, controls=("noop", "random_direction"), null_latents=0, locality_n=DAMAGE, neutral_n=DAMAGE
            )
            return len(evaluated.rows)

        return do

    return _axis("relations", "prompts to evaluation", RELATIONS, work, repeat)


def _setting(world: _World, states: dict[str, torch.Tensor]) -> Setting:
    """Slots that read and write anything, on a model that is taken to know everything."""
    ontology, slots, prompts, lm = world
    generator = torch.Generator().manual_seed(0)
    D = torch.randn(len(slots), WIDTH, generator=generator)
    sae = AlignedSAE(
        LAYER, torch.linalg.pinv(D), torch.zeros(len(slots)), D, torch.zeros(WIDTH), torch.full((len(slots),), -1e9), len(slots)
    )
    facts = {(str(prompt.subject), str(prompt.relation)) for prompt in prompts.asked}
    known = dict.fromkeys(facts, True)
    texts = ("",) * len(prompts.asked)
    nothing: dict[Any, Any] = {}
    knowledge = Knowledge(texts, ((),) * len(texts), (True,) * len(texts), known, known, nothing, nothing, nothing, {})
    relations = tuple(slot.iri for slot in slots.relations)
    return Setting(
        lm,
        sae,
        ontology,
        slots,
        prompts,
        knowledge,
        matchers(ontology, relations),
        trained_pairs(relations, 0),
        states=states,
    )


def _latents_axis(repeat: int) -> Axis:
    points = []
    for m in LATENTS:
        say(f"latents: {m:,}")
        points.append(Point(m, dictionary_step(Size(m=m, batch=2048), repeat, torch.device("cpu")).kedit_s))
    return Axis("latents", "dictionary step", tuple(points))


def _axis(name: str, work: str, sizes: Sequence[int], of: Callable[[int], Callable[[], Any]], repeat: int) -> Axis:
    """Sizes in turn, again and again: a machine that slows down for a while slows all of them."""
    cpu = torch.device("cpu")
    jobs = {size: of(size) for size in sizes}
    jobs[sizes[0]]()
    runs: dict[int, list[Any]] = {size: [] for size in sizes}
    for _ in range(repeat):
        for size, job in jobs.items():
            say(f"{name}: {size:,}")
            runs[size].append(timed(job, cpu))
    return Axis(name, work, tuple(Point(size, median(some)) for size, some in runs.items()))
