"""`kedit ask`: its options reach the pipeline; `-` is stdin."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import kedit
from kedit.cli.main import run
from kedit.verification.answer import Answer


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What a pipeline that answers nothing was asked."""
    seen: list[tuple[str, dict[str, Any]]] = []

    def ask(run: Path, question: str, **options: Any) -> Answer:
        seen.append((question, options))
        return Answer(hook_point="blocks.0.hook_resid_post", prompt=question, max_new_tokens=3, before="b")

    module = ModuleType("kedit.pipeline")
    module.ask = ask  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "kedit.pipeline", module)
    monkeypatch.setattr(kedit, "pipeline", module, raising=False)
    return seen


def test_options_and_json(asked: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ask", "runs/x", "Who?", "-r", "r.yaml", "--max-new-tokens", "7", "--top", "2", "--json"]) == 0
    assert asked == [("Who?", {"recipe": Path("r.yaml"), "device": "auto", "max_new_tokens": 7})]
    assert Answer.model_validate(json.loads(capsys.readouterr().out)).prompt == "Who?"


def test_a_dash_is_stdin(asked: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for data, code in (("Wer ist Bürgermeister?\n".encode(), 0), (b"\xff", 2)):
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
        assert run(["ask", "runs/x", "-"]) == code
    assert [question for question, _ in asked] == ["Wer ist Bürgermeister?"]
    assert "not UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--top", "0"], ["--max-new-tokens", "0"]])
def test_nothing_is_too_few(asked: list[Any], options: list[str]) -> None:
    assert run(["ask", "runs/x", "Who?", *options]) == 2
    assert not asked
