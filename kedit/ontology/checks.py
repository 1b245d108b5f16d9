"""What a finished load should be looked over for: missing facts, ambiguous questions, odd types, unused triples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import chain

from kedit.errors import nearest
from kedit.ontology.accounting import STATEMENTS
from kedit.ontology.classes import Classes
from kedit.ontology.facts import Facts
from kedit.ontology.findings import Findings, Term
from kedit.ontology.index import TripleIndex
from kedit.ontology.literals import lexical_form_of
from kedit.ontology.model import LITERAL_MARK, Individual, Relation
from kedit.ontology.templates import PROPERTIES
from kedit.ontology.terms import KEDIT, OWL, SHACL, SWRL, Curies

VOCABULARY = (
    *(name for name, _ in PROPERTIES),
    *("phrase", "wh", "slot", "exclude", "answerPolicy"),
    *("answerText", "alias", "acceptedAnswer", "split"),
)
"""Names of the kedit namespace, as kedit.ttl declares them."""


def check_vocabulary(index: TripleIndex, findings: Findings) -> None:
    """Terms of the kedit namespace that do not exist are typing errors, and so are its terms in a namespace much like it."""
    for predicate in sorted(index.data):
        name = predicate.removeprefix(KEDIT)
        if predicate.startswith(KEDIT) and name not in VOCABULARY:
            close = nearest(name, VOCABULARY, 1)
            hint = f" (did you mean kedit:{close[0]}?)" if close else ""
            findings.add("KE004", f"kedit:{name}{hint}", about=predicate)
        space, _, name = predicate.rpartition("#" if "#" in predicate else "/")
        if "//w3id.org/kedit" in space and f"{space}#" != KEDIT and name in VOCABULARY:
            findings.add("KE004", f"<{predicate}> (did you mean <{KEDIT}{name}>?)", about=predicate)


def look_over(
    relations: Mapping[str, Relation],
    classes: Classes,
    individuals: Mapping[str, Individual],
    facts: Mapping[str, Facts],
    curies: Curies,
    findings: Findings,
    unused: Counter[str],
) -> None:
    """Findings about relations and facts as a whole."""
    if not relations:
        findings.add_alone("KE010")
    elif not any(facts.values()):
        findings.add_alone("KE011")
    ends = _Ends(classes, individuals)
    namesakes = _namesakes(individuals)
    for iri, relation in relations.items():
        if not facts[iri]:
            findings.add("KE013" if relation.chains else "KE012", Term(iri))
            continue
        if relation.functional:
            for subject in [subject for subject, values in facts[iri].items() if len(values) > 1]:
                findings.add("KE030", Term(iri), " of ", Term(subject), about=subject)
        if relation.choices:
            others = sorted({value for values in facts[iri].values() for value in values}.difference(relation.choices))
            for value in others:
                findings.add("KE047", Term(iri), ": ", lexical_form_of(value) if value.startswith(LITERAL_MARK) else Term(value))
        _check_ends(relation, ends, individuals, facts[iri], findings)
        _check_ambiguity(relation, individuals, facts[iri], namesakes, findings)


def _namesakes(individuals: Mapping[str, Individual]) -> list[str]:
    """Individuals, in order, whose label another one bears too, whatever the case of its letters."""
    borne = Counter([node.label.casefold() for node in individuals.values()])
    return [iri for iri, node in individuals.items() if borne[node.label.casefold()] > 1]


def _check_ambiguity(
    relation: Relation, individuals: Mapping[str, Individual], facts: Facts, namesakes: list[str], findings: Findings
) -> None:
    asked: dict[str, tuple[str, set[str]]] = {}
    told: set[str] = set()
    for subject in namesakes:
        if subject in facts:
            name = individuals[subject].label.casefold()
            answers = {value if value.startswith(LITERAL_MARK) else individuals[value].label for value in facts[subject]}
            first, others = asked.setdefault(name, (subject, answers))
            if answers != others and name not in told:
                told.add(name)
                findings.add("KE042", Term(relation.iri), " of ", Term(first), " or ", Term(subject), about=first)


class _Ends:
    """Which individuals fall outside a domain or range: typed ones of other classes. Untyped ones may be anything."""

    def __init__(self, classes: Classes, individuals: Mapping[str, Individual]) -> None:
        self._classes = classes
        self._found: dict[tuple[str, ...], frozenset[str]] = {}
        self._typed: dict[tuple[str, ...], list[str]] = {}  # few combinations of types serve many individuals
        for iri, node in individuals.items():
            self._typed.setdefault(node.types, []).append(iri)
        self._typed.pop((), None)

    def outside(self, end: tuple[str, ...]) -> frozenset[str]:
        """Nobody, if a class of the end is unknown."""
        if end not in self._found:
            known = end and all(iri in self._classes.nodes for iri in end)
            allowed = self._classes.below(end) if known else set()
            others = [typed for types, typed in self._typed.items() if known and allowed.isdisjoint(types)]
            self._found[end] = frozenset().union(*others)
        return self._found[end]


def _check_ends(relation: Relation, ends: _Ends, individuals: Mapping[str, Individual], facts: Facts, findings: Findings) -> None:
    """Typed individuals outside domain or range."""
    subjects = ends.outside(relation.domain)
    values = ends.outside(relation.range) if relation.kind == "object" else frozenset()
    if subjects.isdisjoint(facts) and (not values or values.isdisjoint(chain.from_iterable(facts.values()))):
        return
    wrong = [subject for subject, found in facts.items() for value in found if subject in subjects or value in values]
    if wrong:
        findings.add_counted("KE044", len(wrong), Term(relation.iri), " of ", Term(wrong[0]), about=wrong[0])


def find_unused(types: Mapping[str, set[str]], uses: Mapping[str, int], unused: Counter[str]) -> None:
    """Counts what was read and serves no relation: annotations, rules, shapes, restrictions, reified statements."""
    for kind, subjects in types.items():
        for name, found in (
            ("restrictions", kind == OWL + "Restriction"),
            ("rules", kind == SWRL + "Imp"),
            ("shapes", kind in (SHACL + "NodeShape", SHACL + "PropertyShape")),
            ("statements about statements", kind in STATEMENTS),
        ):
            if found:
                unused[name] += len(subjects)
    for name in ("annotations", "names in other languages"):
        unused[name] += uses.get(name, 0)
