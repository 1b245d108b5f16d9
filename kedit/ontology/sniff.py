"""Which syntax a file is written in, told by its content: extensions of ontology files say little."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from kedit.errors import InputError, Place, nearest

Syntax = str
READABLE = "Turtle, N-Triples, RDF/XML, N-Quads, TriG or JSON-LD, also gzipped; with kedit[owl] also OWL's own syntaxes and OBO"
MAX_UNPACKED = 4 << 30
"""Bytes that a gzip file may unpack to."""
_HEAD = 1 << 16

_EXTENSIONS = (".owl", ".ttl", ".rdf", ".xml", ".nt", ".nq", ".trig", ".jsonld", ".ofn", ".omn", ".owx", ".obo")
"""What files are usually called, to suggest one; what they are is told by their content."""
_IRI = rb"<[^<>\"{}|^`\\\x00-\x20]*>"
_BLANK = rb"_:[^\s<>\"]+"
_LITERAL = rb"\"(?:[^\"\\\n\r]|\\.)*\"(?:@[A-Za-z0-9-]+|\^\^" + _IRI + rb")?"
_ABSOLUTE = rb"<[A-Za-z][A-Za-z0-9+.-]*:[^<>\"{}|^`\\\x00-\x20]*>"
_NODE = rb"(?:" + _ABSOLUTE + rb"|" + _BLANK + rb")"
_LINE = re.compile(
    _NODE
    + rb"[ \t]*"
    + _ABSOLUTE
    + rb"[ \t]*(?:"
    + _NODE
    + rb"|"
    + _LITERAL
    + rb")[ \t]*("
    + _NODE
    + rb")?[ \t]*\.[ \t]*(?:#.*)?"
)
_ELEMENT = re.compile(r"<(?:([A-Za-z_][\w.-]*):)?([A-Za-z_][\w.-]*)(?=[\s/>])([^>]*)")
_MISC = re.compile(r"\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE\s[^\[>]*(?:\[.*?\]\s*)?>", re.DOTALL)
_TURTLE_SIGN = re.compile(
    rb"@(?:prefix|base)\b|^\s*(?:prefix|base)\s|<[^<>\s]*>|(?:^|\s)[\w.-]*:[\w.-]*\s", re.IGNORECASE | re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Source:
    """A file's bytes, unpacked, in UTF-8 without a byte order mark."""

    path: Path
    data: bytes

    def line(self, number: int) -> str | None:
        """Text of a 1-based line, shortened to what fits a terminal."""
        lines = self.data.split(b"\n", number)
        if not 1 <= number <= len(lines):
            return None
        return _shortened(lines[number - 1])

    def place(self, line: int | None = None, column: int | None = None) -> Place:
        """Where in the file, with the line's text."""
        return Place(self.path, line, column, text=self.line(line) if line else None)

    def find(self, text: str) -> Place:
        """Where `text` first stands; the file alone if it does not stand there as it is."""
        offset = self.data.find(text.encode())
        return self.at(offset) if text and offset >= 0 else Place(self.path)

    def at(self, offset: int) -> Place:
        """The place of a byte."""
        offset = min(offset, len(self.data))
        start = self.data.rfind(b"\n", 0, offset) + 1
        end = self.data.find(b"\n", offset)
        column = len(self.data[start:offset].decode("utf-8", "replace")) + 1
        text = _shortened(self.data[start : len(self.data) if end < 0 else end])
        return Place(self.path, self.data.count(b"\n", 0, offset) + 1, column, text=text)


def _shortened(line: bytes) -> str:
    text = line.decode("utf-8", "replace").strip()
    return text if len(text) <= 160 else text[:157] + "..."


def _files(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if child.is_file()) if folder.is_dir() else []


def read_source(path: Path) -> Source:
    """Read and unpack a file; InputError if it is missing, a directory, empty, broken gzip or no text."""
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            advice = "Write it to a file first."
            raise InputError("is a device or pipe, not a file", place=Place(path), advice=advice, code="KE103")
        data = path.read_bytes()
    except FileNotFoundError:
        near = nearest(path.name, [child.name for child in _files(path.parent)])
        advice = f"Did you mean {' or '.join(str(path.parent / name) for name in near)}?" if near else "Check its path."
        raise InputError("no such file", place=Place(path), advice=advice, code="KE101") from None
    except IsADirectoryError:
        found = [child for child in _files(path) if child.name.removesuffix(".gz").endswith(_EXTENSIONS)] or _files(path)
        advice = f"Name one file in it, for example {found[0]}." if found else "Name a file."
        raise InputError("is a directory, not an ontology file", place=Place(path), advice=advice, code="KE102") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"cannot be read: {reason}", place=Place(path), advice="Check its path and permissions.", code="KE103"
        ) from error
    if data.startswith(b"\x1f\x8b"):
        data = _unpacked(path, data)
    data = _utf8(path, data)
    if not data.strip():
        raise InputError("is empty", place=Place(path), advice=f"kedit reads {READABLE}.", code="KE104")
    return Source(path, data)


