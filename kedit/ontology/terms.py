"""RDF terms as plain strings: IRIs as they are, blank nodes as `_:id`, literals as `"lexical<NUL>suffix`.

Strings hash and sort fast and the same way in every process. A literal's suffix is `@lang`, a datatype IRI or empty
(a plain string); it never holds NUL, so the last NUL of the term divides lexical form and suffix.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from kedit.ontology.model import LITERAL_MARK

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS = "http://www.w3.org/2000/01/rdf-schema#"
OWL = "http://www.w3.org/2002/07/owl#"
SKOS = "http://www.w3.org/2004/02/skos/core#"
XSD = "http://www.w3.org/2001/XMLSchema#"
KEDIT = "https://w3id.org/kedit/ns#"
DCTERMS = "http://purl.org/dc/terms/"
DC = "http://purl.org/dc/elements/1.1/"
FOAF = "http://xmlns.com/foaf/0.1/"
OBO_IN_OWL = "http://www.geneontology.org/formats/oboInOwl#"
DCAM = "http://purl.org/dc/dcam/"
SCHEMA = ("http://schema.org/", "https://schema.org/")

_STRING = XSD + "string"
TYPE = RDF + "type"
LABEL = RDFS + "label"

LOCAL_BASE = "https://w3id.org/kedit/local/"
"""Relative IRIs of a file that declares no base are read against this and the file's name: the same on every machine."""

SWRL = "http://www.w3.org/2003/11/swrl#"
SHACL = "http://www.w3.org/ns/shacl#"
BUILTIN = (RDF, RDFS, OWL, XSD, SKOS, KEDIT, SWRL, SHACL)
"""Namespaces whose terms are the language itself, never a user's class, relation or individual."""

LABEL_PROPERTIES = (
    SKOS + "prefLabel",
    LABEL,
    *(schema + "name" for schema in SCHEMA),
    FOAF + "name",
    DCTERMS + "title",
)
DOMAINS = (RDFS + "domain", *(schema + "domainIncludes" for schema in SCHEMA), DCAM + "domainIncludes")
RANGES = (RDFS + "range", *(schema + "rangeIncludes" for schema in SCHEMA), DCAM + "rangeIncludes")
"""What says of which class a relation's subjects and objects are. Several of them are alternatives: kedit infers no types."""
ALIAS_PROPERTIES = (
    KEDIT + "alias",
    KEDIT + "acceptedAnswer",
    SKOS + "altLabel",
    *(schema + "alternateName" for schema in SCHEMA),
    OBO_IN_OWL + "hasExactSynonym",
)
ANNOTATION_NAMESPACES = (
    *BUILTIN,
    DC,
    DCTERMS,
    OBO_IN_OWL,
    "http://www.w3.org/2003/06/sw-vocab-status/ns#",
    "http://purl.org/vocab/vann/",
    "http://rdfs.org/ns/void#",
    "http://www.w3.org/ns/prov#",
    "http://creativecommons.org/ns#",
    "http://web.resource.org/cc/",
    "http://protege.stanford.edu/plugins/owl/protege#",
)
"""Predicates from here are read as annotations unless the file itself declares them object or datatype properties."""


def literal(lexical: str, language: str | None, datatype: str) -> str:
    """The string that stands for a literal inside the index."""
    if language:
        return f"{LITERAL_MARK}{lexical}\0@{language.lower()}"
    return f"{LITERAL_MARK}{lexical}\0{'' if datatype == _STRING else datatype}"


def is_literal(term: str) -> bool:
    """Whether a term is a literal."""
    return term.startswith(LITERAL_MARK)


def is_blank(term: str) -> bool:
    """Whether a term is a blank node."""
    return term.startswith("_:")


def is_iri(term: str) -> bool:
    """Whether a term is an IRI."""
    return not term.startswith((LITERAL_MARK, "_:"))


def lexical_form(term: str) -> str:
    """Lexical form of a literal, as it stands in the file."""
    return term[1 : term.rindex("\0")]


def language_of(term: str) -> str | None:
    """Language tag of a literal, in lower case; None if it has none."""
    suffix = term.rpartition("\0")[2]
    return suffix[1:] if suffix[:1] == "@" else None


def text_of(term: str) -> str:
    """Lexical form of a literal with white space collapsed: what may stand in a prompt."""
    return " ".join(lexical_form(term).split())


def is_true(terms: Iterable[str]) -> bool:
    """Whether one of the values is a true boolean, typed or not."""
    return any(is_literal(term) and lexical_form(term).strip().lower() in ("true", "1") for term in terms)


def language_rank(tag: str | None, wanted: str) -> int:
    """0 the wanted language, 1 the same base language, 2 untagged, 3 another language."""
    if tag is None:
        return 2
    wanted = wanted.lower()
    if tag == wanted:
        return 0
    return 1 if tag.split("-")[0] == wanted.split("-")[0] else 3


def local_name(iri: str) -> str:
    """The part of an IRI after the last `#`, `/` or `:`, percent-decoded."""
    tail = iri.rstrip("/#")
    for mark in ("#", "/", ":"):
        if mark in tail:
            tail = tail.rsplit(mark, 1)[1]
            break
    return unquote(tail) or iri


# `NewYork` and `HTMLPage` split, `F2M13` and `iPhone` do not.
_BOUNDARY = re.compile(r"(?<=[a-z][a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})|(?<=[a-z]{3})(?=[0-9])")
_SEPARATOR = re.compile(r"[_\s+]+")


def name_words(iri: str) -> str:
    """An IRI's local name split into words: `hasFather` is "has Father", `new_york` is "new york"."""
    spaced = _BOUNDARY.sub(" ", _SEPARATOR.sub(" ", local_name(iri)))
    return " ".join(spaced.split()) or iri


def relation_words(iri: str) -> str:
    """The words of a relation's local name in lower case, acronyms kept: `hasISBNCode` is "has ISBN code"."""
    spaced = re.sub(r"[_\s+.-]+|(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})|(?<=[a-z]{3})(?=[0-9])", " ", local_name(iri))
    words = spaced.split() or [iri]
    return " ".join(word if word.isupper() and len(word) > 1 else word.lower() for word in words)


class Curies:
    """Short forms of IRIs by a file's prefixes, remembered per namespace so that a million IRIs cost little."""

    def __init__(self, prefixes: Mapping[str, str]) -> None:
        longest_first = sorted(prefixes.items(), key=lambda item: (-len(item[1]), item[0]))
        self._prefixes = [(prefix, namespace) for prefix, namespace in longest_first if namespace]
        self._near: dict[str, list[tuple[str, str]]] = {}

    def prefixes(self) -> list[str]:
        """The prefixes that there are."""
        return [prefix for prefix, _ in self._prefixes]

    def expand(self, term: str) -> str:
        """The IRI of a CURIE or `<IRI>`; what is neither stays as it is."""
        term = term.strip("<>")
        prefix, mark, local = term.partition(":")
        namespace = dict(self._prefixes).get(prefix) if mark and not local.startswith("//") else None
        return namespace + local if namespace else term

    def __call__(self, iri: str) -> str:
        cut = iri[: max(iri.rfind("#"), iri.rfind("/")) + 1]
        near = self._near.get(cut)
        if near is None:
            near = self._near[cut] = [(p, n) for p, n in self._prefixes if cut.startswith(n) or n.startswith(cut)]
        for prefix, namespace in near:
            if iri.startswith(namespace):
                return f"{prefix}:{iri[len(namespace) :]}"
        return f"<{iri}>"
