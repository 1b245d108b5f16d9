"""Lexical scope: the last subject that a text names, whole and longest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kedit.curriculum.carriers import Carrier
from kedit.editing.scope import LexicalScope, scope_of
from kedit.ontology.model import Ontology

EX = "https://example.org/world#"


@pytest.fixture
def scope(world: Ontology) -> LexicalScope:
    return LexicalScope(world, [EX + "hasCapital"])


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("The capital of France is", "France"),
        ("the capital of the FRENCH REPUBLIC is", "France"),
        ("The capital of France is Paris. The capital of Peru is", "Peru"),
        ("Peru's capital is Lima. And France's?", "France"),
        ("Peru borders Paris:", "Peru"),
        ("The capital of Guinea-Bissau is", "GuineaBissau"),
        ("The capital of Guinea is", "Guinea"),
        ("Portuguese Guinea, as it was", "GuineaBissau"),
        ("Not Guinea-Bissau but Guinea", "Guinea"),
        ("Franceville and Chadian", None),
        ("Trans-Peru railway", None),
        ("Peru - a country", "Peru"),
        ("France,Peru", "Peru"),
        ("(Chad)", "Chad"),
        ("", None),
        ("no name at all", None),
    ],
)
def test_last_whole_mention(scope: LexicalScope, text: str, named: str | None) -> None:
    assert scope.subjects(text) == ({EX + named} if named else frozenset())


def test_everyone_includes_nobody(scope: LexicalScope) -> None:
    assert scope.covers("no name at all", None)
    assert not scope.covers("no name at all", frozenset({EX + "Peru"}))
    assert scope.covers("Peru", frozenset({EX + "Peru"}))
    assert not scope.covers("Peru", frozenset({EX + "Chad"}))


def test_a_known_span_masks_everything_else(scope: LexicalScope) -> None:
    text = "Speaking of Peru, which is unlike France:"
    assert scope.subjects(text) == {EX + "France"}
    assert scope.subjects(text, (12, 16)) == {EX + "Peru"}


def test_carriers_mask_their_own_words(world: Ontology) -> None:
    carriers = [
        Carrier("c1", EX + "hasCapital", "Speaking of ", ", unlike France:", "question", "train"),
        Carrier("c2", EX + "hasCapital", "{subject}? Yes, ", " is no Norway.", "question", "train"),
        Carrier("c3", None, "", "", "negative", "train"),
    ]
    scope = LexicalScope(world, [EX + "hasCapital"], carriers=carriers)
    for carrier in carriers[:2]:
        for name in ("Peru", "Guinea-Bissau", "French Republic"):
            text, span = carrier.render(name)
            assert scope.subjects(text) == scope.subjects(text, span) != frozenset()
    assert scope.subjects("Speaking of nobody, unlike France:") == {EX + "France"}


def test_only_subjects_of_the_edit_decide(world: Ontology, resolved: Callable[..., Any]) -> None:
    scoped = {"op": "suppress", "slot": "capital", "scope": {"subjects": {"in": ["Peru"]}}}
    scope = scope_of(resolved(scoped).edits[0], world)
    assert scope is not None
    assert scope.subjects("Peru, says Paris") == {EX + "Peru"}
    city = {**scoped, "slot": "ex:City", "scope": {"subjects": {"in": ["Paris"]}}}
    scope = scope_of(resolved(city).edits[0], world)
    assert scope is not None
    assert scope.subjects("Peru, says Paris") == {EX + "Paris"}
    assert scope_of(resolved({"op": "suppress", "slot": "capital"}).edits[0], world) is None
