"""Reading: states and greedy answers do not depend on what stands in the same batch, and answers end where they are settled."""

from __future__ import annotations

from typing import Any

import torch

from kedit.curriculum.answers import AnswerMatcher
from kedit.curriculum.prompts import Prompt
from kedit.lm.hooks import residual_hook
from kedit.lm.reading import PAST_ANSWER, Decoder, read

FORMS = {"fr": ("France",), "pe": ("Peru", "the land of Peru")}


def prompt(text: str, carrier: str, relation: str | None = "r") -> Prompt:
    return Prompt(text, text, relation, "s", ("pe",), carrier, "train", "train", (), None)


PROMPTS = [
    prompt("The capital of France is", "is"),
    prompt("The capital of Chad is", "is"),
    prompt("Who lives in Norway?", "who", None),
    prompt("Q: On which continent lies Chad?\nA:", "qa"),
]


def test_states_are_those_of_a_plain_forward_and_answers_of_single_prompts(lm: Any) -> None:
    decoders = {"r": Decoder(lm, AnswerMatcher(FORMS), FORMS)}
    together = read(lm, PROMPTS, decoders, layers=[0, 2])
    for i, one in enumerate(PROMPTS):
        kept: list[torch.Tensor] = []
        with residual_hook(lm.blocks[2], lambda hidden, kept=kept: kept.append(hidden)), torch.no_grad():  # type: ignore[misc]
            lm.model(input_ids=torch.tensor([lm.encode(one.text)]))
        torch.testing.assert_close(together.states[2][i], kept[0][0, -1], rtol=1e-4, atol=1e-5)
        alone = read(lm, [one], decoders, layers=[])
        assert together.answers[i] == alone.answers[0]
    assert together.texts[2] == ""


def test_an_answer_ends_at_the_limit_or_when_it_is_settled(random_lm: Any) -> None:
    lm = random_lm("llama")
    decoder = Decoder(lm, AnswerMatcher(FORMS), FORMS)
    assert decoder.limit(["fr"]) == len(lm.encode(" France")) + PAST_ANSWER
    assert decoder.limit(["pe"]) == len(lm.encode(" the land of Peru")) + PAST_ANSWER
    found = read(lm, PROMPTS[:1], {"r": decoder})
    assert len(found.answers[0]) <= decoder.limit(["pe"])


def test_prompts_that_ask_nothing_cost_no_logits(random_lm: Any) -> None:
    lm = random_lm("llama")
    heads: list[torch.Tensor] = []
    handle = lm.model.get_output_embeddings().register_forward_hook(lambda *call: heads.append(call[-1]))
    try:
        silent = read(lm, PROMPTS[2:3], {}, layers=[0, 2])
        assert read(lm, PROMPTS[2:3], {}).texts == ("",)
    finally:
        handle.remove()
    assert not heads
    assert silent.states[2].shape == (1, lm.d_model)
