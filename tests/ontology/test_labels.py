"""Which text names a term, and which others are right answers."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize(
    ("statements", "label"),
    [
        ('rdfs:label "R" ; skos:prefLabel "S" ; kedit:answerText "K"', "K"),
        ('rdfs:label "R" ; skos:prefLabel "S"', "S"),
        ('<http://schema.org/name> "N" ; rdfs:label "R"', "R"),
        ('<http://xmlns.com/foaf/0.1/name> "F" ; <http://purl.org/dc/terms/title> "T"', "F"),
        ('rdfs:label "en"@en , "gb"@en-GB , "de"@de , "none"', "en"),
        ('rdfs:label "gb"@en-GB , "de"@de , "none"', "gb"),
        ('rdfs:label "de"@de , "none"', "none"),
        ('skos:prefLabel "de"@de ; rdfs:label "R"', "R"),
        ('rdfs:label "fr"@fr , "de"@de', "de"),
        ('rdfs:label "b"@en , "a"@en', "a"),
        ('rdfs:label "  two\\n lines "', "two lines"),
        ('rdfs:comment "c"', "new york"),
        ('rdfs:label ""', "new york"),
        ("rdfs:label 7", "7"),
    ],
)
def test_priority(bench: Any, statements: str, label: str) -> None:
    ontology = bench.load(f":new_york :p :b ; {statements} .")
    assert ontology.individuals[bench.E + "new_york"].label == label


def test_findings_about_labels(bench: Any) -> None:
    ontology = bench.load(':p rdfs:label "p" . :a :p :b , :c . :b rdfs:label "de"@de . :c rdfs:label "C"@en .')
    assert bench.example(ontology, "KE040") == ":a 'a'"
    assert bench.example(ontology, "KE041") == ":b 'de'"


@pytest.mark.parametrize("name", ["<http://example.org/e#code>", "http://example.org/e#code", ":code"])
def test_label_property_comes_first(bench: Any, name: str) -> None:
    ontology = bench.load(':a :p :b ; :code "A1" ; rdfs:label "A" .', label_property=[name])
    assert ontology.individuals[bench.E + "a"].label == "A1"
    assert ontology.individuals[bench.E + "a"].aliases == ("A",)
    assert bench.relations(ontology) == {"p"}


def test_aliases(bench: Any) -> None:
    ontology = bench.load("""
        :a :p :b ; rdfs:label "United States of America"@en , "Vereinigte Staaten"@de ; kedit:answerText "United States" ;
           kedit:alias "USA" , "US" ;
           skos:altLabel "America"@en , "Amerika"@de ; kedit:acceptedAnswer "Uncle Sam" .
    """)
    node = ontology.individuals[bench.E + "a"]
    assert node.label == "United States"
    assert node.aliases == ("America", "US", "USA", "Uncle Sam", "United States of America")
    assert ontology.texts(node.iri) == (node.label, *node.aliases)


def test_lang_option(bench: Any) -> None:
    assert bench.load(':a :p :b ; rdfs:label "en"@en , "de"@de .', lang="de").individuals[bench.E + "a"].label == "de"
    assert bench.load(':a :p :b ; rdfs:label "en"@en , "gb"@en-gb .', lang="en-GB").individuals[bench.E + "a"].label == "gb"
