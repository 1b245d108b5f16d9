"""YAML that people write, read strictly: every complaint names file, line, key and the nearest valid key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, DuplicateKeyError, RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent, MappingStartEvent, NodeEvent, ScalarEvent

from kedit.errors import InputError, Place, did_you_mean

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[str | int, ...]
_BEGIN = "Begin with a line such as `kedit: 1` (`kedit recipe schema` describes recipes)."
DEEPEST = 20
"""Levels of nesting; the deepest key of a recipe stands at the sixth."""


class _Constructor(RoundTripConstructor):
    """Dates stay the texts that they are; numbers that cannot be read are complained of where they stand."""

    def number(self, node: Any) -> Any:
        read = self.construct_yaml_int if node.tag.endswith("int") else self.construct_yaml_float
        try:
            return read(node)
        except ValueError as error:
            raise ConstructorError(None, None, f"{node.value[:12]}... is no number that can be read", node.start_mark) from error


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", lambda self, node: self.construct_scalar(node))
for _kind in ("int", "float"):
    _Constructor.add_constructor(f"tag:yaml.org,2002:{_kind}", _Constructor.number)


@dataclass(frozen=True)
class Document:
    """A YAML mapping with the place of each of its keys."""

    path: Path
    data: dict[str, Any]
    lines: tuple[str, ...]
    positions: Mapping[Location, tuple[int, int]]
    """Location of a key or item -> 0-based line and column."""

    def place(self, location: Location) -> Place:
        """Where `location` stands, or its nearest parent that stands in the file."""
        known = location
        while known and known not in self.positions:
            known = known[:-1]
        key = dotted(location) or None
        if not known:
            return Place(self.path, key=key)
        line, column = self.positions[known]
        return Place(self.path, line + 1, column + 1, key, self.lines[line].strip())


def dotted(location: Location) -> str:
    """`("edits", 0, "op")` as `edits[0].op`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".")


def read_yaml(path: Path, *, advice: str = _BEGIN) -> Document:
    """Read a file that must hold one YAML mapping; InputError with line and column otherwise.

    `advice` says how such a file begins.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", place=Place(path), advice="Check its path.") from error
    except UnicodeDecodeError as error:
        raise InputError("is not UTF-8 text", place=Place(path), advice="Save the file as UTF-8.") from error
    lines = tuple(text.splitlines())
    try:
        _check_plain(path, lines, text)
        reader = YAML(typ="rt", pure=True)
        reader.Constructor = _Constructor
        root = reader.load(text)
    except MarkedYAMLError as error:
        raise _syntax_error(path, lines, error) from error
    except YAMLError as error:
        raise InputError(f"is not YAML: {error}", place=Place(path)) from error
    if not isinstance(root, Mapping):
        raise InputError("must hold a mapping of keys to values", place=Place(path), advice=advice)
    positions: dict[Location, tuple[int, int]] = {}
    data = _plain(root, (), positions)
    return Document(path, data, lines, positions)


def _check_plain(path: Path, lines: Sequence[str], text: str) -> None:
    """InputError for what these files have no use for: tags, merge keys, keys that are no texts, deep nesting."""
    open_: list[list[Any]] = []  # of each collection around an event: is it a mapping, and how many nodes it holds so far
    for event in YAML(typ="safe", pure=True).parse(text):
        if isinstance(event, CollectionEndEvent):
            open_.pop()
            continue
        if not isinstance(event, NodeEvent):
            continue
        is_key = bool(open_) and open_[-1][0] and open_[-1][1] % 2 == 0
        if open_:
            open_[-1][1] += 1
        problem = None
        if isinstance(event, CollectionStartEvent | ScalarEvent) and event.tag is not None:
            problem = f"tags such as {event.tag} are not allowed"
        elif isinstance(event, ScalarEvent):
            if event.value == "<<" and event.style is None:
                problem = "merge keys (<<) are not allowed"
        elif is_key:
            problem = "a key must be a plain text"
        if isinstance(event, CollectionStartEvent):
            open_.append([isinstance(event, MappingStartEvent), 0])
        if len(open_) > DEEPEST:
            problem = f"is nested more than {DEEPEST} deep"
        if problem:
            raise InputError(
                problem, place=_place(path, lines, event.start_mark), advice="Write plain mappings, lists, texts and numbers."
            )


def _syntax_error(path: Path, lines: Sequence[str], error: MarkedYAMLError) -> InputError:
    problem = error.problem or "cannot be parsed"
    if isinstance(error, DuplicateKeyError):
        problem = problem.split("\n")[0]
    return InputError(f"is not YAML: {problem}", place=_place(path, lines, error.problem_mark or error.context_mark))


def _place(path: Path, lines: Sequence[str], mark: Any) -> Place:
    """Where the parser's `mark` stands; the file as a whole if there is none."""
    if mark is None:
        return Place(path)
    text = lines[mark.line].strip() if mark.line < len(lines) else None
    return Place(path, mark.line + 1, mark.column + 1, text=text)


def _plain(node: Any, location: Location, positions: dict[Location, tuple[int, int]]) -> Any:
    """Plain Python values from ruamel's round-trip nodes; fills `positions` on the way."""
    if isinstance(node, Mapping):
        result = {}
        for key, value in node.items():
            inner = (*location, key if isinstance(key, int) else str(key))
            positions[inner] = node.lc.key(key)  # type: ignore[attr-defined]
            result[str(key)] = _plain(value, inner, positions)
        return result
    if isinstance(node, Sequence) and not isinstance(node, str):
        for index in range(len(node)):
            positions[(*location, index)] = node.lc.item(index)  # type: ignore[attr-defined]
        return [_plain(value, (*location, index), positions) for index, value in enumerate(node)]
    for kind in (bool, int, float, str):  # ruamel's scalars are subclasses that remember their spelling
        if isinstance(node, kind):
            return kind(node)
    return None if node is None else str(node)


def validated(model: type[Model], data: Mapping[str, Any], document: Document | None = None) -> Model:
    """An instance of a strict pydantic model; InputError for the first thing that does not fit, with its place."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        location = tuple(part for part in first["loc"] if not str(part).startswith("function-"))
        place = document.place(location) if document else None
        name = dotted(location)
        if first["type"] == "extra_forbidden":
            advice = did_you_mean(str(location[-1]), _keys(model, location[:-1]))
            raise InputError(f"unknown key {name!r}", place=place, advice=advice) from error
        if first["type"] == "missing":
            raise InputError(f"{name!r} is missing", place=place) from error
        message = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{name}: {message} (got {first['input']!r})" if name else message, place=place) from error


def _keys(model: type[BaseModel], location: Location) -> list[str]:
    """Valid keys at `location` inside a model: the union over alternatives, where the schema offers several."""
    kinds: list[Any] = [model]
    for part in location:
        if isinstance(part, int):
            continue
        annotations = [kind.model_fields[part].annotation for kind in kinds if part in kind.model_fields]
        # A location also names the member of a union that was tried; such parts leave the models as they are.
        kinds = [kind for annotation in annotations for kind in _models(annotation)] or kinds
    return sorted({field.alias or name for kind in kinds for name, field in kind.model_fields.items()})


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [kind for argument in get_args(annotation) for kind in _models(argument)]
