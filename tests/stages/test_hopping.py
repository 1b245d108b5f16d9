"""Binding a step: where it reads best, with rows that read back; reads are trained at positions beside a carrier's own, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from kedit.bench.two_hop_world import invented_facts, write_two_hop_world
from kedit.curriculum.hops import build_hops
from kedit.curriculum.prompts import build_prompts
from kedit.curriculum.slots import build_slots
from kedit.ontology import load_ontology, require_alignable
from kedit.stages import hopping
from kedit.verification.hopping import HopSetting

SMALL = {
    "READ": 160,
    "VALIDATED": 60,
    "PROMPTS": 40,
    "STEPS": 3,
    "ITEMS": 8,
    "TRIAL_PROMPTS": 20,
    "TRIAL_STEPS": 2,
    "TRIAL_ITEMS": 4,
}


@pytest.fixture(scope="module")
def world(random_lm: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[HopSetting, list[Any]]:
    path: Path = tmp_path_factory.mktemp("world") / "world.ttl"
    write_two_hop_world(path, invented_facts())
    ontology = load_ontology(path)
    relations = tuple(require_alignable(ontology))
    slots = build_slots(ontology, relations)
    hops, _ = build_hops(ontology, slots, relations)
    silent = [prompt for prompt in build_prompts(ontology, slots, relations).negatives if prompt.carrier_split == "train"]
    return HopSetting(random_lm("gpt2"), ontology, relations, tuple(hops)), silent[:40]


@pytest.mark.parametrize("number", [0, 1])
def test_a_step_is_bound_where_it_reads_best(
    world: tuple[HopSetting, list[Any]], number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, size in SMALL.items():
        monkeypatch.setattr(hopping, name, size)
    setting, silent = world
    bound = hopping.bind_step(setting, number, silent)
    sites = {"decision"} if number else {"phrase", "subject", "decision"}
    assert {row["site"] for row in bound.tried} == sites
    assert len(bound.tried) == len(sites) * (setting.lm.n_layers - 1)
    top = max(row["binding"] for row in bound.tried)
    (chosen,) = [row for row in bound.tried if (row["site"], row["layer"]) == (bound.step.site, bound.step.sae.layer)]
    assert chosen["binding"] >= top - (top * (1 - top) / SMALL["VALIDATED"]) ** 0.5
    sae = bound.step.sae
    torch.testing.assert_close(sae.write_rows @ sae.read_columns, torch.eye(len(setting.relations)), atol=1e-3, rtol=0)
    assert bound.curve.best in bound.curve.hits.keys() == set(hopping.STRENGTHS)


def test_half_of_the_training_questions_stand_behind_another(world: tuple[HopSetting, list[Any]]) -> None:
    setting, _ = world
    own = setting.by_cell["seen_template_seen_subject"][:10]
    for number, (prompt, made) in enumerate(zip(own, hopping._training(setting, 10), strict=True)):
        assert made.text.endswith(prompt.text)
        assert (made.text == prompt.text) == (number % 2 == 0)
        (start, end), (from_, to) = made.subject_span, made.phrase_spans[0]
        assert made.text[start:end] == setting.ontology.individuals[prompt.subject].label
        assert made.text[from_:to] == setting.ontology.relations[prompt.path.steps[0]].phrase
