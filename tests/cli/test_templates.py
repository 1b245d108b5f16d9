"""`kedit ontology templates` and `--templates`: the file it writes, what reads it, and what a run keeps of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kedit.cli.main import run
from kedit.config import AlignConfig
from kedit.ontology import load_ontology
from kedit.stages.job import Inputs, ModelSource, open_job
from kedit.stages.material import bind_slots, keep_ontology, make_prompts

TEXT = """@prefix : <http://example.org/e#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
:hasFather a owl:ObjectProperty . :warn a owl:ObjectProperty .
""" + "".join(f':p{n} rdfs:label "Person {n}" ; :hasFather :p{n + 20} ; :warn :p{n + 1} .\n' for n in range(20))
FILLED = """schema: kedit.templates/1
relations:
  :warn:
    questionTemplate: Whom does {subject} warn?
    heldOutTemplate: '{subject} often warns {object}'
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "o.ttl"
    path.write_text(TEXT)
    return str(path)


@pytest.fixture
def sidecar(tmp_path: Path) -> str:
    path = tmp_path / "filled.yaml"
    path.write_text(FILLED)
    return str(path)


def relations(file: str, *options: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert run(["ontology", "inspect", file, "--json", *options]) == 0
    return {row["curie"]: row for row in json.loads(capsys.readouterr().out)["relations"]}


def test_written_and_read_back(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new" / "templates.yaml"
    assert run(["ontology", "templates", file, "-o", str(out)]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert f"--templates {out}" in said.err
    before = relations(file, capsys=capsys)[":hasFather"]
    after = relations(file, "--templates", str(out), capsys=capsys)[":hasFather"]
    assert (before["template"], before["rule"], before["confidence"]) == ("generated", "has + noun", 0.9)
    assert (after["template"], after["rule"], after["confidence"]) == ("written", None, None)
    assert after["example"] == before["example"]
    assert load_ontology(file, templates=out).relations.keys() == load_ontology(file).relations.keys()


def test_stdout_is_the_file(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "templates.yaml"
    assert run(["ontology", "templates", file, "-o", str(out)]) == 0
    capsys.readouterr()
    assert run(["ontology", "templates", file]) == 0
    assert capsys.readouterr().out == out.read_text()


def test_some_relations_only(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ontology", "templates", file, "--relations", ":warn"]) == 0
    out = capsys.readouterr().out
    assert "refused: a bare verb" in out
    assert "hasFather" not in out
    assert run(["ontology", "templates", file, "--relations", ":warm"]) == 2
    assert "Did you mean ':warn'" in capsys.readouterr().err


def test_json_says_what_was_guessed(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ontology", "templates", file, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "kedit.template-list/1"
    father, warn = document["relations"]
    assert (father["curie"], father["facts"], father["rule"]) == (":hasFather", 20, "has + noun")
    assert "Who is the father of {subject}?" in father["keys"]["questionTemplate"]
    assert (warn["template"], warn["refusal"], warn["keys"]) == ("missing", "a bare verb", {})


def test_nothing_is_overwritten_unasked(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "templates.yaml"
    out.write_text("mine")
    assert run(["ontology", "templates", file, "-o", str(out)]) == 2
    error = capsys.readouterr().err
    assert f"{out}: exists already" in error
    assert "--overwrite" in error
    assert out.read_text() == "mine"
    assert run(["ontology", "templates", file, "-o", str(tmp_path)]) == 2
    assert "is a directory" in capsys.readouterr().err
    assert run(["ontology", "templates", file, "-o", str(out), "--overwrite"]) == 0
    assert out.read_text().startswith("# Templates of o.ttl")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o.ttl", "templates.yaml"]


def test_a_filled_stub_makes_a_relation_usable(file: str, sidecar: str, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = (relations(file, *given, capsys=capsys)[":warn"] for given in ((), ("--templates", sidecar)))
    assert (before["slot"], before["refusal"]) == (None, "a bare verb")
    assert (after["slot"], after["refusal"], after["template"]) == (1, None, "written")
    assert run(["ontology", "prompts", file, "--templates", sidecar, "--relations", ":warn"]) == 0
    assert "Whom does" in capsys.readouterr().out


def test_overwriting_keeps_what_was_said_of_other_terms(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "mine.yaml"
    out.write_text(FILLED + "individuals:\n  :p1: {split: test}\n")
    assert run(["ontology", "templates", file, "--templates", str(out), "-o", str(out), "--overwrite"]) == 0
    ontology = load_ontology(file, templates=out)
    assert ontology.individuals["http://example.org/e#p1"].split == "test"
    assert ontology.relations["http://example.org/e#warn"].template_source == "written"


def test_a_bad_sidecar_is_one_message(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("schema: kedit.templates/1\nrelations:\n  :warn:\n    questionTemplate: Who is it?\n")
    for command in ("inspect", "validate", "slots", "prompts", "templates"):
        assert run(["ontology", command, file, "--templates", str(path)]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert f"{path}:4:5" in captured.err
        assert "{subject} must stand in it exactly once" in captured.err
    assert run(["ontology", "inspect", file, "--templates", str(tmp_path / "none.yaml")]) == 2
    assert "none.yaml" in capsys.readouterr().err


def test_the_same_bytes_in_every_process(file: str, sidecar: str) -> None:
    command = [sys.executable, "-m", "kedit", "ontology", "templates", file, "--templates", sidecar]
    made = {
        subprocess.run(command, capture_output=True, check=True, env={**os.environ, "PYTHONHASHSEED": seed}).stdout
        for seed in ("0", "1")
    }
    assert len(made) == 1


def test_a_run_can_be_read_without_the_sidecar(file: str, sidecar: str, tmp_path: Path) -> None:
    def prepared(templates: str | None) -> list[str]:
        path = None if templates is None else Path(templates)
        cfg = AlignConfig(ontology=Path(file), model="tiny", out=tmp_path / "run", templates=path, overwrite=True)
        with open_job(Inputs(cfg), ModelSource(cfg)) as job:
            keep_ontology(job)
            bind_slots(job)
            make_prompts(job)
            assert any("Whom does Person 3 warn?" in prompt.text for prompt in job.prompts.asked) == (path is not None)
            return job.ran

    assert prepared(sidecar) == ["ontology", "slots", "prompts"]
    assert prepared(sidecar) == []
    copy = load_ontology(tmp_path / "run" / "ontology.ttl")
    assert copy.relations == load_ontology(file, templates=sidecar).relations
    Path(sidecar).write_text(FILLED + "    phrase: ward\n")
    assert "ontology" in prepared(sidecar)
    assert load_ontology(tmp_path / "run" / "ontology.ttl").relations["http://example.org/e#warn"].phrase == "ward"
    prepared(None)
    assert load_ontology(tmp_path / "run" / "ontology.ttl").relations == load_ontology(file).relations
