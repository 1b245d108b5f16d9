"""Validation items: the same number of every pair, and no more of them where there are more pairs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kedit.stages import validating
from kedit.stages.validating import validation_items

MOST = 300


@pytest.mark.parametrize(("relations", "pairs", "cap"), [(5, 20, 15), (17, 272, 2), (18, 300, 1), (40, 300, 1)])
def test_about_as_many_however_many_relations(relations: int, pairs: int, cap: int, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"r{i}" for i in range(relations)]
    seen: list[tuple[int, int]] = []

    def sample(_: Any, edits: Any, *, quadrants: Any, cap: int, seed: int) -> Any:
        seen.append((len(set(edits)), cap))
        return SimpleNamespace(items=[SimpleNamespace(known=True)])

    monkeypatch.setattr(validating, "sample_items", sample)
    monkeypatch.setattr(validating, "linked", lambda _: {a: [b for b in names if b != a] for a in names})
    setting = SimpleNamespace(pairs=[(a, b) for a in names for b in names if a != b], swap=lambda a, b: (a, b))
    assert validation_items(setting, MOST, 0)  # type: ignore[arg-type]
    assert seen == [(pairs, cap)]
