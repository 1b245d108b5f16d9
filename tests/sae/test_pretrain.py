"""Pre-training finds the latents that made the data, and says honestly how well."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from kedit.sae import sparse
from kedit.sae.dictionary import FreeBank
from kedit.sae.pretrain import dictionary_stats, pretrain, refit, typical, with_threshold

d, TRUE, K = 24, 32, 3
SCALE, SHIFT = 37.0, 500.0


def planted(n: int = 6000, seed: int = 0) -> tuple[Tensor, Tensor]:
    """States that are sums of about three of 32 unit directions, far from the origin; and the directions."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(TRUE, d, generator=torch.Generator().manual_seed(99))
    rows = rows / rows.norm(dim=1, keepdim=True)
    z = (0.5 + torch.rand(n, TRUE, generator=generator)) * (torch.rand(n, TRUE, generator=generator) < K / TRUE)
    noise = 0.01 * torch.randn(n, d, generator=generator)
    return SCALE * (z @ rows + noise) + SHIFT / d**0.5, rows


def train(x: Tensor, **changes: int) -> FreeBank:
    return pretrain(x, **{"n_free": 64, "k": K, "steps": 400, "batch": 256, "seed": 0, **changes}, lr=1e-2)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def bank() -> FreeBank:
    return train(planted()[0])


def test_a_planted_dictionary_is_recovered(bank: FreeBank) -> None:
    similarity = (planted()[1] @ bank.W_dec.T).max(1).values
    assert similarity.median() > 0.98
    assert (similarity > 0.9).float().mean() > 0.9


def test_unseen_states_are_explained_by_about_k_latents_with_unit_rows(bank: FreeBank) -> None:
    stats = dictionary_stats(bank, planted(seed=1)[0])
    assert stats["explained_variance"] > 0.9
    assert stats["l0"] == pytest.approx(K, abs=0.7)
    torch.testing.assert_close(bank.W_dec.norm(dim=1), torch.ones(64), rtol=0, atol=1e-5)


def test_the_bank_works_on_raw_activations_of_any_scale(bank: FreeBank) -> None:
    x = planted()[0]
    bigger = train(8 * x)  # a power of two: the same training, bit for bit
    for name, factor in {"W_enc": 1, "W_dec": 1, "b_enc": 8, "b_dec": 8, "threshold": 8}.items():
        torch.testing.assert_close(getattr(bigger, name), factor * getattr(bank, name))


def test_a_bank_that_is_trained_on_beside_slots_makes_room_for_them(bank: FreeBank) -> None:
    x, unseen = planted()[0], planted(seed=1)[0]
    direction = 3 * SCALE * torch.eye(d)[0]

    def written(states: Tensor) -> Tensor:
        return (states[:, 1:2] > x[:, 1].median()).float() * direction

    def missed(found: FreeBank) -> float:
        error = unseen - found.decode(found.encode(unseen)) - written(unseen)
        return (error.square().sum() / (unseen - unseen.mean(0)).square().sum()).item()

    beside = refit(bank, x, written, k=K, steps=400, batch=256, lr=1e-2)
    assert missed(beside) < 0.3 * missed(bank)
    assert dictionary_stats(beside, unseen)["l0"] == pytest.approx(K, abs=0.7)
    torch.testing.assert_close(beside.W_dec.norm(dim=1), torch.ones(64), rtol=0, atol=1e-5)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    x = planted(800)[0]
    first, second, other = train(x, steps=20), train(x, steps=20), train(x, steps=20, seed=1)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not torch.equal(first.W_dec, other.W_dec)


def test_training_leaves_the_global_random_state_alone() -> None:
    before = torch.get_rng_state()
    train(planted(300)[0], steps=2)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_few_states_of_enormous_norm_change_nothing_else() -> None:
    x = planted()[0]
    x[::500] = 1e6 * torch.ones(d)
    assert typical(x).sum() == len(x) - len(x[::500])
    assert dictionary_stats(train(x), planted(seed=1)[0])["explained_variance"] > 0.9


def test_half_precision_activations_are_taken() -> None:
    bank = train(planted(500)[0].half(), steps=2)
    assert {tensor.dtype for tensor in bank} == {torch.float32}


def test_the_guess_for_selection_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    x = planted(800)[0]
    with_guess = train(x, steps=10)
    unaided = sparse.batch_top_k
    monkeypatch.setattr(sparse, "batch_top_k", lambda raw, bias, k, guess=0.0: unaided(raw, bias, k))
    assert all(torch.equal(a, b) for a, b in zip(with_guess, train(x, steps=10), strict=True))


@pytest.mark.parametrize("wanted", [1, 5, 11])
def test_the_threshold_gives_the_wanted_l0(bank: FreeBank, wanted: int) -> None:
    x = planted(700, seed=2)[0]
    loose = bank._replace(b_enc=bank.b_enc + 5 * SCALE)  # everything positive, so that there is something to cut
    assert dictionary_stats(with_threshold(loose, x, wanted), x)["l0"] == pytest.approx(wanted, abs=1e-9)


def test_statistics_follow_their_definitions() -> None:
    eye = torch.eye(2)
    bank = FreeBank(torch.cat([eye, -eye], 1), torch.zeros(4), torch.cat([eye, -eye]), torch.zeros(2), torch.full((4,), 0.5))
    x = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 2.0], [0.0, 0.25]])
    # the last state is below threshold: missed 0.0625 of 1 + 1 + 4 + 0.0625 - 4 * 0.5625^2
    stats = dictionary_stats(bank, x)
    assert stats["explained_variance"] == pytest.approx(1 - 0.0625 / (6.0625 - 4 * 0.5625**2))
    assert stats["l0"] == pytest.approx(3 / 4)
    assert stats["dead"] == pytest.approx(1 / 4)


@pytest.mark.parametrize(("n", "k"), [(1, 3), (100, 0), (100, 65)])
def test_what_cannot_be_trained_is_refused(n: int, k: int) -> None:
    with pytest.raises(ValueError, match="cannot train 64 latents"):
        train(planted(n)[0], k=k)
