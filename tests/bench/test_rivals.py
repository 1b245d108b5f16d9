"""Other libraries' steps: measured where they are, and only there."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import pytest
import torch

from kedit.bench import rivals
from kedit.bench.dictionary import Size
from kedit.bench.rivals import MAKERS, rival_steps
from kedit.bench.suite import measure_dictionary

SMALL = Size(d=24, m=96, k=4, batch=64)
CPU = torch.device("cpu")


def pretend(monkeypatch: pytest.MonkeyPatch, make: rivals.Step | Exception) -> None:
    """A library that is installed as pytest is."""

    def made(size: Size, device: torch.device) -> rivals.Step:
        print("Triton not installed")  # noqa: T201
        if isinstance(make, Exception):
            raise make
        return make

    monkeypatch.setattr(rivals, "MAKERS", {"Other": ("pytest", "pytest", made), "None": ("nowhere", "no_such_module", made)})


@pytest.mark.parametrize(("active", "equal"), [(4 * 64, True), (64, False)])
def test_a_library_that_is_there_gets_a_row(
    active: int, equal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pretend(monkeypatch, lambda x: active)
    (row,) = rival_steps(SMALL, 1, CPU)
    assert row.name == f"dictionary step beside Other {pytest.__version__}"
    assert row.naive_s
    assert row.kedit_s > row.naive_s
    assert row.equal == equal
    assert capsys.readouterr().out == ""
    document = measure_dictionary(*SMALL, repeat=1, device="cpu")
    assert len(document["results"]) == 2
    assert rivals.NOTE in document["notes"]


def test_one_that_cannot_be_imported_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, ImportError("wandb"))
    document = measure_dictionary(*SMALL, repeat=1, device="cpu")
    assert len(document["results"]) == 1
    assert rivals.NOTE not in document["notes"]


@pytest.mark.parametrize("name", MAKERS)
def test_a_real_one_takes_k_of_every_token(name: str) -> None:
    _, module, make = MAKERS[name]
    if find_spec(module) is None:
        pytest.skip(f"{module} is not installed")
    step = make(SMALL, CPU)
    assert step(torch.randn(SMALL.batch, SMALL.d)) == SMALL.k * SMALL.batch
    assert module in sys.modules
