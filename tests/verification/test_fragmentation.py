"""Fragmentation: shares of energy, equal L0, explained variance, hierarchies; identities first."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import pytest
import torch

from kedit.cli.main import run
from kedit.curriculum.slots import Slot, SlotMap
from kedit.intervals import wilson
from kedit.reporting.fragmentation import render_fragmentation
from kedit.reporting.terminal import to_text
from kedit.sae.dictionary import AlignedSAE, FreeBank
from kedit.sae.pretrain import dictionary_stats
from kedit.verification.figures import Share
from kedit.verification.fragmentation import (
    Fragmentation,
    Groups,
    MeanL0,
    Reconstruction,
    RelationSpread,
    Spread,
    consistency,
    effective_number,
    energy_shares,
    matched,
)

GROUPS = Groups([torch.tensor([0, 1]), torch.tensor([2])], [torch.tensor([3, 4])])
ONES = torch.ones(1, 5, dtype=torch.float64)


def _shares(height: torch.Tensor) -> torch.Tensor:
    """Of latents that are on, by so much, at prompts about the relation, beside one that is always on."""
    written = torch.zeros(5, len(height) + 1, dtype=torch.float64)
    written[:3, :-1] = height.double()
    written[:, -1] = 7.0
    return energy_shares(written, GROUPS, ONES)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_k_latents_that_carry_the_same_count_as_k(k: int) -> None:
    p = _shares(torch.ones(k))
    assert effective_number(p).item() == pytest.approx(k)
    assert p.max().item() == pytest.approx(1 / k)
    assert p[0, -1].item() == 0.0  # what is always on tells nothing apart


def test_energy_is_squared_and_every_carrier_counts_the_same() -> None:
    assert _shares(torch.tensor([3.0, 4.0]))[0].tolist() == pytest.approx([9 / 25, 16 / 25, 0.0])
    written = torch.tensor([[4.0, 0.0], [4.0, 0.0], [0.0, 4.0], [0.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
    assert energy_shares(written, GROUPS, ONES)[0].tolist() == pytest.approx([0.5, 0.5])  # two prompts, then one


def test_a_weight_is_a_prompt_as_many_times() -> None:
    written = torch.rand(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    groups = Groups([torch.tensor([0, 1])], [torch.tensor([2]), torch.tensor([3, 4])])
    twice = Groups([torch.tensor([0, 1, 1])], [torch.tensor([3])])
    weights = torch.tensor([[1.0, 2.0, 0.0, 1.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(energy_shares(written, groups, weights), energy_shares(written, twice, ONES))


@pytest.mark.parametrize("weights", [torch.tensor([[1.0, 1.0, 1.0, 0.0, 0.0]]).double(), ONES])
def test_without_a_difference_there_is_no_figure(weights: torch.Tensor) -> None:
    p = energy_shares(torch.ones(5, 3, dtype=torch.float64), GROUPS, weights)
    assert math.isnan(effective_number(p).item())


def _bank(x: torch.Tensor, threshold: float) -> FreeBank:
    d, generator = x.shape[1], torch.Generator().manual_seed(1)
    rows = torch.nn.functional.normalize(torch.randn(4 * d, d, generator=generator), dim=1)
    return FreeBank(rows.T.contiguous(), torch.zeros(4 * d), rows, torch.zeros(d), torch.full((4 * d,), threshold))


def test_both_dictionaries_have_the_same_mean_l0() -> None:
    x = torch.randn(300, 16, generator=torch.Generator().manual_seed(0))
    bank = _bank(x, 1.0)
    sae = AlignedSAE.with_slots(0, bank, torch.eye(16)[:, :3], torch.zeros(3), torch.eye(16)[:3], torch.full((3,), 0.5))
    aligned = matched(bank, sae, x)
    assert dictionary_stats(aligned, x)["l0"] == pytest.approx(dictionary_stats(bank, x)["l0"], abs=0.5 / len(x))
    assert (aligned.encode(x)[:, -3:] > 0).equal(sae.slot_active(x))
    free = aligned.threshold[:-3]
    assert free.unique().numel() == 1
    assert free[0] > bank.threshold[0]


def test_slots_that_are_never_on_change_nothing() -> None:
    x = torch.randn(300, 16, generator=torch.Generator().manual_seed(0))
    bank = _bank(x, 1.0)
    sae = AlignedSAE.with_slots(0, bank, torch.eye(16)[:, :2], torch.zeros(2), torch.eye(16)[:2], torch.full((2,), math.inf))
    torch.testing.assert_close(dictionary_stats(matched(bank, sae, x), x)["l0"], dictionary_stats(bank, x)["l0"])
    assert (matched(bank, sae, x).encode(x)[:, :-2] > 0).equal(bank.encode(x) > 0)


def test_slots_alone_may_be_more_than_the_bank_has() -> None:
    x = torch.randn(300, 16, generator=torch.Generator().manual_seed(0))
    bank = _bank(x, 3.5)
    sae = AlignedSAE.with_slots(0, bank, torch.eye(16)[:, :9], torch.ones(9), torch.eye(16)[:9], torch.zeros(9))
    assert dictionary_stats(matched(bank, sae, x), x)["l0"] > dictionary_stats(bank, x)["l0"]


def test_a_perfect_dictionary_explains_everything() -> None:
    x = torch.randn(50, 8, generator=torch.Generator().manual_seed(0))
    both = torch.cat([torch.eye(8), -torch.eye(8)])
    bank = FreeBank(both.T.contiguous(), torch.zeros(16), both, torch.zeros(8), torch.zeros(16))
    sae = AlignedSAE.with_slots(0, bank, torch.eye(8)[:, :1], torch.zeros(1), torch.eye(8)[:1], torch.full((1,), math.inf))
    assert dictionary_stats(matched(bank, sae, x), x)["explained_variance"] == pytest.approx(1.0, abs=1e-6)


SLOTS = SlotMap(
    schema="kedit.slots/1",
    slots=(
        Slot(index=0, iri="e:town", curie="ex:town", label="town", kind="class", parents=("e:place",)),
        Slot(index=1, iri="e:place", curie="ex:place", label="place", kind="class"),
    ),
)


@pytest.mark.parametrize(
    ("ancestor", "share", "elsewhere"), [([1, 1, 0, 0], 1.0, 0.0), ([0, 0, 1, 1], 0.0, 1.0), ([1, 0, 0, 1], 0.5, 0.5)]
)
def test_an_ancestor_is_on_with_its_child_or_not(ancestor: list[int], share: float, elsewhere: float) -> None:
    (row,) = consistency(SLOTS, torch.tensor([[1, 1, 0, 0], ancestor], dtype=torch.bool).T)
    assert (row.child, row.ancestor, row.n) == ("ex:town", "ex:place", 2)
    assert (row.share, row.elsewhere) == (share, elsewhere)
    assert row.ci == wilson(2 * share, 2)


def test_a_child_that_is_never_on_says_nothing_of_its_ancestor() -> None:
    (row,) = consistency(SLOTS, torch.zeros(3, 2, dtype=torch.bool))
    assert (row.n, row.share, row.ci) == (0, None, (None, None))


def test_the_hierarchy_has_a_table_where_there_is_one() -> None:
    share = Share(value=None)
    spread = Spread(effective=share, top_share=share, top=None, top_slot=None, own=None)
    document = Fragmentation(
        schema="kedit.fragmentation/1",
        run="r",
        preset="causal",
        hook_point="blocks.0.hook_resid_post",
        seed=0,
        quadrant="unseen_template_unseen_subject",
        l0=MeanL0(unsupervised=3.0, aligned=3.0, aligned_slots=1.0),
        relations=(RelationSpread(relation="ex:capital", n=0, others=4, unsupervised=spread, aligned=spread),),
        reconstruction=Reconstruction(n=4, unsupervised=0.8, aligned=0.795, difference=-0.005, passed=True),
        hierarchy=consistency(SLOTS, torch.ones(4, 2, dtype=torch.bool)),
    )
    text = to_text(render_fragmentation(document))
    assert "-0.005 ✓" in text
    assert "descriptive" in text
    assert re.search(r"town +place +1\.00", text)


@pytest.mark.slow
def test_a_run_tells_how_fragmented_its_relations_are(small_run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", str(small_run.path), "--fragmentation", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "kedit.fragmentation/1"
    assert json.loads((small_run.path / "fragmentation.json").read_text(encoding="utf-8")) == document
    found = Fragmentation.model_validate(document)
    assert [one.relation for one in found.relations] == [slot.curie for slot in small_run.slots.relations]
    assert found.quadrant == "unseen_template_unseen_subject"
    assert found.l0.aligned == pytest.approx(found.l0.unsupervised, abs=0.05)
    for one in found.relations:
        for spread in (one.unsupervised, one.aligned):
            assert spread.effective.value >= 1 / spread.top_share.value  # entropy is no less than min-entropy
            assert None not in (*spread.effective.ci, *spread.top_share.ci)
        assert one.unsupervised.own is False
    assert any(one.aligned.own for one in found.relations)
    assert found.reconstruction.difference is not None
    assert found.hierarchy == ()  # the small world has none
    assert run(["inspect", str(small_run.path), "--fragmentation"]) == 0
    assert "Fragmentation of relations" in capsys.readouterr().out


def test_documents_are_shown_one_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", "run", "--fragmentation", "--passport"]) == 2
    assert "give one of" in capsys.readouterr().err
