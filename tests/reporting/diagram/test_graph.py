"""What is chosen for a picture, before anything is drawn."""

from __future__ import annotations

import pytest

from kedit.errors import InputError
from kedit.ontology import Ontology
from kedit.reporting.diagram import Diagram, diagram
from kedit.reporting.diagram.model import Edge

E = "http://example.org/e#"


def names(diagram: Diagram) -> set[str]:
    return {node.id.removeprefix(E) for node in diagram.nodes}


def arrows(diagram: Diagram, kind: str) -> set[tuple[str, str, str]]:
    """(source, labels, target) of all arrows of a kind."""

    def short(ends: tuple[str, ...]) -> str:
        return "+".join(sorted(end.removeprefix(E) for end in ends))

    return {
        (short(edge.sources), "/".join(label.text for label in edge.labels), short(edge.targets))
        for edge in diagram.edges
        if edge.kind == kind
    }


def arrow(diagram: Diagram, label: str) -> Edge:
    return next(edge for edge in diagram.edges if any(one.text == label for one in edge.labels))


def test_the_schema_has_classes_relations_and_what_is_known_of_them(house: Ontology) -> None:
    found = diagram(house, "relations")
    assert arrows(found, "relation") == {
        ("Person", "father", "Man"),
        ("Person", "spouse", "Person"),
        ("Person", "birthplace/hometown", "City"),  # a sub-property has the ends of its super-property
        ("Person", "keeps", "Dog"),  # seen in its facts
    }
    assert arrows(found, "subclass") == {("Man", "", "Person")}
    assert arrows(found, "subproperty") == {("vague", "", "vaguer")}
    assert names(found) == {"Person", "Man", "City", "Dog", "vague", "vaguer"}
    father = arrow(found, "father")
    assert (father.labels[0].detail, father.labels[0].extra) == ("2 facts · functional", "inverse fatherOf")
    assert arrow(found, "hometown").labels[1].extra == "under birthplace"
    assert father.directed
    assert not arrow(found, "spouse").directed
    assert father.stated
    assert not arrow(found, "keeps").stated
    person = next(node for node in found.nodes if node.id == E + "Person")
    assert (person.detail, [(row.text, row.detail) for row in person.rows]) == ("4 individuals", [("age", "integer · 1")])
    assert (found.caption, found.left_out) == ("8 relations · 10 facts", "")


@pytest.mark.parametrize(
    ("focus", "depth", "expected"),
    [
        ("City", 1, {"City", "Person"}),
        ("City", 2, {"City", "Person", "Man", "Dog"}),
        (":father", 1, {"Person", "Man"}),
        (":vaguer", None, {"vague", "vaguer"}),
    ],
)
def test_the_schema_around_a_term(house: Ontology, focus: str, depth: int | None, expected: set[str]) -> None:
    found = diagram(house, "relations", focus=focus, depth=depth)
    assert names(found) == expected
    marked = [one for one in (*found.nodes, *found.edges) if one.focus]
    assert len(marked) == 1
    assert "more relations left out" in found.left_out


def test_classes_go_with_their_superclasses(house: Ontology, big: Ontology) -> None:
    found = diagram(house, "classes")
    assert names(found) == {"Person", "Man", "Place", "City", "Dog"}
    assert arrows(found, "subclass") == {("Man", "", "Person"), ("City", "", "Place")}
    some = diagram(big, "classes", max_nodes=25)
    assert len(some.nodes) == 25
    assert len(some.edges) == 24  # every class but the top has its superclass beside it
    assert some.left_out.startswith("775 more classes left out")
    assert diagram(big, "classes", depth=1).caption == "800 classes"
    assert len(diagram(big, "classes", depth=1).nodes) == 5


def test_classes_around_one_show_what_is_above_and_below(big: Ontology) -> None:
    found = diagram(big, "classes", focus="C5", depth=1)
    assert names(found) == {"C0", "C1", "C5", "C21", "C22", "C23", "C24"}
    assert next(node for node in found.nodes if node.id == E + "C21").detail == "20 more below"


def test_an_arrow_crosses_classes_that_are_left_out(big: Ontology) -> None:
    from kedit.reporting.diagram.classes import subclass_edges

    (edge,) = subclass_edges(big, [E + "C0", E + "C85"])
    assert (edge.sources, edge.targets) == ((E + "C85",), (E + "C0",))


def test_facts_about_an_individual_by_steps(house: Ontology) -> None:
    one = diagram(house, "facts", focus="ann")
    assert names(one) == {"ann", "bob", "rome", "rex", "tom"}
    assert arrows(one, "fact") == {("ann", "father", "bob"), ("ann", "birthplace", "rome"), ("ann", "keeps", "rex+tom")}
    ann = one.nodes[0]
    assert ann.focus
    assert [(row.text, row.detail) for row in ann.rows] == [("age", "7")]
    two = diagram(house, "facts", focus="ann", depth=2)
    assert names(two) == {"ann", "bob", "rome", "rex", "tom", "eve", "cid"}
    assert ("ann+cid", "father", "bob") in arrows(two, "fact")
    assert ("ann+bob", "birthplace", "rome") in arrows(two, "fact")
    assert len([found for found in arrows(two, "fact") if found[1] == "spouse"]) == 1  # given both ways, drawn once


def test_facts_that_are_not_drawn_are_counted(house: Ontology) -> None:
    found = diagram(house, "facts", focus="ann", max_nodes=3)
    assert len(found.nodes) == 3
    assert found.left_out.startswith("2 more neighbouring facts left out")
    assert diagram(house, "facts", focus="ann", depth=0).nodes[0].rows == ()


def test_without_focus_the_best_connected_subject_is_drawn_and_named(house: Ontology) -> None:
    found = diagram(house, "facts")
    assert found.nodes[0].id == E + "ann"
    assert found.notes == ("drawn around ann, of which most is said; --focus chooses",)


@pytest.mark.parametrize(("what", "focus"), [("classes", "Persn"), ("relations", "fathr"), ("facts", "anne")])
def test_a_wrong_focus_names_the_nearest_terms(house: Ontology, what: str, focus: str) -> None:
    with pytest.raises(InputError) as caught:
        diagram(house, what, focus=focus)  # type: ignore[arg-type]
    assert caught.value.advice.startswith("Did you mean")


def test_many_relations_are_cut_to_the_weightiest(big: Ontology) -> None:
    found = diagram(big, "relations")
    shown = sum(len(edge.labels) + edge.more for edge in found.edges if edge.labels)
    assert len(found.nodes) + len([edge for edge in found.edges if edge.labels]) <= 40
    assert found.left_out.startswith(f"{2800 - shown:,} more relations left out")
    weights = [len(edge.labels) + edge.more for edge in found.edges if edge.labels]
    assert weights == sorted(weights, reverse=True)
