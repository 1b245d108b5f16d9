"""Labelled prompts: carriers x subjects, with answers, slots and splits."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from heapq import nsmallest
from pathlib import Path
from typing import ClassVar, Literal, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from kedit.curriculum.answers import AnswerMatcher, fold, matchers, normalise
from kedit.curriculum.carriers import Carrier, Style, bare_carriers, neutral_carriers, relation_carriers
from kedit.curriculum.neutral import eval_sentences, train_sentences
from kedit.curriculum.slots import SlotMap
from kedit.curriculum.splits import subject_splits, unit_hash, withheld
from kedit.errors import InputError, Place
from kedit.files import atomic
from kedit.ontology.model import Ontology, Role, Split

__all__ = ["AnswerMatcher", "Carrier", "Prompt", "PromptSet", "Quadrant", "build_prompts", "matchers", "quadrant"]

SCHEMA = "kedit.prompts/1"
BARE_PER_SUBJECT: dict[Role, int] = {"train": 3, "valid": 1, "heldout": 2}
Quadrant = Literal[
    "seen_template_seen_subject",
    "unseen_template_seen_subject",
    "seen_template_unseen_subject",
    "unseen_template_unseen_subject",
]


@dataclass(frozen=True, slots=True)
class Prompt:
    """One labelled prompt. `answers` are all values the ontology lists; `slots` are on, ancestors included."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    id: str
    text: str
    relation: str | None
    subject: str | None
    answers: tuple[str, ...]
    carrier: str
    carrier_split: Role
    subject_split: Split | None
    slots: tuple[int, ...]
    subject_span: tuple[int, int] | None
    withheld: tuple[str, ...] = ()
    """Answers that gold training must not use: the other half of a symmetric pair belongs to a test subject."""


def quadrant(prompt: Prompt) -> Quadrant | None:
    """Which quadrant of the evaluation a prompt stands in; None for validation carriers and subjects, and negatives."""
    return None if prompt.relation is None else cell(prompt)


def cell(prompt: Prompt) -> Quadrant | None:
    """The same of any text about a subject, whether or not it asks something."""
    template = {"train": "seen", "heldout": "unseen"}.get(prompt.carrier_split)
    subject = {"train": "seen", "test": "unseen"}.get(prompt.subject_split or "")
    if template is None or subject is None:
        return None
    return f"{template}_template_{subject}_subject"  # type: ignore[return-value]


