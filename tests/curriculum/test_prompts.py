"""Labelled prompts: text, labels, splits, exclusions, and the file."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from kedit.curriculum.prompts import Prompt, PromptSet, build_prompts, labels_of, quadrant
from kedit.curriculum.slots import build_slots
from kedit.errors import InputError
from kedit.ontology.model import Ontology, Template


def made(toy: ModuleType, ontology: Ontology | None = None, **options: object) -> PromptSet:
    ontology = ontology or toy.countries()
    return build_prompts(ontology, build_slots(ontology, toy.ASKED), toy.ASKED, **options)


def with_templates(toy: ModuleType, *texts: str) -> Ontology:
    ontology = toy.countries()
    node = replace(ontology.relations[toy.iri("capital")], templates=tuple(Template(text, "cloze") for text in texts))
    return replace(ontology, relations={**ontology.relations, node.iri: node})


def asked_about(prompts: PromptSet, carrier_words: str, toy: ModuleType) -> set[str]:
    return {p.subject.removeprefix(toy.EX) for p in prompts.asked if p.subject and carrier_words in p.text}


def test_one_prompt_in_full(toy: ModuleType) -> None:
    prompts = made(toy)
    (prompt,) = [p for p in prompts.asked if p.text == "Q: What is the capital of Brazil?\nA:"]
    slots = build_slots(toy.countries(), toy.ASKED)
    assert prompt.answers == (toy.iri("Brasília"),)
    assert prompt.relation == toy.iri("capital")
    assert prompt.subject == toy.iri("Brazil")
    assert prompt.slots == tuple(sorted(slots.index(toy.iri(name)) for name in ("capital", "City", "Place")))
    assert prompt.text[slice(*prompt.subject_span)] == "Brazil"
    assert prompt.carrier_split == "train"
    assert prompts.by_carrier[prompt.carrier].form == "question"


def test_every_prompt_is_consistent(toy: ModuleType) -> None:
    ontology = toy.countries()
    prompts = made(toy)
    assert len({p.id for p in prompts.prompts}) == len(prompts.prompts)
    assert len({c.id for c in prompts.carriers}) == len(prompts.carriers)
    for p in prompts.asked:
        assert p.answers == ontology.values(p.relation, p.subject)
        assert p.slots
        assert not p.text.endswith(" ")
    for p in prompts.negatives:
        assert p.slots == p.answers == ()
        assert p.relation is None
    for p in prompts.prompts:
        assert p.carrier_split == prompts.by_carrier[p.carrier].split
        if p.subject_span:
            assert p.text[slice(*p.subject_span)] == ontology.individuals[p.subject].label
    assert set(prompts.asked) | set(prompts.negatives) == set(prompts.prompts)


def test_select_and_quadrants(toy: ModuleType) -> None:
    prompts = made(toy)
    some = prompts.select(toy.iri("capital"), carrier_split="heldout")
    assert some
    assert {(p.relation, p.carrier_split) for p in some} == {(toy.iri("capital"), "heldout")}
    assert prompts.select() == prompts.asked
    base = prompts.asked[0]
    table = {
        ("train", "train"): "seen_template_seen_subject",
        ("heldout", "train"): "unseen_template_seen_subject",
        ("train", "test"): "seen_template_unseen_subject",
        ("heldout", "test"): "unseen_template_unseen_subject",
        ("valid", "test"): None,
        ("train", "valid"): None,
    }
    for (carrier, subject), name in table.items():
        assert quadrant(replace(base, carrier_split=carrier, subject_split=subject)) == name
    assert {quadrant(p) for p in prompts.negatives} == {None}


def test_worked_examples_leave_their_own_subjects_out(toy: ModuleType) -> None:
    others = {"Spain", "Portugal", "Germany", "Austria", "Brazil"}
    for example in ("France has Paris.", "The French Republic is big.", "PARIS is big."):
        prompts = made(toy, with_templates(toy, example + " The capital of {subject} is {object}"))
        assert asked_about(prompts, example, toy) == others
        assert prompts.dropped["prompts: subject or answer stands in the carrier"] == 1
    whole = made(toy, with_templates(toy, "Parisians love it. The capital of {subject} is {object}"))
    assert asked_about(whole, "Parisians", toy) == others | {"France"}


def test_an_accepted_answer_in_the_carrier_excludes_too(toy: ModuleType) -> None:
    ontology = toy.countries()
    node = replace(
        ontology.relations[toy.iri("language")], templates=(Template("Unlike Catalan, {subject} speaks {object}", "cloze"),)
    )
    prompts = made(toy, replace(ontology, relations={**ontology.relations, node.iri: node}))
    assert asked_about(prompts, "Unlike", toy) == {"France", "Portugal", "Germany", "Austria", "Brazil"}


def test_a_mention_through_the_placeholder_is_no_worked_example(toy: ModuleType) -> None:
    prompts = made(toy, with_templates(toy, "Speaking of {subject}, the capital of {subject} is {object}"))
    assert len(asked_about(prompts, "Speaking of", toy) & {"France", "Brazil"}) == 2


@pytest.mark.parametrize("code", ["IN", "A", "Q"])
def test_short_codes_are_not_ordinary_words_nor_the_frame(toy: ModuleType, code: str) -> None:
    born = toy.relation("code", kind="data", templates=(Template("What code do they use in {subject}?", "question"),))
    ontology = toy.ontology([born], [toy.person("India")], {born.iri: {toy.iri("India"): (f'"{code}',)}})
    prompts = build_prompts(ontology, build_slots(ontology, [born.iri]), [born.iri])
    assert [p.text for p in prompts.asked] == ["Q: What code do they use in India?\nA:"]


def test_namesakes_with_different_answers_are_dropped_and_counted(toy: ModuleType) -> None:
    ontology = toy.countries()
    twin = replace(toy.person("Spain2"), label="spain")
    facts = {**ontology.facts, toy.iri("capital"): {**ontology.facts[toy.iri("capital")], twin.iri: (toy.iri("Lyon"),)}}
    prompts = made(toy, replace(ontology, individuals={**ontology.individuals, twin.iri: twin}, facts=facts))
    assert not {toy.iri("Spain"), twin.iri} & {p.subject for p in prompts.select(toy.iri("capital"))}
    assert toy.iri("Spain") in {p.subject for p in prompts.select(toy.iri("language"))}
    assert prompts.dropped["subjects: same name, different answers"] == 2


def test_max_subjects_samples_the_same_subjects_everywhere(toy: ModuleType) -> None:
    prompts = made(toy, max_subjects=2)
    by_relation = {r: {p.subject for p in prompts.select(r)} for r in toy.ASKED}
    assert by_relation[toy.iri("language")] == by_relation[toy.iri("capital")] | by_relation[toy.iri("language")]
    assert all(len(subjects) <= 2 for subjects in by_relation.values())
    assert prompts.dropped["subjects: over the maximum"] == 4 + 4 + 3


def test_super_relations_are_on_when_they_have_slots(toy: ModuleType) -> None:
    ontology = toy.countries()
    slots = build_slots(ontology, [*toy.ASKED, toy.iri("relatedPlace")])
    assert slots.index(toy.iri("relatedPlace")) in labels_of(ontology, slots, toy.iri("capital"))
    assert slots.index(toy.iri("relatedPlace")) not in labels_of(ontology, slots, toy.iri("language"))


def test_negatives_name_every_subject_and_hold_evaluation_text_out(toy: ModuleType) -> None:
    prompts = made(toy)
    bare = [p for p in prompts.negatives if p.subject]
    assert {p.subject for p in bare} == {toy.iri(name) for name in toy.PLACES}
    assert {p.carrier_split for p in bare} == {"train", "valid", "heldout"}
    neutral = [p for p in prompts.negatives if not p.subject]
    assert {p.carrier_split for p in neutral} == {"train", "valid", "heldout"}
    trained = {p.text for p in neutral if p.carrier_split != "heldout"}
    assert not trained & {p.text for p in neutral if p.carrier_split == "heldout"}


def test_answers_that_belong_to_test_subjects_are_withheld(toy: ModuleType) -> None:
    for seed in range(6):
        prompts = made(toy, seed=seed)
        split = {p.subject: p.subject_split for p in prompts.asked}
        for p in prompts.select(toy.iri("borders")):
            crossing = {a for a in p.answers if split.get(a) == "test"} if p.subject_split != "test" else set()
            assert set(p.withheld) == crossing


def test_the_file_round_trips(toy: ModuleType, tmp_path: Path) -> None:
    prompts = made(toy, seed=3)
    prompts.save(tmp_path / "prompts.jsonl")
    loaded = PromptSet.load(tmp_path / "prompts.jsonl")
    assert loaded == prompts
    assert all(isinstance(p.slots, tuple) for p in loaded.prompts)
    loaded.save(tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "prompts.jsonl").read_bytes()
    assert len((tmp_path / "prompts.jsonl").read_text().splitlines()) == 1 + len(prompts.prompts)


def test_odd_text_round_trips(toy: ModuleType, tmp_path: Path) -> None:
    odd = Prompt("i", 'a\u2028b\n"\\é\U0001f600\x85', None, None, ('"\n',), "c", "train", None, (), None, ("w",))
    prompts = replace(made(toy), prompts=(odd,))
    prompts.save(tmp_path / "p.jsonl")
    assert PromptSet.load(tmp_path / "p.jsonl") == prompts


def test_bad_files_are_errors_with_their_line(toy: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    made(toy).save(path)
    lines = path.read_text().splitlines()
    for number, line, said in (
        (1, "{}", "p.jsonl:1"),
        (5, '{"id": 3}', "p.jsonl:5"),
        (5, lines[4][:-1] + ', "x": 1}', "p.jsonl:5 (x)"),
    ):
        path.write_text("\n".join([*lines[: number - 1], line, *lines[number:]]) + "\n")
        with pytest.raises(InputError) as caught:
            PromptSet.load(path)
        assert said in str(caught.value)
    path.write_text("\n".join(lines)[:-20])
    with pytest.raises(InputError, match="cut off"):
        PromptSet.load(path)
    with pytest.raises(InputError, match="cannot read"):
        PromptSet.load(tmp_path / "none.jsonl")


PROGRAM = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("toys", sys.argv[1])
toys = importlib.util.module_from_spec(spec)
spec.loader.exec_module(toys)
from kedit.curriculum.prompts import build_prompts
from kedit.curriculum.slots import build_slots
ontology = toys.countries()
build_prompts(ontology, build_slots(ontology, toys.ASKED), toys.ASKED).save(sys.argv[2])
assert "torch" not in sys.modules
"""


def test_the_same_bytes_under_every_hash_seed_and_no_torch(toy: ModuleType, tmp_path: Path) -> None:
    made(toy).save(tmp_path / "here.jsonl")
    for seed in ("1", "2"):
        out = tmp_path / f"{seed}.jsonl"
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", PROGRAM, str(toy.__file__), str(out)], check=True, env=environment)
        assert out.read_bytes() == (tmp_path / "here.jsonl").read_bytes()
