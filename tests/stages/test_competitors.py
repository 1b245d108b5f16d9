"""Competitors on demand: what their training data is made of, and what is refused before anything is trained."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from kedit.config import AlignConfig
from kedit.errors import InputError
from kedit.files import write_json
from kedit.lm.swaps import Swap
from kedit.sae.competitors import Das, Directions, RankOneReft
from kedit.sae.control import Rows
from kedit.stages import competitors
from kedit.stages.competitors import _permuted, _Trainer, load_competitors
from kedit.stages.job import SETTLED
from kedit.stages.slots import STEPS, TAUGHT_STEPS


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


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """As much of a finished run as trainers look at before they train."""
    config = AlignConfig(ontology=Path("o.ttl"), model="tiny").model_dump(mode="json", exclude={"overwrite"})
    directory = SimpleNamespace(file=lambda name: tmp_path / name)
    write_json(tmp_path / SETTLED, {"taught": False})
    return SimpleNamespace(
        manifest=SimpleNamespace(config=config), slots=SimpleNamespace(relations=()), path=tmp_path,
        lm=SimpleNamespace(taught=False),
        layer=1, ontology=None, directory=directory, slots_hash="slots",
    )  # fmt: skip


@pytest.mark.parametrize(("taught", "steps"), [(False, STEPS), (True, TAUGHT_STEPS)])
@pytest.mark.parametrize("name", ["reft_r1", "das_r1", "das_r8", "permuted_answers"])
def test_competitors_are_trained_for_as_many_steps_as_the_edit(
    run: Any, name: str, taught: bool, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_json(run.path / SETTLED, {"taught": taught})
    seen: list[int] = []
    for function in ("train_reft", "train_das", "train_control"):
        monkeypatch.setattr(competitors, function, lambda *_, steps, **__: (seen.append(steps), Rows(torch.ones(2, 3)))[1])
    trainer = _Trainer(run)
    trainer.__dict__.update(means=torch.ones(2, 3), swaps=([], [0] * 99), data=None)
    trainer.__dict__["_both"] = SimpleNamespace(part=lambda _: None)
    run.sae = SimpleNamespace(read_columns=torch.zeros(3, 0), d=3, slot_values=lambda x: torch.zeros(1, 0))
    trainer.make(name)
    assert seen == [steps]
    assert trainer.job.lm is run.lm


def test_other_steps_are_another_competitor(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def make(_: Any, name: str) -> Any:
        made.append(name)
        return RankOneReft(torch.ones(2, 3), torch.ones(2, 3), torch.ones(2))

    monkeypatch.setattr(_Trainer, "make", make)
    load_competitors(run, ["reft_r1"])
    load_competitors(run, ["reft_r1"])
    assert made == ["reft_r1"]
    write_json(run.path / SETTLED, {"taught": True})
    load_competitors(run, ["reft_r1"])
    assert made == ["reft_r1", "reft_r1"]


def test_donors_are_read_only_for_those_that_interchange(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {"linear_probe": Directions(torch.ones(2, 3)), "das_r1": Das(torch.ones(1, 3))}
    monkeypatch.setattr(_Trainer, "make", lambda _, name: made[name])
    monkeypatch.setattr(_Trainer, "pools", "read")
    assert load_competitors(run, ["linear_probe"])[1] == {}
    assert load_competitors(run, ["linear_probe", "das_r1"])[1] == "read"
