"""OWL's own syntaxes and OBO through the optional package; one clear error without it."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from kedit.errors import InputError
from kedit.ontology import load_ontology

FUNCTIONAL = """Prefix(:=<http://example.org/e#>)
Prefix(rdfs:=<http://www.w3.org/2000/01/rdf-schema#>)
Prefix(xsd:=<http://www.w3.org/2001/XMLSchema#>)
Ontology(<http://example.org/e>
Declaration(Class(:Person))
Declaration(ObjectProperty(:hasFather)) FunctionalObjectProperty(:hasFather) ObjectPropertyRange(:hasFather :Person)
Declaration(ObjectProperty(:hasGrandfather)) SubObjectPropertyOf(ObjectPropertyChain(:hasFather :hasFather) :hasGrandfather)
InverseObjectProperties(:hasFather :isFatherOf) Declaration(DataProperty(:age))
AnnotationAssertion(rdfs:label :anna "Anna \\"A\\""@en) ClassAssertion(:Person :anna)
ObjectPropertyAssertion(:hasFather :anna :bert) ObjectPropertyAssertion(:isFatherOf :carl :bert)
DataPropertyAssertion(:age :anna "007"^^xsd:integer)
)
"""
MANCHESTER = """Prefix: : <http://example.org/e#>
Prefix: rdfs: <http://www.w3.org/2000/01/rdf-schema#>
Ontology: <http://example.org/e>
ObjectProperty: :hasFather
    Characteristics: Functional
Individual: :anna
    Facts: :hasFather :bert
Individual: :bert
"""
OWL_XML = """<?xml version="1.0"?>
<!DOCTYPE Ontology [<!ENTITY e "http://example.org/e#">]>
<Ontology xmlns="http://www.w3.org/2002/07/owl#" ontologyIRI="http://example.org/e">
  <Prefix name="" IRI="http://example.org/e#"/>
  <Declaration><ObjectProperty IRI="&e;hasFather"/></Declaration>
  <ObjectPropertyAssertion><ObjectProperty IRI="&e;hasFather"/><NamedIndividual IRI="&e;anna"/><NamedIndividual IRI="&e;bert"/>
  </ObjectPropertyAssertion>
</Ontology>
"""
OBO = """format-version: 1.2
ontology: x

[Term]
id: X:0000001
name: animal

[Term]
id: X:0000002
name: dog
is_a: X:0000001 ! animal

[Typedef]
id: part_of
name: part of
is_transitive: true
"""
ALL = {
    "OWL functional syntax": FUNCTIONAL,
    "Manchester syntax": MANCHESTER,
    "OWL/XML": OWL_XML,
    "OBO": OBO,
}


@pytest.mark.parametrize("syntax", ["OWL functional syntax", "Manchester syntax", "OWL/XML"])
def test_facts(bench: Any, syntax: str) -> None:
    pytest.importorskip("pyhornedowl")
    ontology = load_ontology(bench.file(ALL[syntax], "o.owl"))
    assert ontology.syntax == syntax
    assert bench.facts(ontology, "hasFather")["anna"] == ("bert",)
    assert ontology.curie(bench.E + "anna") == ":anna"
    assert ontology.iri == "http://example.org/e"


def test_functional_syntax_in_depth(bench: Any) -> None:
    pytest.importorskip("pyhornedowl")
    ontology = load_ontology(bench.file(FUNCTIONAL, "o.ofn"))
    assert bench.facts(ontology, "hasFather") == {"anna": ("bert",), "bert": ("carl",)}
    assert bench.facts(ontology, "age") == {"anna": ('"007^^xsd:integer',)}
    assert ontology.individuals[bench.E + "anna"].label == 'Anna "A"'
    father = ontology.relations[bench.E + "hasFather"]
    assert (father.functional, father.range, father.folded) == (True, (bench.E + "Person",), (bench.E + "isFatherOf",))
    assert ontology.relations[bench.E + "hasGrandfather"].chains == ((father.iri, father.iri),)


def test_an_annotated_chain_stays_a_chain(bench: Any) -> None:
    pytest.importorskip("pyhornedowl")
    chain = 'SubObjectPropertyOf(Annotation(rdfs:comment "note") ObjectPropertyChain(:hasParent :hasParent) :hasGrandparent)'
    text = f"""Prefix(:=<http://e.org/#>)
        Prefix(rdfs:=<http://www.w3.org/2000/01/rdf-schema#>)
        Ontology(<http://e.org/>
        Declaration(ObjectProperty(:hasParent)) Declaration(ObjectProperty(:hasGrandparent)) Declaration(Class(:P))
        {chain}
        DisjointUnion(Annotation(rdfs:comment "note") :P :Q :R)
        ObjectPropertyAssertion(:hasParent :a :b))"""
    ontology = load_ontology(bench.file(text, "o.ofn"))
    assert ontology.relations["http://e.org/#hasGrandparent"].chains == (("http://e.org/#hasParent",) * 2,)
    assert "KE003" not in bench.codes(ontology)


def test_obo(bench: Any) -> None:
    pytest.importorskip("pyhornedowl")
    ontology = load_ontology(bench.file(OBO, "o.obo"))
    assert ontology.curie("http://purl.obolibrary.org/obo/X_0000001") == "obo:X_0000001"
    dog = ontology.classes["http://purl.obolibrary.org/obo/X_0000002"]
    assert (dog.label, dog.parents) == ("dog", ("http://purl.obolibrary.org/obo/X_0000001",))
    assert [relation.label for relation in ontology.relations.values()] == ["part of"]
    headless = load_ontology(bench.file("! an old file\n" + OBO[OBO.index("[") :], "o.obo"))
    assert headless.syntax == "OBO"
    assert headless.classes.keys() == ontology.classes.keys()


@pytest.mark.parametrize("syntax", list(ALL))
def test_without_the_package_one_error_says_how_to_install_it(bench: Any, monkeypatch: pytest.MonkeyPatch, syntax: str) -> None:
    monkeypatch.setitem(sys.modules, "pyhornedowl", None)
    with pytest.raises(InputError) as caught:
        load_ontology(bench.file(ALL[syntax], "o.owl"))
    assert caught.value.message == f"is written in {syntax}, which needs an optional package"
    assert caught.value.advice == 'Install it: pip install "kedit[owl]"'
    assert caught.value.code == "KE145"


@pytest.mark.parametrize(
    ("syntax", "old", "new", "line"),
    [
        ("OWL functional syntax", "Declaration(Class(:Person))", "Declaration(Klass(:Person))", 5),
        ("OWL functional syntax", "^^xsd:integer)\n)", "^^xsd:integer)\n", 11),
        ("OWL functional syntax", "ClassAssertion(:Person", "ClassAssertion(x:Person", None),
        ("Manchester syntax", "Characteristics: Functional", "Characteristics: Funky", None),
        ("OWL/XML", "</Ontology>", "", None),
        ("OWL/XML", "&e;hasFather", "&f;hasFather", 5),
        ("OBO", "is_a: X:0000001", "is_a X:0000001", None),
    ],
)
def test_errors_have_a_place(bench: Any, syntax: str, old: str, new: str, line: int | None) -> None:
    pytest.importorskip("pyhornedowl")
    with pytest.raises(InputError) as caught:
        load_ontology(bench.file(ALL[syntax].replace(old, new, 1), "o.owl"))
    assert caught.value.code in ("KE146", "KE121")
    assert caught.value.advice
    assert caught.value.place is not None
    if line is not None:
        assert caught.value.place.line == line
