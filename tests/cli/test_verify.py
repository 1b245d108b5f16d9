"""`kedit verify --junit`: written with the verdict, and refused before anything is measured."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree as ET

import pytest

import kedit
from kedit.cli.main import run
from kedit.verification.report import JudgedExpectation, Report, ReportProtocol, VerdictName


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was measured, by a pipeline that measures nothing: the recipe's name is its verdict."""
    seen: list[str] = []

    def verify(recipe: Path, *, allow_unverified: bool = False, **_: Any) -> Report:
        seen.append(recipe.stem)
        verdict: VerdictName = recipe.stem  # type: ignore[assignment]
        judged = (
            [JudgedExpectation(metric="hit", required=">= 0", measured=1, verdict=verdict)] if verdict != "UNVERIFIED" else []
        )
        return Report(
            recipe="r", verdict=verdict, protocol=ReportProtocol(seed=0, calibrated_strength=1), expectations=tuple(judged),
            allow_unverified=allow_unverified,
        )  # fmt: skip

    module = ModuleType("kedit.pipeline")
    module.verify = verify  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "kedit.pipeline", module)
    monkeypatch.setattr(kedit, "pipeline", module, raising=False)
    return seen


@pytest.mark.parametrize(
    ("verdict", "options", "code"),
    [("PASS", [], 0), ("FAIL", [], 1), ("INCONCLUSIVE", [], 1), ("UNVERIFIED", [], 1), ("UNVERIFIED", ["--allow-unverified"], 0)],
)
def test_the_file_agrees_with_the_exit_code(
    measured: list[str], tmp_path: Path, verdict: str, options: list[str], code: int
) -> None:
    file = tmp_path / "made" / "for it" / "junit.xml"
    assert run(["verify", f"{verdict}.yaml", "--junit", str(file), *options]) == code
    suites = ET.parse(file).getroot()
    assert (suites.attrib["failures"] != "0" or suites.attrib["errors"] != "0") == (code != 0)
    assert [path.name for path in file.parent.iterdir()] == ["junit.xml"]


def test_without_the_flag_nothing_is_written(measured: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["verify", "PASS.yaml"]) == 0
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_is_said_before_measuring(
    measured: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path, tmp_path / "file" / "junit.xml"):
        assert run(["verify", "PASS.yaml", "--junit", str(place)]) == 2
        assert "cannot be written" in capsys.readouterr().err
    assert measured == []


def test_an_earlier_verdict_does_not_outlive_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("junit.xml").write_text("<testsuites/>")
    assert run(["verify", "no-such-recipe.yaml", "--junit", "junit.xml"]) == 2
    assert not Path("junit.xml").exists()
