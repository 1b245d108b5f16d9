"""Splits: stable, by family where answers are inherited, by subject where one component would hold everybody."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedit.curriculum.splits import subject_splits, unit_hash, withheld
from kedit.ontology import load_ontology
from kedit.ontology.model import Ontology


def many(toy: ModuleType, count: int = 2000) -> Ontology:
    people = [toy.person(f"p{i}") for i in range(count)]
    return toy.ontology([toy.relation("born")], people, {toy.iri("born"): {p.iri: ('"1950',) for p in people}})


def families(toy: ModuleType, count: int = 60, size: int = 5) -> Ontology:
    """`count` families: everybody's father is the one before, the first one's is not listed."""
    father, born = toy.relation("father", functional=True), toy.relation("born", kind="data")
    people = [toy.person(f"f{family}m{member}") for family in range(count) for member in range(size)]
    facts = {
        father.iri: {toy.iri(f"f{f}m{m}"): (toy.iri(f"f{f}m{m - 1}"),) for f in range(count) for m in range(1, size)},
        born.iri: {person.iri: ('"1950',) for person in people},
    }
    return toy.ontology([father, born], people, facts)


def test_fractions_and_seeds(toy: ModuleType) -> None:
    ontology = many(toy)
    splits = subject_splits(ontology, [toy.iri("born")], 0)
    share = {name: sum(split == name for split in splits.values()) / len(splits) for name in ("train", "valid", "test")}
    assert share == pytest.approx({"train": 0.6, "valid": 0.15, "test": 0.25}, abs=0.03)
    assert splits == subject_splits(ontology, [toy.iri("born")], 0)
    assert splits != subject_splits(ontology, [toy.iri("born")], 1)
    assert list(splits) == sorted(splits)
    assert set(subject_splits(ontology, [toy.iri("born")], 0, (1, 0, 0)).values()) == {"train"}


def test_a_new_subject_moves_nobody(toy: ModuleType) -> None:
    few = subject_splits(many(toy, 100), [toy.iri("born")], 0)
    more = subject_splits(many(toy, 200), [toy.iri("born")], 0)
    assert few.items() <= more.items()


def test_what_the_author_wrote_wins(toy: ModuleType) -> None:
    ontology = many(toy, 50)
    written = {iri: replace(person, split="test") for iri, person in ontology.individuals.items() if iri.endswith("7")}
    ontology = replace(ontology, individuals={**ontology.individuals, **written})
    splits = subject_splits(ontology, [toy.iri("born")], 0)
    assert all(splits[iri] == "test" for iri in written)


def test_families_stay_together(toy: ModuleType) -> None:
    ontology = families(toy)
    splits = subject_splits(ontology, list(ontology.relations), 0)
    for family in range(60):
        assert len({splits[toy.iri(f"f{family}m{member}")] for member in range(5)}) == 1
    assert set(splits.values()) == {"train", "valid", "test"}
    apart = subject_splits(ontology, list(ontology.relations), 0, by_component=False)
    assert any(len({apart[toy.iri(f"f{family}m{member}")] for member in range(5)}) > 1 for family in range(60))


def test_one_written_split_takes_its_family_along(toy: ModuleType) -> None:
    ontology = families(toy)
    told = replace(ontology.individuals[toy.iri("f3m2")], split="valid")
    ontology = replace(ontology, individuals={**ontology.individuals, told.iri: told})
    splits = subject_splits(ontology, list(ontology.relations), 0)
    assert {splits[toy.iri(f"f3m{member}")] for member in range(5)} == {"valid"}


def test_a_giant_component_falls_back_to_subjects_and_spoils_no_family(toy: ModuleType) -> None:
    ontology = families(toy)
    people = sorted(ontology.individuals)
    ring = {one: (other,) for one, other in zip(people, people[1:] + people[:1])}
    knows = toy.relation("knows")
    both = replace(ontology, relations={**ontology.relations, knows.iri: knows}, facts={**ontology.facts, knows.iri: ring})
    assert subject_splits(both, list(both.relations), 0) == subject_splits(ontology, list(ontology.relations), 0)
    alone = subject_splits(both, [knows.iri], 0)
    assert len(set(alone.values())) == 3
    assert len(set(subject_splits(both, [knows.iri], 0, by_component=True).values())) == 1


def test_no_pair_of_a_symmetric_relation_is_split(toy: ModuleType) -> None:
    ontology = toy.countries()
    borders = toy.iri("borders")
    for seed in range(20):
        splits = subject_splits(ontology, toy.ASKED, seed)
        held = withheld(ontology, borders, splits)
        taught = {
            frozenset((s, v))
            for s, values in ontology.facts[borders].items()
            for v in values
            if splits[s] != "test" and v not in held.get(s, ())
        }
        tested = {frozenset((s, v)) for s, values in ontology.facts[borders].items() for v in values if splits[s] == "test"}
        assert not taught & tested
        assert taught | tested == {frozenset((s, v)) for s, values in ontology.facts[borders].items() for v in values}
    assert withheld(ontology, toy.iri("capital"), splits) == {}


@given(st.lists(st.text(), max_size=3))
def test_unit_hash_is_in_the_unit_interval(parts: list[str]) -> None:
    assert 0 <= unit_hash(*parts) < 1


def test_the_hash_is_the_same_in_every_process() -> None:
    code = (
        "from kedit.curriculum.splits import unit_hash; import sys; sys.stdout.write(repr(unit_hash('split', 0, 'http://x/é')))"
    )
    here = repr(unit_hash("split", 0, "http://x/é"))
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"})
    assert run.stdout == here


def test_no_pair_is_split_that_another_relation_reads_back(tmp_path: Path) -> None:
    ring = " ".join(f":c{n} :controls :c{(n + 1) % 40} . :c{n} :ownedBy :x{n} ." for n in range(40))
    (tmp_path / "o.ttl").write_text(
        "@prefix : <http://e/> . @prefix owl: <http://www.w3.org/2002/07/owl#> . :ownedBy a owl:ObjectProperty . "
        ":controls a owl:ObjectProperty ; <http://www.w3.org/2000/01/rdf-schema#subPropertyOf> [ owl:inverseOf :ownedBy ] . "
        + ring
    )
    ontology = load_ontology(tmp_path / "o.ttl")
    controls, owned = "http://e/controls", "http://e/ownedBy"
    assert ontology.relations[controls].mirrors == (owned,)
    splits = subject_splits(ontology, [controls, owned], 0)
    held = withheld(ontology, controls, splits)
    for subject, values in ontology.facts[controls].items():
        for value in values:
            assert subject in ontology.values(owned, value)
            hidden = splits[subject] != "test" and splits[value] == "test"
            assert (value in held.get(subject, ())) == hidden
    assert held
    assert not withheld(ontology, "http://e/ownedBy", dict.fromkeys(splits, "train"))
