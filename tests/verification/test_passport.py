"""Passports: claims stand and fall with their tests, and the tests measure what they say."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from kedit.sae.competitors import Das
from kedit.sae.manifold import Natural
from kedit.verification.passport import BOUNDS, Passports, passport

GOOD = {name: (bound, 10) for tests in BOUNDS.values() for name, (_, bound) in tests.items()}


def test_every_claim_holds_at_its_bounds() -> None:
    assert passport("ex:a", GOOD).allowed == tuple(BOUNDS)


@pytest.mark.parametrize("claim", BOUNDS)
def test_one_failed_test_takes_its_claim_and_no_other(claim: Any) -> None:
    name, (needs, bound) = next(iter(BOUNDS[claim].items()))
    made = passport("ex:a", GOOD | {name: (bound - 0.01 if needs == "at_least" else bound + 0.01, 10)})
    assert made.allowed == tuple(other for other in BOUNDS if other != claim)
    assert next(one.holds for one in made.claims if one.name == claim) is False


@pytest.mark.parametrize("value", [None, float("nan")])
def test_what_was_not_measured_is_not_claimed(value: float | None) -> None:
    made = passport("ex:a", GOOD | {"balanced accuracy": (value, 0)})
    reads = made.claims[0]
    assert reads.holds is None
    assert reads.tests[0].passed is None
    assert "reads" not in made.allowed


def test_the_parts_of_an_edit_add_up() -> None:
    from kedit.verification.passport_tests import Part

    d, generator = 8, torch.Generator().manual_seed(0)
    sae = SimpleNamespace(slot_values=lambda x: x[:, :2], write_rows=torch.randn(2, d, generator=generator))
    setting: Any = SimpleNamespace(sae=sae, relation_slots=torch.tensor([0, 1]))
    basis = torch.linalg.qr(torch.randn(d, 3, generator=generator)).Q.T
    x, strength = torch.randn(4, d, generator=generator), torch.ones(4)
    source, target = torch.tensor([0, 1, 0, 1]), torch.tensor([1, 0, 1, 0])
    nothing = torch.zeros(0)
    natural = Natural(nothing, nothing, nothing, basis.expand(2, 2, 3, d))
    inside, outside = (Part(setting, natural, outside=flag) for flag in (False, True))
    moved = [part.apply(x, source, target, strength, None) - x for part in (inside, outside)]
    rows = torch.arange(4)
    to = (1 - x[rows, target])[:, None] * sae.write_rows[target]
    torch.testing.assert_close(moved[0] + moved[1], to - x[rows, source][:, None] * sae.write_rows[source])
    torch.testing.assert_close(moved[0] @ basis.T @ basis, moved[0])
    assert (moved[1] @ basis.T).abs().max() < 1e-5
    donor = torch.randn(4, d, generator=generator)
    changed = Das(basis).apply(x, source, target, strength, donor)
    torch.testing.assert_close(changed @ basis.T, donor @ basis.T)
    torch.testing.assert_close(changed - changed @ basis.T @ basis, x - x @ basis.T @ basis)


@pytest.mark.slow
def test_a_run_has_a_passport_for_every_relation(small_run: Any) -> None:
    found = small_run.passports()
    assert [one.slot for one in found.passports] == [slot.curie for slot in small_run.slots.relations]
    assert Passports.load(small_run.path / "passports.json") == found
    figures = {test.name: test for claim in found.passports[0].claims for test in claim.tests}
    assert figures["read-back error"].value == pytest.approx(0.0, abs=1e-3)  # D W = I
    assert figures["balanced accuracy"].value > 0.8
    measured = [test for one in found.passports for claim in one.claims for test in claim.tests if test.value is not None]
    assert len(measured) >= 0.8 * sum(len(tests) for tests in BOUNDS.values()) * len(found.passports)
