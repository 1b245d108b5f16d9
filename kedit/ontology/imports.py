"""`owl:imports` resolved to local files: by option, by catalog, or beside the file. Never by the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlparse
from xml.etree import ElementTree

from kedit.errors import InputError, Place
from kedit.ontology.index import TripleIndex
from kedit.ontology.reading import Document, read_document
from kedit.ontology.terms import KEDIT, LOCAL_BASE, OWL, SKOS, TYPE, is_iri

CATALOG_NAME = "catalog-v001.xml"
IMPORTS = OWL + "imports"
SHIPPED = {KEDIT.removesuffix("#"): Path(__file__).with_name("kedit.ttl")}
"""Vocabularies that come with kedit; a catalog or --import may name other files for them."""
_CATALOG = "{urn:oasis:names:tc:entity:xmlns:xml:catalog}"


@dataclass
class Catalog:
    """IRIs and IRI prefixes with the files that stand for them."""

    files: dict[str, Path] = field(default_factory=dict)
    rewrites: list[tuple[str, str]] = field(default_factory=list)

    def find(self, iri: str) -> Path | None:
        """The file of an IRI (with or without a trailing `#` or `/`); None if no entry names it."""
        for name in (iri, iri.rstrip("#/"), iri + "#", iri + "/"):
            if name in self.files:
                return self.files[name]
        for start, target in sorted(self.rewrites, key=lambda pair: -len(pair[0])):
            if iri.startswith(start):
                rest = unquote(iri[len(start) :])
                named = Path(target + rest)
                return named if named.is_file() else Path(target, rest)  # many catalogs leave out the slash
        return None

    def add(self, other: Catalog) -> None:
        """Entries of another catalog; what is known already wins."""
        self.files = {**other.files, **self.files}
        self.rewrites += other.rewrites


def read_catalog(path: Path, _seen: frozenset[Path] = frozenset()) -> Catalog:
    """Read an OASIS XML catalog (`uri`, `system`, `rewriteURI`, `group`, `nextCatalog`); InputError if it is none."""
    catalog = Catalog()
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not UTF-8 text"
        raise InputError(
            f"catalog cannot be read: {reason}", place=Place(path), advice="Check --catalog.", code="KE150"
        ) from error
    if "<!ENTITY" in text:
        raise InputError("catalog declares entities", place=Place(path), advice="Write the addresses out.", code="KE151")
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        line, column = error.position
        place = Place(path, line, column + 1)
        message = f"is not an XML catalog: {error.msg.split(':')[0]}"
        raise InputError(message, place=place, advice=f"See any {CATALOG_NAME}.", code="KE151") from error
    if root.tag.removeprefix(_CATALOG) != "catalog":
        raise InputError("is not an XML catalog", place=Place(path), advice="Its root element must be <catalog>.", code="KE151")
    _entries(root, path.parent, catalog, _seen | {path.resolve()})
    return catalog


def _entries(node: ElementTree.Element, folder: Path, catalog: Catalog, seen: frozenset[Path]) -> None:
    base = node.get("{http://www.w3.org/XML/1998/namespace}base")
    folder = (_local(base, folder) or folder) if base else folder
    for child in node:
        tag = str(child.tag).removeprefix(_CATALOG)
        if tag in ("uri", "system"):
            target = _local(child.get("uri") or "", folder)
            name = child.get("name") or child.get("systemId")
            if target is not None and name:
                catalog.files.setdefault(name, target)
        elif tag == "rewriteURI":
            prefix = child.get("rewritePrefix") or ""
            target = _local(prefix, folder)
            if target is not None:
                catalog.rewrites.append(
                    (child.get("uriStartString") or "", f"{target}/" if prefix.endswith("/") else str(target))
                )
        elif tag == "nextCatalog":
            target = _local(child.get("catalog") or "", folder)
            if target is not None and target.resolve() not in seen and target.is_file():
                catalog.add(read_catalog(target, seen))
        elif tag == "group":
            _entries(child, folder, catalog, seen)


def _local(uri: str, folder: Path) -> Path | None:
    """A catalog's address as a path; None for addresses that are no files."""
    parts = urlparse(uri)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    if len(parts.scheme) > 1:  # one letter is a drive
        return None
    return folder / unquote(uri)


