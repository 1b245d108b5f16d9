"""Chains as questions over several steps, with a slot a step; chains that cannot be asked say why."""

from __future__ import annotations

from pathlib import Path

import pytest

from kedit.curriculum.carriers import relation_carriers
from kedit.curriculum.hops import build_hops, follow, hop_paths, sites_of
from kedit.curriculum.slots import build_slots
from kedit.ontology import Ontology, load_ontology, require_alignable

TEXT = """
@prefix : <http://example.org/e#> . @prefix owl: <http://www.w3.org/2002/07/owl#> . @prefix kedit: <https://w3id.org/kedit/ns#> .
:hasBoss a owl:ObjectProperty , owl:FunctionalProperty . :hasFriend a owl:ObjectProperty .
:hasBossFriend a owl:ObjectProperty ; owl:propertyChainAxiom ( :hasBoss :hasFriend ) , ( [ owl:inverseOf :hasFriend ] :hasBoss ) .
:hasSuperior a owl:ObjectProperty ; owl:propertyChainAxiom ( :hasBoss :hasSuperior ) , ( :hasBoss :hasMentor ) .
:hasMentor a owl:ObjectProperty .
:married a owl:ObjectProperty , owl:SymmetricProperty ; kedit:questionTemplate "Whom did {subject} marry?" .
:hasInLaw a owl:ObjectProperty ; owl:propertyChainAxiom ( :married :hasFriend ) .
:anna :hasBoss :bert . :bert :hasFriend :carl , :dora . :carl :hasBoss :emil . :emil :hasFriend :carl . :dora :hasFriend :anna .
:anna :married :carl . :dora :hasBoss :frida .
"""


@pytest.fixture
def ontology(tmp_path: Path) -> Ontology:
    (tmp_path / "o.ttl").write_text(TEXT)
    return load_ontology(tmp_path / "o.ttl")


def test_chains_become_questions(ontology: Ontology) -> None:
    relations = require_alignable(ontology)
    slots = build_slots(ontology, relations)
    prompts, refused = build_hops(ontology, slots, relations)
    boss, friend = (f"http://example.org/e#{name}" for name in ("hasBoss", "hasFriend"))
    assert {prompt.path.steps for prompt in prompts} == {(boss, friend)}
    assert {prompt.slots for prompt in prompts} == {(slots.index(boss), slots.index(friend))}
    # Carl's boss is Emil, whose friend is Carl: the way does not lead through Carl himself. Dora's boss has no friend.
    names = {ontology.individuals[prompt.subject].label: prompt for prompt in prompts}
    assert set(names) == {"anna", "carl"}
    assert [ontology.texts(value)[0] for value in names["anna"].answers] == ["carl", "dora"]
    assert [ontology.individuals[iri].label for iri in names["anna"].bridges] == ["bert"]
    assert "Q: Who is a friend of the boss of anna?\nA:" in {prompt.text for prompt in prompts}
    assert {prompt.carrier_split for prompt in prompts} == {"train", "valid", "heldout"}
    assert refused == {
        ":hasBossFriend: inverse of :hasFriend o :hasBoss": "inverse of :hasFriend is walked against its direction",
        ":hasInLaw: :married o :hasFriend": ":married has no noun phrase; write kedit:phrase",
        ":hasSuperior: :hasBoss o :hasMentor": ":hasMentor has no slot",
        ":hasSuperior: :hasBoss o :hasSuperior": "it contains the relation it defines",
    }


def test_subjects_are_capped_by_hash(ontology: Ontology) -> None:
    relations = require_alignable(ontology)
    slots = build_slots(ontology, relations)
    prompts, _ = build_hops(ontology, slots, relations, max_subjects=1)
    assert len({prompt.subject for prompt in prompts}) == 1
    assert hop_paths(ontology, relations)[0] == hop_paths(ontology, list(reversed(relations)))[0]


def test_namesakes_and_short_names(tmp_path: Path) -> None:
    prefixes = TEXT.splitlines()[1]
    (tmp_path / "o.ttl").write_text(f"""{prefixes} @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
    :hasBoss a owl:ObjectProperty . :hasChief a owl:ObjectProperty ; owl:propertyChainAxiom ( :hasBoss :hasBoss ) .
    :a1 rdfs:label "Anna" ; :hasBoss :b1 . :b1 :hasBoss :c1 . :a2 rdfs:label "anna" ; :hasBoss :b2 . :b2 :hasBoss :c2 .
    :d1 rdfs:label "Dora" ; :hasBoss :e1 . :e1 :hasBoss :k . :d2 rdfs:label "Dora" ; :hasBoss :e2 . :e2 :hasBoss :k .
    :k rdfs:label "Karl" ; kedit:alias "k" .
    """)
    ontology = load_ontology(tmp_path / "o.ttl")
    relations = require_alignable(ontology)
    prompts, _ = build_hops(ontology, build_slots(ontology, relations), relations)
    asked = {ontology.individuals[prompt.subject].iri.rpartition("#")[2] for prompt in prompts}
    assert asked == {"d1", "d2"}  # one name, two chiefs: nobody can tell which Anna; the Doras have one
    assert len({prompt.carrier for prompt in prompts}) == len(
        relation_carriers(ontology, relations[0])
    )  # a "k" in "ask" is no name
    (finding,) = (finding for finding in ontology.findings if finding.code == "KE042")
    assert finding.count == 2  # the bosses of Anna and of Dora, a question each


def test_sites_end_at_phrase_subject_and_decision(ontology: Ontology) -> None:
    relations = require_alignable(ontology)
    prompts, _ = build_hops(ontology, build_slots(ontology, relations), relations)
    (asked,) = [prompt for prompt in prompts if prompt.text == "Q: Who is a friend of the boss of anna?\nA:"]
    assert [asked.upto(site, 0) for site in sites_of(asked.path, 0)] == [
        "Q: Who is a friend of the boss",
        "Q: Who is a friend of the boss of anna",
        asked.text,
    ]
    assert sites_of(asked.path, 1) == ("decision",)


def test_whoever_a_way_leads_past_twice_is_not_followed(ontology: Ontology) -> None:
    name = "http://example.org/e#{}".format
    assert follow(ontology, name("anna"), [name("hasBoss"), name("hasFriend")]) == (
        (name("bert"),),
        (name("carl"), name("dora")),
    )
    assert follow(ontology, name("dora"), [name("hasBoss"), name("hasFriend")]) is None  # Frida has no friend
    assert follow(ontology, name("anna"), [name("hasBoss"), name("hasFriend"), name("hasBoss")]) is None  # two friends
