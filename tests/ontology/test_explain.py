"""Why a relation has its answers: statements as they stand in the file, rules with their premises, and what was left out."""

from __future__ import annotations

from typing import Any

import pytest

from kedit.errors import InputError
from kedit.ontology import explain, load_ontology

TEXT = """
:hasParent a owl:ObjectProperty . :hasFather a owl:ObjectProperty , owl:FunctionalProperty ; rdfs:subPropertyOf :hasParent ;
  owl:inverseOf :isFatherOf . :dad owl:equivalentProperty :hasFather .
:hasBrother a owl:ObjectProperty . :hasUncle a owl:ObjectProperty ; owl:propertyChainAxiom ( :hasParent :hasBrother ) .
:married a owl:ObjectProperty , owl:SymmetricProperty . :born a owl:DatatypeProperty .
:anna rdfs:label "Anna" ; :hasUncle :carl ; :hasParent :mia , [] , "Mia" ; :born "1912-06-23"^^xsd:date , :here .
:bert :isFatherOf :anna ; :hasBrother :dan ; owl:sameAs :bertie . :bertie :married :mia . :mia :hasBrother :carl .
"""


@pytest.fixture
def told(bench: Any) -> Any:
    ontology = load_ontology(bench.turtle(TEXT), provenance=True)
    return lambda subject, relation: explain(ontology, subject, relation)


def test_answers_with_their_reasons(told: Any) -> None:
    found = told("Anna", "hasUncle")
    assert (found.relation, found.subject, found.name) == (":hasUncle", ":anna", "Anna")
    assert found.asked == "For Anna, the uncle is"
    stated, follows = found.answers
    assert (stated.value, stated.stated, stated.because[0].how) == (":carl", True, "stated")
    assert (follows.value, follows.stated) == (":dan", False)
    (chain,) = follows.because
    assert chain.how == "by the property chain :hasParent o :hasBrother"
    parent, brother = chain.because
    assert parent.how == ":hasFather is a sub-property of :hasParent"
    assert (parent.because[0].statement, parent.because[0].how) == (":bert :isFatherOf :anna", "stated, inverse of :hasFather")
    assert (brother.statement, brother.how) == (":bert :hasBrother :dan", "stated")


def test_the_same_individual_and_symmetry_are_said(told: Any) -> None:
    (answer,) = told(":mia", "married").answers
    assert answer.because[0].statement == ":bertie :married :mia"
    assert answer.because[0].how == "stated, symmetric, :bertie is :bert"
    assert told(":bertie", "hasBrother").subject == ":bert"


def test_what_gives_no_answer_is_told_with_the_reason(told: Any) -> None:
    assert {(row.statement, row.how) for row in told(":anna", "hasParent").left_out} == {
        (":anna :hasParent []", "a blank node has no name to answer with"),
        (':anna :hasParent "Mia"', "a literal, but the relation is an object property"),
    }
    assert [row.how for row in told(":anna", "born").left_out] == ["an IRI, but the relation is a datatype property"]


def test_literals_by_all_their_texts(told: Any) -> None:
    (answer,) = told(":anna", ":born").answers
    assert answer.texts[0] == "23 June 1912"
    assert "1912-06-23" in answer.texts


def test_what_only_follows_is_not_asked(told: Any, bench: Any) -> None:
    ontology = load_ontology(bench.turtle(TEXT.replace(":hasUncle :carl ;", "")), provenance=True)
    found = explain(ontology, ":anna", "hasUncle")
    assert found.asked is None
    assert found.not_asked == "a question is asked of stated facts only; this one follows from others"
    assert {answer.value for answer in found.answers} == {":carl", ":dan"}
    assert explain(ontology, ":carl", "hasUncle").not_asked == "no fact"


def test_transitive_relations_are_followed_only_when_asked(bench: Any) -> None:
    text = ":partOf a owl:ObjectProperty , owl:TransitiveProperty . :a :partOf :b . :b :partOf :c . :c :partOf :d ."
    assert bench.facts(bench.load(text), "partOf") == {"a": ("b",), "b": ("c",), "c": ("d",)}
    ontology = load_ontology(bench.turtle(text), transitive=True, provenance=True)
    assert bench.facts(ontology, "partOf") == {"a": ("b", "c", "d"), "b": ("c", "d"), "c": ("d",)}
    assert ontology.inferred == {bench.E + "partOf": 3}
    reason = next(answer for answer in explain(ontology, ":a", "partOf").answers if answer.value == ":d").because[0]
    assert reason.how == ":partOf is transitive"
    assert [step.statement for step in reason.because] == [":a :partOf :b", ":b :partOf :c", ":c :partOf :d"]


def test_unknown_terms_and_missing_provenance(told: Any, bench: Any) -> None:
    with pytest.raises(InputError, match="unknown individual ':ana'") as caught:
        told(":ana", "hasUncle")
    assert ":anna" in str(caught.value)
    with pytest.raises(InputError, match="unknown relation"):
        told(":anna", "hasUnkle")
    with pytest.raises(ValueError, match="provenance"):
        explain(load_ontology(bench.turtle(TEXT)), ":anna", "hasUncle")