def parse_import(option: str) -> tuple[str, Path]:
    """`IRI=FILE` of `--import`; InputError if it is not of that form or the file is missing."""
    iri, mark, file = option.rpartition("=")
    if not mark or not iri or not file:
        advice = "For example --import http://example.org/base=base.ttl"
        raise InputError(f"--import {option!r} is not of the form IRI=FILE", advice=advice, code="KE152")
    if not Path(file).is_file():
        raise InputError("no such file", place=Place(file), advice=f"It was given by --import {option}", code="KE153")
    return iri.strip("<>"), Path(file)


@dataclass(frozen=True)
class Closure:
    """A file and everything it imports, in the order of reading, with the imports that no file stands for."""

    documents: tuple[Document, ...]
    imported: tuple[str, ...]
    unresolved: tuple[tuple[str, str], ...]
    """IRI and the reason."""

    def index(self) -> TripleIndex:
        """All triples in one index, distinct and in order; the documents' own indices are used up by it."""
        whole = self.documents[0].index
        for document in self.documents[1:]:
            whole.merge(document.index)
        whole.finish()
        return whole

    def prefixes(self) -> dict[str, str]:
        """Prefixes of all documents; those of the file itself win over those of its imports."""
        merged: dict[str, str] = {}
        for document in self.documents:
            known = set(merged.values())
            for prefix, namespace in document.prefixes.items():
                if namespace not in known:  # one file may have two prefixes for a namespace, and both may be named
                    merged.setdefault(prefix, namespace)
        return dict(sorted(merged.items()))


def read_closure(path: Path, *, catalog: Path | None = None, imports: Sequence[str] = (), graph: str | None = None) -> Closure:
    """Read a file (of a file of quads, `graph` alone) and, breadth first, what it imports; each file once, so that cycles end."""
    named = Catalog(files=dict(parse_import(option) for option in imports))
    if catalog is not None:
        named.add(read_catalog(catalog))
    documents = [read_document(path, "f0_", graph)]
    seen = {path.resolve()}
    done: dict[str, None] = {}
    unresolved: dict[str, str] = {}
    for document in documents:  # grows while it is walked
        beside = _catalog_beside(document.source.path)
        for iri in sorted({target for _, target in document.index.edges(IMPORTS)}):
            if iri in done or iri in unresolved:
                continue
            target = named.find(iri) or (beside.find(iri) if beside else None) or SHIPPED.get(iri.rstrip("#"))
            target = target or _relative(iri, document.source.path)
            if target is None or not target.is_file():
                unresolved[iri] = "no catalog names it" if target is None else f"{target} does not exist"
                continue
            done[iri] = None
            if target.resolve() not in seen:
                seen.add(target.resolve())
                documents.append(read_document(target, f"f{len(documents)}_"))
    return Closure(tuple(documents), tuple(sorted(done)), tuple(sorted(unresolved.items())))


def _catalog_beside(path: Path) -> Catalog | None:
    file = path.parent / CATALOG_NAME
    return read_catalog(file) if file.is_file() else None


def _relative(iri: str, path: Path) -> Path | None:
    """An import written as a relative IRI, in a file without a base: the file of that name beside it."""
    return path.parent / unquote(iri[len(LOCAL_BASE) :]) if iri.startswith(LOCAL_BASE) else None


def ontology_iri(index: TripleIndex) -> str | None:
    """IRI of the file's own owl:Ontology (one that it does not import), else of its SKOS scheme; None if there is none."""
    imported = {target for _, target in index.edges(IMPORTS)}
    for kind in (OWL + "Ontology", SKOS + "ConceptScheme"):
        found = [subject for subject, kinds in index.pairs(TYPE).items() if kind in kinds and is_iri(subject)]
        own = sorted(set(found) - imported) or sorted(found)
        if own:
            return own[0]
    return None
