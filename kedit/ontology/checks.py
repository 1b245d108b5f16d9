"""What a finished load should be looked over for: missing facts, ambiguous questions, odd types, unused triples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from kedit.errors import nearest
from kedit.ontology.classes import Classes, is_builtin
from kedit.ontology.facts import Facts
from kedit.ontology.findings import Findings
from kedit.ontology.index import TripleIndex
from kedit.ontology.model import Individual, Relation
from kedit.ontology.properties import Properties
from kedit.ontology.templates import PROPERTIES
from kedit.ontology.terms import KEDIT, OWL, RDF, SHACL, SWRL, TYPE, Curies

VOCABULARY = (
    *(name for name, _ in PROPERTIES),
    *("phrase", "wh", "slot", "exclude", "answerPolicy"),
    *("answerText", "alias", "acceptedAnswer", "split"),
)
"""Names of the kedit namespace, as kedit.ttl declares them."""


def check_vocabulary(index: TripleIndex, findings: Findings) -> None:
    """Terms of the kedit namespace that do not exist are typing errors."""
    for predicate in sorted(index.data):
        name = predicate.removeprefix(KEDIT)
        if predicate.startswith(KEDIT) and name not in VOCABULARY:
            close = nearest(name, VOCABULARY, 1)
            findings.add("KE004", f"kedit:{name}" + (f" (did you mean kedit:{close[0]}?)" if close else ""))


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
        findings.add_alone("KE010", None)
    elif not any(facts.values()):
        findings.add_alone("KE011", None)
    shared = _shared_labels(individuals)
    for iri, relation in relations.items():
        if not facts[iri]:
            findings.add("KE013" if relation.chains else "KE012", relation.curie)
            continue
        if relation.functional:
            several = [subject for subject, values in facts[iri].items() if len(values) > 1]
            findings.add_all("KE030", (f"{relation.curie} of {individuals[subject].curie}" for subject in several))
        _check_ends(relation, classes, individuals, facts[iri], findings)
        if shared:
            _check_ambiguity(relation, individuals, facts[iri], shared, findings)


def _shared_labels(individuals: Mapping[str, Individual]) -> set[str]:
    """Labels that more than one individual bears."""
    seen: set[str] = set()
    return {node.label for node in individuals.values() if node.label in seen or seen.add(node.label)}  # type: ignore[func-returns-value]


def _check_ambiguity(
    relation: Relation, individuals: Mapping[str, Individual], facts: Facts, shared: set[str], findings: Findings
) -> None:
    asked: dict[str, str] = {}
    for subject, values in facts.items():
        label = individuals[subject].label
        if label in shared:
            first = asked.setdefault(label, subject)
            if facts[first] != values:
                findings.add(
                    "KE042", f"{relation.curie} of '{label}': {individuals[first].curie} or {individuals[subject].curie}"
                )


def _check_ends(
    relation: Relation, classes: Classes, individuals: Mapping[str, Individual], facts: Facts, findings: Findings
) -> None:
    """Typed individuals outside domain or range; untyped ones may be anything."""
    domain, range_ = (
        frozenset(classes.below(end)) if end and all(iri in classes.nodes for iri in end) else None
        for end in (relation.domain, relation.range if relation.kind == "object" else ())
    )
    odd: dict[str, bool] = {}

    def outside(iri: str, end: frozenset[str]) -> bool:
        types = individuals[iri].types
        return bool(types) and end.isdisjoint(types)

    count, example = 0, ""
    for subject, values in facts.items() if domain is not None or range_ is not None else ():
        wrong = domain is not None and outside(subject, domain)
        for value in values:
            beyond = wrong
            if range_ is not None and not beyond:
                if value not in odd:
                    odd[value] = outside(value, range_)
                beyond = odd[value]
            if beyond:
                count += 1
                example = example or f"{relation.curie} of {individuals[subject].curie}"
    findings.add_counted("KE044", count, lambda: example)


def find_unused(index: TripleIndex, types: Mapping[str, set[str]], properties: Properties, unused: Counter[str]) -> None:
    """Counts what was read and serves no relation: annotations, rules, shapes, restrictions, reified statements."""
    for kind, subjects in types.items():
        for name, found in (
            ("restrictions", kind == OWL + "Restriction"),
            ("rules", kind == SWRL + "Imp"),
            ("shapes", kind in (SHACL + "NodeShape", SHACL + "PropertyShape")),
            ("statements about statements", kind in (OWL + "Axiom", OWL + "Annotation", RDF + "Statement")),
            ("disjointness axioms", kind in (OWL + "AllDisjointClasses", OWL + "AllDifferent", OWL + "AllDisjointProperties")),
        ):
            if found:
                unused[name] += len(subjects)
    unused["disjointness axioms"] += sum(len(found) for found in index.pairs(OWL + "disjointWith").values())
    for predicate, pairs in index.data.items():
        if predicate not in properties.place and predicate != TYPE and not is_builtin(predicate):
            unused["annotations"] += sum(len(found) for found in pairs.values())
