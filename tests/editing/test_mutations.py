"""A recipe with a mistake in it, whatever mistake, is a recipe or an error with its place: never anything else."""

from __future__ import annotations

import copy
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from kedit.editing.reading import load_recipe
from kedit.editing.recipe import Recipe
from kedit.errors import InputError

GOOD = """\
kedit: 1
name: capital-to-language
run: runs/countries
ontology: https://example.org/world
prefixes: {ex: "https://example.org/world#"}
include: []
protect: [ex:hasCurrency]
edits:
  - id: one
    op: swap
    from: ex:hasCapital
    to: ex:hasLanguage
    strength: auto
    scope:
      subjects: {class: ex:Country, except: [ex:Belgium]}
      when: asked
      steps: prompt
  - {op: suppress, slot: ex:inContinent, enabled: true, scope: {subjects: {in: [ex:France, ex:Peru]}}}
  - {op: amplify, slot: ex:hasCapital, strength: 2.5}
  - {op: set, slot: ex:hasAnthem, strength: 1, scope: {subjects: {sparql: "SELECT ?s {}"}, when: always}}
verify: {controls: [linear_probe], per_edit: 200, locality_n: 1000, seed: 0}
expect:
  - {metric: hit, edit: one, at_least: 0.70, min_n: 40}
  - {metric: hit, edit: one, versus: linear_probe, at_least: 0.20, severity: warn}
  - {metric: drift_kl, on: neutral, at_most: 0.02, forced: true, bound: point}
"""
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("2024-13-45") | st.dates(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
Location = tuple[str | int, ...]
PLAIN = YAML(typ="safe", pure=True).load(GOOD)
FEW = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def locations(node: Any, at: Location = ()) -> Iterator[Location]:
    """Every key and item."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield (*at, key)
        yield from locations(value, (*at, key))


LOCATIONS = sorted(locations(PLAIN), key=str)


@st.composite
def misspelt(draw: st.DrawFn, word: str) -> str:
    """A word with a letter too many, too few or another."""
    at = draw(st.integers(0, len(word)))
    letter = draw(st.sampled_from(["", "a", "x", "-", " ", "é", ":", "0"]))
    return word[:at] + letter + word[at + draw(st.integers(0, 1)) :]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """The good recipe with one to three small changes."""
    data = copy.deepcopy(PLAIN)
    for _ in range(draw(st.integers(1, 3))):
        location = draw(st.sampled_from(LOCATIONS))
        parent, key = data, location[-1]
        try:
            for step in location[:-1]:
                parent = parent[step]
            value = parent[key]
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change has taken it away
        kind = draw(st.sampled_from(["value", "key", "misspelt", "gone", "new", "twice"]))
        if kind == "value":
            parent[key] = draw(ANYTHING)
        elif kind == "misspelt" and isinstance(value, str):
            parent[key] = draw(misspelt(value))
        elif kind == "key" and isinstance(parent, dict):
            parent[draw(misspelt(str(key)))] = parent.pop(key)
        elif kind == "new" and isinstance(value, dict):
            value[draw(st.text(max_size=6) | st.sampled_from(["value", "to", "slot", "kl", "id"]))] = draw(ANYTHING)
        elif kind == "twice" and isinstance(parent, list):
            parent.append(copy.deepcopy(value))
        elif kind == "gone":
            del parent[key]
    stream = io.StringIO()
    writer = YAML(pure=True)
    writer.default_flow_style = draw(st.sampled_from([False, None]))
    writer.dump(data, stream)
    return stream.getvalue()


def check(path: Path, *, line: bool = True) -> None:
    """A recipe, or an error that names the file and, where `line`, a line of it."""
    found: Recipe | InputError
    try:
        found = load_recipe(path)
    except InputError as error:
        found = error
    if isinstance(found, Recipe):
        return
    assert found.exit_code == 2
    assert found.place is not None
    assert Path(found.place.file) == path
    assert str(path) in str(found)
    if line:
        assert found.place.line is not None
        assert 1 <= found.place.line <= len(path.read_text(encoding="utf-8").splitlines()) + 1


def test_the_good_recipe_is_good(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(GOOD, encoding="utf-8")
    assert len(load_recipe(path).edits) == 4


@FEW
@given(text=mutated())
def test_changed_values_and_keys(text: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    check(path)


@FEW
@given(
    at=st.integers(0, len(GOOD)),
    cut=st.integers(0, 3),
    new=st.text(max_size=3) | st.sampled_from(list("{}[]:,-&*!|>%@`#?\t\n'\"")),
)
def test_changed_letters(at: int, cut: int, new: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(GOOD[:at] + new + GOOD[at + cut :], encoding="utf-8", newline="")
    check(path, line=False)  # what is no mapping at all has no line to blame


@pytest.mark.parametrize(
    "text",
    [
        "kedit: 1\nedits: []\nname: 2024-13-45\n",
        "kedit: 1\nedits: []\nname: 2024-02-30T25:61:00\n",
        "kedit: 1\nedits: []\nverify: {seed: 0b9}\n",
        "kedit: 1\nedits: []\nverify: {seed: 09:61:99}\n",
        "kedit: 1\nedits: []\nverify: {seed: " + "9" * 5000 + "}\n",
        "kedit: 1\nedits: []\n? [a, b]\n: c\n",
        "kedit: 1\nedits: []\n{a: [b]}: c\n",
        "kedit: 1\nedits: &e [a]\n*e : c\n",
        "kedit: 1\nedits: [{scope: {{subjects: {in: [a]}}}}]\n",
        "kedit: 1\nedits: []\n3: c\n",
        "kedit: 1\nedits: []\nnull: c\n",
        "kedit: 1\nedits: []\nname: \x00\n",
        "kedit: 1\nedits: []\nname: \ufffe\n",
        "%YAML 1.1\n---\nkedit: 1\nedits: []\nrun: 1:30\n",
        "kedit: 1\nedits: &e []\nexpect: *e\n",
        "kedit: 1\nedits: *e\n",
    ],
)
def test_odd_yaml(text: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    check(path, line=False)
