"""Our own sentences that ask for nothing: negatives for training, and text that is never trained on."""

from __future__ import annotations

from importlib.resources import files


def train_sentences() -> tuple[str, ...]:
    """Neutral sentences that training may see as negatives (no slot is on)."""
    return _sentences("neutral_train.txt")


def eval_sentences() -> tuple[str, ...]:
    """Neutral sentences for drift and false positives; never trained on."""
    return _sentences("neutral_eval.txt")


def _sentences(name: str) -> tuple[str, ...]:
    lines = files("kedit.curriculum").joinpath(name).read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if line.strip())
