"""The tiny model: same texts and seed, same weights; any text can be encoded; nothing global is touched."""

from __future__ import annotations

import pytest
import torch

from kedit.errors import InputError
from kedit.lm.tiny import byte_level_bpe, make_tiny, stacked

TEXTS = ["The capital of France is Paris.\n", "The capital of Peru is Lima.\n", "Chad lies in Africa.\n"] * 4


def test_same_texts_and_seed_give_the_same_model() -> None:
    first, second = make_tiny(TEXTS, 3, width=32), make_tiny(TEXTS, 3, width=32)
    assert first.fingerprint == second.fingerprint
    assert first.encode("The capital of Chad") == second.encode("The capital of Chad")
    assert make_tiny(TEXTS, 4, width=32).fingerprint != first.fingerprint


def test_global_random_state_is_left_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    make_tiny(TEXTS, 0, width=32)
    assert torch.equal(torch.rand(1), expected)


def test_the_model_is_whole_and_untaught() -> None:
    lm = make_tiny(TEXTS)
    lm.self_test()
    assert lm.name == "tiny"
    assert not lm.model.training
    assert not any(parameter.requires_grad for parameter in lm.model.parameters())


def test_any_text_goes_through_the_tokenizer_and_back() -> None:
    tokenizer = byte_level_bpe(TEXTS)
    for text in ["The capital of France is", " Ouagadougou\n", "Þórshöfn 東京 🦊", ""]:
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert len(tokenizer("The capital of")["input_ids"]) == 3


def test_no_text_no_model() -> None:
    with pytest.raises(InputError, match="no text"):
        make_tiny([" ", ""])


def test_a_stacked_model_is_its_blocks_twice() -> None:
    lm = make_tiny(TEXTS, layers=2)
    deep = stacked(lm)
    assert deep.n_layers == 4
    assert deep.decode(deep.encode(TEXTS[0])) == lm.decode(lm.encode(TEXTS[0]))
    inner, ids = lm.model.transformer, torch.tensor([lm.encode(TEXTS[0])])
    with torch.no_grad():
        hidden = inner.drop(inner.wte(ids) + inner.wpe(torch.arange(ids.shape[1])))
        for block in [*inner.h, *inner.h]:
            hidden = block(hidden)
        wanted = lm.model.lm_head(inner.ln_f(hidden))
        torch.testing.assert_close(deep.model(ids).logits, wanted, rtol=1e-4, atol=1e-4)
