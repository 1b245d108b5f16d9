"""Annotations of kedit's vocabulary in a YAML file beside an ontology that one may not touch (docs/templates.md).

What the file says of a term and key takes the place of what the ontology says of them, before anything else is read: there
is one path for both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from kedit.errors import InputError, Place, did_you_mean
from kedit.files import sha256_file
from kedit.ontology.classes import is_builtin
from kedit.ontology.index import TripleIndex
from kedit.ontology.model import AnswerPolicy, Split
from kedit.ontology.properties import CONCEPT_RELATIONS, INVERSE, SUBPROPERTY
from kedit.ontology.templates import FORMS, PROPERTIES, Malformed, parse_template, unusable
from kedit.ontology.terms import KEDIT, OWL, RDF, RDFS, XSD, Curies, is_iri, literal
from kedit.yaml import Document, read_yaml, validated

SCHEMA = "kedit.templates/1"
SECTIONS = {"relations": "relation", "classes": "class", "individuals": "individual"}
LONG = 20_000
"""Of more terms than this, only those with the first letter of an unknown one are searched for near ones."""


def _listed(value: Any) -> Any:
    """One text may stand without its list; nothing is an empty list."""
    if isinstance(value, str):
        return (value,)
    if value is not None and not isinstance(value, list):
        raise ValueError("should be a text or a list of texts")
    return tuple(value or ())


def _mapped(value: Any) -> Any:
    """A key whose content is commented out says nothing."""
    if value is not None and not isinstance(value, dict):
        raise ValueError("should be a mapping of keys to values")
    return value or {}


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_listed)]
Slot = Annotated[int, Field(ge=0, lt=10**9)]


class Notes(BaseModel):
    """What may be said of a term. A key that is given takes the place of the ontology's; an empty value takes it away."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, alias_generator=to_camel)

    exclude: bool = False

    def given(self) -> Iterator[tuple[str, Any]]:
        """Keys, as they are written, with their values, in the order of the model."""
        for name, info in type(self).model_fields.items():
            if name in self.model_fields_set:
                yield info.alias or name, getattr(self, name)


class RelationNotes(Notes):
    """Keys on relations."""

    question_template: Texts = ()
    cloze_template: Texts = ()
    validation_template: Texts = ()
    held_out_template: Texts = ()
    phrase: Text | None = None
    wh: Literal["who", "what", "where", "when", "which"] | None = None
    slot: Slot | None = None
    answer_policy: AnswerPolicy | None = None


class ClassNotes(Notes):
    """Keys on classes."""

    slot: Slot | None = None


class IndividualNotes(Notes):
    """Keys on individuals."""

    answer_text: Text | None = None
    alias: Texts = ()
    accepted_answer: Texts = ()
    split: Split | None = None


class TemplateFile(BaseModel):
    """A file of the schema `kedit.templates/1`; terms are CURIEs or `<IRI>`s."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    schema_: Annotated[Literal["kedit.templates/1"], Field(alias="schema")]
    prefixes: Annotated[dict[str, Text], BeforeValidator(_mapped)] = {}
    relations: Annotated[dict[str, Annotated[RelationNotes, BeforeValidator(_mapped)]], BeforeValidator(_mapped)] = {}
    classes: Annotated[dict[str, Annotated[ClassNotes, BeforeValidator(_mapped)]], BeforeValidator(_mapped)] = {}
    individuals: Annotated[dict[str, Annotated[IndividualNotes, BeforeValidator(_mapped)]], BeforeValidator(_mapped)] = {}


@dataclass
class Sidecar:
    """A sidecar file that has been read, with the place of everything in it."""

    document: Document
    content: TemplateFile
    sha256: str
    terms: dict[str, dict[str, str]] = field(default_factory=dict)
    """Section -> IRI -> the term as written, once `annotate` has resolved them."""

    def entries(self) -> Iterator[tuple[str, str, Notes]]:
        """Section, term and what is said of it, in the order of the file."""
        for section in SECTIONS:
            for term, notes in getattr(self.content, section).items():
                yield section, term, notes

    def iris(self, prefixes: Mapping[str, str]) -> dict[str, dict[str, str]]:
        """Section -> IRI -> term; the file's own prefixes win. InputError for a term that is there twice."""
        curies = Curies({**prefixes, **self.content.prefixes})
        found: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
        for section, term, _ in self.entries():
            iri = term[1:-1] if term.startswith("<") and term.endswith(">") else curies.expand(term)
            if iri in found[section]:
                message = f"{term!r} is {found[section][iri]!r}, which stands here already"
                raise InputError(
                    message, place=self.document.place((section, term)), advice="Write all its keys in one place.", code="KE172"
                )
            found[section][iri] = term
        return found

    def annotate(self, index: TripleIndex, prefixes: Mapping[str, str], types: Mapping[str, set[str]]) -> None:
        """State in an index what the file says. InputError, with line and nearest terms, for terms that do not occur there."""
        self.terms = self.iris(prefixes)
        properties = _properties(index, types)
        mentioned = _mentioned(index, {iri for section in ("classes", "individuals") for iri in self.terms[section]})
        for section, terms in self.terms.items():
            known = properties if section == "relations" else mentioned
            unknown = next(((iri, term) for iri, term in terms.items() if iri not in known), None)
            if unknown:
                raise self._unknown(section, *unknown, index, types, Curies({**prefixes, **self.content.prefixes}))
        for section, terms in self.terms.items():
            notes = getattr(self.content, section)
            for iri, term in terms.items():
                for key, value in notes[term].given():
                    index.replace(iri, KEDIT + key, _literals(value))

    def check_kinds(self, named: Mapping[str, Collection[str]], dropped: Collection[str], curies: Curies) -> None:
        """InputError for a term that stands in another section than it belongs to; `named` maps sections to their terms.

        Deprecated and excluded terms (`dropped`) have been read as nothing.
        """
        for section, terms in self.terms.items():
            for iri, term in terms.items():
                if iri in named[section] or iri in dropped:
                    continue
                other = next((name for name in SECTIONS if iri in named[name]), None)
                advice = f"Write it under `{other}:`." if other else "kedit reads it as an annotation, or not at all."
                message = f"{curies(iri)} is no {SECTIONS[section]} of the ontology"
                raise InputError(message, place=self.document.place((section, term)), advice=advice, code="KE172")

    def place(self, iri: str, key: str, text: str) -> Place | None:
        """Where a relation's text stands; None if it is not from this file."""
        term = self.terms["relations"].get(iri)
        texts = dict(self.content.relations[term].given()).get(key, ()) if term else ()
        return self.document.place(("relations", term, key, texts.index(text))) if term and text in texts else None

    def _unknown(
        self, section: str, iri: str, term: str, index: TripleIndex, types: Mapping[str, set[str]], curies: Curies
    ) -> InputError:
        place = self.document.place((section, term))
        if iri == term and not term.startswith("<") and "//" not in term:
            prefixes = curies.prefixes()
            prefix, mark, _ = term.partition(":")
            if not mark:
                return InputError(
                    f"{term!r} is no CURIE", place=place, advice="Write prefix:name, or the IRI in angle brackets.", code="KE172"
                )
            if prefix not in prefixes:
                advice = did_you_mean(f"{prefix}:", sorted(f"{name}:" for name in prefixes))
                advice += " Or declare it under `prefixes:`."
                return InputError(f"unknown prefix '{prefix}:'", place=place, advice=advice, code="KE172")
        near = [name for name in _candidates(section, index, types) if not is_builtin(name) or name in CONCEPT_RELATIONS]
        shown = sorted(curies(name) for name in near)
        if len(shown) > LONG:
            shown = [name for name in shown if _initial(name) == _initial(curies(iri))]
        elsewhere = section == "relations" and _mentioned(index, {iri})
        said = f"{term!r} is no relation of the ontology" if elsewhere else f"unknown {SECTIONS[section]} {term!r}"
        return InputError(said, place=place, advice=did_you_mean(curies(iri), shown), code="KE172")


