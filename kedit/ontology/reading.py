"""One file's bytes into quads: every syntax through one parser, every error with its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kedit.errors import InputError, did_you_mean
from kedit.ontology.index import TripleIndex, paused_gc
from kedit.ontology.owl_syntaxes import as_rdf_xml, is_owl_syntax
from kedit.ontology.sniff import READABLE, Source, Syntax, not_rdf, read_source, sniff
from kedit.ontology.terms import LOCAL_BASE
from kedit.ontology.xml import merged_text, well_formedness_error, with_references, without_entities

_FORMATS = {
    "Turtle": "TURTLE",
    "TriG": "TRIG",
    "N-Triples": "N_QUADS",  # a superset, and files that begin with triples may go on with quads
    "N-Quads": "N_QUADS",
    "RDF/XML": "RDF_XML",
    "JSON-LD": "JSON_LD",
}
_PREFIX = re.compile(r"[^\W\d_](?:[\w.\u00b7-]*[\w\u00b7-])?")
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
    graphs: Mapping[str, int] = field(default_factory=dict)
    """Named graphs of a file of quads with the statements in each; `default` is the unnamed one. Empty if it has no other."""
    renamed: tuple[str, ...] = ()
    """Values of `rdf:ID` that no parser takes and that were read as references."""


def read_document(path: Path, mark: str = "", graph: str | None = None) -> Document:
    """Read and parse a file of any RDF syntax; `mark` keeps its blank nodes apart from those of other files.

    Of a file of quads all graphs are read as one, or the `graph` of that name alone (`default`: the unnamed one). Raises
    InputError with file, line, column, text and advice.
    """
    source = read_source(path)
    syntax = sniff(source)
    base = LOCAL_BASE + quote(path.name.removesuffix(".gz"))
    if is_owl_syntax(syntax):
        data, prefixes = as_rdf_xml(source, syntax)
        return Document(source, syntax, _parse(data, "RDF/XML", base, mark)[0], _writable(prefixes), base)
    data = without_entities(source) if syntax == "RDF/XML" else source.data
    renamed: tuple[str, ...] = ()
    graphs = _Graphs(graph)
    try:
        index, prefixes = _parse(data, syntax, base, mark, graphs)
    except SyntaxError as error:
        if syntax == "Turtle" and (trig := _as_trig(source, error, base, mark, graphs)) is not None:
            index, prefixes = trig
            syntax = "TriG"
        elif syntax == "RDF/XML" and (mended := _mended(data, error, base, mark)) is not None:
            index, prefixes, renamed = mended
        else:
            raise _located(source, syntax, data, base, error) from error
    if syntax == "RDF/XML" and (cut_off := well_formedness_error(source, data)):
        raise cut_off  # the RDF parser is content with half a document
    graphs.check(source)
    if not index.data and not index.triple_terms:
        raise _without_triples(source, syntax)
    if syntax == "RDF/XML":
        prefixes = _xml_prefixes(data)
    return Document(source, syntax, index, _writable(prefixes), base, graphs.named(), renamed)


def _writable(prefixes: Mapping[str, str]) -> dict[str, str]:
    """Prefixes that Turtle allows, too: XML has others, and a copy that could not be read again would be none."""
    return {prefix: space for prefix, space in sorted(prefixes.items()) if not prefix or _PREFIX.fullmatch(prefix)}


def _without_triples(source: Source, syntax: Syntax) -> InputError:
    if syntax == "JSON-LD" and b'"@' not in source.data:
        advice = "JSON-LD has keys such as @context and @id; OBO graphs in JSON can be converted with ROBOT (robot convert)."
        return InputError("is not an ontology: JSON without linked data", place=source.place(1), advice=advice, code="KE112")
    advice = f"It was read as {syntax}. kedit reads {READABLE}."
    return InputError("holds no triples", place=source.place(), advice=advice, code="KE113")


@dataclass
class _Graphs:
    """Counts the statements of each graph and lets through those of the one that is wanted."""

    wanted: str | None = None
    counts: dict[str, int] = field(default_factory=dict)

    def sift(self, quads: Iterable[Any]) -> Iterator[Any]:
        """The quads of the wanted graph."""
        from pyoxigraph import DefaultGraph

        self.counts = {}
        for quad in quads:
            graph = quad.graph_name
            name = "default" if isinstance(graph, DefaultGraph) else str(graph).strip("<>")
            self.counts[name] = self.counts.get(name, 0) + 1
            if self.wanted in (None, name):
                yield quad

    def named(self) -> dict[str, int]:
        """Graphs by name, if there is any beside the default one."""
        return dict(sorted(self.counts.items())) if self.counts.keys() - {"default"} else {}

    def check(self, source: Source) -> None:
        """InputError if the wanted graph is not there."""
        if self.wanted is None or self.wanted in (self.counts or {"default": 0}):
            return
        if not self.named():
            advice = "Leave out --graph: this file has one graph, without a name."
        else:
            shown = [f"{name} ({count:,})" for name, count in sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))]
            advice = did_you_mean(self.wanted, self.counts) + f" Graphs with their statements: {', '.join(shown[:8])}"
            advice += f" and {len(shown) - 8} more." if len(shown) > 8 else "."
        raise InputError(f"has no graph {self.wanted!r}", place=source.place(), advice=advice, code="KE154")


def _parse(
    data: bytes, syntax: Syntax, base: str, mark: str, graphs: _Graphs | None = None
) -> tuple[TripleIndex, Mapping[str, str]]:
    from pyoxigraph import RdfFormat, parse

    parser = parse(data, getattr(RdfFormat, _FORMATS[syntax]), base_iri=base)
    index = TripleIndex()
    with paused_gc():
        sifted = graphs is not None and syntax in ("N-Quads", "TriG", "JSON-LD")
        index.add(graphs.sift(parser) if graphs and sifted else parser, mark)
    return index, parser.prefixes


def _mended(
    data: bytes, error: SyntaxError, base: str, mark: str
) -> tuple[TripleIndex, Mapping[str, str], tuple[str, ...]] | None:
    """What the parser refuses in sound XML, mended: comments and CDATA inside literals, `rdf:ID` that are no names."""
    renamed: tuple[str, ...] = ()
    for _ in range(2):  # once for each
        message = str(error.args[0])
        if "Unexpected text event" in message:
            data = merged_text(data)
        elif "rdf:ID value" in message:
            data, renamed = with_references(data)
        else:
            return None
        try:
            return *_parse(data, "RDF/XML", base, mark), renamed
        except SyntaxError as other:
            error = other
    return None


def _as_trig(
    source: Source, error: SyntaxError, base: str, mark: str, graphs: _Graphs
) -> tuple[TripleIndex, Mapping[str, str]] | None:
    """TriG differs from Turtle by its braces: where Turtle stumbles over one, try the other."""
    line = source.data.split(b"\n", error.lineno or 1)[(error.lineno or 1) - 1]
    message = str(error.args[0])
    if source.path.name.removesuffix(".gz").lower().endswith(".trig") or "{" in message or b"{" in line or "GRAPH" in message:
        try:
            return _parse(source.data, "TriG", base, mark, graphs)
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
        return InputError(f"is not valid RDF/XML: {message}", place=place, advice=_advised(message)[1], code="KE124")
    at_start = (error.lineno or 1) == _first_line(source)
    table = source.path.suffix.lower() in (".csv", ".tsv") and "has not been declared" in message  # GO:0005634,5.5
    signs = re.search(rb"@prefix|@base|<[a-z]+:", source.data[:65536], re.IGNORECASE)
    if syntax == "Turtle" and at_start and not signs and (table or "not a valid subject" in message):
        return not_rdf(source)
    place = source.place(error.lineno, error.offset) if error.lineno else source.place()
    code, advice = _advised(message)
    code = "KE140" if syntax == "JSON-LD" else code
    return InputError(f"is not valid {syntax}: {message}", place=place, advice=advice, code=code)


def _first_line(source: Source) -> int:
    """Number of the first line that holds anything but a comment."""
    lines = source.data.split(b"\n")
    return next((number for number, line in enumerate(lines, 1) if line.strip() and not line.lstrip().startswith(b"#")), 1)


def _advised(message: str) -> tuple[str, str]:
    """The code of a syntax error and what to do about it, by the parser's message."""
    for sign, code, advice in (
        ("has not been declared", "KE130", "Declare it at the top of the file: @prefix name: <http://...> ."),
        ("Unexpected end", "KE131", "Something opened here is never closed (a string, a bracket or the last statement's '.')."),
        ("line end", "KE131", 'A text of several lines stands between """ and """.'),
        ("dot is expected", "KE132", "The statement before this place does not end in '.'."),
        ("code point", "KE133", "An IRI holds a character that IRIs may not have; write a space as %20."),
        ("IRI", "KE134", "IRIs are absolute here: http://... ."),
        ("escape", "KE135", "In strings and IRIs a backslash is written as two."),
        ("not a valid RDF object", "KE136", 'An object is <IRI>, prefix:name, "text", a number, true or false.'),
        ("not a valid predicate", "KE136", "A predicate is <IRI>, prefix:name or 'a'; a text before it needs quotes."),
        (
            "not a valid subject",
            "KE136",
            "A subject is <IRI>, prefix:name, _:name or [...]; the statement before may end too early.",
        ),
        ("should end with a", "KE131", "A bracket that was opened here is never closed."),
        ("language", "KE137", "A language tag is letters and digits joined by hyphens: @en, @pt-br."),
    ):
        if sign in message:
            return code, advice
    return "KE138", "Everything before this place was read."


def _remote_context(source: Source) -> InputError:
    match = re.search(r'"@(?:context|import)"\s*:\s*\[?\s*"([^"]*)"', source.data.decode("utf-8", "ignore"))
    place = source.find(f'"{match[1]}"') if match else source.place()
    name = f" {match[1]}" if match else ""
    return InputError(
        f"names a remote JSON-LD context{name}; kedit never fetches anything",
        place=place,
        advice="Write the context into the file.",
        code="KE141",
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
