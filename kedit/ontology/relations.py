"""Relations with everything that is known of them: labels, hierarchy, domain and range, chains, templates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from kedit.errors import Place
from kedit.ontology.classes import Classes, is_builtin, named_members
from kedit.ontology.closed import as_values, enumerated
from kedit.ontology.english import lexicon
from kedit.ontology.english.answers import answers_of
from kedit.ontology.english.phrasing import Verbalisation
from kedit.ontology.english.verbalise import first_usable
from kedit.ontology.facts import Facts
from kedit.ontology.findings import Findings, Term
from kedit.ontology.index import BrokenList, TripleIndex
from kedit.ontology.labels import Names
from kedit.ontology.model import AnswerPolicy, Relation, Template
from kedit.ontology.properties import CONCEPT_RELATIONS, Group, Properties
from kedit.ontology.slots import asked_slot
from kedit.ontology.sniff import Source
from kedit.ontology.templates import FORMS, PROPERTIES, Malformed, in_language, in_order, parse_template, unusable
from kedit.ontology.terms import DOMAINS, KEDIT, OWL, RANGES, XSD, Curies, is_blank, is_iri, is_true, relation_words

if TYPE_CHECKING:
    from kedit.ontology.sidecar import Sidecar

CHAIN = OWL + "propertyChainAxiom"


@dataclass
class RelationBuilder:
    """Builds the relations of one load; `sources` are the files that places of findings refer to."""

    index: TripleIndex
    types: Mapping[str, set[str]]
    properties: Properties
    classes: Classes
    names: Names
    curies: Curies
    same: Mapping[str, str]
    dropped: set[str]
    language: str
    sources: Sequence[Source]
    sidecar: Sidecar | None
    findings: Findings

    def build(self, facts: Mapping[str, Facts]) -> dict[str, Relation]:
        """Relation IRI -> relation, sorted."""
        chains = self._chains()
        return {iri: self._relation(group, chains.get(iri, ()), facts[iri]) for iri, group in self.properties.groups.items()}

    def _relation(self, group: Group, chains: tuple[tuple[str, ...], ...], facts: Facts) -> Relation:
        iri = group.iri
        domain, range_ = self._domain_and_range(group)
        equals = (iri, *(member for member, parity in sorted(group.members.items()) if member != iri and not parity))
        label = next(filter(None, map(self.names.label, equals)), None) or CONCEPT_RELATIONS.get(iri)
        if label is None:
            label = relation_words(iri)
            self.findings.add("KE049", Term(iri))
        templates = self._written(group, domain, range_)
        phrase = self._one_text(equals, "phrase")
        made = Verbalisation()
        usable = bool(facts) or not chains
        if not templates:
            made = self._verbalised(equals, phrase or label, range_, facts)
            if made.templates and facts:
                how = f"({made.rule}, confidence {made.confidence:.2f})"
                self.findings.add("KE021", Term(iri), f": {made.templates[0].text!r} {how}")
            elif usable and facts:
                self.findings.add("KE022", Term(iri), f": {made.refusal}")
        elif facts and not any(template.role == "train" for template in templates):
            self.findings.add("KE022", Term(iri), ": none of those that are written may be trained on")
        elif facts and not any(template.role == "heldout" for template in templates):
            self.findings.add("KE023", Term(iri))
        transitive = any(member in self.types.get(OWL + "TransitiveProperty", ()) for member in group.members)
        return Relation(
            iri=iri,
            curie=self.curies(iri),
            label=label,
            kind=group.kind,
            parents=self.properties.parents[iri],
            domain=domain,
            range=range_,
            functional=group.functional,
            symmetric=group.symmetric,
            transitive=transitive,
            folded=group.folded,
            direction=group.direction,
            inverse=tuple(sorted(member for member, parity in group.members.items() if parity)),
            mirrors=self.properties.mirrors.get(iri, ()),
            chains=chains,
            templates=templates or in_order(made.templates),
            template_source="written" if templates else "generated" if made.templates else "missing",
            rule=made.rule if made.templates else None,
            confidence=made.confidence if made.templates else None,
            refusal=None if templates else made.refusal,
            phrase=phrase or made.phrase,
            choices=self._choices(group),
            answer_policy=self._answer_policy(group),
            excluded=any(is_true(self.index.pairs(KEDIT + "exclude").get(member, ())) for member in equals),
            slot=asked_slot(self.index, group.members, self.findings),
        )

    def _domain_and_range(self, group: Group) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Canonical classes (and datatypes) of both ends; a folded inverse states them the other way round."""
        ends: tuple[set[str], set[str]] = (set(), set())
        for member, parity in group.members.items():
            for end, predicates in enumerate((DOMAINS, RANGES)):
                for node in (node for predicate in predicates for node in self.index.objects(member, predicate)):
                    ends[end ^ parity].update(named_members(self.index, node, self.findings))
        return self._canonical(ends[0]), self._canonical(ends[1])

    def _choices(self, group: Group) -> tuple[str, ...]:
        """Values that the range enumerates; none if one of several ranges, which are alternatives, is open."""
        nodes = {
            node
            for member, parity in group.members.items()
            for predicate in (DOMAINS if parity else RANGES)
            for node in self.index.objects(member, predicate)
        }
        closed = [enumerated(self.index, (node,), self.findings) for node in sorted(nodes)]
        return as_values(chain.from_iterable(closed), self.same, self.dropped, self.language) if all(closed) else ()

    def _answer_policy(self, group: Group) -> AnswerPolicy:
        for member in sorted(group.members):
            text = self._one_text((member,), "answerPolicy")
            if text in ("any", "skip-ambiguous"):
                return text  # type: ignore[return-value]
            if text is not None:
                self.findings.add("KE048", Term(member), f": {text!r}")
        return "any"

    def _canonical(self, iris: set[str]) -> tuple[str, ...]:
        classes = {self.classes.canonical.get(iri, iri) for iri in iris}
        return tuple(sorted(iri for iri in classes if not is_builtin(iri) or iri.startswith(XSD)))

    def _written(self, group: Group, domain: Sequence[str], range_: Sequence[str]) -> tuple[Template, ...]:
        """Templates that stand on the canonical property and its equivalents."""
        found = []
        for member, parity in sorted(group.members.items()):
            for name, role in PROPERTIES:
                texts = in_language(self.index.objects(member, KEDIT + name), self.language)
                if parity:
                    for text in texts:
                        self.findings.add("KE024", Term(member), f": {text!r}", place=self._where(text))
                    continue
                form = FORMS.get(name)
                for text in texts:
                    try:
                        found.append(
                            parse_template(
                                text, role, form=form, domain=self._class_label(domain), range_=self._class_label(range_)
                            )
                        )
                    except Malformed as problem:
                        if self.sidecar and (place := self.sidecar.place(member, name, text)):
                            raise unusable(problem, place) from problem
                        self.findings.add("KE020", Term(member), f" kedit:{name} {text!r}: {problem}", place=self._where(text))
        return in_order(found)

    def _where(self, text: str) -> Place | None:
        """Place of a text in the first file that holds it as it is."""
        return next((place for source in self.sources if (place := source.find(text)).line), None)

    def _class_label(self, iris: Sequence[str]) -> str | None:
        return next((self.classes.nodes[iri].label for iri in iris if iri in self.classes.nodes), None)

    def _one_text(self, iris: Iterable[str], name: str) -> str | None:
        """The annotation of the first of some equal properties that has it."""
        found = (in_language(self.index.objects(iri, KEDIT + name), self.language) for iri in iris)
        return next((" ".join(texts[0].split()) for texts in found if texts), None)

    def _verbalised(self, equals: Sequence[str], name: str, range_: Sequence[str], facts: Facts) -> Verbalisation:
        """Rules on the phrase or label; on the local names where it gives nothing or is no English."""
        if not self.language.lower().startswith("en"):
            return Verbalisation(refusal=f"no rules for the language {self.language!r}")
        answers = answers_of(self._answer_words(range_, facts), range_, self._one_text(equals, "wh"))
        return first_usable((name, *map(relation_words, equals)), answers)

    def _answer_words(self, range_: Sequence[str], facts: Facts) -> set[str]:
        """Head nouns of the classes that answers belong to, with the classes above; from the range, else from some answers."""
        queue = list(range_)
        if not queue:
            answers = sorted({value for values in list(facts.values())[:20] for value in values if is_iri(value)})
            kinds = self.index.pairs("http://www.w3.org/1999/02/22-rdf-syntax-ns#type")
            queue = [
                self.classes.canonical[kind]
                for value in answers
                for kind in kinds.get(value, ())
                if kind in self.classes.canonical
            ]
        words: set[str] = set()
        seen: set[str] = set()
        while queue:
            iri = queue.pop()
            if iri in self.classes.nodes and iri not in seen:
                seen.add(iri)
                label = self.classes.nodes[iri].label.lower().partition("(")[0].split()
                # A person function is a function, no person.
                words.update(label[lexicon.head(label) :][:1])
                queue.extend(self.classes.nodes[iri].parents)
        return words

    def _chains(self) -> dict[str, tuple[tuple[str, ...], ...]]:
        """Relation -> its property chain axioms. A step that runs against its relation's direction is marked by `^`."""
        found: dict[str, set[tuple[str, ...]]] = {}
        for prop, heads in sorted(self.index.pairs(CHAIN).items()):
            if prop not in self.properties.place:
                continue
            target, turn = self.properties.place[prop]
            for head in heads:
                try:
                    steps = [self._step(node) for node in self.index.members(head)]
                except BrokenList:
                    self.findings.add("KE003", "owl:propertyChainAxiom of ", Term(prop), once=head)
                    continue
                if None in steps or not steps:
                    continue
                path = [step for step in steps if step is not None]
                if turn:
                    path = [(iri, parity ^ 1) for iri, parity in reversed(path)]
                symmetric = {iri for iri, _ in path if self.properties.groups[iri].symmetric}
                found.setdefault(target, set()).add(
                    tuple(f"^{iri}" if parity and iri not in symmetric else iri for iri, parity in path)
                )
        return {iri: tuple(sorted(chains)) for iri, chains in found.items()}

    def _step(self, node: str) -> tuple[str, int] | None:
        if not is_blank(node):
            return self.properties.place.get(node)
        inverse = [iri for iri in self.index.objects(node, OWL + "inverseOf") if iri in self.properties.place]
        if len(inverse) != 1:
            return None
        iri, parity = self.properties.place[inverse[0]]
        return iri, parity ^ 1
