"""The run directory: resume = never interrupted, unchanged = not recomputed, other inputs = not overwritten."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kedit.errors import InputError, KeditError
from kedit.locks import LOCK, DirectoryLock
from kedit.runs import ModelId, OntologyId, Run

ONTOLOGY = OntologyId(source="toy.ttl", sha256="a" * 64)
MODEL = ModelId(name="tiny", fingerprint="f" * 64, revision=None)


def opened(path: Path, **options: Any) -> Run:
    options = {"ontology": ONTOLOGY, "model": MODEL, "seeds": {"seed": 0}, "config": {"layer": "auto"}} | options
    return Run.open_or_create(path, **options)


class Toy:
    """Four stages: a -> b (a directory whose name becomes known inside), c alone, d after b and c."""

    def __init__(self, path: Path, *, text: str = "x", name: str = "blocks.1", version: int = 1, die: str = "") -> None:
        self.path, self.text, self.name, self.version, self.die = path, text, name, version, die
        self.ran: list[str] = []
        self.reasons: dict[str, str] = {}

    def run(self, **options: Any) -> list[str]:
        with opened(self.path, **options) as run:
            with run.stage("a", {"text": self.text}, self.version, ["a.txt"]) as stage:
                self.work("a", stage, "a.txt", self.text)
            with run.stage("b", {"name": self.name}, 1, after=["a"]) as stage:
                if stage.needed:
                    stage.output(f"sae/{self.name}")
                self.work("b", stage, f"sae/{self.name}/weights", run.file("a.txt").read_text() * 2)
                self.work("b", stage, f"sae/{self.name}/cfg", "{}")
            with run.stage("c", {"n": 3, "file": Path("x/y")}, 1, ["c.txt"]) as stage:
                self.work("c", stage, "c.txt", str(run.recorded("batch", lambda: 32)))
            with run.stage("d", {}, 1, ["d.txt"], after=["b", "c"]) as stage:
                self.work("d", stage, "d.txt", run.file(f"sae/{self.name}/weights").read_text())
        return list(dict.fromkeys(self.ran))

    def work(self, name: str, stage: Any, file: str, text: str) -> None:
        self.reasons[name] = stage.reason
        if not stage.needed:
            return
        path = self.path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text[: len(text) // 2])
        if self.die == file:
            raise KeyboardInterrupt
        path.write_text(text)
        self.ran.append(name)


def contents(path: Path) -> dict[str, Any]:
    """All bytes of a run, without its timing and memory."""
    found: dict[str, Any] = {str(f.relative_to(path)): f.read_bytes() for f in sorted(path.rglob("*")) if f.is_file()}
    manifest = json.loads(found.pop("run.json"))
    assert set(manifest.pop("timing")) == set(manifest["stages"])
    assert set(manifest.pop("memory")) <= set(manifest["stages"])
    assert manifest.pop("gpu_memory") == {}
    return {**found, "run.json": json.dumps(manifest)}


def test_a_second_run_recomputes_nothing_and_changes_no_byte(tmp_path: Path) -> None:
    assert Toy(tmp_path / "r").run() == ["a", "b", "c", "d"]
    before = contents(tmp_path / "r")
    again = Toy(tmp_path / "r")
    assert again.run() == []
    assert set(again.reasons.values()) == {""}
    assert contents(tmp_path / "r") == before


@pytest.mark.parametrize("die", ["a.txt", "sae/blocks.1/weights", "sae/blocks.1/cfg", "c.txt", "d.txt"])
def test_resumed_equals_never_interrupted(tmp_path: Path, die: str) -> None:
    Toy(tmp_path / "whole").run()
    with pytest.raises(KeyboardInterrupt):
        Toy(tmp_path / "r", die=die).run()
    assert not Run.open(tmp_path / "r").done("d")
    finished = Toy(tmp_path / "r").run()
    assert "d" in finished
    assert contents(tmp_path / "r") == contents(tmp_path / "whole")


@pytest.mark.parametrize("die", ["a.txt", "sae/blocks.2/cfg", "d.txt"])
def test_interrupted_after_a_change_equals_never_interrupted(tmp_path: Path, die: str) -> None:
    Toy(tmp_path / "whole", text="yy", name="blocks.2").run()
    Toy(tmp_path / "r").run()
    with pytest.raises(KeyboardInterrupt):
        Toy(tmp_path / "r", text="yy", name="blocks.2", die=die).run()
    half = Run.open(tmp_path / "r")
    with pytest.raises(InputError, match="is not finished: stage d"):
        half.require("d")
    Toy(tmp_path / "r", text="yy", name="blocks.2").run()
    assert contents(tmp_path / "r") == contents(tmp_path / "whole")


def test_a_changed_input_runs_its_stage_and_what_depends_on_its_bytes(tmp_path: Path) -> None:
    Toy(tmp_path).run()
    changed = Toy(tmp_path, text="other")
    assert changed.run() == ["a", "b", "d"]
    assert changed.reasons == {"a": "inputs changed", "b": "inputs changed", "c": "", "d": "inputs changed"}


def test_a_raised_version_with_the_same_bytes_stops_there(tmp_path: Path) -> None:
    Toy(tmp_path).run()
    raised = Toy(tmp_path, version=2)
    assert raised.run() == ["a"]
    assert "version 1" in raised.reasons["a"]
    assert all(Run.open(tmp_path).done(name) for name in "abcd")


def test_missing_and_changed_outputs_are_made_again(tmp_path: Path) -> None:
    Toy(tmp_path).run()
    before = contents(tmp_path)
    (tmp_path / "c.txt").unlink()
    missing = Toy(tmp_path)
    assert missing.run() == ["c"]
    assert missing.reasons["c"] == "c.txt is missing"
    (tmp_path / "sae/blocks.1/cfg").write_text("tampered")
    changed = Toy(tmp_path)
    assert changed.run() == ["b"]
    assert changed.reasons["b"] == "sae/blocks.1 was changed"
    assert contents(tmp_path) == before


def test_outputs_of_another_choice_are_removed(tmp_path: Path) -> None:
    Toy(tmp_path / "r").run()
    Toy(tmp_path / "r", name="blocks.2").run()
    assert [path.name for path in (tmp_path / "r" / "sae").iterdir()] == ["blocks.2"]


def test_a_stage_that_wrote_nothing_is_an_error_and_not_recorded(tmp_path: Path) -> None:
    with opened(tmp_path) as run:
        with pytest.raises(KeditError, match=r"without writing x\.txt"):
            with run.stage("x", {}, 1, ["x.txt"]):
                pass
        assert not run.done("x")
        with pytest.raises(InputError, match="stage x has not been completed"):
            with run.stage("y", {}, 1, after=["x"]):
                pass
        with run.stage("none", {}, 1) as stage:  # a stage may have no files
            assert stage.needed
        assert run.done("none")


def test_only_plain_values_key_a_stage(tmp_path: Path) -> None:
    with opened(tmp_path) as run:
        for value in (object(), {1, 2}):
            with pytest.raises(TypeError, match="give JSON values"):
                with run.stage("x", {"v": value}, 1):
                    pass
        for outside in ("../x", "/x"):
            with pytest.raises(ValueError, match="out of the run"):
                run.file(outside)


def test_chosen_values_are_recorded_and_used_again(tmp_path: Path) -> None:
    with opened(tmp_path) as run:
        assert run.recorded("batch", lambda: 8) == 8
    with opened(tmp_path) as run:
        assert run.recorded("batch", lambda: 16) == 8
    assert Run.open(tmp_path).recorded("batch", lambda: 16) == 8


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"ontology": OntologyId(source="new.ttl", sha256="b" * 64)}, "another ontology (toy.ttl"),
        ({"model": ModelId(name="gpt2", fingerprint="0" * 64)}, "another model (tiny"),
    ],
)
def test_a_run_made_from_other_inputs_is_kept(tmp_path: Path, other: Mapping[str, Any], said: str) -> None:
    path = tmp_path / "r"
    Toy(path).run()
    (path / "reports").mkdir()
    (path / "notes.txt").write_text("mine")
    before = contents(path)
    with pytest.raises(InputError) as caught:
        opened(path, **other)
    assert said in caught.value.message
    assert "--overwrite" in str(caught.value)
    assert caught.value.exit_code == 2
    assert contents(path) == before
    with opened(path, overwrite=True, **other) as run:
        assert run.manifest.stages == {}
        assert run.manifest.chosen == {}
    assert sorted(child.name for child in path.iterdir()) == [LOCK, "notes.txt", "run.json"]


def test_overwrite_keeps_a_run_of_the_same_inputs(tmp_path: Path) -> None:
    Toy(tmp_path).run()
    assert Toy(tmp_path).run(overwrite=True) == []


def test_another_configuration_goes_on_in_the_same_run(tmp_path: Path) -> None:
    Toy(tmp_path).run()
    assert Toy(tmp_path).run(config={"layer": 12}, seeds={"seed": 5}, versions={"kedit": "9"}) == []
    manifest = Run.open(tmp_path).manifest
    assert (manifest.config, manifest.seeds, manifest.versions) == ({"layer": 12}, {"seed": 5}, {"kedit": "9"})


def test_what_is_no_run_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/chapter.tex").write_text("all of it")
    for overwrite in (False, True):
        with pytest.raises(InputError, match="holds no run"):
            opened(tmp_path / "thesis", overwrite=overwrite)
    assert (tmp_path / "thesis/chapter.tex").read_text() == "all of it"
    assert len(list((tmp_path / "thesis").iterdir())) == 1
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        opened(tmp_path / "file")
    with pytest.raises(InputError, match="cannot write in"):
        opened(tmp_path / "file" / "below")
    (tmp_path / "empty").mkdir()
    opened(tmp_path / "empty").close()


def test_a_run_is_called_alike_however_its_path_is_spelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(tmp_path / "run").close()
    monkeypatch.chdir(tmp_path)
    for path in ("run", "./run/", "run/../run", tmp_path / "run"):
        assert Run.open(path).name == "run"
    monkeypatch.chdir("run")
    assert Run.open(".").name == "run"


def test_reading_what_is_no_run_says_so(tmp_path: Path) -> None:
    Toy(tmp_path / "countries-tiny").run()
    with pytest.raises(InputError, match="there is no run") as caught:
        Run.open(tmp_path / "countris-tiny")
    assert "countries-tiny" in str(caught.value)
    (tmp_path / "other").mkdir()
    with pytest.raises(InputError, match=r"holds no run\.json") as caught:
        Run.open(tmp_path / "other")
    assert "kedit align" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[]", "unknown schema None"),
        (b'{"schema": "kedit.run/2"}', "unknown schema 'kedit.run/2'"),
        (b'{"schema": "kedit.run/1"}', "(ontology)"),
    ],
)
def test_a_damaged_manifest_is_an_error_with_its_place(tmp_path: Path, text: bytes, said: str) -> None:
    Toy(tmp_path).run()
    (tmp_path / "run.json").write_bytes(text)
    for reading in (lambda: Run.open(tmp_path), lambda: opened(tmp_path)):
        with pytest.raises(InputError) as caught:
            reading()
        assert said in str(caught.value)
        assert "run.json" in str(caught.value)
        assert caught.value.advice
    assert Toy(tmp_path).run(overwrite=True) == ["a", "b", "c", "d"]


def test_unknown_keys_in_a_manifest_are_named(tmp_path: Path) -> None:
    Toy(tmp_path).run()
    data = json.loads((tmp_path / "run.json").read_text())
    data["stages"]["a"]["colour"] = "red"
    (tmp_path / "run.json").write_text(json.dumps(data))
    with pytest.raises(InputError, match=r"stages\.a\.colour"):
        Run.open(tmp_path)


def test_a_run_open_to_read_writes_nothing(tmp_path: Path) -> None:
    Toy(tmp_path).run()
    run = Run.open(tmp_path)
    with pytest.raises(KeditError, match="reading only"):
        with run.stage("a", {}, 1):
            pass
    with pytest.raises(KeditError, match="reading only"):
        run.recorded("new", lambda: 1)


def test_two_cannot_work_in_one_run_but_may_read_it(tmp_path: Path) -> None:
    with opened(tmp_path) as run:
        with pytest.raises(InputError, match=f"pid {os.getpid()}"):
            opened(tmp_path)
        Run.open(tmp_path)
    with pytest.raises(KeditError, match="reading only"):
        run.recorded("x", lambda: 1)
    opened(tmp_path).close()


def test_a_failed_opening_leaves_no_lock(tmp_path: Path) -> None:
    Toy(tmp_path).run()
    with pytest.raises(InputError):
        opened(tmp_path, model=ModelId(name="m", fingerprint="1"))
    opened(tmp_path).close()


def test_a_lock_file_of_a_dead_process_is_stale(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text("999999\n")
    lock = DirectoryLock(tmp_path)
    assert (tmp_path / LOCK).read_text() == f"{os.getpid()}\n"
    lock.release()
    lock.release()
    assert (tmp_path / LOCK).read_text() == ""


KILLED = """
import signal, sys, time
from pathlib import Path
from kedit.files import atomic
from kedit.runs import ModelId, OntologyId, Run
# A parent that runs in the background hands down an ignored SIGINT.
signal.signal(signal.SIGINT, signal.default_int_handler)
ontology, model = OntologyId(source="toy.ttl", sha256="a" * 64), ModelId(name="tiny", fingerprint="f" * 64)
run = Run.open_or_create(sys.argv[1], ontology=ontology, model=model)
with run.stage("a", {"text": "x"}, 1, ["a.txt"]) as stage, atomic(Path(sys.argv[1]) / "a.txt") as temporary:
    temporary.write_text("half")
    sys.stdout.write("ready\\n")
    sys.stdout.flush()
    time.sleep(60)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT] if os.name == "posix" else [])
