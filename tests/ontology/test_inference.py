"""What follows, against OWL 2 RL by rdflib and owlrl; and that what cannot end is left alone."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import owlrl
import pytest
import rdflib
from hypothesis import given, settings
from hypothesis import strategies as st
from rdflib.collection import Collection

from kedit.ontology.build import Builder
from kedit.ontology.imports import read_closure

E = rdflib.Namespace("http://example.org/e#")
properties = st.sampled_from([E[f"p{n}"] for n in range(5)])
nodes = st.sampled_from([E[name] for name in "abcdef"])
axioms = st.one_of(
    st.tuples(properties, st.just(rdflib.RDFS.subPropertyOf), properties),
    st.tuples(properties, st.just(rdflib.OWL.inverseOf), properties),
    st.tuples(properties, st.just(rdflib.OWL.equivalentProperty), properties),
    st.tuples(properties, st.just(rdflib.RDF.type), st.just(rdflib.OWL.SymmetricProperty)),
    st.tuples(properties, st.just(rdflib.RDF.type), st.just(rdflib.OWL.TransitiveProperty)),
    st.tuples(nodes, st.just(rdflib.OWL.sameAs), nodes),
)
chains = st.tuples(properties, st.lists(st.tuples(properties, st.booleans()), min_size=2, max_size=3))
facts = st.tuples(nodes, properties, nodes)


@pytest.mark.slow
@given(st.lists(axioms, max_size=7), st.lists(chains, max_size=2), st.lists(facts, max_size=10))
@settings(max_examples=60, deadline=None)
def test_everything_follows_that_owl_2_rl_says(stated: list[Any], composed: list[Any], told: list[Any]) -> None:
    graph = rdflib.Graph()
    for number in range(5):
        graph.add((E[f"p{number}"], rdflib.RDF.type, rdflib.OWL.ObjectProperty))
    for triple in (*stated, *told):
        graph.add(triple)
    for target, steps in composed:
        graph.add(
            (target, rdflib.OWL.propertyChainAxiom, Collection(graph, rdflib.BNode(), [_step(graph, *s) for s in steps]).uri)
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "o.ttl"
        graph.serialize(path, encoding="utf-8")
        builder = Builder(read_closure(path), (), "en", transitive=True)
        ontology = builder.build()
    owlrl.DeductiveClosure(owlrl.OWLRL_Semantics).expand(graph)
    names = [E[name] for name in "abcdef"]
    expected = {
        (s, p, o) for p in (E[f"p{n}"] for n in range(5)) for s, o in graph.subject_objects(p) if s in names and o in names
    }
    found = set()
    for prop in (E[f"p{n}"] for n in range(5)):
        relation, parity = builder.properties.place[str(prop)]
        for s in names:
            for value in builder.inference.values(relation, builder.same.get(str(s), str(s))):
                for o in names:
                    if builder.same.get(str(o), str(o)) == value:
                        found.add((o, prop, s) if parity else (s, prop, o))
    recursive = any(finding.code == "KE035" for finding in ontology.findings)
    assert found <= expected
    assert recursive or found == expected
    for relation, asked in ontology.facts.items():
        for subject, values in asked.items():
            assert values == builder.inference.values(relation, subject)


def _step(graph: rdflib.Graph, prop: rdflib.URIRef, inverted: bool) -> rdflib.term.Node:
    if not inverted:
        return prop
    node = rdflib.BNode()
    graph.add((node, rdflib.OWL.inverseOf, prop))
    return node


def test_nested_chains_end_and_cost_little(bench: Any) -> None:
    def nested(depth: int, second: str) -> Any:
        rows = [
            f":r{n} owl:propertyChainAxiom ( :r{n + 1} {second.format(n + 1)} ) . :r{n} a owl:ObjectProperty ."
            for n in range(depth)
        ]
        facts = f":a :r0 :b ; :r{depth} :a . :r{depth} a owl:ObjectProperty . :s a owl:ObjectProperty . :a :s :c . :c :s :c ."
        return bench.load(" ".join(rows) + facts)

    started = time.process_time()
    assert bench.facts(nested(40, ":r{}"), "r0") == {"a": ("a", "b")}  # 2 ** 40 ways of going nowhere
    assert bench.facts(nested(90, ":s"), "r0") == {"a": ("b", "c")}
    deep = nested(400, ":s")
    assert bench.facts(deep, "r0") == {"a": ("b",)}
    assert next(finding.count for finding in deep.findings if finding.code == "KE035") == 300
    assert time.process_time() - started < 5


def test_a_long_way_along_a_transitive_relation(bench: Any) -> None:
    rows = " ".join(f":n{n} :partOf :n{n + 1} ." for n in range(400))
    started = time.process_time()
    ontology = bench.load(f":partOf a owl:ObjectProperty , owl:TransitiveProperty . {rows}", transitive=True, provenance=True)
    assert time.process_time() - started < 3
    assert len(ontology.values(bench.E + "partOf", bench.E + "n0")) == 400
    why = ontology.provenance.inference.derivations(bench.E + "partOf", bench.E + "n0")[bench.E + "n3"]
    assert [(step.subject, step.value) for step in why.premises] == [(f"{bench.E}n{n}", f"{bench.E}n{n + 1}") for n in range(3)]
