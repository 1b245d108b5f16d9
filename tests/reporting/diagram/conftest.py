"""Small ontologies to draw, and hard words."""

from __future__ import annotations

import pytest

from kedit.ontology import Ontology, load_ontology

PREFIXES = """@prefix : <http://example.org/e#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
HOUSE = """
:Person a owl:Class . :Man a owl:Class ; rdfs:subClassOf :Person . :Place a owl:Class .
:City a owl:Class ; rdfs:subClassOf :Place . :Dog a owl:Class .
:father a owl:ObjectProperty , owl:FunctionalProperty ; rdfs:domain :Person ; rdfs:range :Man ; owl:inverseOf :fatherOf .
:fatherOf a owl:ObjectProperty .
:spouse a owl:ObjectProperty , owl:SymmetricProperty ; rdfs:domain :Person ; rdfs:range :Person .
:birthplace a owl:ObjectProperty ; rdfs:domain :Person ; rdfs:range :City .
:hometown a owl:ObjectProperty ; rdfs:subPropertyOf :birthplace .
:keeps a owl:ObjectProperty .
:age a owl:DatatypeProperty ; rdfs:domain :Person ; rdfs:range xsd:integer .
:vague a owl:ObjectProperty . :vaguer a owl:ObjectProperty . :vague rdfs:subPropertyOf :vaguer .
:ann a :Person ; :father :bob ; :birthplace :rome ; :age 7 ; :keeps :rex , :tom .
:bob a :Man ; :birthplace :rome ; :spouse :eve . :eve a :Person ; :spouse :bob ; :birthplace :paris .
:cid a :Man ; :father :bob . :rome a :City . :paris a :City . :rex a :Dog . :tom a :Dog .
"""
HARD = 'a "b" [c] {d} <e> & \\N #1; %% `f` | g 東京 ünï'


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Ontology:
    path = tmp_path_factory.mktemp("house") / "house.ttl"
    path.write_text(PREFIXES + HOUSE)
    return load_ontology(path)


@pytest.fixture(scope="session")
def hard(tmp_path_factory: pytest.TempPathFactory) -> Ontology:
    """Names with everything that a picture format may trip over, and one that is far too long."""
    text = HARD.replace("\\", "\\\\").replace('"', '\\"')
    path = tmp_path_factory.mktemp("hard") / "hard.ttl"
    path.write_text(
        f"""{PREFIXES}
        :A a owl:Class ; rdfs:label "{text}\\nsecond line" . :B a owl:Class ; rdfs:label "{"very long " * 40}" .
        :C a owl:Class ; rdfs:label "{"w" * 300}" .
        :r a owl:ObjectProperty ; rdfs:label "{text}" ; rdfs:domain :A ; rdfs:range :B .
        :s a owl:ObjectProperty ; rdfs:label "{"x" * 200}" ; rdfs:domain :A , :C ; rdfs:range :B .
        :v a owl:DatatypeProperty ; rdfs:label "{"value " * 30}" ; rdfs:domain :A ; rdfs:range xsd:nonNegativeInteger .
        """
    )
    return load_ontology(path)


@pytest.fixture(scope="session")
def big(tmp_path_factory: pytest.TempPathFactory) -> Ontology:
    """A schema of the size of DBpedia's: a tree of 800 classes, 2,800 relations between them."""
    lines = [f':C{i} a owl:Class ; rdfs:label "class number {i}" .' for i in range(800)]
    lines += [f":C{i} rdfs:subClassOf :C{(i - 1) // 4} ." for i in range(1, 800)]
    lines += [f":r{i} a owl:ObjectProperty ; rdfs:domain :C{i * 7 % 60} ; rdfs:range :C{i * i % 800} ." for i in range(2800)]
    path = tmp_path_factory.mktemp("big") / "big.ttl"
    path.write_text(PREFIXES + "\n".join(lines))
    return load_ontology(path)
