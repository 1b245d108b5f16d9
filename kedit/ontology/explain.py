"""Why a relation has the answers it has for a subject: the triples and rules behind each, and what was left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from kedit.ontology.build import Builder
from kedit.ontology.inference import Derivation
from kedit.ontology.literals import lexical_form_of, literal_value
from kedit.ontology.model import LITERAL_MARK, Ontology
from kedit.ontology.terms import is_blank, is_iri, is_literal, text_of

SCHEMA = "kedit.explanation/1"


@dataclass(frozen=True, slots=True)
class Because:
    """One step of a reason: a statement of the file with how it is read, or a rule with what it rests on."""

    statement: str
    how: str
    because: tuple[Because, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """A right answer with the texts that count as it, and its reasons."""

    value: str
    texts: tuple[str, ...]
    stated: bool
    because: tuple[Because, ...]


@dataclass(frozen=True)
class Explanation:
    """What became of one relation of one subject."""

    relation: str
    label: str
    subject: str
    name: str
    asked: str | None
    """A prompt that asks for it; None if it is not asked."""
    not_asked: str | None
    answers: tuple[Answer, ...]
    left_out: tuple[Because, ...]
    """Statements of the file that were read and give no answer, with the reason."""

    def document(self) -> dict[str, Any]:
        """The explanation as JSON (`kedit.explanation/1`)."""
        return {"schema": SCHEMA, **asdict(self)}


def explain(ontology: Ontology, subject: str, relation: str) -> Explanation:
    """Explain the answers to a relation of a subject, in an ontology that was loaded with `provenance=True`.

    Both may be an IRI, a CURIE or a label. InputError with the nearest terms if either is unknown.
    """
    if ontology.provenance is None:
        raise ValueError("load the ontology with provenance=True to explain it")
    builder = ontology.provenance
    iri = ontology.resolve(relation)
    named = builder.curies.expand(subject)
    who = builder.same.get(named, named)
    return _Explainer(builder, ontology).explain(
        who if who in ontology.individuals else ontology.resolve(subject, "individual"), iri
    )


class _Explainer:
    def __init__(self, builder: Builder, ontology: Ontology) -> None:
        self.builder = builder
        self.ontology = ontology
        self.curies = builder.curies
        self.twins: dict[str, list[str]] = {}
        for iri, chosen in sorted(builder.same.items()):
            self.twins.setdefault(chosen, []).append(iri)

    def explain(self, subject: str, relation: str) -> Explanation:
        node, individual = self.ontology.relations[relation], self.ontology.individuals[subject]
        derived = self.builder.inference.derivations(relation, subject)
        template = next((template for template in node.templates if template.role == "train"), None)
        not_asked = None
        if not self.ontology.values(relation, subject):
            not_asked = "a question is asked of stated facts only; this one follows from others" if derived else "no fact"
        elif template is None:
            not_asked = "the relation has no template"
        asked = None if not_asked or template is None else template.text.replace("{subject}", individual.label)
        return Explanation(
            relation=node.curie,
            label=node.label,
            subject=individual.curie,
            name=individual.label,
            asked=asked.removesuffix("{object}").rstrip() if asked else None,
            not_asked=not_asked,
            answers=tuple(
                Answer(self.term(value), self.ontology.texts(value), why.rule == "stated", tuple(self.reasons(why)))
                for value, why in sorted(derived.items(), key=lambda item: (item[1].rule != "stated", item[0]))
            ),
            left_out=tuple(self.left_out(subject, relation)),
        )

    def reasons(self, why: Derivation) -> Iterator[Because]:
        """The statements behind a stated fact, or the rule with its premises."""
        if why.rule == "stated":
            yield from dict.fromkeys(self.statements(why))  # a fact about oneself reads the same both ways
            return
        premises = tuple(self.premise(premise) for premise in why.premises)
        if why.rule == "sub-property":
            below = self.curies(why.premises[0].relation)
            yield Because(self.sentence(why), f"{below} is a sub-property of {self.curies(why.relation)}", premises)
        elif why.rule == "transitive":
            yield Because(self.sentence(why), f"{self.curies(why.relation)} is transitive", premises)
        else:
            steps = " o ".join(self.curies(premise.relation) for premise in why.premises)
            yield Because(self.sentence(why), f"by the property chain {steps}", premises)

    def premise(self, why: Derivation) -> Because:
        """A premise on one line where one statement is all there is to it."""
        below = tuple(self.reasons(why))
        return below[0] if len(below) == 1 else Because(self.sentence(why), "stated more than once", below)

    def statements(self, why: Derivation) -> Iterator[Because]:
        """The triples of the file that say it, each with how it is read."""
        group = self.builder.properties.groups[why.relation]
        for member, parity in sorted(group.members.items(), key=lambda item: (item[0] != why.relation, item)):
            for turned in (False, True) if group.symmetric else (bool(parity),):
                start, end = (why.value, why.subject) if turned else (why.subject, why.value)
                for subject in self.all_of(start):
                    for term in self.builder.index.objects(subject, member):
                        if self.is_value(term, end):
                            yield Because(
                                self.triple(subject, member, term), self.how(why, member, turned, subject, term, start, end)
                            )

    def how(self, why: Derivation, member: str, turned: bool, subject: str, term: str, start: str, end: str) -> str:
        group, parts = self.builder.properties.groups[why.relation], []
        if turned:
            parts.append("symmetric" if group.symmetric else f"inverse of {self.curies(why.relation)}")
        elif member != why.relation:
            parts.append(f"the same as {self.curies(why.relation)}")
        parts += [
            f"{self.curies(one)} is {self.curies(other)}"
            for one, other in ((subject, start), (term, end))
            if one != other and is_iri(one)
        ]
        restricted = (subject, member, term) in self.builder.from_restrictions
        return ", ".join([f"restriction on {self.curies(subject)}" if restricted else "stated", *parts])

    def left_out(self, subject: str, relation: str) -> Iterator[Because]:
        """Values in the file that became no answer."""
        group = self.builder.properties.groups[relation]
        answers = set(self.ontology.values(relation, subject)) | set(self.builder.inference.derivations(relation, subject))
        for member, parity in sorted(group.members.items()):
            for own in self.all_of(subject):
                for term in self.builder.index.objects(own, member) if not parity else ():
                    if any(self.is_value(term, value) for value in answers):
                        continue
                    yield Because(self.triple(own, member, term), self.why_not(term, group.kind))

    def why_not(self, term: str, kind: str) -> str:
        if is_blank(term):
            return "a blank node has no name to answer with"
        if is_literal(term) and kind == "object":
            return "a literal, but the relation is an object property"
        if is_iri(term) and kind == "data":
            return "an IRI, but the relation is a datatype property"
        if term in self.builder.dropped:
            return "deprecated or excluded"
        if is_literal(term) and not text_of(term):
            return "an empty text"
        return "in another language" if is_literal(term) else "not read as an individual"

    def all_of(self, iri: str) -> list[str]:
        return [iri, *self.twins.get(iri, ())]

    def is_value(self, term: str, value: str) -> bool:
        if is_literal(term):
            return value.startswith(LITERAL_MARK) and literal_value(term, self.builder.lang)[0] == value
        return self.builder.same.get(term, term) == value

    def triple(self, subject: str, predicate: str, term: str) -> str:
        return f"{self.curies(subject)} {self.curies(predicate)} {self.written(term)}"

    def sentence(self, why: Derivation) -> str:
        return f"{self.curies(why.subject)} {self.curies(why.relation)} {self.term(why.value)}"

    def written(self, term: str) -> str:
        if is_literal(term):
            return f'"{text_of(term)}"'
        return "[]" if is_blank(term) else self.curies(term)

    def term(self, value: str) -> str:
        return f'"{lexical_form_of(value)}"' if value.startswith(LITERAL_MARK) else self.curies(value)
