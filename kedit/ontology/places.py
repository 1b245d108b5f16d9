"""Where a term stands in the files of a load: first as the subject of a statement, else where it is named at all.

Files are searched as text, one term at a time, for the few terms that findings show: an index of places would cost more
than the whole load. What cannot be told for certain has no place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final
from xml.sax.saxutils import escape

from kedit.errors import Place
from kedit.ontology.reading import Document

_TRIED: Final = 200
"""Occurrences outside the strings of their line for which all that comes before is read; after so many there is no place."""
_HEAD: Final = 1 << 16
_INERT: Final = re.compile(rb"\"\"\"|'''|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|<[^<>\s\"]*>|#[^\n]*")
_DIRECTIVE: Final = re.compile(rb"\s*@?(?:PREFIX|BASE)\b", re.IGNORECASE)
_TURTLE_BASE: Final = re.compile(rb"^\s*@?base\s*<([^<>\s]+)>", re.IGNORECASE | re.MULTILINE)
_XML_BASE: Final = re.compile(rb"xml:base\s*=\s*[\"']([^\"']*)[\"']")
_ENTITY: Final = re.compile(rb"<!ENTITY\s+([\w.-]+)\s+[\"']([^\"']+)[\"']")
_ABOUT: Final = re.compile(rb"[\s:]about\s*=\s*\Z")
_ID: Final = re.compile(rb"\srdf:ID\s*=\s*\Z")
_REFERENCE: Final = re.compile(rb"[\s:](?:resource|datatype|IRI)\s*=\s*\Z")
_AT_ID: Final = re.compile(rb"(\{?)\s*\"@id\"\s*:\s*\Z")
_OBO_ID: Final = re.compile(rb"id:[ \t]*\Z")
_OBO_KEY: Final = re.compile(rb"[a-z_]+:[ \t]*(?:[\w:.-]+[ \t]+)?\Z")
_OBO_END: Final = re.compile(rb"[ \t]*(?:[!{\r\n]|\Z)")
_ESCAPED: Final = re.compile(r"[~.\-!$&'()*+,;=/?#@%]")
_BEFORE: Final = (b"", *(bytes([sign]) for sign in b" \t\r\n,;.([{^"))
_NAME: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-:%\\@")


class Places:
    """Looks terms up in the documents of a load, in the order of reading."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._readers = [_Reader(document) for document in documents]
        self._found: dict[str, Place | None] = {}

    def find(self, iri: str) -> Place | None:
        """The place of a term; None for one that stands nowhere, or nowhere for certain."""
        if iri not in self._found:
            tries = ((reader, reader.offset(iri, subject)) for subject in (True, False) for reader in self._readers)
            found = next(((reader, offset) for reader, offset in tries if offset is not None), None)
            self._found[iri] = found[0].document.source.at(found[1]) if found else None
        return self._found[iri]


