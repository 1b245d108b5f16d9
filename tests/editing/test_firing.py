"""Where edits fire, by column: masks, chunks, caches that shrink, beams."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from kedit.editing.firing import Answer

MASK = torch.tensor([[0, 0, 1, 1], [1, 1, 1, 0]]).bool()


@pytest.fixture
def edits(resolved: Callable[..., Any]) -> Any:
    """One edit of each kind of steps: prompt, asked, all."""
    suppress = {"op": "suppress", "slot": "capital"}
    return resolved(*({**suppress, "id": steps, "scope": {"steps": steps}} for steps in ("prompt", "asked", "all"))).edits


def answer(in_scope: bool = True) -> Answer:
    return Answer(MASK, torch.full((2, 3), in_scope))


def test_columns_of_each_kind(edits: Any) -> None:
    prompt, asked, every = answer().eligible(edits, 2, 0, 6).unbind(-1)
    assert prompt.int().tolist() == [[0, 0, 0, 1, 0, 0], [0, 0, 1, 0, 0, 0]]
    assert asked.int().tolist() == [[0, 0, 1, 1, 1, 1], [1, 1, 1, 0, 1, 1]]
    assert every.int().tolist() == [[0, 0, 0, 1, 1, 1], [0, 0, 1, 0, 1, 1]]
    assert not answer(False).eligible(edits, 2, 0, 6).any()


@pytest.mark.parametrize("cuts", [[1, 5], [3, 3], [4, 1, 1], [1, 1, 1, 1, 1, 1]])
def test_chunks_cover_what_the_whole_does(edits: Any, cuts: list[int]) -> None:
    generator = torch.Generator().manual_seed(len(cuts))
    open_gates = torch.rand(2, 6, 3, generator=generator) > 0.4
    whole = answer()
    expected = whole.settle(edits, whole.eligible(edits, 2, 0, 6) & open_gates, 0)
    chunked, past, parts = answer(), 0, []
    for length in cuts:
        gates = chunked.eligible(edits, 2, past, length) & open_gates[:, past : past + length]
        parts.append(chunked.settle(edits, gates, past))
        past += length
    assert torch.equal(torch.cat(parts, 1), expected)
    assert torch.equal(chunked.fired, whole.fired)
    assert expected[:, :, 1].sum(1).max() <= 1


def test_columns_that_are_taken_back_may_fire_again(edits: Any) -> None:
    made = answer()
    open_gates = torch.ones(2, 3, 3, dtype=torch.bool)
    assert made.settle(edits, open_gates, 4)[:, 0, 1].all()
    assert not made.settle(edits, open_gates, 7)[:, :, 1].any()
    assert made.settle(edits, open_gates, 4)[:, 0, 1].all()


def test_rows_multiply_side_by_side_and_follow_their_beams(edits: Any) -> None:
    made = answer()
    eligible = made.eligible(edits, 4, 0, 4)
    assert torch.equal(eligible[0], eligible[1])
    assert not torch.equal(eligible[1], eligible[2])
    gates = torch.zeros(4, 4, 3, dtype=torch.bool)
    gates[1, 3, 1] = True
    made.settle(edits, gates, 0)
    assert made.fired.tolist() == [[False, True, False], [False] * 3]
    made.reorder(torch.tensor([1, 0, 2, 3]))
    later = made.settle(edits, torch.ones(4, 1, 3, dtype=torch.bool), 4)
    assert later[:, 0, 1].tolist() == [False, True, True, True]
    with pytest.raises(ValueError, match="3 rows"):
        made.eligible(edits, 3, 0, 1)
