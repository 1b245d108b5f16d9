"""Recipes made of several files: which file wins, which is to blame, and circles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kedit.editing.reading import load_recipe
from kedit.errors import InputError

Write = Callable[..., Path]


@pytest.fixture
def refused(write: Write) -> Callable[[Path], InputError]:
    """The error that a file makes."""

    def load(path: Path) -> InputError:
        with pytest.raises(InputError) as caught:
            load_recipe(path)
        assert caught.value.exit_code == 2
        assert caught.value.place is not None
        return caught.value

    return load


def where(error: InputError) -> tuple[str, int | None, str | None]:
    assert error.place is not None
    return Path(error.place.file).name, error.place.line, error.place.key


def test_files_are_relative_to_the_one_that_names_them(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "parts" / "deep").mkdir(parents=True)
    write("edits: [{op: suppress, slot: x}]\n", "parts/deep/one.yaml")
    write("include: [deep/one.yaml]\nedits: [{op: suppress, slot: y}]\n", "parts/two.yaml")
    own = write("kedit: 1\ninclude: [parts/two.yaml]\n")
    monkeypatch.chdir(tmp_path / "parts")
    assert [edit.name for edit in load_recipe(own).edits] == ["suppress-x", "suppress-y"]
    assert [edit.name for edit in load_recipe(Path("../recipe.yaml")).edits] == ["suppress-x", "suppress-y"]


def test_later_wins(write: Write) -> None:
    write("run: a\nontology: A\nprefixes: {p: A, q: A}\nverify: {seed: 1, per_edit: 1, locality_n: 1}\n", "a.yaml")
    write("run: b\nontology: B\nprefixes: {q: B, r: B}\nverify: {seed: 2, per_edit: 2}\n", "b.yaml")
    recipe = load_recipe(write("kedit: 1\ninclude: [a.yaml, b.yaml]\nedits: []\nontology: C\nverify: {seed: 3}\n"))
    assert (recipe.run, recipe.ontology) == ("b", "C")
    assert recipe.prefixes == {"p": "A", "q": "B", "r": "B"}
    assert (recipe.verify.seed, recipe.verify.per_edit, recipe.verify.locality_n) == (3, 2, 1)
    place = recipe.place("run")
    assert (Path(place.file).name, place.line) == ("b.yaml", 1)


def test_an_included_run_is_used_and_one_s_own_wins(write: Write) -> None:
    write("run: runs/base\n", "base.yaml")
    assert load_recipe(write("kedit: 1\ninclude: [base.yaml]\nedits: []\n")).run == "runs/base"
    assert load_recipe(write("kedit: 1\nrun: runs/own\ninclude: [base.yaml]\nedits: []\n")).run == "runs/own"


def test_a_recipe_is_not_named_after_its_parts(write: Write) -> None:
    write("kedit: 1\nname: base\nedits: []\n", "base.yaml")
    assert load_recipe(write("kedit: 1\ninclude: [base.yaml]\nedits: []\n", "mine.yaml")).name == "mine"
    assert load_recipe(write("kedit: 1\nname: own\ninclude: [base.yaml]\nedits: []\n", "mine.yaml")).name == "own"


def test_a_file_on_two_ways_is_merged_once(write: Write) -> None:
    write("edits: [{op: suppress, slot: x}]\nexpect: [{metric: hit, at_least: 0.1}]\n", "d.yaml")
    write("include: [d.yaml]\n", "b.yaml")
    write("include: [d.yaml]\n", "c.yaml")
    recipe = load_recipe(write("kedit: 1\ninclude: [b.yaml, c.yaml, d.yaml]\nedits: []\n"))
    assert (len(recipe.edits), len(recipe.expect)) == (1, 1)


@pytest.mark.parametrize(
    ("files", "circle"),
    [
        ({"recipe": "recipe"}, "recipe.yaml → recipe.yaml"),
        ({"recipe": "a", "a": "recipe"}, "recipe.yaml → a.yaml → recipe.yaml"),
        ({"recipe": "a", "a": "b", "b": "c", "c": "a"}, "a.yaml → b.yaml → c.yaml → a.yaml"),
    ],
)
def test_circles_are_named(write: Write, refused: Callable[[Path], InputError], files: dict[str, str], circle: str) -> None:
    for name, other in files.items():
        write(f"kedit: 1\nedits: []\ninclude:\n  - {other}.yaml\n", f"{name}.yaml")
    own = next(iter(files))
    error = refused(write((f"kedit: 1\nedits: []\ninclude:\n  - {files[own]}.yaml\n"), f"{own}.yaml"))
    assert circle in error.message
    assert where(error)[1:] == (4, "include[0]")


def test_a_circle_by_another_name_of_the_file(write: Write, refused: Callable[[Path], InputError], tmp_path: Path) -> None:
    own = write("kedit: 1\nedits: []\ninclude: [link.yaml]\n")
    (tmp_path / "link.yaml").symlink_to(own)
    assert "includes itself" in refused(own).message


def test_missing_files_have_a_nearest_name(write: Write, refused: Callable[[Path], InputError]) -> None:
    write("edits: []\n", "common.yaml")
    error = refused(write("kedit: 1\nedits: []\ninclude: [comon.yaml]\n"))
    assert where(error) == ("recipe.yaml", 3, "include[0]")
    assert "'common.yaml'" in (error.advice or "")
    assert "relative to the file" in (refused(write("kedit: 1\nedits: []\ninclude: [no/such.yaml]\n")).advice or "")


def test_equal_ids_name_both_places(write: Write, refused: Callable[[Path], InputError]) -> None:
    write("edits:\n  - {id: a, op: suppress, slot: x}\n", "base.yaml")
    error = refused(
        write("kedit: 1\ninclude: [base.yaml]\nedits:\n  - {id: b, op: suppress, slot: y}\n  - {id: a, op: suppress, slot: y}\n")
    )
    assert where(error) == ("recipe.yaml", 5, "edits[2].id")
    assert "base.yaml:2:" in (error.advice or "")


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("kedit: 1\nedits:\n  - {op: suppress, slt: x}\n", 3, "unknown key 'slt'"),
        ("expect:\n  - {metric: hits, at_least: 0.1}\n", 2, "unknown metric"),
        ("verify:\n  sed: 3\n", 2, "unknown key 'sed'"),
        ("verify: [3]\n", 1, "must be a mapping"),
        ("edits: {}\n", 1, "must be a list"),
        ("prefixes: 3\n", 1, "must be a mapping"),
        ("run: x\nkedit: 2\n", 2, "must be 1"),
        ("run: x\nkedit: [\n", 3, "is not YAML"),
        ("- a\n", None, "must hold a mapping"),
        ("include: nothing\n", 1, "must be a list of files"),
        ("expect:\n  - {metric: hit, edit: nobody, at_least: 0.1}\n", 2, "unknown edit id"),
    ],
)
def test_what_is_wrong_in_an_included_file_is_told_of_that_file(
    write: Write, refused: Callable[[Path], InputError], text: str, line: int | None, said: str
) -> None:
    write(text, "base.yaml")
    error = refused(write("kedit: 1\ninclude: [base.yaml]\nedits: [{op: suppress, slot: y}]\nprefixes: {}\nverify: {}\n"))
    assert where(error)[:2] == ("base.yaml", line)
    assert said in str(error)
