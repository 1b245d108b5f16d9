"""What a picture of an ontology holds, before anything is drawn: boxes, arrows and what was left out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from kedit.ontology.model import Ontology

What = Literal["relations", "classes", "facts"]
NodeKind = Literal["class", "relation", "individual", "anything"]
EdgeKind = Literal["subclass", "subproperty", "relation", "fact"]
UNLABELLED: dict[EdgeKind, str] = {"subclass": "subclass of", "subproperty": "sub-property of"}
"""What an arrow without labels says."""
MAX_NODES = 40
MAX_LINES = 8
"""Rows of a box and relations of one arrow that are written out; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Label:
    """One relation on an arrow, or one row of a box: its name, what is said of it, and a further line."""

    text: str
    detail: str = ""
    extra: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """A box. `rows` are its literal-valued relations (or values), as in a UML class."""

    id: str
    kind: NodeKind
    label: str
    detail: str = ""
    rows: tuple[Label, ...] = ()
    more: int = 0
    """Rows that are not written out."""
    focus: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """An arrow from every source to every target. Relations with the same ends share one, a label each."""

    kind: EdgeKind
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    labels: tuple[Label, ...] = ()
    more: int = 0
    """Relations, or facts, of these ends that are not written out."""
    directed: bool = True
    stated: bool = True
    """False where the ends are those seen in facts, not those of the ontology's domain and range."""
    focus: bool = False


@dataclass(frozen=True, slots=True)
class Diagram:
    """A picture to be drawn: nodes and edges in the order of their importance."""

    what: What
    title: str
    caption: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    left_out: str = ""
    """A sentence that says how much is not in the picture; empty if it is whole."""
    notes: tuple[str, ...] = ()
    """What was chosen for the user."""

    def document(self) -> dict[str, Any]:
        """The diagram as JSON."""
        from dataclasses import asdict

        return {"schema": "kedit.diagram/1", **asdict(self)}


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """`counted(2, "fact")` is "2 facts"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def joined(parts: Iterable[str]) -> str:
    """Parts of a line, the empty ones left out."""
    return " · ".join(part for part in parts if part)


def left_out(*hidden: tuple[int, str, str]) -> str:
    """The sentence on what is not in the picture, from (number, singular, plural)."""
    said = [f"{number:,} more {noun if number == 1 else plural}" for number, noun, plural in hidden if number]
    return f"{' and '.join(said)} left out (--focus, --depth and --max-nodes choose)" if said else ""


def local_name(iri: str) -> str:
    """The last part of an IRI, for terms of which the ontology keeps no label."""
    return iri.rstrip("/#").rsplit("#", 1)[-1].rsplit("/", 1)[-1] or iri


def title(ontology: Ontology, what: str) -> str:
    """The heading of a picture."""
    from pathlib import PurePath

    return f"{PurePath(ontology.source).name} · {what}"
