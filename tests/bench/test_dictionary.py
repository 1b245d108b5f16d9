"""`kedit bench train`: gradients are the dense step's, and wrong ones are seen."""

from __future__ import annotations

import json

import pytest
import torch

from kedit.bench import dictionary
from kedit.bench.dictionary import Size, dictionary_step
from kedit.cli.main import run

SMALL = Size(d=24, m=96, k=4, batch=64)
CPU = torch.device("cpu")


def test_gradients_are_those_of_the_dense_step() -> None:
    result = dictionary_step(SMALL, 1, CPU)
    assert result.equal
    assert result.naive_s
    assert result.floor_s
    assert result.kedit_s > 0


def test_a_gradient_that_differs_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    right = dictionary.sparse_step

    def wrong(*args: object, **kwargs: object) -> object:
        step = right(*args, **kwargs)  # type: ignore[arg-type]
        return step._replace(gradient=step.gradient._replace(decoder=1.1 * step.gradient.decoder))

    monkeypatch.setattr(dictionary, "sparse_step", wrong)
    assert not dictionary_step(SMALL, 1, CPU).equal


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = ["--d", "24", "--m", "96", "--k", "4", "--batch", "64", "--repeat", "1"]
    assert run(["bench", "train", *sizes, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["results"][0]["name"] == "dictionary step, d 24, m 96, k 4, batch 64"
    assert run(["bench", "train", *sizes]) == 0
    assert "encoder's product" in capsys.readouterr().out
    assert run(["bench", "train", "--k", "9", "--m", "8"]) == 2
