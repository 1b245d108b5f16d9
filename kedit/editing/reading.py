"""Recipes from files: YAML 1.2, strict, with file, line and key in every complaint."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from kedit.editing.problems import problems
from kedit.editing.recipe import OPERATIONS, Expectation, KlStrength, OwnPrompt, Recipe, Scope, Subjects, Verify
from kedit.errors import InputError, Place, did_you_mean, nearest
from kedit.yaml import Location, dotted, read_yaml

VALUES_REFUSED = (
    "A relation slot says which relation is asked, not its value: kedit can make the model answer another relation of the same "
    "subject (`op: swap`), but it cannot give it a new object (France's capital becomes Lyon). That needs value slots, "
    "which this version does not train."
)
_VALUE_KEYS = frozenset({"answer", "becomes", "new_object", "new_value", "object", "value", "values", "with"})
_LISTS = ("edits", "expect", "protect", "prompts")
_MAPS = ("prefixes", "verify")
_EXPECTED = {
    "strength": "must be `auto`, a number in calibrated units, or {kl: nats}",
    "subjects": "must be a mapping: {class: ...}, {in: [...]}, {except: [...]} or {sparql: ...}",
    "scope": "must be a mapping with subjects, when and steps",
    "kedit": "must be 1, the schema version that this version of kedit reads",
}


@dataclass(frozen=True)
class _Tree:
    """A recipe's data before validation, with the place of every key; places survive the merging of files."""

    data: dict[str, Any]
    places: dict[Location, Place]


class _Complaint(NamedTuple):
    location: Location
    message: str
    advice: str | None
    missing: bool = False


def load_recipe(path: str | Path) -> Recipe:
    """Read and check a recipe file; InputError with file, line, column, key and the nearest valid word for what is wrong."""
    path = Path(path)
    recipe = _validated(_read(path, (), set()))
    return recipe if recipe.name else _named(recipe, path.stem)


def as_recipe(recipe: Recipe | Mapping[str, Any] | str | Path) -> Recipe:
    """A recipe from a recipe, from plain data of the same form, or from a file."""
    if isinstance(recipe, Recipe):
        return recipe
    if isinstance(recipe, str | Path):
        return load_recipe(recipe)
    return _validated(_Tree(dict(recipe), {}))


def _named(recipe: Recipe, stem: str) -> Recipe:
    name = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-" for letter in stem).lstrip("._-")
    return recipe.model_copy(update={"name": name or "recipe"})


def _read(path: Path, including: tuple[Path, ...], merged_already: set[Path]) -> _Tree:
    """One file with everything that it includes, later files over earlier ones; each file once, however often it is named."""
    document = read_yaml(path)
    root = document.place(())
    places = {(): Place(root.file, 1), **{location: document.place(location) for location in document.positions}}
    tree = _Tree(document.data, places)
    merged_already.add(path.resolve())
    _check_form(tree, included=bool(including))
    merged = _Tree({}, {})
    for i, name in enumerate(tree.data.get("include", [])):
        other = path.parent / name
        place, chain = _place(places, ("include", i)), (*including, path)
        _check_included(other, place, chain)
        if other.resolve() not in merged_already:
            merged = _merge(merged, _read(other, chain, merged_already))
    # A report is named by the recipe that was asked for, not by one of its parts.
    nameless = _Tree({key: value for key, value in merged.data.items() if key != "name"}, merged.places)
    return _merge(nameless, tree)


