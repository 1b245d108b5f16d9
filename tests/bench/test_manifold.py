"""The curve over L_man's weight, through the command, on a real run of a small world."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kedit.cli.main import run


@pytest.mark.slow
def test_the_term_moves_edits_into_natural_differences(
    small_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "curve.svg"
    given = ["--weights", "0,30", "--shares", "0,1"]
    assert run(["bench", "manifold", str(small_run.path), *given, "--picture", str(picture), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "kedit.manifold/1"
    free, held, own, natural = document["rows"]
    assert (free["weight"], held["weight"]) == (0, 30)
    assert free["hit"] > 0.5
    test = "hit kept outside natural differences"
    assert held["carries"][test] <= free["carries"][test]
    assert (own["share"], natural["share"]) == (0, 1)
    left = "read without the slots"
    assert natural["carries"][left] < own["carries"][left]
    assert "share of natural rows" in picture.read_text()


def test_a_weight_that_is_no_number_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "manifold", str(tmp_path), "--weights", "0,x"]) == 2
    assert "not numbers" in capsys.readouterr().err
