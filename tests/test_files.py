"""Files are written whole or not at all, and hashed the same everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedit.errors import InputError
from kedit.files import (
    atomic,
    digest,
    load_tensors,
    read_json,
    read_jsonl,
    save_tensors,
    sha256_file,
    write_json,
    write_jsonl,
    write_text,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def names(path: Path) -> list[str]:
    return sorted(child.name for child in path.iterdir())


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "f.txt"
    write_text(path, "old")

    def fail(error: type[BaseException]) -> None:
        with atomic(path) as temporary:
            temporary.write_text("half")
            raise error

    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error):
            fail(error)
        assert path.read_text() == "old"
        assert names(tmp_path) == ["f.txt"]


def test_folders_are_made_and_the_umask_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "f.txt"
    write_text(path, "é\n")
    assert path.read_bytes() == "é\n".encode()
    plain = tmp_path / "plain"
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode


def test_nan_is_refused_and_the_old_file_stays(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"a": 1})
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="JSON"):
            write_json(tmp_path / "x.json", {"a": value})
        with pytest.raises(ValueError, match="JSON"):
            write_jsonl(tmp_path / "x.jsonl", [value])
    assert names(tmp_path) == ["x.json"]
    assert (tmp_path / "x.json").read_text() == '{\n "a": 1\n}\n'


@given(st.lists(json_values, max_size=4))
def test_json_lines_round_trip(tmp_path_factory: pytest.TempPathFactory, rows: list[object]) -> None:
    path = tmp_path_factory.mktemp("jsonl") / "rows.jsonl"
    write_jsonl(path, rows)
    assert list(read_jsonl(path)) == rows


def test_sha256_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_file(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_digest_ignores_the_order_of_keys_and_nothing_else() -> None:
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert digest([1, 2]) != digest([2, 1])
    assert digest("1") != digest(1)
    assert digest(Path("x")) == digest("x")
    assert len(digest(None)) == 16


def test_digest_is_the_same_in_every_process() -> None:
    code = "from kedit.files import digest; import sys; sys.stdout.write(digest({'é': [1, None, 0.1], 'a': {'b': True}}))"
    environment = {**os.environ, "PYTHONHASHSEED": "99"}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert run.stdout == digest({"a": {"b": True}, "é": [1, None, 0.1]})


def test_tensors_round_trip_and_views_are_written_as_they_look(tmp_path: Path) -> None:
    import torch

    whole = torch.arange(6.0).reshape(2, 3)
    save_tensors(tmp_path / "t.safetensors", {"W": whole, "T": whole.T.contiguous().T, "n": torch.tensor(3)}, {"k": "v"})
    loaded = load_tensors(tmp_path / "t.safetensors")
    assert set(loaded) == {"W", "T", "n"}
    assert all(torch.equal(loaded[name], value) for name, value in {"W": whole, "T": whole, "n": torch.tensor(3)}.items())


@pytest.mark.parametrize("text", [None, "{"])
def test_missing_and_damaged_json_is_named(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "evaluation.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=r"evaluation\.json: is missing or damaged"):
        read_json(path)
