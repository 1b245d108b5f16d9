"""From a recipe to a report, and from a run to an evaluation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kedit.editing.reading import as_recipe
from kedit.editing.resolving import resolve
from kedit.errors import InputError
from kedit.verification.evaluating import evaluate_run
from kedit.verification.measure import ALL_CONTROLS
from kedit.verification.report import Evaluation, Protocol, Report
from kedit.verification.strengths import STRENGTHS
from kedit.verification.verifying import verify_recipe
from kedit.verification.verifying_edits import answered_before, interference

EX = "https://example.org/places#"
HEADLINE = "unseen_template_unseen_subject"
SWAP = {"id": "one", "op": "swap", "from": "ex:hasCapital", "to": "ex:hasLanguage"}
SMALL = {"per_edit": 3, "locality_n": 6}


def verify(setting, *edits, **keys):
    recipe = as_recipe({"kedit": 1, "name": "test", "edits": list(edits), "verify": SMALL, **keys})
    return verify_recipe(setting, resolve(recipe, setting.ontology, setting.slots), null_latents=3, neutral_n=6)


def test_a_report_holds_rows_controls_damage_and_a_verdict(make_setting, tmp_path):
    expect = [
        {"metric": "hit", "at_least": 0.5, "min_n": 2},
        {"metric": "hit", "versus": "noop", "at_least": 0.1, "min_n": 2},
        {"metric": "read_back", "at_most": 0.05, "min_n": 1},
        {"metric": "binding_accuracy", "at_least": 0.0, "min_n": 1},
        {"metric": "retention", "at_least": 0.98, "min_n": 1},
    ]
    report, rows = verify(make_setting(), SWAP, expect=expect)
    verdicts = {(e.metric, e.versus): e.verdict for e in report.expectations}
    assert report.verdict == "FAIL"
    assert verdicts["hit", None] == verdicts["hit", "noop"] == "FAIL"
    assert verdicts["read_back", None] == verdicts["binding_accuracy", None] == "PASS"
    assert verdicts["retention", None] == "INCONCLUSIVE"  # a random model knows nothing that it could keep
    edit = report.edits[0]
    assert [point.strength for point in edit.curve if point.chosen] == [edit.strength]
    assert set(edit.controls) == set(ALL_CONTROLS)
    assert edit.controls["random_latent"][HEADLINE].p_value == 1
    assert edit.quadrants[HEADLINE].n == 3
    assert [point.strength for point in edit.curve] == list(STRENGTHS)
    assert edit.transcripts[0].after == next(r.text for r in rows if r.control == "edit" and r.text == edit.transcripts[0].after)
    assert report.gates["went_on"].kept + report.gates["went_on"].dropped == edit.fluency.ended_base.n
    assert report.gates["fired"].kept + report.gates["fired"].dropped == sum(row.control == "edit" for row in rows)
    assert {row.edit for row in rows} == {"one"}
    report.save(tmp_path / "report.json")
    assert Report.load(tmp_path / "report.json").document() == report.document()


def test_several_edits_are_verified_alone_and_together(make_setting):
    report, rows = verify(make_setting(), SWAP, {"op": "suppress", "slot": "ex:hasContinent"})
    assert report.verdict == "UNVERIFIED"
    assert [edit.op for edit in report.edits] == ["swap", "suppress"]
    assert report.edits[0].together.n == report.edits[0].together.difference.n
    alone = {(r.prompt_id, r.target): r.text for r in rows if r.edit == "one" and r.control == "edit"}
    both = {(r.prompt_id, r.target): r.text for r in rows if r.edit == "one" and r.control == "together"}
    assert both.keys() <= alone.keys()
    assert both
    assert any(name.startswith("one: ") for name in report.gates)


def test_where_all_edits_together_leave_nothing_to_retain_each_is_judged_alone(make_setting):
    setting = make_setting()
    hits = tuple(True for _ in setting.knowledge.hits)
    setting = replace(setting, knowledge=replace(setting.knowledge, hits=hits))
    expect = [{"metric": "retention", "at_least": 0.0, "min_n": 1}]
    other = {"op": "suppress", "slot": "ex:hasContinent"}
    report, _ = verify(setting, SWAP, other, expect=expect)
    assert (report.verdict, report.expectations[0].edit is not None) == ("PASS", True)
    assert any("none is left to retain" in note for note in report.notes)
    assert report.locality.retention == {}
    one, _ = verify(setting, SWAP, {"op": "suppress", "slot": "ex:hasCapital"}, expect=expect)
    assert one.notes == ()


def test_damage_of_an_edit_that_fires_later_is_never_passed(make_setting):
    later = SWAP | {"id": "later", "scope": {"steps": "all"}}
    metrics = ("retention", "drift_kl", "scope_leak", "scope_miss", "gate_leak")
    expect = [{"metric": metric, "at_most": 1.0, "min_n": 1} for metric in metrics]
    report, _ = verify(make_setting(), SWAP, later, expect=expect)
    assert {(item.verdict, item.edit) for item in report.expectations if item.metric != "retention"} <= {
        ("INCONCLUSIVE", "later"), ("INCONCLUSIVE", None)
    }  # fmt: skip
    assert any("`steps: all`" in note for note in report.edits[1].notes)
    assert not any("`steps" in note for note in report.edits[0].notes)
    assert any("later also fires" in note for note in report.notes)


def test_with_all_edits_at_work_an_item_counts_only_where_its_own_edit_fired(make_setting):
    """The gate of the first is shut here; the second, which fires everywhere, must not count for it."""
    two = {"id": "two", "op": "swap", "from": "ex:hasCapital", "to": "ex:hasContinent", "scope": {"when": "always"}}
    _, rows = verify(make_setting(), SWAP, two)
    fired = {name: [row.gate for row in rows if row.edit == name and row.control == "together"] for name in ("one", "two")}
    assert fired["one"]
    assert not any(fired["one"])
    assert all(fired["two"])


def test_few_items_cannot_rule_out_interference(make_rows):
    def seen(n, lost, subjects=15):
        alone = make_rows("a", "b", ["hit"] * n, subjects=subjects)
        both = make_rows("a", "b", ["derailed"] * lost + ["hit"] * (n - lost), subjects=subjects, control="together")
        return interference([*alone, *both], 0).interferes

    assert seen(60, 0) is False
    assert seen(60, 30) is True
    assert seen(5, 0) is None
    assert seen(60, 0, subjects=3) is None
    assert seen(5, 5) is True


def test_a_prompt_of_its_own_that_is_too_long_is_bad_input(make_setting):
    prompts = [{"text": "word " * 5000, "asks": "hasCapital"}]
    with pytest.raises(InputError, match="tokens"):
        verify(make_setting(), SWAP, prompts=prompts)


@pytest.mark.parametrize(
    "edit",
    [
        {"op": "amplify", "slot": "ex:hasCapital"},
        {"op": "set", "slot": "ex:hasCapital"},
        {"op": "set", "slot": "ex:Continent"},
        SWAP | {"scope": {"steps": "all", "subjects": {"in": ["ex:Norway", "ex:Japan"]}}},
        SWAP | {"to": "ex:hasCapital"},
    ],
    ids=["amplify", "set", "class", "steps", "empty"],
)
def test_every_kind_of_edit_can_be_verified(make_setting, edit):
    report, _ = verify(make_setting(), edit, expect=[{"metric": "hit", "at_least": 0.5}])
    assert report.verdict in ("FAIL", "INCONCLUSIVE")


def test_a_control_on_demand_that_is_not_there_is_bad_input(make_setting):
    with pytest.raises(InputError, match="reft_r1"):
        verify(make_setting(), SWAP, verify=SMALL | {"controls": ["reft_r1"]})


def test_only_answers_that_were_there_can_be_taken_away(make_rows):
    there, gone = EX + "a", EX + "b"
    rows = make_rows(there, there, ["stuck"], control="noop") + make_rows(there, there, ["hit"])
    rows += make_rows(gone, gone, ["hit"], control="noop") + make_rows(gone, gone, ["hit"])
    kept, gate = answered_before(rows)
    assert {row.target for row in kept} == {there}
    assert (gate.kept, gate.dropped) == (1, 1)


def test_a_run_is_evaluated_in_all_quadrants(make_setting):
    setting = make_setting()
    found = evaluate_run(setting, per_pair=2, controls_per_pair=1, null_latents=3, locality_n=6, neutral_n=6)
    assert len(found.swap.quadrants) == 4
    assert set(found.controls) == set(ALL_CONTROLS)
    assert set(found.controls["noop"]) == {HEADLINE}
    assert found.controls["random_latent"][HEADLINE].p_value == 1
    assert {(pair.source, pair.target) for pair in found.swap.pairs} == {
        (setting.ontology.curie(a), setting.ontology.curie(b)) for a, b in setting.pairs
    }
    assert found.binding.quadrants[HEADLINE].n == 12
    document = Evaluation(
        protocol=Protocol(seed=0, strength=setting.strength),
        hook_point=setting.sae.hook_point,
        binding=found.binding,
        swap=found.swap,
        controls=found.controls,
        locality=found.locality,
        gates=found.gates,
        timing=found.timing,
    )
    assert document.document()["schema"] == "kedit.evaluation/1"
