"""`kedit bench capture | control | swap`: floors are what torch counts, both ways agree, and a broken one is seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from world import world

from kedit.bench import models
from kedit.bench.floors import Costs, Peak, costs_of, keys_seen
from kedit.bench.workload import Workload, load_workload
from kedit.cli.main import run
from kedit.errors import InputError
from kedit.lm.model import LanguageModel
from kedit.ontology import load_ontology


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "world.ttl"
    path.write_text(world(), encoding="utf-8")
    return path


@pytest.fixture
def work(file: Path, layout: str, random_transformer: Callable[..., Any]) -> Workload:
    # A model of its own: transformers leaves hooks on one that was asked for all hidden states, as the naive way does.
    lm = LanguageModel.from_transformers(*random_transformer(layout), name=f"random-{layout}")
    return load_workload(lm, load_ontology(file), 60, (1, 2))


def test_costs_are_those_that_torch_counts(lm: Any) -> None:
    ids = torch.tensor([lm.encode("Who lives in Norway, and who does not?")])
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        lm.model(input_ids=ids)
    costs, n = costs_of(lm), ids.shape[1]
    full_attention = lm.n_layers * costs.attention * n * n
    counted = counter.get_total_flops()
    expected = n * (costs.whole + costs.head) + full_attention
    # Attention is counted where the layout's kernel is one that torch knows; rotary embeddings are products, too.
    assert expected - full_attention <= counted <= 1.05 * expected


def test_keys_seen_add_up() -> None:
    assert keys_seen(0, 4) == 1 + 2 + 3 + 4
    assert keys_seen(5, 2) == 6 + 7
    assert keys_seen(0, 6) == keys_seen(0, 4) + keys_seen(4, 2)


def test_blocks_above_and_below_make_the_whole() -> None:
    costs = Costs((3, 5, 7), 11, 1)
    assert costs.upto(1) + costs.above(1) == costs.whole == 15


def test_shared_tokens_count_once_a_carrier(work: Workload) -> None:
    apart = work._replace(lm=work.lm, prompts=work.prompts[:1], ids=work.ids[:1])
    one = models._reading_flop(apart, costs_of(work.lm), 2)
    many = models._reading_flop(work, costs_of(work.lm), 2)
    assert one < many < len(work.ids) * max(len(row) for row in work.ids) / len(work.ids[0]) * one


def test_a_workload_is_whole_carriers(work: Workload, file: Path, random_lm: Any) -> None:
    counts = {carrier: work.carriers.count(carrier) for carrier in work.carriers}
    assert len(set(counts.values())) == 1
    assert len(work.prompts) >= 60
    assert load_workload(random_lm("gpt2"), load_ontology(file), 60, (1,)).prompts == work.prompts


@pytest.mark.parametrize("kind", ["capture", "control", "swap"])
def test_both_ways_agree_on_every_layout(work: Workload, kind: str) -> None:
    result, lengths = getattr(models, kind)(work, 1)
    assert result.equal, kind
    assert result.kedit_s > 0
    assert result.floor_s > 0
    assert result.naive_s > 0
    assert lengths["tokens_per_prompt"] > 3


def test_states_that_differ_are_seen(work: Workload, monkeypatch: pytest.MonkeyPatch) -> None:
    right = models.capture_decisions
    monkeypatch.setattr(models, "capture_decisions", lambda *args: {k: v + 0.1 for k, v in right(*args).items()})
    assert not models.capture(work, 1).result.equal


def test_a_loss_that_differs_is_seen(work: Workload, monkeypatch: pytest.MonkeyPatch) -> None:
    right = models._cached_loss
    monkeypatch.setattr(models, "_cached_loss", lambda *args: 1.1 * right(*args))
    assert not models.control(work, 1).result.equal


def test_an_answer_that_differs_is_seen(work: Workload, monkeypatch: pytest.MonkeyPatch) -> None:
    right = models.edited_answers
    monkeypatch.setattr(models, "edited_answers", lambda *args: [[ids[0] + 1, *ids[1:]] for ids in right(*args)])
    assert not models.swap(work, 1).result.equal


def test_the_peak_is_a_rate() -> None:
    peak = Peak(torch.device("cpu"), torch.float32)
    peak.sample()
    assert 1e8 < peak.rate < 1e14


def test_the_command(file: Path, random_lm: Any, tmp_path: Path, kedit_cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from kedit.lm.store import save_model

    save_model(random_lm("llama"), tmp_path / "model")
    command = ["bench", "capture", "--ontology", str(file), "--model", str(tmp_path / "model"), "--prompts", "30"]
    assert run([*command, "--repeat", "1", "--layers", "0,2", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["schema"] == "kedit.bench/1"
    assert made["workload"]["hook_points"] == "blocks.0, blocks.2"
    assert made["workload"]["prompts"] >= 30
    assert made["results"][0]["equal"]
    assert run([*command, "--repeat", "1", "--layers", "a"]) == 2
    assert "no list of numbers" in capsys.readouterr().err
    assert run([*command, "--repeat", "1", "--layers", "7"]) == 2
    assert "blocks 0 to 3" in capsys.readouterr().err
    assert run(["bench", "swap", "--ontology", "nowhere.ttl"]) == 2
    assert run(["bench", "swap", "--ontology", str(file), "--model", "tiny"]) == 2


def test_one_relation_is_nothing_to_swap(tmp_path: Path, random_lm: Any) -> None:
    path = tmp_path / "one.ttl"
    lines = [line for line in world().splitlines() if "ex:job" not in line and "ex:pet" not in line]
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(InputError, match="nothing to swap"):
        load_workload(random_lm("gpt2"), load_ontology(path), 10, (1,))
