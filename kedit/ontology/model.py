"""What an ontology is to kedit: classes, relations, individuals and facts, typed and frozen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from kedit.errors import InputError, Place, did_you_mean

if TYPE_CHECKING:
    from kedit.ontology.build import Builder

Form = Literal["question", "cloze"]
Role = Literal["train", "valid", "heldout"]
Split = Literal["train", "valid", "test"]
AnswerPolicy = Literal["any", "skip-ambiguous"]
LITERAL_MARK = '"'


@dataclass(frozen=True, slots=True)
class Template:
    """A carrier as written in the ontology: text with `{subject}`; a cloze ends in `{object}`."""

    text: str
    form: Form
    role: Role = "train"


@dataclass(frozen=True, slots=True)
class OntologyClass:
    """A class or SKOS concept with its asserted superclasses (IRIs)."""

    iri: str
    curie: str
    label: str
    parents: tuple[str, ...] = ()
    folded: tuple[str, ...] = ()
    """IRIs of equivalent classes that this one stands for."""
    slot: int | None = None
    """`kedit:slot`: the slot index that it asks for."""


@dataclass(frozen=True, slots=True)
class Relation:
    """An object or datatype property, after folding of inverses and equivalents."""

    iri: str
    curie: str
    label: str
    kind: Literal["object", "data"]
    parents: tuple[str, ...] = ()
    domain: tuple[str, ...] = ()
    range: tuple[str, ...] = ()
    functional: bool = False
    symmetric: bool = False
    transitive: bool = False
    folded: tuple[str, ...] = ()
    """IRIs of inverse and equivalent properties whose facts were folded into this one."""
    direction: str | None = None
    """Why this direction of a pair of inverse properties stands for both."""
    inverse: tuple[str, ...] = ()
    """Those of `folded` that read from this relation's object to its subject."""
    mirrors: tuple[str, ...] = ()
    """Relations that a sub-property axiom ties to the opposite direction of this one: `isFatherOf` under `hasParent`."""
    chains: tuple[tuple[str, ...], ...] = ()
    """Property chain axioms, each a tuple of relation IRIs; data, never materialised. `^` before an IRI marks a step that
    runs from the relation's object to its subject (its property was folded into an inverse)."""
    templates: tuple[Template, ...] = ()
    template_source: Literal["written", "generated", "missing"] = "missing"
    rule: str | None = None
    """The rule class by which templates were generated from the name, with its `confidence`."""
    confidence: float | None = None
    refusal: str | None = None
    """Why no templates could be generated, where they are missing."""
    phrase: str | None = None
    choices: tuple[str, ...] = ()
    """The only values there are, if the range enumerates them (`owl:oneOf`)."""
    answer_policy: AnswerPolicy = "any"
    """Whether subjects with several answers are asked about at all."""
    excluded: bool = False
    """`kedit:exclude true`: used only where it is named."""
    slot: int | None = None
    """`kedit:slot`: the slot index that it asks for."""


@dataclass(frozen=True, slots=True)
class Individual:
    """A subject or object of facts. `label` is the text that stands in prompts and answers."""

    iri: str
    curie: str
    label: str
    aliases: tuple[str, ...] = ()
    """Other names, accepted as answers and seen by lexical scopes."""
    types: tuple[str, ...] = ()
    split: Split | None = None


