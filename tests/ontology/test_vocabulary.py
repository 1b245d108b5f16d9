"""kedit.ttl, docs/vocabulary.md and docs/findings.md say what the code does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pyshacl
import pytest
import rdflib
from rdflib.namespace import OWL, RDF, RDFS

import kedit.ontology
from kedit.ontology import load_ontology
from kedit.ontology.checks import VOCABULARY
from kedit.ontology.findings import KINDS
from kedit.ontology.terms import KEDIT

FILE = Path(kedit.ontology.__file__).with_name("kedit.ttl")
DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "findings.md"
VOCABULARY_PAGE = (DOCS / "vocabulary.md").read_text(encoding="utf-8")
BUILT_IN = {RDFS.label, RDFS.comment, OWL.versionInfo}


def test_the_vocabulary_is_annotation_properties_with_names_and_notes() -> None:
    graph = rdflib.Graph().parse(FILE)
    ours = {term for term in graph.subjects() if str(term).startswith(KEDIT)}
    assert {str(term).removeprefix(KEDIT) for term in ours} == set(VOCABULARY)
    for term in ours:
        assert set(graph.objects(term, RDF.type)) == {OWL.AnnotationProperty}
        assert graph.value(term, RDFS.label)
        assert graph.value(term, RDFS.comment)
    assert (rdflib.URIRef(KEDIT.rstrip("#")), RDF.type, OWL.Ontology) in graph


def test_the_vocabulary_is_owl_2_dl() -> None:
    """One ontology header, declarations of annotation properties, and annotations by declared ones with literal values."""
    graph = rdflib.Graph().parse(FILE)
    header = rdflib.URIRef(KEDIT.rstrip("#"))
    declared = set(graph.subjects(RDF.type, OWL.AnnotationProperty))
    for subject, predicate, value in graph:
        if predicate == RDF.type:
            assert (subject, value) == (header, OWL.Ontology) or value == OWL.AnnotationProperty
        else:
            assert subject in declared | {header}
            assert predicate in declared | BUILT_IN
            assert isinstance(value, rdflib.Literal)
    assert list(graph.subjects(RDF.type, OWL.Ontology)) == [header]
    assert not any(term in declared for term in (*BUILT_IN, header))


def test_every_triple_of_the_vocabulary_is_an_axiom_to_an_owl_parser(tmp_path: Path) -> None:
    pyhornedowl = pytest.importorskip("pyhornedowl")
    graph = rdflib.Graph().parse(FILE)
    copy = tmp_path / "kedit.owl"
    graph.serialize(copy, format="xml")
    ontology = pyhornedowl.open_ontology(str(copy))
    assert str(ontology.get_iri()) == KEDIT.rstrip("#")
    # The header's type and the ontology's IRI are no axioms, every other triple is one.
    assert len(ontology.get_axioms()) == len(graph) - 1
    kinds = {type(axiom.component).__name__ for axiom in ontology.get_axioms()}
    assert kinds == {"DeclareAnnotationProperty", "OntologyAnnotation", "AnnotationAssertion"}


def test_the_page_has_every_term_once_and_no_other() -> None:
    rows = re.findall(r"^\| `kedit:(\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", VOCABULARY_PAGE, re.MULTILINE)
    assert sorted(name for name, *_ in rows) == sorted(VOCABULARY)
    assert all(set(on.split(", ")) <= {"relation", "class", "individual"} for _, on, *_ in rows)


def test_the_page_s_example_uses_every_term_and_is_read_without_complaint(bench: Any) -> None:
    (example,) = re.findall(r"```turtle\n(.*?)```", VOCABULARY_PAGE, re.DOTALL)
    graph = rdflib.Graph().parse(data=example, format="turtle")
    assert {str(term).removeprefix(KEDIT) for term in graph.predicates() if str(term).startswith(KEDIT)} == set(VOCABULARY)
    shapes = rdflib.Graph().parse(FILE.with_name("kedit-shapes.ttl"))
    assert pyshacl.validate(graph, shacl_graph=shapes)[0]
    ontology = load_ontology(bench.file(example))
    assert {finding.code for finding in ontology.findings} == {"KE021", "KE034", "KE049"}  # made templates, excluded, no label
    namespace = "http://example.org/family#"
    father, ann = ontology.relations[namespace + "father"], ontology.individuals[namespace + "ann"]
    assert (father.slot, father.phrase) == (0, "father")
    assert [template.text for template in father.templates] == [
        "The father of {subject} is {object}",
        "Who is the father of {subject}?",
        "Who is {subject}'s father?",
        "Name the father of {subject}.",
        "The person that {subject} calls father is {object}",
    ]
    assert "Where is {subject}'s birthplace?" in [made.text for made in ontology.relations[namespace + "birthplace"].templates]
    assert (ann.label, ann.aliases, ann.split) == ("Ann", ("Annie",), "test")


def test_every_code_is_documented_with_its_severity() -> None:
    rows = dict(re.findall(r"^\| (KE\d{3}) \| (\w+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert rows == {code: kind.severity for code, kind in KINDS.items()}