def test_a_killed_process_leaves_a_run_that_goes_on(tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "r"
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        with pytest.raises(InputError, match=f"pid {process.pid}"):
            opened(path)
        process.send_signal(number)
        process.wait()
    Toy(tmp_path / "whole").run()
    assert Toy(path).run() == ["a", "b", "c", "d"]
    assert contents(path) == contents(tmp_path / "whole")


def test_killed_while_overwriting_leaves_no_wrong_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Toy(tmp_path).run()

    def killed(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", killed)
    other = {"model": ModelId(name="gpt2", fingerprint="0" * 64)}
    with pytest.raises(KeyboardInterrupt):
        opened(tmp_path, overwrite=True, **other)
    monkeypatch.undo()
    half = Run.open(tmp_path)
    assert half.manifest.model == MODEL
    assert half.manifest.stages == {}
    opened(tmp_path, overwrite=True, **other).close()
    assert not (tmp_path / "sae").exists()


def test_a_part_is_timed_apart_from_its_stage(tmp_path: Path) -> None:
    with opened(tmp_path / "r") as run:
        with run.stage("a", {}, 1):
            with run.part("reading"):
                time.sleep(0.2)
        timing = run.manifest.timing
        assert timing["a"] < 0.2 <= timing["reading"]
        assert "reading" not in run.manifest.stages
        with run.stage("b", {}, 1):
            time.sleep(0.01)
        assert run.manifest.timing["b"] >= 0.01
        memory = run.manifest.memory
    if sys.platform == "linux":
        assert set(memory) == {"a", "reading", "b"}
        assert memory["a"] >= memory["reading"] > 2**20
    before = (tmp_path / "r" / "run.json").read_bytes()
    with Run.open(tmp_path / "r").part("reading"):
        pass
    assert (tmp_path / "r" / "run.json").read_bytes() == before


def test_runs_of_versions_that_kept_no_memory_go_on(tmp_path: Path) -> None:
    Toy(tmp_path / "r").run()
    path = tmp_path / "r" / "run.json"
    manifest = json.loads(path.read_text())
    for block in ("memory", "gpu_memory"):
        del manifest[block]
    path.write_text(json.dumps(manifest))
    assert Run.open(tmp_path / "r").manifest.memory == {}
    assert Toy(tmp_path / "r").run() == []
