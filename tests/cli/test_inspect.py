"""`kedit inspect` as a program: strict JSON, and no torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kedit.cli.main import run
from kedit.runs import ModelId, OntologyId, Run
from kedit.verification.inspection import Inspection


@pytest.fixture
def begun(tmp_path: Path) -> str:
    """A run that was only begun."""
    path = tmp_path / "run"
    Run.open_or_create(path, ontology=OntologyId(source="o.ttl", sha256="a"), model=ModelId(name="m", fingerprint="f")).close()
    return str(path)


def test_an_unfinished_run_is_no_failure(begun: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", begun]) == 0
    assert "Not finished" in capsys.readouterr().out
    assert run(["inspect", begun, "--json"]) == 0
    document = Inspection.model_validate(json.loads(capsys.readouterr().out))
    assert not document.finished
    assert run(["inspect", begun, "--slot", "capital"]) == 2
    assert run(["inspect", f"{begun}s"]) == 2
    assert "Did you mean" in capsys.readouterr().err


def test_no_torch(begun: str) -> None:
    script = f"import sys; from kedit.cli.main import run; run(['inspect', {begun!r}]); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=False).returncode == 0