@dataclass(frozen=True)
class _Reader:
    """Knows how one document writes its terms."""

    document: Document
    data: bytes = field(init=False)
    bases: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        data = self.document.source.data
        pattern = _XML_BASE if self.document.syntax in ("RDF/XML", "OWL/XML") else _TURTLE_BASE
        declared = {match[1].decode("utf-8", "replace") for match in pattern.finditer(data[:_HEAD])}
        object.__setattr__(self, "data", data)
        object.__setattr__(self, "bases", tuple(declared) if len(declared) == 1 else () if declared else (self.document.base,))

    def offset(self, iri: str, subject: bool) -> int | None:
        """The first byte of a term where it is surely the subject of a statement, or is named at all."""
        syntax = self.document.syntax
        if syntax in ("RDF/XML", "OWL/XML"):
            return self._in_xml(iri, subject)
        if syntax == "JSON-LD":
            return self._in_json(iri, subject)
        if syntax == "OBO":
            return self._in_obo(_obo_id(iri), _OBO_ID if subject else _OBO_KEY)
        return self._in_turtle(iri, subject)

    def _in_turtle(self, iri: str, subject: bool) -> int | None:
        """Turtle and its kin, functional and Manchester syntax: tokens outside strings and comments."""
        plain = [*(f"<{name}>" for name in self._references(iri)), *_curies(self.document.prefixes, iri)]
        escaped = [_ESCAPED.sub(lambda match: "\\" + match[0], name) for name in plain if name[0] != "<"]
        found = (next(islice(self._tokens(name.encode(), subject), 1), None) for name in dict.fromkeys([*plain, *escaped]))
        return min((offset for offset in found if offset is not None), default=None)

    def _tokens(self, name: bytes, subject: bool) -> Iterator[int]:
        tried = 0
        for offset in _occurrences(self.data, name):
            if not _alone(self.data, offset, name):
                continue
            after = self.data[offset + len(name) : offset + len(name) + 1]
            before = self.data[self.data.rfind(b"\n", 0, offset) + 1 : offset]
            if subject and not (after.isspace() and _may_end(before)):
                continue
            rest = _without_strings(before)
            if rest is None:
                continue
            tried += 1
            if tried > _TRIED:
                return
            if any(self.data.count(quotes, 0, offset) % 2 for quotes in (b'"""', b"'''")):
                continue
            if not subject or _ends_statement(rest, self.data, offset):
                yield offset

    def _in_obo(self, name: bytes, key: re.Pattern[bytes]) -> int | None:
        """`key: name`, up to the end of the line, a comment or a qualifier."""
        for offset in _occurrences(self.data, name):
            begins = self.data.rfind(b"\n", 0, offset) + 1
            if key.match(self.data, begins, offset) and _OBO_END.match(self.data, offset + len(name)):
                return offset
        return None

    def _in_xml(self, iri: str, subject: bool) -> int | None:
        names = {escape(name) for name in self._references(iri)}
        for match in _ENTITY.finditer(self.data[:_HEAD]):
            if iri.startswith(space := match[2].decode("utf-8", "replace")):
                names.add(f"&{match[1].decode()};{escape(iri[len(space) :])}")
        ids = {iri[len(base) + 1 :] for base in self._stems() if iri.startswith(base + "#")}
        looked = [*((name, (_ABOUT,) if subject else (_REFERENCE,)) for name in names)]
        looked += [(escape(name), (_ID,)) for name in ids] if subject else []
        found = [offset for name, before in looked for offset in self._attributes(name.encode(), before)]
        if not subject:
            for name in _curies(self.document.prefixes, iri):
                element = b"<" + name.lstrip(":").encode()
                offsets = (
                    offset + 1
                    for offset in _occurrences(self.data, element)
                    if self.data[offset + len(element) : offset + len(element) + 1] in (b" ", b"\t", b"\n", b"\r", b">", b"/")
                    and not self._commented(offset)
                )
                found += islice(offsets, 1)
        return min(found, default=None)

    def _attributes(self, value: bytes, names: Iterable[re.Pattern[bytes]]) -> Iterator[int]:
        """Where an attribute of one of these names first has this value."""
        for quote in (b'"', b"'"):
            offsets = (
                offset + 1
                for offset in _occurrences(self.data, quote + value + quote)
                if any(name.search(self.data, max(offset - 40, 0), offset) for name in names) and not self._commented(offset)
            )
            yield from islice(offsets, 1)

    def _commented(self, offset: int) -> bool:
        return self.data.rfind(b"<!--", 0, offset) > self.data.rfind(b"-->", 0, offset)

    def _in_json(self, iri: str, subject: bool) -> int | None:
        """`"@id": "..."`: of a node that has more than a name, if it is to be the subject."""
        for name in [*self._references(iri), *_curies(self.document.prefixes, iri)]:
            value = b'"' + name.encode() + b'"'
            for offset in _occurrences(self.data, value):
                key = _AT_ID.search(self.data, max(offset - 60, 0), offset)
                more = self.data[offset + len(value) : offset + len(value) + 60].lstrip()[:1] == b","
                if key and (not subject or more or not key[1]):
                    return offset + 1
        return None

    def _stems(self) -> list[str]:
        return [base.partition("#")[0] for base in self.bases]

    def _references(self, iri: str) -> list[str]:
        """An IRI as it may stand in the file: whole, or relative to the base."""
        found = [iri]
        for base in self._stems():
            folder = base[: base.rfind("/") + 1]
            if iri.startswith(base + "#"):
                found.append(iri[len(base) :])
            if iri.startswith(folder) and folder.count("/") > 2 and len(iri) > len(folder):
                found.append(iri[len(folder) :])
        return found


def _occurrences(data: bytes, text: bytes) -> Iterator[int]:
    offset = data.find(text)
    while offset >= 0:
        yield offset
        offset = data.find(text, offset + 1)


def _alone(data: bytes, offset: int, name: bytes) -> bool:
    """Whether an occurrence of a name is a token, not a part of a longer one."""
    if name[:1] == b"<":
        return True
    before, after = data[max(offset - 1, 0) : offset], data[offset + len(name) : offset + len(name) + 2]
    dotted = after[:1] == b"." and bool(after[1:].strip())  # `:anna.smith` is one name, `:anna.` ends a statement
    return before in _BEFORE and not dotted and (not after or after[0] not in _NAME)


def _may_end(before: bytes) -> bool:
    """Whether a line that begins so may hold the end of a statement there; a quick look."""
    return not before.strip() or before.rstrip().endswith((b".", b"{", b"}"))


def _curies(prefixes: Mapping[str, str], iri: str) -> list[str]:
    """All short forms of an IRI."""
    pairs = sorted((prefix, space) for prefix, space in prefixes.items() if space and iri.startswith(space))
    return [f"{prefix}:{iri[len(space) :]}" for prefix, space in pairs if not re.search(r"\s", iri)]


def _obo_id(iri: str) -> bytes:
    return re.split(r"[/#]", iri)[-1].replace("_", ":", 1).encode()


def _without_strings(line: bytes) -> bytes | None:
    """The beginning of a line without its strings and IRIs; None if it ends in a string or comment."""
    rest = _without_inert(line)
    return None if b"#" in rest or b'"' in rest or b"'" in rest else rest


def _without_inert(line: bytes) -> bytes:
    """A line without its strings and IRIs, and with `#` for its comment."""
    return _INERT.sub(lambda match: b"#" if match[0].startswith(b"#") else b" ", line.replace(rb"\#", b"_"))


def _ends_statement(before: bytes, data: bytes, offset: int) -> bool:
    """Whether a statement may begin at an offset; `before` is what comes first of its line."""
    while not before.strip():
        end = data.rfind(b"\n", 0, offset)
        if end < 0:
            return True
        offset = data.rfind(b"\n", 0, end) + 1
        line = data[offset:end]
        if _DIRECTIVE.match(line):
            return True
        before = _without_inert(line).partition(b"#")[0]
    return before.rstrip().endswith((b".", b"{", b"}"))
