"""The cached continuation equals the plain hooked model: same logits, same greedy tokens, nothing left behind."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from kedit.lm.continuation import Continuation, Held, answer_states, greedy_base, put, room_for
from kedit.lm.hooks import residual_hook
from kedit.lm.model import weight_fingerprint
from kedit.lm.prefixes import read_prefix

PROMPTS = ("The capital of France is", "The capital of Peru is", "Q: On which continent lies Chad?\nA:")
LIMIT = 5


def never(_row: int, _text: str) -> bool:
    return False


@pytest.fixture
def ids(lm: Any) -> list[list[int]]:
    return [lm.encode(prompt) for prompt in PROMPTS]


def hooked_logits(lm: Any, row: list[int], answer: list[int], layer: int, delta: torch.Tensor) -> torch.Tensor:
    """Logits from the decision position on, by one full forward with an ordinary hook."""

    def edit(hidden: torch.Tensor) -> torch.Tensor:
        edited = hidden.clone()
        edited[:, len(row) - 1] += delta
        return edited

    with residual_hook(lm.blocks[layer], edit), torch.no_grad():
        return lm.model(input_ids=torch.tensor([row + answer])).logits[0, len(row) - 1 :]


@pytest.mark.parametrize("layer", [0, 2, 3])
def test_teacher_forced_logits_equal_a_hooked_forward(lm: Any, ids: list[list[int]], layer: int) -> None:
    answer = [5, 17, 9]
    delta = torch.randn(len(ids), lm.d_model, generator=torch.Generator().manual_seed(1))
    prefix = read_prefix(lm, ids, [layer])
    tail = answer_states(lm, prefix, torch.tensor([answer] * len(ids)), layer)
    logits = Continuation(lm, layer).logits(prefix.drop_below(layer), prefix.states[layer] + delta, tail)
    for i, row in enumerate(ids):
        torch.testing.assert_close(logits[i], hooked_logits(lm, row, answer, layer, delta[i]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layer", [0, 2])
def test_edited_greedy_answers_equal_the_plain_hooked_loop(lm: Any, ids: list[list[int]], layer: int) -> None:
    delta = 3 * torch.randn(len(ids), lm.d_model, generator=torch.Generator().manual_seed(2))
    prefix = read_prefix(lm, ids, [layer])
    found = Continuation(lm, layer).greedy(prefix, prefix.states[layer] + delta, never, LIMIT)
    for i, row in enumerate(ids):
        answer: list[int] = []
        for _ in range(LIMIT):
            token = int(hooked_logits(lm, row, answer, layer, delta[i])[-1].argmax())
            if token in lm.stop_tokens:
                break
            answer.append(token)
        assert found[i] == answer


@pytest.mark.parametrize("layer", [0, 2])
def test_an_edit_before_the_end_of_a_prompt_equals_the_plain_hooked_loop(lm: Any, ids: list[list[int]], layer: int) -> None:
    left = 2
    heads = [row[:-left] for row in ids]
    rest = torch.tensor([row[-left:] for row in ids])
    delta = 3 * torch.randn(len(ids), lm.d_model, generator=torch.Generator().manual_seed(2))
    prefix = read_prefix(lm, heads, [layer])
    found = Continuation(lm, layer).greedy(prefix, prefix.states[layer] + delta, never, LIMIT, rest=rest)
    for i, head in enumerate(heads):
        told: list[int] = []
        for _ in range(LIMIT):
            token = int(hooked_logits(lm, head, [*rest[i].tolist(), *told], layer, delta[i])[-1].argmax())
            if token in lm.stop_tokens:
                break
            told.append(token)
        assert found[i] == told


@pytest.mark.parametrize("tokens", [0, 2, LIMIT])
def test_an_edit_that_holds_works_on_the_first_tokens_of_its_answer(lm: Any, ids: list[list[int]], tokens: int) -> None:
    layer, generator = 1, torch.Generator().manual_seed(2)
    delta = 3 * torch.randn(len(ids), lm.d_model, generator=generator)
    added = 3 * torch.randn(len(ids), 2, lm.d_model, generator=generator)
    prefix = read_prefix(lm, ids, [layer])
    found = Continuation(lm, layer).greedy(prefix, prefix.states[layer] + delta, never, LIMIT, Held(layer, added, tokens))
    for i, row in enumerate(ids):
        answer: list[int] = []
        while len(answer) < LIMIT:

            def edit(hidden: torch.Tensor, i: int = i, row: list[int] = row) -> torch.Tensor:
                edited = hidden.clone()
                edited[:, len(row) - 1] += delta[i]
                for place in range(len(row), min(len(row) + tokens, hidden.shape[1])):
                    edited[:, place] += added[i, min(place - len(row), 1)]
                return edited

            with residual_hook(lm.blocks[layer], edit), torch.no_grad():
                token = int(lm.model(input_ids=torch.tensor([row + answer])).logits[0, -1].argmax())
            if token in lm.stop_tokens:
                break
            answer.append(token)
        assert found[i] == answer


def test_without_an_edit_the_continuation_is_the_model(lm: Any, ids: list[list[int]]) -> None:
    prefix = read_prefix(lm, ids, [1])
    assert Continuation(lm, 1).greedy(prefix, prefix.states[1], never, LIMIT) == greedy_base(lm, prefix, never, LIMIT)
    for row in ids:
        output = lm.model.generate(
            torch.tensor([row]), attention_mask=torch.ones(1, len(row)), max_new_tokens=LIMIT, do_sample=False
        )[0, len(row) :].tolist()
        stop = next((n for n, token in enumerate(output) if token in lm.stop_tokens), LIMIT)
        assert greedy_base(lm, read_prefix(lm, [row], []), never, LIMIT) == [output[:stop]]


def test_a_batch_reads_what_single_prompts_read(lm: Any, ids: list[list[int]]) -> None:
    together = read_prefix(lm, ids, [1])
    for i, row in enumerate(ids):
        alone = read_prefix(lm, [row], [1])
        torch.testing.assert_close(together.states[1][i], alone.states[1][0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(together.logits[i], alone.logits[0], rtol=1e-4, atol=1e-4)


def test_prefixes_put_together_continue_as_they_did_apart(lm: Any, ids: list[list[int]]) -> None:
    parts = [read_prefix(lm, [row], [1]) for row in ids]
    whole = room_for(parts[0], len(parts), max(map(len, ids)))
    for start, part in enumerate(parts):
        put(whole, [start], part)
    apart = [Continuation(lm, 1).logits(part, part.states[1])[0] for part in parts]
    torch.testing.assert_close(Continuation(lm, 1).logits(whole, whole.states[1]), torch.stack(apart), rtol=1e-4, atol=1e-4)


def test_all_rows_in_order_are_no_copy(lm: Any, ids: list[list[int]]) -> None:
    prefix = read_prefix(lm, ids, [1])
    assert prefix.rows(torch.arange(len(ids))) is prefix
    assert prefix.rows(torch.tensor([0, 2, 1])) is not prefix


def test_rows_may_repeat_and_stop_on_their_own(lm: Any, ids: list[list[int]]) -> None:
    prefix = read_prefix(lm, ids, [1]).rows(torch.tensor([0, 1, 0, 2]))
    full = greedy_base(lm, prefix, never, LIMIT)
    assert full[0] == full[2]
    short = greedy_base(lm, prefix, lambda row, _: row == 0, LIMIT)
    assert short[0] == full[0][:1]
    assert short[1:] == full[1:]


def test_gradients_reach_the_decision_state_only(lm: Any, ids: list[list[int]]) -> None:
    before = weight_fingerprint(lm.model)
    prefix = read_prefix(lm, ids, [1])
    x = prefix.states[1].clone().requires_grad_(True)
    Continuation(lm, 1).logits(prefix, x).logsumexp(-1).sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0
    assert weight_fingerprint(lm.model) == before
    assert all(parameter.grad is None for parameter in lm.model.parameters())


def test_the_model_keeps_its_blocks(lm: Any, ids: list[list[int]]) -> None:
    blocks = list(lm.blocks)
    with torch.no_grad():
        before = lm.model(input_ids=torch.tensor([ids[0]])).logits
        prefix = read_prefix(lm, ids, [2])
        Continuation(lm, 2).greedy(prefix, prefix.states[2] + 1, never, LIMIT)
        after = lm.model(input_ids=torch.tensor([ids[0]])).logits
    assert torch.equal(before, after)
    assert all(one is other for one, other in zip(blocks, lm.blocks, strict=True))
