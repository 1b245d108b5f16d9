"""Reading across carriers, beginnings once, is reading every prompt alone: states, logits, greedy answers, keys and values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from kedit.lm import prefixes
from kedit.lm.batching import Limits, beginnings
from kedit.lm.continuation import Continuation, Prefix, answer_states, greedy_base, put, room_for
from kedit.lm.model import LanguageModel
from kedit.lm.prefixes import passes, read_prefix, read_prefixes

LAYERS, LIMIT = (0, 2), 4
NAMES = ("France", "Peru", "Chad", "Norway", "the land of Denmark")
LONG = "Q: On which continent lies Chad?\nA: Africa\n"


def never(_row: int, _text: str) -> bool:
    return False


@pytest.fixture
def texts() -> list[tuple[str, str]]:
    """(carrier, text): long and short beginnings, none, one row, few rows, and prompts that others begin with."""
    found = [("is", f"The capital of {name} is") for name in NAMES]
    found += [("long", f"{LONG}Q: On which continent lies {name}?\nA:") for name in NAMES]
    found += [("none", f"{name}, its currency") for name in NAMES]
    found += [("one", "Who lives in Norway?"), ("few", "Speaking of Peru"), ("few", "Speaking of Chad")]
    grow = "Speaking of Peru, its currency is the sol"
    found += [("grow", grow[:end]) for end in (12, 16, 17, 29, 41, 41)]
    return found[::2] + found[1::2]


@pytest.fixture
def read(lm: Any, texts: list[tuple[str, str]]) -> tuple[list[list[int]], list[str]]:
    return lm.encode_batch([text for _, text in texts]), [carrier for carrier, _ in texts]


@pytest.fixture(scope="module")
def alone() -> Callable[..., tuple[Prefix, list[int]]]:
    """Prompts read and answered one at a time, each once for all tests."""
    kept: dict[tuple[str, tuple[int, ...]], tuple[Prefix, list[int]]] = {}

    def make(lm: Any, row: list[int]) -> tuple[Prefix, list[int]]:
        key = (lm.name, tuple(row))
        if key not in kept:
            prefix = read_prefix(lm, [row], LAYERS)
            kept[key] = prefix, greedy_base(lm, prefix, never, LIMIT)[0]
        return kept[key]

    return make


def same(a: torch.Tensor, b: torch.Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def tight(monkeypatch: pytest.MonkeyPatch, tokens: int, rows: int, cells: int) -> None:
    monkeypatch.setattr(prefixes, "limits", lambda *_: Limits(tokens, rows, cells))


def test_the_texts_are_of_all_kinds(read: Any) -> None:
    lengths = [len(one.ids) for one in beginnings(*read)]
    assert lengths[0] == 0
    assert len(lengths) >= 3
    assert lengths[-1] > 3 * lengths[1]


@pytest.mark.parametrize("most", [None, (1000, 1000, 4000), (40, 5, 120), (7, 1, 10)])
def test_batches_read_what_single_prompts_read(
    lm: Any, read: Any, alone: Any, most: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if most:
        tight(monkeypatch, *most)
    ids, carriers = read
    seen: list[int] = []
    for index, prefix in read_prefixes(lm, ids, carriers, LAYERS):
        seen += index
        answers = greedy_base(lm, prefix, never, LIMIT)
        for row, i in enumerate(index):
            one, answer = alone(lm, ids[i])
            for layer in LAYERS:
                same(prefix.states[layer][row], one.states[layer][0])
            same(prefix.logits[row], one.logits[0])
            assert answers[row] == answer
    assert sorted(seen) == list(range(len(ids)))


def test_rows_of_one_batch_have_beginnings_of_very_different_length(lm: Any, read: Any) -> None:
    columns = [prefix.mask for _, prefix in read_prefixes(lm, *read, LAYERS)]
    assert any(mask.sum(1).max() > 2 * mask.sum(1).min() for mask in columns)
    assert any((mask.diff(dim=1) < 0).any() for mask in columns)


def test_edited_runs_go_on_alike(lm: Any, read: Any, alone: Any) -> None:
    ids, carriers = read
    layer = 2
    continuation = Continuation(lm, layer)
    room: Prefix | None = None
    for index, prefix in read_prefixes(lm, ids, carriers, [layer]):
        forced = torch.tensor([[5, 17]] * len(index))
        tail = answer_states(lm, prefix, forced, layer)
        logits = continuation.logits(prefix.drop_below(layer), prefix.states[layer] + 1, tail)
        answers = continuation.greedy(prefix, prefix.states[layer] + 1, never, LIMIT)
        room = room or room_for(prefix, len(ids), max(map(len, ids)))
        put(room, index, prefix)
        for row, i in enumerate(index):
            one, _ = alone(lm, ids[i])
            same(logits[row], continuation.logits(one, one.states[layer] + 1, answer_states(lm, one, forced[:1], layer))[0])
            assert answers[row] == continuation.greedy(one, one.states[layer] + 1, never, LIMIT)[0]
    assert room is not None
    together = continuation.logits(room, room.states[layer])
    for i, row in enumerate(ids):
        one, _ = alone(lm, row)
        assert int(room.mask[i].sum()) == len(row)
        same(together[i], continuation.logits(one, one.states[layer])[0])


def test_passes_that_end_early_give_the_same_states_and_no_more(lm: Any, read: Any, alone: Any) -> None:
    ids, carriers = read
    for index, prefix in read_prefixes(lm, ids, carriers, LAYERS, upto=max(LAYERS)):
        assert not len(prefix.logits)
        assert prefix.cache[-1] is None
        for row, i in enumerate(index):
            same(prefix.states[2][row], alone(lm, ids[i])[0].states[2][0])


def test_beginnings_are_read_once_and_nothing_is_read_twice(lm: Any, read: Any) -> None:
    ids, carriers = read
    found = beginnings(ids, carriers)
    computed = real = 0
    for one in passes(lm, ids, carriers, [0], upto=0):
        rows, new, _ = one.hidden[0].shape
        computed += rows * new
        real += int(one.mask[:, -new:].sum())
    least = sum(len(one.ids) + sum(len(ids[i]) - len(one.ids) for i in one.members) for one in found)
    assert real == least <= computed
    assert least < sum(map(len, ids))


def test_blocks_with_a_window_wider_than_the_prompts_go_on_alike(random_transformer: Any, texts: Any) -> None:
    from transformers import AutoModelForCausalLM, MistralConfig

    _, tokenizer = random_transformer("llama")
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4, "head_dim": 8}
    config = MistralConfig(vocab_size=len(tokenizer), num_key_value_heads=2, sliding_window=100, **sizes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config).eval()
    lm = LanguageModel.from_transformers(model, tokenizer)
    ids = lm.encode_batch([text for _, text in texts])
    for index, prefix in read_prefixes(lm, ids, [carrier for carrier, _ in texts], [1]):
        for i, answer in zip(index, greedy_base(lm, prefix, never, LIMIT), strict=True):
            whole = lm.model.generate(torch.tensor([ids[i]]), max_new_tokens=LIMIT, do_sample=False)[0, len(ids[i]) :].tolist()
            assert answer == whole[: next((n for n, token in enumerate(whole) if token in lm.stop_tokens), LIMIT)]


def test_nothing_is_read_of_nothing(random_lm: Any) -> None:
    assert list(read_prefixes(random_lm("gpt2"), [], [], [0])) == []
