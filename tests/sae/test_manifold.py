"""What is natural: regions that hold the states they were made of, differences that span what changes, and the loss over both."""

from __future__ import annotations

import pytest
import torch

from kedit.sae.manifold import Natural, natural_of, natural_rows

D, SUBJECTS = 6, 60


def tables(seed: int = 0) -> list[dict[tuple[str, int], torch.Tensor]]:
    """Two relations: states of one subject and frame differ by the first axis alone."""
    generator = torch.Generator().manual_seed(seed)
    first = {(f"s{i}", f): torch.randn(D, generator=generator) for i in range(SUBJECTS) for f in range(2)}
    second = {key: x + (4 + 0.1 * n % 1) * torch.eye(D)[0] for n, (key, x) in enumerate(first.items())}
    return [first, second]


@pytest.fixture(scope="module")
def natural() -> Natural:
    return natural_of(tables())


SOURCE, TARGET = torch.tensor([0, 0, 1]), torch.tensor([1, 1, 0])


def test_natural_states_lie_inside_and_far_ones_outside(natural: Natural) -> None:
    for relation, table in enumerate(tables(1)):
        x = torch.stack(list(table.values()))
        which = torch.full((len(x),), relation)
        assert (natural.away(x, which) <= 1).float().mean() > 0.9
        assert (natural.away(x + 20, which) > 1).all()


def test_differences_are_what_changes_between_two_relations(natural: Natural) -> None:
    change = torch.randn(3, D, generator=torch.Generator().manual_seed(2))
    expected = torch.zeros_like(change)
    expected[:, 0] = change[:, 0]
    torch.testing.assert_close(natural.inside(change, SOURCE, TARGET), expected, atol=1e-5, rtol=0)


def test_a_natural_swap_costs_nothing_and_leaving_costs(natural: Natural) -> None:
    x = natural.mean[SOURCE]
    move = torch.where(TARGET[:, None] == 1, 4.0, -4.0) * torch.eye(D)[0]
    nothing = natural.left(x + move, move, SOURCE, TARGET)
    torch.testing.assert_close(nothing, torch.zeros(3), atol=1e-4, rtol=0)
    sideways = 30 * torch.eye(D)[1].expand(3, D)
    assert (natural.left(x + sideways, sideways, SOURCE, TARGET) > 1.9).all()


def test_too_few_states_are_said(natural: Natural) -> None:
    with pytest.raises(ValueError, match="too few"):
        natural_of([{("a", 0): torch.zeros(D)}])


def test_natural_rows_read_back_and_leave_nothing_that_covaries() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(500, 12, generator=generator) @ torch.randn(12, 12, generator=generator)
    W = torch.randn(12, 3, generator=generator)
    D = natural_rows(W, x)
    torch.testing.assert_close(D @ W, torch.eye(3), rtol=1e-4, atol=1e-4)
    u, left = x @ W, x - (x @ W) @ D
    covariance = (u - u.mean(0)).T @ (left - left.mean(0)) / len(x)
    assert covariance.abs().max() < 1e-3 * x.var()
