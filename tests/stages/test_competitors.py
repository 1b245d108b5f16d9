"""Competitors on demand: what their training data is made of, and what is refused before anything is trained."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from kedit.errors import InputError
from kedit.lm.swaps import Swap
from kedit.stages.competitors import _permuted, load_competitors


def test_permuted_answers_are_other_subjects_other_values() -> None:
    values = ["Paris", "Paris", "Paris", "Lima", "Rome", "Oslo", "Oslo", "Bern"]
    prompts: Any = [SimpleNamespace(subject=f"s{i}") for i in range(len(values))]
    swaps = [Swap(i, 0, 1, (sorted(set(values)).index(value),)) for i, value in enumerate(values)]
    ontology: Any = SimpleNamespace(values=lambda relation, subject: (values[int(subject[1:])],))
    made = list(_permuted(prompts, swaps, ["a", "b"], ontology, 0))
    assert [(swap.prompt, swap.source, swap.target) for swap in made] == [(i, 0, 1) for i in range(len(values))]
    assert Counter(swap.answer for swap in made) == Counter(swap.answer for swap in swaps)
    assert all(new.answer != old.answer for new, old in zip(made, swaps, strict=True))


def test_a_configuration_of_another_version_is_bad_input() -> None:
    run: Any = SimpleNamespace(manifest=SimpleNamespace(config={"no_such_key": 1}), slots=SimpleNamespace(relations=()), path="r")
    with pytest.raises(InputError, match="another version"):
        load_competitors(run, ["linear_probe"])
