"""One file's bytes into quads: every syntax through one parser, every error with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kedit.errors import InputError
from kedit.ontology.index import TripleIndex, paused_gc
from kedit.ontology.sniff import READABLE, Source, Syntax, not_rdf, read_source, sniff
from kedit.ontology.terms import LOCAL_BASE
from kedit.ontology.xml import merged_text, well_formedness_error, without_entities

_FORMATS = {
    "Turtle": "TURTLE",
    "TriG": "TRIG",
    "N-Triples": "N_QUADS",  # a superset, and files that begin with triples may go on with quads
    "N-Quads": "N_QUADS",
    "RDF/XML": "RDF_XML",
    "JSON-LD": "JSON_LD",
}
_XMLNS = re.compile(r"\bxmlns(?::([\w.-]+))?\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")


@dataclass
class Document:
    """A file that has been read."""

    source: Source
    syntax: Syntax
    index: TripleIndex
    prefixes: Mapping[str, str]
    base: str
    """What its relative IRIs were read against, if it declared nothing itself."""


def read_document(path: Path, mark: str = "") -> Document:
    """Read and parse a file of any RDF syntax; `mark` keeps its blank nodes apart from those of other files.

    Raises InputError with file, line, column, text and advice.
    """
    source = read_source(path)
    syntax = sniff(source)
    base = LOCAL_BASE + quote(path.name.removesuffix(".gz"))
    data = without_entities(source) if syntax == "RDF/XML" else source.data
    try:
        index, prefixes = _parse(data, syntax, base, mark)
    except SyntaxError as error:
        if syntax == "Turtle" and (trig := _as_trig(source, error, base, mark)) is not None:
            index, prefixes = trig
            syntax = "TriG"
        elif syntax == "RDF/XML" and (merged := _with_merged_text(data, error, base, mark)) is not None:
            index, prefixes = merged
        else:
            raise _located(source, syntax, data, base, error) from error
    if not index.data and not index.triple_terms:
        raise InputError("holds no triples", place=source.place(), advice=f"It was read as {syntax}. kedit reads {READABLE}.")
    if syntax == "RDF/XML":
        prefixes = _xml_prefixes(data)
    return Document(source, syntax, index, dict(sorted(prefixes.items())), base)


def _parse(data: bytes, syntax: Syntax, base: str, mark: str) -> tuple[TripleIndex, Mapping[str, str]]:
    from pyoxigraph import RdfFormat, parse

    parser = parse(data, getattr(RdfFormat, _FORMATS[syntax]), base_iri=base)
    index = TripleIndex()
    with paused_gc():
        index.add(parser, mark)
    return index, parser.prefixes


def _with_merged_text(data: bytes, error: SyntaxError, base: str, mark: str) -> tuple[TripleIndex, Mapping[str, str]] | None:
    """A literal with a comment or CDATA in its middle is two texts to the parser; made one, it may be read."""
    if "Unexpected text event" not in str(error.args[0]):
        return None
    try:
        return _parse(merged_text(data), "RDF/XML", base, mark)
    except SyntaxError:
        return None


def _as_trig(source: Source, error: SyntaxError, base: str, mark: str) -> tuple[TripleIndex, Mapping[str, str]] | None:
    """TriG differs from Turtle by its braces: where Turtle stumbles over one, try the other."""
    line = source.data.split(b"\n", error.lineno or 1)[(error.lineno or 1) - 1]
    message = str(error.args[0])
    if source.path.name.removesuffix(".gz").lower().endswith(".trig") or "{" in message or b"{" in line or "GRAPH" in message:
        try:
            return _parse(source.data, "TriG", base, mark)
        except SyntaxError as other:
            if (other.lineno or 0) >= (error.lineno or 0) and source.path.name.removesuffix(".gz").lower().endswith(".trig"):
                raise _located(source, "TriG", source.data, base, other) from other
    return None


def _xml_prefixes(data: bytes) -> dict[str, str]:
    """Prefixes that the root element declares; the parser does not tell them."""
    text = data[: 1 << 20].decode("utf-8", "ignore")
    without_comments = re.sub(r"<!--.*?-->|<\?.*?\?>", "", text, flags=re.DOTALL)
    root = re.search(r"<[A-Za-z_][^>]*>", without_comments)
    found = _XMLNS.findall(root[0]) if root else []
    return {prefix: double or single for prefix, double, single in found if prefix != "xml"}


def _located(source: Source, syntax: Syntax, data: bytes, base: str, error: SyntaxError) -> InputError:
    message = re.sub(r"^Parser error (?:at|between) .*?: ", "", str(error.args[0]))
    if "LoadDocumentCallback" in message:
        return _remote_context(source)
    if syntax == "RDF/XML":
        broken = well_formedness_error(source, data)
        if broken:
            return broken
        place = source.place(_lines_until_error(data, base))
        return InputError(f"is not valid RDF/XML: {message}", place=place, advice=_advice(message))
    at_start = (error.lineno or 1) == _first_line(source) and "not a valid subject" in message
    if syntax == "Turtle" and at_start and not re.search(rb"@prefix|@base|<[a-z]+:", source.data[:65536], re.IGNORECASE):
        return not_rdf(source)
    place = source.place(error.lineno, error.offset) if error.lineno else source.place()
    return InputError(f"is not valid {syntax}: {message}", place=place, advice=_advice(message))


def _first_line(source: Source) -> int:
    """Number of the first line that holds anything but a comment."""
    lines = source.data.split(b"\n")
    return next((number for number, line in enumerate(lines, 1) if line.strip() and not line.lstrip().startswith(b"#")), 1)


def _advice(message: str) -> str:
    for sign, advice in (
        ("has not been declared", "Declare it at the top of the file: @prefix name: <http://...> ."),
        ("dot is expected", "The statement before this place does not end in '.'."),
        ("Unexpected end", "Something opened here is never closed (a string, a bracket or the last statement's '.')."),
        ("code point", "An IRI holds a character that IRIs may not have; write a space as %20."),
        ("not a valid RDF object", 'An object is <IRI>, prefix:name, "text", a number, true or false.'),
        ("not a valid predicate", "A predicate is <IRI>, prefix:name or 'a'; a text before it needs quotes."),
        ("not a valid subject", "A subject is <IRI>, prefix:name, _:name or [...]; the statement before may end too early."),
        ("absolute IRI", "IRIs are absolute here: http://... ."),
        ("escape", "In strings and IRIs a backslash is written as two."),
    ):
        if sign in message:
            return advice
    return "Everything before this place was read."


def _remote_context(source: Source) -> InputError:
    match = re.search(r'"@(?:context|import)"\s*:\s*\[?\s*"([^"]*)"', source.data.decode("utf-8", "ignore"))
    place = source.find(f'"{match[1]}"') if match else source.place()
    name = f" {match[1]}" if match else ""
    return InputError(
        f"names a remote JSON-LD context{name}; kedit never fetches anything",
        place=place,
        advice="Write the context into the file.",
    )


def _lines_until_error(data: bytes, base: str) -> int:
    """Line at which an RDF/XML parser gives up, found by handing it one line at a time."""
    from pyoxigraph import RdfFormat, parse

    reader = _LineReader(data)
    stream: Any = reader
    try:
        for _ in parse(stream, RdfFormat.RDF_XML, base_iri=base):
            pass
    except SyntaxError:
        pass
    return max(reader.line, 1)


class _LineReader:
    """A binary stream that gives at most one line a read, and knows which."""

    def __init__(self, data: bytes) -> None:
        self.line = 0
        self._pieces: Iterator[bytes] = iter(data.splitlines(keepends=True))
        self._left = b""

    def read(self, size: int = -1) -> bytes:
        if not self._left:
            self._left = next(self._pieces, b"")
            self.line += bool(self._left)
        size = len(self._left) if size < 0 else size
        piece, self._left = self._left[:size], self._left[size:]
        return piece
