"""The program as a whole: exit codes and what becomes of errors."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import kedit
from kedit.cli.main import run
from kedit.config import AlignConfig
from kedit.errors import InputError, KeditError, Place


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """An empty stand-in for `kedit.pipeline`: these tests are about the command line alone."""
    module = ModuleType("kedit.pipeline")
    monkeypatch.setitem(sys.modules, "kedit.pipeline", module)
    monkeypatch.setattr(kedit, "pipeline", module, raising=False)
    monkeypatch.delenv("KEDIT_DEBUG", raising=False)
    return module


def fail_with(module: ModuleType, error: BaseException) -> None:
    def verify(*_: Any, **__: Any) -> None:
        raise error

    module.verify = verify  # type: ignore[attr-defined]


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"kedit {kedit.__version__}\n"
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    for command in (
        "align",
        "verify",
        "plan",
        "ask",
        "capture",
        "compare",
        "inspect",
        "probe",
        "ontology",
        "models",
        "recipe",
        "config",
    ):
        assert command in shown


@pytest.mark.parametrize("arguments", [["algin"], ["verify"], ["align", "--layers", "3"], ["align", "--seed", "x"]])
def test_usage_errors_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("error", "code", "shown"),
    [
        (InputError("no such term", place=Place("r.yaml", 3, 5, "edits[0].to"), advice="Did you mean 'x'?"), 2, "r.yaml:3:5"),
        (KeditError("the disk is full"), 3, "the disk is full"),
        (ZeroDivisionError("of\nlines"), 3, "internal error: ZeroDivisionError: of lines"),
    ],
)
def test_errors_are_messages_without_traceback(
    pipeline: ModuleType, capsys: pytest.CaptureFixture[str], error: Exception, code: int, shown: str
) -> None:
    fail_with(pipeline, error)
    assert run(["verify", "r.yaml"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert shown in captured.err
    assert "Traceback" not in captured.err


def test_an_internal_error_tells_how_to_learn_more(pipeline: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    fail_with(pipeline, RuntimeError())
    assert run(["verify", "r.yaml"]) == 3
    assert "kedit --debug" in capsys.readouterr().err


@pytest.mark.parametrize("error", [InputError("bad"), RuntimeError("worse")])
def test_debug_lets_the_traceback_through(pipeline: ModuleType, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    fail_with(pipeline, error)
    with pytest.raises(type(error)):
        run(["--debug", "verify", "r.yaml"])
    assert run(["verify", "r.yaml"]) == getattr(error, "exit_code", 3)
    monkeypatch.setenv("KEDIT_DEBUG", "1")
    with pytest.raises(type(error)):
        run(["verify", "r.yaml"])


def test_ctrl_c_exits_130(pipeline: ModuleType) -> None:
    fail_with(pipeline, KeyboardInterrupt())
    assert run(["verify", "r.yaml"]) == 130


def test_config_show_explains_every_setting_and_reads_back(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["config", "show"]) == 0
    shown = capsys.readouterr().out
    path = tmp_path / "align.yaml"
    path.write_text(shown, encoding="utf-8")
    assert AlignConfig.load(path, {}) == AlignConfig(ontology=Path("FILE"))
    assert run(["config", "show", "--config", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["model"] == "smollm2-135m"


def test_align_hands_every_option_to_the_pipeline(pipeline: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[AlignConfig] = []

    def dry_run(config: AlignConfig) -> dict[str, str]:
        seen.append(config)
        return {"run": str(config.run_directory())}

    pipeline.dry_run = dry_run  # type: ignore[attr-defined]
    options = (
        "--ontology o.ttl --model tiny --layer 2 --relations a,b --exclude c --seed 5 --import I=F --label-property p --lang de"
    )
    assert run(["align", *options.split(), "--dry-run", "--json"]) == 0
    (config,) = seen
    expected = AlignConfig(
        ontology=Path("o.ttl"),
        model="tiny",
        layer=2,
        relations=("a", "b"),
        exclude=("c",),
        seed=5,
        imports=("I=F",),
        label_property=("p",),
        lang="de",
    )
    assert config == expected
    assert json.loads(capsys.readouterr().out) == {"run": "runs/o-tiny"}


def test_align_follows_checkpoints_in_place_of_a_model(pipeline: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[tuple[AlignConfig, Path]] = []
    shares = {"known": 0.5, "binding": 1.0, "hit": None, "interchange": None}
    row = {"checkpoint": "step-000010", **shares, "n": 0, "cell": None, "reason": "no swap can be trained"}
    document = {"schema": "kedit.emergence/1", "hook_point": "blocks.1.hook_resid_post", "seed": 0, "rows": [row]}
    pipeline.emergence = lambda config, folder: [seen.append((config, folder)), document][1]  # type: ignore[attr-defined]
    options = ["align", "--ontology", "o.ttl", "--layer", "1", "--checkpoints", "kept"]
    assert run([*options, "--json"]) == 0
    assert seen == [(AlignConfig(ontology=Path("o.ttl"), layer=1), Path("kept"))]
    assert json.loads(capsys.readouterr().out) == document
    assert run(options) == 0
    shown = capsys.readouterr().out
    assert "0.50" in shown
    assert "step-000010: no swap can be trained" in shown
    assert run([*options, "--dry-run"]) == 2
    assert "--dry-run does not go with --checkpoints" in capsys.readouterr().err


def test_align_without_an_ontology_says_so(pipeline: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["align"]) == 2
    assert "'ontology' is missing" in capsys.readouterr().err


def test_align_ends_with_what_it_took(pipeline: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    from kedit.verification.inspection import Costs, StageLine

    costs = Costs(stages=(StageLine(name="reading", status="done", seconds=3.0, memory=1 << 30),), ran=("reading",), seconds=4.0)
    evaluation = SimpleNamespace(document=lambda: {"a": 1})
    pipeline.align = lambda _: SimpleNamespace(evaluation=evaluation, costs=costs)  # type: ignore[attr-defined]
    assert run(["align", "--ontology", "o.ttl", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"a": 1}
    assert "1.0 GiB" in captured.err
    assert "the whole" in captured.err
    assert run(["-q", "align", "--ontology", "o.ttl", "--json"]) == 0
    assert "the whole" not in capsys.readouterr().err
