"""Terms, scopes and refusals: a recipe against an ontology and its slots."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kedit.curriculum.slots import SlotMap
from kedit.editing.reading import as_recipe, load_recipe
from kedit.editing.resolving import instances, resolve
from kedit.errors import InputError
from kedit.ontology.model import Ontology

EX = "https://example.org/world#"
OTHER = "https://elsewhere.org/family#"
SWAP = {"op": "swap", "from": "capital", "to": "language"}
TURTLE = f"""@prefix ex: <{EX}> .
ex:France ex:population 68 ; a ex:Country . ex:Peru ex:population 34 ; a ex:Country . ex:Atlantis a ex:Country .
"""


@pytest.mark.parametrize(
    "term", ["ex:hasCapital", f"{EX}hasCapital", f"<{EX}hasCapital>", "capital", "Capital", "hasCapital", "w:hasCapital"]
)
def test_terms_by_curie_iri_label_local_name_and_own_prefix(resolved: Callable[..., Any], term: str) -> None:
    edit = resolved({**SWAP, "from": term}, prefixes={"w": EX}).edits[0]
    assert (edit.slot, edit.target, edit.slot_iri) == (0, 1, EX + "hasCapital")


def test_own_prefixes_win(resolved: Callable[..., Any]) -> None:
    with pytest.raises(InputError, match="unknown relation or class 'ex:hasCapital'"):
        resolved({**SWAP, "from": "ex:hasCapital"}, prefixes={"ex": "https://elsewhere.org/"})


@pytest.mark.parametrize(
    ("key", "term", "said", "advised"),
    [
        ("from", "ex:hasCapitol", "unknown relation or class", "ex:hasCapital"),
        ("from", "w:hasCapitol", "unknown relation or class", "w:hasCapital"),
        ("from", "v:hasCapital", "unknown relation or class", "The prefix 'v' is not declared"),
        ("from", "o:hasCapital", f"(<{OTHER}hasCapital>)", f"has no term of <{OTHER}>"),
        ("to", "langauge", "unknown relation or class", "language"),
        ("to", "anthem", "ex:hasAnthem has no slot", "align again"),
        ("to", "ex:City", "ex:City is a class", "relation to relation"),
        ("to", "Lima", "cannot ask for a new value", "value slots"),
        ("to", "ex:Paris", "cannot ask for a new value", "value slots"),
        ("to", "Spanish", "cannot ask for a new value", "value slots"),
    ],
)
def test_terms_that_do_not_fit(world: Ontology, slots: SlotMap, write: Any, key: str, term: str, said: str, advised: str) -> None:
    terms = {"from": "capital", "to": "language", key: term}
    prefixes = f'{{w: "{EX}", o: "{OTHER}"}}'
    text = f"kedit: 1\nprefixes: {prefixes}\nedits:\n  - op: swap\n    from: {terms['from']}\n    to: {terms['to']}\n"
    with pytest.raises(InputError) as caught:
        resolve(load_recipe(write(text)), world, slots)
    assert said in caught.value.message
    assert advised in (caught.value.advice or "")
    assert caught.value.place is not None
    assert (caught.value.place.line, caught.value.place.key) == ({"from": 5, "to": 6}[key], f"edits[0].{key}")


def test_another_ontology_is_refused(world: Ontology, slots: SlotMap, write: Any) -> None:
    text = "kedit: 1\nontology: https://example.org/{}\nedits: []\n"
    assert resolve(load_recipe(write(text.format("world"))), world, slots).edits == ()
    with pytest.raises(InputError, match="written for the ontology") as caught:
        resolve(load_recipe(write(text.format("moon"))), world, slots)
    assert caught.value.place is not None
    assert caught.value.place.line == 2


@pytest.mark.parametrize(
    ("subjects", "expected"),
    [
        (None, None),
        ({"in": ["Peru", "ex:Chad"]}, {"Peru", "Chad"}),
        ({"class": "microstate"}, {"Monaco"}),
        ({"class": "ex:City", "except": ["Lima"]}, {"Paris"}),
        ({"class": "Country", "except": ["Peru", "Chad", "Norway", "Guinea"]}, {"France", "GuineaBissau", "Monaco"}),
    ],
)
def test_subject_scopes(resolved: Callable[..., Any], subjects: Any, expected: set[str] | None) -> None:
    edit = resolved({**SWAP, "scope": {"subjects": subjects} if subjects else {}}).edits[0]
    assert edit.subjects == (None if expected is None else {EX + name for name in expected})


def test_classes_hold_their_subclasses(world: Ontology) -> None:
    assert EX + "Monaco" in instances(world, EX + "Country")
    assert EX + "Paris" not in instances(world, EX + "Country")


def test_exceptions_without_effect_are_noted_and_empty_scopes_refused(resolved: Callable[..., Any]) -> None:
    recipe = resolved({**SWAP, "scope": {"subjects": {"in": ["Peru"], "except": ["Chad"]}}})
    assert any("is not in the scope anyway" in note for note in recipe.notes)
    with pytest.raises(InputError, match="holds no subject"):
        resolved({**SWAP, "scope": {"subjects": {"in": ["Peru"], "except": ["Peru"]}}})


def test_notes_say_nothing_of_where_the_recipe_lies(world: Ontology, slots: SlotMap, tmp_path: Path) -> None:
    """Reports repeat them, and the same recipe gives the same bytes from wherever it is called."""
    edit = {**SWAP, "scope": {"subjects": {"in": ["Peru"], "except": ["Chad"]}}}
    data = {"kedit": 1, "name": "one", "edits": [edit]}
    (tmp_path / "recipe.yaml").write_text(json.dumps(data))
    by_file, by_data = (resolve(as_recipe(one), world, slots).notes for one in (tmp_path / "recipe.yaml", data))
    assert by_file == by_data == ("edit swap-capital-language: ex:Chad, left out by `except`, is not in the scope anyway",)


def test_sparql_scopes(world: Ontology, slots: SlotMap, tmp_path: Path) -> None:
    graph = tmp_path / "ontology.ttl"
    graph.write_text(TURTLE)

    def subjects(query: str) -> Any:
        recipe = as_recipe({"kedit": 1, "edits": [{**SWAP, "scope": {"subjects": {"sparql": query}}}]})
        return resolve(recipe, world, slots, graph=graph)

    assert subjects("SELECT ?s { ?s ex:population ?n FILTER(?n > 50) }").edits[0].subjects == {EX + "France"}
    everyone = subjects("SELECT ?s { ?s a ex:Country }")
    assert everyone.edits[0].subjects == {EX + "France", EX + "Peru"}
    assert any("1 result(s) are no individuals" in note and "Atlantis" in note for note in everyone.notes)
    for query, said in (
        ("SELECT ?s { SERVICE <http://localhost:9/> { ?s ?p ?o } }", "SERVICE is refused"),
        ("SELECT ?s { { SELECT ?s { OPTIONAL { SERVICE SILENT <http://localhost:9/> { ?s ?p ?o } } } } }", "SERVICE is refused"),
        ("SELECT ?s FROM <http://localhost:9/> { ?s ?p ?o }", "FROM is refused"),
        ("ASK { ?s ?p ?o }", "must be a SELECT"),
        ("INSERT DATA { ex:a ex:b ex:c }", "is not a SPARQL query"),
        ("SELECT ?s { ?s ?p", "is not a SPARQL query"),
        ("SELECT ?n { ?s ex:population ?n }", "must be a subject's IRI"),
        ("SELECT ?s { ?s a ex:Nothing }", "holds no subject"),
    ):
        with pytest.raises(InputError, match=said) as caught:
            subjects(query)
        assert caught.value.place is not None
        assert "subjects" in str(caught.value.place.key)


def test_sparql_filters_cannot_reach_the_network(world: Ontology, slots: SlotMap, tmp_path: Path) -> None:
    (tmp_path / "ontology.ttl").write_text(TURTLE)
    query = "SELECT ?s { ?s a ex:Country FILTER EXISTS { SERVICE <http://localhost:9/> { ?s ?p ?o } } }"
    recipe = as_recipe({"kedit": 1, "edits": [{**SWAP, "scope": {"subjects": {"sparql": query}}}]})
    with pytest.raises(InputError, match="SERVICE is refused"):
        resolve(recipe, world, slots, graph=tmp_path / "ontology.ttl")


def test_sparql_without_a_run_is_refused(resolved: Callable[..., Any]) -> None:
    with pytest.raises(InputError, match=r"needs the run's ontology\.ttl"):
        resolved({**SWAP, "scope": {"subjects": {"sparql": "SELECT ?s { ?s ?p ?o }"}}})


def test_edits_switched_off_are_noted_with_their_expectations(resolved: Callable[..., Any]) -> None:
    recipe = resolved(
        {**SWAP, "id": "a", "enabled": False},
        {"op": "suppress", "slot": "capital", "id": "b"},
        expect=[{"metric": "hit", "edit": "a", "at_least": 0.5}, {"metric": "stuck", "at_most": 0.1}],
    )
    assert [edit.id for edit in recipe.edits] == ["b"]
    assert [expectation.metric for expectation in recipe.expect] == ["stuck"]
    assert len(recipe.notes) == 2


def test_protected_relations_and_single_edits(resolved: Callable[..., Any]) -> None:
    recipe = resolved({**SWAP, "id": "a"}, {"op": "set", "slot": "ex:City", "strength": 2, "id": "b"}, protect=["anthem"])
    assert recipe.protect == (EX + "hasAnthem",)
    assert (recipe.edit("b").strength, recipe.edit("a").strength) == (2.0, None)
    with pytest.raises(InputError, match="no edit 'c'"):
        recipe.edit("c")


def test_forced_means_no_gate_and_no_scope(resolved: Callable[..., Any]) -> None:
    edit = resolved({**SWAP, "scope": {"subjects": {"in": ["Peru"]}, "steps": "asked"}}).edits[0].forced()
    assert (edit.subjects, edit.when, edit.steps) == (None, "always", "prompt")
