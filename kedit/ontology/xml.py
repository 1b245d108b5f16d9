"""What RDF/XML needs beside the RDF parser: bounded internal entities, no external ones, and places of errors."""

from __future__ import annotations

import re
from collections import Counter
from xml.parsers import expat
from xml.sax.saxutils import escape

from kedit.errors import InputError
from kedit.ontology.sniff import Source

MAX_EXPANSION = 1 << 20
"""Bytes that entities may add to a small file; large files may grow eightfold (Protege names long namespaces so)."""
DEEPEST = 50

_REFERENCE = re.compile(r"&([A-Za-z_:][\w:.-]*);")
_SKIPPED = re.compile(r"<!--.*?-->|<!\[CDATA\[.*?\]\]>|&([A-Za-z_:][\w:.-]*);", re.DOTALL)
_ID = re.compile(r"\brdf:ID\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")
_NCNAME = re.compile(r"[^\W\d][\w.\u00b7-]*")
_PREDEFINED = {"lt", "gt", "amp", "quot", "apos"}
_ADVICE = "Replace the entities by what they stand for, or convert the file to Turtle."


class _PrologEnd(Exception):
    """The root element begins; entities are declared before it."""


def without_entities(source: Source) -> bytes:
    """The document with its internal entities written out and without its DOCTYPE; lines keep their numbers.

    Raises InputError for external or undefined entities that are used, recursion, and expansion beyond the bound.
    """
    if b"<!DOCTYPE" not in source.data[: 1 << 20]:
        return source.data
    internal, external, start, end = _declarations(source)
    if end == 0:
        return source.data
    text = source.data.decode()
    budget = max(MAX_EXPANSION, 8 * len(source.data))
    sizes: dict[str, int] = {}
    grown = 0
    for match in _SKIPPED.finditer(text, end):
        name = match[1]
        if name and name not in _PREDEFINED:
            if name not in internal:
                raise _entity_error(source, name, external)
            grown += _size(source, name, internal, external, sizes, (), budget)
            if grown > budget:
                message = f"entities expand beyond {budget:,} bytes"
                raise InputError(message, place=source.find(f"&{name};"), advice=_ADVICE, code="KE123")
    values = {name: _expanded(name, internal) for name in sizes}
    body = _SKIPPED.sub(lambda match: values.get(match[1], match[0]) if match[1] else match[0], text[end:])
    # The DOCTYPE leaves as many line ends behind as it had, so that lines keep their numbers.
    return (text[:start] + "\n" * text.count("\n", start, end) + body).encode()


def _declarations(source: Source) -> tuple[dict[str, str], set[str], int, int]:
    """Internal entities, names of external ones, and where the DOCTYPE stands (character offsets)."""
    internal: dict[str, str] = {}
    external: set[str] = set()
    where = {"start": 0, "end": 0}
    parser = expat.ParserCreate("UTF-8")
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)

    def declared(name: str, parameter: bool, value: str | None, *_: object) -> None:
        if value is None:
            external.add(name)
        elif not parameter:
            internal.setdefault(name, value)

    def begins(*_: object) -> None:
        where["start"] = parser.CurrentByteIndex

    def ends() -> None:
        where["end"] = parser.CurrentByteIndex

    def root(*_: object) -> None:
        raise _PrologEnd

    parser.EntityDeclHandler = declared
    parser.StartDoctypeDeclHandler = begins
    parser.EndDoctypeDeclHandler = ends
    parser.StartElementHandler = root
    try:
        parser.Parse(source.data, True)
    except _PrologEnd:
        pass
    except expat.ExpatError as error:
        raise _located(source, error) from error
    start = source.data.rfind(b"<!DOCTYPE", 0, max(where["end"], where["start"] + 9))
    close = source.data.find(b">", where["end"]) + 1
    if start < 0 or not where["end"]:
        return internal, external, 0, 0
    return internal, external, len(source.data[:start].decode()), len(source.data[:close].decode())


