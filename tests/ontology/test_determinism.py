"""The same ontology whatever the order of triples and whatever PYTHONHASHSEED; a canonical copy that reads the same."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from kedit.ontology import load_ontology, to_graph, write_turtle

TEXT = """
<http://example.org/e> a owl:Ontology .
:Person a owl:Class . :Man rdfs:subClassOf :Person . :Human owl:equivalentClass :Person .
:X rdfs:subClassOf :Y . :Y rdfs:subClassOf :X .
:hasFather a owl:ObjectProperty ; owl:inverseOf :isFatherOf ; rdfs:range [ owl:unionOf ( :Man :X ) ] .
:isFatherOf a owl:ObjectProperty . :dad owl:equivalentProperty :hasFather . :knows a owl:SymmetricProperty .
:grandfather a owl:ObjectProperty ; owl:propertyChainAxiom ( :hasFather :hasFather ) , ( [ owl:inverseOf :isFatherOf ] :dad ) .
:motto a owl:DatatypeProperty ; kedit:clozeTemplate "{subject} says {object}" , "{subject}: {object}" ;
    kedit:heldOutTemplate "What of {subject}?" .
:p1 rdfs:subPropertyOf :p2 . :p2 rdfs:subPropertyOf :p1 .
:a :hasFather :b ; :knows :c , :d , :e ; rdfs:label "A"@en , "AA"@en , "B"@de ; :motto "x"@en , "y"@fr , "z" ;
    kedit:alias "al" , "be" .
:b :isFatherOf :c , :d . :c owl:sameAs :cc . :cc :dad :b . :a :p1 :b . :b :p2 :c . :old owl:deprecated true .
"""


def lines(bench: Any) -> list[str]:
    from pyoxigraph import RdfFormat, parse, serialize

    data = serialize(
        [quad.triple for quad in parse(path=str(bench.turtle(TEXT)), format=RdfFormat.TURTLE)], format=RdfFormat.N_TRIPLES
    )
    assert data
    return data.decode().splitlines()


def test_order_and_repetition_of_triples_do_not_matter(bench: Any) -> None:
    rows = lines(bench)
    first = load_ontology(bench.file("\n".join(rows) + "\n", "o.nt"))
    for seed in range(5):
        shuffled = [*rows, *rows[:7]]
        random.Random(seed).shuffle(shuffled)
        other = load_ontology(bench.file("\n".join(shuffled) + "\n", "o.nt"))
        assert replace(other, sha256="") == replace(first, sha256="")


def test_hash_seed_does_not_matter(bench: Any) -> None:
    path = bench.turtle(TEXT)
    code = f"from kedit.ontology import load_ontology; import sys; sys.stdout.write(repr(load_ontology({str(path)!r})))"
    seen = set()
    for seed in ("0", "1", "77"):
        done = subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        )
        seen.add(done.stdout)
    assert len(seen) == 1
    assert b"hasFather" in seen.pop()


def test_canonical_copy(bench: Any) -> None:
    rows = lines(bench)
    copies = []
    for seed in range(3):
        random.Random(seed).shuffle(rows)
        # Blank nodes get other names in each file, as they do whenever a file is parsed.
        source = bench.file("\n".join(rows).replace("_:", f"_:n{seed}") + "\n", f"o{seed}.nt")
        out = bench.folder / f"copy{seed}.ttl"
        write_turtle(source, out)
        copies.append(out.read_bytes())
    assert len(set(copies)) == 1
    copy, original = load_ontology(bench.folder / "copy0.ttl"), load_ontology(bench.turtle(TEXT))
    assert copy.facts == original.facts
    assert {iri: replace(node, curie="") for iri, node in copy.relations.items()} == {
        iri: replace(node, curie="") for iri, node in original.relations.items()
    }
    out = bench.folder / "again.ttl"
    write_turtle(bench.turtle(TEXT), out)
    twice = bench.folder / "twice.ttl"
    write_turtle(out, twice)
    assert twice.read_bytes() == out.read_bytes()
    assert b"@prefix kedit:" in out.read_bytes()


def test_the_copy_holds_the_imports(bench: Any) -> None:
    bench.turtle(":c :knows :d .", "base.ttl")
    source = bench.turtle("<> a owl:Ontology ; owl:imports <base.ttl> . :a :knows :b .", "main.ttl")
    out = bench.folder / "copy" / "ontology.ttl"
    write_turtle(source, out)
    assert set(bench.facts(load_ontology(out), "knows")) == {"a", "c"}


def test_rdflib_graph(bench: Any) -> None:
    pytest.importorskip("rdflib")
    import rdflib
    from rdflib.compare import isomorphic

    path = bench.turtle(TEXT + ':a :n "007"^^xsd:integer ; :when "2001-02-30"^^xsd:date .')
    graph = to_graph(path)
    other = rdflib.Graph(bind_namespaces="none")
    rdflib.NORMALIZE_LITERALS, kept = False, rdflib.NORMALIZE_LITERALS
    try:
        other.parse(path)
    finally:
        rdflib.NORMALIZE_LITERALS = kept
    assert isomorphic(graph, other)
    assert {prefix for prefix, _ in graph.namespaces()} == {"", "owl", "rdf", "rdfs", "xsd", "skos", "kedit"}
    assert str(next(graph.objects(rdflib.URIRef(bench.E + "a"), rdflib.URIRef(bench.E + "n")))) == "007"
    quads = bench.turtle(":a :knows :b . GRAPH :g { :a :knows :c . }", "o.trig")
    assert len(to_graph(quads)) == 2
    assert len(to_graph(quads, graph=bench.E + "g")) == 1
