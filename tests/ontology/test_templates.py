"""Templates as written: forms, roles, what is malformed and where it stands."""

from __future__ import annotations

from typing import Any

import pytest

from kedit.ontology import Template
from kedit.ontology.templates import Malformed, parse_template


def test_roles_and_forms(bench: Any) -> None:
    ontology = bench.load("""
        :p kedit:questionTemplate "Who is {subject:poss} father?" ; kedit:clozeTemplate "The father of {subject} is {object}." ;
           kedit:validationTemplate "{subject}'s father: {object}" ;
           kedit:heldOutTemplate "Name {subject}'s father" , "{subject} of {object}" ;
           kedit:phrase "father" .
        :a :p :b .
    """)
    relation = ontology.relations[bench.E + "p"]
    assert relation.template_source == "written"
    assert relation.phrase == "father"
    assert relation.templates == (
        Template("The father of {subject} is {object}", "cloze", "train"),
        Template("Who is {subject}'s father?", "question", "train"),
        Template("{subject}'s father: {object}", "cloze", "valid"),
        Template("{subject} of {object}", "cloze", "heldout"),
        Template("Name {subject}'s father", "question", "heldout"),
    )


@pytest.mark.parametrize(
    ("text", "form", "said"),
    [
        ("Who is it?", "question", "{subject} must stand"),
        ("{subject} and {subject}?", "question", "exactly once"),
        ("{subject} is {object}", "question", "clozeTemplate"),
        ("{subject} is what?", "cloze", "ends in {object}"),
        ("{object} is of {subject}", None, "at the end"),
        ("{subject} is {objekt}", None, "{objekt} is no placeholder"),
        ("{subject is {object}", None, "not closed"),
        ("{subject} } is {object}", None, "not closed"),
        ("Which {range} is {subject}?", "question", "no named class"),
    ],
)
def test_malformed(text: str, form: Any, said: str) -> None:
    with pytest.raises(Malformed, match=said.replace("{", "\\{").replace("}", "\\}")):
        parse_template(text, "train", form=form)


def test_newlines_of_a_worked_example_stay(bench: Any) -> None:
    ontology = bench.load(r""":p kedit:questionTemplate "Q: Who  made Ulm?\nA: Ann\nQ: Who made {subject}?\nA:" . :a :p :b .""")
    (template,) = ontology.relations[bench.E + "p"].templates
    assert template.text == "Q: Who made Ulm?\nA: Ann\nQ: Who made {subject}?\nA:"


def test_class_names_stand_in() -> None:
    made = parse_template("Which {range} is the {domain} {subject} in?", "train", domain="city", range_="country")
    assert made.text == "Which country is the city {subject} in?"


def test_a_malformed_template_is_found_in_the_file(bench: Any) -> None:
    ontology = bench.load(':p kedit:questionTemplate "Who is {subject}?" ;\n   kedit:clozeTemplate "{subject} is" .\n:a :p :b .')
    (finding,) = (finding for finding in ontology.findings if finding.code == "KE020")
    assert finding.severity == "error"
    assert finding.place is not None
    assert str(finding.place).endswith("o.ttl:9:25")
    assert [template.text for template in ontology.relations[bench.E + "p"].templates] == ["Who is {subject}?"]


def test_templates_in_the_language(bench: Any) -> None:
    text = ':p kedit:questionTemplate "Who is {subject}?"@en , "Wer ist {subject}?"@de . :a :p :b .'
    assert [t.text for t in bench.load(text).relations[bench.E + "p"].templates] == ["Who is {subject}?"]
    assert [t.text for t in bench.load(text, lang="de").relations[bench.E + "p"].templates] == ["Wer ist {subject}?"]


def test_a_relation_without_held_out_template_is_told(bench: Any) -> None:
    assert "KE023" in bench.codes(bench.load(':p kedit:questionTemplate "Who is {subject}?" . :a :p :b .'))


def test_generated_and_missing(bench: Any) -> None:
    ontology = bench.load(":hasFather a owl:ObjectProperty . :P131 a owl:ObjectProperty . :a :hasFather :b ; :P131 :c .")
    assert ontology.relations[bench.E + "hasFather"].template_source == "generated"
    assert ontology.relations[bench.E + "P131"].template_source == "missing"
    assert "opaque id" in bench.example(ontology, "KE022")
    assert "confidence 0.90" in bench.example(ontology, "KE021")


def test_wh_and_range_choose_the_question_word(bench: Any) -> None:
    ontology = bench.load("""
        :boss a owl:ObjectProperty ; rdfs:range :Employee . :Employee rdfs:subClassOf :Person . :Person a owl:Class .
        :start a owl:DatatypeProperty ; kedit:wh "when" . :thing a owl:ObjectProperty .
        :a :boss :b ; :start "2001" ; :thing :c .
    """)
    asked = {r.label: " ".join(t.text for t in r.templates) for r in ontology.relations.values()}
    assert "Who is the boss of" in asked["boss"]
    assert "When is the start of" in asked["start"]
    assert "What is the thing of" in asked["thing"]


def test_no_rules_for_other_languages(bench: Any) -> None:
    ontology = bench.load(":hasFather a owl:ObjectProperty . :a :hasFather :b .", lang="de")
    assert ontology.relations[bench.E + "hasFather"].template_source == "missing"


def test_yes_and_no_is_no_relation(bench: Any) -> None:
    ontology = bench.load(":hasTail a owl:DatatypeProperty ; rdfs:range xsd:boolean . :a :hasTail true .")
    assert "yes or no" in bench.example(ontology, "KE022")
