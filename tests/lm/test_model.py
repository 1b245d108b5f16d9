"""LanguageModel: fingerprint, self-test, tokens, names of hook points."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from kedit.errors import InputError, KeditError
from kedit.lm.model import LanguageModel, hook_point, parse_hook_point, weight_fingerprint

Make = Callable[..., Any]


def test_hook_points_go_there_and_back() -> None:
    assert hook_point(12) == "blocks.12.hook_resid_post"
    assert all(parse_hook_point(hook_point(layer)) == layer for layer in (0, 7, 31))
    for wrong in ("12", "blocks.12.hook_resid_pre", "blocks.-1.hook_resid_post", "blocks.1.hook_resid_post.x"):
        with pytest.raises(InputError, match=r"blocks\.12\.hook_resid_post"):
            parse_hook_point(wrong)


def test_what_is_known_of_a_model(lm: LanguageModel) -> None:
    assert (lm.d_model, lm.n_layers) == (32, 4)
    assert (lm.device.type, lm.dtype) == ("cpu", torch.float32)
    assert lm.stop_tokens == {lm.tokenizer.eos_token_id}


def test_a_text_longer_than_the_context_is_refused(lm: LanguageModel) -> None:
    most = lm.model.config.max_position_embeddings
    words = "a " * (most + 1)
    lm.check_length("a")
    with pytest.raises(InputError, match=f"more than the {most:,} that"):
        lm.check_length(words)
    with pytest.raises(InputError, match="more than"):
        lm.check_length("a", most)


def test_wrapping_changes_nothing_and_training_mode_is_refused(random_transformer: Make) -> None:
    model, tokenizer = random_transformer()
    model.requires_grad_(True)
    LanguageModel.from_transformers(model, tokenizer)
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert not model.training
    model.train()
    with pytest.raises(InputError, match=r"model\.eval\(\)"):
        LanguageModel.from_transformers(model, tokenizer)
    assert model.training


def test_fingerprint_is_stable_and_sensitive(random_transformer: Make, lm: LanguageModel, layout: str) -> None:
    model, _ = random_transformer(layout)
    base = weight_fingerprint(model)
    assert base == lm.fingerprint
    assert len(base) == 64
    assert base == weight_fingerprint(copy.deepcopy(model))
    assert base != weight_fingerprint(random_transformer(layout, seed=1)[0])
    assert base != weight_fingerprint(copy.deepcopy(model).bfloat16())
    parameter = list(model.parameters())[-1]
    before = parameter.data.reshape(-1)[0].clone()
    parameter.data.reshape(-1)[0] = torch.nextafter(before, before + 1)
    assert base != weight_fingerprint(model)
    parameter.data.reshape(-1)[0] = before
    assert base == weight_fingerprint(model)


def test_fingerprint_sees_names_shapes_and_counts_tied_weights_once() -> None:
    def model(**children: nn.Module) -> nn.Module:
        parent = nn.Module()
        for name, child in children.items():
            parent.add_module(name, child)
        return parent

    a, b = nn.Linear(2, 3, bias=False), nn.Linear(3, 2, bias=False)
    b.weight.data = a.weight.data.reshape(2, 3).clone()
    tied = nn.Linear(2, 3, bias=False)
    tied.weight = a.weight
    prints = [weight_fingerprint(one) for one in (model(a=a), model(b=a), model(a=b), model(a=a, b=copy.deepcopy(a)))]
    assert len(set(prints)) == 4
    assert weight_fingerprint(model(a=a, b=tied)) == prints[0]


def test_the_self_test_passes_everywhere(lm: LanguageModel) -> None:
    lm.self_test()
    assert all(not block._forward_hooks for block in lm.blocks)


def test_the_self_test_finds_blocks_that_do_not_matter(random_lm: Make) -> None:
    lm = random_lm()
    deaf = nn.ModuleList([*lm.blocks[:2], copy.deepcopy(lm.blocks[2]), lm.blocks[3]])
    with pytest.raises(KeditError, match=r"after block 2 does not reach[\s\S]*blocks="):
        replace(lm, blocks=deaf).self_test()


def test_the_self_test_finds_hooks_that_change_the_logits(random_transformer: Make) -> None:
    model, tokenizer = random_transformer()
    calls = []
    # A model that answers otherwise the second time, as one with live dropout would.
    model.lm_head.register_forward_hook(lambda _m, _i, out: calls.append(1) or out + len(calls))
    with pytest.raises(KeditError, match="An identity hook changes the logits"):
        LanguageModel.from_transformers(model, tokenizer).self_test()


def test_texts_survive_encoding_and_batches_equal_single_calls(lm: LanguageModel) -> None:
    texts = ["The capital of France is", " Paris\n", "Österreich", "a  b"]
    assert [lm.decode(lm.encode(text)) for text in texts] == texts
    assert lm.encode_batch(texts) == [lm.encode(text) for text in texts]
    assert lm.encode_batch([]) == []


def test_continuations_are_the_tokens_of_the_joined_text(random_lm: Make) -> None:
    lm = random_lm()
    [(prompt, answer)] = lm.encode_continuations(["The capital of France is"], [" Paris\n"])
    assert prompt == lm.encode("The capital of France is")
    assert prompt + answer == lm.encode("The capital of France is Paris\n")
    # Where the joint falls inside a token the prompt keeps its own tokens.
    [(prompt, answer)] = lm.encode_continuations(["The capital of Fran"], ["ce is"])
    assert prompt == lm.encode("The capital of Fran")
    assert lm.decode(prompt + answer) == "The capital of France is"


def test_special_tokens_only_where_the_tokenizer_adds_them(random_transformer: Make) -> None:
    model, tokenizer = random_transformer("llama")
    plain = LanguageModel.from_transformers(model, tokenizer)
    tokenizer = copy.deepcopy(tokenizer)
    from tokenizers.processors import TemplateProcessing

    end = (tokenizer.eos_token, tokenizer.eos_token_id)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single=f"{end[0]} $A", special_tokens=[end])
    marked = LanguageModel.from_transformers(model, tokenizer)
    assert marked.encode("Paris") == [end[1], *plain.encode("Paris")]
    assert marked.encode_answer(" Paris") == plain.encode_answer(" Paris")
    [(prompt, answer)] = marked.encode_continuations(["The capital of France is"], [" Paris"])
    assert (prompt[0], answer) == (end[1], plain.encode_answer(" Paris"))
