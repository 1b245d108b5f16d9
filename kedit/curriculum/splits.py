"""Which subjects train, validate and test: by a hash of IRI and seed, whole families together."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from kedit.ontology.model import Ontology, Split

FRACTIONS = (0.6, 0.15, 0.25)
DEGENERATE = 0.5
"""A component with more than this share of the subjects cannot be split off as a whole."""


def unit_hash(*parts: object) -> float:
    """A number in [0, 1) from the SHA-256 of the parts: the same on every machine and under every PYTHONHASHSEED."""
    digest = hashlib.sha256("\n".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:6], "big") / (1 << 48)


def subject_splits(
    ontology: Ontology,
    relations: Sequence[str],
    seed: int,
    fractions: tuple[float, float, float] = FRACTIONS,
    *,
    by_component: bool | None = None,
) -> dict[str, Split]:
    """Split of every subject of `relations`, sorted by IRI; `kedit:split` on an individual wins.

    Where individuals are both subjects and objects, as in families, connected subjects get one split, so that no answer is
    inherited across it. A relation whose components are degenerate (one holds more than half of the subjects, as neighbouring
    countries do) ties nobody. `by_component`: None decides so, False never ties, True ties whatever comes of it.
    """
    subjects = sorted(set().union(*(ontology.facts.get(relation, {}) for relation in relations)))
    component = _components(ontology, relations, subjects, by_component)
    written: dict[str, Split] = {}
    for subject in subjects:
        split = ontology.individuals[subject].split if subject in ontology.individuals else None
        if split is not None:
            written.setdefault(component[subject], split)
    result: dict[str, Split] = {}
    for subject in subjects:
        own = ontology.individuals[subject].split if subject in ontology.individuals else None
        key = component[subject]
        result[subject] = own or written.get(key) or _split(unit_hash("split", seed, key), fractions)
    return result


def _split(position: float, fractions: tuple[float, float, float]) -> Split:
    train, valid, test = fractions
    total = train + valid + test
    if position < train / total:
        return "train"
    return "valid" if position < (train + valid) / total else "test"


def _components(
    ontology: Ontology, relations: Iterable[str], subjects: Sequence[str], by_component: bool | None
) -> dict[str, str]:
    """Subject -> the smallest IRI of its component."""
    alone = {subject: subject for subject in subjects}
    if by_component is False:
        return alone
    place = {subject: number for number, subject in enumerate(subjects)}
    edges = {relation: _edges(ontology, relation, place) for relation in relations}
    if by_component is None:
        edges = {relation: pairs for relation, pairs in edges.items() if not _degenerate(_joined(len(subjects), pairs))}
    joined = _joined(len(subjects), [pair for pairs in edges.values() for pair in pairs])
    if by_component is None and _degenerate(joined):
        return alone
    return {subject: subjects[root] for subject, root in zip(subjects, joined)}


def _edges(ontology: Ontology, relation: str, place: Mapping[str, int]) -> list[tuple[int, int]]:
    """Pairs of places, among the sorted subjects, of a fact's subject and value."""
    if ontology.relations[relation].kind == "data":
        return []  # literals are nobody
    facts = ontology.facts.get(relation, {})
    return [(place[subject], place[value]) for subject, values in facts.items() for value in values if value in place]


def _degenerate(component: Sequence[int]) -> bool:
    return max(Counter(component).values(), default=0) > DEGENERATE * len(component)


def _joined(count: int, edges: Iterable[tuple[int, int]]) -> list[int]:
    """Union-find over 0 ... count - 1; the root of a component is its smallest member."""
    parent = list(range(count))
    for one, other in edges:
        while parent[one] != one:
            parent[one] = one = parent[parent[one]]
        while parent[other] != other:
            parent[other] = other = parent[parent[other]]
        if one < other:
            parent[other] = one
        else:
            parent[one] = other
    for node in range(count):  # a parent is never larger, so it is a root by now
        parent[node] = parent[parent[node]]
    return parent


def withheld(ontology: Ontology, relation: str, splits: Mapping[str, Split]) -> dict[str, frozenset[str]]:
    """Values that gold training must not use, per subject, so that no pair is split that reads both ways.

    The pair {a, b} of a symmetric relation, or of one whose opposite is another relation's fact, belongs to the test split if
    either end does. Scoring accepts every listed value; only targets shrink.
    Components keep pairs together by themselves (spouses); this covers relations that tie nobody (neighbouring countries).
    """
    node = ontology.relations[relation]
    if not (node.symmetric or node.mirrors):
        return {}

    def reads_back(subject: str, value: str) -> bool:
        return node.symmetric or any(subject in ontology.values(mirror, value) for mirror in node.mirrors)

    held = {
        subject: frozenset(value for value in values if splits.get(value) == "test" and reads_back(subject, value))
        for subject, values in ontology.facts.get(relation, {}).items()
        if splits.get(subject) != "test"
    }
    return {subject: values for subject, values in held.items() if values}
