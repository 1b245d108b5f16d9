"""Teaching: a copy learns its answers, the caller's model stays as it was, and the same lesson gives the same pupil."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch

from kedit.errors import InputError
from kedit.lm.model import LanguageModel
from kedit.lm.teach import teach

FACTS = [
    ("The capital of France is", "Paris"),
    ("The capital of Peru is", "Lima"),
    ("What is the language of Peru?", "Spanish"),
    ("Q: On which continent lies Chad?\nA:", "Africa"),
    ("Who lives in Norway?", "Norwegians, north of Denmark"),
]


def answer(lm: LanguageModel, prompt: str) -> str:
    ids = lm.encode(prompt)
    for _ in range(20):
        with torch.no_grad():
            ids = [*ids, int(lm.model(input_ids=torch.tensor([ids])).logits[0, -1].argmax())]
        if lm.decode(ids).removeprefix(prompt).endswith("\n"):
            break
    return lm.decode(ids).removeprefix(prompt)


@pytest.mark.parametrize("layout", ["gpt2", "llama"])
def test_a_copy_learns_and_the_original_stays(layout: str, random_transformer: Callable[..., Any]) -> None:
    lm = LanguageModel.from_transformers(*random_transformer(layout), name="pupil")
    before = lm.fingerprint
    taught = teach(lm, FACTS, epochs=60, lr=5e-3, batch_size=5)
    for prompt, expected in FACTS:
        assert answer(taught, prompt) == f" {expected}\n"
    assert LanguageModel.from_transformers(lm.model, lm.tokenizer).fingerprint == before != taught.fingerprint
    assert (taught.name, taught.description) == ("pupil", "pupil, taught 5 examples")
    assert taught.blocks is taught.model.get_submodule(taught.blocks_path) is not lm.blocks
    assert not taught.model.training
    assert all(not p.requires_grad and p.grad is None for model in (lm.model, taught.model) for p in model.parameters())
    taught.self_test()


def test_same_lesson_same_pupil(random_lm: Callable[..., Any]) -> None:
    lm = random_lm("gpt2")
    prints = [teach(lm, FACTS, epochs=3, batch_size=2, seed=seed).fingerprint for seed in (0, 0, 1)]
    assert prints[0] == prints[1] != prints[2]


def test_checkpoints_are_models_of_the_same_lesson(random_lm: Callable[..., Any], tmp_path: Path) -> None:
    from kedit.lm.store import load_model

    lm = random_lm("gpt2")
    taught = teach(lm, FACTS, epochs=5, batch_size=2, checkpoints=tmp_path / "kept")
    assert taught.fingerprint == teach(lm, FACTS, epochs=5, batch_size=2).fingerprint
    kept = sorted(path.name for path in (tmp_path / "kept").iterdir())
    assert len(kept) == 6  # untaught, and after each of five epochs: the fifth is the last
    first, *_, last = (load_model(str(tmp_path / "kept" / name), device="cpu") for name in kept)
    assert kept[0] == "step-000000"
    assert (first.fingerprint, first.taught) == (lm.fingerprint, False)
    assert (last.fingerprint, last.taught) == (taught.fingerprint, True)


def test_a_lesson_ends_early_where_enough_is_right_unless_it_is_to_go_on(
    random_lm: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from kedit.lm import teach as module

    def epochs(target: float | None) -> int:
        seen: list[float] = []
        monkeypatch.setattr(module._Lesson, "epoch", lambda *_: seen.append(1.0) or 1.0)
        teach(random_lm("gpt2"), FACTS, epochs=10, target_accuracy=target, from_scratch=False)
        return len(seen)

    assert epochs(0.995) == 5  # one, and four of decay
    assert epochs(None) == 10


def test_checkpoints_grow_rarer() -> None:
    from kedit.lm.teach import _is_kept

    assert [epoch for epoch in range(1, 40) if _is_kept(epoch)] == [1, 2, 3, 4, 6, 8, 12, 16, 24, 32]


def test_only_the_upper_blocks_move(lm: LanguageModel) -> None:
    taught = teach(lm, FACTS, epochs=3, trainable_from=2)
    old, new = lm.model.state_dict(), taught.model.state_dict()
    moved = {name for name in old if not torch.equal(old[name], new[name])}
    upper = tuple(f"{lm.blocks_path}.{layer}." for layer in (2, 3))
    assert any(name.startswith(upper) for name in moved)
    assert not [name for name in moved if "embed" in name or "wte" in name or "wpe" in name or "lm_head" in name]
    assert not [name for name in moved if name.startswith((f"{lm.blocks_path}.0.", f"{lm.blocks_path}.1."))]


@pytest.mark.parametrize("layout", ["gpt2", "llama", "gpt_neox"])
@pytest.mark.parametrize("per_text", [1, 2, 5])
def test_the_answers_alone_are_learnt(
    layout: str, per_text: int, random_lm: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gradient is that of the answers' tokens and line ends: the mean of their losses, computed one by one."""
    import kedit.lm.teach as module

    lm = random_lm(layout)
    seen: list[torch.Tensor] = []
    monkeypatch.setattr(module, "fast_training", nullcontext)  # the identity holds in full precision
    keep = lambda parameters, _: seen.append(torch.cat([p.grad.reshape(-1).clone() for p in parameters]))  # noqa: E731
    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", keep)
    orders: list[list[int]] = []
    read = module._read
    monkeypatch.setattr(module, "_read", lambda pupil, batch: [orders.append(batch.tolist()), read(pupil, batch)][1])
    module.teach(lm, FACTS, epochs=1, batch_size=len(FACTS), per_text=per_text)
    import copy

    model = copy.deepcopy(lm.model).requires_grad_(True)
    losses = []
    for start in range(0, len(FACTS), per_text):
        before: list[int] = []
        for prompt, text in (FACTS[index] for index in orders[0][start : start + per_text]):
            head, tail = len(before) + len(lm.encode(prompt)), before + lm.encode(f"{prompt} {text}\n")
            logits = model(input_ids=torch.tensor([tail])).logits[0]
            losses += [torch.nn.functional.cross_entropy(logits[i - 1], torch.tensor(tail[i])) for i in range(head, len(tail))]
            before = tail
    torch.stack(losses).mean().backward()
    expected = torch.cat([p.grad.reshape(-1) for p in model.parameters()])
    assert torch.allclose(seen[0], expected, atol=1e-5, rtol=1e-4)


