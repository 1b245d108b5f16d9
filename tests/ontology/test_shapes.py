"""kedit-shapes.ttl judges annotations as the loader does: templates alike, other values by table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyshacl
import pytest
import rdflib
from hypothesis import given, settings
from hypothesis import strategies as st
from rdflib.namespace import OWL, RDF, RDFS, SH

import kedit.ontology
from kedit.ontology.checks import VOCABULARY
from kedit.ontology.templates import FORMS, PROPERTIES, Malformed, parse_template
from kedit.ontology.terms import KEDIT, XSD

FILE = Path(kedit.ontology.__file__).with_name("kedit-shapes.ttl")
SHAPES = rdflib.Graph().parse(FILE)
ONTOLOGIES = sorted((Path(__file__).parents[2] / "ontologies").glob("*.ttl"))
E = rdflib.Namespace("http://example.org/e#")
NS = rdflib.Namespace(KEDIT)
PREFIXES = f"""@prefix : <{E}> . @prefix kedit: <{KEDIT}> . @prefix owl: <{OWL}> .
@prefix rdf: <{RDF}> . @prefix rdfs: <{RDFS}> . @prefix xsd: <{XSD}> .
"""


def results(data: rdflib.Graph, **options: Any) -> list[tuple[Any, str]]:
    """Focus node and message of every violation."""
    conforms, report, _ = pyshacl.validate(data, shacl_graph=SHAPES, **options)
    assert isinstance(report, rdflib.Graph)
    nodes = sorted(report.objects(None, SH.result))  # results inside a result have no say of their own
    found = [(report.value(node, SH.focusNode), str(report.value(node, SH.resultMessage))) for node in nodes]
    assert conforms is not bool(found)
    return found


def of_turtle(text: str) -> list[str]:
    return [message for _, message in results(rdflib.Graph().parse(data=PREFIXES + text, format="turtle"))]


def test_the_shapes_are_shapes_and_target_every_term_and_nothing_else() -> None:
    assert results(rdflib.Graph(), meta_shacl=True) == []
    targets = {str(term) for term in SHAPES.objects(None, SH.targetSubjectsOf)}
    assert targets == {KEDIT + name for name in VOCABULARY}
    assert {str(term) for term in SHAPES.objects(None, SH.path) if isinstance(term, rdflib.URIRef)} <= targets | {
        str(RDFS.domain),
        str(RDFS.range),
    }


def test_every_constraint_speaks_in_its_own_words() -> None:
    silent = (rdflib.URIRef("https://w3id.org/kedit/shapes#Text"), rdflib.URIRef("https://w3id.org/kedit/shapes#UserClass"))
    constraints = {SH.nodeKind, SH["or"], SH["not"], SH.node, SH.pattern, SH["in"], SH.maxCount, SH.datatype, SH.disjoint}
    inner = set(SHAPES.objects(None, SH.qualifiedValueShape)) | set(SHAPES.objects(None, SH["not"]))
    tops = set(SHAPES.subjects(SH.targetSubjectsOf)) | set(SHAPES.subjects(SH.targetObjectsOf))
    for shape in [*tops, *(node for top in tops for node in SHAPES.objects(top, SH.property))]:
        if shape not in inner and shape not in silent and constraints & set(SHAPES.predicates(shape)):
            assert len(str(SHAPES.value(shape, SH.message))) > 20


def test_regular_expressions_are_read_alike_by_xpath_and_python() -> None:
    patterns = {str(pattern) for pattern in SHAPES.objects(None, SH.pattern)}
    assert len(patterns) > 5
    for pattern in patterns:
        re.compile(pattern)
        assert not re.search(r"\(\?|\\[bBdwAZ]|[*+?}]\+", pattern)


@pytest.mark.parametrize("path", ONTOLOGIES, ids=lambda path: path.stem)
def test_the_shipped_ontologies_conform(path: Path) -> None:
    assert results(rdflib.Graph().parse(path)) == []


def judged(texts: Sequence[tuple[str, str]], classes: bool = True) -> tuple[list[bool], list[bool]]:
    """What the shapes and what the loader think of templates, each (name, text) on a relation of its own."""
    data, good = rdflib.Graph(), []
    for number, (name, text) in enumerate(texts):
        relation = E[f"p{number}"]
        data.add((relation, NS[name], rdflib.Literal(text)))
        if classes:
            data.add((relation, RDFS.domain, E.Person))
            data.add((relation, RDFS.range, E.Town))
        try:
            named = {"domain": "person", "range_": "town"} if classes else {}
            parse_template(text, dict(PROPERTIES)[name], form=FORMS.get(name), **named)
            good.append(True)
        except Malformed:
            good.append(False)
    wrong = {node for node, _ in results(data)}
    return [E[f"p{number}"] not in wrong for number in range(len(texts))], good


TEXTS = [
    *(
        "Who is the father of {subject}?",
        "Who is {subject:poss} father?",
        "{subject}",
        " {subject} \n",
        "Q: A?\nA: B\nQ: {subject}?\nA:",
    ),
    *(
        "The father of {subject} is {object}",
        "{subject} is {object}.",
        "{subject} {object} ...! \n",
        "{subject:poss} {range} is {object}",
    ),
    *("Which {range} is the {domain} {subject} in?", "{domain} {subject}", "{subject} {range} {object}"),
    *("", " ", "Who is it?", "{object}", "{object} of {subject}", "{subject} is {object}, is it?", "{subject} {object} {object}"),
    *(
        "{subject} and {subject}?",
        "{subject} and {subject:poss}?",
        "{subject",
        "subject}",
        "{{subject}}",
        "{subject}} is {object}",
    ),
    *(
        "{subject} is {objekt}",
        "{Subject}?",
        "{ subject }?",
        "{subject}{}",
        "{subject} {domain:poss}",
        "{object:poss} of {subject}",
    ),
]


@pytest.mark.parametrize("classes", [True, False])
def test_shapes_and_loader_agree_on_templates(classes: bool) -> None:
    cases = [(name, text) for name, _ in PROPERTIES for text in TEXTS]
    shape, loader = judged(cases, classes)
    assert [case for case, one, other in zip(cases, shape, loader) if one != other] == []
    assert 20 < sum(loader) < len(cases) - 20


PIECES = (
    "{subject}",
    "{subject:poss}",
    "{object}",
    "{domain}",
    "{range}",
    "{",
    "}",
    "{}",
    "{other}",
    " ",
    "\n",
    ".",
    "!",
    "is",
    "é",
)
CASES = st.tuples(st.sampled_from([name for name, _ in PROPERTIES]), st.lists(st.sampled_from(PIECES), max_size=6).map("".join))


@given(st.lists(CASES, min_size=20, max_size=40))
@settings(max_examples=10, deadline=None)
def test_shapes_and_loader_agree_on_any_template(cases: list[tuple[str, str]]) -> None:
    shape, loader = judged(cases)
    assert [case for case, one, other in zip(cases, shape, loader) if one != other] == []


@pytest.mark.parametrize(
    ("ends", "good"),
    [
        ("", False),
        ("rdfs:domain :Town", True),
        ("rdfs:domain owl:Thing", False),
        ("rdfs:range :Town", False),
        ("rdfs:domain [ owl:unionOf ( :Town :Person ) ]", True),
        ("owl:equivalentProperty [] . :q owl:equivalentProperty :p ; rdfs:domain :Town", True),
        ("owl:inverseOf :q . :q rdfs:range :Town", True),
    ],
)
def test_a_class_behind_a_placeholder(bench: Any, ends: str, good: bool) -> None:
    text = f""":Town a owl:Class . :Person a owl:Class . :p a owl:ObjectProperty , owl:FunctionalProperty .
        :q a owl:ObjectProperty . :p kedit:questionTemplate "Where in the {{domain}} is {{subject}}?" . :a :p :b .
        {f":p {ends} ." if ends else ""}"""
    assert (of_turtle(text) == []) is good
    assert ("KE020" not in bench.codes(bench.load(text))) is good


VALUES = [
    (":p a owl:ObjectProperty", "kedit:answerPolicy", '"any"', '"skip-ambiguous"', "KE048", ['"some"', '"Any"', '""']),
    (":p a owl:ObjectProperty", "kedit:slot", "3", "0", "KE046", ["-1", '"three"', "1.5", "2 , 3", ":q", '"x"^^xsd:integer']),
    (":p a owl:NamedIndividual", "kedit:split", '"train"', '"test"', "KE045", ['"training"', '""', "1", ":q"]),
]


@pytest.mark.parametrize(("declared", "term", "one", "other", "code", "wrong"), VALUES, ids=[row[1][6:] for row in VALUES])
def test_shapes_and_findings_agree(
    bench: Any, declared: str, term: str, one: str, other: str, code: str, wrong: list[str]
) -> None:
    for value in (one, other):
        assert of_turtle(f"{declared} ; {term} {value} .") == []
        assert code not in bench.codes(bench.load(f"{declared} ; {term} {value} . :a :p :b . :b :r :c ."))
    for value in wrong:
        (message, *_) = of_turtle(f"{declared} ; {term} {value} .")
        assert message.startswith(term)
        assert code in bench.codes(bench.load(f"{declared} ; {term} {value} . :a :p :b . :b :r :c ."))


@pytest.mark.parametrize(
    "text",
    [
        ':p kedit:phrase "father" ; kedit:wh "who" ; kedit:exclude true , true ; kedit:slot "3"^^xsd:nonNegativeInteger',
        ':p kedit:phrase "father"@en , "Vater"@de , "father" ; kedit:wh " Where "@en',
        ':a kedit:answerText "Ann"@en , "Anne"@fr ; kedit:alias "Annie" , "A." ; kedit:acceptedAnswer "her" , "she"@en',
        ":C a owl:Class ; kedit:slot 4 ; kedit:exclude false . :D a owl:Class ; kedit:slot 5 ; kedit:answerText 'day'",
        ':p a owl:Class , owl:ObjectProperty ; kedit:questionTemplate "Who is {subject}?"',
        ':p kedit:questionTemplate "Who is {subject}?"@en , "Wer ist {subject}?"@de ; kedit:heldOutTemplate "{subject} is who?"',
    ],
)
def test_good_values_conform(text: str) -> None:
    assert of_turtle(text + " .") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (":p kedit:questionTemplate 5", "kedit:questionTemplate is a text"),
        (":p kedit:clozeTemplate <http://example.org/{subject}>", "kedit:clozeTemplate is a text"),
        (':p kedit:validationTemplate "{subject}"^^xsd:anyURI', "kedit:validationTemplate is a text"),
        (":p kedit:heldOutTemplate [ ]", "kedit:heldOutTemplate is a text"),
        (
            ':p kedit:questionTemplate "{subject}?" ; kedit:heldOutTemplate "{subject}?"',
            "remove it here or from kedit:questionTemplate",
        ),
        (
            ':p kedit:clozeTemplate "{subject} {object}" ; kedit:heldOutTemplate "{subject} {object}"',
            "or from kedit:clozeTemplate",
        ),
        (':p kedit:validationTemplate "{subject}?" ; kedit:heldOutTemplate "{subject}?"', "or from kedit:validationTemplate"),
        (':p kedit:questionTemplate "{subject}?" ; kedit:validationTemplate "{subject}?"', "must not be trained on"),
        (':p kedit:clozeTemplate "{subject} {object}" ; kedit:validationTemplate "{subject} {object}"', "must not be trained on"),
        (':p kedit:phrase "father" , "dad"', "one kedit:phrase"),
        (':p kedit:phrase "father"@en , "dad"@en', "one kedit:phrase"),
        (':p kedit:phrase " "', "kedit:phrase is a noun phrase"),
        (':p kedit:phrase "father of {subject}"', "kedit:phrase is a noun phrase"),
        (':p kedit:wh "why"', "kedit:wh is one of"),
        (':p kedit:wh "who" , "what"', "kedit:wh is one of"),
        (':p kedit:exclude "yes"', "kedit:exclude is true or false"),
        (":p kedit:exclude 1", "kedit:exclude is true or false"),
        (":p kedit:exclude true , false", "kedit:exclude is true or false"),
        (':p kedit:answerPolicy "any" , "skip-ambiguous"', "kedit:answerPolicy is one of"),
        (":p kedit:slot 1 . :q kedit:slot 1", "Two terms ask for the same kedit:slot"),
        (':a kedit:answerText ""', "kedit:answerText is a text"),
        (':a kedit:answerText "A" , "B"', "one kedit:answerText"),
        (":a kedit:answerText 5", "kedit:answerText is a text"),
        (':a kedit:alias "  "', "kedit:alias is a text"),
        (":a kedit:alias :b", "kedit:alias is a text"),
        (":a kedit:acceptedAnswer true", "kedit:acceptedAnswer is a text"),
        (':a kedit:split "train" , "test"', "kedit:split is one of"),
        (':C a owl:Class ; kedit:questionTemplate "{subject}?"', "stand on a relation"),
        (':a a owl:NamedIndividual ; kedit:wh "who"', "stand on a relation"),
        ('[ kedit:phrase "father" ]', "stand on a relation"),
        (":a a owl:NamedIndividual ; kedit:slot 1", "individuals have no slots"),
        ("[ kedit:slot 1 ]", "individuals have no slots"),
        (':p a owl:ObjectProperty ; kedit:split "train"', "not on a relation"),
        (':p a owl:DatatypeProperty ; kedit:alias "p"', "not on a relation"),
        ('[ kedit:acceptedAnswer "p" ]', "not on a relation"),
        ("[ kedit:exclude true ]", "not on a blank node"),
        ('[ kedit:answerText "p" ]', "not on a blank node"),
    ],
)
def test_bad_values_are_told_what_is_wrong(text: str, said: str) -> None:
    assert any(said in message for message in of_turtle(text + " ."))
