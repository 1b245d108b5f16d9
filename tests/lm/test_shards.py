"""A part is a safetensors file, whole or not at all; what is missing or foreign is named, before anything is copied."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from kedit.errors import InputError, KeditError
from kedit.lm import shards
from kedit.lm.shards import Plan, claim, is_whole, merge, new_part, part_file, read_plan


def plan(**other: Any) -> Plan:
    about: dict[str, Any] = {
        "schema": "kedit.activations/1", "fingerprint": "f" * 64,
        "hook_points": ["blocks.0.hook_resid_post", "blocks.2.hook_resid_post"],
        "dtype": "float32", "d": 3, "n": 8, "prompts": "a" * 64, "window": 3, "threads": 2, "device": "cpu",
    }  # fmt: skip
    return Plan.model_validate(about | other)


def fill(folder: Path, of: Plan, *parts: int) -> Path:
    claim(folder, of)
    for part in parts:
        with new_part(folder, of, part) as out:
            for name in of.hook_points:
                for row in reversed(range(of.rows(part))):
                    out.write(name, row, memoryview(bytes([part * 16 + row]) * of.row_bytes))
    return folder


def test_a_part_is_a_safetensors_file(tmp_path: Path) -> None:
    fill(tmp_path, plan(), 0, 2)
    with safe_open(str(part_file(tmp_path, 2)), framework="np") as file:
        assert set(file.keys()) == set(plan().hook_points)
        assert file.get_slice("blocks.0.hook_resid_post").get_shape() == [2, 3]
        assert file.get_tensor("blocks.2.hook_resid_post").tobytes() == b"\x20" * 12 + b"\x21" * 12
        assert file.metadata()["plan"] == plan().key
    assert (plan().parts, plan().rows(0), plan().rows(2)) == (3, 3, 2)
    assert shards.missing(tmp_path, plan()) == [1]
    assert read_plan(tmp_path) == plan()


def test_an_unfinished_part_is_none(tmp_path: Path) -> None:
    claim(tmp_path, plan())
    with pytest.raises(KeditError, match="of 3 rows"), new_part(tmp_path, plan(), 0) as out:
        out.write("blocks.0.hook_resid_post", 0, memoryview(b"x" * 12))
    with pytest.raises(ZeroDivisionError), new_part(tmp_path, plan(), 0):
        raise ZeroDivisionError
    assert [file.name for file in tmp_path.iterdir()] == ["plan.json"]


def test_every_part_belongs_to_one_shard() -> None:
    for count in (1, 2, 3, 5):
        assert sorted(part for i in range(count) for part in plan().mine((i + 1, count))) == [0, 1, 2]
    assert plan().mine((2, 2)) == [1]


def test_missing_parts_are_named(tmp_path: Path) -> None:
    one, two = fill(tmp_path / "one", plan(), 0), fill(tmp_path / "two", plan())
    with pytest.raises(InputError, match="of 3 parts 2 are missing: 1, 2"):
        merge([one, two], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_folders_of_another_plan_are_named(tmp_path: Path) -> None:
    one, two = fill(tmp_path / "one", plan(), 0, 2), fill(tmp_path / "two", plan(threads=4), 1)
    with pytest.raises(InputError, match=r"two is of another plan than .*one: threads 4, not 2"):
        merge([one, two], tmp_path / "out")
    with pytest.raises(InputError, match="two is of another plan"):
        merge([one], two)


def test_foreign_and_cut_parts_are_named(tmp_path: Path) -> None:
    one = fill(tmp_path / "one", plan(), 0, 1, 2)
    other = fill(tmp_path / "other", plan(prompts="b" * 64), 1)
    part_file(other, 1).replace(part_file(one, 1))
    with pytest.raises(InputError, match=r"part-00001\.safetensors: is no part of this plan"):
        merge([one], tmp_path / "out")
    part_file(one, 1).unlink()
    os.truncate(part_file(one, 2), plan().size(2) - 1)
    with pytest.raises(InputError, match=r"part-00002\.safetensors: .*cut off"):
        is_whole(one, plan(), 2)


def test_merging_copies_only_what_is_not_there(tmp_path: Path) -> None:
    one, two = fill(tmp_path / "one", plan(), 0, 2), fill(tmp_path / "two", plan(), 1, 2)
    (two / "prompts.jsonl").write_text("{}\n")
    assert merge([one, two], tmp_path / "out")[1] == [0, 1, 2]
    assert (tmp_path / "out" / "prompts.jsonl").is_file()
    assert merge([one, two], one)[1] == [1]
    assert not shards.missing(one, plan())
    assert merge([one], one)[1] == []
    (one / "prompts.jsonl").write_text("{ }\n")
    with pytest.raises(InputError, match=r"two.prompts\.jsonl is another than .*one"):
        merge([one, two], tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("[]", "unknown schema"),
        ('{"schema": "kedit.activations/9"}', "unknown schema"),
        (json.dumps(plan().document() | {"d": 0}), r"plan\.json \(d\)"),
        (json.dumps(plan().document() | {"more": 1}), "more"),
    ],
)
def test_a_plan_that_cannot_be_read_is_told(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(InputError, match=said):
        read_plan(tmp_path)
    with pytest.raises(InputError, match="holds no captured states"):
        read_plan(tmp_path / "nowhere")


def test_merging_needs_no_torch() -> None:
    script = "import sys, kedit.stages.capturing; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
