"""The shipped ontologies and recipes are what they claim to be."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import networkx as nx
import pytest

import kedit
from kedit.editing.reading import load_recipe
from kedit.ontology.model import Ontology

ROOT = Path(__file__).parents[1]
RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))
FAMILY = "https://w3id.org/kedit/example/family#"
RELATIONS = ("father", "mother", "spouse", "birthplace", "occupation", "hobby")


@pytest.fixture(scope="module")
def family() -> Ontology:
    return kedit.load_ontology(ROOT / "ontologies" / "family.ttl")


def facts(ontology: Ontology, relation: str) -> dict[str, tuple[str, ...]]:
    return dict(ontology.facts[FAMILY + relation])


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipes_load_and_expect_something(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.name == path.stem
    assert recipe.expect


def test_there_are_recipes_for_both_ontologies() -> None:
    assert {path.stem.split("-")[0] for path in RECIPES} == {"countries", "family"}


def test_everybody_has_one_of_each_and_spouses_are_mutual(family: Ontology) -> None:
    people = set(facts(family, "birthplace"))
    assert len(people) >= 80
    for relation in RELATIONS:
        assert all(len(values) == 1 for values in facts(family, relation).values())
        assert relation == "spouse" or people <= set(facts(family, relation))
    spouse = facts(family, "spouse")
    assert all(spouse[other] == (one,) for one, (other,) in spouse.items())
    assert len(spouse) > len(people) / 2


def test_parents_written_from_above_are_folded(family: Ontology) -> None:
    assert FAMILY + "fatherOf" in family.relations[FAMILY + "father"].folded
    assert family.relations[FAMILY + "hasGrandfather"].chains == ((FAMILY + "father", FAMILY + "father"),)


def test_families_are_apart_and_reach_over_generations(family: Ontology) -> None:
    people = set(facts(family, "birthplace"))
    kin: nx.Graph[str] = nx.Graph()
    descent: nx.DiGraph[str] = nx.DiGraph()
    for relation in ("father", "mother", "spouse"):
        pairs = [(one, other) for one, (other,) in facts(family, relation).items() if other in people]
        kin.add_edges_from(pairs)
        descent.add_edges_from(pairs if relation != "spouse" else ())
    assert nx.number_connected_components(kin) >= 8
    generations = [nx.dag_longest_path_length(descent.subgraph(members)) + 1 for members in nx.connected_components(kin)]
    assert min(generations) >= 3
    assert max(generations) >= 4


def test_no_two_individuals_share_a_name(family: Ontology) -> None:
    names = Counter(individual.label.casefold() for individual in family.individuals.values())
    assert max(names.values()) == 1


def test_no_value_is_a_good_guess(family: Ontology) -> None:
    for relation in ("birthplace", "occupation", "hobby"):
        values = Counter(value for (value,) in facts(family, relation).values())
        assert max(values.values()) <= 0.1 * sum(values.values())


def test_carriers_are_crossed_and_do_not_give_the_relation_away(family: Ontology) -> None:
    frames: Counter[str] = Counter()
    for name in RELATIONS:
        relation = family.relations[FAMILY + name]
        assert Counter(template.role for template in relation.templates) == {"train": 8, "valid": 1, "heldout": 3}
        phrase = relation.phrase or ""
        texts = [template.text for template in relation.templates if template.role == "train"]
        first = Counter(text.casefold().find(phrase) < text.find("{subject}") for text in texts if phrase in text.casefold())
        assert min(first.values()) >= 3
        frames.update({text.casefold().replace(phrase, "...").replace("who", "what") for text in texts})
    assert sum(count == len(RELATIONS) for count in frames.values()) == 7
