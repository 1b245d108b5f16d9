"""The budget of a source relation: caps as they were up to five relations, and cost in proportion to relations from there on."""

from __future__ import annotations

from collections import Counter, defaultdict
from types import SimpleNamespace
from typing import Any

import pytest

from kedit.editing.resolving import ResolvedEdit
from kedit.verification.budget import FULL, LEAST, budget, linked
from kedit.verification.items import limit_of
from kedit.verification.metrics import MIN_ITEMS

HEADLINE, OTHER = "unseen_template_unseen_subject", "seen_template_seen_subject"


def setting_of(worlds: int, relations: int, prompts: int = 200) -> Any:
    """Some worlds of relations each, with as many prompts of every relation; subjects live in one world."""
    names = [f"w{world}r{i:02}" for world in range(worlds) for i in range(relations)]
    slots = [SimpleNamespace(index=index, iri=iri) for index, iri in enumerate(names)]
    asked = [
        SimpleNamespace(relation=slot.iri, slots=(slot.index,), subject=f"{slot.iri[:2]}s{i % 50}")
        for slot in slots
        for i in range(prompts)
    ]
    facts = {iri: {f"{iri[:2]}s{i}": ("x",) for i in range(50)} for iri in names}
    return SimpleNamespace(
        relations=tuple(names),
        slots=SimpleNamespace(relations=slots),
        prompts=SimpleNamespace(asked=asked),
        by_cell={HEADLINE: [*asked, SimpleNamespace(relation=None, slots=(), subject="w0s0")]},
        ontology=SimpleNamespace(facts=facts),
    )


def caps(setting: Any, cap: Any, cell: str, seed: int = 0) -> dict[tuple[str, str], int | None]:
    """The cap of every ordered pair."""
    limit, index = limit_of(budget(setting, cap, seed)), {slot.iri: slot.index for slot in setting.slots.relations}
    return {
        (a, b): limit(ResolvedEdit(f"{a} {b}", "swap", index[a], a, index[b], b), cell) for a in index for b in index if a != b
    }


@pytest.mark.parametrize("relations", [2, 3, 5])
@pytest.mark.parametrize("cap", [None, 7, 30, {HEADLINE: None, OTHER: 30}])
def test_up_to_five_relations_caps_are_what_they_were(relations: int, cap: Any) -> None:
    setting = setting_of(1, relations)
    for cell in (HEADLINE, OTHER):
        assert set(caps(setting, cap, cell).values()) == {limit_of(cap)(None, cell)}  # type: ignore[arg-type]


@pytest.mark.parametrize("relations", [6, 7, 12, 40])
@pytest.mark.parametrize(("cap", "full"), [(30, 30), (10, 10), (None, 200)])
def test_a_source_never_has_more_than_four_pairs_would(relations: int, cap: int | None, full: int) -> None:
    found = caps(setting_of(1, relations), cap, HEADLINE)
    spent: dict[str, int] = defaultdict(int)
    for (source, _), each in found.items():
        spent[source] += each or 0
    assert FULL * full <= min(spent.values())
    assert max(spent.values()) < FULL * full + max(relations, LEAST)  # the last pair is whole
    kept = [each for each in found.values() if each != 0]
    assert min(kept) >= min(full, LEAST)  # type: ignore[type-var]
    assert LEAST >= MIN_ITEMS
    targets = Counter(target for (_, target), each in found.items() if each)
    assert max(targets.values()) == min(targets.values())


def test_one_more_target_than_four_keeps_them_all() -> None:
    assert set(caps(setting_of(1, 6), 30, OTHER).values()) == {24}
    assert set(caps(setting_of(1, 6), None, HEADLINE).values()) == {160}


def test_pairs_of_a_small_cap_are_among_those_of_a_large_one() -> None:
    setting = setting_of(1, 20)
    few, many = ({pair for pair, each in caps(setting, cap, HEADLINE).items() if each} for cap in (30, None))
    assert few < many
    assert few != {pair for pair, each in caps(setting, 30, HEADLINE, seed=1).items() if each}


def test_pairs_without_a_subject_in_common_cost_nothing() -> None:
    setting = setting_of(4, 5)
    assert linked(setting)["w0r00"] == ["w0r01", "w0r02", "w0r03", "w0r04"]
    assert set(caps(setting, 30, OTHER).values()) == {30}
    found = caps(setting_of(2, 7), 30, OTHER)
    assert all(each == 0 for (a, b), each in found.items() if a[:2] != b[:2])
    assert sum(each == 24 for each in found.values()) == 14 * 5
