"""The slot map: which latent belongs to which term. A lock file, keyed by IRI, append-only (docs/slots.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from kedit.errors import InputError, Place, did_you_mean
from kedit.files import write_json
from kedit.ontology.alignable import unusable
from kedit.ontology.model import Ontology, OntologyClass, Relation

SCHEMA = "kedit.slots/1"
Kind = Literal["relation", "class"]
Answers = Literal["individuals", "literals"]
Fate = Literal["vanished", "folded", "redirected"]
_ANSWERS: dict[str, Answers] = {"object": "individuals", "data": "literals"}


class Slot(BaseModel):
    """One dedicated latent. `index` counts slots from 0; in the dictionary it is latent F + index."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    index: int
    iri: str
    curie: str
    label: str
    kind: Kind
    parents: tuple[str, ...] = ()
    """Transitive ancestors (IRIs) that are slots themselves."""
    domain: tuple[str, ...] = ()
    range: tuple[str, ...] = ()
    answers: Answers | None = None
    """What a relation's answers are; none for a class, and in maps that do not say."""
    reason: str = ""


class SlotMap(BaseModel):
    """Slots in index order (`slots.json`)."""

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    schema_: Literal["kedit.slots/1"] = Field("kedit.slots/1", alias="schema")
    slots: tuple[Slot, ...]

    @model_validator(mode="after")
    def _in_order(self) -> SlotMap:
        for place, slot in enumerate(self.slots):
            if slot.index != place:
                raise ValueError(f"slot {slot.index} stands where slot {place} should")
        if len(self.by_iri) < len(self.slots):
            twice = next(slot for slot in self.slots if self.by_iri[slot.iri] is not slot)
            raise ValueError(f"{twice.curie} has two slots: {twice.index} and {self.by_iri[twice.iri].index}")
        return self

    @classmethod
    def load(cls, path: Path) -> SlotMap:
        """Read a `slots.json`; InputError that says what is wrong, and where, if it is missing, damaged or something else."""
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", place=Place(path), advice=_WRITE, code="KE180") from error
        except UnicodeDecodeError as error:
            raise InputError("is not a slot map: it is not UTF-8 text", place=Place(path), advice=_WRITE, code="KE180") from error
        try:
            document = json.loads(text)
        except json.JSONDecodeError as error:
            lines = text.splitlines()
            line = lines[error.lineno - 1] if error.lineno <= len(lines) else None
            where = Place(path, error.lineno, error.colno, text=line[:120] if line else None)
            raise InputError(f"is damaged JSON: {error.msg}", place=where, advice=_WRITE, code="KE180") from error
        except (RecursionError, ValueError) as error:  # nested a thousand deep; a number of thousands of digits
            raise InputError("is not a slot map", place=Place(path), advice=_WRITE, code="KE181") from error
        found = document.get("schema") if isinstance(document, dict) else None
        if found != SCHEMA:
            shown = f"its schema is {found!r}" if found is not None else "it names no schema"
            raise InputError(f"is not a slot map: {shown}, not {SCHEMA!r}", place=Place(path), advice=_WRITE, code="KE181")
        try:
            return cls.model_validate(document)
        except ValidationError as problem:
            first = problem.errors()[0]
            key = ".".join(str(part) for part in first["loc"]) or None
            said = first["msg"].removeprefix("Value error, ")
            raise InputError(f"is not a slot map: {said}", place=Place(path, key=key), advice=_WRITE, code="KE181") from problem

    def save(self, path: Path) -> None:
        """Write a `slots.json`, atomically; equal maps give equal bytes."""
        write_json(path, self.model_dump(mode="json", by_alias=True))

    def __len__(self) -> int:
        return len(self.slots)

    @cached_property
    def by_iri(self) -> dict[str, Slot]:
        """IRI -> slot."""
        return {slot.iri: slot for slot in self.slots}

    @property
    def relations(self) -> tuple[Slot, ...]:
        """The relation slots, in index order."""
        return tuple(slot for slot in self.slots if slot.kind == "relation")

    def index(self, iri: str) -> int:
        """Slot index of a term's IRI; InputError with the nearest slots if it has none."""
        if iri not in self.by_iri:
            raise InputError(f"{iri} has no slot", advice=did_you_mean(iri, self.by_iri), code="KE166")
        return self.by_iri[iri].index


_WRITE = "A run's slot map is written by aligning again, any other by `kedit ontology slots FILE -o slots.json`."


class Wanted(NamedTuple):
    """A term that is to have a slot."""

    kind: Kind
    reason: str
    node: Relation | OntologyClass


def build_slots(ontology: Ontology, relations: Sequence[str], previous: SlotMap | None = None) -> SlotMap:
    """Relation slots in IRI order, then slots for the classes of their answers and those classes' ancestors.

    Terms with `kedit:slot` get the index that they ask for; the others fill what is left. With `previous` no index moves:
    its terms keep theirs and new terms are appended. InputError if one of its terms has vanished, was folded into another or
    redirected, for a trained dictionary has a latent for it; and if a `kedit:slot` cannot be granted.
    """
    wanted = wanted_slots(ontology, relations)
    kept = [slot.iri for slot in previous.slots] if previous else []
    for slot in previous.slots if previous else ():
        if found := fate(ontology, slot, wanted):
            raise InputError(
                f"slot {slot.index} belongs to {slot.curie} ({slot.kind}), which {found[1]}",
                place=Place(ontology.source),
                advice=f"Put {slot.curie} back, or train all slots anew: `kedit align` with --overwrite or another --out.",
                code="KE182",
            )
    order = _numbered(ontology, wanted, kept)
    return SlotMap(schema="kedit.slots/1", slots=tuple(_slot(ontology, index, iri, wanted) for index, iri in enumerate(order)))