@dataclass(frozen=True, slots=True)
class Deprecated:
    """A term that is not to be used any more, with the IRI of the one that replaces it."""

    iri: str
    curie: str
    label: str
    replacement: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a knowledge engineer should know about the file; codes are stable (docs/findings.md)."""

    code: str
    severity: Literal["error", "warning", "info"]
    message: str
    count: int = 1
    example: str | None = None
    advice: str | None = None
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Ontology:
    """An ontology as kedit uses it; all mappings are sorted by IRI.

    A *value* is the id of a fact's object: an individual's IRI, or `'"' + lexical form` of a literal, with `^^xsd:name` behind it
    where the datatype gives it texts of its own.
    """

    iri: str | None
    source: str
    syntax: str
    sha256: str
    triples: int
    prefixes: Mapping[str, str]
    classes: Mapping[str, OntologyClass]
    relations: Mapping[str, Relation]
    individuals: Mapping[str, Individual]
    facts: Mapping[str, Mapping[str, tuple[str, ...]]]
    """relation IRI -> subject IRI -> values, sorted; with the answers that follow from other facts about the subject."""
    inferred: Mapping[str, int] = field(default_factory=dict)
    """relation IRI -> how many of its answers are not stated but follow from sub-properties and chains."""
    said: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Literal -> its texts by datatype, the preferred one first, where these are more than its lexical form."""
    same: Mapping[str, str] = field(default_factory=dict)
    """Individuals that were merged into others (owl:sameAs), with those."""
    deprecated: tuple[Deprecated, ...] = ()
    graphs: Mapping[str, int] = field(default_factory=dict)
    """Named graphs of a file of quads with the statements in each; `default` is the unnamed one."""
    imports: tuple[str, ...] = ()
    unresolved: Mapping[str, str] = field(default_factory=dict)
    """Imports that no local file stands for, with the reason."""
    excluded: tuple[str, ...] = ()
    """IRIs of terms with `kedit:exclude true`."""
    uses: Mapping[str, int] = field(default_factory=dict)
    """What each triple of the file was read as: kind -> triples; they add up to `triples`."""
    unused: Mapping[str, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    provenance: Builder | None = field(default=None, repr=False, compare=False)
    """What an explanation looks things up in, if `load_ontology` was asked to keep it."""

    def values(self, relation: str, subject: str) -> tuple[str, ...]:
        """All values that the ontology lists for `subject` under `relation` (empty if none)."""
        return self.facts.get(relation, {}).get(subject, ())

    def texts(self, value: str) -> tuple[str, ...]:
        """Accepted surface forms of a value, the preferred one first."""
        if value.startswith(LITERAL_MARK):
            return self.said.get(value, (value[1:],))
        individual = self.individuals[value]
        return (individual.label, *individual.aliases)

    def ancestors(self, iri: str) -> tuple[str, ...]:
        """Transitive parents of a class or relation, nearest first, without itself."""
        seen: dict[str, None] = {}
        queue = list(self._parents(iri))
        while queue:
            parent = queue.pop(0)
            if parent not in seen and parent != iri:
                seen[parent] = None
                queue.extend(self._parents(parent))
        return tuple(seen)

    def _parents(self, iri: str) -> tuple[str, ...]:
        node = self.relations.get(iri) or self.classes.get(iri)
        return node.parents if node else ()

    def curie(self, iri: str) -> str:
        """The short form of an IRI by the file's own prefixes; the IRI in angle brackets if none fits."""
        best = max((ns for ns in self.prefixes.values() if ns and iri.startswith(ns)), key=len, default=None)
        if best is None:
            return f"<{iri}>"
        prefix = next(p for p, ns in sorted(self.prefixes.items()) if ns == best)
        return f"{prefix}:{iri[len(best) :]}"

    def resolve(self, term: str, kind: Literal["relation", "class", "individual", "slot"] = "relation") -> str:
        """IRI of a term written as IRI, `<IRI>`, CURIE, label or local name; InputError with the nearest terms.

        A deprecated term stands for its replacement, one of several equal terms for the one that they were merged into; but a
        property that was folded into its inverse for none, for it asks the opposite question.
        """
        index, turned = self._names[kind], self._turned if kind in ("relation", "slot") else {}
        names = dict.fromkeys((term, self._expanded(term), term.casefold()))
        for name in names:
            if name in index:
                return index[name]
        replacement = next((self._replacement(old) for name in names if (old := self._deprecated.get(name))), None)
        if replacement and replacement.replacement in index:
            return index[replacement.replacement]
        named = replacement.replacement if replacement else None
        for name in (*names, *([named] if named else [])):
            if name in turned:
                curie = self.relations[turned[name]].curie
                message = f"{kind} {term!r} asks the opposite of {curie}, which stands for both"
                raise InputError(message, advice=f"Name {curie}, and ask from the other end.", code="KE168")
        if replacement:
            advice = f"Its replacement is <{named}>, no {kind} here." if named else "Name another term."
            raise InputError(f"{kind} {term!r} is deprecated", advice=advice, code="KE167")
        shown = sorted({node.curie for node in self._nodes(kind)} | {node.label for node in self._nodes(kind)})
        raise InputError(f"unknown {kind} {term!r}", advice=did_you_mean(term, shown), code="KE166")

    def _expanded(self, term: str) -> str:
        """The IRI of a CURIE by any of the file's prefixes; what is none as it is."""
        prefix, mark, local = term.partition(":")
        return self.prefixes[prefix] + local if mark and prefix in self.prefixes else term

    def _replacement(self, old: Deprecated) -> Deprecated:
        """The last of the deprecated terms that replace one another; in a circle the first."""
        first, seen = old, {old.iri}
        while old.replacement in self._deprecated:
            old = self._deprecated[old.replacement]
            if old.iri in seen:
                return first
            seen.add(old.iri)
        return old

    def _nodes(self, kind: str) -> Iterator[Relation | OntologyClass | Individual]:
        if kind in ("relation", "slot"):
            yield from self.relations.values()
        if kind in ("class", "slot"):
            yield from self.classes.values()
        if kind == "individual":
            yield from self.individuals.values()

    @cached_property
    def _deprecated(self) -> dict[str, Deprecated]:
        return {
            name: old
            for old in reversed(self.deprecated)
            for name in (old.iri, f"<{old.iri}>", old.curie, old.curie.casefold(), old.label.casefold())
        }

    @cached_property
    def _names(self) -> dict[str, dict[str, str]]:
        tables: dict[str, dict[str, str]] = {}
        for kind in ("relation", "class", "individual", "slot"):
            table: dict[str, str] = {}
            for node in self._nodes(kind):
                local = node.iri.rsplit("#", 1)[-1].rsplit("/", 1)[-1].casefold()
                for name in (node.iri, f"<{node.iri}>", node.curie, node.label.casefold(), local, node.curie.casefold()):
                    table.setdefault(name, node.iri)
            for other, iri in self._equal(kind):
                for name in self._short(other):
                    table.setdefault(name, iri)
            tables[kind] = table
        return tables

    def _equal(self, kind: str) -> Iterator[tuple[str, str]]:
        """Terms that were merged into others which ask the same or are the same."""
        if kind == "individual":
            yield from self.same.items()
        for node in self._nodes(kind):
            if not isinstance(node, Individual):
                against = node.inverse if isinstance(node, Relation) else ()
                yield from ((other, node.iri) for other in node.folded if other not in against)

    @cached_property
    def _turned(self) -> dict[str, str]:
        """Names of properties that were folded into their inverses, with these."""
        return {
            name: relation.iri
            for relation in reversed(list(self.relations.values()))
            for other in relation.inverse
            for name in self._short(other)
        }

    def _short(self, iri: str) -> tuple[str, ...]:
        curie = self.curie(iri)
        return iri, f"<{iri}>", curie, curie.casefold(), iri.rsplit("#", 1)[-1].rsplit("/", 1)[-1].casefold()
