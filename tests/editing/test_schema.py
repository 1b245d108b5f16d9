"""The exported schema: every key explained, every list closed, and of one mind with the loader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from kedit.editing.metric_names import CONTROLS, CORPORA, LOWER_IS_BETTER, METRICS, OWN_PROMPTS, QUADRANTS, STANDPOINTS
from kedit.editing.reading import load_recipe
from kedit.editing.schema import recipe_schema
from kedit.errors import InputError

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))
SCHEMA = recipe_schema()
VALIDATOR = Draft202012Validator(SCHEMA)

# The examples of recipes.md.
DOCUMENTED = {
    "full": """\
kedit: 1                                   # schema version
name: capital-to-language
run: runs/countries                        # made by `kedit align`
prefixes: {ex: "https://example.org/world#"}

edits:
  - id: capital-to-language
    op: swap                               # swap | suppress | amplify | set
    from: ex:hasCapital
    to: ex:hasLanguage
    strength: auto                         # auto | number in calibrated units | {kl: nats}
    scope:
      subjects: {class: ex:Country, except: [ex:Belgium]}   # or {in: [...]}, {sparql: "SELECT ?s ..."}
      when: asked                          # only where the `from` slot is on; `always` to force
      steps: prompt                        # prompt (default) | asked | all
  - id: forget-continent
    op: suppress
    slot: ex:inContinent

verify:
  controls: [linear_probe, reft_r1]        # added to the fixed set of method.md
  per_edit: 200                            # per quadrant
  locality_n: 1000
  seed: 0

expect:
  - {metric: hit, edit: capital-to-language, at_least: 0.70, min_n: 40}
  - {metric: hit, edit: capital-to-language, versus: diff_means, at_least: 0.20}   # paired difference
  - {metric: retention, at_least: 0.98}
  - {metric: drift_kl, on: neutral, at_most: 0.02}      # as scoped; `forced: true` for the edit alone
""",
    "smallest": """\
kedit: 1
run: runs/family
edits: [{op: swap, from: father, to: mother}]
expect: [{metric: hit, at_least: 0.5}]
""",
    "every key": """\
kedit: 1
ontology: https://example.org/world
include: []
protect: [ex:hasCurrency]
edits:
  - {op: amplify, slot: a, strength: 2, scope: {subjects: {in: [ex:France]}, steps: all}}
  - {op: set, slot: b, strength: 1.5, enabled: false, scope: {subjects: {sparql: "SELECT ?s {}"}, when: always}}
  - {op: set, slot: b, id: other, scope: {subjects: {except: [ex:France]}}}
expect:
  - {metric: drift_kl_p95, on: other_subjects, at_least: 0, at_most: 1, forced: true, bound: point, severity: warn, min_n: 1}
