"""The schema: what a recipe may hold, and the defaults of what it leaves out."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kedit.editing.metric_names import METRICS
from kedit.editing.reading import as_recipe
from kedit.editing.schema import recipe_schema
from kedit.errors import InputError

SWAP = {"op": "swap", "from": "a:x", "to": "a:y"}


def test_defaults_of_the_smallest_recipe() -> None:
    recipe = as_recipe({"kedit": 1, "edits": [SWAP]})
    edit = recipe.edits[0]
    assert (edit.name, edit.when, edit.scope.steps, edit.strength, edit.enabled) == ("swap-x-y", "asked", "prompt", "auto", True)
    assert (recipe.verify.per_edit, recipe.verify.locality_n, recipe.verify.seed) == (200, 1000, 0)


def test_set_is_forced_by_default_and_only_there() -> None:
    edits = [{"op": "set", "slot": "x"}, {"op": "set", "slot": "y", "scope": {"when": "asked"}}, {"op": "suppress", "slot": "x"}]
    assert [edit.when for edit in as_recipe({"kedit": 1, "edits": edits}).edits] == ["always", "asked", "asked"]


def test_whole_numbers_are_strengths_but_texts_and_truths_are_not() -> None:
    assert as_recipe({"kedit": 1, "edits": [{**SWAP, "strength": 2}]}).edits[0].strength == 2.0
    for wrong in ("2", True, [2], {"nats": 1}, float("nan"), float("inf"), None):
        with pytest.raises(InputError, match="strength"):
            as_recipe({"kedit": 1, "edits": [{**SWAP, "strength": wrong}]})


def test_schema_lists_metrics_and_is_json() -> None:
    schema = recipe_schema()
    assert schema["$defs"]["Expectation"]["properties"]["metric"]["enum"] == list(METRICS)
    assert schema["additionalProperties"] is False
    assert set(schema["$defs"]["Swap"]["properties"]) == {"id", "op", "from", "to", "strength", "scope", "enabled"}
    assert json.loads(json.dumps(schema)) == schema


def test_recipes_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        as_recipe({"kedit": 1, "edits": [SWAP]}).edits[0].scope.steps = "all"


_LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=5)
_KEYS = st.sampled_from(["kedit", "edits", "op", "from", "to", "slot", "scope", "subjects", "in", "expect", "metric", "x"])
_DATA = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4), max_leaves=12
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(_KEYS, _DATA, max_size=5))
def test_any_data_is_a_recipe_or_an_input_error(data: dict[str, object]) -> None:
    with contextlib.suppress(InputError):
        as_recipe(data)
