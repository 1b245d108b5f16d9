"""The whole way from an ontology to a verified edit, on a closed world small enough to walk it in a minute."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from world import JOBS, small, world

from kedit.config import AlignConfig
from kedit.errors import InputError, KeditError
from kedit.lm.cache import TINY_BLOCKS


@pytest.fixture
def ontology(tmp_path: Path) -> Path:
    path = tmp_path / "world.ttl"
    path.write_text(world(), encoding="utf-8")
    return path


def files(run: Path) -> dict[str, bytes]:
    """Every file of a run but the lock and the cache; `run.json` without its timing and memory."""
    found = {str(p.relative_to(run)): p.read_bytes() for p in run.rglob("*") if p.is_file() and p.name != ".lock"}
    manifest = json.loads(found["run.json"])
    for block in ("timing", "memory", "gpu_memory"):
        manifest.pop(block)
    found["run.json"] = json.dumps(manifest).encode()
    return {name: data for name, data in found.items() if not name.startswith("activations/")}


@pytest.mark.slow
def test_from_an_ontology_to_a_verified_swap(
    ontology: Path, tmp_path: Path, kedit_cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from kedit import pipeline
    from kedit.lm import knowledge
    from kedit.stages import slots

    monkeypatch.chdir(tmp_path)
    cfg = AlignConfig(ontology=ontology, model="tiny", out=Path("run"))
    with small(monkeypatch):
        # Killed in the middle of training ...
        trained = slots._trained

        def killed(*_: Any) -> Any:
            raise KeyboardInterrupt

        monkeypatch.setattr(slots, "_trained", killed)
        with pytest.raises(KeyboardInterrupt):
            pipeline.align(cfg)
        with pytest.raises(InputError, match="not finished"):
            pipeline.load_run("run")
        monkeypatch.setattr(slots, "_trained", trained)
        capsys.readouterr()
        # ... it goes on where it was,
        run = pipeline.align(cfg)
        said = capsys.readouterr().err
        assert "[slot training]" in said
        assert "[model]" not in said
        first = files(Path("run"))
        # does nothing when there is nothing to do,
        pipeline.align(cfg)
        said = capsys.readouterr().err
        assert "Nothing to do: run is up to date." in said
        assert "[" not in said.replace("[0", "")
        assert files(Path("run")) == first
        # and ends with the same bytes as a run that was never interrupted.
        Path("run").rename("interrupted")
        run = pipeline.align(cfg)
        assert files(Path("run")) == first
        # Untaught, a model's own text is not its lessons: slots learn to be silent there too.
        monkeypatch.setattr(knowledge, "ENOUGH_FACTS", 20)
        assert run.lm.taught  # so says its folder
        lm = replace(run.lm, taught=False)
        untaught = pipeline.align(cfg.model_copy(update={"out": Path("untaught"), "teach": "never"}), model=lm)
        assert not untaught.evaluation.run.taught
        assert untaught.evaluation.binding.background_rate is not None
        assert run.evaluation.binding.background_rate is None
        assert untaught.sae.metadata["training_states"] > run.sae.metadata["training_states"]

    assert pipeline.dry_run(cfg)["changed since"] == []
    assert pipeline.dry_run(cfg.model_copy(update={"seed": 7}))["changed since"] == [f"seed: {cfg.seed}, now 7"]
    evaluation = run.evaluation
    assert evaluation.run.taught
    assert evaluation.run.name == "run"
    assert all(row.asked == 26 and row.known >= 20 for row in evaluation.knowledge.values())
    assert evaluation.binding.quadrants["seen_template_unseen_subject"].accuracy > 0.9
    swaps = evaluation.swap.quadrants["seen_template_seen_subject"]
    assert swaps.hit is not None
    assert swaps.hit > 0.4
    assert len(evaluation.layers) == TINY_BLOCKS - 1
    assert sum(layer.chosen for layer in evaluation.layers) == 1
    assert evaluation.dictionary is not None
    assert evaluation.dictionary.n_slots == 3
    assert set(evaluation.controls) >= {"noop", "diff_means", "trained_vector", "interchange", "majority"}
    _use(run)


@pytest.mark.slow
def test_natural_rows_leave_nothing_to_read_and_a_refitted_bank_reconstructs_beside_them(
    ontology: Path, tmp_path: Path, kedit_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kedit.files import load_tensors, read_json
    from kedit.pipeline import align
    from kedit.sae.dictionary import FreeBank
    from kedit.verification.passport_tests import carried

    settings: dict[str, Any] = {"write": "natural", "refit": True, "hold": True, "layer": 1}
    with small(monkeypatch):
        run = align(AlignConfig(ontology=ontology, model="tiny", out=tmp_path / "run", **settings))
    sae, index = run.sae, [slot.index for slot in run.slots.relations]
    reads = sae.read_columns[:, index]
    torch.testing.assert_close(sae.write_rows[index] @ reads, torch.eye(len(index)), atol=1e-3, rtol=0)
    tests = carried(run.setting)
    assert (tests["read without the slots"] or 0) < 0.6
    assert (tests["reconstruction helped"] or 0) > 0.9
    unsupervised = FreeBank(**load_tensors(run.path / "training/dictionary.safetensors"))
    assert not torch.equal(unsupervised.W_dec, sae.free.W_dec)
    # The evaluation shows the dictionary that the run ships, slots among it, not the bank that they were added to.
    shown, before = run.evaluation.dictionary, read_json(run.path / "training/dictionary.json")
    assert shown is not None
    assert (shown.explained_variance, shown.n_free) == (sae.metadata["dictionary"]["explained_variance"], before["n_free"])
    assert shown.explained_variance != before["explained_variance"]


@pytest.mark.slow
def test_the_published_objective_binds_and_its_read_back_is_measured(
    ontology: Path, tmp_path: Path, kedit_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kedit import pipeline

    monkeypatch.chdir(tmp_path)
    with small(monkeypatch):
        run = pipeline.align(AlignConfig(ontology=ontology, model="tiny", preset="paper", layer=2, out=Path("run")))
    about, evaluation = run.sae.metadata, run.evaluation
    assert (evaluation.run.preset, about["preset"], about["read_back"], about["target"]) == ("paper", "paper", False, None)
    # Cross-entropy binds by comparison; the absolute level that a threshold needs is not trained.
    assert about["losses"]["bind"] < 0.3
    assert min(slot["balanced_accuracy"] for slot in about["slots"]) > 0.8
    assert evaluation.binding.quadrants["seen_template_seen_subject"].accuracy > 0.4
    assert evaluation.locality.read_back is not None
    assert (evaluation.locality.read_back.value or 0.0) > 0.05
    assert evaluation.dictionary is not None
    assert evaluation.dictionary.explained_variance == about["dictionary"]["explained_variance"]
    with run.edit({"kedit": 1, "name": "nothing", "run": "run", "edits": []}) as model:
        import torch

        inputs = torch.tensor([run.lm.encode("The city of Ada Moss is")])
        assert torch.equal(model(inputs).logits, run.lm.model(inputs).logits)


def _use(run: Any) -> None:
    from kedit import pipeline

    recipe = {
        "kedit": 1,
        "name": "swap",
        "run": "run",
        "edits": [{"op": "swap", "from": "city", "to": "job"}],
        "expect": [{"metric": "hit", "at_least": 0.2, "on": "seen_template_seen_subject", "bound": "point", "min_n": 5}],
        "verify": {"per_edit": 10, "locality_n": 10},
    }
    Path("swap.yaml").write_text(json.dumps(recipe), encoding="utf-8")
    report = pipeline.verify("swap.yaml")
    assert report.verdict == "PASS"
    assert report.exit_code == 0
    assert {path.name for path in Path("run/reports/swap").iterdir()} == {"report.json", "report.html", "figures", "rows.jsonl"}
    answer = pipeline.ask("run", "Where does Ada Moss live?", recipe="swap.yaml")
    assert answer.before == "Vienna"
    assert answer.after in JOBS
    (edit,) = answer.edits
    assert (edit.fired, edit.blocked_by) == (True, None)
    lit = {slot.slot: slot for slot in answer.slots}
    assert (lit["ex:city"].active, lit["ex:city"].active_after) == (True, False)
    assert lit["ex:city"].after == pytest.approx(0, abs=1e-3)
    assert lit["ex:job"].after == pytest.approx(edit.strength, abs=1e-3)
    document = pipeline.inspect("run")
    assert document.finished
    assert document.strength in (1.0, 1.25)
    assert [slot.curie for slot in document.slots] == ["ex:city", "ex:job", "ex:pet"]
    assert all(slot.valid is not None and slot.threshold is not None for slot in document.slots)
    assert [(line.recipe, line.verdict) for line in document.reports] == [("swap", "PASS")]
    with pytest.raises(InputError, match="unknown"):
        run.verify({**recipe, "edits": [{"op": "swap", "from": "town", "to": "job"}], "expect": []})
    with run.edit({**recipe, "edits": [], "expect": []}) as model:
        ids = run.lm.encode("The city of Ada Moss is")
        import torch

        inputs = torch.tensor([ids])
        assert torch.equal(model(inputs).logits, run.lm.model(inputs).logits)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ontology": Path("nowhere.ttl")}, "nowhere.ttl"),
        ({"relations": ("town",)}, "unknown relation 'town'"),
        ({"exclude": ("city", "job", "pet")}, "no usable relation is left"),
        ({"layer": TINY_BLOCKS}, f"blocks 0 to {TINY_BLOCKS - 1}"),
        ({"model": "no-such-model"}, "no-such-model"),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(iter(value)),
)
def test_bad_input_is_found_before_anything_is_written(
    change: dict[str, Any], message: str, ontology: Path, tmp_path: Path, kedit_cache: Path
) -> None:
    from kedit import pipeline

    out = tmp_path / "run"
    cfg = AlignConfig.model_validate({"ontology": ontology, "model": "tiny", "out": out, **change})
    with pytest.raises(InputError, match=message) as caught:
        pipeline.align(cfg)
    assert caught.value.exit_code == 2
    assert not out.exists()


def test_an_ontology_without_facts_is_nothing_to_align(tmp_path: Path) -> None:
    from kedit import pipeline

    path = tmp_path / "empty.ttl"
    path.write_text(world(facts=False), encoding="utf-8")
    with pytest.raises(InputError, match="nothing to align"):
        pipeline.align(AlignConfig(ontology=path, model="tiny", out=tmp_path / "run"))


def test_nothing_known_and_nothing_may_be_taught(ontology: Path, tmp_path: Path, kedit_cache: Path, random_lm: Any) -> None:
    from kedit import pipeline

    cfg = AlignConfig(ontology=ontology, teach="never", out=tmp_path / "run", max_subjects=5)
    with pytest.raises(InputError, match=r"knows too little of the ontology, and nothing may be taught") as caught:
        pipeline.align(cfg, model=random_lm("gpt2"))
    assert "--teach auto" in str(caught.value)


def test_a_dry_run_writes_nothing(ontology: Path, tmp_path: Path) -> None:
    from kedit import pipeline

    document = pipeline.dry_run(AlignConfig(ontology=ontology, model="tiny", out=tmp_path / "run"))
    assert document["relations"] == ["ex:city", "ex:job", "ex:pet"]
    assert document["prompts"]["asked"] == 26 * 3 * 6
    assert not (tmp_path / "run").exists()


def test_the_probe_counts_answers_by_relation_and_template(
    ontology: Path, kedit_cache: Path, random_lm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kedit import pipeline
    from kedit.lm import store

    monkeypatch.setattr(store, "load_model", lambda *_, **__: random_lm("gpt2"))
    document = pipeline.probe(AlignConfig(ontology=ontology, max_subjects=4))
    assert {row["asked"] for row in document["knowledge"].values()} == {4}
    assert sum(row["n"] for row in document["templates"]) == 3 * 6 * 4
    assert not document["enough"]


def test_no_run_no_verification(tmp_path: Path) -> None:
    from kedit import pipeline

    with pytest.raises(InputError, match="there is no run"):
        pipeline.load_run(tmp_path / "nowhere")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("kedit: 1\nedits: []\n", encoding="utf-8")
    with pytest.raises(KeditError, match="names no run"):
        pipeline.verify(recipe)
