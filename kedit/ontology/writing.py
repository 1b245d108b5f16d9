"""Ontologies written out: a canonical Turtle copy, and an rdflib graph for users."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedit.files import atomic
from kedit.ontology.imports import IMPORTS, ontology_iri, read_closure
from kedit.ontology.index import TripleIndex, paused_gc
from kedit.ontology.model import LITERAL_MARK
from kedit.ontology.prefixes import completed
from kedit.ontology.terms import OWL, is_blank, is_iri, language_of, lexical_form, literal

if TYPE_CHECKING:
    from rdflib import Graph

Rows = dict[str, list[tuple[str, str]]]


def write_turtle(
    source: Path,
    out: Path,
    *,
    catalog: Path | None = None,
    imports: Sequence[str] = (),
    graph: str | None = None,
    templates: Path | None = None,
) -> None:
    """Write a file and its imports as one Turtle file: sorted, blank nodes canonical (RDFC-1.0), the same for equal graphs.

    Named graphs are merged, or `graph` is taken alone. `owl:imports` statements stay, as the copy holds what they name; so
    are the annotations of `templates` stated in it, in the place of the file's own. Raises InputError as `load_ontology` does.
    """
    from pyoxigraph import RdfFormat, serialize

    with paused_gc():
        closure = read_closure(source, catalog=catalog, imports=imports, graph=graph)
        prefixes = {prefix: namespace for prefix, namespace in closure.prefixes().items() if namespace}
        own = ontology_iri(closure.documents[0].index)
        index = closure.index()
        if (
            own and len(closure.documents) > 1
        ):  # imports may go by other names than those of their files: else one is taken for it
            others = index.instances().get(OWL + "Ontology", set()) - {own}
            index.replace(own, IMPORTS, {*index.objects(own, IMPORTS), *filter(is_iri, others)})
        if templates:
            from kedit.ontology.sidecar import read_sidecar

            types = index.instances()
            read_sidecar(templates).annotate(index, completed(closure.prefixes(), index, types), types)
        triples = _triples(_canonical(index))
        text = serialize(triples, format=RdfFormat.TURTLE, prefixes=prefixes)
    with atomic(out) as temporary:
        temporary.write_bytes(text or b"")


def to_graph(source: Path, *, catalog: Path | None = None, imports: Sequence[str] = (), graph: str | None = None) -> Graph:
    """A file and its imports as an rdflib Graph, with the file's own prefixes and lexical forms as they stand.

    Named graphs are merged, or `graph` is taken alone. Raises InputError as `load_ontology` does.
    """
    import rdflib

    closure = read_closure(source, catalog=catalog, imports=imports, graph=graph)
    made = rdflib.Graph(bind_namespaces="none")
    for prefix, namespace in closure.prefixes().items():
        made.bind(prefix, namespace)

    def node(term: str) -> Any:
        if term.startswith(LITERAL_MARK):
            language, datatype = _suffix(term)
            kind = rdflib.URIRef(datatype) if datatype else None
            return rdflib.Literal(lexical_form(term), lang=language, datatype=kind, normalize=False)
        return rdflib.BNode(term[2:]) if is_blank(term) else rdflib.URIRef(term)

    for predicate, pairs in closure.index().data.items():
        for subject, objects in pairs.items():
            for obj in objects:
                made.add((node(subject), node(predicate), node(obj)))
    return made


def _canonical(index: TripleIndex) -> Rows:
    """Subject -> its predicates and objects, blank nodes named by what they say rather than by the parser.

    Only triples with blank nodes take part in the naming (their names depend on no others), so that large files cost little.
    """
    from pyoxigraph import CanonicalizationAlgorithm, Dataset, Quad

    rows: Rows = {}
    blank = []
    for predicate, pairs in index.data.items():
        for subject, objects in pairs.items():
            for obj in objects:
                if is_blank(subject) or is_blank(obj):
                    blank.append(Quad(_node(subject), _node(predicate), _node(obj)))
                else:
                    rows.setdefault(subject, []).append((predicate, obj))
    dataset = Dataset(blank)
    dataset.canonicalize(CanonicalizationAlgorithm.RDFC_1_0)
    for quad in dataset:
        rows.setdefault(_term(quad.subject), []).append((quad.predicate.value, _term(quad.object)))
    return rows


def _triples(rows: Rows) -> Iterator[Any]:
    """Triples in order: named subjects before blank ones, each by predicate and object."""
    from pyoxigraph import NamedNode, Triple

    predicates: dict[str, Any] = {}
    for subject in sorted(rows, key=lambda term: (is_blank(term), term)):
        node = _node(subject)
        for predicate, obj in sorted(rows[subject]):
            if predicate not in predicates:
                predicates[predicate] = NamedNode(predicate)
            yield Triple(node, predicates[predicate], _node(obj))


def _node(term: str) -> Any:
    from pyoxigraph import BlankNode, Literal, NamedNode

    if term.startswith(LITERAL_MARK):
        language, datatype = _suffix(term)
        if language:
            return Literal(lexical_form(term), language=language)
        return Literal(lexical_form(term), datatype=NamedNode(datatype)) if datatype else Literal(lexical_form(term))
    return BlankNode(term[2:]) if is_blank(term) else NamedNode(term)


def _term(node: Any) -> str:
    from pyoxigraph import BlankNode, Literal

    if isinstance(node, Literal):
        return literal(node.value, node.language, node.datatype.value)
    return f"_:{node.value}" if isinstance(node, BlankNode) else node.value


def _suffix(term: str) -> tuple[str | None, str]:
    """Language and datatype of a literal; neither for a plain string."""
    language = language_of(term)
    return language, "" if language else term.rpartition("\0")[2]