def read_sidecar(path: Path) -> Sidecar:
    """Read a sidecar file; InputError with file, line, key and the nearest valid word for what does not fit."""
    try:
        return _read(path)
    except InputError as error:
        error.code = error.code or "KE170"
        raise


def _read(path: Path) -> Sidecar:
    document = read_yaml(path, advice=f"Begin with the line `schema: {SCHEMA}` (docs/templates.md).")
    if document.data.get("schema") != SCHEMA:
        said = f"unknown schema {document.data['schema']!r}" if "schema" in document.data else "'schema' is missing"
        raise InputError(said, place=document.place(("schema",)), advice=f"Begin with the line `schema: {SCHEMA}`.", code="KE170")
    content = validated(TemplateFile, document.data, document)
    for term, notes in content.relations.items():
        given = dict(notes.given())
        for key, role in PROPERTIES:
            for number, text in enumerate(given.get(key, ())):
                try:
                    parse_template(text, role, form=FORMS.get(key), domain="class", range_="class")
                except Malformed as problem:
                    raise unusable(problem, document.place(("relations", term, key, number))) from problem
    return Sidecar(document, content, sha256_file(path))


def _literals(value: Any) -> list[str]:
    """A value as the index states it."""
    if isinstance(value, bool):
        return [literal("true" if value else "false", None, XSD + "boolean")]
    if isinstance(value, int):
        return [literal(str(value), None, XSD + "integer")]
    texts = (value,) if isinstance(value, str) else value or ()
    return [literal(text, None, "") for text in texts]


def _properties(index: TripleIndex, types: Mapping[str, set[str]]) -> set[str]:
    """Whatever an index uses or declares as a property."""
    found = {kind for kind in types if kind.startswith((OWL, RDF)) and kind.endswith("Property")}
    declared = set(index.data).union(*(types[kind] for kind in found))
    for predicate in (SUBPROPERTY, INVERSE, OWL + "equivalentProperty"):
        declared.update(iri for edge in index.edges(predicate) for iri in edge)
    for predicate in (RDFS + "domain", RDFS + "range"):
        declared.update(index.pairs(predicate))
    return declared


def _mentioned(index: TripleIndex, wanted: set[str]) -> set[str]:
    """Those of the IRIs that stand somewhere as subject or object."""
    found = {iri for iri in wanted if any(iri in pairs for pairs in index.data.values())}
    left = wanted - found
    if left:
        found |= {term for pairs in index.data.values() for terms in pairs.values() for term in terms if term in left}
    return found


def _candidates(section: str, index: TripleIndex, types: Mapping[str, set[str]]) -> set[str]:
    """IRIs that one may have meant."""
    if section == "relations":
        notes = types.get(OWL + "AnnotationProperty", set())
        return {iri for iri in _properties(index, types) - notes if is_iri(iri)}
    schema = {kind for kind in types if is_builtin(kind)}
    if section == "classes":
        kinds = {kind for kind in schema if kind.endswith(("Class", "Concept"))}
        return {iri for iri in set(types).union(*(types[kind] for kind in kinds)) if is_iri(iri)}
    found = {subject for predicate, pairs in index.data.items() if not is_builtin(predicate) for subject in pairs}
    return {iri for iri in found.union(*(types[kind] for kind in types.keys() - schema)) if is_iri(iri)}


def _initial(curie: str) -> str:
    """First letter of a CURIE's local part."""
    return curie.partition(":")[2][:1].casefold()