def _check_form(tree: _Tree, *, included: bool) -> None:
    """InputError for what merging would hide: values of another form than those they are merged with, other versions."""
    data, places = tree.data, tree.places
    names = data.get("include", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError("must be a list of files", place=_place(places, ("include",)))
    for keys, form, word in ((_LISTS, list, "list"), (_MAPS, dict, "mapping")):
        for key in keys:
            if key in data and not isinstance(data[key], form):
                raise InputError(f"must be a {word} (got {data[key]!r})", place=_place(places, (key,)))
    if included and data.get("kedit", 1) != 1:
        raise InputError(f"{_EXPECTED['kedit']} (got {data['kedit']!r})", place=_place(places, ("kedit",)))


def _check_included(other: Path, place: Place, chain: tuple[Path, ...]) -> None:
    """InputError for a file that is not there, or that would include itself."""
    resolved = [path.resolve() for path in chain]
    if other.resolve() in resolved:
        circle = [*chain[resolved.index(other.resolve()) :], other]
        names = " → ".join(path.name for path in circle)
        raise InputError(f"{other.name} includes itself: {names}", place=place, advice="Leave one of them out.")
    if not other.is_file():
        folder = other.parent
        beside = sorted(path.name for path in folder.glob("*.y*ml")) if folder.is_dir() else []
        advice = "Included files are named relative to the file that includes them."
        meant = nearest(other.name, beside)
        raise InputError(
            f"there is no file {other}",
            place=place,
            advice=f"Did you mean {' or '.join(map(repr, meant))}? {advice}" if meant else advice,
        )


def _merge(first: _Tree, second: _Tree) -> _Tree:
    """Lists are joined, mappings united, anything else is taken from `second`."""
    data, places = dict(first.data), dict(first.places)
    for key, value in second.data.items():
        old = data.get(key)
        shift = len(old) if key in _LISTS and isinstance(old, list) and isinstance(value, list) else 0
        if shift:
            data[key] = [*data[key], *value]
        elif key in _MAPS and isinstance(old, dict) and isinstance(value, dict):
            data[key] = {**old, **value}
        else:
            data[key] = value
        for location, place in second.places.items():
            if location[:1] == (key,):
                index = location[1:2]
                moved = (index[0] + shift,) if shift and index and isinstance(index[0], int) else index
                places[(key, *moved, *location[2:])] = place
    if () in second.places:
        places[()] = second.places[()]
    return _Tree(data, places)


def _validated(tree: _Tree) -> Recipe:
    try:
        # Through JSON, because strict pydantic takes a list for a tuple there and nowhere else.
        recipe = Recipe.model_validate_json(json.dumps(tree.data))
    except (TypeError, RecursionError) as error:
        raise InputError(f"holds something that is not plain YAML data: {error}", place=_place(tree.places, ())) from error
    except ValidationError as error:
        raise _first(_complaints(error, tree), tree) from error
    recipe._places.update(tree.places)
    if found := [_Complaint(*problem) for problem in problems(recipe)]:
        raise _first(found, tree)
    return recipe


def _first(complaints: list[_Complaint], tree: _Tree) -> InputError:
    """The complaint that stands first in the file, as an error; a missing key may only be a misspelt one, so it comes last."""
    placed = [(_place(tree.places, complaint.location), complaint) for complaint in complaints]
    place, found = min(placed, key=lambda item: (item[1].missing, item[0].line or 0, item[0].column or 0))
    return InputError(found.message, place=place, advice=found.advice)


def _place(places: Mapping[Location, Place], location: Location) -> Place:
    known = location
    while known and known not in places:
        known = known[:-1]
    found = places.get(known, Place("recipe"))
    return Place(found.file, found.line, found.column, dotted(location) or None, found.text)


def _complaints(error: ValidationError, tree: _Tree) -> list[_Complaint]:
    """pydantic's errors in the words of a recipe, one per place."""
    found: dict[Location, _Complaint] = {}
    for detail in error.errors(include_url=False):
        location = tuple(_path(detail, tree.data))
        found.setdefault(location, _complaint(detail, location, tree.data))
    return list(found.values())


def _path(detail: ErrorDetails, data: Any) -> Iterator[str | int]:
    """The location in the file: pydantic's own, without the names of the union members that it tried."""
    steps = detail["loc"]
    for i, step in enumerate(steps):
        if step in (data if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ()):
            data = data[step]
            yield step
        elif i == len(steps) - 1 and detail["type"] == "missing":
            yield step


def _complaint(detail: ErrorDetails, location: Location, data: dict[str, Any]) -> _Complaint:
    kind, context = detail["type"], detail.get("ctx", {})
    last = location[-1] if location else ""
    keys = _keys(_at(data, location[:-1]), location[:-1])
    if kind == "kedit":
        return _Complaint(location, context["message"], context["advice"])
    if kind == "extra_forbidden":
        in_edit = len(location) == 3 and location[0] == "edits"
        if in_edit and (last in _VALUE_KEYS or (last == "to" and "slot" in keys)):
            return _Complaint(location, f"{last!r}: a recipe cannot ask for a new value", VALUES_REFUSED)
        return _Complaint(location, f"unknown key {last!r}", did_you_mean(str(last), keys))
    if kind == "missing":
        advice = f"Keys here: {', '.join(keys)}." if keys else None
        return _Complaint(location, f"{last!r} is missing", advice, missing=True)
    if kind == "union_tag_not_found":
        return _Complaint(location, "'op' is missing", f"Operations: {', '.join(OPERATIONS)}.", missing=True)
    if kind == "union_tag_invalid":
        operation = str(context.get("tag"))
        return _Complaint((*location, "op"), f"unknown operation {operation!r}", did_you_mean(operation, OPERATIONS))
    given = _at(data, location)
    if last in _EXPECTED:
        return _Complaint(location, f"{_EXPECTED[str(last)]} (got {given!r})", None)
    if kind == "literal_error":
        expected = context["expected"].replace("'", "")
        advice = did_you_mean(str(given), expected.replace(" or ", ", ").split(", ")) if isinstance(given, str) else None
        return _Complaint(location, f"{last} must be {expected} (got {given!r})", advice)
    message = detail["msg"][:1].lower() + detail["msg"][1:]
    return _Complaint(location, f"{message} (got {given!r})", None)


def _at(data: Any, location: Location) -> Any:
    for step in location:
        data = data[step]
    return data


def _keys(parent: Any, location: Location) -> list[str]:
    """The keys that are valid in the mapping at `location`."""
    names = [part for part in location if isinstance(part, str)]
    model: type[BaseModel] | None = None
    match names:
        case []:
            model = Recipe
        case ["edits"]:
            model = OPERATIONS.get(str(parent.get("op"))) if isinstance(parent, dict) else None
        case ["edits", "scope"]:
            model = Scope
        case ["edits", "scope", "subjects"]:
            model = Subjects
        case ["edits", "strength"]:
            model = KlStrength
        case ["verify"]:
            model = Verify
        case ["expect"]:
            model = Expectation
        case ["prompts"]:
            model = OwnPrompt
    return [field.alias or name for name, field in model.model_fields.items()] if model else []
