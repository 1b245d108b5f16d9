"""The slot map: which latent belongs to which term. A lock file, keyed by IRI, append-only."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kedit.errors import InputError, Place, did_you_mean
from kedit.files import read_json
from kedit.ontology.model import Ontology


class Slot(BaseModel):
    """One dedicated latent. `index` counts slots from 0; in the dictionary it is latent F + index."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    index: int
    iri: str
    curie: str
    label: str
    kind: Literal["relation", "class"]
    parents: tuple[str, ...] = ()
    """Transitive ancestors (IRIs) that are slots themselves."""
    domain: tuple[str, ...] = ()
    range: tuple[str, ...] = ()
    reason: str = ""


class SlotMap(BaseModel):
    """Slots in index order (`slots.json`)."""

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    schema_: Literal["kedit.slots/1"] = Field("kedit.slots/1", alias="schema")
    slots: tuple[Slot, ...]

    @classmethod
    def load(cls, path: Path) -> SlotMap:
        """Read a run's `slots.json`; InputError if it is missing or damaged."""
        try:
            return cls.model_validate(read_json(path))
        except ValidationError as error:
            raise InputError("is not a slot map", place=Place(path), advice="Align again.") from error

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
            raise InputError(f"{iri} has no slot", advice=did_you_mean(iri, self.by_iri))
        return self.by_iri[iri].index


def build_slots(ontology: Ontology, relations: Sequence[str], previous: SlotMap | None = None) -> SlotMap:
    """Relation slots in IRI order, then slots for the classes of their answers and those classes' ancestors.

    With `previous` no index moves: its terms keep theirs and new terms are appended. InputError if one of its terms has
    vanished, was folded into another or changed its kind, for a trained dictionary has a latent for it.
    """
    wanted = _wanted(ontology, relations)
    order = [slot.iri for slot in previous.slots] if previous else []
    if previous:
        _check_kept(ontology, previous, wanted)
    order += [iri for iri in wanted if iri not in set(order)]
    return SlotMap(schema="kedit.slots/1", slots=tuple(_slot(ontology, index, iri, wanted) for index, iri in enumerate(order)))


def _wanted(ontology: Ontology, relations: Sequence[str]) -> dict[str, str]:
    """IRI -> reason, relations first."""
    wanted: dict[str, str] = {}
    for iri in sorted(set(relations)):
        if iri not in ontology.relations:
            raise InputError(f"{iri} is no relation of {ontology.source}", advice=did_you_mean(iri, ontology.relations))
        subjects = ontology.facts.get(iri, {})
        wanted[iri] = f"{sum(map(len, subjects.values()))} facts about {len(subjects)} subjects"
    classes: dict[str, str] = {}
    for relation in sorted(set(relations)):
        for iri in ontology.relations[relation].range:
            if iri in ontology.classes:
                classes[iri] = f"class of the answers of {ontology.relations[relation].curie}"
    for iri in sorted(classes):
        for ancestor in ontology.ancestors(iri):
            if ancestor in ontology.classes:
                classes.setdefault(ancestor, f"superclass of {ontology.classes[iri].curie}")
    return wanted | {iri: classes[iri] for iri in sorted(classes)}


def _check_kept(ontology: Ontology, previous: SlotMap, wanted: dict[str, str]) -> None:
    for slot in previous.slots:
        known = ontology.relations if slot.kind == "relation" else ontology.classes
        if slot.iri in wanted and slot.iri in known:
            continue
        heir = next((relation.curie for relation in ontology.relations.values() if slot.iri in relation.folded), None)
        if heir:
            what = f"was folded into {heir}"
        else:
            what = "is no longer used" if slot.iri in known else "is gone from the ontology"
        raise InputError(
            f"slot {slot.index} belongs to {slot.curie} ({slot.kind}), which {what}",
            advice=f"Put {slot.curie} back, or train all slots anew: `kedit align` with --overwrite or another --out.",
        )


def _slot(ontology: Ontology, index: int, iri: str, wanted: dict[str, str]) -> Slot:
    relation = ontology.relations.get(iri)
    node = relation or ontology.classes[iri]
    return Slot(
        index=index,
        iri=iri,
        curie=node.curie,
        label=node.label,
        kind="relation" if relation else "class",
        parents=tuple(ancestor for ancestor in ontology.ancestors(iri) if ancestor in wanted),
        domain=relation.domain if relation else (),
        range=relation.range if relation else (),
        reason=wanted[iri],
    )
