"""Calibration changes the unit of reads, and nothing that an edit does."""

from __future__ import annotations

import json

import pytest
import torch
from torch import Tensor

from kedit.sae.calibrate import TOLERANCE, Calibrated, balanced_accuracy, best_threshold, calibrate
from kedit.sae.dictionary import AlignedSAE, FreeBank

d, K, N = 12, 3, 300


def setting(seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Reads W, b, write rows D with D W = I, states [n, d], labels [n, K]; slot i is read in units of 10^i, from 3 on."""
    generator = torch.Generator().manual_seed(seed)
    W = torch.randn(d, K, generator=torch.Generator().manual_seed(77)) * torch.tensor([1.0, 10.0, 100.0])
    D = torch.linalg.pinv(W)
    labels = torch.nn.functional.one_hot(torch.randint(0, K + 1, (N,), generator=generator), K + 1)[:, :K].bool()
    x = labels.float() @ D * torch.tensor(2.0) + 1e-4 * torch.randn(N, d, generator=generator)
    return W, torch.full((K,), 3.0), D, x, labels


def calibrated() -> Calibrated:
    W, b, D, x, labels = setting()
    _, _, _, valid_x, valid_labels = setting(1)
    return calibrate(W, b, D, x @ W + b, labels, valid_u=valid_x @ W + b, valid_on=valid_labels)


def test_reads_are_zero_off_and_one_on_in_the_mean() -> None:
    _, _, _, x, labels = setting()
    result = calibrated()
    u = x @ result.W + result.b
    for k in range(K):
        assert u[labels[:, k], k].mean().item() == pytest.approx(1, abs=1e-5)
        assert u[~labels[:, k], k].mean().item() == pytest.approx(0, abs=1e-5)


def test_write_rows_still_read_back_exactly() -> None:
    result = calibrated()
    torch.testing.assert_close(result.D.double() @ result.W.double(), torch.eye(K, dtype=torch.float64), rtol=0, atol=1e-4)


def test_a_delta_is_the_same_vector_in_either_unit() -> None:
    W, b, D, x, _ = setting()
    result = calibrated()
    moved = x.roll(1, 0)
    raw = ((moved @ W + b) - (x @ W + b)) @ D
    new = ((moved @ result.W + result.b) - (x @ result.W + result.b)) @ result.D
    torch.testing.assert_close(new, raw, rtol=1e-4, atol=1e-5)


def test_so_is_what_holds_at_the_answers_tokens() -> None:
    W, b, D, x, labels = setting()
    _, _, _, valid_x, valid_labels = setting(1)
    result = calibrate(W, b, D, x @ W + b, labels, valid_u=valid_x @ W + b, valid_on=valid_labels, A=D[:, None])
    assert torch.equal(result.A[:, 0], result.D)
    assert calibrated().A is None


def test_a_calibrated_slot_set_to_one_looks_as_if_the_concept_were_asked_for() -> None:
    result = calibrated()
    _, _, _, x, labels = setting(2)
    empty = FreeBank(torch.zeros(d, 0), torch.zeros(0), torch.zeros(0, d), torch.zeros(d), torch.zeros(0))
    sae = AlignedSAE.with_slots(0, empty, result.W, result.b, result.D, result.threshold)
    assert torch.equal(sae.slot_active(x), labels)
    off = x[~labels.any(1)]
    target = torch.zeros(len(off), K)
    target[:, 1] = 1
    assert sae.slot_active(off + sae.delta(sae.slot_values(off), target)).tolist() == [[False, True, False]] * len(off)


def test_calibrating_twice_changes_nothing_more() -> None:
    first = calibrated()
    _, _, _, x, labels = setting()
    _, _, _, valid_x, valid_labels = setting(1)
    reads = {"valid_u": valid_x @ first.W + first.b, "valid_on": valid_labels}
    second = calibrate(first.W, first.b, first.D, x @ first.W + first.b, labels, **reads)
    for name in ("W", "b", "D", "threshold"):
        torch.testing.assert_close(getattr(second, name), getattr(first, name), rtol=1e-4, atol=1e-4)


def test_thresholds_part_on_from_off_and_statistics_are_in_the_new_unit() -> None:
    result = calibrated()
    slot = json.loads(json.dumps(result.metadata, allow_nan=False))["slots"][1]
    assert slot["threshold"] == pytest.approx(result.threshold[1].item())
    assert slot["balanced_accuracy"] == 1
    assert slot["valid"]["off"]["quantiles"]["0.99"] < slot["threshold"] < slot["valid"]["on"]["quantiles"]["0.01"]
    assert slot["train"]["on"]["mean"] == pytest.approx(1, abs=1e-5)
    assert slot["train"]["off"]["mean"] == pytest.approx(0, abs=1e-5)
    assert slot["train"]["on"]["n"] + slot["train"]["off"]["n"] == N


def test_a_stray_validation_read_is_counted_but_does_not_decide() -> None:
    u, on = torch.tensor([[0.0], [0.1], [0.9], [0.7], [1.4]]), torch.tensor([[False], [False], [True], [True], [True]])
    valid_u, valid_on = torch.tensor([[1.1], [0.8], [0.0], [0.1]]), torch.tensor([[True], [False], [False], [False]])
    result = calibrate(torch.ones(1, 1), torch.zeros(1), torch.ones(1, 1), u, on, valid_u=valid_u, valid_on=valid_on)
    assert (u @ result.W + result.b > result.threshold).equal(on)
    assert result.metadata["slots"][0]["balanced_accuracy"] == pytest.approx((1 + 2 / 3) / 2)


def test_slots_that_cannot_be_read_never_switch_on_and_spoil_no_other() -> None:
    W, b, D, x, labels = setting()
    u = x @ W + b
    labels = labels.clone()
    labels[:, 0] = False  # never asked for
    u[:, 2] = u[:, 2].mean()  # reads the same whatever is asked
    result = calibrate(W, b, D, u, labels, valid_u=u, valid_on=labels)
    assert result.unread == (0, 2)
    assert result.threshold[[0, 2]].tolist() == [torch.inf, torch.inf]
    assert torch.equal(result.W[:, [0, 2]], W[:, [0, 2]])
    assert 0 < result.threshold[1] < 1
    assert all(tensor.isfinite().all() for tensor in (result.W, result.b, result.D))
    json.dumps(result.metadata, allow_nan=False)


def test_a_slot_without_validation_prompts_takes_its_threshold_from_training() -> None:
    W, b, D, x, labels = setting()
    u = x @ W + b
    result = calibrate(W, b, D, u, labels, valid_u=u[:0], valid_on=labels[:0])
    assert result.unread == ()
    assert ((result.threshold > 0.2) & (result.threshold < 0.8)).all()
    assert result.metadata["slots"][0]["valid"]["on"] == {"n": 0, "mean": None, "std": None, "quantiles": None}


@pytest.mark.parametrize(
    ("on", "off", "threshold", "accuracy"),
    [
        ([0.9, 1.1], [0.0, 0.1], 0.5, 1.0),  # the middle of the gap
        ([0.9, 1.1, 0.05], [0.0, 0.1, -0.1], 0.5, 5 / 6),  # one stray read does not move it
        ([1.0], [0.0] * 98 + [0.2, 0.3], 0.5, 1.0),  # as near 1/2 as the gap allows
        ([1.0], [0.0] * 98 + [0.2, 0.6], 0.64, 1.0),  # and no nearer to its end than a tenth of it
        ([1.0, 2.0], [-9.0, -8.0], 0.5, 1.0),  # relu shows 0 for all below
    ],
)
def test_the_best_threshold(on: list[float], off: list[float], threshold: float, accuracy: float) -> None:
    reads = torch.tensor(on), torch.tensor(off)
    assert best_threshold(reads) == pytest.approx(threshold)
    assert balanced_accuracy(*reads, threshold) == pytest.approx(accuracy)


def test_one_samples_stray_read_does_not_silence_another_sample() -> None:
    training = torch.linspace(0.6, 1.4, 81), torch.linspace(-0.3, 0.3, 61)
    validation = torch.tensor([1.0, 1.1]), torch.tensor([0.0] * 9 + [0.75])
    assert best_threshold(validation) == pytest.approx(0.775)
    assert best_threshold(training, validation) == pytest.approx(0.5)


def test_one_stray_read_in_a_thousand_decides_nothing() -> None:
    on, strays = torch.tensor([0.8, 1.0, 1.1]), torch.tensor([0.75])
    assert best_threshold((on, torch.cat([torch.zeros(999), strays]))) == pytest.approx(0.5)
    assert best_threshold((on, torch.cat([torch.zeros(99), strays]))) == pytest.approx(0.755)


def test_the_best_threshold_is_never_beaten_by_trying_all_cuts() -> None:
    generator = torch.Generator().manual_seed(5)
    on, off = torch.randn(60, generator=generator) + 2, torch.randn(90, generator=generator) + 1
    threshold = best_threshold((on, off))
    accuracy = balanced_accuracy(on, off, threshold)
    found = [((on > cut).double().mean() + (off <= cut).double().mean()).item() / 2 for cut in torch.linspace(0, 5, 2001)]
    assert accuracy == pytest.approx(((on > threshold).double().mean() + (off <= threshold).double().mean()).item() / 2)
    assert accuracy >= max(found) - TOLERANCE - 1e-9


def test_a_threshold_needs_reads_of_both_kinds() -> None:
    with pytest.raises(ValueError, match="both kinds"):
        best_threshold((torch.ones(3), torch.ones(3)), (torch.ones(3), torch.ones(0)))
    with pytest.raises(ValueError, match="both kinds"):
        best_threshold()
