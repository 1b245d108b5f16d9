"""The JSON Schema of recipes, for editors: closed lists as enumerations with their meaning, a description on every key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kedit.editing.metric_names import CONTROLS, CORPORA, METRICS, OWN_PROMPTS, QUADRANTS, STANDPOINTS
from kedit.editing.recipe import Recipe

SCHEMA_ID: Final = "https://w3id.org/kedit/schema/kedit.recipe/1"
_EXAMPLES: Final[dict[str, dict[str, list[Any]]]] = {
    "Recipe": {
        "name": ["capital-to-language"],
        "run": ["runs/countries-smollm2-135m"],
        "prefixes": [{"ex": "https://example.org/world#"}],
        "include": [["common.yaml"]],
        "edits": [[{"op": "swap", "from": "father", "to": "mother"}]],
        "expect": [[{"metric": "hit", "at_least": 0.5}]],
        "protect": [["ex:hasCurrency"]],
    },
    "Swap": {"from": ["ex:hasCapital"], "to": ["ex:hasLanguage"], "strength": ["auto", 1.25]},
    "Suppress": {"slot": ["ex:inContinent"]},
    "Amplify": {"slot": ["ex:hasCapital"], "strength": [2]},
    "Set": {"slot": ["ex:hasCapital"], "strength": ["auto", 1]},
    "Scope": {"subjects": [{"class": "ex:Country", "except": ["ex:Belgium"]}]},
    "Subjects": {
        "class": ["ex:Country"],
        "in": [["ex:France", "ex:Peru"]],
        "except": [["ex:Belgium"]],
        "sparql": ["SELECT ?s WHERE { ?s ex:inContinent ex:Europe }"],
    },
    "Verify": {"controls": [["linear_probe"]]},
    "Expectation": {"at_least": [0.7], "at_most": [0.02], "versus": ["diff_means"], "on": ["neutral"]},
}
_MINIMAL: Final = {
    "kedit": 1,
    "run": "runs/family",
    "edits": [{"op": "swap", "from": "father", "to": "mother"}],
    "expect": [{"metric": "hit", "at_least": 0.5}],
}


def recipe_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of recipe files, with the closed lists of names and their meaning also under `x-kedit`."""
    schema = Recipe.model_json_schema(by_alias=True)
    places = {
        **CORPORA,
        **dict.fromkeys(QUADRANTS, "carriers and subjects, seen in training or not"),
        OWN_PROMPTS: "the prompts of the recipe itself",
    }
    models: dict[str, dict[str, Any]] = {"Recipe": schema, **schema["$defs"]}
    for name, model in models.items():
        for key, entry in model["properties"].items():
            entry.pop("title", None)  # made from the key, and says no more
            if found := _EXAMPLES.get(name, {}).get(key):
                entry["examples"] = found
    expectation, controls = models["Expectation"], models["Verify"]["properties"]["controls"]["items"]
    _close(expectation["properties"]["metric"], METRICS)
    _close(expectation["properties"]["versus"]["anyOf"][0], CONTROLS)
    _close(expectation["properties"]["on"]["anyOf"][0], places)
    _close(expectation["properties"]["at"], STANDPOINTS)
    _close(controls, CONTROLS)
    expectation["anyOf"] = [{"required": ["at_least"]}, {"required": ["at_most"]}]
    lists = {"metrics": METRICS, "controls": CONTROLS, "corpora": CORPORA, "quadrants": list(QUADRANTS)}
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID}
    return {**head, **schema, "examples": [_MINIMAL], "x-kedit": lists}


def _close(entry: dict[str, Any], names: Mapping[str, str]) -> None:
    """Make a text one of `names`; editors show the meaning of each."""
    entry |= {"enum": list(names), "enumDescriptions": list(names.values())}
