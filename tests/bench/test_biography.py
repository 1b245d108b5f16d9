"""The biography world: sizes, shape, and that it reads as an ontology that can be aligned."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from kedit.bench.biography import people, pools, write_biography
from kedit.ontology import load_ontology, require_alignable

PUBLISHED = {"given": 400, "family": 1000, "cities": 50, "universities": 300, "majors": 100, "employers": 310, "towns": 167}


def test_pools_are_as_large_as_the_published_ones_and_name_nothing_twice() -> None:
    for name, names in pools()._asdict().items():
        assert len(names) >= PUBLISHED.get(name, 1)
        assert len(set(names)) == len(names)


def test_names_are_distinct_and_the_town_of_work_follows_from_the_employer() -> None:
    told = people(1000, seed=3)
    assert len({person.name for person in told}) == 1000
    seats = {(person.facts["employer"], person.facts["workCity"]) for person in told}
    assert len(seats) == len({employer for employer, _ in seats})


def test_the_same_seed_gives_the_same_bytes_and_another_one_another_world(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_biography(tmp_path / f"{name}.ttl", 30, seed)
    first, second, third = (path.read_bytes() for path in sorted(tmp_path.glob("*.ttl")))
    assert first == second != third


def test_the_file_reads_as_six_relations_of_every_person(tmp_path: Path) -> None:
    path = tmp_path / "biography.ttl"
    write_biography(path, 60)
    ontology = load_ontology(path)
    relations = require_alignable(ontology)
    assert len(relations) == 6
    assert all(len(ontology.facts[relation]) == 60 for relation in relations)
    splits = Counter(ontology.individuals[subject].split for subject in ontology.facts[relations[0]])
    assert set(splits) == {"train", "valid", "test"}
    assert splits["train"] > splits["test"] > splits["valid"]
