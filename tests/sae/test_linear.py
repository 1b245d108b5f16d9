"""The published dictionary: its losses against their plain form, and what its two edits write."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from kedit.sae.linear import LinearDictionary, Weights, _alignment, train_linear


def planted(n: int = 600, d: int = 12, relations: int = 3) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """States in which every relation has a direction of its own."""
    generator = torch.Generator().manual_seed(0)
    asked = torch.randint(relations, (n,), generator=generator)
    directions = 3 * torch.eye(relations, d)
    return directions[asked] + 0.3 * torch.randn(n, d, generator=generator), asked, asked + 7


def small(dtype: torch.dtype = torch.float32) -> LinearDictionary:
    generator = torch.Generator().manual_seed(1)
    shapes = ((5, 11), (11,), (11, 5), (5,))
    return LinearDictionary(*(torch.randn(*shape, generator=generator, dtype=dtype) for shape in shapes), 3)


def test_covariance_terms_equal_their_plain_form() -> None:
    generator = torch.Generator().manual_seed(2)
    free, slots = torch.randn(16, 40, generator=generator), torch.randn(16, 3, generator=generator)
    relation = torch.randint(3, (16,), generator=generator)
    weights = Weights()
    z, u = free - free.mean(0), slots - slots.mean(0)
    covariance = z.T @ z / 16
    off = covariance - torch.eye(40) * covariance
    plain = (
        weights.sparse * free.abs().mean()
        + F.mse_loss(slots, F.one_hot(relation, 3).float())
        + weights.indep * off.square().sum()
        + weights.perp * (u.T @ z / 16).square().sum()
    )
    torch.testing.assert_close(_alignment(free, slots, relation, "mse", weights), plain, rtol=1e-4, atol=1e-5)


def test_slots_read_the_relation_after_training_and_the_same_seed_gives_the_same_weights() -> None:
    x, asked, token = planted()
    first, second = (train_linear(x, asked, token, 3, n_free=24, epochs=(3, 80), seed=5) for _ in range(2))
    assert torch.equal(first.W_enc, second.W_enc)
    read = first.encode(x)[:, first.n_free :].argmax(1)
    assert (read == asked).float().mean() > 0.98
    assert (first.decode(first.encode(x)) - x).square().mean() < x.var(0).mean()


def test_the_corrected_edit_is_the_difference_of_what_the_published_one_decodes() -> None:
    linear = small(torch.float64)
    x = torch.randn(4, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    source, target, strength = torch.tensor([0, 1, 2, 0]), torch.tensor([1, 2, 0, 2]), torch.full((4,), 2.0, dtype=torch.float64)
    z = linear.encode(x)
    swapped = linear.swapped(x, source, target, strength)
    rows = torch.arange(4)
    assert (swapped[rows, 8 + source] == 0).all()
    assert (swapped[rows, 8 + target] == 2).all()
    assert torch.equal(swapped[:, :8], z[:, :8])
    torch.testing.assert_close(linear.apply(x, source, target, strength, None), x + (swapped - z) @ linear.W_dec)