def wanted_slots(ontology: Ontology, relations: Sequence[str]) -> dict[str, Wanted]:
    """IRI -> what is to have a slot: the relations in IRI order, then the classes of their answers in IRI order."""
    wanted: dict[str, Wanted] = {}
    for iri in sorted(set(relations)):
        if iri not in ontology.relations:
            raise InputError(
                f"{iri} is no relation of {ontology.source}", advice=did_you_mean(iri, ontology.relations), code="KE166"
            )
        subjects = ontology.facts.get(iri, {})
        reason = f"{sum(map(len, subjects.values()))} facts about {len(subjects)} subjects"
        wanted[iri] = Wanted("relation", reason, ontology.relations[iri])
    reasons: dict[str, str] = {}
    for relation in sorted(set(relations)):
        for iri in ontology.relations[relation].range:
            if iri in ontology.classes:
                reasons[iri] = f"class of the answers of {ontology.relations[relation].curie}"
    for iri in sorted(reasons):
        for ancestor in ontology.ancestors(iri):
            if ancestor in ontology.classes:
                reasons.setdefault(ancestor, f"superclass of {ontology.classes[iri].curie}")
    for iri in sorted(reasons.keys() - wanted.keys()):
        wanted[iri] = Wanted("class", reasons[iri], ontology.classes[iri])
    return wanted


def fate(ontology: Ontology, slot: Slot, wanted: Mapping[str, Wanted]) -> tuple[Fate, str] | None:
    """What has become of a slot's term, and a clause that says it; None while it is what the slot was trained for."""
    now = wanted.get(slot.iri)
    if now is None:
        return _absent(ontology, slot)
    if now.kind != slot.kind:
        return "redirected", f"has become a {now.kind}"
    if isinstance(now.node, Relation):
        answers = _ANSWERS[now.node.kind]
        if slot.answers not in (None, answers):
            return "redirected", f"has {answers} for answers, no longer {slot.answers}"
        if turned((slot.domain, slot.range), (now.node.domain, now.node.range)):
            return "redirected", "reads the other way round: domain and range have changed places"
    return None


def turned(before: tuple[tuple[str, ...], tuple[str, ...]], now: tuple[tuple[str, ...], tuple[str, ...]]) -> bool:
    """Whether domain and range, both stated and different, have changed places."""
    return before[0] != before[1] and before == now[::-1] and all(before)


def _absent(ontology: Ontology, slot: Slot) -> tuple[Fate, str]:
    relation, cls = ontology.relations.get(slot.iri), ontology.classes.get(slot.iri)
    same, other = (relation, cls) if slot.kind == "relation" else (cls, relation)
    if same is None and other is not None:
        return "redirected", f"has become a {'class' if slot.kind == 'relation' else 'relation'}"
    if isinstance(same, Relation):
        lack = unusable(ontology, same)
        why = f"has {lack[0]}" if lack else "is excluded by kedit:exclude" if same.excluded else "is not among those chosen"
        return "vanished", f"is no longer used: it {why}"
    if same is not None:
        return "vanished", "is no longer used: it is no class of an answer"
    nodes: Mapping[str, Relation | OntologyClass] = ontology.relations if slot.kind == "relation" else ontology.classes
    heir = next((node for node in nodes.values() if slot.iri in node.folded), None)
    if heir is None:
        return "vanished", "is gone from the ontology"
    turns = isinstance(heir, Relation) and slot.iri in heir.inverse
    return "folded", f"was folded into {heir.curie}" + (", which reads the other way round" if turns else "")


def _numbered(ontology: Ontology, wanted: Mapping[str, Wanted], kept: Sequence[str]) -> list[str]:
    """IRIs by index: those of the previous map as they were, the others where they ask to be, else in order."""
    held = dict(enumerate(kept))
    place = {iri: index for index, iri in held.items()}
    total = len(kept) + len(wanted.keys() - place.keys())
    for iri, (_, _, node) in wanted.items():
        index = node.slot
        if index is None or place.get(iri) == index:
            continue
        asks = f"{node.curie} asks for slot {index} (kedit:slot)"
        if iri in place:
            advice = f"Write kedit:slot {place[iri]}, or remove it; or train all slots anew."
            raise InputError(
                f"{asks}, but the slot map keeps it at {place[iri]}", place=Place(ontology.source), advice=advice, code="KE183"
            )
        if index in held:
            other = wanted[held[index]].node.curie
            whose = f"belongs to {other} in the slot map" if index < len(kept) else f"{other} asks for, too"
            advice = f"Write another number from {len(kept)} to {total - 1}, or remove kedit:slot from {node.curie}."
            raise InputError(f"{asks}, which {whose}", place=Place(ontology.source), advice=advice, code="KE183")
        if index >= total:
            advice = f"Write a number from {len(kept)} to {total - 1}, or remove kedit:slot from {node.curie}."
            raise InputError(f"{asks}, but there are {total} slots", place=Place(ontology.source), advice=advice, code="KE183")
        held[index] = iri
    taken = set(held.values())
    rest = (iri for iri in wanted if iri not in taken)
    return [held[index] if index in held else next(rest) for index in range(total)]


def _slot(ontology: Ontology, index: int, iri: str, wanted: Mapping[str, Wanted]) -> Slot:
    kind, reason, node = wanted[iri]
    relation = node if isinstance(node, Relation) else None
    return Slot(
        index=index,
        iri=iri,
        curie=node.curie,
        label=node.label,
        kind=kind,
        parents=tuple(ancestor for ancestor in ontology.ancestors(iri) if ancestor in wanted),
        domain=relation.domain if relation else (),
        range=relation.range if relation else (),
        answers=_ANSWERS[relation.kind] if relation else None,
        reason=reason,
    )
