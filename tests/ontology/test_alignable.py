"""What can be aligned, and the refusals."""

from __future__ import annotations

from typing import Any

import pytest

from kedit.errors import InputError
from kedit.ontology import require_alignable

GOOD = """
:hasFather a owl:ObjectProperty ; rdfs:label "father" . :warn a owl:ObjectProperty . :empty a owl:ObjectProperty .
:hasGrandfather a owl:ObjectProperty ; owl:propertyChainAxiom ( :hasFather :hasFather ) .
:capital a owl:ObjectProperty . :a :hasFather :b ; :warn :b ; :capital :c .
"""


def iris(bench: Any, *names: str) -> list[str]:
    return [bench.E + name for name in names]


def test_usable_relations(bench: Any) -> None:
    ontology = bench.load(GOOD)
    assert require_alignable(ontology) == iris(bench, "capital", "hasFather")
    assert require_alignable(ontology, (), ("father",)) == iris(bench, "capital")
    assert require_alignable(ontology, (":hasFather", bench.E + "capital", "father")) == iris(bench, "capital", "hasFather")
    assert require_alignable(ontology, ("father", ":capital"), (":capital",)) == iris(bench, "hasFather")


@pytest.mark.parametrize(
    ("text", "relations", "exclude", "said", "advice"),
    [
        (":A a owl:Class . :a a :A .", (), (), "defines no relation", "Declare"),
        (":p a owl:ObjectProperty . :A a owl:Class .", (), (), "1 relation but no fact", "--import"),
        (
            ":warn a owl:ObjectProperty . :a :warn :b .",
            (),
            (),
            "no usable relation is left (:warn has no template",
            "questionTemplate",
        ),
        (GOOD, (), (":capital", ":hasFather"), "no usable relation is left", "questionTemplate"),
        (GOOD, (":capital",), (":capital",), "every named relation is excluded", "--exclude"),
        (GOOD, (":capitol",), (), "--relations: unknown relation ':capitol'", "Did you mean ':capital'"),
        (GOOD, (), (":capitol",), "--exclude: unknown relation", "Did you mean"),
        (GOOD, (":empty",), (), "it has no facts", "State facts"),
        (GOOD, (":warn",), (), "no template", "questionTemplate"),
        (GOOD, ("has grandfather",), (), "only a property chain", "two-hop"),
    ],
)
def test_refusals(bench: Any, text: str, relations: tuple[str, ...], exclude: tuple[str, ...], said: str, advice: str) -> None:
    ontology = bench.load(text)
    with pytest.raises(InputError) as caught:
        require_alignable(ontology, relations, exclude)
    assert said in caught.value.message
    assert advice in (caught.value.advice or "")
    assert caught.value.exit_code == 2
    assert str(caught.value.place) == ontology.source


def test_only_held_out_templates_do_not_train(bench: Any) -> None:
    ontology = bench.load(':p kedit:heldOutTemplate "Who is {subject}?" . :a :p :b .')
    with pytest.raises(InputError, match="no template to train on"):
        require_alignable(ontology, (":p",))
