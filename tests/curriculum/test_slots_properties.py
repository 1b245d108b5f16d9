"""Properties over random ontologies: added triples move no slot, their order changes no byte, nothing differs from itself."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from kedit.curriculum.diff import diff_ontologies
from kedit.curriculum.slotcheck import check_slots
from kedit.curriculum.slots import SlotMap, build_slots
from kedit.errors import InputError
from kedit.ontology import Ontology, load_ontology, require_alignable

E = "http://example.org/e#"
OWL = "http://www.w3.org/2002/07/owl#"
RDFS = "http://www.w3.org/2000/01/rdf-schema#"
TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
RELATIONS = ["hasFather", "hasMother", "hasBoss", "isFatherOf"]
CLASSES = ["Person", "Man", "Agent", "Boss"]
PEOPLE = "abcdefgh"
ALWAYS = [
    *(f"<{E}{name}> <{TYPE}> <{OWL}ObjectProperty> ." for name in RELATIONS),
    f"<{E}a> <{E}hasFather> <{E}b> .",
    f"<{E}a> <{E}hasBoss> <{E}c> .",
]


def triple(subject: str, predicate: str, value: str) -> str:
    return f"<{E}{subject}> <{predicate}> <{value if ':' in value else E + value}> ."


relations, classes, people = (st.sampled_from(names) for names in (RELATIONS, CLASSES, list(PEOPLE)))
facts = st.builds(lambda s, p, o: triple(s, E + p, o), people, relations, people)
names = st.builds(lambda s, n: f'<{E}{s}> <{RDFS}label> "{n}" .', people | relations | classes, st.sampled_from("xyz"))
schema = st.one_of(
    st.builds(lambda p, c: triple(p, RDFS + "range", c), relations, classes),
    st.builds(lambda p, c: triple(p, RDFS + "domain", c), relations, classes),
    st.builds(lambda c, d: triple(c, RDFS + "subClassOf", d), classes, classes),
    st.builds(lambda c, d: triple(c, OWL + "equivalentClass", d), classes, classes),
    st.builds(lambda p, q: triple(p, RDFS + "subPropertyOf", q), relations, relations),
    st.builds(lambda p, q: triple(p, OWL + "inverseOf", q), relations, relations),
    st.builds(
        lambda p, kind: triple(p, TYPE, OWL + kind), relations, st.sampled_from(["FunctionalProperty", "SymmetricProperty"])
    ),
)
some = st.lists(st.one_of(facts, schema, names), max_size=14)


def load(folder: str, rows: list[str], name: str = "o.nt") -> Ontology:
    path = Path(folder) / name
    path.write_text("\n".join([*ALWAYS, *rows]) + "\n")
    return load_ontology(path)


def slot_map(ontology: Ontology, previous: SlotMap | None = None) -> SlotMap:
    return build_slots(ontology, require_alignable(ontology), previous)


@given(some, some)
@settings(max_examples=60, deadline=None)
def test_added_triples_move_no_slot(before: list[str], more: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        old, new = load(folder, before), load(folder, before + more)
    lock = slot_map(old)
    check, longer = check_slots(new, require_alignable(new), lock, "lock")
    diff = diff_ontologies(old, new)
    assert set(check.retrain) <= set(diff.retrain)
    assert [row.iri for row in check.slots][: len(lock)] == [slot.iri for slot in lock.slots]
    broken = {row.status for row in check.slots} & {"vanished", "folded", "redirected"}
    try:
        again = slot_map(new, lock)
    except InputError:
        assert broken
    else:
        assert not broken
        assert [slot.iri for slot in again.slots][: len(lock)] == [slot.iri for slot in lock.slots]
        assert longer in (None, again)


@given(some, st.lists(facts.filter(lambda row: "isFatherOf" not in row), max_size=10))
@settings(max_examples=40, deadline=None)
def test_added_facts_alone_always_continue_the_map(before: list[str], more: list[str]) -> None:
    # Which of two inverses (or of a cycle of properties) stands for both depends on the facts.
    plain = [row for row in before if "inverseOf" not in row and "subPropertyOf" not in row]
    with tempfile.TemporaryDirectory() as folder:
        old, new = load(folder, plain), load(folder, plain + more)
    lock = slot_map(old)
    check, longer = check_slots(new, require_alignable(new), lock, "lock")
    assert check.verdict == "compatible"
    assert longer is not None
    assert {row.status for row in check.slots} <= {"kept", "appended"}


@given(some, st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_the_order_of_triples_changes_nothing(rows: list[str], dice: random.Random) -> None:
    shuffled = [*rows, *rows[:3]]
    dice.shuffle(shuffled)
    with tempfile.TemporaryDirectory() as folder:
        one, other = load(folder, rows), load(folder, shuffled)
        written = []
        for ontology in (one, other):
            path = Path(folder) / "slots.json"
            slot_map(ontology).save(path)
            written.append(path.read_bytes())
    assert written[0] == written[1]
    for diff in (diff_ontologies(one, other), diff_ontologies(one, one)):
        assert (diff.verdict, diff.changes, diff.retrain, diff.verify) == ("compatible", (), (), ())
