"""`kedit ontology draw`: formats, messages, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kedit.cli.main import run

ROOT = Path(__file__).parents[2]
FAMILY = str(ROOT / "ontologies" / "family.ttl")


def test_mermaid_on_stdout_by_default(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["ontology", "draw", FAMILY]) == 0
    out, err = capfd.readouterr()
    assert out.startswith('---\ntitle: "family.ttl · relations"\n---\nflowchart LR\n')
    assert "<b>father</b> 132 facts" in out
    assert err == ""


@pytest.mark.parametrize(
    ("name", "begins"), [("a.mmd", b"---\n"), ("a.dot", b"digraph {"), ("a.svg", b"<svg "), ("a.PNG", b"\x89PNG\r\n\x1a\n")]
)
def test_the_extension_chooses_the_format(name: str, begins: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["ontology", "draw", FAMILY, "--what", "classes", "-o", str(tmp_path / name)]) == 0
    assert (tmp_path / name).read_bytes().startswith(begins)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    out, err = capfd.readouterr()
    assert (out, err) == ("", f"{tmp_path / name} is written\n")


def test_a_named_format_wins_over_the_extension(tmp_path: Path) -> None:
    out = tmp_path / "picture.txt"
    assert run(["ontology", "draw", FAMILY, "--format", "dot", "-o", str(out)]) == 0
    assert out.read_text().startswith("digraph {")


@pytest.mark.parametrize("name", ["a.pdf", "a"])
def test_an_unknown_extension_names_the_four(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["ontology", "draw", FAMILY, "-o", str(tmp_path / name)]) == 2
    err = capfd.readouterr().err
    assert all(extension in err for extension in (".mmd", ".dot", ".svg", ".png"))
    assert "Traceback" not in err
    assert not list(tmp_path.iterdir())


def test_a_wrong_focus_exits_2_with_the_nearest_terms(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["ontology", "draw", FAMILY, "--what", "facts", "--focus", "Abner Underhey"]) == 2
    assert "Did you mean 'Abner Underhay'" in capfd.readouterr().err


def test_what_was_chosen_and_left_out_is_said_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["ontology", "draw", FAMILY, "--what", "facts", "--max-nodes", "3", "--json"]) == 0
    out, err = capfd.readouterr()
    document = json.loads(out)
    assert document["schema"] == "kedit.diagram/1"
    assert len(document["nodes"]) == 3
    assert f"drawn around {document['nodes'][0]['label']}" in err
    assert document["left_out"] in err
    assert "left out" in err


def test_nothing_to_draw_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "o.ttl"
    file.write_text("@prefix owl: <http://www.w3.org/2002/07/owl#> . <http://example.org/A> a owl:Class .")
    assert run(["ontology", "draw", str(file), "--what", "facts"]) == 2
    assert "has no facts to draw" in capfd.readouterr().err
    assert run(["ontology", "draw", str(file), "--what", "classes"]) == 0


def test_the_picture_in_the_docs_is_what_the_command_draws(tmp_path: Path) -> None:
    out = tmp_path / "family.svg"
    assert run(["ontology", "draw", FAMILY, "-o", str(out)]) == 0
    kept = (ROOT / "docs" / "family.svg").read_text()
    assert out.read_text().split("</style>")[1] == kept.split("</style>")[1]
