"""Captured states are the same bytes in one process, in several, and after a kill; they are those of a plain forward."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from kedit.errors import InputError, KeditError
from kedit.lm import activations, shards
from kedit.lm.activations import Capture, load_activations
from kedit.lm.capture import decision_states
from kedit.lm.hooks import residual_hook
from kedit.lm.tiny import make_tiny

WINDOW = 10
NAMES = ("Ada Moss", "Bob", "Cleo of Lima", "Dora", "Emil Emil Emil", "Fay", "Gus")


class Prompts:
    """43 prompts, made anew each time they are gone through."""

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for number in range(43):
            carrier = number // 6
            yield f"Of {carrier} things, the city of {NAMES[number % 7]} is", f"c{carrier}"


PROMPTS = Prompts()


@pytest.fixture(scope="module")
def two_blocks() -> Any:
    return make_tiny([text for text, _ in PROMPTS], width=32, layers=2)


def parts(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.glob("*")) if file.name[0] != "."}


@pytest.fixture(scope="module")
def whole(two_blocks: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "states"
    assert Capture(two_blocks, PROMPTS, folder, (1, 0), window=WINDOW).run().made == (0, 1, 2, 3, 4)
    return folder


def test_states_are_those_of_a_plain_forward(two_blocks: Any, whole: Path) -> None:
    found = load_activations(whole)
    assert (len(found), found.layers) == (43, (0, 1))
    for row in (0, 9, 10, 31, 42):
        text, _ = list(PROMPTS)[row]
        kept: list[torch.Tensor] = []
        with residual_hook(two_blocks.blocks[1], kept.append), torch.no_grad():
            two_blocks.model(input_ids=torch.tensor([two_blocks.encode(text)]))
        torch.testing.assert_close(found.states(1, row, row + 1)[0], kept[0][0, -1], rtol=1e-4, atol=1e-5)


def test_what_is_read_is_what_safetensors_reads(whole: Path) -> None:
    found = load_activations(whole)
    plain = torch.cat([load_file(file)["blocks.0.hook_resid_post"] for file in sorted(whole.glob("*.safetensors"))])
    assert torch.equal(found.states(0), plain)
    assert torch.equal(found.states(0, 8, 33), plain[8:33])
    assert torch.equal(found.states(0, -3), plain[-3:])
    assert found.states(0, 5, 5).shape == (0, 32)
    assert torch.equal(torch.cat(list(found.batches(0, 7))), plain)
    with pytest.raises(InputError, match="no states after block 3"):
        found.states(3)
    with pytest.raises(InputError, match=r"prompts\.jsonl"):
        _ = found.prompts


@pytest.mark.parametrize("count", [2, 3])
def test_shards_give_the_bytes_of_one_process(two_blocks: Any, whole: Path, tmp_path: Path, count: int) -> None:
    folders = [tmp_path / str(shard) for shard in range(count)]
    for shard, folder in enumerate(folders):
        Capture(two_blocks, PROMPTS, folder, (0, 1), window=WINDOW).run((shard + 1, count))
        Capture(two_blocks, PROMPTS, tmp_path / "one folder", (0, 1), window=WINDOW).run((shard + 1, count))
    with pytest.raises(InputError, match="missing"):
        load_activations(folders[0])
    shards.merge(folders, tmp_path / "merged")
    assert parts(tmp_path / "merged") == parts(tmp_path / "one folder") == parts(whole)
    assert shards.merge([whole], whole)[1] == []


def test_interrupted_in_a_window_it_goes_on(
    two_blocks: Any, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def interrupted(*given: Any, **options: Any) -> Iterator[Any]:
        calls.append(1)
        for number, batch in enumerate(decision_states(*given, **options)):
            yield batch
            if len(calls) == 3 and number == 0:
                raise KeyboardInterrupt

    monkeypatch.setattr(activations, "decision_states", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Capture(two_blocks, PROMPTS, tmp_path, (0, 1), window=WINDOW).run()
    assert list(parts(tmp_path)) == ["part-00000.safetensors", "part-00001.safetensors", "plan.json"]
    found = Capture(two_blocks, PROMPTS, tmp_path, (0, 1), window=WINDOW).run()
    assert (found.kept, found.made) == ((0, 1), (2, 3, 4))
    assert parts(tmp_path) == parts(whole)


KILLED = """
import os, sys
from pathlib import Path
from kedit.lm import activations
from kedit.lm.capture import decision_states
from kedit.lm.store import load_model

