"""`kedit ontology slots --check` and `kedit ontology diff`: exit codes, last line, JSON, files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kedit.cli.main import run
from kedit.curriculum.diff import OntologyDiff
from kedit.curriculum.slotcheck import SlotsCheck
from kedit.curriculum.slots import SlotMap
from kedit.manifest import ModelId, OntologyId
from kedit.runs import Run

PREFIXES = """@prefix : <http://example.org/e#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix kedit: <https://w3id.org/kedit/ns#> .
"""
OLD = """:hasFather a owl:ObjectProperty ; rdfs:range :Man . :hasPet a owl:ObjectProperty . :Man a owl:Class .
:anna rdfs:label "Anna" ; :hasFather :bert ; :hasPet :rex . :bert rdfs:label "Bert" . :rex rdfs:label "Rex" .
"""
MORE = (
    OLD
    + ":hasMother a owl:ObjectProperty ; rdfs:range :Woman . :Woman a owl:Class . :anna :hasMother :cora . :bert :hasPet :rex ."
)
LESS = OLD.replace(":hasPet", ":keeps").replace("rdfs:range :Man", "rdfs:range :Being")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in (("old.ttl", OLD), ("more.ttl", MORE), ("less.ttl", LESS)):
        Path(name).write_text(PREFIXES + text)
    assert run(["ontology", "slots", "old.ttl", "-o", "slots.json"]) == 0
    capsys.readouterr()
    return tmp_path


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def document(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_the_map_that_is_written_is_the_one_that_is_printed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ontology", "slots", "old.ttl", "--json"]) == 0
    assert document(capsys) == json.loads((here / "slots.json").read_text())


def test_check_compatible(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (here / "slots.json").read_bytes()
    assert run(["ontology", "slots", "more.ttl", "--check", "slots.json"]) == 0
    lines = said(capsys)
    assert lines[-1] == "compatible"
    assert max(map(len, lines)) <= 100
    assert any(":hasMother" in line and "appended" in line for line in lines)
    assert (here / "slots.json").read_bytes() == before


def test_the_longer_map_is_written_over_the_old_one(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = SlotMap.load(here / "slots.json")
    assert run(["ontology", "slots", "more.ttl", "--check", "slots.json", "-o", "slots.json"]) == 0
    new = SlotMap.load(here / "slots.json")
    assert [slot.iri for slot in new.slots][: len(old)] == [slot.iri for slot in old.slots]
    assert [slot.curie for slot in new.slots][len(old) :] == [":hasMother", ":Woman"]
    capsys.readouterr()
    assert run(["ontology", "slots", "more.ttl", "--check", "slots.json", "--json"]) == 0
    assert {row["status"] for row in document(capsys)["slots"]} == {"kept"}


def test_check_not_compatible(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (here / "slots.json").read_bytes()
    assert run(["ontology", "slots", "less.ttl", "--check", "slots.json", "-o", "slots.json"]) == 1
    captured = capsys.readouterr()
    assert captured.out.splitlines()[-1] == "retrain :hasFather, :hasPet"
    assert "slots.json is not written" in captured.err
    assert (here / "slots.json").read_bytes() == before
    assert run(["ontology", "slots", "less.ttl", "--check", "slots.json", "-o", "other.json"]) == 1
    assert not (here / "other.json").exists()
    capsys.readouterr()
    assert run(["ontology", "slots", "less.ttl", "--check", "slots.json", "--json"]) == 1
    check = SlotsCheck.model_validate_json(capsys.readouterr().out)
    assert (check.verdict, check.retrain) == ("retrain", (":hasFather", ":hasPet"))
    assert {(row.curie, row.status) for row in check.slots} >= {
        (":hasFather", "rewired"),
        (":hasPet", "vanished"),
        (":Man", "vanished"),
    }


def test_check_of_chosen_relations_and_of_a_run_directory(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "run").mkdir()
    (here / "slots.json").rename(here / "run" / "slots.json")
    assert run(["ontology", "slots", "old.ttl", "--check", "run"]) == 0
    assert run(["ontology", "slots", "old.ttl", "--check", "run", "--exclude", ":hasPet"]) == 1
    assert said(capsys)[-1] == "retrain :hasPet"


def test_a_run_is_checked_with_the_options_that_it_was_read_with(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "old.trig").write_text(PREFIXES + f"GRAPH :g {{ {OLD} }} GRAPH :h {{ :anna :hasEnemy :bert }}")
    graph = "http://example.org/e#g"
    made = {"ontology": OntologyId(source="old.trig", sha256="0"), "model": ModelId(name="tiny", fingerprint="0")}
    Run.open_or_create(here / "run", **made, config={"graph": graph, "lang": "en"}).close()  # type: ignore[arg-type]
    assert run(["ontology", "slots", "old.trig", "--graph", graph, "-o", "one.json"]) == 0
    (here / "one.json").rename(here / "run" / "slots.json")
    capsys.readouterr()
    assert run(["ontology", "slots", "old.trig", "--check", "run"]) == 0
    shown = capsys.readouterr()
    assert "hasEnemy" not in shown.out
    assert "read as run was: --graph" in shown.err
    assert run(["ontology", "slots", "old.trig", "--check", "run", "--graph", "http://example.org/e#h"]) == 1
    assert said(capsys)[-1] == "retrain :hasFather, :hasPet"


@pytest.mark.parametrize(
    ("content", "where"),
    [('{"schema":\n "kedit.slots/1",, }', "lock.json:2:18: is damaged JSON"), ('{"schema": "kedit.report/1"}', "kedit.report/1")],
)
def test_an_unreadable_lock(here: Path, capsys: pytest.CaptureFixture[str], content: str, where: str) -> None:
    (here / "lock.json").write_text(content)
    assert run(["ontology", "slots", "old.ttl", "--check", "lock.json"]) == 2
    captured = capsys.readouterr()
    assert where in captured.err
    assert captured.out == ""
    assert run(["ontology", "slots", "old.ttl", "--check", "nowhere.json"]) == 2


def test_a_map_is_not_overwritten(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (here / "slots.json").read_bytes()
    assert run(["ontology", "slots", "more.ttl", "-o", "slots.json"]) == 2
    assert "--check slots.json -o slots.json" in capsys.readouterr().err
    assert (here / "slots.json").read_bytes() == before


def test_slots_that_terms_ask_for(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "asks.ttl").write_text(PREFIXES + OLD + ":Man kedit:slot 0 .")
    assert run(["ontology", "slots", "asks.ttl", "--json"]) == 0
    assert [slot["curie"] for slot in document(capsys)["slots"]] == [":Man", ":hasFather", ":hasPet"]
    assert run(["ontology", "slots", "asks.ttl", "--check", "slots.json"]) == 2
    assert ":Man asks for slot 0 (kedit:slot), but the slot map keeps it at 2" in capsys.readouterr().err
    (here / "both.ttl").write_text(PREFIXES + OLD + ":Man kedit:slot 0 . :hasPet kedit:slot 0 .")
    for command in ("slots", "inspect", "validate"):
        assert run(["ontology", command, "both.ttl"]) == 2
        captured = capsys.readouterr()
        assert ":Man asks for slot 0 (kedit:slot), which :hasPet asks for, too" in captured.err
        assert bool(captured.out) == (command != "slots")  # everything else is shown first


def test_diff(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ontology", "diff", "old.ttl", "old.ttl"]) == 0
    assert said(capsys)[-3:] == ["no change that a run would notice", "", "compatible"]
    assert run(["ontology", "diff", "old.ttl", "more.ttl"]) == 0
    lines = said(capsys)
    assert lines[-1] == "compatible"
    assert max(map(len, lines)) <= 100
    text = "\n".join(lines)
    for part in ("make prompts and verify again", "facts added", "Bert → Rex", "nothing to do", ":hasMother"):
        assert part in text
    assert run(["ontology", "diff", "old.ttl", "less.ttl"]) == 1
    assert said(capsys)[-1] == "retrain :hasFather, :hasPet"


def test_the_last_line_is_one_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [f":hasRatherLongName{number}" for number in range(20)]
    asked = "<https://w3id.org/kedit/ns#questionTemplate> 'What of {subject}?'"
    many = "".join(f"{name} a owl:ObjectProperty ; {asked} . :anna {name} :bert . " for name in names)
    (here / "many.ttl").write_text(PREFIXES + OLD + many)
    assert run(["ontology", "diff", "many.ttl", "old.ttl"]) == 1
    assert said(capsys)[-1] == f"retrain {', '.join(sorted(names))}"


def test_diff_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ontology", "diff", "old.ttl", "less.ttl", "--json"]) == 1
    diff = OntologyDiff.model_validate_json(capsys.readouterr().out)
    assert (diff.verdict, diff.retrain, diff.old.relations, diff.new.slots) == ("retrain", (":hasFather", ":hasPet"), 2, 2)
    assert {row.change for row in diff.changes} == {"vanished", "rewired", "range", "appended"}


def test_diff_reads_both_files_as_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, label in (("one", "Rex"), ("two", "Bello")):
        (here / f"{name}.ttl").write_text(PREFIXES + OLD + f':rex :code "{label}" .')
    assert run(["ontology", "diff", "one.ttl", "two.ttl", "--json"]) == 1
    assert {row["curie"] for row in document(capsys)["changes"]} == {":code"}
    assert run(["ontology", "diff", "one.ttl", "two.ttl", "--label-property", ":code", "--json"]) == 0
    assert {(row["curie"], row["change"]) for row in document(capsys)["changes"]} == {
        (":hasPet", "answers"),
        (":hasPet", "names"),
    }


@pytest.mark.parametrize("files", [["old.ttl", "none.ttl"], ["none.ttl", "old.ttl"], ["empty.ttl", "old.ttl"]])
def test_bad_input(here: Path, capsys: pytest.CaptureFixture[str], files: list[str]) -> None:
    (here / "empty.ttl").write_text(PREFIXES + ":hasPet a owl:ObjectProperty .")
    assert run(["ontology", "diff", *files]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error[KE")


def test_the_hash_seed_does_not_matter(here: Path) -> None:
    seen = set()
    for seed in ("0", "5"):
        done = subprocess.run(
            [sys.executable, "-m", "kedit", "ontology", "diff", "old.ttl", "less.ttl", "--json"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=False,
        )
        seen.add(done.stdout)
    assert len(seen) == 1
    assert b"kedit.ontology-diff/1" in seen.pop()
