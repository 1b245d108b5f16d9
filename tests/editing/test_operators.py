"""Operators on slot values: algebra first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from kedit.editing import operators

U = torch.tensor([[0.9, 0.1, -0.2, 0.0], [0.2, 1.1, 0.0, 0.7]])
THRESHOLD = torch.full((4,), 0.5)


@pytest.fixture
def D() -> torch.Tensor:
    return torch.randn(4, 16, generator=torch.Generator().manual_seed(0))


def test_what_each_operator_does() -> None:
    assert operators.swap(U, 0, 1, 1.5)[0].tolist() == pytest.approx([0.0, 1.5, -0.2, 0.0])
    assert operators.suppress(U, 1)[1].tolist() == pytest.approx([0.2, 0.0, 0.0, 0.7])
    assert operators.amplify(U, 3, 2.0)[1].tolist() == pytest.approx([0.2, 1.1, 0.0, 1.4])
    assert operators.set_slot(U, 2, 1.0)[0].tolist() == pytest.approx([0.9, 0.1, 1.0, 0.0])


def test_identities(D: torch.Tensor) -> None:
    assert operators.swap(U, 2, 2, 3.0) is U
    assert torch.equal(operators.amplify(U, 0, 1.0), U)
    assert torch.equal(operators.set_slot(operators.suppress(U, 0), 0, U[0, 0].item())[0], U[0])
    assert torch.equal(operators.swap(U, 0, 1, 1.0), operators.set_slot(operators.suppress(U, 0), 1, 1.0))
    assert not operators.delta(operators.combine(U, []), D).any()
    assert not operators.delta(operators.combine(U, [U]), D).any()


def test_arguments_are_not_written_to() -> None:
    before = U.clone()
    operators.swap(U, 0, 1, 2.0), operators.suppress(U, 0), operators.amplify(U, 0, 3.0), operators.set_slot(U, 0, 4.0)
    assert torch.equal(U, before)


def test_edits_add_up(resolved: Callable[..., Any], D: torch.Tensor) -> None:
    recipe = resolved({"op": "swap", "from": "capital", "to": "language"}, {"op": "set", "slot": "ex:City", "strength": 2})
    strengths = (1.0, 2.0)
    both = operators.recipe_delta(recipe.edits, strengths, U, D, THRESHOLD)
    single = [operators.recipe_delta((e,), (s,), U, D, THRESHOLD).delta for e, s in zip(recipe.edits, strengths)]
    torch.testing.assert_close(both.delta, single[0] + single[1])
    assert both.fired.tolist() == [[True, True], [False, True]]


def test_gates_and_eligibility(resolved: Callable[..., Any], D: torch.Tensor) -> None:
    always = {"op": "suppress", "slot": "language", "scope": {"when": "always"}}
    edits = resolved({"op": "suppress", "slot": "capital"}, always).edits
    assert operators.gate(edits[0], U, THRESHOLD).tolist() == [True, False]
    assert operators.gate(edits[0], U, U[:, 0].max().expand(4)).tolist() == [False, False]
    assert operators.gate(edits[1], U, THRESHOLD).tolist() == [True, True]
    eligible = torch.tensor([[False, True], [True, False]])
    found = operators.recipe_delta(edits, (0.0, 0.0), U, D, THRESHOLD, eligible)
    assert found.fired.tolist() == [[False, True], [False, False]]
    assert not found.delta[1].any()


def test_an_edited_state_reads_back_the_edit(make_sae: Callable[..., Any], random_lm: Callable[..., Any], resolved: Any) -> None:
    sae = make_sae(random_lm("gpt2"))
    x = torch.randn(5, sae.d, generator=torch.Generator().manual_seed(1))
    u = sae.slot_values(x)
    edits = resolved({"op": "swap", "from": "capital", "to": "language", "scope": {"when": "always"}}).edits
    delta = operators.recipe_delta(edits, (1.0,), u, sae.write_rows, sae.threshold[sae.n_free :]).delta
    torch.testing.assert_close(sae.slot_values(x + delta), operators.swap(u, 0, 1, 1.0), atol=1e-5, rtol=1e-5)


def test_strength_auto_is_what_calibration_chose(resolved: Callable[..., Any]) -> None:
    edits = resolved(
        {"op": "swap", "from": "capital", "to": "language"},
        {"op": "amplify", "slot": "capital"},
        {"op": "set", "slot": "capital", "strength": 3},
    ).edits
    assert [operators.strength_of(edit, {"strength": 1.2}) for edit in edits] == [1.2, operators.AMPLIFY_AUTO, 3.0]
    assert operators.strength_of(edits[0], {}) == 1.0
