"""The ladder on a small world: every method in every quadrant, and the published edit as a change of an embedding."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from kedit.editing.metric_names import HEADLINE_QUADRANT, QUADRANTS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ladder(small_run: Any) -> Iterator[Any]:
    from kedit.bench import ladder as module

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "STRENGTHS", (0.5, 1.0, 2.0))
        patch.setattr(module, "VALIDATED", 30)
        patch.setattr(module, "PER_PAIR", dict.fromkeys(QUADRANTS, 4))
        patch.setattr(module, "EPOCHS", (5, 150))
        yield module.Ladder(small_run, 0)


def test_every_method_has_lines_in_every_quadrant_by_every_match(ladder: Any) -> None:
    from kedit.bench.ladder import ANSWERS, MATCHES, METHODS

    rows = ladder.rows()
    at_best = {
        (row["method"], row["quadrant"], row["match"], row["answers"])
        for row in rows
        if row["strength"] == ladder.chosen[row["method"]].strength
    }
    assert at_best == {(m, q, x, a) for m in METHODS for q in QUADRANTS for x in MATCHES for a in ANSWERS}
    tried = {row["strength"] for row in rows if row["method"] == "kedit" and row["quadrant"] == HEADLINE_QUADRANT}
    assert tried == {0.5, 1.0, 2.0}
    for row in rows:
        assert row["n"] == 0 or (0 <= row["ci"][0] <= row["hit"] <= row["ci"][1] <= 1)
    named = {"method": "kedit", "quadrant": HEADLINE_QUADRANT, "answers": "factual", "strength": ladder.chosen["kedit"].strength}
    hits = {row["match"]: row["hit"] for row in rows if all(row[key] == value for key, value in named.items())}
    assert hits["exact"] <= hits["whole"] <= hits["lenient"]


def test_about_says_what_was_chosen_and_what_pairs_hit(ladder: Any, small_run: Any) -> None:
    about = ladder.about()
    assert about["chosen"].keys() == set(ladder.chosen)
    assert len(about["pairs"]) == len(small_run.setting.pairs)
    assert set(about["equal_cost"]) <= {"published_delta", "diff_means", "trained_vector", "reft_r1", "das"}


def test_overwriting_the_embedding_with_itself_changes_nothing(small_run: Any) -> None:
    from kedit.bench.ladder import overwritten
    from kedit.verification.controls import Arm
    from kedit.verification.items import sample_items
    from kedit.verification.measure import measure

    setting = small_run.setting
    edits = [setting.swap(*pair) for pair in setting.pairs]
    items = sample_items(setting, edits, quadrants=(HEADLINE_QUADRANT,), cap=3).items
    plain = {(row.prompt_id, row.target): row.text for row in measure(setting, {Arm("noop"): items})}
    embedding = setting.lm.model.get_input_embeddings().weight
    for item in items:
        last = embedding[setting.lm.encode(item.prompt.text)[-1]][None]
        (row,) = overwritten(setting, SimpleNamespace(decoded=lambda *_, last=last: last), [item], 1.0)
        assert row.text == plain[row.prompt_id, row.target]


def test_the_published_dictionary_reads_the_relations_of_training_questions(ladder: Any, small_run: Any) -> None:
    from kedit.stages.competitors import training_questions

    x, asked, token = training_questions(small_run)
    assert len(x) == len(asked) == len(token) > 0
    z = ladder.linear.encode(x)[:, ladder.linear.n_free :]
    assert (z.argmax(1) == asked).float().mean() > 0.9
    assert torch.isfinite(z).all()
