"""Syntaxes of OWL that are no RDF, turned into RDF/XML by the optional py-horned-owl (LGPL-3.0): one path for all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kedit.errors import InputError
from kedit.ontology.sniff import Source, Syntax
from kedit.ontology.xml import without_entities

INSTALL = 'pip install "kedit[owl]"'
_NAMES = {"OWL functional syntax": "ofn", "Manchester syntax": "omn", "OWL/XML": "owx", "OBO": "obo"}
_PREFIX = {
    "OWL functional syntax": re.compile(r"^\s*Prefix\s*\(\s*([\w.-]*)\s*:\s*=\s*<([^>]*)>\s*\)", re.MULTILINE),
    "Manchester syntax": re.compile(r"^\s*Prefix:\s*([\w.-]*):\s*<([^>]*)>", re.MULTILINE),
    "OWL/XML": re.compile(r"<Prefix\s+name=[\"']([\w.-]*)[\"']\s+IRI=[\"']([^\"']*)[\"']"),
    "OBO": re.compile(r"^idspace:\s*([\w.-]+)\s+(\S+)", re.MULTILINE),
}
OBO = "http://purl.obolibrary.org/obo/"
_OVER_LISTS = {"SubObjectPropertyOf", "EquivalentObjectProperties", "DisjointUnion", "DifferentIndividuals", "HasKey"}
_HEAD = 1 << 20
"""Prefixes stand at the top of a file."""


def is_owl_syntax(syntax: Syntax) -> bool:
    """Whether a syntax is one of those that need the optional package."""
    return syntax in _NAMES


def as_rdf_xml(source: Source, syntax: Syntax) -> tuple[bytes, Mapping[str, str]]:
    """The document in RDF/XML, and the prefixes that it declares.

    Raises InputError with the line to install it if the package is missing, and with line and column for what it refuses.
    """
    try:
        import pyhornedowl
    except ImportError:
        message = f"is written in {syntax}, which needs an optional package"
        raise InputError(message, place=source.place(1), advice=f"Install it: {INSTALL}", code="KE145") from None
    text = (without_entities(source) if syntax == "OWL/XML" else source.data).decode()
    try:
        ontology = pyhornedowl.open_ontology_from_string(text, _NAMES[syntax])  # type: ignore[arg-type]
        _drop_notes_on_lists(ontology)
        data = ontology.save_to_string("rdf").encode()
    except BaseException as error:  # a panic of the parser is no Exception
        if isinstance(error, KeyboardInterrupt | SystemExit | MemoryError):
            raise
        raise _located(source, syntax, str(error)) from error
    return data, _prefixes(text, syntax)


def _drop_notes_on_lists(ontology: Any) -> None:
    """Takes the annotations off axioms whose triple ends in a list: with them, py-horned-owl 2.0 loses the list in RDF."""
    for axiom in ontology.get_axioms():
        if axiom.ann and type(axiom.component).__name__ in _OVER_LISTS:
            ontology.remove_component(axiom.component)
            ontology.add_component(axiom.component)


def _prefixes(text: str, syntax: Syntax) -> dict[str, str]:
    found = dict(_PREFIX[syntax].findall(text[:_HEAD]))
    return {"obo": OBO, **found} if syntax == "OBO" else found


def _located(source: Source, syntax: Syntax, message: str) -> InputError:
    """The place as the parser tells it: line and column, else a byte offset, else none."""
    pair = re.search(r"line_col: (?:Pos|Span)\(\(+(\d+), (\d+)\)", message)
    offset = re.search(r"BytePosition\((\d+)\)|(?:position|offset) (\d+)", message)
    if pair:
        place = source.place(int(pair[1]), int(pair[2]))
    elif offset:
        place = source.at(int(offset[1] or offset[2]))
    else:
        place = source.place()
    wanted = re.search(r"positives: \[([^\]]*)\]", message)
    what = f": one of {wanted[1]} is expected here" if wanted and wanted[1] else ""
    advice = "Everything before this place was read." if place.line else "Check it with ROBOT (robot convert) or Protege."
    return InputError(f"is not valid {syntax}{what}", place=place, advice=advice, code="KE146")
