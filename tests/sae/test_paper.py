"""The published objective: its terms are the formulas, it trains everything, and it binds what was planted."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from kedit.sae.dictionary import AlignedSAE, FreeBank
from kedit.sae.paper import (
    NONE,
    WEIGHTS,
    Losses,
    Parameters,
    Published,
    codes,
    correlation,
    initial,
    losses,
    moved_origin,
    train_published,
    weighted,
)

d, F, R, K = 16, 24, 3, 4
TOKENS = (11, 50, 7)


def random_bank(seed: int = 0) -> FreeBank:
    generator = torch.Generator().manual_seed(seed)
    rows = torch.nn.functional.normalize(torch.randn(F, d, generator=generator), dim=1)
    return FreeBank(rows.T.contiguous(), torch.zeros(F), rows, torch.randn(d, generator=generator), torch.zeros(F))


def planted(n: int = 600, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """States with one of three directions on (or none), and noise; the direction; a token that follows from it."""
    generator = torch.Generator().manual_seed(seed)
    directions = torch.nn.functional.normalize(torch.randn(R, d, generator=torch.Generator().manual_seed(5)), dim=1)
    relation = torch.randint(NONE, R, (n,), generator=generator)
    x = 40 * (0.3 * torch.randn(n, d, generator=generator) + 1.0)
    x[relation != NONE] += 120 * directions[relation[relation != NONE]]
    token = torch.tensor([*TOKENS, NONE])[relation]
    return x, relation, token


def random_parameters(seed: int = 1) -> Parameters:
    params = initial(random_bank(), R, len(TOKENS), 1.0, torch.Generator().manual_seed(seed))
    with torch.no_grad():
        for value in params:
            value += 0.1 * torch.randn(value.shape, generator=torch.Generator().manual_seed(value.numel()))
    return params


@pytest.fixture(scope="module")
def trained() -> Published:
    return train(steps=120)


def train(**changes: int) -> Published:
    x, relation, token = planted()
    return train_published(x, relation, token, random_bank(), R, **{"k": K, "steps": 20, "batch": 64, **changes}, lr=1e-2)  # type: ignore[arg-type]


def test_the_terms_are_the_formulas() -> None:
    p = random_parameters()
    x, relation, _ = planted(40)
    x = x / 40
    answer = relation.clone()
    answer[::3] = NONE
    u = (x - p.b_dec) @ p.W + p.b
    pre = (x - p.b_dec) @ p.W_enc + p.b_enc
    cut = sorted(pre.flatten().tolist())[-K * 40]
    z = torch.where((pre > 0) & (pre >= cut), pre, 0.0)
    x_hat = u @ p.D + z @ p.W_dec + p.b_dec
    found = losses(p, x, relation, answer, K, variance=2.5)
    rec = sum(((x[i] - x_hat[i]) ** 2).sum() for i in range(40)) / 40 / 2.5
    bind = [-u[i].log_softmax(0)[relation[i]] for i in range(40) if relation[i] != NONE]
    val = [-(u[i] @ p.V + p.c).log_softmax(0)[answer[i]] for i in range(40) if answer[i] != NONE]
    live = [f for f in range(F) if z[:, f].max() > z[:, f].min()]
    pairs = torch.corrcoef(torch.cat([u, z[:, live]], 1).T)[:R, R:]
    expected = [rec, sum(bind) / len(bind), (pairs**2).mean(), sum(val) / len(val)]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)
    total = WEIGHTS.rec * rec + WEIGHTS.bind * expected[1] + WEIGHTS.perp * expected[2] + WEIGHTS.val * expected[3]
    torch.testing.assert_close(weighted(found, WEIGHTS), total, rtol=1e-4, atol=1e-6)
    assert (codes(p, x, K).z > 0).sum() == K * 40


def test_a_correlation_cannot_be_lowered_by_shrinking_and_ignores_dead_latents() -> None:
    x = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(correlation(x[:, :1], 3 * x[:, :1] + 1), torch.tensor(1.0))
    torch.testing.assert_close(correlation(x[:, :1], x[:, 1:]), correlation(1e-3 * x[:, :1], 1e-3 * x[:, 1:]))
    torch.testing.assert_close(correlation(x[:, :1], torch.cat([x[:, :1], torch.zeros(50, 9)], 1)), torch.tensor(1.0))
    assert correlation(x, torch.zeros(50, 4)) == 0


@pytest.mark.parametrize(
    ("term", "reached"),
    [
        ("rec", {"W_enc", "b_enc", "W_dec", "b_dec", "W", "b", "D"}),
        ("bind", {"b_dec", "W", "b"}),
        ("perp", {"W_enc", "b_enc", "b_dec", "W"}),
        ("val", {"b_dec", "W", "b", "V", "c"}),
    ],
)
def test_every_term_trains_what_it_speaks_of(term: str, reached: set[str]) -> None:
    params = random_parameters()
    x, relation, _ = planted(60)
    getattr(losses(params, x / 40, relation, relation, K, 1.0), term).backward()
    # A bias does not change a correlation: what reaches it there is rounding.
    moved = {name for name, value in params._asdict().items() if value.grad is not None and value.grad.abs().max() > 1e-6}
    assert moved == reached


def test_states_without_relation_or_answer_only_reconstruct() -> None:
    params = random_parameters()
    x, *_ = planted(30)
    nothing = torch.full((30,), NONE)
    found = losses(params, x / 40, nothing, nothing, K, 1.0)
    assert found.bind == found.val == 0
    weighted(found, Losses(0, 1, 0, 1)).backward()
    assert all(value.grad is None or not value.grad.abs().any() for value in params)


def test_training_moves_everything() -> None:
    made, start = train(), random_bank()
    for name in ("W_enc", "b_enc", "W_dec", "b_dec"):
        assert not torch.allclose(getattr(made.bank, name), getattr(start, name), atol=1e-4), name
    torch.testing.assert_close(made.bank.W_dec.norm(dim=1), torch.ones(F))
    untrained = train(steps=0)
    for name in ("W", "b", "D"):
        assert not torch.allclose(getattr(made, name), getattr(untrained, name), rtol=1e-3), name
    for name in ("W_enc", "W_dec", "b_dec"):
        torch.testing.assert_close(getattr(untrained.bank, name), getattr(start, name))


def test_planted_relations_bind_on_unseen_states(trained: Published) -> None:
    x, relation, _ = planted(seed=1)
    asked = relation != NONE
    u = x @ trained.W + trained.b
    assert (u.argmax(1) == relation)[asked].float().mean() > 0.97
    assert trained.losses["bind"] < 0.2
    assert trained.losses["rec"] < train(steps=0).losses["rec"]


def test_without_binding_nothing_binds() -> None:
    x, relation, token = planted()
    made = train_published(x, relation, token, random_bank(), R, k=K, steps=60, batch=64, lr=1e-2, weights=Losses(1, 0, 0, 0))
    assert made.losses["bind"] > 0.5


def test_codes_on_raw_states_are_those_that_were_trained(trained: Published) -> None:
    """What is returned for raw x reconstructs like the scaled parameters: the loss that training ended with."""
    x, *_ = planted(seed=1)
    u = x @ trained.W + trained.b
    x_hat = trained.bank.decode(trained.bank.encode(x)) + u @ trained.D
    unexplained = (x - x_hat).square().sum() / (x - x.mean(0)).square().sum()
    assert unexplained.item() == pytest.approx(trained.losses["rec"], rel=0.3)


def test_read_back_is_not_exact(trained: Published) -> None:
    assert (trained.D @ trained.W - torch.eye(R)).abs().max() > 0.05


def test_moving_the_origin_changes_no_code() -> None:
    bank, (x, *_) = random_bank(), planted(20)
    offset = torch.randn(d, generator=torch.Generator().manual_seed(3))
    moved = moved_origin(bank, offset)
    torch.testing.assert_close(moved.preact(x), bank.preact(x), rtol=1e-4, atol=1e-3)
    z = bank.encode(x)
    torch.testing.assert_close(moved.decode(z), bank.decode(z) + offset)
    sae = AlignedSAE.with_slots(0, moved, torch.ones(d, 1), torch.zeros(1), torch.ones(1, d), torch.zeros(1))
    torch.testing.assert_close(sae.slot_values(x)[:, 0], x.sum(1), rtol=1e-4, atol=1e-3)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    first, second, other = train(), train(), train(seed=1)
    assert torch.equal(first.W, second.W)
    assert torch.equal(first.bank.W_enc, second.bank.W_enc)
    assert not torch.equal(first.W, other.W)


def test_no_relation_is_an_error() -> None:
    x, relation, token = planted(10)
    with pytest.raises(ValueError, match="no state asks"):
        train_published(x, torch.full_like(relation, NONE), token, random_bank(), R)


def test_no_known_answer_leaves_the_value_head_out() -> None:
    x, relation, token = planted()
    made = train_published(x, relation, torch.full_like(token, NONE), random_bank(), R, k=K, steps=5)
    assert made.losses["val"] == 0
    assert math.isfinite(made.losses["bind"])
