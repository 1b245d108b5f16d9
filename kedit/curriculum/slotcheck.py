"""A slot map held against an ontology: what has become of every slot (schema `kedit.slots-check/1`, docs/slots.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from kedit.curriculum.prompts import labels_of
from kedit.curriculum.slots import Fate, Kind, Slot, SlotMap, Wanted, build_slots, fate, wanted_slots
from kedit.errors import InputError, Place
from kedit.ontology.model import Ontology

Status = Literal["kept", "appended", "relabelled", "rewired"] | Fate
Verdict = Literal["compatible", "retrain"]
BROKEN: frozenset[Status] = frozenset({"vanished", "folded", "redirected", "rewired"})
"""What makes a trained slot unfit."""


class Strict(BaseModel):
    """Base of the documents: frozen, strict, with keys as documented and no others."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


class CheckedSlot(Strict):
    """One slot and what has become of it."""

    index: int | None
    """None for a term that would be appended to a map that is not compatible."""
    iri: str
    curie: str
    label: str
    kind: Kind
    status: Status
    says: str


class SlotsCheck(Strict):
    """Every slot of a map, then the terms that are new."""

    schema_: Literal["kedit.slots-check/1"] = Field("kedit.slots-check/1", alias="schema")
    ontology: str
    lock: str
    verdict: Verdict
    retrain: tuple[str, ...]
    """CURIEs of the relations (of classes, if no relation is concerned) whose slots do not mean what they were trained for."""
    slots: tuple[CheckedSlot, ...]


def load_lock(path: Path) -> SlotMap:
    """The slot map of a file or of a run directory; InputError if there is none."""
    if not path.is_dir():
        return SlotMap.load(path)
    if not (path / "slots.json").is_file():
        raise InputError("holds no slots.json", place=Place(path), advice="Give a run directory or a slots.json.", code="KE180")
    return SlotMap.load(path / "slots.json")


def save_lock(slots: SlotMap, path: Path, lock: Path | None = None) -> None:
    """Write a slot map to a new file, or over the map that it continues; InputError for any other file that exists.

    A run's own map is its record of what was trained; only `kedit align` writes it.
    """
    if path.is_dir() or (path.parent / "run.json").exists():
        what = "is a directory" if path.is_dir() else "belongs to a run"
        raise InputError(
            f"{what}: no slot map is written here", place=Place(path), advice="Choose another file with -o.", code="KE184"
        )
    if path.exists() and not (lock is not None and lock.exists() and path.samefile(lock)):
        advice = f"To go on from it: --check {path} -o {path}. To number all slots anew, remove it first."
        raise InputError("exists, and a slot map is append-only", place=Place(path), advice=advice, code="KE184")
    slots.save(path)


def check_slots(ontology: Ontology, relations: Sequence[str], lock: SlotMap, name: str) -> tuple[SlotsCheck, SlotMap | None]:
    """What has become of the slots of a map, with the map to go on with: appended where compatible, else None.

    InputError where a `kedit:slot` contradicts a compatible map.
    """
    rows = slot_fates(ontology, relations, lock)
    broken = retrained(rows)
    longer = None if broken else build_slots(ontology, relations, lock)
    if longer:
        rows = sorted((row.model_copy(update={"index": longer.index(row.iri)}) for row in rows), key=lambda row: row.index or 0)
    check = SlotsCheck(
        schema="kedit.slots-check/1",
        ontology=ontology.source,
        lock=name,
        verdict="retrain" if broken else "compatible",
        retrain=broken,
        slots=tuple(rows),
    )
    return check, longer


def slot_fates(ontology: Ontology, relations: Sequence[str], lock: SlotMap) -> list[CheckedSlot]:
    """What has become of every slot of a map, in order, then the terms that have none yet."""
    wanted = wanted_slots(ontology, relations)
    rows = [_checked(ontology, slot, wanted, lock) for slot in lock.slots]
    for iri, (kind, reason, node) in wanted.items():
        if iri not in lock.by_iri:
            says = f"new: {reason}"
            made = CheckedSlot(index=None, iri=iri, curie=node.curie, label=node.label, kind=kind, status="appended", says=says)
            rows.append(made)
    return rows


def retrained(rows: Sequence[CheckedSlot]) -> tuple[str, ...]:
    """CURIEs of the relations whose slots are not to be trusted; of the classes, if there is none."""
    broken = [row for row in rows if row.status in BROKEN]
    return tuple(row.curie for row in broken if row.kind == "relation") or tuple(row.curie for row in broken)


def _checked(ontology: Ontology, slot: Slot, wanted: Mapping[str, Wanted], lock: SlotMap) -> CheckedSlot:
    status: Status = "kept"
    says = ""
    if found := fate(ontology, slot, wanted):
        status, says = found
    elif slot.kind == "relation" and (change := rewiring(ontology, slot, lock)):
        status, says = "rewired", change
    elif (label := wanted[slot.iri].node.label) != slot.label:
        status, says = "relabelled", f"'{slot.label}' is now '{label}'"
    return CheckedSlot(
        index=slot.index, iri=slot.iri, curie=slot.curie, label=slot.label, kind=slot.kind, status=status, says=says
    )


def rewiring(ontology: Ontology, slot: Slot, lock: SlotMap) -> str | None:
    """Which other slots of the map a relation's questions now switch on or no longer do; None if they are the same.

    A slot that only the new map has does not count: it is trained when it is appended.
    """
    before, now = switched_on(lock, slot), set(labels_of(ontology, lock, slot.iri))
    parts = [
        f"{verb} {', '.join(lock.slots[index].curie for index in sorted(found))}"
        for verb, found in (("now switches on", now - before), ("no longer switches on", before - now))
        if found
    ]
    return "; ".join(parts) or None


def switched_on(lock: SlotMap, slot: Slot) -> set[int]:
    """Indices of the slots that a question about a relation switches on, by the map alone: the counterpart of `labels_of`."""
    on = {slot.iri, *slot.parents}
    for iri in slot.range:
        if iri in lock.by_iri:
            on |= {iri, *lock.by_iri[iri].parents}
    return {lock.by_iri[iri].index for iri in on if iri in lock.by_iri}