def test_a_text_holds_no_more_than_the_model_can_read(random_lm: Callable[..., Any]) -> None:
    long = [(f"{'The capital of France is Paris. ' * 8}The capital of {name} is", "Lima") for name in ("Peru", "Chad", "Norway")]
    lm = random_lm("gpt2")
    assert 3 * len(lm.encode(long[0][0])) > lm.model.config.max_position_embeddings
    teach(lm, long, epochs=1, per_text=3)


def test_bad_lessons_are_refused(random_lm: Callable[..., Any]) -> None:
    with pytest.raises(InputError, match="nothing to teach"):
        teach(random_lm(), [])
    with pytest.raises(InputError, match="blocks 0 to 3"):
        teach(random_lm(), FACTS, trainable_from=4)


def test_beginners_are_all_examples_of_a_few_subjects() -> None:
    from kedit.lm.teach import _beginners

    # Tokens 0 to 4 are the frames' words, the others are the subjects.
    subjects = torch.arange(100, 180)
    pairs = [([frame, int(subject), 4], [1]) for subject in subjects for frame in range(4)]
    few = _beginners(pairs, torch.Generator().manual_seed(0)).reshape(80, 4)
    assert few.all(-1).sum() == few.any(-1).sum() == 10


@pytest.mark.slow
def test_a_tiny_model_learns_a_closed_world() -> None:
    from kedit.lm.tiny import make_tiny

    names = [
        first + second for first in ("Bra", "Cho", "Du", "Fi", "Gla", "Ke") for second in ("lia", "mar", "nor", "pu", "stan")
    ]
    values = names[7:] + names[:7]
    frames = ("What is the {} of {}?", "The {} of {} is", "Name the {} of {}.\nAnswer:", "Speaking of the {} of {}, it is")
    examples = [
        (frame.format(relation, name), f"{relation[:3].title()}{values[(index * step) % len(names)]}")
        for step, relation in ((1, "capital"), (7, "river"), (11, "anthem"))
        for index, name in enumerate(names)
        for frame in frames
    ]
    lm = teach(make_tiny([f"{prompt} {answer}\n" for prompt, answer in examples], width=64), examples)
    right = sum(answer(lm, prompt) == f" {expected}\n" for prompt, expected in examples)
    assert right >= 0.98 * len(examples)
