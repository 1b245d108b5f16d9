"""Carriers: how a template becomes text before and after the subject."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

import pytest

from kedit.curriculum.carriers import BARE_FRAMES, Carrier, bare_carriers, neutral_carriers, relation_carriers
from kedit.errors import InputError
from kedit.ontology.model import Ontology, Template


def with_templates(toy: ModuleType, *templates: Template) -> Ontology:
    ontology = toy.countries()
    capital = replace(ontology.relations[toy.iri("capital")], templates=templates)
    return replace(ontology, relations={**ontology.relations, capital.iri: capital})


def one(toy: ModuleType, text: str, form: str = "question", style: str = "raw") -> Carrier:
    (carrier,) = relation_carriers(with_templates(toy, Template(text, form)), toy.iri("capital"), style)
    return carrier


@pytest.mark.parametrize(
    ("text", "form", "rendered"),
    [
        ("What is the capital of {subject}?", "question", "Q: What is the capital of X?\nA:"),
        ("Q: Capital of {subject}?\nA:", "question", "Q: Capital of X?\nA:"),
        ("Question: capital of {subject}?\nAnswer:", "question", "Question: capital of X?\nAnswer:"),
        ("{subject}. Capital:", "question", "X. Capital:"),
        ("The capital of {subject} is {object}", "cloze", "The capital of X is"),
        ("The capital of {subject} is {object}.", "cloze", "The capital of X is"),
        ("The capital of {subject} is   {object}", "cloze", "The capital of X is"),
        ('{subject} has the capital "{object}"', "cloze", 'X has the capital "'),
        ("{subject:poss} capital is {object}", "cloze", "X's capital is"),
        ("Of {subject} I know: {subject} has the capital {object}", "cloze", "Of X I know: X has the capital"),
        ("The {range} of the {domain} {subject} is {object}", "cloze", "The city of the country X is"),
    ],
)
def test_rendered_text(toy: ModuleType, text: str, form: str, rendered: str) -> None:
    carrier = one(toy, text, form)
    said, (start, end) = carrier.render("X")
    assert said == rendered
    assert said[start:end] == "X"
    assert "X" not in said[end:]


def test_a_chat_question_stands_without_a_frame(toy: ModuleType) -> None:
    assert one(toy, "What is the capital of {subject}?", style="chat").render("X")[0] == "What is the capital of X?"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("What is the capital?", "does not name {subject}"),
        ("{object} is the capital of {subject}", "does not name {subject} before"),
        ("What is the capital of {sbject}?", "unknown placeholder {sbject}"),
    ],
)
def test_bad_templates_are_errors_with_advice(toy: ModuleType, text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        one(toy, text)
    assert said in caught.value.message
    assert "ex:capital" in caught.value.message
    assert caught.value.advice


def test_a_range_that_is_not_declared_is_an_error(toy: ModuleType) -> None:
    ontology = toy.countries()
    bare = replace(
        ontology.relations[toy.iri("language")], domain=(), templates=(Template("The {domain} {subject}?", "question"),)
    )
    ontology = replace(ontology, relations={**ontology.relations, bare.iri: bare})
    with pytest.raises(InputError, match="declares no class"):
        relation_carriers(ontology, bare.iri)


def test_a_template_cannot_be_trained_on_and_held_out(toy: ModuleType) -> None:
    text = "The capital of {subject} is {object}"
    ontology = with_templates(toy, Template(text, "cloze"), Template(text + ".", "cloze", "heldout"))
    with pytest.raises(InputError, match="among its train and its heldout"):
        relation_carriers(ontology, toy.iri("capital"))
    twice = with_templates(toy, Template(text, "cloze"), Template(text + ".", "cloze"))
    assert len(relation_carriers(twice, toy.iri("capital"))) == 1


def test_roles_are_filled_by_hash_when_the_author_left_them_out(toy: ModuleType) -> None:
    def roles(count: int) -> list[str]:
        ontology = with_templates(toy, *(Template(f"T{i} of {{subject}} is {{object}}", "cloze") for i in range(count)))
        return sorted(carrier.split for carrier in relation_carriers(ontology, toy.iri("capital")))

    assert roles(2) == ["train"] * 2
    assert roles(3) == ["train"] * 2 + ["valid"]
    assert roles(5) == ["heldout"] + ["train"] * 3 + ["valid"]


def test_ids_depend_on_the_words_alone(toy: ModuleType) -> None:
    ontology = toy.countries()
    forward = relation_carriers(ontology, toy.iri("capital"))
    node = ontology.relations[toy.iri("capital")]
    ontology = replace(ontology, relations={**ontology.relations, node.iri: replace(node, templates=node.templates[::-1])})
    assert {c.id: c for c in relation_carriers(ontology, node.iri)} == {c.id: c for c in forward}
    assert len({c.id for c in forward}) == len(forward)


def test_negative_carriers() -> None:
    frames = bare_carriers()
    assert len({frame.id for frame in frames}) == sum(map(len, BARE_FRAMES.values()))
    assert all(frame.relation is None and frame.form == "negative" for frame in frames)
    assert all("Ada" in frame.render("Ada")[0] for frame in frames)
    splits = [carrier.split for carrier in neutral_carriers(f"Sentence {i}." for i in range(200))]
    assert 10 < splits.count("valid") < 45
    assert set(splits) == {"train", "valid"}
    assert {carrier.split for carrier in neutral_carriers(["A."], "heldout")} == {"heldout"}
