"""Two versions of an ontology compared by what a run that was trained on the old one relies on (docs/slots.md)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from pydantic import Field

from kedit.curriculum.factdiff import RETRAIN_SHARE, Change, Means, fact_changes, renamed
from kedit.curriculum.slotcheck import BROKEN, CheckedSlot, Strict, Verdict, slot_fates
from kedit.curriculum.slots import SlotMap, build_slots, wanted_slots
from kedit.ontology.alignable import require_alignable, unusable
from kedit.ontology.model import Ontology, OntologyClass, Relation, Template

__all__ = ["Change", "OntologyDiff", "diff_ontologies"]

MEANS: tuple[Means, ...] = ("retrain", "verify", "compatible")


class Side(Strict):
    """One of the two files."""

    source: str
    sha256: str
    relations: int
    """Relations that a run would bind."""
    slots: int


class OntologyDiff(Strict):
    """What changed between two ontologies, for a run that was trained on the old one."""

    schema_: Literal["kedit.ontology-diff/1"] = Field("kedit.ontology-diff/1", alias="schema")
    old: Side
    new: Side
    verdict: Verdict
    retrain: tuple[str, ...]
    """CURIEs of the relations whose slots are not to be trusted any more."""
    verify: tuple[str, ...]
    """CURIEs of the other relations and classes whose prompts, answers or names changed: make prompts, verify again."""
    retrain_share: float
    """A relation is retrained if more than this share of its subjects lost a right answer."""
    changes: tuple[Change, ...]
    """By what they mean (retrain, verify, compatible), then in order of the slots."""


def diff_ontologies(old: Ontology, new: Ontology) -> OntologyDiff:
    """Compare what a run binds by default. InputError if there was nothing to align in the old ontology."""
    before = require_alignable(old)
    after = [iri for iri, relation in new.relations.items() if not relation.excluded and unusable(new, relation) is None]
    lock = build_slots(old, before)
    rows = slot_fates(new, after, lock)
    changes = list(_changes(old, new, lock, rows))
    changes.sort(key=lambda change: MEANS.index(change.means))
    retrain = _named(changes, "retrain")
    return OntologyDiff(
        schema="kedit.ontology-diff/1",
        old=Side(source=old.source, sha256=old.sha256, relations=len(before), slots=len(lock)),
        new=Side(source=new.source, sha256=new.sha256, relations=len(after), slots=len(wanted_slots(new, after))),
        verdict="retrain" if retrain else "compatible",
        retrain=retrain,
        verify=tuple(curie for curie in _named(changes, "verify") if curie not in retrain),
        retrain_share=RETRAIN_SHARE,
        changes=tuple(changes),
    )


def _named(changes: Iterable[Change], means: Means) -> tuple[str, ...]:
    """CURIEs of what changed in a way, each once; for `retrain` relations alone, since a class slot is what they switch on."""
    found = [change for change in changes if change.means == means]
    if means == "retrain" and any(change.kind == "relation" for change in found):
        found = [change for change in found if change.kind == "relation"]
    return tuple(dict.fromkeys(change.curie for change in found))


def _changes(old: Ontology, new: Ontology, lock: SlotMap, rows: Sequence[CheckedSlot]) -> Iterator[Change]:
    names = renamed(old, new)
    for row in rows:
        if row.status != "kept":
            means: Means = "retrain" if row.status in BROKEN else "verify" if row.status == "relabelled" else "compatible"
            yield Change(change=row.status, means=means, kind=row.kind, iri=row.iri, curie=row.curie, says=row.says)
        if row.status not in ("kept", "relabelled", "rewired"):
            continue
        if row.kind == "relation":
            yield from _relation(old, new, row)
            yield from fact_changes(old, new, row.iri, row.curie, names)
            yield from _term(old, new, row, old.relations[row.iri], new.relations[row.iri])
        else:
            yield from _term(old, new, row, old.classes[row.iri], new.classes[row.iri])


def _relation(old: Ontology, new: Ontology, row: CheckedSlot) -> Iterator[Change]:
    """Range, domain, what is functional and symmetric, templates."""
    was, now = old.relations[row.iri], new.relations[row.iri]

    def change(name: str, means: Means, says: str, examples: Sequence[str] = ()) -> Change:
        made = {"change": name, "means": means, "kind": "relation", "iri": row.iri, "curie": row.curie, "says": says}
        return Change.model_validate({**made, "examples": tuple(examples)})

    if was.range != now.range:
        means: Means = "retrain" if row.status == "rewired" else "compatible"
        yield change("range", means, f"{_classes(old, was.range)} → {_classes(new, now.range)}")
    if was.domain != now.domain:
        yield change("domain", "compatible", f"{_classes(old, was.domain)} → {_classes(new, now.domain)}")
    if was.functional != now.functional:
        yield change("functional", "verify", "has one right answer now" if now.functional else "may have several answers now")
    if was.symmetric != now.symmetric:
        yield change("symmetric", "verify", "holds both ways now" if now.symmetric else "no longer holds both ways")
    if was.answer_policy != now.answer_policy:
        yield change("answer policy", "verify", f"{was.answer_policy} → {now.answer_policy}")
    if was.choices != now.choices:
        gone, come = sorted(set(was.choices) - set(now.choices)), sorted(set(now.choices) - set(was.choices))
        says = f"{len(come)} new, {len(gone)} gone of the answers that the range enumerates"
        shown = [*(f"+ {new.texts(value)[0]}" for value in come), *(f"- {old.texts(value)[0]}" for value in gone)]
        yield change("choices", "verify", says, shown)
    gone, come = _templates(was.templates, now.templates), _templates(now.templates, was.templates)
    if gone or come:
        says = f"{len(come)} new, {len(gone)} gone ({was.template_source} → {now.template_source})"
        yield change("templates", "verify", says, [*(f"+ {text}" for text in come), *(f"- {text}" for text in gone)])
    if was.phrase != now.phrase:
        yield change("phrase", "verify", f"{was.phrase!r} → {now.phrase!r}")


def _templates(these: Iterable[Template], others: Iterable[Template]) -> list[str]:
    return [f"{template.role} {template.form}: {template.text}" for template in these if template not in set(others)]


def _classes(ontology: Ontology, iris: Iterable[str]) -> str:
    return ", ".join(ontology.curie(iri) for iri in iris) or "none"


def _term(
    old: Ontology, new: Ontology, row: CheckedSlot, was: Relation | OntologyClass, now: Relation | OntologyClass
) -> Iterator[Change]:
    """What a term stands for beside itself, and the index that it asks for."""
    rest = {"kind": row.kind, "iri": row.iri, "curie": row.curie}
    for change, found, verb in (
        ("folds", sorted(set(now.folded) - set(was.folded)), "takes in"),
        ("unfolds", sorted(set(was.folded) - set(now.folded)), "no longer holds"),
    ):
        if found:
            says = f"{verb} {', '.join(new.curie(iri) for iri in found)}"
            yield Change.model_validate({"change": change, "means": "compatible", "says": says, **rest})
    if was.slot != now.slot:
        if now.slot in (None, row.index):
            means, says = "compatible", f"kedit:slot {was.slot} → {now.slot}"
        else:
            means, says = "verify", f"asks for slot {now.slot} (kedit:slot); a map of the old ontology has it at {row.index}"
        yield Change.model_validate({"change": "slot", "means": means, "says": says, **rest})