@dataclass(frozen=True)
class PromptSet:
    """All labelled prompts of a run (`prompts.jsonl`: a header line with the carriers, then one prompt a line)."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    seed: int
    style: Style
    carriers: tuple[Carrier, ...]
    prompts: tuple[Prompt, ...]
    dropped: Mapping[str, int] = field(default_factory=dict)
    """What was left out, by reason."""

    @cached_property
    def asked(self) -> tuple[Prompt, ...]:
        """Prompts that ask for a relation."""
        return tuple(prompt for prompt in self.prompts if prompt.relation is not None)

    @cached_property
    def negatives(self) -> tuple[Prompt, ...]:
        """Prompts that ask for none; carrier_split "heldout" is evaluation text, never trained on."""
        return tuple(prompt for prompt in self.prompts if prompt.relation is None)

    @cached_property
    def by_carrier(self) -> dict[str, Carrier]:
        """Carrier id -> carrier."""
        return {carrier.id: carrier for carrier in self.carriers}

    def select(
        self, relation: str | None = None, subject_split: Split | None = None, carrier_split: Role | None = None
    ) -> tuple[Prompt, ...]:
        """The asked prompts of one relation, subject split and carrier split; None means any."""
        return tuple(
            prompt
            for prompt in self.asked
            if relation in (None, prompt.relation)
            and subject_split in (None, prompt.subject_split)
            and carrier_split in (None, prompt.carrier_split)
        )

    def save(self, path: Path) -> None:
        """Write JSON lines, atomically; equal prompt sets give equal bytes."""
        carriers = [asdict(carrier) for carrier in self.carriers]
        header = {
            "schema": SCHEMA,
            "seed": self.seed,
            "style": self.style,
            "dropped": dict(sorted(self.dropped.items())),
            "carriers": carriers,
        }
        with atomic(Path(path)) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as stream:
            stream.writelines(_json_line(row) for row in (header, *(asdict(prompt) for prompt in self.prompts)))

    @classmethod
    def load(cls, path: Path) -> PromptSet:
        """Read what `save` wrote; InputError with file and line where it is something else."""
        path = Path(path)
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
        except OSError as error:
            raise InputError(f"cannot read prompts: {error.strerror}", place=Place(path)) from error
        if lines[-1]:
            raise InputError("the last line is cut off", place=Place(path, len(lines)), advice="Make the prompts again.")
        header = _parsed(_HEADER, path, 1, lines[0])
        prompts = tuple(_parsed(_PROMPT, path, number, line) for number, line in enumerate(lines[1:-1], start=2))
        return cls(header.seed, header.style, header.carriers, prompts, header.dropped)


@dataclass(frozen=True)
class _Header:
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    schema: Literal["kedit.prompts/1"]
    seed: int
    style: Style
    dropped: dict[str, int]
    carriers: tuple[Carrier, ...]


_HEADER = TypeAdapter(_Header)
_PROMPT = TypeAdapter(Prompt)
_T = TypeVar("_T")


def _parsed(adapter: TypeAdapter[_T], path: Path, number: int, line: str) -> _T:
    try:
        return adapter.validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or None
        advice = f"This file should hold labelled prompts ({SCHEMA}); make them again."
        raise InputError(first["msg"], place=Place(path, number, key=key), advice=advice) from error


def _json_line(row: object) -> str:
    return json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n"


def build_prompts(
    ontology: Ontology, slots: SlotMap, relations: Sequence[str], *, seed: int = 0, max_subjects: int = 300, style: Style = "raw"
) -> PromptSet:
    """Every carrier of every relation with every subject that has a fact, then the negatives.

    In order: relations by IRI, carriers as written, subjects by IRI. At most `max_subjects` a relation, those of the lowest
    hash, so that relations share subjects. In style "chat" questions stand without the Q/A frame, as a user's message.
    """
    relations = sorted(set(relations))
    dropped: Counter[str] = Counter()
    splits = subject_splits(ontology, relations, seed)
    carriers: list[Carrier] = []
    prompts: list[Prompt] = []
    used: set[str] = set()
    sampler = _Sampler(ontology, relations, seed)
    for relation in relations:
        subjects = sampler.sample(relation, max_subjects, dropped)
        own = relation_carriers(ontology, relation, style)
        carriers += own
        used.update(subjects)
        prompts += _asked(ontology, relation, own, subjects, splits, labels_of(ontology, slots, relation), dropped)
    frames = bare_carriers()
    neutral = (*neutral_carriers(train_sentences()), *neutral_carriers(eval_sentences(), "heldout"))
    prompts += _bare(ontology, frames, sorted(used), splits)
    prompts += [Prompt(c.id, c.before, None, None, (), c.id, c.split, None, (), None) for c in neutral]
    return PromptSet(seed, style, (*carriers, *frames, *neutral), tuple(prompts), dict(sorted(dropped.items())))


def labels_of(ontology: Ontology, slots: SlotMap, relation: str) -> tuple[int, ...]:
    """Indices of the slots that a prompt about `relation` switches on: itself, its answer's classes, and their ancestors."""
    on = {slots.index(relation)}
    for term in (relation, *ontology.relations[relation].range):
        on.update(slots.by_iri[iri].index for iri in (term, *ontology.ancestors(term)) if iri in slots.by_iri)
    return tuple(sorted(on))


