"""Write rows: D W = I whatever is trained, swaps are what the formula says, and training lowers the loss it is given."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from planted import D_MODEL, SLOTS, TOKENS, Planted

from kedit.sae.control import answer_loss, swap_delta, train_control, train_vectors, write_rows
from kedit.sae.manifold import natural_of


def parts(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    W = torch.randn(D_MODEL, SLOTS, generator=generator)
    return W, torch.randn(SLOTS, generator=generator), torch.randn(SLOTS, D_MODEL, generator=generator)


def test_rows_read_back_exactly_before_and_after_training() -> None:
    W, b, start = parts()
    identity = torch.eye(SLOTS)
    torch.testing.assert_close(write_rows(W, start).D @ W, identity, atol=1e-5, rtol=0)
    trained = train_control(Planted(), W, b, start, steps=20, batch=16)
    torch.testing.assert_close(trained.D @ W, identity, atol=1e-5, rtol=0)
    assert trained.A is None


def test_an_edited_state_reads_as_the_swap_says() -> None:
    W, b, start = parts()
    D = write_rows(W, start).D
    x = torch.randn(5, D_MODEL, generator=torch.Generator().manual_seed(1))
    source, target = torch.tensor([0, 1, 2, 0, 1]), torch.tensor([1, 2, 0, 2, 0])
    u = x @ W + b
    after = (x + swap_delta(u, D, source, target, 1.25)) @ W + b
    left = (x + swap_delta(u, D, source, target, 1.25, 0.5)) @ W + b
    torch.testing.assert_close(left[torch.arange(len(u)), source], torch.full((len(u),), 0.5), atol=1e-4, rtol=0)
    rows = torch.arange(5)
    torch.testing.assert_close(after[rows, source], torch.zeros(5), atol=1e-4, rtol=0)
    torch.testing.assert_close(after[rows, target], torch.full((5,), 1.25), atol=1e-4, rtol=0)
    third = 3 - source - target
    torch.testing.assert_close(after[rows, third], u[rows, third], atol=1e-4, rtol=0)


def test_swapping_a_relation_for_itself_is_no_edit() -> None:
    W, b, start = parts()
    x = torch.randn(4, D_MODEL)
    same = torch.tensor([0, 1, 2, 1])
    assert torch.equal(swap_delta(x @ W + b, start, same, same, 2.0), torch.zeros(4, D_MODEL))


def test_training_makes_swaps_answer() -> None:
    W, b, start = parts()
    data = Planted()
    batch = next(data.batches(256, torch.Generator().manual_seed(9)))

    def loss(D: torch.Tensor) -> float:
        edited = batch.x + swap_delta(batch.x @ W + b, D, batch.source, batch.target, 1.0)
        return answer_loss((edited @ data.readout)[:, None], batch.answers).mean().item()

    before = loss(write_rows(W, start).D)
    assert loss(train_control(data, W, b, start, steps=150, batch=64).D) < 0.7 * before
    vectors = train_vectors(data, start, steps=150, batch=64).D
    moved = batch.x + vectors[batch.target] - vectors[batch.source]
    assert answer_loss((moved @ data.readout)[:, None], batch.answers).mean().item() < 0.7 * before


class Told(Planted):
    """Answers of two tokens, of which the second depends on what is added to the answer's own state alone."""

    def batches(self, size: int, generator: torch.Generator) -> Any:
        for batch in super().batches(size, generator):

            def logits(x: torch.Tensor, answer: torch.Tensor | None = None, _b: Any = batch) -> torch.Tensor:
                added = torch.zeros_like(x) if answer is None else answer[:, 0]
                return torch.stack([x @ self.readout, added @ self.readout], dim=1)

            told = SimpleNamespace(x=batch.x, source=batch.source, target=batch.target, logits=logits)
            told.answers = torch.cat([batch.answers, batch.target[:, None]], dim=1)
            yield told


def test_rows_for_answers_learn_what_the_decision_state_cannot_say() -> None:
    W, _, start = parts()
    W, b = 0.05 * W, torch.zeros(SLOTS)  # reads that say next to nothing: the change of a swap is its strength
    batch = next(Told().batches(256, torch.Generator().manual_seed(9)))

    def second(rows: Any) -> float:
        A = torch.zeros_like(start) if rows.A is None else rows.A[:, 0]
        added = swap_delta(batch.x @ W + b, A, batch.source, batch.target, 1.0)
        return answer_loss(batch.logits(batch.x, added[:, None])[:, 1:], batch.answers[:, 1:]).mean().item()

    same = {"steps": 100, "batch": 64}
    chance = second(train_control(Told(), W, b, start, **same))
    held = train_control(Told(), W, b, start, **same, hold=True)
    assert second(held) < 0.5 * chance
    torch.testing.assert_close(held.D @ W, torch.eye(SLOTS), atol=1e-5, rtol=0)
    vectors = train_vectors(Told(), start, **same, hold=True)
    added = vectors.A[batch.target] - vectors.A[batch.source]
    assert answer_loss(batch.logits(batch.x, added)[:, 1:], batch.answers[:, 1:]).mean().item() < 0.5 * chance


def test_rows_that_are_kept_are_not_trained_but_those_for_answers_are() -> None:
    W, b, start = parts()
    rows = start.clone()
    alone = train_control(Told(), W, b, start, steps=5, batch=16, kept=rows)
    assert torch.equal(alone.D, rows)
    assert alone.A is None
    held = train_control(Told(), W, b, start, steps=5, batch=16, kept=rows, hold=True)
    assert torch.equal(held.D, rows)
    assert held.A is not None
    assert held.A.abs().max() > 0


def test_the_manifold_term_pulls_swaps_towards_natural_differences() -> None:
    W, b, start = parts()
    generator = torch.Generator().manual_seed(4)
    states = [
        {(i, 0): torch.randn(D_MODEL, generator=generator) + 3 * torch.eye(D_MODEL)[r] for i in range(40)} for r in range(SLOTS)
    ]
    natural, batch = natural_of(states), next(Planted().batches(256, torch.Generator().manual_seed(9)))

    def left(weight: float) -> float:
        rows = train_control(Planted(), W, b, start, steps=100, batch=64, natural=natural, manifold=weight)
        change = swap_delta(batch.x @ W + b, rows.D, batch.source, batch.target, 1.0)
        return natural.left(batch.x + change, change, batch.source, batch.target).mean().item()

    assert left(10.0) < 0.9 * left(0.0)


def test_answer_loss_sums_over_tokens_and_skips_padding() -> None:
    logits = torch.zeros(2, 3, TOKENS)
    answers = torch.tensor([[1, 2, 3], [4, -100, -100]])
    expected = torch.log(torch.tensor(float(TOKENS)))
    torch.testing.assert_close(answer_loss(logits, answers), torch.stack([3 * expected, expected]))
