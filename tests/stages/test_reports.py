"""What is trained, and what is not, before a recipe is measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from kedit.editing.resolving import ResolvedEdit, ResolvedRecipe, with_controls
from kedit.stages import competitors
from kedit.stages.reports import measured_report
from kedit.verification import verifying


@dataclass
class Setting:
    """As much of a setting as says which edits compete."""

    relations: tuple[str, ...] = ("a", "b")
    competitors: dict[str, Any] = field(default_factory=dict)
    donors: dict[str, Any] = field(default_factory=dict)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Any:
    """`measured(edit)`: which competitors were trained for a recipe with all of them, and the recipe as it was measured."""

    def measure(*edits: ResolvedEdit) -> tuple[list[str], Any]:
        trained: list[str] = []
        seen: list[Any] = []
        monkeypatch.setattr(competitors, "load_competitors", lambda run, names: (trained.extend(names), ({}, {}))[1])
        monkeypatch.setattr(verifying, "verify_recipe", lambda setting, resolved, **_: seen.append(resolved))
        directory = SimpleNamespace(done=lambda _: False)
        run: Any = SimpleNamespace(setting=Setting(), directory=directory, info=None, path=tmp_path, slots_hash="")
        measured_report(run, with_controls(ResolvedRecipe("r", edits), ["all", "noop"]), allow_unverified=False)
        return trained, seen[0]

    return measure


SWAP = ResolvedEdit("one", "swap", 0, "a", 1, "b")
SUPPRESS = ResolvedEdit("two", "suppress", 0, "a")


def test_competitors_are_trained_if_one_edit_swaps_relations_at_the_prompt(measured: Any) -> None:
    trained, resolved = measured(SUPPRESS, SWAP)
    assert {"reft_r1", "permuted_answers"} <= set(trained)
    assert resolved.notes == ()


@pytest.mark.parametrize(
    "edit",
    [
        SUPPRESS,
        ResolvedEdit("one", "swap", 0, "a", 1, "b", steps="all"),
        ResolvedEdit("one", "swap", 0, "a", 0, "a"),
        ResolvedEdit("one", "swap", 0, "some class", 1, "b"),
    ],
    ids=["suppress", "steps", "empty", "class"],
)
def test_where_nothing_competes_nothing_is_trained_and_the_report_says_so(measured: Any, edit: ResolvedEdit) -> None:
    trained, resolved = measured(edit)
    assert trained == []
    assert resolved.verify.controls == ("noop",)
    assert "not compared with reft_r1" in resolved.notes[0]
