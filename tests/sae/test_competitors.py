"""Competitors: what each does to a state, nothing at strength 0, training lowers the loss, and they survive a file."""

from __future__ import annotations

import pytest
import torch
from planted import D_MODEL, SLOTS, Planted

from kedit.sae.competitors import (
    KINDS,
    Competitor,
    Das,
    Directions,
    RankOneReft,
    SingleLatents,
    SlotRows,
    best_latents,
    from_tensors,
    probe_directions,
    train_das,
    train_reft,
)
from kedit.sae.control import answer_loss
from kedit.sae.dictionary import FreeBank


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def states() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    return random(5, D_MODEL), torch.tensor([0, 1, 2, 0, 1]), torch.tensor([1, 2, 0, 2, 0]), random(5, D_MODEL, seed=9)


def loss_of(competitor: Competitor, data: Planted) -> float:
    part = next(data.batches(256, torch.Generator().manual_seed(77)))
    donor = random(256, D_MODEL, seed=5)
    edited = competitor.apply(part.x, part.source, part.target, torch.ones(256), donor)
    return answer_loss((edited @ data.readout)[:, None], part.answers).mean().item()


ALL: dict[str, Competitor] = {
    "directions": Directions(random(SLOTS, D_MODEL)),
    "reft": RankOneReft(random(SLOTS, D_MODEL), random(SLOTS, D_MODEL, seed=1), random(SLOTS)),
    "das": Das(torch.linalg.qr(random(D_MODEL, 2)).Q.T.contiguous()),
}


@pytest.mark.parametrize("competitor", ALL.values(), ids=ALL)
def test_strength_zero_is_no_edit_and_strength_scales_the_move(competitor: Competitor) -> None:
    x, source, target, donor = states()
    whole = competitor.apply(x, source, target, torch.ones(5), donor) - x
    half = competitor.apply(x, source, target, torch.full((5,), 0.5), donor) - x
    assert torch.equal(competitor.apply(x, source, target, torch.zeros(5), donor), x)
    torch.testing.assert_close(2 * half, whole)


def test_reft_moves_along_one_direction_by_a_linear_read() -> None:
    reft = ALL["reft"]
    assert isinstance(reft, RankOneReft)
    x, source, target, _ = states()
    moved = reft.apply(x, source, target, torch.ones(5), None)
    r = torch.nn.functional.normalize(reft.direction, dim=1)[target]
    w = r + reft.shift[target]
    wanted = x + ((x * w).sum(1) + reft.bias[target] - (x * r).sum(1))[:, None] * r
    torch.testing.assert_close(moved, wanted)


def test_das_takes_the_donors_part_and_nothing_else() -> None:
    das = ALL["das"]
    assert isinstance(das, Das)
    x, source, target, donor = states()
    moved = das.apply(x, source, target, torch.ones(5), donor)
    torch.testing.assert_close(moved @ das.basis.T, donor @ das.basis.T)
    rest = torch.eye(D_MODEL) - das.basis.T @ das.basis
    torch.testing.assert_close(moved @ rest, x @ rest, atol=1e-5, rtol=1e-5)


def test_rows_through_the_slots_own_reads_read_back() -> None:
    W = random(D_MODEL, SLOTS)
    rows = SlotRows(W, random(SLOTS, seed=1), torch.linalg.pinv(W))
    x, source, target, _ = states()
    u = rows.apply(x, source, target, torch.full((5,), 1.25), None) @ rows.W + rows.b
    torch.testing.assert_close(u[torch.arange(5), target], torch.full((5,), 1.25), atol=1e-4, rtol=0)
    torch.testing.assert_close(u[torch.arange(5), source], torch.zeros(5), atol=1e-4, rtol=0)


def test_single_latents_are_the_ones_that_tell_the_relations_apart() -> None:
    asked = torch.arange(90) % SLOTS
    marks = torch.eye(D_MODEL)[[4, 7, 2]]
    x = marks[asked] * 3 + 0.1 * random(90, D_MODEL)
    bank = FreeBank(
        torch.eye(D_MODEL), torch.zeros(D_MODEL), torch.eye(D_MODEL), torch.zeros(D_MODEL), torch.full((D_MODEL,), 1.0)
    )
    found = best_latents(bank, x, asked, SLOTS)
    assert torch.equal(found.decoder, marks)
    moved = found.apply(marks[:1] * 3, torch.tensor([0]), torch.tensor([1]), torch.ones(1), None)
    assert moved[0, 4].abs() < 1e-5
    assert moved[0, 7] == pytest.approx(3.0, abs=0.1)
    shared = SingleLatents(*(part[[0, 0]] for part in (found.encoder, found.decoder, found.bias, found.threshold, found.on)))
    again = shared.apply(marks[:1] * 3, torch.tensor([0]), torch.tensor([1]), torch.ones(1), None)
    assert again[0, 4] == pytest.approx(found.on[0].item(), abs=1e-4)


def test_a_probe_points_from_class_to_class_as_long_as_the_mean_differences() -> None:
    asked = torch.arange(120) % SLOTS
    centres = random(SLOTS, D_MODEL) * 3
    x = centres[asked] + random(120, D_MODEL, seed=4)
    lengths = torch.tensor([1.0, 2.0, 3.0])
    V = probe_directions(x, asked, lengths).V
    torch.testing.assert_close(V.norm(dim=1), lengths)
    assert ((centres @ V.T).argmax(1) == torch.arange(SLOTS)).all()


def test_training_lowers_the_loss_and_is_reproducible() -> None:
    data, start = Planted(), random(SLOTS, D_MODEL) * 0.1
    same = {"steps": 80, "batch": 32}
    reft = train_reft(data, start, **same)
    assert loss_of(reft, data) < 0.5 * loss_of(train_reft(data, start, steps=0, batch=32), data)
    assert torch.equal(reft.bias, train_reft(data, start, **same).bias)

    def donors(target: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        # A donor that asks for a relation lies far out where that relation's token is read.
        noise = torch.randn(len(target), D_MODEL, generator=generator)
        return noise + 4 * torch.nn.functional.normalize(data.readout[:, target].T, dim=1)

    das = train_das(data, donors, start, rank=8, **same)
    torch.testing.assert_close(das.basis @ das.basis.T, torch.eye(8), atol=1e-5, rtol=0)
    part = next(data.batches(256, torch.Generator().manual_seed(77)))
    donor = donors(part.target, torch.Generator().manual_seed(1))

    def loss(one: Das) -> float:
        edited = one.apply(part.x, part.source, part.target, torch.ones(256), donor)
        return answer_loss((edited @ data.readout)[:, None], part.answers).mean().item()

    assert loss(das) < loss(train_das(data, donors, start, rank=8, steps=0, batch=32))


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_survives_as_tensors(name: str) -> None:
    made = {
        "reft_r1": ALL["reft"],
        "das_r1": ALL["das"],
        "das_r8": ALL["das"],
        "best_latent": SingleLatents(random(3, 4), random(3, 4), random(3), random(3), random(3)),
        "permuted_answers": SlotRows(random(4, 3), random(3), random(3, 4)),
    }.get(name, ALL["directions"])
    again = from_tensors(name, made.tensors())  # type: ignore[attr-defined]
    assert type(again) is type(made)
    assert all(torch.equal(value, again.tensors()[key]) for key, value in made.tensors().items())  # type: ignore[attr-defined]