class _Sampler:
    """Which subjects the relations are asked of. Names and hashes are made once, however many relations share a subject."""

    def __init__(self, ontology: Ontology, relations: Sequence[str], seed: int) -> None:
        self._ontology = ontology
        self._facts = {relation: ontology.facts.get(relation, {}) for relation in relations}
        self._single = {iri for iri in relations if ontology.relations[iri].answer_policy == "skip-ambiguous"}
        subjects = set().union(*self._facts.values())
        names = {subject: normalise(ontology.individuals[subject].label) for subject in subjects}
        borne = Counter(names.values())
        self._namesakes = {subject: name for subject, name in names.items() if borne[name] > 1}
        order = sorted((unit_hash("sample", seed, subject), subject) for subject in subjects)
        self._rank = {subject: rank for rank, (_, subject) in enumerate(order)}

    def sample(self, relation: str, most: int, dropped: Counter[str]) -> list[str]:
        """Subjects whose name asks for one set of answers only; of too many, those of the lowest hash."""
        facts = self._facts[relation]
        first: dict[str, set[str]] = {}
        alike = {subject: self._namesakes[subject] for subject in self._namesakes.keys() & facts.keys()}
        told = {subject: {normalise(self._ontology.texts(value)[0]) for value in facts[subject]} for subject in alike}
        several = {name for subject, name in alike.items() if first.setdefault(name, told[subject]) != told[subject]}
        unclear = {subject for subject, name in alike.items() if name in several}
        clear = [subject for subject, values in facts.items() if values and subject not in unclear]
        dropped["subjects: same name, different answers"] += sum(1 for subject in unclear if facts[subject])
        if relation in self._single:
            single = [subject for subject in clear if len(facts[subject]) == 1]
            dropped["subjects: several answers"] += len(clear) - len(single)
            clear = single
        chosen = nsmallest(most, clear, key=self._rank.__getitem__)
        dropped["subjects: over the maximum"] += len(clear) - len(chosen)
        return sorted(chosen)


def _asked(
    ontology: Ontology,
    relation: str,
    carriers: Iterable[Carrier],
    subjects: Sequence[str],
    splits: Mapping[str, Split],
    on: tuple[int, ...],
    dropped: Counter[str],
) -> Iterator[Prompt]:
    held = withheld(ontology, relation, splits)
    for carrier in carriers:
        says = CarrierWords(carrier)
        for subject in subjects:
            answers = ontology.values(relation, subject)
            if any(says(form) for term in (subject, *answers) for form in ontology.texts(term)):
                dropped["prompts: subject or answer stands in the carrier"] += 1
                continue
            individual = ontology.individuals[subject]
            text, span = carrier.render(individual.label)
            hidden = tuple(value for value in answers if value in held.get(subject, ()))
            name = f"{carrier.id}:{individual.curie}"
            yield Prompt(name, text, relation, subject, answers, carrier.id, carrier.split, splits[subject], on, span, hidden)


class CarrierWords:
    """Whether a name stands in a carrier's own words. Names of up to three letters must agree in case ("IN" is not "in")."""

    def __init__(self, carrier: Carrier) -> None:
        # The frame is no worked example: the letters Q and A are nobody's answer.
        bare = re.sub(r"(?m)^[QA]:", "", carrier.own_text)
        parts = bare.split("\n")
        self._exact = "\n".join(unicodedata.normalize("NFKC", part) for part in parts)
        self._folded = "\n".join(fold(part) for part in parts)

    def __call__(self, form: str) -> bool:
        name = normalise(form)
        if len(name) <= 3:
            return _has_word(self._exact, form)
        return _has_word(self._folded, name)


def _has_word(text: str, word: str) -> bool:
    return bool(word) and word in text and re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None


def _bare(
    ontology: Ontology, frames: Sequence[Carrier], subjects: Iterable[str], splits: Mapping[str, Split]
) -> Iterator[Prompt]:
    for subject in subjects:
        individual = ontology.individuals[subject]
        for role, count in BARE_PER_SUBJECT.items():
            mine = [frame for frame in frames if frame.split == role]
            for frame in sorted(mine, key=lambda frame: unit_hash("bare", subject, frame.id))[:count]:
                text, span = frame.render(individual.label)
                name = f"{frame.id}:{individual.curie}"
                yield Prompt(name, text, None, subject, (), frame.id, role, splits[subject], (), span)
