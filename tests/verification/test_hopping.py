"""Swaps of one step of a question: what changes nothing leaves the answer, what did not fire is a miss, sites cut tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from kedit.bench.two_hop_world import invented_facts, write_two_hop_world
from kedit.curriculum.hops import Site, build_hops
from kedit.curriculum.slots import build_slots
from kedit.ontology import load_ontology, require_alignable
from kedit.sae.dictionary import AlignedSAE
from kedit.stages.fitting import no_bank
from kedit.verification.hopping import HopSetting, Item, Step, answered, measure, readings

LAYER = 1


@pytest.fixture(scope="module")
def setting(random_lm: Any, tmp_path_factory: pytest.TempPathFactory) -> HopSetting:
    path: Path = tmp_path_factory.mktemp("world") / "world.ttl"
    write_two_hop_world(path, invented_facts())
    ontology = load_ontology(path)
    relations = tuple(require_alignable(ontology))
    hops, _ = build_hops(ontology, build_slots(ontology, relations), relations, max_subjects=20)
    return HopSetting(random_lm("gpt2"), ontology, relations, tuple(hops))


def step(setting: HopSetting, site: Site, *, write: float = 0.0, threshold: float = -torch.inf) -> Step:
    """Slots with random reads, and write rows of some size."""
    d, count = setting.lm.d_model, len(setting.relations)
    generator = torch.Generator().manual_seed(0)
    W, D = torch.randn(d, count, generator=generator), write * torch.randn(count, d, generator=generator)
    thresholds = torch.full((count,), threshold)
    sae = AlignedSAE.with_slots(LAYER, no_bank(d), W, torch.zeros(count), D, thresholds)
    return Step(1 if site == "decision" else 0, site, sae)


@pytest.mark.parametrize("site", ["phrase", "subject", "decision"])
def test_an_edit_that_writes_nothing_leaves_the_answer(setting: HopSetting, site: Site) -> None:
    bound = step(setting, site)
    items = setting.items(bound.number, "unseen_template_unseen_subject", 12)
    assert [row.text for row in measure(setting, bound, items)] == answered(setting, [item.prompt for item in items])


def test_an_edit_that_writes_moves_the_answer(setting: HopSetting) -> None:
    items = setting.items(1, "unseen_template_unseen_subject", 12)
    loud = measure(setting, step(setting, "decision", write=5.0), items)
    assert [row.text for row in loud] != answered(setting, [item.prompt for item in items])


@pytest.mark.parametrize("site", ["phrase", "subject", "decision"])
def test_a_questions_own_state_leaves_the_answer(setting: HopSetting, site: Site) -> None:
    bound = step(setting, site)
    items = [
        Item(item.prompt, item.target, item.prompt, item.accepted)
        for item in setting.items(bound.number, "unseen_template_unseen_subject", 12)
    ]
    texts = [row.text for row in measure(setting, bound, items, "interchange")]
    assert texts == answered(setting, [item.prompt for item in items])


def test_a_slot_that_is_not_on_is_a_miss(setting: HopSetting) -> None:
    items = setting.items(0, "seen_template_seen_subject", 4)
    rows = measure(setting, step(setting, "phrase", threshold=torch.inf), items)
    assert not any(row.text or row.hit or row.stuck for row in rows)


def test_items_swap_one_step_in_the_same_words(setting: HopSetting) -> None:
    for number in (0, 1):
        items = setting.items(number, "unseen_template_unseen_subject", 30)
        assert len({item.prompt.id for item in items}) == 30
        for item in items:
            steps, asked = item.prompt.path.steps, item.asked.path.steps
            assert [a != b for a, b in zip(steps, asked, strict=True)] == [number == 0, number == 1]
            assert asked[number] == item.target
            assert item.asked.answers == item.accepted != item.prompt.answers
            changed = item.prompt.text.replace(
                *(str(setting.ontology.relations[iri].phrase) for iri in (steps[number], item.target))
            )
            assert item.asked.text == changed or steps[0] == steps[1]


def test_sites_cut_the_tokens_of_a_question(setting: HopSetting) -> None:
    prompts = setting.by_cell["seen_template_seen_subject"][:20]
    sites: tuple[Site, ...] = ("phrase", "subject")
    for site in sites:
        for prompt, (head, rest) in zip(prompts, setting.sited(prompts, 0, site), strict=True):
            assert head + rest == setting.lm.encode(prompt.text)
            assert setting.lm.decode(head) == prompt.upto(site, 0)


def test_readings_name_the_steps_relation(setting: HopSetting) -> None:
    prompts = setting.by_cell["validation"][:5]
    read = readings(setting, step(setting, "phrase"), prompts)
    assert [setting.relations[i] for i in read.asked] == [prompt.path.steps[0] for prompt in prompts]
    assert set(read.quadrants) == {"validation"}
