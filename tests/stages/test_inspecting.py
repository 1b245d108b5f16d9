"""What a run holds, finished or not: every figure from its files, and what is missing by name."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kedit.curriculum.slots import Slot, SlotMap
from kedit.errors import InputError
from kedit.runs import ModelId, OntologyId, Run
from kedit.stages.inspecting import STAGES, inspection
from kedit.verification.inspection import Inspection
from kedit.verification.report import Evaluation, JudgedExpectation, Protocol, Report, ReportProtocol

EX = "https://example.org/world#"
HEADLINE = "unseen_template_unseen_subject"
SPREAD = {"n": 9, "mean": 1.0, "std": 0.1, "quantiles": {"0.05": 0.9, "0.95": 1.1}}
NOTHING = {"n": 0, "mean": None, "std": None, "quantiles": None}


def pair(source: str, target: str, quadrant: str = HEADLINE) -> dict[str, Any]:
    return {"from": source, "to": target, "quadrant": quadrant, "n": 30, "subjects": 15, "hit": 0.9, "ci": [0.8, 1]}


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """`make_run(n)`: a run in which the first n stages are done."""

    def write(run: Run, name: str) -> list[str]:
        path = tmp_path / "run"
        slots = [
            Slot(index=i, iri=EX + key, curie=f"ex:{key}", label=label, kind="relation", parents=(EX + "a",) if i else ())
            for i, (key, label) in enumerate((("a", "capital"), ("b", "language"), ("c", "Capital")))
        ]
        reads = {"train": {"on": SPREAD, "off": SPREAD}, "valid": {"on": NOTHING, "off": SPREAD}}
        rows = [{"threshold": threshold, "balanced_accuracy": 1.0, **reads} for threshold in (0.5, None, 0.4)]
        own = {"strength": 1.25, "strength_curve": [{"strength": 1.0, "hit": 0.8, "of another version": 1}], "slots": rows}
        layer = {"layer": 1, "hook_point": "blocks.1.hook_resid_post", "binding": 1.0, "hit": 0.9, "items": 3}
        swap = {"pairs": [pair("ex:a", "ex:b"), pair("ex:b", "ex:a"), pair("ex:a", "ex:b", "seen_template_seen_subject")]}
        binding = {"confusion": {"labels": ["ex:a", "ex:b", "(none)"], "counts": [[5, 0, 1], [0, 4, 0], [0, 0, 9]]}}
        evaluation = Evaluation.model_validate(
            {
                "protocol": Protocol(seed=0, strength=1.25), "hook_point": layer["hook_point"], "swap": swap,
                "binding": binding | {"auroc": {"ex:a": 0.99}},
            }
        )  # fmt: skip
        files = {
            "slots": ("slots.json", SlotMap(schema="kedit.slots/1", slots=tuple(slots)).model_dump_json(by_alias=True)),
            "model": ("training/model.json", json.dumps({"description": "M", "taught": True, "fingerprint": "e" * 64})),
            "layers": ("training/layers.json", json.dumps({"chosen": 1, "rows": [layer]})),
            "slot training": ("sae/blocks.1.hook_resid_post/cfg.json", json.dumps({"metadata": {"kedit": own}})),
            "evaluation": ("evaluation.json", json.dumps(evaluation.document())),
        }
        if name not in files:
            return []
        file = path / files[name][0]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(files[name][1])
        return [files[name][0]]

    def make(done: int) -> Path:
        about = {"ontology": OntologyId(source="w.ttl", sha256="a" * 64), "model": ModelId(name="m", fingerprint="f" * 64)}
        with Run.open_or_create(tmp_path / "run", **about, seeds={"seed": 3}) as run:  # type: ignore[arg-type]
            for name in STAGES[:done]:
                with run.stage(name, {}, 1) as stage:
                    for output in write(run, name):
                        stage.output(output)
        return tmp_path / "run"

    return make


def test_the_stages_are_those_of_the_pipeline() -> None:
    found = set()
    for path in (Path(__file__).parents[2] / "kedit" / "stages").glob("*.py"):
        if path.name == "emerging.py":  # follows many models, each with a stage of its own; not part of an alignment
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "job.stage":
                assert isinstance(node.args[0], ast.Constant)
                found.add(node.args[0].value)
    assert found == set(STAGES)


def test_a_finished_run(make_run: Callable[..., Path]) -> None:
    found = inspection(make_run(len(STAGES)))
    assert (found.finished, found.missing) == (True, ())
    assert (found.hook_point, found.strength, found.seeds) == ("blocks.1.hook_resid_post", 1.25, {"seed": 3})
    assert (found.model.taught, found.model.edited_fingerprint, found.model.description) == (True, "e" * 64, "M")
    assert [slot.threshold for slot in found.slots] == [0.5, None, 0.4]
    assert [slot.auroc for slot in found.slots] == [0.99, None, None]
    assert found.strength_curve[0].hit == 0.8
    assert found.layers[0].chosen
    assert found.evaluation is not None
    assert all(stage.status == "done" and stage.seconds is not None for stage in found.stages)
    assert Inspection.model_validate_json(json.dumps(found.document())) == found


@pytest.mark.parametrize("done", range(len(STAGES)))
def test_an_unfinished_run_says_what_is_missing(make_run: Callable[..., Path], done: int) -> None:
    found = inspection(make_run(done))
    assert (found.finished, found.missing) == (False, STAGES[done:])
    assert [stage.status for stage in found.stages] == ["done"] * done + ["missing"] * (len(STAGES) - done)
    assert bool(found.slots) == (done > 1)
    assert found.evaluation is None


@pytest.mark.parametrize("term", ["ex:a", EX + "a", f"<{EX}a>"])
def test_one_slot_in_depth(make_run: Callable[..., Path], term: str) -> None:
    detail = inspection(make_run(len(STAGES)), term).slot
    assert detail is not None
    assert (detail.slot.curie, detail.read_as, detail.parents) == ("ex:a", {"ex:a": 5, "(none)": 1}, ())
    assert [(p.source, p.target) for p in detail.pairs_out] == [("ex:a", "ex:b")]
    assert [(p.source, p.target) for p in detail.pairs_in] == [("ex:b", "ex:a")]
    other = inspection(make_run(len(STAGES)), "language").slot
    assert other is not None
    assert (other.slot.curie, other.parents) == ("ex:b", ("ex:a",))


def test_slots_that_there_are_not(make_run: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no slot 'langage'") as caught:
        inspection(make_run(len(STAGES)), "langage")
    assert "'language'" in (caught.value.advice or "")
    with pytest.raises(InputError, match="the label of 2 slots") as caught:
        inspection(tmp_path / "run", "CAPITAL")
    assert "ex:a, ex:c" in (caught.value.advice or "")


def test_before_there_are_slots(make_run: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match="has no slots yet"):
        inspection(make_run(1), "capital")
    detail = inspection(make_run(3), "language").slot
    assert detail is not None
    assert detail.slot.train is None


def test_reports_even_of_other_versions(make_run: Callable[..., Path]) -> None:
    path = make_run(len(STAGES))
    judged = [
        JudgedExpectation(metric="hit", required=">= 0", measured=1, verdict=verdict, severity=severity)
        for verdict, severity in (("PASS", "error"), ("FAIL", "error"), ("FAIL", "warn"))
    ]
    protocol = ReportProtocol(seed=0, calibrated_strength=1.0)
    Report(recipe="one", verdict="FAIL", protocol=protocol, expectations=tuple(judged)).save(path / "reports/one/report.json")
    (path / "reports/two").mkdir()
    (path / "reports/two/report.json").write_text('{"schema": "kedit.report/9"}')
    one, two = inspection(path).reports
    assert (one.recipe, one.verdict, one.exit_code, one.met, one.binding) == ("one", "FAIL", 1, 1, 2)
    assert (two.recipe, two.verdict) == ("two", None)


def test_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no run"):
        inspection(tmp_path / "nothing")


def test_reading_stands_before_the_stage_that_needs_it(make_run: Callable[..., Path]) -> None:
    path = make_run(len(STAGES))
    about = json.loads((path / "run.json").read_text())
    about["timing"]["reading"], about["memory"] = 7.0, {"reading": 5 << 20}
    (path / "run.json").write_text(json.dumps(about))
    names = [stage.name for stage in inspection(path).stages]
    assert names == [*STAGES[:3], "reading", *STAGES[3:]]
    line = inspection(path).stages[3]
    assert (line.status, line.seconds, line.memory) == ("done", 7.0, 5 << 20)
    assert inspection(path).finished