def killed(lm, ids, *given, **options):
    for number, batch in enumerate(decision_states(lm, ids, *given, **options)):
        yield batch
        if number == 0 and len(ids) == 3:
            os.kill(os.getpid(), 9)

activations.decision_states = killed
prompts = eval(sys.argv[3])
lm = load_model(sys.argv[1], device="cpu")
activations.Capture(lm, prompts, Path(sys.argv[2]), (0, 1), window=10, threads=int(sys.argv[4])).run()
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_killed_in_a_window_it_goes_on(two_blocks: Any, whole: Path, tmp_path: Path) -> None:
    from kedit.lm.store import save_model

    save_model(two_blocks, tmp_path / "model")
    states, threads = tmp_path / "states", shards.read_plan(whole).threads
    command = [sys.executable, "-c", KILLED, str(tmp_path / "model"), str(states), repr(list(PROMPTS)), str(threads)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == -signal.SIGKILL
    assert len(list(states.glob(".part-00004*"))) == 1
    assert Capture(two_blocks, PROMPTS, states, (0, 1), window=WINDOW).run().made == (4,)
    assert not list(states.glob(".part*"))
    assert parts(states) == parts(whole)


def test_another_plan_is_refused(two_blocks: Any, whole: Path, random_lm: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"another plan: hook_points blocks\.0\.hook_resid_post blocks\.1\.hook_resid_post, not"):
        Capture(two_blocks, PROMPTS, whole, (0,), window=WINDOW)
    with pytest.raises(InputError, match="n 43, not 42; prompts "):
        Capture(two_blocks, list(PROMPTS)[1:], whole, (0, 1), window=WINDOW)
    with pytest.raises(InputError, match="fingerprint "):
        Capture(random_lm("gpt2"), PROMPTS, whole, (0, 1), window=WINDOW)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"not empty .*notes\.txt"):
        Capture(two_blocks, PROMPTS, tmp_path, (0, 1))
    with pytest.raises(InputError, match="has blocks 0 to 1"):
        Capture(two_blocks, PROMPTS, tmp_path / "new", (2,))
    with pytest.raises(InputError, match="no prompts"):
        Capture(two_blocks, [], tmp_path / "new", (0,))


def test_threads_are_those_that_the_folder_was_begun_with(
    two_blocks: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, seen = torch.get_num_threads(), []
    begun = Capture(two_blocks, PROMPTS, tmp_path / "a", (0,), window=20, threads=3)

    def spied(*given: Any, **options: Any) -> Iterator[Any]:
        seen.append(torch.get_num_threads())
        return decision_states(*given, **options)

    monkeypatch.setattr(activations, "decision_states", spied)
    again = Capture(two_blocks, PROMPTS, tmp_path / "a", (0,), window=20)
    assert again.plan == begun.plan
    again.run()
    assert (seen, torch.get_num_threads()) == ([3, 3, 3], before)


def test_prompts_that_change_or_run_out_are_seen(two_blocks: Any, tmp_path: Path) -> None:
    work = Capture(two_blocks, iter(PROMPTS), tmp_path / "once", (0,), window=WINDOW)
    with pytest.raises(KeditError, match="fewer prompts"):
        work.run()
    prompts = list(PROMPTS)
    work = Capture(two_blocks, prompts, tmp_path / "changed", (0,), window=WINDOW)
    prompts[15] = ("Another text", "c2")
    with pytest.raises(KeditError, match="others when"):
        work.run()
    assert shards.missing(tmp_path / "changed", work.plan) == [1, 2, 3, 4]


def test_half_precision_is_kept_as_it_is(tmp_path: Path) -> None:
    import copy

    lm = make_tiny([text for text, _ in PROMPTS], width=32, layers=2)
    half = copy.copy(lm)
    object.__setattr__(half, "model", lm.model.to(torch.bfloat16))
    Capture(half, list(PROMPTS)[:12], tmp_path, (0,)).run()
    found = load_activations(tmp_path)
    assert found.plan.dtype == "bfloat16"
    assert found.states(0).dtype == torch.bfloat16
    assert found.states(0).isfinite().all()
