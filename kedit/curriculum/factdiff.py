"""Facts, answers and names of one relation in two versions of an ontology."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

from kedit.curriculum.answers import normalise
from kedit.curriculum.slotcheck import Strict
from kedit.curriculum.slots import Kind
from kedit.ontology.model import Ontology

RETRAIN_SHARE = 0.1
"""More than this share of a relation's subjects without a right answer that they had: training taught it to answer wrong."""
TURNED_SHARE = 0.5
"""More than this share of a relation's facts stated from object to subject: it reads the other way round."""
EXAMPLES = 3

Facts = Mapping[str, tuple[str, ...]]
Means = Literal["retrain", "verify", "compatible"]
ChangeName = Literal[
    "vanished",
    "folded",
    "redirected",
    "rewired",
    "relabelled",
    "appended",
    "answers",
    "facts added",
    "facts removed",
    "names",
    "splits",
    "templates",
    "phrase",
    "range",
    "domain",
    "functional",
    "symmetric",
    "answer policy",
    "choices",
    "folds",
    "unfolds",
    "slot",
]


class Change(Strict):
    """One change to one slot's term, and what it means for a run that was trained on the old ontology."""

    change: ChangeName
    means: Means
    kind: Kind
    iri: str
    curie: str
    says: str
    count: int | None = None
    """How many facts, subjects or names are concerned, where they are counted."""
    of: int | None = None
    """Of how many in the old ontology."""
    examples: tuple[str, ...] = ()


def renamed(old: Ontology, new: Ontology) -> frozenset[str]:
    """Individuals of both ontologies whose label or other names differ."""
    found = []
    for iri, node in old.individuals.items():
        other = new.individuals.get(iri)
        if other is not None and (other.label != node.label or set(other.aliases) != set(node.aliases)):
            found.append(iri)
    return frozenset(found)


def fact_changes(old: Ontology, new: Ontology, iri: str, curie: str, names: frozenset[str]) -> Iterator[Change]:
    """Changes to the facts of a relation that is in both ontologies; `names` are what `renamed` found."""

    def change(name: ChangeName, means: Means, says: str, **counted: Any) -> Change:
        return Change(change=name, means=means, kind="relation", iri=iri, curie=curie, says=says, **counted)

    before, now = old.facts.get(iri, {}), new.facts.get(iri, {})
    total = sum(map(len, before.values()))
    removed, added = _missing(before, now), _missing(now, before)
    came = set(added)
    back = sum((value, subject) in came for subject, value in removed)
    if back > TURNED_SHARE * total:
        says = f"reads the other way round: {back:,} of {total:,} facts are stated from object to subject now"
        yield change("redirected", "retrain", says, count=back, of=total)
    yield from _answer_changes(old, new, before, now, names, change)
    for name, pairs, ontology in (("facts added", added, new), ("facts removed", removed, old)):
        if pairs:
            shown = tuple(_fact(ontology, *pair) for pair in pairs[:EXAMPLES])
            says = f"{len(pairs):,} {'fact' if len(pairs) == 1 else 'facts'} {name.removeprefix('facts ')}"
            yield change(name, "verify", says, count=len(pairs), of=total, examples=shown)  # type: ignore[arg-type]
    yield from _name_changes(old, new, before, names, change)


def _answer_changes(
    old: Ontology, new: Ontology, before: Facts, now: Facts, names: frozenset[str], change: Callable[..., Change]
) -> Iterator[Change]:
    """Subjects whose right answers, as texts, are not the same."""
    changed, lost = [], 0
    for subject, values in before.items():
        others = now.get(subject, ())
        if values == others and names.isdisjoint(values):
            continue
        loses, gains = _unaccepted(old, values, new, others), _unaccepted(new, others, old, values)
        lost += loses
        if loses or gains:
            changed.append(subject)
    if changed:
        share = lost / len(before)
        means: Means = "retrain" if share > RETRAIN_SHARE else "verify"
        says = (
            f"{len(changed):,} of {len(before):,} subjects have other right answers; {lost:,} lost one ({share:.1%}; "
            f"more than {RETRAIN_SHARE:.0%} is to be retrained)"
        )
        shown = tuple(
            f"{old.individuals[subject].label}: {_answers(old, before[subject])} → {_answers(new, now.get(subject, ()))}"
            for subject in changed[:EXAMPLES]
        )
        yield change("answers", means, says, count=len(changed), of=len(before), examples=shown)


def _unaccepted(ontology: Ontology, values: Sequence[str], other: Ontology, accepted: Sequence[str]) -> bool:
    """Whether the preferred text of a value is no right answer in the other ontology."""
    texts = {normalise(text) for value in accepted for text in other.texts(value)}
    return any(normalise(ontology.texts(value)[0]) not in texts for value in values)


def _name_changes(
    old: Ontology, new: Ontology, before: Facts, names: frozenset[str], change: Callable[..., Change]
) -> Iterator[Change]:
    """Individuals of the old facts whose names changed, and subjects whose split did."""
    if names:
        found = sorted(names & {term for subject, values in before.items() for term in (subject, *values)})
        if found:
            shown = tuple(_renaming(old, new, iri) for iri in found[:EXAMPLES])
            says = f"{len(found):,} {'individual has' if len(found) == 1 else 'individuals have'} another label or other aliases"
            yield change("names", "verify", says, count=len(found), examples=shown)
    moved = [
        subject
        for subject in before
        if subject in new.individuals and old.individuals[subject].split != new.individuals[subject].split
    ]
    if moved:
        says = f"{len(moved):,} {'subject has' if len(moved) == 1 else 'subjects have'} another kedit:split"
        shown = tuple(
            f"{old.individuals[subject].label}: {old.individuals[subject].split} → {new.individuals[subject].split}"
            for subject in moved[:EXAMPLES]
        )
        yield change("splits", "verify", says, count=len(moved), of=len(before), examples=shown)


def _renaming(old: Ontology, new: Ontology, iri: str) -> str:
    was, now = old.individuals[iri], new.individuals[iri]
    if was.label != now.label:
        return f"{was.label} → {now.label}"
    signs = (("+", sorted(set(now.aliases) - set(was.aliases))), ("-", sorted(set(was.aliases) - set(now.aliases))))
    return f"{was.label}: " + ", ".join(f"{sign} {name}" for sign, found in signs for name in found)


def _missing(these: Facts, others: Facts) -> list[tuple[str, str]]:
    """Subject and value of the facts that the others have not."""
    found = []
    for subject, values in these.items():
        there = others.get(subject, ())
        if values != there:
            known = frozenset(there)
            found += [(subject, value) for value in values if value not in known]
    return found


def _fact(ontology: Ontology, subject: str, value: str) -> str:
    return f"{ontology.individuals[subject].label} → {ontology.texts(value)[0]}"


def _answers(ontology: Ontology, values: Sequence[str]) -> str:
    shown = [ontology.texts(value)[0] for value in values[:EXAMPLES]]
    return ", ".join(shown) + (f" (+{len(values) - EXAMPLES})" if len(values) > EXAMPLES else "") or "none"
