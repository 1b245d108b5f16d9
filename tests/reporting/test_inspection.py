"""The page of `kedit inspect`, of finished and unfinished runs and of one slot."""

from __future__ import annotations

import pytest

from kedit.reporting import terminal
from kedit.reporting.inspection import render_costs, render_inspection
from kedit.reporting.terminal import to_text
from kedit.verification.inspection import (
    Costs,
    Inspection,
    Reads,
    ReportLine,
    RunModel,
    RunOntology,
    SlotDetail,
    SlotLine,
    Spread,
    StageLine,
)

NAMES = ("ontology", "slots", "prompts", "model", "knowledge", "layers", "dictionary", "slot training", "vectors", "evaluation")


@pytest.fixture
def inspected(evaluation) -> Inspection:
    quantiles = {"0.01": -0.001, "0.05": 0.1, "0.5": 0.5, "0.95": 0.7, "0.99": 0.9}
    reads = Reads(on=Spread(n=29, mean=0.96, std=0.1, quantiles=quantiles), off=Spread(n=5_660, mean=-0.001, quantiles=quantiles))
    slots = tuple(
        SlotLine(
            index=i, iri=f"https://e.org/{curie}", curie=curie, label="[b]the capital of it", kind="relation",
            threshold=0.5 if i else None, balanced_accuracy=0.98,
            train=reads, valid=reads, auroc=0.99, reason="212 facts about 197 subjects",
        )
        for i, curie in enumerate(evaluation.knowledge)
    )  # fmt: skip
    return Inspection(
        path="runs/countries-smollm2-135m",
        finished=True,
        ontology=RunOntology(source="ontologies/countries.ttl", sha256="a" * 64),
        model=RunModel(
            name="smollm2-135m", fingerprint="f" * 64, description="SmolLM2-135M-Instruct, Q4_1 (wheel)", taught=False
        ),
        seeds={"seed": 0},
        stages=tuple(StageLine(name=name, status="done", seconds=100.5 * i) for i, name in enumerate(NAMES)),
        hook_point=evaluation.hook_point,
        slots=slots,
        layers=evaluation.layers,
        strength=1.25,
        strength_curve=({"strength": 1.0, "hit": 0.8}, {"strength": 1.25, "hit": None}),
        evaluation=evaluation,
        reports=(
            ReportLine(
                recipe="one", path="runs/x/reports/one/report.json", verdict="FAIL", exit_code=1, edits=1, met=2, binding=3
            ),
            ReportLine(recipe="two", path="runs/x/reports/two/report.json"),
        ),
    )  # type: ignore[arg-type]


def text(document: Inspection) -> str:
    shown = terminal.to_text(render_inspection(document))
    assert max(map(len, shown.splitlines())) <= 100
    return shown


def test_a_finished_run(inspected):
    shown = text(inspected)
    for expected in (
        "untouched weights", "✓ slot training 11 min", "1 h 15 min in all", "[b]the capital", "5 %", "0.98",
        "▸ blocks.17.hook_resid_post", "▸ 1.25", "unseen × unseen, macro", "evaluation.html", "✗ FAIL", "2 of 3",
        "cannot be read: verify again", "reports/one/report.html",
    ):  # fmt: skip
        assert expected in shown
    assert "Not finished" not in shown
    assert len(shown.splitlines()) <= 60


def test_an_unfinished_run(inspected):
    stages = (StageLine(name="ontology", status="done", seconds=0.08), StageLine(name="slots", status="stale"))
    update = {
        "finished": False, "missing": ("slots", "prompts"), "stages": stages, "slots": (), "layers": (), "strength": None,
        "strength_curve": (), "evaluation": None, "reports": (), "hook_point": None,
        "model": RunModel(name="tiny", fingerprint="made from the ontology"),
    }  # fmt: skip
    shown = text(inspected.model_copy(update=update))
    assert "Not finished: slots, prompts missing." in shown
    assert "it goes on where it stopped" in shown
    assert "✓ ontology 0.1 s" in shown
    assert "~ slots" in shown
    assert "made from" not in shown
    assert "Reports" not in shown


def test_no_report_yet(inspected):
    assert "none yet: `kedit verify RECIPE`" in text(inspected.model_copy(update={"reports": ()}))


def test_one_slot(inspected, evaluation):
    pairs = tuple(pair for pair in evaluation.swap.pairs if pair.quadrant == "unseen_template_unseen_subject")
    detail = SlotDetail(
        slot=inspected.slots[1], parents=("ex:Place",), read_as={"ex:hasCapital": 30, "(none)": 2},
        pairs_out=pairs[:3], pairs_in=pairs[3:6],
    )  # fmt: skip
    shown = text(inspected.model_copy(update={"slot": detail}))
    for expected in (
        "ex:hasLanguage", "below ex:Place", "threshold 0.500", "validation, off", "5,660", "ex:hasCapital 30 · (none) 2 of 32",
        "Swaps from it", "Swaps to it", "never trained",
    ):  # fmt: skip
        assert expected in shown
    assert "-0.00" not in shown
    assert "✓ slot training" not in shown


def test_a_slot_that_reads_nothing(inspected):
    shown = text(inspected.model_copy(update={"slot": SlotDetail(slot=inspected.slots[0]), "evaluation": None}))
    assert "it never switches on" in shown
    assert "not evaluated yet" in shown
    bare = SlotLine(index=0, iri="i", curie="ex:a", label="a", kind="class")
    assert "not trained yet" in text(inspected.model_copy(update={"slot": SlotDetail(slot=bare)}))


def test_time_and_memory_of_stages(inspected):
    stages = (
        StageLine(name="ontology", status="done", seconds=0.1),
        StageLine(name="reading", status="done", seconds=72, memory=3 << 29),
    )
    shown = text(inspected.model_copy(update={"stages": stages}))
    assert "✓ reading 1 min 12 s, 1.5 GiB" in shown
    assert "1 min 12 s in all, at most 1.5 GiB" in shown
    many = tuple(StageLine(name="slot training", status="done", seconds=4000, memory=3 << 29) for _ in range(12))
    assert all(len(line) <= 100 for line in text(inspected.model_copy(update={"stages": many})).splitlines())


def test_what_an_alignment_took():
    stages = (
        StageLine(name="ontology", status="done", seconds=9.0, memory=1 << 20),
        StageLine(name="reading", status="done", seconds=72, memory=3 << 29),
        StageLine(name="model", status="done", seconds=1.5),
    )
    shown = to_text(render_costs(Costs(stages=stages, ran=("reading", "model"), seconds=80.0, memory=2 << 30)))
    assert "ontology" not in shown
    rows = [line.split() for line in shown.splitlines()[2:]]
    assert rows == [
        ["reading", "1", "min", "12", "s", "1.5", "GiB"],
        ["model", "1.5", "s", "–"],
        ["the", "whole", "1", "min", "20", "s", "2.0", "GiB"],
    ]
    on_gpu = stages[1].model_copy(update={"gpu_memory": 5 << 20})
    assert "5 MiB" in to_text(render_costs(Costs(stages=(on_gpu,), ran=("reading",), seconds=80.0)))
