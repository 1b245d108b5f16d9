"""What every triple of a file was read as: the kinds add up to all the triples that there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from kedit.ontology.classes import is_builtin
from kedit.ontology.index import TripleIndex
from kedit.ontology.terms import (
    ALIAS_PROPERTIES,
    DOMAINS,
    KEDIT,
    LABEL_PROPERTIES,
    OWL,
    RANGES,
    RDF,
    RDFS,
    SHACL,
    SKOS,
    SWRL,
    TYPE,
    is_blank,
    is_literal,
    language_of,
    language_rank,
)

STATEMENTS = (OWL + "Axiom", OWL + "Annotation", RDF + "Statement")
"""Types of nodes that say something about a triple."""
_STATED = frozenset(
    [OWL + name for name in ("annotatedSource", "annotatedProperty", "annotatedTarget")]
    + [RDF + name for name in ("subject", "predicate", "object")]
)
_NOTES = frozenset(
    [RDFS + name for name in ("comment", "seeAlso", "isDefinedBy")]
    + [OWL + name for name in ("versionInfo", "versionIRI", "priorVersion", "backwardCompatibleWith", "incompatibleWith")]
    + [SKOS + name for name in ("note", "definition", "example", "scopeNote", "historyNote", "editorialNote", "changeNote")]
    + [SKOS + name for name in ("notation", "hiddenLabel")]
)
_NAMES = frozenset((*LABEL_PROPERTIES, *ALIAS_PROPERTIES))
_ENDS = frozenset((*DOMAINS, *RANGES))


def uses(
    index: TripleIndex,
    types: Mapping[str, set[str]],
    relations: Iterable[str],
    label_property: Sequence[str],
    language: str,
    added: Mapping[str, int],
) -> dict[str, int]:
    """Kind -> triples, most first. `relations` are all properties that are read as relations or folded into one; `added` are
    the triples of each predicate that the file does not hold."""
    found: Counter[str] = Counter()
    about, stated, names = _nodes(types), frozenset(relations), _NAMES.union(label_property)
    for predicate, pairs in index.data.items():
        total = sum(map(len, pairs.values()))
        blank = [] if index.named(predicate) else [subject for subject in pairs if subject[:2] == "_:"]
        for subject in blank:
            kind = "facts about blank nodes" if predicate in stated else about.get(subject, "class expressions and lists")
            found[kind] += len(pairs[subject])
            total -= len(pairs[subject])
        if predicate in names and predicate not in stated:
            foreign = sum(_foreign(term, language) for terms in pairs.values() for term in terms)
            foreign -= sum(_foreign(term, language) for subject in blank for term in pairs[subject])
            found["names in other languages"] += foreign
            total -= foreign
        found[_kind(predicate, stated, names)] += total - added.get(predicate, 0)
    return {kind: count for kind, count in sorted(found.items(), key=lambda item: (-item[1], item[0])) if count}


def _foreign(term: str, language: str) -> bool:
    return is_literal(term) and language_rank(language_of(term), language) == 3


def _nodes(types: Mapping[str, set[str]]) -> dict[str, str]:
    """Blank nodes that are something else than a class expression or a list."""
    found: dict[str, str] = {}
    for kind, subjects in types.items():
        name = "statements about statements" if kind in STATEMENTS else "shapes" if kind.startswith(SHACL) else None
        name = "rules" if kind.startswith(SWRL) else name or (None if is_builtin(kind) else "facts about blank nodes")
        if name:
            found.update(dict.fromkeys(filter(is_blank, subjects), name))
    return found


def _kind(predicate: str, stated: frozenset[str], names: frozenset[str]) -> str:
    """What the triples of a predicate about named terms are read as."""
    if predicate in stated:
        return "statements with relations"
    if predicate == TYPE:
        return "types and declarations"
    if predicate in names:
        return "names"
    if predicate in _STATED:
        return "statements about statements"
    if predicate.startswith(KEDIT):
        return "kedit annotations"
    if predicate.startswith(SHACL):
        return "shapes"
    if predicate.startswith(SWRL):
        return "rules"
    if predicate in _ENDS or (is_builtin(predicate) and predicate not in _NOTES):
        return "axioms"
    return "annotations"
