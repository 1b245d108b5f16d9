"""`kedit recipe schema`: printed, or written for an editor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kedit.cli.main import run


def test_printed_and_written_are_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["recipe", "schema"]) == 0
    printed = json.loads(capsys.readouterr().out)
    file = tmp_path / "new" / "recipe.schema.json"
    assert run(["recipe", "schema", "--output", str(file)]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "is written" in captured.err
    assert json.loads(file.read_text(encoding="utf-8")) == printed


def test_a_place_that_cannot_be_written_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["recipe", "schema", "-o", str(tmp_path)]) == 2
    assert "cannot be written" in capsys.readouterr().err
