"""Ontologies written out: a canonical Turtle copy, and an rdflib graph for users."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedit.files import atomic
from kedit.ontology.imports import Closure, read_closure
from kedit.ontology.model import LITERAL_MARK
from kedit.ontology.terms import is_blank, language_of, lexical_form

if TYPE_CHECKING:
    from rdflib import Graph


def write_turtle(source: Path, out: Path, *, catalog: Path | None = None, imports: Sequence[str] = ()) -> None:
    """Write a file and its imports as one Turtle file: sorted, blank nodes canonical (RDFC-1.0), the same for equal graphs.

    Named graphs are merged. `owl:imports` statements stay, as the copy holds what they name. Raises InputError as
    `load_ontology` does.
    """
    from pyoxigraph import CanonicalizationAlgorithm, Dataset, RdfFormat, Triple, serialize

    closure = read_closure(source, catalog=catalog, imports=imports)
    dataset = Dataset(_quads(closure))
    dataset.canonicalize(CanonicalizationAlgorithm.RDFC_1_0)
    triples = sorted((Triple(quad.subject, quad.predicate, quad.object) for quad in dataset), key=_order)
    text = serialize(triples, format=RdfFormat.TURTLE, prefixes=_usable(closure.prefixes()))
    with atomic(out) as temporary:
        temporary.write_bytes(text or b"")


def to_graph(source: Path, *, catalog: Path | None = None, imports: Sequence[str] = ()) -> Graph:
    """A file and its imports as an rdflib Graph, with the file's own prefixes and lexical forms as they stand."""
    import rdflib

    closure = read_closure(source, catalog=catalog, imports=imports)
    graph = rdflib.Graph(bind_namespaces="none")
    for prefix, namespace in closure.prefixes().items():
        graph.bind(prefix, namespace)

    def node(term: str) -> Any:
        if term.startswith(LITERAL_MARK):
            language, datatype = _suffix(term)
            kind = rdflib.URIRef(datatype) if datatype else None
            return rdflib.Literal(lexical_form(term), lang=language, datatype=kind, normalize=False)
        return rdflib.BNode(term[2:]) if is_blank(term) else rdflib.URIRef(term)

    for predicate, pairs in closure.index().data.items():
        for subject, objects in pairs.items():
            for obj in objects:
                graph.add((node(subject), node(predicate), node(obj)))
    return graph


def _quads(closure: Closure) -> list[Any]:
    from pyoxigraph import BlankNode, Literal, NamedNode, Quad

    def node(term: str) -> Any:
        if term.startswith(LITERAL_MARK):
            language, datatype = _suffix(term)
            if language:
                return Literal(lexical_form(term), language=language)
            return Literal(lexical_form(term), datatype=NamedNode(datatype)) if datatype else Literal(lexical_form(term))
        return BlankNode(term[2:]) if is_blank(term) else NamedNode(term)

    return [
        Quad(node(subject), NamedNode(predicate), node(obj))
        for predicate, pairs in closure.index().data.items()
        for subject, objects in pairs.items()
        for obj in objects
    ]


def _suffix(term: str) -> tuple[str | None, str]:
    language = language_of(term)
    return language, "" if language else term[term.rindex("\0") + 1 :]


def _order(triple: Any) -> tuple[bool, str, str, str]:
    """Named subjects before blank ones, then by text."""
    subject = str(triple.subject)
    return subject.startswith("_:"), subject, str(triple.predicate), str(triple.object)


def _usable(prefixes: dict[str, str]) -> dict[str, str]:
    return {prefix: namespace for prefix, namespace in prefixes.items() if namespace}
