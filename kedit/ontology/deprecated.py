"""Deprecated terms and what to use in their place."""

from __future__ import annotations

from collections.abc import Iterable

from kedit.ontology.index import TripleIndex
from kedit.ontology.labels import Names
from kedit.ontology.model import Deprecated
from kedit.ontology.terms import DCTERMS, SCHEMA, Curies, is_iri, is_literal, name_words, text_of

REPLACED_BY = (
    DCTERMS + "isReplacedBy",
    "http://purl.obolibrary.org/obo/IAO_0100001",  # term replaced by
    *(schema + "supersededBy" for schema in SCHEMA),
)


def deprecated_terms(index: TripleIndex, iris: Iterable[str], names: Names, curies: Curies) -> tuple[Deprecated, ...]:
    """The deprecated terms in IRI order, each with its replacement where the file names exactly one."""
    found = []
    for iri in sorted(iris):
        terms = {_target(term, curies) for predicate in REPLACED_BY for term in index.objects(iri, predicate)} - {None, iri}
        replacement = next(iter(terms)) if len(terms) == 1 else None
        found.append(Deprecated(iri, curies(iri), names.label(iri) or name_words(iri), replacement))
    return tuple(found)


def _target(term: str, curies: Curies) -> str | None:
    """The IRI that a replacement names; OBO files also write it as a CURIE or IRI in a literal."""
    if is_iri(term):
        return term
    return curies.expand(text_of(term)) if is_literal(term) else None
