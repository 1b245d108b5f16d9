"""`kedit bench --scaling`: exponents are those of the costs, worlds have what they say, and the picture is drawn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kedit.bench import scaling
from kedit.bench.dictionary import Size
from kedit.bench.scaling import Axis, Point, measure_scaling, write_world
from kedit.cli.main import run
from kedit.ontology import load_ontology
from kedit.reporting.bench import render_scaling, save_scaling
from kedit.reporting.terminal import to_text


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0])
def test_the_exponent_is_that_of_the_cost(exponent: float) -> None:
    axis = Axis("things", "work", tuple(Point(size, 3 * size**exponent) for size in (10, 20, 40, 80)))
    assert axis.exponent == pytest.approx(exponent)


def test_a_world_has_its_relations_and_subjects(tmp_path: Path) -> None:
    write_world(tmp_path / "w.ttl", 5, 12)
    ontology = load_ontology(tmp_path / "w.ttl")
    assert len(ontology.relations) == 5
    assert all(len(facts) == 12 for facts in ontology.facts.values())


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PROMPTS": (24, 48),
        "RELATIONS": (2, 3),
        "SUBJECTS": 24,
        "HOOK_POINTS": (1, 2),
        "LATENTS": (64, 128),
        "WIDTH": 32,
    }.items():
        monkeypatch.setattr(scaling, name, value)
    monkeypatch.setattr(scaling, "Size", lambda m, batch: Size(d=16, m=m, k=4, batch=batch // 64))


@pytest.mark.usefixtures("small")
def test_the_document_table_and_picture(tmp_path: Path) -> None:
    made = measure_scaling(tmp_path, 1)
    assert made["schema"] == "kedit.scaling/1"
    assert [axis["axis"] for axis in made["axes"]] == ["prompts", "hook points", "relations", "latents"]
    assert all(point["seconds"] > 0 for axis in made["axes"] for point in axis["points"])
    text = to_text(render_scaling(made))
    assert max(map(len, text.splitlines())) <= 100
    assert "relations" in text
    for name in ("s.svg", "s.png"):
        save_scaling(made, tmp_path / name)
        assert (tmp_path / name).stat().st_size > 1000


@pytest.mark.usefixtures("small")
def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "s.svg"
    assert run(["bench", "--scaling", "--repeat", "1", "--picture", str(picture), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["axes"]) == 4
    assert "exponent" in picture.read_text(encoding="utf-8")
    assert run(["bench", "--scaling", "--picture", str(tmp_path / "s.gif")]) == 2
    assert "neither .svg nor .png" in capsys.readouterr().err
    assert run(["bench", "--scaling", "train"]) == 2
    assert "no command beside it" in capsys.readouterr().err
    assert run(["bench", "--json"]) == 2
    assert "say what to measure" in capsys.readouterr().err
