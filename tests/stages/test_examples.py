"""Training examples: which ordered pairs are held out, and which swaps there are."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from kedit.curriculum.splits import unit_hash
from kedit.stages import examples
from kedit.stages.examples import HELD_PAIRS, swap_examples, trained_pairs


@pytest.mark.parametrize("n", [3, 5, 6, 9])
@pytest.mark.parametrize("seed", range(5))
def test_a_quarter_of_the_pairs_is_held_out_evenly(n: int, seed: int) -> None:
    relations = [f"r{i}" for i in range(n)]
    pairs = {(a, b) for a in relations for b in relations if a != b}
    held = pairs - trained_pairs(relations, seed)
    assert len(held) == round(len(pairs) / 4)
    for side in (0, 1):
        assert max(Counter(pair[side] for pair in held).values()) <= (n + 1) // 2


def test_pairs_do_not_depend_on_the_order_of_relations() -> None:
    relations = list("abcdef")
    assert trained_pairs(relations, 1) == trained_pairs(relations[::-1], 1)
    assert trained_pairs(relations, 1) != trained_pairs(relations, 2)


def test_two_relations_hold_nothing_out() -> None:
    assert trained_pairs(["a", "b"], 0) == {("a", "b"), ("b", "a")}


def slowly(relations: list[str], seed: int) -> frozenset[tuple[str, str]]:
    """As it was first written: every pair is compared with all that are held."""
    pairs = sorted((a, b) for a in relations for b in relations if a != b)
    pairs.sort(key=lambda pair: unit_hash("pair", seed, *pair))
    wanted, held = round(HELD_PAIRS * len(pairs)), set[tuple[str, str]]()
    for most in range(1, len(relations) - 1):
        for pair in pairs:
            near = max(sum(pair[side] == other[side] for other in held) for side in (0, 1))
            if len(held) < wanted and pair not in held and near < most:
                held.add(pair)
    return frozenset(pairs) - held


@pytest.mark.parametrize("n", range(9))
def test_pairs_are_those_of_the_slow_way(n: int) -> None:
    relations = [f"https://example.org/r{i}" for i in range(n)]
    for seed in (0, 1, 7, 101, 102, 103):
        assert trained_pairs(relations, seed) == slowly(relations, seed)


def test_pairs_of_a_hundred_relations_are_found_at_once() -> None:
    relations = [f"r{i}" for i in range(100)]
    held = Counter(a for a in relations for b in relations if a != b and (a, b) not in trained_pairs(relations, 0))
    assert sum(held.values()) == 2475
    assert max(held.values()) <= 26


def job_of(relations: int, subjects: int, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Every subject has a fact of every relation, known and unlike all others."""
    names = [f"r{i:02}" for i in range(relations)]
    prompt = {"carrier_split": "train", "subject_split": "train", "withheld": ()}
    asked = [
        SimpleNamespace(id=f"{r}-{s}", relation=r, subject=f"s{s}", carrier=r, **prompt) for r in names for s in range(subjects)
    ]
    keys = [(prompt.subject, prompt.relation) for prompt in asked]
    right = {key: SimpleNamespace(values=(f"{key}",), ids=(place,)) for place, key in enumerate(keys)}
    monkeypatch.setattr(examples, "closings", lambda *_: {})
    monkeypatch.setattr(examples, "shares_answer", lambda _, subject, a, b: subject == "s0")
    slots = SimpleNamespace(relations=[SimpleNamespace(iri=name) for name in names])
    return SimpleNamespace(
        prompts=SimpleNamespace(asked=asked),
        cfg=SimpleNamespace(seed=0),
        relations=names,
        slots=slots,
        lm=None,
        matchers=None,
        ontology=None,
        knowledge=SimpleNamespace(right=right, known=dict.fromkeys(right, True)),
    )


@pytest.mark.parametrize("relations", [3, 9])
def test_of_few_relations_a_prompt_is_swapped_to_all_that_are_trained(relations: int, monkeypatch: pytest.MonkeyPatch) -> None:
    job = job_of(relations, 3, monkeypatch)
    prompts, swaps = swap_examples(job)
    made = [(prompts[swap.prompt].id, job.relations[swap.target]) for swap in swaps]
    pairs = sorted(trained_pairs(job.relations, 0))
    assert made == [(p.id, b) for p in prompts for a, b in pairs if a == p.relation and p.subject != "s0"]
    assert all(job.relations[swap.source] == prompts[swap.prompt].relation for swap in swaps)


def test_of_many_relations_a_prompt_is_swapped_to_six(monkeypatch: pytest.MonkeyPatch) -> None:
    job = job_of(14, 5, monkeypatch)
    prompts, swaps = swap_examples(job)
    counts = Counter(prompts[swap.prompt].id for swap in swaps)
    assert counts == {prompt.id: 6 for prompt in prompts if prompt.subject != "s0"}
    made = {(job.relations[swap.source], job.relations[swap.target]) for swap in swaps}
    assert made <= trained_pairs(job.relations, 0)
    assert len(made) > 14 * 6
    assert swaps == swap_examples(job)[1]
