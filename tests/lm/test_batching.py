"""Batches hold every prompt once, of one length where that is cheap, within their limits; beginnings are what carriers share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kedit.lm import batching
from kedit.lm.batching import GPU_PASS, PASS, Beginning, Limits, batches, beginnings, limits, padded, shared_tokens, windows
from kedit.lm.model import LanguageModel

MOST = Limits(1024, 256, 4096)
SIZES = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 30)), min_size=1, max_size=200)


@given(SIZES, st.integers(1, 200), st.integers(1, 40), st.integers(1, 400))
def test_every_row_is_read_once_within_the_limits(rows: list[tuple[int, int]], tokens: int, most: int, cells: int) -> None:
    lengths, before = [a for a, _ in rows], [b for _, b in rows]
    found = list(batches(lengths, before, Limits(tokens, most, cells)))
    assert sorted(i for batch in found for i in batch) == list(range(len(rows)))
    for batch in found:
        width, front = max(lengths[i] for i in batch), max(before[i] for i in batch)
        assert len(batch) <= most
        assert len(batch) == 1 or len(batch) * width <= tokens
        assert len(batch) == 1 or len(batch) * (width + front) <= cells


@given(SIZES)
def test_padding_and_passes_cost_no_more_than_one_length_a_batch(rows: list[tuple[int, int]]) -> None:
    lengths = [a for a, _ in rows]

    def cost(found: list[list[int]]) -> int:
        return sum(PASS + len(batch) * max(lengths[i] for i in batch) for batch in found)

    nothing = [0] * len(lengths)
    apart = [[i for i, length in enumerate(lengths) if length == size] for size in sorted(set(lengths))]
    found = [[part[j] for j in batch] for part in apart for batch in batches([lengths[i] for i in part], nothing, MOST)]
    assert cost(list(batches(lengths, nothing, MOST))) <= cost(found)


def test_a_few_short_rows_go_with_longer_ones_and_many_do_not() -> None:
    assert list(batches([5] * 100 + [4] * 3, [0] * 103, MOST)) == [list(range(103))]
    assert list(batches([9] * 50 + [4] * 50, [0] * 100, MOST)) == [list(range(50, 100)), list(range(50))]


def test_more_than_a_pass_holds_is_cut_evenly() -> None:
    assert [len(batch) for batch in batches([5] * 250, [0] * 250, MOST)] == [125, 125]


def test_rows_with_long_beginnings_stand_together() -> None:
    before = [200, 2] * 40
    found = list(batches([5] * 80, before, MOST))
    assert all(len({before[i] for i in batch}) == 1 for batch in found)
    assert all(len(batch) * 205 <= 4096 for batch in found[1:])


def test_beginnings_are_common_to_all_of_a_carrier_and_shared_by_carriers_that_begin_alike() -> None:
    a = [(1, 2, 3, n, 9) for n in range(4)]
    b = [(1, 2, 3, n) for n in range(5, 9)]
    few, short = [(4, 4, 4, 1), (4, 4, 4, 2)], [(5, 5, n) for n in range(6)]
    prompts = [*a, *b, *few, *short]
    carriers = ["a"] * 4 + ["b"] * 4 + ["few"] * 2 + ["short"] * 6
    assert beginnings(prompts, carriers) == [Beginning((), list(range(8, 16))), Beginning((1, 2, 3), list(range(8)))]


def test_every_prompt_keeps_its_last_token() -> None:
    assert shared_tokens([(1, 2, 3), (1, 2, 3, 4)]) == 2
    assert shared_tokens([(1, 2, 3), (1, 2, 3)]) == 2
    assert shared_tokens([(1, 2, 3)]) == 0


def test_windows_hold_so_many_cells() -> None:
    found = [Beginning((1,) * n, []) for n in (0, 3, 3, 4, 50)]
    assert list(windows(found, 12)) == [found[:3], found[3:4], found[4:]]
    assert list(windows([], 12)) == []


def test_padding_stands_in_front() -> None:
    ids, mask = padded([(1, 2, 3), (7,)])
    assert ids.tolist() == [[1, 2, 3], [0, 0, 7]]
    assert mask.tolist() == [[1, 1, 1], [0, 0, 1]]


def test_limits_of_a_cpu_are_fixed(random_lm: Callable[..., Any]) -> None:
    assert limits(random_lm()) == Limits(1024, 256, 3072, PASS)
    assert limits(random_lm(), 8).rows == 8


@pytest.mark.parametrize(("fits", "tokens"), [(0, 1024), (5000, 4096), (1 << 20, 1 << 15)])
def test_limits_of_a_gpu_follow_from_its_memory(
    fits: int, tokens: int, random_lm: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    lm = random_lm()
    each = (12 * 2 * lm.n_layers * lm.d_model + lm.model.config.vocab_size) * 4
    monkeypatch.setattr(batching, "device_memory", lambda _: 4 * fits * each)
    monkeypatch.setattr(LanguageModel, "device", torch.device("cuda"))
    assert limits(lm) == Limits(tokens, tokens // 4, 3 * tokens, GPU_PASS)


def test_where_passes_are_dear_padding_is_cheap() -> None:
    lengths, before = [9] * 50 + [4] * 50, [0] * 100
    assert [len(batch) for batch in batches(lengths, before, MOST)] == [50, 50]
    assert [len(batch) for batch in batches(lengths, before, MOST._replace(overhead=GPU_PASS))] == [100]
