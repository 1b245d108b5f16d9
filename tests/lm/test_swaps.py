"""Swap training data: the same logits as a plain forward of prompt and answer, and every swap drawn once an epoch."""

from __future__ import annotations

from typing import Any

import torch

from kedit.curriculum.prompts import Prompt
from kedit.lm.hooks import residual_hook
from kedit.lm.swaps import Swap, SwapData

LAYER = 1


def prompt(text: str, carrier: str) -> Prompt:
    return Prompt(text, text, "r", "s", (), carrier, "train", "train", (), None)


PROMPTS = [
    prompt("The capital of France is", "is"),
    prompt("The capital of Peru is", "is"),
    prompt("Q: On which continent lies Chad?\nA:", "qa"),
]
SWAPS = [Swap(0, 0, 1, (5, 9, 3)), Swap(0, 0, 2, (4,)), Swap(1, 1, 2, (8, 2)), Swap(2, 2, 0, (6,))]


def test_batches_give_the_logits_of_a_plain_forward(lm: Any) -> None:
    data = SwapData(lm, LAYER, PROMPTS, SWAPS)
    batch = data.batch(torch.arange(len(data)))
    delta = torch.randn(len(data), lm.d_model, generator=torch.Generator().manual_seed(0))
    logits = batch.logits(batch.x + delta)
    by_answer = {swap.answer: swap for swap in SWAPS}
    for i in range(len(data)):
        answer = tuple(token for token in batch.answers[i].tolist() if token >= 0)
        swap = by_answer[answer]
        assert (int(batch.source[i]), int(batch.target[i])) == (swap.source, swap.target)
        row = lm.encode(PROMPTS[swap.prompt].text)

        def edit(hidden: torch.Tensor, at: int = len(row) - 1, by: torch.Tensor = delta[i]) -> torch.Tensor:
            edited = hidden.clone()
            edited[:, at] += by
            return edited

        with residual_hook(lm.blocks[LAYER], edit), torch.no_grad():
            plain = lm.model(input_ids=torch.tensor([[*row, *answer[:-1]]])).logits[0, len(row) - 1 :]
        torch.testing.assert_close(logits[i, : len(answer)], plain, rtol=1e-4, atol=1e-4)


def test_tokens_behind_the_edited_position_are_forced_and_not_trained(lm: Any) -> None:
    text, cut = PROMPTS[2].text, "Q: On which continent"
    ids, head = lm.encode(text), lm.encode(cut)
    assert ids[: len(head)] == head
    rest, answer = tuple(ids[len(head) :]), (6, 9)
    data = SwapData(lm, LAYER, [prompt(cut, "qa")], [Swap(0, 0, 1, answer, rest)])
    batch = data.batch(torch.tensor([0]))
    assert batch.answers.tolist() == [[*(-100 for _ in rest), *answer]]
    delta = torch.randn(1, lm.d_model, generator=torch.Generator().manual_seed(0))

    def edit(hidden: torch.Tensor) -> torch.Tensor:
        edited = hidden.clone()
        edited[:, len(head) - 1] += delta
        return edited

    with residual_hook(lm.blocks[LAYER], edit), torch.no_grad():
        plain = lm.model(input_ids=torch.tensor([[*ids, *answer[:-1]]])).logits[:, len(head) - 1 :]
    torch.testing.assert_close(batch.logits(batch.x + delta), plain, rtol=1e-4, atol=1e-4)


def test_a_part_is_what_would_have_been_made_of_it_alone(lm: Any) -> None:
    others = [Swap(0, 0, 1, (7,)), Swap(2, 2, 0, (1, 2, 3, 4))]
    both = SwapData(lm, LAYER, PROMPTS, [*SWAPS, *others])
    for part, alone in ((range(4), SWAPS), (range(4, 6), others)):
        view, made = both.part(part), SwapData(lm, LAYER, PROMPTS, alone)
        assert len(view) == len(made) == len(alone)
        mine, theirs = (data.batch(torch.arange(len(alone))) for data in (view, made))
        assert torch.equal(mine.answers, theirs.answers)
        assert torch.equal(mine.source, theirs.source)
        torch.testing.assert_close(mine.x, theirs.x, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(mine.logits(mine.x), theirs.logits(theirs.x), rtol=1e-4, atol=1e-4)


def test_every_swap_is_drawn_once_before_any_comes_again(random_lm: Any) -> None:
    data = SwapData(random_lm("gpt2"), LAYER, PROMPTS, SWAPS)
    stream = data.batches(2, torch.Generator().manual_seed(0))
    drawn = [tuple(answer) for _ in range(2) for answer in next(stream).answers.tolist()]
    answers = sorted(tuple(token for token in answer if token >= 0) for answer in drawn)
    assert answers == sorted(swap.answer for swap in SWAPS)
