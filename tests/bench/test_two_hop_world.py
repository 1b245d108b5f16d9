"""The world of two hops: of the published shape, every chain of it can be asked, and files that are no facts say so."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from kedit.bench.two_hop_world import invented_facts, published_facts, write_two_hop_world
from kedit.curriculum.hops import build_hops
from kedit.curriculum.slots import build_slots
from kedit.errors import InputError
from kedit.ontology import load_ontology, require_alignable

PUBLISHED = Path(__file__).parents[3] / "shared/data/alignsae/2hop/facts_database/facts.jsonl"


def test_the_world_has_the_published_shape() -> None:
    facts = invented_facts()
    assert len(facts) == 800
    assert len({person for person, _ in facts}) == 40
    assert len({relation for _, relation in facts}) == 20
    assert invented_facts() == facts != invented_facts(1)
    # From everybody of the first row every chain leads on.
    first = {person for person, _ in facts} - set(facts.values())
    relations = {relation for _, relation in facts}
    assert len(first) == 20
    assert all((facts[person, relation], other) in facts for person in first for relation in relations for other in relations)


def test_every_chain_can_be_asked(tmp_path: Path) -> None:
    path = tmp_path / "world.ttl"
    write_two_hop_world(path, invented_facts())
    ontology = load_ontology(path)
    relations = tuple(require_alignable(ontology))
    hops, refused = build_hops(ontology, build_slots(ontology, relations), relations)
    assert not refused
    assert len({hop.path for hop in hops}) == 400
    assert Counter(hop.subject_split for hop in hops if hop.path == hops[0].path and hop.carrier == hops[0].carrier) == {
        "train": 12,
        "valid": 3,
        "test": 5,
    }


def test_what_is_no_fact_says_where(tmp_path: Path) -> None:
    path = tmp_path / "facts.jsonl"
    good = '{"entity_1": "Ann", "relation": "boss_of", "entity_2": "Bob"}\n'
    for bad, message in (
        ("Ann", "this is no fact"),
        ('{"entity_1": "Ann"}', "this is no fact"),
        ('{"entity_1": "Ann", "relation": "eats", "entity_2": "Bob"}', "unknown relation 'eats'"),
        ('{"entity_1": "Ann", "relation": "boss_of", "entity_2": "Cy"}', "two answers"),
        ('{"entity_1": "Zoe \\"Z\\"", "relation": "boss_of", "entity_2": "Cy"}', "is no name"),
    ):
        path.write_text(good + bad)
        with pytest.raises(InputError, match=message) as caught:
            published_facts(path)
        assert "facts.jsonl:2" in str(caught.value)
    with pytest.raises(InputError, match="cannot read facts"):
        published_facts(tmp_path / "absent")


def test_worlds_that_cannot_be_measured_are_refused_before_anything_is_taught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kedit.bench import two_hop

    def taught(*_: object) -> None:
        raise AssertionError("taught")

    monkeypatch.setattr(two_hop, "base_model", taught)
    first, second, third = ([f"{row}{number}" for number in range(10)] for row in ("Ann", "Bob", "Cy"))

    def refused(message: str, *facts: tuple[str, list[str], list[str]]) -> None:
        path = tmp_path / "facts.jsonl"
        rows = ((person, name, value) for name, people, values in facts for person, value in zip(people, values, strict=True))
        keys = ("entity_1", "relation", "entity_2")
        path.write_text("".join(json.dumps(dict(zip(keys, row, strict=True))) + "\n" for row in rows))
        with pytest.raises(InputError, match=message):
            two_hop.two_hops(tmp_path / "out", facts=path)

    one, other = "boss_of", "forgives"
    around = first[1:] + first[:1]
    refused(
        "no chain begins at anybody of the split valid or test", (one, first, around), (other, first, around[1:] + around[:1])
    )
    refused("no two chains differ in step 1 alone", (one, first, second), (one, second, third))
    refused("has ex:forgives as step 1", (one, first, second), (one, second, third), (other, second, third[1:] + third[:1]))
    upper = (one, first, second), (other, first, second[1:] + second[:1])
    lower = (one, second, third), (other, second, third[1:] + third[:1])
    with pytest.raises(AssertionError, match="taught"):
        refused(".", *upper, *lower)


@pytest.mark.skipif(not PUBLISHED.is_file(), reason="the published facts are not here")
def test_the_published_facts_can_be_read() -> None:
    assert len(published_facts(PUBLISHED)) == 800
