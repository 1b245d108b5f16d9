"""The sparse step equals the dense one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from kedit.sae import sparse
from kedit.sae.sparse import Active, ByLatent, Revival, Weights, batch_top_k, decode, sparse_step

B, d, m, k = 48, 12, 80, 4
VARIANCE = 3.0


def weights(seed: int = 0, requires_grad: bool = False) -> Weights:
    generator = torch.Generator().manual_seed(seed)
    shapes = ((m, d), (m,), (m, d), (d,))
    return Weights(
        *(torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_(requires_grad) for shape in shapes)
    )


def batch(seed: int = 1) -> Tensor:
    return torch.randn(B, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def dense_losses(w: Weights, x: Tensor, revival: Revival | None, given: Tensor | float = 0.0) -> tuple[Tensor, Tensor]:
    """The published losses, written with dense matrices and left to autograd."""
    pre = (x - w.b_dec) @ w.encoder.T + w.b_enc
    z = pre.relu()
    z = z * (z >= z.flatten().topk(B * k).values[-1])
    error = x - (z @ w.decoder + w.b_dec + given)
    loss = error.square().sum(1).mean() / VARIANCE
    if revival is None:
        return loss, torch.zeros(())
    rows = slice(0, revival.rows)
    residual = error[rows].detach()
    top, places = pre[rows].masked_fill(~revival.dead, -torch.inf).topk(min(revival.k, int(revival.dead.sum())), dim=1)
    codes = torch.zeros_like(pre[rows]).scatter(1, places, top.relu())
    missed = (residual - codes @ w.decoder).square().sum() / residual.square().sum()
    return loss, revival.weight * missed


REVIVALS = {
    "none": None,
    "nothing-dead": Revival(torch.zeros(m, dtype=torch.bool), k=6, rows=16),
    "some-dead": Revival(torch.arange(m) % 3 == 0, k=6, rows=16),
    "fewer-dead-than-k": Revival(torch.arange(m) < 3, k=6, rows=B),
}


@pytest.mark.parametrize("given", [None, batch(2)], ids=["alone", "beside-slots"])
@pytest.mark.parametrize("revival", REVIVALS.values(), ids=REVIVALS)
def test_losses_and_gradients_equal_the_dense_ones(revival: Revival | None, given: Tensor | None) -> None:
    w, x = weights(requires_grad=True), batch()
    step = sparse_step(w, x, k, VARIANCE, revival, given=given)
    revived = revival if revival is not None and revival.dead.any() else None
    loss, revival_loss = dense_losses(w, x, revived, 0.0 if given is None else given)
    (loss + revival_loss).backward()
    torch.testing.assert_close(step.loss, loss.detach(), rtol=1e-12, atol=0)
    torch.testing.assert_close(step.revival_loss.double(), revival_loss.detach().double(), rtol=1e-12, atol=0)
    for name, gradient, weight in zip(Weights._fields, step.gradient, w, strict=True):
        assert weight.grad is not None
        assert weight.grad.abs().max() > 0, name
        torch.testing.assert_close(gradient, weight.grad, rtol=1e-10, atol=1e-12, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("guess", [0.0, 0.5, 1.5, 2.0, 1e6])
@pytest.mark.parametrize("spread", [0.0, 1.0, 1e6])
@pytest.mark.parametrize("rows", [7, 1024])
def test_a_guess_never_changes_what_is_selected(guess: float, spread: float, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparse, "ROWS", rows)
    raw = torch.randn(B, m, generator=torch.Generator().manual_seed(3))
    bias = -spread * torch.rand(m, generator=torch.Generator().manual_seed(4))
    raw[:, 1] -= bias[1]  # a few values far from zero, where adding a bias of their size rounds
    pre = raw + bias
    got = batch_top_k(raw, bias, k, guess)
    positive = pre[pre > 0].sort(descending=True).values
    least = positive[: B * k][-1]
    tokens, latents = (pre >= least).nonzero(as_tuple=True)
    assert torch.equal(got.tokens, tokens)
    assert torch.equal(got.latents, latents)
    assert torch.equal(got.values, pre[tokens, latents])
    assert got.offsets.tolist() == [int((tokens < token).sum()) for token in range(B)]


def test_values_at_the_guess_that_rounding_hides_are_found() -> None:
    """1 + 2^24 is 2^24 in single precision: two values are equal that the raw ones are not."""
    bias = torch.full((4,), 2.0**24)
    raw = torch.tensor([[3.0, 1.0, 0.0, -(2.0**25)]])
    for guess in (0.0, 2.0**24 + 1):
        assert batch_top_k(raw, bias, 2, guess).latents.tolist() == [0, 1, 2]


def test_selection_spreads_over_the_batch_and_leaves_out_what_is_not_positive() -> None:
    pre, bias = torch.tensor([[2.0, 2.0, 2.0], [-0.5, -1.0, 1.0]]), torch.tensor([1.0, 0.0, -1.0])
    assert batch_top_k(pre, bias, 1).tokens.tolist() == [0, 0]
    everything = batch_top_k(pre, bias, 3)
    assert everything.values.tolist() == [3.0, 2.0, 1.0, 0.5]
    assert everything.offsets.tolist() == [0, 3]


def test_a_batch_without_active_latents_has_the_loss_of_the_bias_and_trains_it_alone() -> None:
    w, x = weights()._replace(b_enc=torch.full((m,), -1e6, dtype=torch.float64)), batch()
    step = sparse_step(w, x, k, VARIANCE)
    torch.testing.assert_close(step.loss, (x - w.b_dec).square().sum(1).mean() / VARIANCE)
    assert not step.gradient.encoder.any()
    assert not step.gradient.decoder.any()
    torch.testing.assert_close(step.gradient.b_dec, 2 * (w.b_dec - x.mean(0)) / VARIANCE)


def test_decoding_and_sums_equal_matrix_products() -> None:
    z = torch.randn(B, m, generator=torch.Generator().manual_seed(4), dtype=torch.float64).relu()
    tokens, latents = z.nonzero(as_tuple=True)
    counts = (z > 0).sum(1)
    active = Active(tokens, latents, z[tokens, latents], counts.cumsum(0) - counts)
    x, decoder = batch(), weights().decoder
    torch.testing.assert_close(decode(decoder, active), z @ decoder)
    places = ByLatent.of(active, m)
    torch.testing.assert_close(places.sums(places.values, x), z.T @ x)
    torch.testing.assert_close(places.totals(places.values), z.sum(0))
    sums, products = places.sums_and_products(x, decoder)
    torch.testing.assert_close(sums, z.T @ x)
    torch.testing.assert_close(products, (x @ decoder.T)[places.tokens, places.latents])


def test_places_are_sorted_alike_however_many_latents_there_are() -> None:
    latents = torch.randint(m, (500,), generator=torch.Generator().manual_seed(5))
    active = Active(torch.arange(500), latents, torch.rand(500), torch.arange(500))
    few, many = ByLatent.of(active, m), ByLatent.of(active, 1 << 17)
    assert all(torch.equal(a, b) for a, b in zip(few[:3], many[:3], strict=True))
    assert torch.equal(few.offsets, many.offsets[:m])
    assert few.latents.diff().min() >= 0
    assert all(few.tokens[few.latents == latent].diff().gt(0).all() for latent in latents.unique())


def test_memory_that_is_kept_changes_nothing() -> None:
    w, x, room = weights(), batch(), torch.full((B, m), torch.nan, dtype=torch.float64)
    revival = REVIVALS["some-dead"]
    plain, kept = sparse_step(w, x, k, VARIANCE, revival), sparse_step(w, x, k, VARIANCE, revival, room=room)
    assert all(torch.equal(a, b) for a, b in zip(plain.gradient, kept.gradient, strict=True))
    assert torch.equal(room, (x - w.b_dec) @ w.encoder.T)
