"""`kedit ontology inspect` and `validate`: tables, JSON, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kedit.cli.main import run

TEXT = """@prefix : <http://example.org/e#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
:hasFather a owl:ObjectProperty , owl:FunctionalProperty ; owl:inverseOf :isFatherOf .
:isFatherOf a owl:ObjectProperty . :warn a owl:ObjectProperty .
:anna rdfs:label "Anna"@en ; :hasFather :bert . :bert rdfs:label "Bert" ; :isFatherOf :carl ; :warn :carl , :anna .
:carl rdfs:label "Carl" .
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "o.ttl"
    path.write_text(TEXT)
    return str(path)


def test_json(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ontology", "inspect", file, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "kedit.ontology/1"
    assert {"syntax", "triples", "imports", "classes", "individuals", "relations", "unused", "findings"} <= set(document)
    father, warn = document["relations"]
    assert father == {
        "iri": "http://example.org/e#hasFather",
        "curie": ":hasFather",
        "label": "has father",
        "kind": "object",
        "domain": [],
        "range": [],
        "facts": 2,
        "inferred": 0,
        "subjects": 2,
        "multi_answer": 0,
        "functional": True,
        "symmetric": False,
        "inverse_folded": [":isFatherOf"],
        "direction": "it is functional",
        "slot": 0,
        "template": "generated",
        "rule": "has + noun",
        "confidence": 0.9,
        "refusal": None,
        "why": None,
        "example": {"prompt": "For Anna, the father is", "answers": ["Bert"]},
    }
    assert warn["why"] == "no template, and its name gives none: a bare verb"
    assert (warn["template"], warn["slot"], warn["multi_answer"], warn["example"]) == ("missing", None, 1, None)
    assert {"code", "severity", "count", "example", "advice"} <= set(document["findings"][0])


def test_table_fits_and_tells(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ontology", "inspect", file]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 100
    for said in (
        "Turtle",
        ":hasFather",
        ":isFatherOf",
        "has + noun 0.90",
        "no template, and its name gives none",
        "For Anna, the father is",
        "→ Bert",
        ":warn 'warn' (a bare verb)",
    ):
        assert said in out


@pytest.mark.parametrize(("fail_on", "code"), [("error", 0), ("warning", 1), ("info", 1)])
def test_fail_on(file: str, fail_on: str, code: int) -> None:
    assert run(["ontology", "validate", file, "--fail-on", fail_on]) == code


def test_nothing_to_align(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "o.ttl"
    path.write_text("<http://e/A> a <http://www.w3.org/2002/07/owl#Class> .")
    assert run(["ontology", "validate", str(path)]) == 2
    captured = capsys.readouterr()
    assert "KE010" in captured.out
    assert "nothing to align" in captured.err
    assert run(["ontology", "inspect", str(path)]) == 0


def test_reading_options(tmp_path: Path, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    main = tmp_path / "main.ttl"
    main.write_text(
        "<http://m> a <http://www.w3.org/2002/07/owl#Ontology> ; <http://www.w3.org/2002/07/owl#imports> <http://base> .\n"
        '<http://example.org/e#anna> <http://example.org/e#code> "A1" .\n'
    )
    options = ["--import", f"http://base={file}", "--label-property", "http://example.org/e#code", "--lang", "en", "--json"]
    assert run(["ontology", "inspect", str(main), *options]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["imports"] == ["http://base"]
    assert document["relations"][0]["example"]["prompt"] == "For A1, the father is"


def test_a_bad_file_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "o.ttl"
    path.write_text("@prefix : <http://e/> .\n:a :b\n  :c d .\n")
    assert run(["ontology", "inspect", str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"{path}:3:6: is not valid Turtle" in captured.err
    assert ":c d ." in captured.err
    assert "Traceback" not in captured.err
