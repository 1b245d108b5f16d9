"""`kedit capture` as a program: shards, merging, and what is said when something is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from world import world

from kedit.cli.main import run


@pytest.fixture
def command(tmp_path: Path, random_lm: Any, kedit_cache: Path) -> list[str]:
    from kedit.lm.store import save_model

    (tmp_path / "world.ttl").write_text(world(), encoding="utf-8")
    save_model(random_lm("llama"), tmp_path / "model")
    options = ["--model", str(tmp_path / "model"), "--layers", "0,2", "--max-subjects", "6", "--relations", "ex:city,ex:pet"]
    return ["capture", "--ontology", str(tmp_path / "world.ttl"), *options, "--window", "60", "--json"]


def test_shards_and_merge(command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import kedit

    made = []
    for shard in ("1/2", "2/2"):
        assert run([*command, "--shard", shard, "--out", str(tmp_path / shard[0])]) == 0
        made.append(json.loads(capsys.readouterr().out))
    assert made[0]["schema"] == "kedit.capture/1"
    assert made[0]["plan"] == made[1]["plan"]
    assert made[0]["parts"]["made"] == made[1]["parts"]["missing"]
    assert run(["capture", "--merge", str(tmp_path / "1"), "--json"]) == 2
    assert "are missing: 1" in capsys.readouterr().err
    assert run(["capture", "--merge", str(tmp_path / "1"), str(tmp_path / "2"), "--out", str(tmp_path / "all")]) == 0
    assert "blocks.0.hook_resid_post, blocks.2.hook_resid_post" in capsys.readouterr().out
    found = kedit.load_activations(tmp_path / "all")
    assert len(found) == made[0]["plan"]["n"] == len(found.prompts.prompts)
    assert found.states(2).shape == (len(found), 32)
    # In one process, into a folder of its own: the same bytes.
    assert run([*command, "--out", str(tmp_path / "one")]) == 0
    capsys.readouterr()
    names = [file.name for file in (tmp_path / "all").iterdir() if file.name[0] != "."]
    assert len(names) == 2 + made[0]["plan"]["n"] // 60 + 1
    assert all((tmp_path / "all" / name).read_bytes() == (tmp_path / "one" / name).read_bytes() for name in names)
    # And again: nothing to do; with another seed: another folder.
    assert run([*command, "--out", str(tmp_path / "one")]) == 0
    assert json.loads(capsys.readouterr().out)["parts"]["made"] == []
    assert run([*command, "--seed", "5", "--max-subjects", "5", "--out", str(tmp_path / "one")]) == 2
    assert "another plan: n " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--merge"], "--merge needs"),
        (["--merge", "a", "b"], "--merge needs"),
        (["--merge", "nowhere"], "holds no captured states"),
        (["--ontology", "o.ttl"], "--out DIR"),
        (["--out", "d", "folder"], "only with --merge"),
        (["--ontology", "o.ttl", "--out", "d", "--shard", "3/2"], "no share"),
        (["--ontology", "o.ttl", "--out", "d", "--shard", "x"], "no share"),
        (["--out", "d"], "'ontology' is missing"),
    ],
)
def test_what_cannot_be_done_is_said(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["capture", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
