"""Training examples: which ordered pairs are held out."""

from __future__ import annotations

from collections import Counter

import pytest

from kedit.stages.examples import trained_pairs


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
