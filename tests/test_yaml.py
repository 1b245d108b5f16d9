"""YAML that people write: what is wrong, and where."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field

from kedit.errors import InputError
from kedit.yaml import dotted, read_yaml, validated


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    strength: float = 1.0
    source: str = Field("", alias="from")


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    edits: tuple[Inner, ...] = ()


def write(folder: Path, text: str) -> Path:
    path = folder / "file.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def read_outer(path: Path) -> Outer:
    document = read_yaml(path)
    return validated(Outer, document.data, document)


def test_values_come_out_plain(tmp_path: Path) -> None:
    document = read_yaml(write(tmp_path, "on: true\nn: 0x10\nx: 1.50\nnothing:\nlist: [1, {a: 'b'}]\nday: 2026-01-02\n"))
    assert document.data == {"on": True, "n": 16, "x": 1.5, "nothing": None, "list": [1, {"a": "b"}], "day": "2026-01-02"}
    assert {type(value) for value in document.data.values()} <= {bool, int, float, str, list, type(None)}


def test_places_are_those_of_keys_and_items(tmp_path: Path) -> None:
    document = read_yaml(write(tmp_path, "name: a\nedits:\n  - strength: 1\n  - {strength: 2}\n"))
    places = [document.place(location) for location in [("edits", 0, "strength"), ("edits", 1)]]
    assert [(place.line, place.column) for place in places] == [(3, 5), (4, 5)]
    assert document.place(("edits", 1, "absent")).line == 4


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("name: [1, 2\n", 2, "not YAML"),
        ("name: a\nname: b\n", 2, "duplicate key"),
        ("name: a\n\tedits: 1\n", 2, "not YAML"),
        ("", None, "mapping"),
        ("- a\n", None, "mapping"),
        ("name: a\nedits:\n  - strenght: 2\n", 3, "Did you mean 'strength'"),
        ("name: a\nedits:\n  - form: x\n", 3, "'from'"),
        ("name: !!python/object/apply:os.system [ls]\n", 1, "tags such as"),
        ("name: a\nedits: !set {b}\n", 2, "tags such as !set"),
        ("name: a\nedits:\n  - &e {from: x}\n  - {<<: *e}\n", 4, "merge keys"),
        ("name: " + "[" * 3000 + "\n", 1, "nested more than"),
        ("nmae: a\n", None, "'name' is missing"),
        ("name: a\nedits:\n  - strength: high\n", 3, "edits[0].strength"),
    ],
)
def test_every_complaint_has_a_place_and_advice(tmp_path: Path, text: str, line: int | None, words: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InputError) as caught:
        read_outer(path)
    assert caught.value.exit_code == 2
    assert caught.value.place is not None
    assert caught.value.place.file == path
    assert caught.value.place.line == line
    assert words in str(caught.value)


def test_a_missing_file_and_bytes_are_input_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.yaml"):
        read_yaml(tmp_path / "absent.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="UTF-8"):
        read_yaml(tmp_path / "bytes.yaml")


def test_locations_read_as_people_write_them() -> None:
    assert dotted(("edits", 0, "scope", "in", 2)) == "edits[0].scope.in[2]"
    assert dotted(()) == ""
