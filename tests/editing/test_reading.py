"""Recipe files: every mistake is an error that names file, line, column, key and the nearest valid word."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kedit.editing.reading import load_recipe
from kedit.errors import InputError

GOOD = """\
kedit: 1
run: runs/family
edits:
  - id: one
    op: swap
    from: father
    to: mother
    scope:
      subjects: {class: ex:Person, except: [ex:Tom]}
      when: asked
expect:
  - metric: hit
    edit: one
    at_least: 0.5
"""
Write = Callable[..., Path]


def test_a_good_file(write: Write) -> None:
    recipe = load_recipe(write(GOOD, "father to mother.yaml"))
    assert recipe.name == "father-to-mother"
    assert recipe.edits[0].terms == {"from": "father", "to": "mother"}
    assert (recipe.place("edits", 0, "to").line, recipe.place("edits", 0, "to").column) == (7, 5)
    assert recipe.place("verify", "seed").key == "verify.seed"


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "said", "advised"),
    [
        ("    from: father", "    form: father", 6, "edits[0].form", "unknown key 'form'", "'from'"),
        ("run: runs/family", "rum: runs/family", 2, "rum", "unknown key 'rum'", "'run'"),
        ("when: asked", "wen: asked", 10, "edits[0].scope.wen", "unknown key", "'when'"),
        ("when: asked", "when: aksed", 10, "edits[0].scope.when", "must be asked or always", "'asked'"),
        ("class: ex:P", "clas: ex:P", 9, "edits[0].scope.subjects.clas", "unknown key", "'class'"),
        ("op: swap", "op: swop", 5, "edits[0].op", "unknown operation 'swop'", "'swap'"),
        ("    op: swap\n", "", 4, "edits[0]", "'op' is missing", "swap, suppress"),
        ("    to: mother\n", "", 4, "edits[0].to", "'to' is missing", "from, to"),
        ("metric: hit", "metric: hits", 12, "expect[0].metric", "unknown metric 'hits'", "'hit'"),
        ("edit: one", "edit: won", 13, "expect[0].edit", "unknown edit id 'won'", "'one'"),
        ("at_least: 0.5", "at_lest: 0.5", 14, "expect[0].at_lest", "unknown key", "'at_least'"),
        ("at_least: 0.5", "at_least: high", 14, "expect[0].at_least", "valid number", None),
        ("at_least: 0.5", "at_least: 50", 14, "expect[0].at_least", "share, between 0 and 1", "0.5"),
        ("    at_least: 0.5\n", "", 12, "expect[0]", "bounds nothing", "at_least"),
        ("at_least: 0.5", "at_least: 0.5\n    versus: diff_mean", 15, "expect[0].versus", "unknown control", "'diff_means'"),
        ("at_least: 0.5", "at_least: 0.5\n    versus: das_r1", 15, "expect[0].versus", "on demand only", "controls: [das_r1]"),
        ("at_least: 0.5", "at_least: 0.5\n    at: equal_damage", 15, "expect[0].at", "with a competitor", "trained_vector"),
        ("at_least: 0.5", "at_least: 0.5\n    at: equal", 15, "expect[0].at", "own_best", "equal_damage"),
        (
            "at_least: 0.5",
            "at_least: 0.5\n    versus: noop\n    at: equal_damage",
            16,
            "expect[0].at",
            "noop has no strength",
            "trained_vector",
        ),
        ("at_least: 0.5", "at_least: 0.5\n    on: neutral", 15, "expect[0].on", "not measured on 'neutral'", None),
        ("at_least: 0.5", "at_least: 0.5\n    forced: true", 15, "expect[0].forced", "no forced figure", "drift_kl"),
        ("kedit: 1", "kedit: 2", 1, "kedit", "must be 1", None),
        ("kedit: 1\n", "", 1, "kedit", "'kedit' is missing", None),
        ("to: mother", "to: mother\n    strength: strong", 8, "edits[0].strength", "calibrated units", None),
        ("to: mother", "to: mother\n    strength: {kl: -0.1}", 8, "edits[0].strength", "calibrated units", None),
        ("to: mother", "to: mother\n    value: Ann", 8, "edits[0].value", "cannot ask for a new value", "value slots"),
        ("run: runs/family", "verify: {controls: [reft]}", 2, "verify.controls", "unknown control 'reft'", "'reft_r1'"),
        ("when: asked", "when: always\n      steps: asked", 10, "edits[0].scope.when", "without regard", "steps: prompt"),
        ("{class: ex:Person,", "{class: ex:Person, in: [ex:Ann],", 9, "edits[0].scope.subjects.in", "exclude each other", None),
        ("{class: ex:Person, except: [ex:Tom]}", "Ann", 9, "edits[0].scope.subjects", "must be a mapping", None),
    ],
)
def test_mistakes_are_located(write: Write, old: str, new: str, line: int, key: str, said: str, advised: str | None) -> None:
    assert GOOD.count(old) == 1
    path = write(GOOD.replace(old, new))
    with pytest.raises(InputError) as caught:
        load_recipe(path)
    error = caught.value
    assert error.exit_code == 2
    assert error.place is not None
    assert (error.place.file, error.place.line, error.place.key) == (path, line, key)
    assert said in error.message
    assert (advised or "") in (error.advice or "")


def test_duplicate_ids_name_the_first(write: Write) -> None:
    path = write("kedit: 1\nedits:\n  - {op: suppress, slot: a}\n  - {op: suppress, slot: a}\n")
    with pytest.raises(InputError, match="'suppress-a' is used twice") as caught:
        load_recipe(path)
    assert caught.value.place is not None
    assert caught.value.place.line == 4
    assert ":3:" in (caught.value.advice or "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a\n",
        "kedit: 1\nedits: [\n",
        "kedit: 1\nkedit: 1\nedits: []\n",
        "kedit: 1\nedits: {op: swap}\n",
        "kedit: 1\nedits: [swap]\n",
        "kedit: 1\nedits:\n  - [op, swap]\n",
        "kedit: 1\nedits:\n  - {op: [swap]}\n",
        "kedit: !!python/object:os.system {}\nedits: []\n",
        "kedit: 1\nedits: &a [*a]\n",
        "kedit: 1\nedits: []\ninclude: 3\n",
        "kedit: 1\nedits: []\nname: 2024-01-01T00:00:00\nexpect: [{metric: 2024-01-01}]\n",
        "a: 1\n---\nb: 2\n",
    ],
)
def test_broken_files_are_input_errors(write: Write, text: str) -> None:
    with pytest.raises(InputError) as caught:
        load_recipe(write(text))
    assert "recipe.yaml" in str(caught.value)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            load_recipe(path)


def test_on_is_a_key_not_a_truth(write: Write) -> None:
    text = "kedit: 1\nedits: []\nexpect: [{metric: drift_kl, on: neutral, at_most: 0.02}]\n"
    assert load_recipe(write(text)).expect[0].on == "neutral"


def test_included_files_come_first_and_keep_their_places(write: Write) -> None:
    write("kedit: 1\nprefixes: {a: A, b: B}\nedits:\n  - {op: suppress, slot: x}\nverify: {seed: 5, per_edit: 7}\n", "base.yaml")
    own = write("kedit: 1\ninclude: [base.yaml]\nprefixes: {b: C}\nedits:\n  - {op: suppress, slot: y}\nverify: {seed: 6}\n")
    recipe = load_recipe(own)
    assert recipe.prefixes == {"a": "A", "b": "C"}
    assert [edit.name for edit in recipe.edits] == ["suppress-x", "suppress-y"]
    assert (recipe.verify.seed, recipe.verify.per_edit) == (6, 7)
    first, second = recipe.place("edits", 0, "slot"), recipe.place("edits", 1, "slot")
    assert (Path(first.file).name, first.line) == ("base.yaml", 4)
    assert (Path(second.file).name, second.line) == ("recipe.yaml", 5)


def test_mistakes_in_included_files_name_that_file(write: Write) -> None:
    write("kedit: 1\nedits:\n  - {op: suppress, slt: x}\n", "base.yaml")
    with pytest.raises(InputError) as caught:
        load_recipe(write("kedit: 1\ninclude: [base.yaml]\nedits:\n  - {op: suppress, slot: y}\n"))
    assert caught.value.place is not None
    assert (Path(caught.value.place.file).name, caught.value.place.line) == ("base.yaml", 3)


def test_edit_ids_stay_unique_across_files(write: Write) -> None:
    write("kedit: 1\nedits:\n  - {id: a, op: suppress, slot: x}\n", "base.yaml")
    with pytest.raises(InputError, match="used twice"):
        load_recipe(write("kedit: 1\ninclude: [base.yaml]\nedits:\n  - {id: a, op: suppress, slot: y}\n"))


def test_includes_must_exist_and_end(write: Write) -> None:
    with pytest.raises(InputError, match="there is no file"):
        load_recipe(write("kedit: 1\ninclude: [none.yaml]\nedits: []\n"))
    write("kedit: 1\ninclude: [recipe.yaml]\nedits: []\n", "other.yaml")
    with pytest.raises(InputError, match="includes itself"):
        load_recipe(write("kedit: 1\ninclude: [other.yaml]\nedits: []\n"))
