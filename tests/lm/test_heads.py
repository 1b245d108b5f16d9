"""Heads at the decision position: found in every layout, their parts add up, and patching one is what a plain hook does."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from kedit.errors import InputError
from kedit.lm.heads import Probe, function_vectors, head_means, indirect_effects, output_projections
from kedit.lm.hooks import input_hook

LAYER = 2
TEXTS = (
    "The capital of France is",
    "The capital of Peru is",
    "What is the language of Peru?",
    "Q: On which continent lies Chad?\nA:",
)
CARRIERS = ("c", "c", "l", "q")
GROUPS = torch.tensor([0, 0, 1, 2])


def ids(lm: Any) -> list[list[int]]:
    return lm.encode_batch(list(TEXTS))


def test_there_is_one_output_projection_a_block_in_every_layout(lm: Any) -> None:
    modules = output_projections(lm, LAYER)
    assert len(modules) == LAYER + 1
    assert len(set(map(id, modules))) == LAYER + 1


def test_means_are_those_of_plain_forward_passes(lm: Any) -> None:
    means = head_means(lm, LAYER, ids(lm), CARRIERS, GROUPS)
    seen: list[torch.Tensor] = []
    for row in ids(lm):
        with torch.no_grad(), input_hook(output_projections(lm, LAYER)[1], lambda heads: seen.append(heads[0, -1])):
            lm.model(input_ids=torch.tensor([row]))
    torch.testing.assert_close(means[0, 1], torch.stack(seen[:2]).mean(0), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(means[2, 1], seen[3], atol=1e-4, rtol=1e-4)


def test_all_heads_together_write_what_the_blocks_attention_writes(lm: Any) -> None:
    means = head_means(lm, LAYER, ids(lm), CARRIERS, GROUPS)
    heads = lm.model.config.num_attention_heads
    vectors = function_vectors(lm, LAYER, means, torch.rand(LAYER + 1, heads), top=heads * (LAYER + 1))
    modules = output_projections(lm, LAYER)
    with torch.no_grad():
        written = sum(m(means[:, i]) - m(torch.zeros_like(means[:, i])) for i, m in enumerate(modules))
    torch.testing.assert_close(vectors, written, atol=1e-4, rtol=1e-4)


def test_an_effect_is_the_gain_of_a_plain_patched_forward(lm: Any) -> None:
    means = head_means(lm, LAYER, ids(lm), CARRIERS, GROUPS)
    probe = Probe(ids(lm)[0], "c", 1, 7)
    effects = indirect_effects(lm, LAYER, means, [probe])
    heads = lm.model.config.num_attention_heads
    size = means.shape[2] // heads
    block, head = 1, heads - 1
    columns = slice(head * size, (head + 1) * size)

    def patch(x: torch.Tensor) -> torch.Tensor:
        changed = x.clone()
        changed[:, -1, columns] = means[1, block, columns]
        return changed

    tokens = torch.tensor([probe.ids])
    with torch.no_grad():
        base = lm.model(input_ids=tokens).logits[0, -1].log_softmax(-1)[7]
        with input_hook(output_projections(lm, LAYER)[block], patch):
            patched = lm.model(input_ids=tokens).logits[0, -1].log_softmax(-1)[7]
    assert effects[block, head].item() == pytest.approx((patched - base).item(), abs=1e-4)


def test_a_block_without_such_a_module_is_said(random_lm: Any) -> None:
    from dataclasses import replace

    lm = replace(random_lm("gpt2"), blocks=torch.nn.ModuleList([torch.nn.Linear(2, 2)]))
    with pytest.raises(InputError, match="attention output of a Linear is not found"):
        output_projections(lm, 0)
