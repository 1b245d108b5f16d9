"""Documents: documented keys, strictness, NaN as null, files."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from pydantic import ValidationError

from kedit.editing.metric_names import QUADRANTS
from kedit.errors import InputError
from kedit.verification.figures import Quadrant
from kedit.verification.metrics import control_summary, swap_summary
from kedit.verification.report import EditResult, Evaluation, Protocol, Report, ReportProtocol, RunInfo, exit_code


@pytest.fixture
def evaluation(make_rows):
    rows = make_rows("ex:a", "ex:b", ["hit"] * 30) + make_rows("ex:a", "ex:b", ["stuck"] * 30, control="noop")
    return Evaluation.model_validate(
        {
            "protocol": {"seed": 0, "strength": 1.0},
            "hook_point": "blocks.1.hook_resid_post",
            "knowledge": {"ex:a": {"asked": 30, "known": 20, "majority": float("nan")}},
            "swap": swap_summary(rows),
            "controls": control_summary(rows),
            "dictionary": {"explained_variance": 0.8, "l0": 30, "dead": float("inf"), "kl_spliced": 0.1},
            "layers": [{"hook_point": "blocks.1.hook_resid_post", "binding": 1.0, "hit": 0.9, "chosen": True}],
        }
    )


def test_evaluation_has_the_documented_keys(evaluation):
    document = evaluation.document()
    assert document["schema"] == "kedit.evaluation/1"
    assert {"match", "generation", "seed", "strength", "ci_method"} <= document["protocol"].keys()
    assert {
        "hook_point", "knowledge", "binding", "swap", "controls", "locality", "dictionary", "layers", "gates", "timing",
    } <= document.keys()  # fmt: skip
    assert {"quadrants", "confusion", "auroc", "false_positive_rate"} <= document["binding"].keys()
    quadrant = document["swap"]["quadrants"]["unseen_template_unseen_subject"]
    assert {"n", "subjects", "hit", "hit_macro", "ci", "exact", "wrong_subject", "stuck", "derailed"} <= quadrant.keys()
    assert {"from", "to", "quadrant", "n", "subjects", "hit", "ci", "majority"} <= document["swap"]["pairs"][0].keys()
    assert {"n", "hit", "hit_macro", "ci"} <= document["controls"]["noop"]["unseen_template_unseen_subject"].keys()
    assert {"hook_point", "binding", "hit", "chosen"} <= document["layers"][0].keys()


def test_report_has_the_documented_keys():
    edit = {"id": "e", "op": "swap", "from": "ex:a", "to": "ex:b", "hook_point": "blocks.1.hook_resid_post", "strength": 1}
    document = Report(
        verdict="PASS", protocol=ReportProtocol(seed=0, calibrated_strength=None), edits=(EditResult.model_validate(edit),)
    ).document()
    assert {"schema", "verdict", "protocol", "run", "edits", "locality", "gates", "expectations"} <= document.keys()
    assert {"id", "op", "hook_point", "strength", "quadrants", "pairs", "controls", "curve", "transcripts"} <= document["edits"][
        0
    ].keys()
    assert "calibrated_strength" in document["protocol"]
    assert "strength" not in document["protocol"]  # each edit has its own
    assert {"retention", "drift_kl", "scope_leak", "scope_miss", "moved_slots"} <= document["locality"].keys()


@pytest.mark.parametrize("kind", [Evaluation, Report])
def test_leak_and_miss_stand_with_interval_and_number(kind):
    schema = kind.model_json_schema(by_alias=True)
    locality, share = (schema["$defs"][part]["properties"] for part in ("Locality", "Share"))
    assert {"value", "ci", "n", "subjects"} <= share.keys()
    assert locality["scope_leak"]["additionalProperties"] == {"$ref": "#/$defs/Share"}
    for key in ("scope_miss", "subject_leak", "subject_miss", "gate_leak", "gate_miss", "read_back"):
        assert {"$ref": "#/$defs/Share"} in locality[key]["anyOf"]


def test_nan_and_infinity_are_null(evaluation):
    document = json.loads(json.dumps(evaluation.document(), allow_nan=False))
    assert document["knowledge"]["ex:a"]["majority"] is None
    assert document["dictionary"]["dead"] is None


def test_there_and_back(evaluation, tmp_path):
    path = tmp_path / "evaluation.json"
    evaluation.save(path)
    assert Evaluation.load(path) == evaluation


def test_a_run_is_named_and_earlier_documents_are_still_read(evaluation):
    assert RunInfo(name="run").model_dump()["name"] == "run"
    old = evaluation.document() | {"run": {"path": "runs/world"}}
    assert Evaluation.model_validate(old).run.name == "runs/world"


def test_strict_and_frozen(evaluation, tmp_path):
    with pytest.raises(ValidationError):
        Protocol.model_validate({"seed": 0, "strength": 1, "extra": 1})
    with pytest.raises(ValidationError):
        evaluation.hook_point = "elsewhere"
    (tmp_path / "bad.json").write_text('{"schema": "kedit.report/1"}', encoding="utf-8")
    with pytest.raises(InputError, match=r"bad\.json"):
        Evaluation.load(tmp_path / "bad.json")
    with pytest.raises(InputError, match="cannot read"):
        Evaluation.load(tmp_path / "missing.json")


def test_one_list_of_quadrants():
    assert get_args(Quadrant) == QUADRANTS


@pytest.mark.parametrize(
    ("verdict", "allowed", "code"),
    [
        ("PASS", False, 0),
        ("FAIL", True, 1),
        ("INCONCLUSIVE", True, 1),
        ("UNVERIFIED", False, 1),
        ("UNVERIFIED", True, 0),
    ],
)
def test_exit_codes(verdict, allowed, code):
    assert exit_code(verdict, allowed) == code
    report = Report(verdict=verdict, protocol=ReportProtocol(seed=0, calibrated_strength=1), allow_unverified=allowed)
    assert report.exit_code == code
