"""Formulas of the dictionary, and what slots promise."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from kedit.sae.dictionary import AlignedSAE, FreeBank

d, F, K = 10, 24, 3


def random(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def bank() -> FreeBank:
    rows = random(F, d, seed=0)
    return FreeBank(
        random(d, F, seed=1), random(F, seed=2), rows / rows.norm(dim=1, keepdim=True), random(d, seed=3), torch.full((F,), 0.7)
    )


W, b = random(d, K, seed=4), random(K, seed=5)
D = torch.linalg.pinv(W)
THRESHOLD = torch.tensor([0.4, 0.5, 0.6])


@pytest.fixture
def sae() -> AlignedSAE:
    return AlignedSAE.with_slots(7, bank(), W, b, D, THRESHOLD, {"note": 1})


x = random(5, 2, d, seed=6)


def test_slots_come_last_and_leave_the_free_latents_as_they_were(sae: AlignedSAE) -> None:
    assert (sae.d, sae.m, sae.n_free, sae.n_slots, sae.hook_point) == (d, F + K, F, K, "blocks.7.hook_resid_post")
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(sae.free, bank(), strict=True))
    torch.testing.assert_close(sae.encode(x)[..., :F], bank().encode(x))


def test_codes_follow_the_formula(sae: AlignedSAE) -> None:
    z = sae.encode(x)
    for place in ((0, 0), (4, 1)):
        for latent in range(sae.m):
            pre = float((x[place] - sae.b_dec) @ sae.W_enc[:, latent] + sae.b_enc[latent])
            expected = pre if pre > max(0.0, float(sae.threshold[latent])) else 0.0
            assert float(z[place][latent]) == pytest.approx(expected, abs=1e-4)
    torch.testing.assert_close(sae.decode(z), torch.einsum("...m,md->...d", z, sae.W_dec) + sae.b_dec)
    assert (z > 0).any()
    assert (z == 0).any()


def test_slots_read_the_raw_state_linearly(sae: AlignedSAE) -> None:
    u = sae.slot_values(x)
    torch.testing.assert_close(u, x @ W + b)
    torch.testing.assert_close(u, sae.preact(x)[..., F:])
    assert torch.equal(sae.slot_active(x), u > THRESHOLD)
    torch.testing.assert_close(sae.encode(x)[..., F:], u.relu() * sae.slot_active(x))


def test_an_empty_edit_is_exactly_nothing(sae: AlignedSAE) -> None:
    u = sae.slot_values(x)
    delta = sae.delta(u, u)
    assert torch.equal(delta, torch.zeros_like(x))
    assert torch.equal(x + delta, x)


def test_an_edited_state_reads_as_the_edit_says_and_undoing_it_gives_the_state_back(sae: AlignedSAE) -> None:
    u = sae.slot_values(x)
    target = random(*u.shape, seed=8)
    edited = x + sae.delta(u, target)
    torch.testing.assert_close(sae.slot_values(edited), target, rtol=0, atol=1e-4)
    torch.testing.assert_close(edited + sae.delta(target, u), x, rtol=0, atol=1e-5)
    torch.testing.assert_close(sae.delta(u, target), -sae.delta(target, u))


def test_a_dictionary_cannot_be_changed_in_place(sae: AlignedSAE) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        sae.layer = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"b_enc": torch.zeros(F)}, "b_enc has shape"),
        ({"W_dec": torch.zeros(d, F + K)}, "W_dec has shape"),
        ({"n_slots": F + K + 1}, "do not fit"),
        ({"W_enc": torch.zeros(d)}, r"should be \[d, m\]"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(sae: AlignedSAE, change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(sae, **change)
