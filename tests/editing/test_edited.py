"""The edited model: identities first, then where edits land, on every block layout."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import replace
from inspect import signature
from typing import Any

import pytest
import torch

from kedit.editing.operators import recipe_delta, strength_of
from kedit.errors import KeditError
from kedit.lm.batching import padded
from kedit.lm.continuation import Continuation, Held, greedy_base
from kedit.lm.hooks import residual_hook
from kedit.lm.prefixes import read_prefixes

LAYER = 1
TEXTS = ("The capital of France is", "Q: On which continent lies Chad?\nA:", "Peru", "What is the language of Peru?")
# `always` and a large strength, so that random models show the edit.
FORCED = {"op": "swap", "from": "capital", "to": "language", "strength": 8, "scope": {"when": "always"}}
EVERY = {"op": "set", "slot": "continent of", "strength": 6, "scope": {"steps": "all"}, "id": "every"}
Editing = Callable[..., Any]


def batch(lm: Any, texts: Any = TEXTS, side: str = "left", **keys: Any) -> dict[str, torch.Tensor]:
    rows = [lm.encode(text) for text in texts]
    width = max(map(len, rows)) + keys.get("extra", 0)
    pad = lm.tokenizer.eos_token_id
    gaps = [width - len(row) for row in rows]
    left = side == "left"
    ids = [[pad] * gap * left + row + [pad] * gap * (not left) for row, gap in zip(rows, gaps)]
    mask = [[0] * gap * left + [1] * len(row) + [0] * gap * (not left) for row, gap in zip(rows, gaps)]
    return {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask)}


def positioned(lm: Any, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """With the positions that `generate` would make from the mask, where the model takes them."""
    places = (inputs["attention_mask"].cumsum(1) - 1).clamp_min(0)[:, -inputs["input_ids"].shape[1] :]
    return {**inputs, "position_ids": places} if "position_ids" in signature(lm.model.forward).parameters else inputs


def one(lm: Any, text: str = TEXTS[0]) -> dict[str, torch.Tensor]:
    return {"input_ids": torch.tensor([lm.encode(text)])}


def new(model: Any, inputs: dict[str, torch.Tensor], **options: Any) -> list[list[int]]:
    options = {"max_new_tokens": 5, "min_new_tokens": 5, "do_sample": False, "pad_token_id": 0, **options}
    return model.generate(**inputs, **options)[:, inputs["input_ids"].shape[1] :].tolist()


def states(lm: Any, model: Any, inputs: dict[str, torch.Tensor]) -> list[torch.Tensor]:
    """Residual stream after every block in one forward pass."""
    kept: list[torch.Tensor] = []
    with contextlib.ExitStack() as stack:
        for block in lm.blocks:
            stack.enter_context(residual_hook(block, kept.append))
        model(**inputs)
    return kept


def hooks_of(lm: Any) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in lm.model.modules())


def test_an_empty_recipe_is_the_base_model_bit_for_bit(lm: Any, editing: Editing, resolved: Any) -> None:
    inputs = batch(lm)
    base, tokens = lm.model(**inputs).logits, new(lm.model, inputs)
    for edits in ((), ({**FORCED, "to": "capital"},), ({**FORCED, "enabled": False},)):
        with editing(lm, resolved(*edits)) as model:
            assert torch.equal(model(**inputs).logits, base)
            assert new(model, inputs) == tokens


def test_leaving_restores_the_model_bit_for_bit_also_after_an_exception(lm: Any, editing: Editing, resolved: Any) -> None:
    inputs, before = batch(lm), hooks_of(lm)
    weights = {name: tensor.clone() for name, tensor in lm.model.state_dict().items()}
    base, tokens = lm.model(**inputs).logits, new(lm.model, inputs)
    with contextlib.suppress(ZeroDivisionError), editing(lm, resolved(FORCED, EVERY)) as model:
        assert not torch.equal(model(**inputs).logits, base)
        assert new(model, inputs) != tokens
        assert hooks_of(lm) > before
        raise ZeroDivisionError
    assert hooks_of(lm) == before
    assert torch.equal(lm.model(**inputs).logits, base)
    assert new(lm.model, inputs) == tokens
    assert all(torch.equal(tensor, weights[name]) for name, tensor in lm.model.state_dict().items())
    with pytest.raises(KeditError, match="has ended"):
        model(**inputs)
    with pytest.raises(KeditError, match="has ended"):
        model.generate(**inputs)


def test_only_calls_through_the_handle_are_edited(lm: Any, editing: Editing, resolved: Any) -> None:
    inputs = batch(lm)
    base, tokens = lm.model(**inputs).logits, new(lm.model, inputs)
    with editing(lm, resolved(FORCED)) as first:
        alone = first(**inputs).logits
        with editing(lm, resolved(EVERY)) as second:
            assert torch.equal(first(**inputs).logits, alone)
            assert not torch.equal(second(**inputs).logits, alone)
            assert torch.equal(lm.model(**inputs).logits, base)
            assert new(lm.model, inputs) == tokens
        assert torch.equal(first(**inputs).logits, alone)


def test_what_others_have_read_is_not_written_to(random_lm: Any, editing: Editing, resolved: Any) -> None:
    lm, kept = random_lm("gpt2"), []
    base = states(lm, lm.model, one(lm))[LAYER]
    with residual_hook(lm.blocks[LAYER], kept.append), editing(lm, resolved(FORCED)) as model:
        model(**one(lm))
    assert torch.equal(kept[0], base)


def test_an_error_inside_a_call_leaves_the_handle_usable(random_lm: Any, editing: Editing, resolved: Any) -> None:
    lm = random_lm("llama")
    inputs = batch(lm)
    base = lm.model(**inputs).logits
    with editing(lm, resolved(FORCED)) as model:
        expected = model(**inputs).logits
        with pytest.raises(RuntimeError, match="stop"):
            with residual_hook(lm.blocks[3], _raise):
                model.generate(**inputs)
        assert torch.equal(lm.model(**inputs).logits, base)
        assert torch.equal(model(**inputs).logits, expected)


def _raise(_hidden: torch.Tensor) -> None:
    raise RuntimeError("stop")


def test_threads_do_not_see_each_others_calls(random_lm: Any, editing: Editing, resolved: Any) -> None:
    lm = random_lm("gpt2")
    inputs = batch(lm)
    base = lm.model(**inputs).logits
    seen: list[torch.Tensor] = []

    def ask() -> None:
        seen.append(lm.model(**inputs).logits)

    def ask_meanwhile(hidden: torch.Tensor) -> None:
        if not seen:
            seen.append(hidden)
            thread = threading.Thread(target=ask)
            thread.start()
            thread.join()

    with editing(lm, resolved(FORCED)) as model, residual_hook(lm.blocks[0], ask_meanwhile):
        edited = model(**inputs).logits
    assert torch.equal(seen[1], base)
    assert not torch.equal(edited, base)


def test_below_untouched_and_at_the_layer_shifted_by_the_delta(lm: Any, editing: Editing, resolved: Any, make_sae: Any) -> None:
    inputs, sae, recipe = batch(lm, side="right"), make_sae(lm, LAYER), resolved(FORCED)
    base = states(lm, lm.model, inputs)
    with editing(lm, recipe, sae) as model:
        edited = states(lm, model, inputs)
    for layer in range(LAYER):
        assert torch.equal(edited[layer], base[layer])
    last = inputs["attention_mask"].sum(1) - 1
    rows = torch.arange(len(last))
    x = base[LAYER][rows, last]
    delta = recipe_delta(recipe.edits, [8.0], sae.slot_values(x), sae.write_rows, sae.threshold[sae.n_free :]).delta
    expected = base[LAYER].clone()
    expected[rows, last] = x + delta
    torch.testing.assert_close(edited[LAYER], expected, atol=1e-5, rtol=1e-5)
    elsewhere = torch.ones(expected.shape[:2], dtype=torch.bool)
    elsewhere[rows, last] = False
    assert torch.equal(edited[LAYER][elsewhere], base[LAYER][elsewhere])
    assert not torch.allclose(edited[LAYER + 1][rows, last], base[LAYER + 1][rows, last])
    # What is read back from the edited state is what the edit says: the source off, the target at its strength.
    read = sae.slot_values(edited[LAYER][rows, last])
    torch.testing.assert_close(read[:, :2], torch.tensor([[0.0, 8.0]]).expand(len(rows), 2), atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("edits", [(FORCED,), (EVERY,), (FORCED, EVERY)], ids=["prompt", "all", "both"])
def test_batch_is_single_left_is_right_and_cache_is_none(lm: Any, editing: Editing, resolved: Any, edits: Any) -> None:
    singles = [one(lm, text) for text in TEXTS]
    with editing(lm, resolved(*edits)) as model:
        expected = [new(model, single)[0] for single in singles]
        assert expected != [new(lm.model, single)[0] for single in singles]
        assert new(model, batch(lm)) == expected
        assert new(model, batch(lm, extra=3)) == expected
        assert new(model, batch(lm), use_cache=False) == expected
        assert [new(model, single, use_cache=False)[0] for single in singles] == expected
        assert new(model, batch(lm), prefill_chunk_size=2) == expected
        left, right = positioned(lm, batch(lm)), positioned(lm, batch(lm, side="right"))
        last = right["attention_mask"].sum(1) - 1
        torch.testing.assert_close(
            model(**left).logits[:, -1], model(**right).logits[torch.arange(len(last)), last], atol=1e-4, rtol=1e-4
        )


def test_a_prompt_edit_is_made_once(lm: Any, editing: Editing, resolved: Any) -> None:
    """Generating under the edit is greedy decoding after one edited forward pass over the prompt."""
    inputs = batch(lm)
    with editing(lm, resolved(FORCED)) as model:
        tokens = new(model, inputs)
        mask, made = inputs["attention_mask"], []
        output = model(**positioned(lm, inputs), use_cache=True)
        for _ in range(5):
            token = output.logits[:, -1].argmax(-1, keepdim=True)
            made.append(token)
            mask = torch.cat([mask, torch.ones_like(token)], 1)
            # The base model goes on: single tokens on the cache are not edited anyhow.
            keys = positioned(lm, {"input_ids": token, "attention_mask": mask})
            output = lm.model(**keys, past_key_values=output.past_key_values)
        assert torch.cat(made, 1).tolist() == tokens


def test_bare_calls_go_on_with_their_cache(random_lm: Any, editing: Editing, resolved: Any) -> None:
    lm = random_lm("llama")
    inputs = one(lm)
    with editing(lm, resolved(EVERY)) as model:
        tokens = new(model, inputs)[0]
        output, made = model(**inputs, use_cache=True), []
        for _ in range(5):
            token = output.logits[:, -1].argmax(-1, keepdim=True)
            made.append(int(token))
            output = model(input_ids=token, past_key_values=output.past_key_values)
        assert made == tokens


def test_several_new_tokens_on_a_cache_are_a_prompt(random_lm: Any, editing: Editing, resolved: Any) -> None:
    lm = random_lm("gpt2")
    ids = one(lm)["input_ids"]
    cache = lm.model(ids[:, :2], use_cache=True).past_key_values
    with editing(lm, resolved(FORCED)) as model:
        torch.testing.assert_close(
            model(ids[:, 2:], past_key_values=cache).logits[:, -1], model(ids).logits[:, -1], atol=1e-4, rtol=1e-4
        )
        cache = lm.model(ids[:, :2], use_cache=True).past_key_values
        assert new(model, {"input_ids": ids}, past_key_values=cache) == new(model, {"input_ids": ids})


def test_beams_and_samples(lm: Any, editing: Editing, resolved: Any) -> None:
    inputs = batch(lm)
    for edits in ((FORCED,), (EVERY,)):
        with editing(lm, resolved(*edits)) as model:
            beams = new(model, inputs, num_beams=3)
            assert beams == [new(model, one(lm, text), num_beams=3)[0] for text in TEXTS]
            assert beams == new(model, inputs, num_beams=3, use_cache=False)
            assert beams != new(lm.model, inputs, num_beams=3)
            torch.manual_seed(1)
            sampled = new(model, inputs, do_sample=True, num_return_sequences=2)
            torch.manual_seed(1)
            assert sampled == new(model, inputs, do_sample=True, num_return_sequences=2, use_cache=False)
            assert model.fired[edits[0].get("id", "swap-capital-language")] == (True,) * len(TEXTS)


@pytest.fixture
def asked(random_lm: Any, make_sae: Any, resolved: Any) -> tuple[Any, Any, Any]:
    """A model, a dictionary whose gate opens at some positions only, and a recipe with `steps: asked`."""
    lm = random_lm("gpt_neox")
    sae = make_sae(lm, LAYER)
    reads = sae.slot_values(states(lm, lm.model, batch(lm))[LAYER])[..., 0]
    sae.threshold[sae.n_free :] = reads.flatten().quantile(0.5)
    return lm, sae, resolved({**FORCED, "scope": {"steps": "asked"}})


def test_asked_fires_once_at_the_first_crossing(asked: Any, editing: Editing) -> None:
    lm, sae, recipe = asked
    inputs = batch(lm)
    base = states(lm, lm.model, inputs)[LAYER]
    crossing = (sae.slot_values(base)[..., 0] > sae.threshold[sae.n_free]) & inputs["attention_mask"].bool()
    with editing(lm, recipe, sae) as model:
        moved = (states(lm, model, inputs)[LAYER] != base).any(-1)
        fired = model.fired["swap-capital-language"]
    assert torch.equal(moved, crossing & (crossing.cumsum(1) == 1))
    assert list(fired) == crossing.any(1).tolist()
    assert True in fired
    assert crossing.sum(1).max() > 1


@pytest.mark.parametrize("share", [0.5, 0.97], ids=["in the prompt", "in the answer"])
def test_asked_agrees_across_batches_caches_chunks_and_beams(asked: Any, editing: Editing, share: float) -> None:
    lm, sae, recipe = asked
    inputs = batch(lm)
    reads = sae.slot_values(states(lm, lm.model, inputs)[LAYER])[..., 0]
    sae.threshold[sae.n_free :] = reads[inputs["attention_mask"].bool()].quantile(share)
    with editing(lm, recipe, sae) as model:
        for options in ({}, {"num_beams": 3}):
            expected = [new(model, one(lm, text), max_new_tokens=8, **options)[0] for text in TEXTS]
            assert new(model, inputs, max_new_tokens=8, **options) == expected
            assert new(model, inputs, max_new_tokens=8, use_cache=False, **options) == expected
        assert new(model, inputs, prefill_chunk_size=3) == [new(model, one(lm, text))[0] for text in TEXTS]


def test_asked_gate_decides_per_row(random_lm: Any, editing: Editing, resolved: Any, make_sae: Any) -> None:
    lm = random_lm("llama")
    sae, inputs = make_sae(lm, LAYER), batch(lm)
    reads = sae.slot_values(states(lm, lm.model, inputs)[LAYER])[:, -1, 0]
    sae.threshold[sae.n_free :] = reads.sort().values[1:3].mean()
    base = lm.model(**inputs).logits
    with editing(lm, resolved({**FORCED, "scope": {}}), sae) as model:
        edited = model(**inputs).logits
        assert list(model.fired.values()) == [tuple((reads > sae.threshold[-1]).tolist())]
    closed = reads <= sae.threshold[-1]
    assert closed.sum() == 2
    assert torch.equal(edited[closed], base[closed])
    assert (edited[~closed] != base[~closed]).flatten(1).any(1).all()


def test_scope_decides_per_row(random_lm: Any, editing: Editing, resolved: Any) -> None:
    lm = random_lm("gpt2")
    scope = {"when": "always", "subjects": {"in": ["Peru", "Chad"]}}
    with editing(lm, resolved({**FORCED, "scope": scope})) as model:
        for side in ("left", "right"):
            model(**batch(lm, side=side))
            assert model.fired == {"swap-capital-language": (False, True, True, True)}
        new(model, batch(lm), num_beams=2)
        assert model.fired == {"swap-capital-language": (False, True, True, True)}
        assert new(model, one(lm)) == new(lm.model, one(lm))
        assert new(model, batch(lm)) == [new(model, one(lm, text))[0] for text in TEXTS]
        with pytest.raises(KeditError, match="reads text"):
            model(inputs_embeds=torch.zeros(1, 3, lm.d_model))


def test_a_following_turn_knows_what_was_said(random_lm: Any, editing: Editing, resolved: Any) -> None:
    lm = random_lm("llama")
    recipe = resolved({**FORCED, "scope": {"when": "always", "subjects": {"in": ["Peru"]}}})
    with editing(lm, recipe) as model:
        cache = model(**one(lm, "What is the language of Peru?"), use_cache=True).past_key_values
        model(**one(lm, "\nAnd its capital?"), past_key_values=cache)
        assert model.fired == {"swap-capital-language": (True,)}
        model(**one(lm, "\nAnd its capital?"))
        assert model.fired == {"swap-capital-language": (False,)}


def test_padding_without_a_mask_is_told_as_generate_does(random_lm: Any, editing: Editing, resolved: Any) -> None:
    lm = random_lm("llama")
    inputs = batch(lm)
    inputs["input_ids"] = inputs["input_ids"].masked_fill(inputs["attention_mask"] == 0, 3)
    assert not (batch(lm)["input_ids"] == 3).any()
    with editing(lm, resolved(FORCED)) as model:
        assert new(model, {"input_ids": inputs["input_ids"]}, pad_token_id=3) == new(model, inputs, pad_token_id=3)


def test_gradients_pass_through(random_lm: Any, editing: Editing, resolved: Any) -> None:
    lm = random_lm("gpt2")
    embeds = lm.model.get_input_embeddings()(one(lm)["input_ids"]).requires_grad_(True)
    with editing(lm, resolved(FORCED)) as model:
        model(inputs_embeds=embeds).logits.sum().backward()
    assert embeds.grad is not None
    assert embeds.grad.abs().sum() > 0


def test_the_handle_has_the_models_interface(random_lm: Any, editing: Editing, resolved: Any) -> None:
    lm = random_lm("gpt2")
    with editing(lm, resolved(FORCED)) as model:
        assert (model.config, model.device, model.dtype) == (lm.model.config, lm.model.device, lm.model.dtype)
        assert model.eval() is model
        assert "swap-capital-language" in repr(model)
        assert torch.equal(model.forward(**one(lm)).logits, model(**one(lm)).logits)
        assert torch.equal(model(one(lm)["input_ids"]).logits, model(**one(lm)).logits)
        with pytest.raises(AttributeError):
            model.genrate  # noqa: B018
        with pytest.raises(KeditError, match="guidance"):
            model.generate(**one(lm), guidance_scale=2.0)
        with pytest.raises(KeditError, match=r"\[batch, length\]"):
            model(**one(lm), attention_mask=torch.ones(1, 1, 3, 3))


def test_pipelines_take_the_handle(random_lm: Any, editing: Editing, resolved: Any) -> None:
    from transformers import pipeline

    lm = random_lm("gpt2")
    options = {"max_new_tokens": 5, "min_new_tokens": 5, "do_sample": False, "return_full_text": False}
    with editing(lm, resolved(FORCED)) as model:
        ask = pipeline("text-generation", model=model, tokenizer=lm.tokenizer, device="cpu")
        made = ask(list(TEXTS), batch_size=2, **options)
        expected = [lm.decode(new(model, one(lm, text), pad_token_id=lm.tokenizer.eos_token_id)[0]) for text in TEXTS]
    assert [row[0]["generated_text"] for row in made] == expected


def test_assisted_and_streamed_decoding(random_lm: Any, editing: Editing, resolved: Any) -> None:
    from transformers import TextIteratorStreamer

    lm = random_lm("llama")
    inputs = one(lm)
    for edits in ((FORCED,), (EVERY,)):
        with editing(lm, resolved(*edits)) as model:
            expected = new(model, inputs, max_new_tokens=8)
            assert new(model, inputs, max_new_tokens=8, prompt_lookup_num_tokens=3) == expected
            streamer = TextIteratorStreamer(lm.tokenizer, skip_prompt=True, skip_special_tokens=True)
            options = {"streamer": streamer, "max_new_tokens": 8}
            thread = threading.Thread(target=new, args=(model, inputs), kwargs=options)
            thread.start()
            streamed = "".join(streamer)
            thread.join()
            assert streamed == lm.decode(expected[0])


def test_half_precision_keeps_its_dtype(random_transformer: Any, editing: Editing, resolved: Any, make_sae: Any) -> None:
    from kedit.lm.model import LanguageModel

    model, tokenizer = random_transformer("llama")
    lm = LanguageModel.from_transformers(model.to(torch.bfloat16), tokenizer)
    with editing(lm, resolved(FORCED), make_sae(lm)) as edited_model:
        logits = edited_model(**one(lm)).logits
    assert logits.dtype == torch.bfloat16
    assert not torch.equal(logits, lm.model(**one(lm)).logits)


@pytest.mark.parametrize("layout", ["gpt2", "llama", "opt", "qwen2"])
def test_it_generates_what_the_cached_continuation_answers(
    layout: str, random_lm: Any, editing: Editing, resolved: Any, make_sae: Any
) -> None:
    lm, limit = random_lm(layout), 5
    sae, recipe = make_sae(lm), resolved(FORCED)
    texts = [f"The capital of {name} is" for name in ("Peru", "Chad", "Guinea", "Norway")] + list(TEXTS)
    ids = lm.encode_batch(texts)
    moved = 0
    with editing(lm, recipe, sae) as model:
        for index, prefix in read_prefixes(lm, ids, ["is"] * 5 + ["a", "b", "c"], [LAYER]):
            x = prefix.states[LAYER]
            strengths = [strength_of(edit, sae.metadata) for edit in recipe.edits]
            made = recipe_delta(recipe.edits, strengths, sae.slot_values(x), sae.write_rows, sae.slot_threshold)
            answers = Continuation(lm, LAYER).greedy(prefix, x + made.delta, lambda *_: False, limit)
            base = greedy_base(lm, prefix, lambda *_: False, limit)
            for i, answer, before in zip(index, answers, base, strict=True):
                inputs = torch.tensor([ids[i]])
                whole = model.generate(inputs, max_new_tokens=limit, do_sample=False, pad_token_id=0)[0, len(ids[i]) :].tolist()
                assert answer == whole[: next((n for n, token in enumerate(whole) if token in lm.stop_tokens), limit)]
                moved += answer != before
    assert moved


@pytest.mark.parametrize("tokens", [2, 9])
@pytest.mark.parametrize("layout", ["gpt2", "llama", "opt", "qwen2"])
def test_an_edit_that_holds_generates_what_the_cached_continuation_answers(
    layout: str, tokens: int, random_lm: Any, editing: Editing, resolved: Any, make_sae: Any
) -> None:
    lm, limit = random_lm(layout), 5
    rows = 3 * torch.randn(4, 2, lm.d_model, generator=torch.Generator().manual_seed(5))
    sae = replace(make_sae(lm), answer_rows=rows, metadata={"answer_tokens": tokens})
    recipe = resolved(FORCED)
    ids = lm.encode_batch(list(TEXTS))
    inputs, mask = padded(ids)
    with editing(lm, recipe, sae) as model:
        options = {"attention_mask": mask, "max_new_tokens": limit, "do_sample": False, "pad_token_id": 0}
        batched = model.generate(inputs, **options)[:, inputs.shape[1] :].tolist()
        assert batched == model.generate(inputs, **options, use_cache=False)[:, inputs.shape[1] :].tolist()
    with editing(lm, recipe, make_sae(lm)) as model:
        unheld = model.generate(inputs, **options)[:, inputs.shape[1] :].tolist()
    for index, prefix in read_prefixes(lm, ids, list("abcdefgh")[: len(ids)], [LAYER]):
        x = prefix.states[LAYER]
        strengths = [strength_of(edit, sae.metadata) for edit in recipe.edits]
        made = recipe_delta(recipe.edits, strengths, sae.slot_values(x), sae.write_rows, sae.slot_threshold)
        held = Held(LAYER, (made.change @ rows.flatten(1)).unflatten(1, rows.shape[1:]), tokens)
        answers = Continuation(lm, LAYER).greedy(prefix, x + made.delta, lambda *_: False, limit, held)
        for i, answer in zip(index, answers, strict=True):
            assert answer == batched[i][: next((n for n, token in enumerate(batched[i]) if token in lm.stop_tokens), limit)]
    assert batched != unheld
