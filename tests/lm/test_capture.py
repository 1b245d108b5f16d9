"""Captured positions are the plain forward's, without the first token; a carrier's own words count once."""

from __future__ import annotations

from typing import Any

import torch

from kedit.lm.batching import shared_tokens
from kedit.lm.capture import capture_positions, first_states
from kedit.lm.hooks import residual_hook

TEXTS = ("The capital of France is", "The capital of Peru is", "Who lives in Norway?")


def plain(lm: Any, row: list[int], layer: int) -> torch.Tensor:
    kept: list[torch.Tensor] = []
    with residual_hook(lm.blocks[layer], kept.append), torch.no_grad():
        lm.model(input_ids=torch.tensor([row]))
    return kept[0][0]


def test_positions_are_those_of_a_plain_forward(lm: Any) -> None:
    ids = [lm.encode(text) for text in TEXTS]
    found = capture_positions(lm, ids, ["a", "b", "c"], 2)
    expected = torch.cat([plain(lm, row, 2)[1:] for row in ids])
    assert found.shape == expected.shape
    for state in expected:
        assert (found - state).norm(dim=1).min() < 1e-3 * state.norm()


def test_what_a_carrier_says_itself_is_captured_once(random_lm: Any) -> None:
    lm = random_lm("llama")
    ids = [lm.encode(f"The capital of {name} is") for name in ("France", "Peru", "Chad", "Norway")]
    shared = shared_tokens(ids)
    found = capture_positions(lm, ids, ["same"] * len(ids), 1)
    assert len(found) == (shared - 1) + sum(len(row) - shared for row in ids)
    for row in ids:
        for state in plain(lm, row, 1)[1:]:
            assert (found - state).norm(dim=1).min() < 1e-3 * state.norm()


def test_first_states_are_those_of_texts_of_one_token(lm: Any) -> None:
    found = first_states(lm, [9, 4, 9], layer=1)
    kept: list[torch.Tensor] = []
    with torch.no_grad(), residual_hook(lm.blocks[1], lambda hidden: kept.append(hidden.clone())):
        lm.model(input_ids=torch.tensor([[4], [9]]))
    torch.testing.assert_close(found, kept[0][:, 0])
