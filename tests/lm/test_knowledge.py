"""Knowledge: the robust gate counts training carriers alone, and modal answers are the model's own, right or wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kedit.curriculum.answers import AnswerMatcher
from kedit.curriculum.prompts import Prompt, PromptSet
from kedit.errors import InputError
from kedit.lm.knowledge import Knowledge, assess, closings
from kedit.lm.reading import Reading

FORMS = {"paris": ("Paris",), "lima": ("Lima",), "oslo": ("Oslo",)}
MATCHERS = {"capital": AnswerMatcher(FORMS)}


def prompt(subject: str, answer: str, carrier: str, role: Any = "train", split: Any = "train") -> Prompt:
    return Prompt(f"{carrier}:{subject}", "?", "capital", subject, (answer,), carrier, role, split, (0,), None)


def assessed(lm: Any, said: dict[str, list[str]], role: Any = "train") -> Knowledge:
    """What follows when the carriers a, b, c, d get these answers, subject by subject."""
    rows = [
        (prompt(subject, answer, carrier, role if carrier == "d" else "train"), text)
        for subject, answer in (("fr", "paris"), ("pe", "lima"))
        for carrier, text in zip("abcd", said[subject], strict=True)
    ]
    prompts = PromptSet(0, "raw", (), tuple(row for row, _ in rows))
    texts = tuple(text for _, text in rows)
    reading = Reading({}, tuple(tuple(lm.encode(text)) for text in texts), texts)
    return assess(lm, prompts, reading, MATCHERS)


SAID = {"fr": [" Paris", " Paris, of course", " Lima", " well"], "pe": [" Oslo", " Oslo", " Lima", " Oslo"]}


def test_known_on_half_of_the_training_carriers(random_lm: Any) -> None:
    known = assessed(random_lm("gpt2"), SAID)
    assert known.direct == {("fr", "capital"): 0.5, ("pe", "capital"): 0.25}
    assert known.known == {("fr", "capital"): True, ("pe", "capital"): False}
    assert known.any == {("fr", "capital"): True, ("pe", "capital"): True}
    assert known.majority == {"capital": "lima"}


def test_held_out_carriers_enter_no_gate(random_lm: Any) -> None:
    known = assessed(random_lm("gpt2"), {**SAID, "fr": [" well", " well", " Lima", " Paris"]}, role="heldout")
    assert known.direct["fr", "capital"] == 0
    assert known.hits[3]


def test_modal_answers_are_the_models_own_and_cut_short(random_lm: Any) -> None:
    lm = random_lm("gpt2")
    known = assessed(lm, SAID)
    france, peru = known.modal["fr", "capital"], known.modal["pe", "capital"]
    assert france is not None
    assert peru is not None
    assert (france.values, france.text.strip()) == (("paris",), "Paris")
    assert peru.values == ("oslo",)
    right = known.right["pe", "capital"]
    assert right is not None
    assert right.values == ("lima",)
    assert lm.decode(france.ids) == france.text


def test_what_is_saved_is_read_back(random_lm: Any, tmp_path: Path) -> None:
    known = assessed(random_lm("gpt2"), SAID)
    known.save(tmp_path / "knowledge.json")
    assert Knowledge.load(tmp_path / "knowledge.json") == replace(known)
    (tmp_path / "knowledge.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="not what a model knows"):
        Knowledge.load(tmp_path / "knowledge.json")


def test_what_closes_an_answer_is_learnt_from_training_carriers(random_lm: Any) -> None:
    lm = random_lm("gpt2")
    said = [
        ("a", "train", " Paris."),
        ("a", "train", " Lima."),
        ("a", "train", " Oslo\n"),
        ("b", "train", " well."),
        ("c", "heldout", " Oslo\n"),
    ]
    prompts = PromptSet(0, "raw", (), tuple(prompt(f"s{i}", "paris", carrier, role) for i, (carrier, role, _) in enumerate(said)))
    texts = tuple(text for *_, text in said)
    known = assess(lm, prompts, Reading({}, tuple(tuple(lm.encode(text)) for text in texts), texts), MATCHERS)
    assert closings(lm, prompts, known, MATCHERS) == {"a": (lm.encode(" Paris.")[-1],)}
