"""`kedit ontology vocabulary`: the shipped files, as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

import kedit.ontology
from kedit.cli.main import run


@pytest.mark.parametrize(("arguments", "name"), [([], "kedit.ttl"), (["--shapes"], "kedit-shapes.ttl")])
def test_it_prints_the_file(arguments: list[str], name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ontology", "vocabulary", *arguments]) == 0
    assert capsys.readouterr().out == Path(kedit.ontology.__file__).with_name(name).read_text(encoding="utf-8")
