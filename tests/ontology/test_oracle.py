"""Plain facts of random ontologies against an independent reading by rdflib."""

from __future__ import annotations

import tempfile
from pathlib import Path

import rdflib
from hypothesis import given, settings
from hypothesis import strategies as st

from kedit.ontology import load_ontology

E = rdflib.Namespace("http://example.org/e#")
OBJECT, DATA, INVERSE, SYMMETRIC = (E[name] for name in ("object", "data", "inverse", "symmetric"))
nodes = st.sampled_from([E[name] for name in "abcdefg"])
texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=8)
literals = st.one_of(
    texts.map(rdflib.Literal),
    st.integers(0, 99).map(lambda n: rdflib.Literal(f"{n:03}", datatype=rdflib.XSD.integer, normalize=False)),
)
triples = st.lists(
    st.one_of(
        st.tuples(nodes, st.sampled_from([OBJECT, INVERSE, SYMMETRIC]), st.one_of(nodes, st.builds(rdflib.BNode))),
        st.tuples(nodes, st.just(DATA), literals),
    ),
    max_size=30,
)


@given(triples, st.sampled_from(["turtle", "xml", "nt"]))
@settings(max_examples=60)
def test_facts(found: list[tuple[rdflib.term.Node, rdflib.term.Node, rdflib.term.Node]], syntax: str) -> None:
    graph = rdflib.Graph()
    for prop in (OBJECT, INVERSE, SYMMETRIC):
        graph.add((prop, rdflib.RDF.type, rdflib.OWL.ObjectProperty))
    graph.add((DATA, rdflib.RDF.type, rdflib.OWL.DatatypeProperty))
    graph.add((OBJECT, rdflib.RDF.type, rdflib.OWL.FunctionalProperty))
    graph.add((INVERSE, rdflib.OWL.inverseOf, OBJECT))
    graph.add((SYMMETRIC, rdflib.RDF.type, rdflib.OWL.SymmetricProperty))
    for triple in found:
        graph.add(triple)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "o"
        graph.serialize(path, format=syntax, encoding="utf-8")
        ontology = load_ontology(path)
    assert ontology.triples == len(graph)

    expected: dict[str, dict[str, set[str]]] = {str(OBJECT): {}, str(DATA): {}, str(SYMMETRIC): {}}

    def put(relation: rdflib.URIRef, subject: rdflib.term.Node, value: str) -> None:
        expected[str(relation)].setdefault(str(subject), set()).add(value)

    for s, p, o in graph:
        if p == DATA and isinstance(o, rdflib.Literal) and str(o).split():
            kind = "^^xsd:integer" if o.datatype == rdflib.XSD.integer else ""  # "007" is said as 7, too
            put(DATA, s, '"' + " ".join(str(o).split()) + kind)
        elif isinstance(o, rdflib.URIRef) and p == OBJECT:
            put(OBJECT, s, str(o))
        elif isinstance(o, rdflib.URIRef) and p == INVERSE:
            put(OBJECT, o, str(s))
        elif isinstance(o, rdflib.URIRef) and p == SYMMETRIC:
            put(SYMMETRIC, s, str(o))
            put(SYMMETRIC, o, str(s))
    assert ontology.facts == {
        relation: {subject: tuple(sorted(values)) for subject, values in sorted(pairs.items())}
        for relation, pairs in sorted(expected.items())
    }