def _size(
    source: Source,
    name: str,
    internal: dict[str, str],
    external: set[str],
    sizes: dict[str, int],
    path: tuple[str, ...],
    budget: int,
) -> int:
    """Length of an entity's full expansion, without expanding it; remembered in `sizes`."""
    if len(path) > DEEPEST:
        message = f"entities are nested more than {DEEPEST} deep"
        raise InputError(message, place=source.find(f"<!ENTITY {path[0]}"), advice=_ADVICE, code="KE123")
    if name in path:
        place = source.find(f"<!ENTITY {name}")
        raise InputError(f"entity &{name}; contains itself", place=place, advice=_ADVICE, code="KE123")
    if name not in sizes:
        value = internal[name]
        total = len(_REFERENCE.sub("", value))
        for inner in _REFERENCE.findall(value):
            if inner in _PREDEFINED:
                total += 1
            elif inner not in internal:
                raise _entity_error(source, inner, external)
            else:
                total += _size(source, inner, internal, external, sizes, (*path, name), budget)
        sizes[name] = total
    if sizes[name] > budget:
        message = f"entity &{name}; expands beyond {budget:,} bytes"
        raise InputError(message, place=source.find(f"<!ENTITY {name}"), advice=_ADVICE, code="KE123")
    return sizes[name]


def _expanded(name: str, internal: dict[str, str]) -> str:
    value = _REFERENCE.sub(lambda match: _expanded(match[1], internal) if match[1] in internal else match[0], internal[name])
    # Quotes inside an entity do not end an attribute; markup inside one keeps its own.
    return value if "<" in value else value.replace('"', "&quot;")


def _entity_error(source: Source, name: str, external: set[str]) -> InputError:
    place = source.find(f"&{name};")
    if name in external:
        message = f"entity &{name}; is external; kedit never reads those"
        return InputError(message, place=place, advice=_ADVICE, code="KE122")
    advice = 'Declare it: <!ENTITY name "value"> in the DOCTYPE.'
    return InputError(f"entity &{name}; is not declared", place=place, advice=advice, code="KE121")


def merged_text(document: bytes) -> bytes:
    """The document without comments and processing instructions, CDATA as plain text: texts around them become one.

    The RDF parser refuses a literal that is cut in two by these. Line numbers do not survive this.
    """
    text = re.sub(r"<!\[CDATA\[(.*?)\]\]>|<!--.*?-->|<\?.*?\?>", _plain, document.decode(), flags=re.DOTALL)
    return text.encode()


def with_references(document: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The document with `rdf:about="#x"` for each `rdf:ID="x"` that is no XML name or stands twice; and these names.

    The RDF parser refuses them, and some tools, most of all those for BioPAX, write them. Lines keep their numbers.
    """
    text = document.decode()
    counts = Counter(double or single for double, single in _ID.findall(text))
    wrong = {name for name, count in counts.items() if count > 1 or not _NCNAME.fullmatch(name)}

    def reference(match: re.Match[str]) -> str:
        name = match[1] or match[2] or ""
        return f'rdf:about="#{name}"' if name in wrong else match[0]

    return _ID.sub(reference, text).encode(), tuple(sorted(wrong))


def _plain(match: re.Match[str]) -> str:
    return escape(match[1]) if match[1] is not None else ""


def _located(source: Source, error: expat.ExpatError) -> InputError:
    message = expat.ErrorString(error.code)
    place = source.place(error.lineno, error.offset + 1)
    return InputError(f"is not well-formed XML: {message}", place=place, advice=_advice(message), code="KE120")


def _advice(message: str) -> str:
    return {
        "mismatched tag": "An element is closed that is not the last one opened.",
        "unbound prefix": 'Declare the prefix: xmlns:prefix="..." on the root element.',
        "undefined entity": 'Declare it: <!ENTITY name "value"> in the DOCTYPE.',
        "no element found": "The file ends too early; it may be cut off.",
    }.get(message, "Open the file at this line; an XML editor shows the same error.")


def well_formedness_error(source: Source, document: bytes) -> InputError | None:
    """The first place where the document is not well-formed XML; None if it is."""
    parser = expat.ParserCreate("UTF-8", namespace_separator=" ")
    try:
        parser.Parse(document, True)
    except expat.ExpatError as error:
        return _located(source, error)
    return None
