"""Readers: about 1 where a concept is on, about 0 where it is off, also where carriers own most of the variance."""

from __future__ import annotations

import torch

from kedit.sae.binding import _asked_and_above, train_reader


def planted(n: int = 600, d: int = 24, relations: int = 3, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """States with a loud carrier, a quiet relation and, in the last quarter, no relation."""
    directions = torch.linalg.qr(torch.randn(d, d, generator=torch.Generator().manual_seed(0))).Q
    generator = torch.Generator().manual_seed(seed)
    carrier = torch.randint(6, (n,), generator=generator)
    relation = torch.randint(relations, (n,), generator=generator)
    asked = torch.arange(n) < 3 * n // 4
    x = 0.1 * torch.randn(n, d, generator=generator) + 8 * directions[relations + carrier]
    x[asked] += directions[relation[asked]]
    labels = torch.zeros(n, relations)
    labels[asked, relation[asked]] = 1
    return x, labels


def test_a_quiet_relation_is_read_beside_a_loud_carrier() -> None:
    x, labels = planted()
    reader = train_reader(x, labels, 3)
    fresh, wanted = planted(seed=1)
    u = fresh @ reader.W + reader.b
    assert ((u > 0.5) == (wanted > 0)).float().mean() > 0.999
    assert (u - wanted).abs().mean() < 0.2  # shrinkage; calibration takes it out


def test_the_reader_is_the_same_every_time() -> None:
    x, labels = planted()
    first, second = train_reader(x, labels, 3), train_reader(x, labels, 3)
    assert torch.equal(first.W, second.W)
    assert torch.equal(first.b, second.b)


def test_permuted_labels_read_nothing_new() -> None:
    x, labels = planted()
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(1))
    reader = train_reader(x[:300], labels[order][:300], 3)
    u = x[300:450] @ reader.W + reader.b
    right = (u.argmax(1) == labels[300:450].argmax(1)).float().mean()
    assert right < 0.55


def test_attention_sinks_are_not_read() -> None:
    x, labels = planted()
    direction = torch.nn.functional.normalize(torch.randn(x.shape[1], generator=torch.Generator().manual_seed(2)), dim=0)
    sinks = 2000 * direction + 0.1 * torch.randn(20, x.shape[1], generator=torch.Generator().manual_seed(3))
    plain, blind = train_reader(x, labels, 3), train_reader(x, labels, 3, sinks=sinks[:10])
    assert (sinks[10:] @ plain.W + plain.b).abs().max() > 10
    assert (sinks[10:] @ blind.W + blind.b).abs().max() < 1
    u = x @ blind.W + blind.b
    assert ((u > 0.5) == (labels > 0)).float().mean() > 0.99


def test_a_child_switches_its_parent_on_and_neither_pushes_the_other_down() -> None:
    x, single = planted(relations=4)
    fresh, wanted_single = planted(relations=4, seed=1)
    ancestors = torch.eye(4)
    ancestors[0, 2] = ancestors[1, 2] = 1  # relations 0 and 1 stand below 2
    labels, wanted = single @ ancestors, wanted_single @ ancestors
    u = fresh @ (reader := train_reader(x, labels, 4)).W + reader.b
    assert ((u > 0.5) == (wanted > 0)).float().mean() > 0.999
    child = wanted_single[:, :2].sum(1) > 0
    assert (u[child, 2] > 0.5).float().mean() > 0.99  # child on implies parent on


def test_the_rarest_of_several_labels_is_what_is_asked() -> None:
    on = torch.tensor([[1, 0, 1], [0, 1, 1], [0, 0, 1], [1, 0, 1]]).bool()
    asked, above = _asked_and_above(on)
    assert asked.tolist() == [0, 1, 2, 0]
    assert above.tolist() == [[False, False, True], [False, False, True], [False] * 3, [False, False, True]]
