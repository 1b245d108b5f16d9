"""From a file to a typed, frozen Ontology: the one reading path."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kedit.ontology.accounting import uses
from kedit.ontology.checks import check_vocabulary, find_unused, look_over
from kedit.ontology.class_facts import add_facts, class_facts
from kedit.ontology.classes import Classes, build_classes
from kedit.ontology.closed import check_disjoint, disjoint_groups
from kedit.ontology.deprecated import deprecated_terms
from kedit.ontology.facts import FactReader, Facts
from kedit.ontology.findings import Findings, Term
from kedit.ontology.imports import Closure, ontology_iri, read_closure
from kedit.ontology.index import paused_gc
from kedit.ontology.individuals import IndividualReader, same_individuals
from kedit.ontology.inference import Inference, completed, rules_of
from kedit.ontology.labels import Names
from kedit.ontology.model import Individual, Ontology, OntologyClass, Relation
from kedit.ontology.places import Places
from kedit.ontology.prefixes import completed as completed_prefixes
from kedit.ontology.properties import Properties, build_properties
from kedit.ontology.relations import RelationBuilder
from kedit.ontology.terms import (
    KEDIT,
    LOCAL_BASE,
    OWL,
    RDF,
    RDFS,
    SKOS,
    Curies,
    is_iri,
    is_literal,
    is_true,
    relation_words,
    text_of,
)

if TYPE_CHECKING:
    from kedit.ontology.sidecar import Sidecar


def load_ontology(
    path: str | Path,
    *,
    catalog: str | Path | None = None,
    imports: Sequence[str] = (),
    graph: str | None = None,
    templates: str | Path | None = None,
    class_facts: bool = False,
    transitive: bool = False,
    label_property: Sequence[str] = (),
    lang: str = "en",
    provenance: bool = False,
) -> Ontology:
    """Read an RDF/OWL file of any syntax, with what it imports, into an `Ontology`.

    `catalog` is an OASIS catalog and `imports` are `IRI=FILE` pairs that stand for `owl:imports`; nothing is ever fetched.
    Of a file of quads all graphs are read as one, or `graph` alone (`default`: the unnamed one).
    `templates` is a YAML file of annotations (docs/templates.md) that win over the ontology's own.
    `label_property` are IRIs or CURIEs of properties read as labels before the usual ones, `lang` the language of labels.
    `class_facts` reads restrictions on classes as facts about them, `transitive` follows transitive relations along the
    whole way; `provenance` keeps all triples in memory for `explain`.
    Raises InputError, with file, line, column and advice, for what cannot be read; everything else is a finding.
    """
    sidecar = None
    if templates:
        from kedit.ontology.sidecar import read_sidecar

        sidecar = read_sidecar(Path(templates))
    with paused_gc():
        closure = read_closure(Path(path), catalog=Path(catalog) if catalog else None, imports=imports, graph=graph)
        return Builder(closure, label_property, lang, sidecar, restrictions=class_facts, transitive=transitive).build(provenance)


class Builder:
    """Carries what the steps of one load share; `build` leaves behind what an explanation needs."""

    properties: Properties
    same: dict[str, str]
    inference: Inference

    def __init__(
        self,
        closure: Closure,
        label_property: Sequence[str],
        lang: str,
        sidecar: Sidecar | None = None,
        restrictions: bool = False,
        transitive: bool = False,
    ) -> None:
        self.closure = closure
        self.lang = lang
        self.transitive = transitive
        self.findings = Findings()
        self.unused: Counter[str] = Counter()
        self.iri = ontology_iri(closure.documents[0].index)
        self.index = closure.index()
        self.types = self.index.instances()
        self.prefixes = completed_prefixes(closure.prefixes(), self.index, self.types)
        self.curies = Curies(self.prefixes)
        self.sidecar = sidecar
        if sidecar:
            sidecar.annotate(self.index, self.prefixes, self.types)
        self.label_property = tuple(self.curies.expand(term) for term in label_property)
        self.names = Names(self.index, self.label_property, lang)
        self.dropped = self._dropped()
        self.class_facts = class_facts(self.index, self.findings)
        self.from_restrictions = add_facts(self.index, self.class_facts) if restrictions else frozenset()

    def build(self, provenance: bool = False) -> Ontology:
        """The ontology; with `provenance` it keeps this builder."""
        classes = build_classes(self.index, self.types, self.names, self.curies, self.dropped, self.findings)
        schema_nodes = self._schema_nodes(classes)
        self.properties = properties = build_properties(
            self.index, self.types, schema_nodes, self.label_property, self.dropped, self.curies, self.findings
        )
        self.same = same = same_individuals(self.index, schema_nodes, self.dropped, self.findings)
        dropped = self.dropped - same.keys()
        reader = FactReader(
            self.index, same, dropped, schema_nodes, self.from_restrictions, self.lang, self.curies, self.findings, self.unused
        )
        facts = reader.read(properties)
        self._tell_class_facts(facts)
        individuals = IndividualReader(
            self.index, self.types, classes, same, self.names, self.curies, dropped, schema_nodes, self.findings
        ).read(properties, facts)
        if self.sidecar:
            named = {"relations": properties.place, "classes": classes.canonical, "individuals": {*individuals, *same}}
            self.sidecar.check_kinds(named, self.dropped, self.curies)
        builder = RelationBuilder(
            self.index,
            self.types,
            properties,
            classes,
            self.names,
            self.curies,
            same,
            dropped,
            self.lang,
            tuple(document.source for document in self.closure.documents),
            self.sidecar,
            self.findings,
        )
        relations = builder.build(facts)
        rules = rules_of(relations, properties.narrower, self.transitive)
        self.findings.add_all("KE035", (iri for iri, _ in sorted(rules.recursive | rules.too_deep)))
        self.inference = Inference(facts, rules)
        facts, inferred = completed(facts, self.inference)
        check_vocabulary(self.index, self.findings)
        self._about_the_file()
        check_disjoint(individuals, classes, disjoint_groups(self.index, classes, self.findings), self.findings)
        look_over(relations, classes, individuals, facts, self.curies, self.findings, self.unused)
        restricted = Counter(predicate for _, predicate, _ in self.from_restrictions)
        self.uses = uses(self.index, self.types, properties.place, self.label_property, self.lang, restricted)
        find_unused(self.types, self.uses, self.unused)
        return self._ontology(classes, relations, individuals, facts, inferred, reader.said, provenance)

    def _ontology(
        self,
        classes: Classes,
        relations: Mapping[str, Relation],
        individuals: Mapping[str, Individual],
        facts: Mapping[str, Facts],
        inferred: Mapping[str, int],
        said: Mapping[str, tuple[str, ...]],
        provenance: bool,
    ) -> Ontology:
        documents = self.closure.documents
        digests = [hashlib.sha256(document.source.path.read_bytes()).hexdigest() for document in documents]
        digests += [f"templates {self.sidecar.sha256}"] if self.sidecar else []
        whole = digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()
        return Ontology(
            iri=self.iri,
            source=str(documents[0].source.path),
            syntax=documents[0].syntax,
            sha256=whole,
            triples=self.index.triples - len(self.from_restrictions),
            prefixes=self.prefixes,
            classes=classes.nodes,
            relations=relations,
            individuals=individuals,
            facts=facts,
            inferred=inferred,
            said=dict(sorted(said.items())),
            same=dict(sorted(self.same.items())),
            deprecated=self.deprecated,
            graphs=documents[0].graphs,
            imports=self.closure.imported,
            unresolved=dict(self.closure.unresolved),
            excluded=tuple(sorted(self.excluded)),
            uses=self.uses,
            unused={name: count for name, count in sorted(self.unused.items()) if count},
            findings=self.findings.collected(self._naming(relations, classes.nodes, individuals), Places(documents).find),
            provenance=self if provenance else None,
        )

    def _naming(self, *known: Mapping[str, Individual | OntologyClass | Relation]) -> Callable[[str], str]:
        """Writes terms as `prefix:local 'label'`."""

        def show(iri: str) -> str:
            node = next((nodes[iri] for nodes in known if iri in nodes), None)
            if node is None and iri in self.properties.place:
                return f"{self.curies(iri)} '{self.names.label(iri) or relation_words(iri)}'"
            return f"{self.curies(iri)} '{node.label if node else self.names.name((iri,)).text}'"

        return show

    def _tell_class_facts(self, facts: Mapping[str, Facts]) -> None:
        """How many restrictions on classes are read as facts about them, or else could be."""
        code, told = "KE038", self.class_facts
        if self.from_restrictions:
            code, told = "KE036", [fact for fact in self.class_facts if self._is_used(fact, facts)]
        if told:
            subject, prop, value = told[0]
            shown = text_of(value) if is_literal(value) else Term(value)
            self.findings.add_counted(code, len(told), Term(subject), " ", Term(prop), " ", shown)

    def _is_used(self, fact: tuple[str, str, str], facts: Mapping[str, Facts]) -> bool:
        subject, prop, value = fact
        relation, turned = self.properties.place.get(prop, ("", 1))
        found = facts.get(relation, {}).get(self.same.get(subject, subject), ())
        return not turned and (is_literal(value) or self.same.get(value, value) in found)

    def _dropped(self) -> set[str]:
        """Deprecated and excluded terms."""
        deprecated = {subject for subject, values in self.index.pairs(OWL + "deprecated").items() if is_true(values)}
        deprecated |= self.types.get(OWL + "DeprecatedClass", set()) | self.types.get(OWL + "DeprecatedProperty", set())
        excluded = {subject for subject, values in self.index.pairs(KEDIT + "exclude").items() if is_true(values)}
        deprecated = {iri for iri in deprecated if is_iri(iri)}
        self.deprecated = deprecated_terms(self.index, deprecated, self.names, self.curies)
        self.findings.add_all("KE033", deprecated)
        self.findings.add_all("KE034", excluded)
        self.excluded = excluded
        # An excluded relation keeps its facts: it is left out unless somebody names it.
        kinds = (OWL + "ObjectProperty", OWL + "DatatypeProperty", RDF + "Property")
        properties = set(self.index.data).union(*(self.types.get(kind, set()) for kind in kinds))
        return deprecated | (excluded - properties)

    def _schema_nodes(self, classes: Classes) -> set[str]:
        """Classes, properties, ontologies: what a fact about an individual is not about."""
        kinds = [
            kind
            for kind in self.types
            if kind.startswith((OWL, RDF, RDFS)) and kind not in (OWL + "NamedIndividual", OWL + "Thing", RDFS + "Resource")
        ]
        found = set().union(*(self.types[kind] for kind in kinds)) if kinds else set()
        concepts = self.types.get(SKOS + "Concept", set())  # concepts have facts as individuals have
        return (found | set(classes.canonical)) - concepts

    def _about_the_file(self) -> None:
        for iri, reason in self.closure.unresolved:
            self.findings.add_alone("KE001", iri, message=f"import <{iri}> is not available here: {reason}", about=iri)
        relative = self.index.relative | {predicate for predicate in self.index.data if predicate.startswith(LOCAL_BASE)}
        if relative:
            first = min(relative)
            self.findings.add_counted("KE002", len(relative), f"<{first.removeprefix(LOCAL_BASE)}>", about=first)
        for document in self.closure.documents:
            if document.renamed:
                self.findings.add_counted("KE005", len(document.renamed), repr(document.renamed[0]))
        self.unused["statements about statements"] += self.index.triple_terms
        hidden = self.unused["values in other languages"]
        if hidden:
            self.findings.add_counted("KE043", hidden, f"kept: {self.lang} and untagged")
