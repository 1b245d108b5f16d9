"""Neutral sentences: enough, varied, and never in both lists."""

from __future__ import annotations

from kedit.curriculum.neutral import eval_sentences, train_sentences


def test_the_two_lists_share_nothing() -> None:
    train, held = train_sentences(), eval_sentences()
    assert len(train) >= 150
    assert len(held) >= 60
    assert len(set(train) | set(held)) == len(train) + len(held)
    assert all(sentence == sentence.strip() and 10 < len(sentence) < 120 for sentence in (*train, *held))
    # held out by wording, not by a word: no two sentences begin with the same five words
    openings = [tuple(sentence.casefold().split()[:5]) for sentence in (*train, *held)]
    assert len(set(openings)) == len(openings)


def test_they_ask_for_no_relation() -> None:
    words = {
        word.strip('.,;:?!"').casefold() for sentence in (*train_sentences(), *eval_sentences()) for word in sentence.split()
    }
    assert not words & {"capital of", "continent", "father", "language", "currency", "borders"}