""",
}


def parsed(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def models() -> Iterator[tuple[str, dict[str, Any]]]:
    yield "Recipe", SCHEMA
    yield from SCHEMA["$defs"].items()


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$id"].startswith("https://")


@pytest.mark.parametrize(("name", "model"), list(models()), ids=lambda value: value if isinstance(value, str) else "")
def test_every_key_is_explained_and_no_other_is_allowed(name: str, model: dict[str, Any]) -> None:
    assert model["description"]
    assert model["additionalProperties"] is False
    unexplained = [key for key, entry in model["properties"].items() if len(entry.get("description", "")) < 10]
    assert not unexplained


def test_lists_are_closed_and_explained() -> None:
    expectation = SCHEMA["$defs"]["Expectation"]["properties"]
    closed = {
        "metric": (expectation["metric"], METRICS),
        "versus": (expectation["versus"]["anyOf"][0], CONTROLS),
        "at": (expectation["at"], STANDPOINTS),
        "on": (expectation["on"]["anyOf"][0], [*CORPORA, *QUADRANTS, OWN_PROMPTS]),
        "controls": (SCHEMA["$defs"]["Verify"]["properties"]["controls"]["items"], CONTROLS),
    }
    for entry, names in closed.values():
        assert entry["enum"] == list(names)
        assert len(entry["enumDescriptions"]) == len(entry["enum"])
    scope = SCHEMA["$defs"]["Scope"]["properties"]
    assert scope["when"]["anyOf"][0]["enum"] == ["asked", "always"]
    assert scope["steps"]["enum"] == ["prompt", "asked", "all"]
    operations = {SCHEMA["$defs"][name]["properties"]["op"]["const"] for name in ("Swap", "Suppress", "Amplify", "Set")}
    assert operations == {"swap", "suppress", "amplify", "set"}


def test_examples_are_examples() -> None:
    assert all(VALIDATOR.is_valid(example) for example in SCHEMA["examples"])
    seen = 0
    for _, model in models():
        for entry in model["properties"].values():
            for example in entry.get("examples", ()):
                validator = Draft202012Validator({**entry, "$defs": SCHEMA["$defs"]})
                assert validator.is_valid(example), example
                seen += 1
    assert seen > 20


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_shipped_recipes_are_valid(path: Path) -> None:
    VALIDATOR.validate(parsed(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", DOCUMENTED)
def test_the_documented_recipes_are_valid(name: str, write: Callable[..., Path]) -> None:
    VALIDATOR.validate(parsed(DOCUMENTED[name]))
    load_recipe(write(DOCUMENTED[name]))


HEAD = "kedit: 1\n"
FIRING = ("scope_leak", "scope_miss", "subject_leak", "subject_miss", "gate_leak", "gate_miss")
SWAP = "edits: [{op: swap, from: a, to: b, id: e}]\n"
SHAPE = {
    "unknown key": HEAD + SWAP + "rum: x\n",
    "no version": SWAP,
    "another version": "kedit: 2\n" + SWAP,
    "version as text": 'kedit: "1"\n' + SWAP,
    "no edits": HEAD,
    "edits as mapping": HEAD + "edits: {op: swap}\n",
    "no operation": HEAD + "edits: [{from: a, to: b}]\n",
    "unknown operation": HEAD + "edits: [{op: swop, from: a, to: b}]\n",
    "swap without to": HEAD + "edits: [{op: swap, from: a}]\n",
    "suppress with a target": HEAD + "edits: [{op: suppress, slot: a, target: b}]\n",
    "a new value": HEAD + "edits: [{op: set, slot: a, value: Lyon}]\n",
    "empty term": HEAD + "edits: [{op: suppress, slot: ''}]\n",
    "strength in words": HEAD + "edits: [{op: amplify, slot: a, strength: strong}]\n",
    "negative nats": HEAD + "edits: [{op: amplify, slot: a, strength: {kl: -1}}]\n",
    "id with blanks": HEAD + "edits: [{op: suppress, slot: a, id: my edit}]\n",
    "unknown when": HEAD + "edits: [{op: suppress, slot: a, scope: {when: never}}]\n",
    "unknown steps": HEAD + "edits: [{op: suppress, slot: a, scope: {steps: some}}]\n",
    "unknown scope": HEAD + "edits: [{op: suppress, slot: a, scope: {subject: {in: [b]}}}]\n",
    "nobody": HEAD + "edits: [{op: suppress, slot: a, scope: {subjects: {in: []}}}]\n",
    "enabled in words": HEAD + "edits: [{op: suppress, slot: a, enabled: yes}]\n",
    "unknown metric": HEAD + SWAP + "expect: [{metric: hits, at_least: 0.5}]\n",
    "unknown control": HEAD + SWAP + "expect: [{metric: hit, versus: nothing, at_least: 0.5}]\n",
    "unknown standpoint": HEAD + SWAP + "expect: [{metric: hit, versus: diff_means, at: best, at_least: 0.5}]\n",
    "unknown place": HEAD + SWAP + "expect: [{metric: hit, on: mars, at_least: 0.5}]\n",
    "no bound": HEAD + SWAP + "expect: [{metric: hit}]\n",
    "bound as text": HEAD + SWAP + "expect: [{metric: hit, at_least: high}]\n",
    "unknown severity": HEAD + SWAP + "expect: [{metric: hit, at_least: 0.5, severity: fatal}]\n",
    "none needed": HEAD + SWAP + "expect: [{metric: hit, at_least: 0.5, min_n: 0}]\n",
    "unknown control of verify": HEAD + SWAP + "verify: {controls: [placebo]}\n",
    "no items": HEAD + SWAP + "verify: {per_edit: 0}\n",
}
MEANING = {
    "unknown edit": HEAD + SWAP + "expect: [{metric: hit, edit: f, at_least: 0.5}]\n",
    "a leak above 1": HEAD + SWAP + "expect: [{metric: subject_leak, at_most: 2}]\n",
    "a gate on a corpus": HEAD + SWAP + "expect: [{metric: gate_leak, on: negatives, at_most: 0.1}]\n",
    "a leak on neutral text": HEAD + SWAP + "expect: [{metric: scope_leak, on: neutral, at_most: 0.1}]\n",
    "retention of negatives": HEAD + SWAP + "expect: [{metric: retention, on: negatives, at_least: 0.9}]\n",
    "a share above 1": HEAD + SWAP + "expect: [{metric: hit, at_least: 70}]\n",
    "two subjects": HEAD + "edits: [{op: suppress, slot: a, scope: {subjects: {class: b, in: [c]}}}]\n",
    "equal ids": HEAD + "edits: [{op: suppress, slot: a, id: x}, {op: suppress, slot: b, id: x}]\n",
    "no strength": HEAD + SWAP + "expect: [{metric: hit, versus: noop, at: equal_damage, at_least: 0.5}]\n",
    "the wrong place": HEAD + SWAP + "expect: [{metric: hit, on: neutral, at_least: 0.5}]\n",
}


@pytest.mark.parametrize("name", SHAPE)
def test_what_has_the_wrong_shape_fails_in_the_editor_and_in_the_loader(name: str, write: Callable[..., Path]) -> None:
    assert not VALIDATOR.is_valid(parsed(SHAPE[name]))
    with pytest.raises(InputError):
        load_recipe(write(SHAPE[name]))


@pytest.mark.parametrize("name", MEANING)
def test_what_contradicts_itself_fails_in_the_loader(name: str, write: Callable[..., Path]) -> None:
    assert VALIDATOR.is_valid(parsed(MEANING[name]))
    with pytest.raises(InputError):
        load_recipe(write(MEANING[name]))


@pytest.mark.parametrize("metric", FIRING)
def test_where_an_edit_fires_can_be_bounded_on_own_prompts(metric: str, write: Callable[..., Path]) -> None:
    places = ["own_prompts", *(("other_relations", "other_subjects", "negatives") if metric == "scope_leak" else ())]
    for on in places:
        text = HEAD + SWAP + f"prompts: [{{text: Hello}}]\nexpect: [{{metric: {metric}, on: {on}, at_most: 0.1}}]\n"
        assert VALIDATOR.is_valid(parsed(text))
        assert load_recipe(write(text)).expect[0].on == on
    assert metric in LOWER_IS_BETTER
