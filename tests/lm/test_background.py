"""Background text is a function of weights and seed, and is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from kedit.lm import background
from kedit.lm.background import background_text, sample


def test_the_same_seed_gives_the_same_text_and_another_another(random_lm: Any) -> None:
    lm = random_lm("gpt2")
    one, same = (sample(lm, sequences=3, tokens=6, seed=1) for _ in range(2))
    other = sample(lm, sequences=3, tokens=6, seed=2)
    assert one.shape == (3, 7)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert not set(one[:, 1:].flatten().tolist()) & lm.stop_tokens


def test_cold_samples_are_what_the_plain_model_finds_most_likely(lm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "TEMPERATURE", 1e-6)
    ids = sample(lm, sequences=2, tokens=8)
    with torch.no_grad():
        logits = lm.model(input_ids=ids[:, :-1]).logits
    logits[..., sorted(lm.stop_tokens | {int(ids[0, 0])})] = -torch.inf
    assert torch.equal(logits.argmax(-1), ids[:, 1:])


def test_text_is_kept_by_fingerprint(random_lm: Any, kedit_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lm = random_lm("gpt2")
    first = background_text(lm, sequences=2, tokens=4)

    def refuse(*_: object, **__: object) -> torch.Tensor:
        raise AssertionError("sampled again")

    monkeypatch.setattr(background, "sample", refuse)
    assert torch.equal(background_text(lm, sequences=2, tokens=4), first)
    with pytest.raises(AssertionError, match="sampled again"):
        background_text(random_lm("gpt2", 1), sequences=2, tokens=4)


def test_tokens_are_drawn_as_often_as_they_are_likely() -> None:
    shares = torch.tensor([0.0, 0.25, 0.0, 0.75, 0.0]).expand(4000, -1)
    drawn = background._draw(shares, torch.Generator().manual_seed(0)).flatten()
    counts = torch.bincount(drawn, minlength=5).double() / len(drawn)
    assert counts[[0, 2, 4]].sum() == 0
    assert counts[1].item() == pytest.approx(0.25, abs=0.025)
