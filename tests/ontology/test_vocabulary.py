"""kedit.ttl and docs/findings.md say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import rdflib
from rdflib.namespace import OWL, RDF, RDFS

import kedit.ontology
from kedit.ontology.checks import VOCABULARY
from kedit.ontology.findings import KINDS
from kedit.ontology.terms import KEDIT

FILE = Path(kedit.ontology.__file__).with_name("kedit.ttl")
PAGE = Path(__file__).parents[2] / "docs" / "findings.md"


def test_the_vocabulary_is_annotation_properties_with_names_and_notes() -> None:
    graph = rdflib.Graph().parse(FILE)
    ours = {term for term in graph.subjects() if str(term).startswith(KEDIT)}
    assert {str(term).removeprefix(KEDIT) for term in ours} == set(VOCABULARY)
    for term in ours:
        assert set(graph.objects(term, RDF.type)) == {OWL.AnnotationProperty}
        assert graph.value(term, RDFS.label)
        assert graph.value(term, RDFS.comment)
    assert (rdflib.URIRef(KEDIT.rstrip("#")), RDF.type, OWL.Ontology) in graph


def test_every_code_is_documented_with_its_severity() -> None:
    rows = dict(re.findall(r"^\| (KE\d{3}) \| (\w+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert rows == {code: kind.severity for code, kind in KINDS.items()}
