"""`kedit compare` as a program."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kedit.cli.main import run
from kedit.verification.report import Evaluation, Protocol, Report, ReportProtocol

PROTOCOL = ReportProtocol(seed=0, calibrated_strength=1.0)


@pytest.fixture
def runs(tmp_path: Path) -> tuple[str, str, str]:
    """Two evaluations and a report."""
    for name, strength in (("a", 1.0), ("b", 1.5)):
        protocol = Protocol(seed=0, strength=strength)
        Evaluation(protocol=protocol, hook_point="blocks.1.hook_resid_post").save(tmp_path / name / "evaluation.json")
    Report(verdict="PASS", protocol=PROTOCOL).save(tmp_path / "r" / "report.json")
    return str(tmp_path / "a"), str(tmp_path / "b"), str(tmp_path / "r")


def test_json_is_one_document(runs: tuple[str, str, str], capsys: pytest.CaptureFixture[str]) -> None:
    a, b, _ = runs
    assert run(["compare", a, b, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "kedit.comparison/1"
    assert document["differs"] == [{"what": "protocol.strength", "a": "1.0", "b": "1.5"}]


def test_the_page_and_mistakes(runs: tuple[str, str, str], capsys: pytest.CaptureFixture[str]) -> None:
    a, b, report = runs
    assert run(["compare", a, b]) == 0
    assert "protocol.strength" in capsys.readouterr().out
    assert run(["compare", a, report]) == 2
    assert "is the report of a recipe" in capsys.readouterr().err
    assert run(["compare", a]) == 2


def test_no_torch(runs: tuple[str, str, str]) -> None:
    script = f"import sys; from kedit.cli.main import run; run(['compare', *{runs[:2]!r}]); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=False).returncode == 0