def _unpacked(path: Path, data: bytes) -> bytes:
    parts, left = [], MAX_UNPACKED
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            while part := stream.read(1 << 24):
                parts.append(part)
                left -= len(part)
                if left < 0:
                    message = f"unpacks to more than {MAX_UNPACKED >> 30} GiB"
                    raise InputError(message, place=Place(path), advice="Unpack it, and cut out what is needed.", code="KE106")
    except (EOFError, OSError, zlib.error) as error:
        message = f"is a broken gzip file: {error}"
        raise InputError(message, place=Place(path), advice="Download or pack it again.", code="KE105") from error
    return b"".join(parts)


def _utf8(path: Path, data: bytes) -> bytes:
    """The same text in UTF-8, by byte order mark or XML declaration."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            try:
                text = data.decode("utf-8-sig" if encoding == "utf-8" else encoding)
            except UnicodeDecodeError:
                break
            return re.sub(r"\A(<\?xml[^>]*?)\s+encoding=[\"'][^\"']*[\"']", r"\1", text).encode()
    declared = re.match(rb"\s*<\?xml[^>]*?\sencoding=[\"']([\w.-]+)[\"']", data[:200])
    if declared and declared[1].lower() not in (b"utf-8", b"utf8", b"us-ascii", b"ascii"):
        name = declared[1].decode()
        try:
            text = data.decode(name)
        except (LookupError, UnicodeDecodeError) as error:
            message = f"declares the encoding {name!r} but cannot be decoded so: {error}"
            advice = "Correct the XML declaration, or save the file as UTF-8."
            raise InputError(message, place=Place(path, 1), advice=advice, code="KE108") from error
        return text.replace(declared[0].decode(), declared[0].decode().replace(name, "UTF-8"), 1).encode()
    if b"\0" in data[:_HEAD] or data.startswith((b"PK\x03\x04", b"%PDF", b"\x89PNG", b"\xff\xd8\xff")):
        advice = f"kedit reads {READABLE}."
        raise InputError("is a binary file, not an ontology", place=Place(path), advice=advice, code="KE107")
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        place = Source(path, data).place(line, column)
        advice = "Save the file as UTF-8; it looks like Latin-1 or Windows-1252."
        raise InputError("is not UTF-8 text", place=place, advice=advice, code="KE108") from error
    return data


def sniff(source: Source) -> Syntax:
    """Name of the syntax; InputError for what is no ontology in any syntax."""
    head = source.data[:_HEAD].lstrip()
    opens = re.match(rb"<[?!]|<[A-Za-z_][\w.-]*(:[\w.-]+)?[\s/>]", head) is not None and not _LINE.match(head)
    # `<urn:a> a <urn:b> .` is Turtle although it could open an element.
    if opens and (head.startswith((b"<?xml", b"<!")) or b"xmlns" in head or b"</" in head):
        return _sniff_xml(source)
    if re.match(rb"\{\s*[\"}]|\[\s*[{\"\]]", head) and not re.match(rb"\[\s*\]", head):
        return "JSON-LD"
    code = b"\n".join(line for line in head.split(b"\n") if not line.lstrip().startswith(b"#"))
    for pattern, name in (
        (rb"\s*(?:Prefix|Ontology)\s*\(", "OWL functional syntax"),
        (rb"\s*(?:Prefix|Ontology|Class|ObjectProperty)\s*:\s", "Manchester syntax"),
        (rb"\s*(?:!.*\s+)*(?:format-version\s*:|\[(?:Term|Typedef|Instance)\])", "OBO"),
    ):
        if re.match(pattern, code):
            return name
    lines = [line.strip() for line in code.split(b"\n") if line.strip()]
    if len(source.data) > _HEAD:
        lines = lines[:-1]
    matches = [_LINE.fullmatch(line) for line in lines]
    if matches and all(matches):
        return "N-Quads" if any(match[1] for match in matches if match) else "N-Triples"
    if code.strip() and not _TURTLE_SIGN.search(code):
        raise not_rdf(source)
    return "Turtle"


def not_rdf(source: Source) -> InputError:
    """The error for a file that is in no syntax of RDF."""
    advice = f"kedit reads {READABLE}."
    return InputError("is not an ontology: not RDF in any syntax", place=source.place(1), advice=advice, code="KE109")


def _sniff_xml(source: Source) -> Syntax:
    text = source.data[:_HEAD].decode("utf-8", "ignore")
    position = 0
    while found := _MISC.match(text, position):
        position = found.end()
    root = _ELEMENT.match(text, position)
    if root is None:
        return "RDF/XML"  # broken or unusual: the parser says where
    name, attributes = root[2], root[3]
    if name == "Ontology" and "http://www.w3.org/2002/07/owl#" in attributes and "rdf:about" not in attributes:
        return "OWL/XML"
    if "22-rdf-syntax-ns#" not in source.data[: 1 << 20].decode("utf-8", "ignore"):
        page = name.lower() == "html"
        kind = "an HTML page" if page else f"XML without RDF (its root is <{name}>)"
        advice = "Download the ontology itself, not the page about it." if page else f"kedit reads {READABLE}."
        code = "KE110" if page else "KE111"
        raise InputError(f"is not an ontology: {kind}", place=source.place(1), advice=advice, code=code)
    return "RDF/XML"
