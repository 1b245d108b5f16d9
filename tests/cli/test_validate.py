"""`kedit ontology validate`: text, JSON and SARIF, to stdout or into a file, and the exit codes that they share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kedit.cli.main import run
from kedit.ontology.findings import KINDS

PREFIXES = """@prefix : <http://example.org/e#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix kedit: <https://w3id.org/kedit/ns#> .
"""
GOOD = PREFIXES + ":hasFather a owl:ObjectProperty .\n:anna :hasFather :bert .\n"
BAD_TEMPLATE = GOOD + ':hasFather kedit:questionTemplate "Who?" .\n'
NO_FACT = PREFIXES + ":hasFather a owl:ObjectProperty .\n"
BROKEN = PREFIXES + ":hasFather a owl:ObjectProperty .\n:anna :hasFather nobody:bert .\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sarif_of(text: str, capsys: pytest.CaptureFixture[str], code: int, *more: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    Path("o.ttl").write_text(text)
    assert run(["ontology", "validate", "o.ttl", "--format", "sarif", *more]) == code
    (found,) = json.loads(capsys.readouterr().out)["runs"]
    return found, found["results"]


@pytest.mark.usefixtures("here")
def test_text_shows_findings_with_places_and_counts(capsys: pytest.CaptureFixture[str]) -> None:
    Path("o.ttl").write_text(BAD_TEMPLATE)
    assert run(["ontology", "validate", "o.ttl"]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "KE020 error" in out
    assert "o.ttl:7:36" in out
    assert "1 error · 1 warning · 2 infos" in out


@pytest.mark.usefixtures("here")
def test_json_is_the_document_of_inspect(capsys: pytest.CaptureFixture[str]) -> None:
    Path("o.ttl").write_text(GOOD)
    assert run(["ontology", "inspect", "o.ttl", "--json"]) == 0
    inspected = capsys.readouterr().out
    for flags in (["--json"], ["--format", "json"], ["--json", "--format", "json"]):
        assert run(["ontology", "validate", "o.ttl", *flags]) == 0
        assert capsys.readouterr().out == inspected
    assert run(["ontology", "validate", "o.ttl", "--format", "json", "-o", "out.json"]) == 0
    assert json.loads(Path("out.json").read_text()) == json.loads(inspected)
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("here")
def test_text_into_a_file_has_no_colours(capsys: pytest.CaptureFixture[str]) -> None:
    Path("o.ttl").write_text(BAD_TEMPLATE)
    assert run(["ontology", "validate", "o.ttl", "-o", "out.txt"]) == 1
    written = Path("out.txt").read_text()
    assert "KE020" in written
    assert "\x1b" not in written
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("here")
def test_sarif_has_a_rule_per_code_and_a_result_per_finding(capsys: pytest.CaptureFixture[str]) -> None:
    found, results = sarif_of(BAD_TEMPLATE, capsys, 1)
    rules = found["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == sorted(KINDS)
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in results)
    assert {result["ruleId"]: result["level"] for result in results} == {
        "KE020": "error", "KE021": "note", "KE040": "warning", "KE049": "note",
    }  # fmt: skip
    (template,) = (result for result in results if result["ruleId"] == "KE020")
    assert template["message"]["text"].startswith("A template is malformed and left out: :hasFather 'has father'")
    assert template["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "o.ttl"},
        "region": {"startLine": 7, "startColumn": 36, "snippet": {"text": BAD_TEMPLATE.splitlines()[-1]}},
    }
    assert found["invocations"] == [{"executionSuccessful": True, "exitCode": 1}]


@pytest.mark.usefixtures("here")
def test_sarif_says_why_a_file_cannot_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    found, (result,) = sarif_of(BROKEN, capsys, 2)
    assert result["ruleId"] == found["tool"]["driver"]["rules"][-1]["id"]
    assert result["level"] == "error"
    assert "nobody" in result["message"]["text"]
    assert result["locations"][0]["physicalLocation"]["region"]["startLine"] == 6
    assert found["invocations"][0]["exitCode"] == 2
    assert not found["invocations"][0]["executionSuccessful"]


@pytest.mark.usefixtures("here")
def test_nothing_to_align_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    found, results = sarif_of(NO_FACT, capsys, 2)
    assert [result["ruleId"] for result in results if result["level"] == "error"] == ["KE011"]
    assert found["invocations"][0]["exitCode"] == 2


def test_paths_in_sarif_are_relative_to_the_working_directory(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = here / "onto logies"
    folder.mkdir()
    (folder / "o.ttl").write_text(BAD_TEMPLATE)
    for path, uri in ((folder / "o.ttl", "onto%20logies/o.ttl"), (Path("onto logies/o.ttl"), "onto%20logies/o.ttl")):
        assert run(["ontology", "validate", str(path), "--format", "sarif"]) == 1
        (found,) = json.loads(capsys.readouterr().out)["runs"]
        uris = {row["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for row in found["results"]}
        assert uris == {uri}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("format", ["text", "json", "sarif"])
@pytest.mark.parametrize(
    ("text", "fail_on", "code"), [(GOOD, "error", 0), (GOOD, "warning", 1), (NO_FACT, "error", 2), (BROKEN, "error", 2)]
)
def test_exit_codes_are_the_same_in_every_format(format: str, text: str, fail_on: str, code: int) -> None:
    Path("o.ttl").write_text(text)
    assert run(["ontology", "validate", "o.ttl", "--format", format, "--fail-on", fail_on]) == code


@pytest.mark.usefixtures("here")
def test_json_and_another_format_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    Path("o.ttl").write_text(GOOD)
    assert run(["ontology", "validate", "o.ttl", "--json", "--format", "sarif"]) == 2
    assert "exclude each other" in capsys.readouterr().err


@pytest.mark.usefixtures("here")
def test_a_file_that_cannot_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    Path("o.ttl").write_text(GOOD)
    Path("folder").mkdir()
    for form in ("text", "json", "sarif"):
        assert run(["ontology", "validate", "o.ttl", "--format", form, "-o", "folder"]) == 2
        err = capsys.readouterr().err
        assert "folder" in err
        assert "Traceback" not in err
