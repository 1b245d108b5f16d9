"""`diff_ontologies`: every kind of change is told, and what it means for a trained run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kedit.curriculum.diff import Change, OntologyDiff, diff_ontologies
from kedit.errors import InputError
from kedit.ontology import Ontology, load_ontology

PREFIXES = """@prefix : <http://example.org/e#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix kedit: <https://w3id.org/kedit/ns#> .
"""
BASE = """
:Place a owl:Class . :City a owl:Class ; rdfs:subClassOf :Place . :Country a owl:Class ; rdfs:subClassOf :Place .
:River a owl:Class ; rdfs:label "river" .
:hasCapital a owl:ObjectProperty , owl:FunctionalProperty ; rdfs:domain :Country ; rdfs:range :City ; rdfs:label "capital" .
:hasRiver a owl:ObjectProperty ; rdfs:range :River .
:hasNeighbour a owl:ObjectProperty , owl:SymmetricProperty ; rdfs:range :Country .
:motto a owl:DatatypeProperty .
"""
NEIGHBOURS = ":c0 :hasNeighbour :c1 . :c2 :hasNeighbour :c3 . :c4 :hasNeighbour :c5 .\n"
COUNTRIES = 20


def country(n: int) -> str:
    return (
        f':c{n} a :Country ; rdfs:label "Land {n}" ; :hasCapital :t{n} ; :hasRiver :r{n} ; :motto "Words {n}" .\n'
        f':t{n} a :City ; rdfs:label "Town {n}" . :r{n} rdfs:label "Stream {n}" .\n'
    )


TEXT = BASE + NEIGHBOURS + "".join(country(n) for n in range(COUNTRIES))
Load = Callable[[str], Ontology]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def read(text: str) -> Ontology:
        path = tmp_path / "o.ttl"
        path.write_text(PREFIXES + text)
        return load_ontology(path)

    return read


def edited(*changes: tuple[str, str]) -> str:
    text = TEXT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


def find(diff: OntologyDiff, change: str, curie: str) -> Change:
    return next(row for row in diff.changes if (row.change, row.curie) == (change, curie))


def towns(count: int) -> str:
    return edited(*((f":hasCapital :t{n} ", f":hasCapital :t{n + 1} ") for n in reversed(range(count))))


def test_nothing_changed(load: Load) -> None:
    one, other = load(TEXT), load("# said otherwise\n" + "".join(reversed(TEXT.splitlines(keepends=True))))
    diff = diff_ontologies(one, other)
    assert (diff.changes, diff.retrain, diff.verify, diff.verdict) == ((), (), (), "compatible")
    assert diff.old.relations == diff.new.relations == 4
    assert diff.old.slots == diff.new.slots == 8


TURNED = [(f":hasRiver :r{n} ;", f':x "y" . :r{n} :hasRiver :c{n} . :c{n}') for n in range(COUNTRIES)]
KINDS = [
    # what is edited, change, term, means, what is said
    ([(":hasRiver", ":hasStream")], "vanished", ":hasRiver", "retrain", "is gone from the ontology"),
    ([(":hasRiver", ":hasStream")], "appended", ":hasStream", "compatible", "20 facts about 20 subjects"),
    (
        [(":motto a", ":motto kedit:exclude true ; a")],
        "vanished",
        ":motto",
        "retrain",
        "it is excluded by kedit:exclude",
    ),
    ([("rdfs:range :City", "rdfs:range :Place")], "vanished", ":City", "retrain", "it is no class of an answer"),
    ([("rdfs:range :City", "rdfs:range :Place")], "rewired", ":hasCapital", "retrain", "no longer switches on :City"),
    ([("rdfs:range :City", "rdfs:range :Place")], "range", ":hasCapital", "retrain", ":City → :Place"),
    (
        [(":River a owl:Class ;", ":River a owl:Class ; rdfs:subClassOf :Place ;")],
        "rewired",
        ":hasRiver",
        "retrain",
        "now switches on :Place",
    ),
    (
        [(":River a owl:Class ;", ":River a owl:Class ; rdfs:subClassOf :Water ;")],
        "appended",
        ":Water",
        "compatible",
        "superclass of :River",
    ),
    (
        [(":hasRiver a", ":stream owl:inverseOf :hasRiver ; a owl:ObjectProperty , owl:FunctionalProperty . :hasRiver a")],
        "folded",
        ":hasRiver",
        "retrain",
        "was folded into :stream, which reads the other way round",
    ),
    (
        [(":motto a", ":a owl:equivalentProperty :motto ; kedit:clozeTemplate '{subject} says {object}' . :motto a")],
        "folded",
        ":motto",
        "retrain",
        "was folded into :a",
    ),
    (
        [(":River a", ":Flow a owl:Class ; rdfs:label 'flow' ; owl:equivalentClass :River . :River a")],
        "folded",
        ":River",
        "retrain",
        "was folded into :Flow",
    ),
    (
        [(":hasRiver a", ":stream owl:inverseOf :hasRiver . :hasRiver a")],
        "folds",
        ":hasRiver",
        "compatible",
        "takes in :stream",
    ),
    (
        [
            ("rdfs:domain :Country", "rdfs:domain :City"),
            ("rdfs:range :City", "rdfs:range :Country"),
        ],
        "redirected",
        ":hasCapital",
        "retrain",
        "domain and range have changed places",
    ),
    (TURNED, "redirected", ":hasRiver", "retrain", "20 of 20 facts are stated from object to subject now"),
    (
        [(":motto a owl:DatatypeProperty", ":motto a owl:ObjectProperty"), (':motto "Words ', ":motto :w")]
        + [(f':w{n}" .', f":w{n} .") for n in range(COUNTRIES)],
        "redirected",
        ":motto",
        "retrain",
        "has individuals for answers, no longer literals",
    ),
    (
        [(":motto a owl:DatatypeProperty", ":motto a owl:Class"), (':motto "Words ', ':says "Words ')],
        "redirected",
        ":motto",
        "retrain",
        "has become a class",
    ),
    ([('rdfs:label "capital"', 'rdfs:label "seat"')], "relabelled", ":hasCapital", "verify", "'capital' is now 'seat'"),
    ([('rdfs:label "capital"', 'rdfs:label "seat"')], "templates", ":hasCapital", "verify", "generated → generated"),
    ([('rdfs:label "capital"', 'rdfs:label "seat"')], "phrase", ":hasCapital", "verify", "'capital' → 'seat'"),
    ([('rdfs:label "river"', 'rdfs:label "stream"')], "relabelled", ":River", "verify", "'river' is now 'stream'"),
    (
        [(":motto a", ":motto kedit:questionTemplate 'What says {subject}?' ; a")],
        "templates",
        ":motto",
        "verify",
        "generated → written",
    ),
    ([("rdfs:domain :Country", "rdfs:domain :Place")], "domain", ":hasCapital", "compatible", ":Country → :Place"),
    ([(" , owl:FunctionalProperty", "")], "functional", ":hasCapital", "verify", "may have several answers now"),
    ([(" , owl:SymmetricProperty", "")], "symmetric", ":hasNeighbour", "verify", "no longer holds both ways"),
    ([(" , owl:SymmetricProperty", "")], "answers", ":hasNeighbour", "retrain", "3 lost one (50.0%"),
    ([(":hasRiver :r3 ;", ":hasRiver :r3 , :r4 ;")], "facts added", ":hasRiver", "verify", "1 fact added"),
    ([(":hasRiver :r3 ;", ":hasRiver :r3 , :r4 ;")], "answers", ":hasRiver", "verify", "0 lost one"),
    ([(":hasRiver :r3 ; ", "")], "facts removed", ":hasRiver", "verify", "1 fact removed"),
    ([(":hasRiver :r3 ; ", "")], "answers", ":hasRiver", "verify", "1 of 20 subjects have other right answers; 1 lost one (5.0%"),
    ([("Stream 3", "Brook")], "names", ":hasRiver", "verify", "1 individual has another label"),
    ([("Stream 3", "Brook")], "answers", ":hasRiver", "verify", "1 lost one"),
    ([("Land 3", "Empire")], "names", ":hasRiver", "verify", "1 individual has another label"),
    ([(":c3 a :Country", ":c3 kedit:alias 'Empire' ; a :Country")], "names", ":hasRiver", "verify", "other aliases"),
    ([(":c3 a :Country", ":c3 kedit:split 'test' ; a :Country")], "splits", ":hasRiver", "verify", "1 subject has another"),
    ([(":motto a", ":motto kedit:slot 3 ; a")], "slot", ":motto", "compatible", "None → 3"),
    ([(":motto a", ":motto kedit:slot 0 ; a")], "slot", ":motto", "verify", "asks for slot 0"),
    ([(":River a", ":River kedit:slot 0 ; a")], "slot", ":River", "verify", "asks for slot 0"),
]


@pytest.mark.parametrize(("changes", "change", "curie", "means", "said"), KINDS, ids=[f"{row[1]}-{row[2]}" for row in KINDS])
def test_every_kind_of_change(load: Load, changes: list[tuple[str, str]], change: str, curie: str, means: str, said: str) -> None:
    diff = diff_ontologies(load(TEXT), load(edited(*changes)))
    row = find(diff, change, curie)
    assert row.means == means
    assert said in row.says
    broken = any(row.means == "retrain" for row in diff.changes)
    assert diff.verdict == ("retrain" if broken else "compatible")
    assert bool(diff.retrain) == broken
    if means == "retrain" and row.kind == "relation":
        assert curie in diff.retrain
    if means == "verify":
        assert curie in (*diff.verify, *diff.retrain)
    assert [row.means for row in diff.changes] == sorted(
        (row.means for row in diff.changes), key=["retrain", "verify", "compatible"].index
    )


def test_unfolded(load: Load) -> None:
    folded = edited((":hasRiver a", ":stream owl:inverseOf :hasRiver . :hasRiver a"))
    row = find(diff_ontologies(load(folded), load(TEXT)), "unfolds", ":hasRiver")
    assert (row.means, row.says) == ("compatible", "no longer holds :stream")


@pytest.mark.parametrize(("wrong", "verdict"), [(1, "compatible"), (2, "compatible"), (3, "retrain"), (19, "retrain")])
def test_more_than_a_tenth_of_the_answers_lost_is_to_be_retrained(load: Load, wrong: int, verdict: str) -> None:
    diff = diff_ontologies(load(TEXT), load(towns(wrong)))
    row = find(diff, "answers", ":hasCapital")
    assert (row.count, row.of) == (wrong, COUNTRIES)
    assert diff.verdict == verdict
    assert diff.retrain == ((":hasCapital",) if verdict == "retrain" else ())
    assert diff.verify == (() if verdict == "retrain" else (":hasCapital",))
    assert row.examples[0] == "Land 0: Town 0 → Town 1"
    assert len(row.examples) == min(wrong, 3)


def test_an_answer_under_another_iri_or_as_an_alias_is_the_same_answer(load: Load) -> None:
    moved = diff_ontologies(load(TEXT), load(edited((":t3 ", ":town3 "))))
    assert {row.change for row in moved.changes} == {"facts added", "facts removed"}
    renamed = diff_ontologies(load(TEXT), load(edited(('"Town 3"', '"City 3" ; kedit:alias "town 3"'))))
    assert not any(row.change == "answers" and row.means == "retrain" for row in renamed.changes)
    assert "0 lost one" in find(renamed, "answers", ":hasCapital").says
    assert find(renamed, "names", ":hasCapital").examples == ("Town 3 → City 3",)


def test_examples_are_by_label(load: Load) -> None:
    diff = diff_ontologies(load(TEXT), load(edited((":hasRiver :r3 ;", ":hasRiver :r4 ;"))))
    assert find(diff, "facts added", ":hasRiver").examples == ("Land 3 → Stream 4",)
    assert find(diff, "facts removed", ":hasRiver").examples == ("Land 3 → Stream 3",)
    assert find(diff, "answers", ":hasRiver").examples == ("Land 3: Stream 3 → Stream 4",)


def test_nothing_to_align(load: Load) -> None:
    with pytest.raises(InputError, match="nothing to align"):
        diff_ontologies(load(BASE), load(TEXT))
    # What was trained and cannot be asked any more is no bad input, but the answer.
    diff = diff_ontologies(load(TEXT), load(BASE))
    assert ":hasCapital" in diff.retrain
    assert find(diff, "vanished", ":hasCapital").says == "is no longer used: it has no facts"


def test_the_document_is_strict(load: Load) -> None:
    diff = diff_ontologies(load(TEXT), load(towns(3)))
    again = OntologyDiff.model_validate_json(diff.model_dump_json(by_alias=True))
    assert again == diff
    assert diff.model_dump(by_alias=True)["schema"] == "kedit.ontology-diff/1"
    with pytest.raises(ValueError, match="extra"):
        OntologyDiff.model_validate({**diff.model_dump(by_alias=True), "more": 1})


def test_policies_enumerations_and_datatypes_are_noticed(load: Load) -> None:
    text = (
        TEXT
        + ":hasColour a owl:ObjectProperty ; rdfs:range [ owl:oneOf (:red :green) ] ."
        + " :c0 :hasColour :red ; :foundingDate '1950-05-12' ."
    )
    old = load(text + ":foundingDate a owl:DatatypeProperty .")
    new = load(
        text.replace("'1950-05-12'", "'1950-05-12'^^<http://www.w3.org/2001/XMLSchema#date>").replace(":red :green", ":red :blue")
        + ":foundingDate a owl:DatatypeProperty . :hasRiver kedit:answerPolicy 'skip-ambiguous' ."
    )
    told = {(change.change, change.curie): change for change in diff_ontologies(old, new).changes}
    assert told["answer policy", ":hasRiver"].says == "any → skip-ambiguous"
    assert told["choices", ":hasColour"].examples == ("+ blue", "- green")
    assert told["answers", ":foundingDate"].means == "verify"
