"""What became of an ontology, as one document (schema `kedit.ontology/1`): what is used, guessed and ignored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, Protocol

from kedit.ontology.alignable import unusable
from kedit.ontology.findings import GUESSED, SEVERITIES
from kedit.ontology.model import Finding, Ontology, Relation

SCHEMA = "kedit.ontology/1"


class SlotRow(Protocol):
    """A slot that a run would bind."""

    @property
    def index(self) -> int: ...
    @property
    def iri(self) -> str: ...
    @property
    def reason(self) -> str: ...


def inspection(ontology: Ontology, slots: Iterable[SlotRow] = ()) -> dict[str, Any]:
    """The document of `kedit ontology inspect --json`, with the slots that a run would bind."""
    bound = {slot.iri: slot for slot in slots}
    return {
        "schema": SCHEMA,
        "iri": ontology.iri,
        "source": ontology.source,
        "sha256": ontology.sha256,
        "syntax": ontology.syntax,
        "triples": ontology.triples,
        "uses": dict(ontology.uses),
        "graphs": dict(ontology.graphs),
        "imports": list(ontology.imports),
        "unresolved_imports": dict(ontology.unresolved),
        "classes": len(ontology.classes),
        "individuals": len(ontology.individuals),
        "relations": [_relation(ontology, relation, bound.get(iri)) for iri, relation in ontology.relations.items()],
        "class_slots": [
            {"slot": bound[iri].index, "iri": iri, "curie": node.curie, "label": node.label, "reason": bound[iri].reason}
            for iri, node in sorted(ontology.classes.items(), key=lambda item: bound[item[0]].index if item[0] in bound else -1)
            if iri in bound
        ],
        "deprecated": [asdict(old) for old in ontology.deprecated],
        "excluded": [ontology.curie(iri) for iri in ontology.excluded],
        "guessed": guesses(ontology),
        "unused": dict(ontology.unused),
        "findings": [finding_row(finding) for finding in by_severity(ontology.findings)],
    }


def guesses(ontology: Ontology) -> list[str]:
    """What kedit decided by itself when it read the ontology, a sentence each."""
    return [sentence(finding) for finding in ontology.findings if finding.code in GUESSED]


def sentence(finding: Finding) -> str:
    """A finding on one line, with its example."""
    if not finding.example or finding.example in finding.message:
        return finding.message
    return f"{finding.message}{', e.g. ' if finding.count > 1 else ': '}{finding.example}"


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """Errors first, then by code."""
    return sorted(findings, key=lambda finding: -SEVERITIES.index(finding.severity))


def finding_row(finding: Finding) -> dict[str, Any]:
    """A finding as JSON."""
    return {**asdict(finding), "place": str(finding.place) if finding.place else None}


def _relation(ontology: Ontology, relation: Relation, slot: SlotRow | None) -> dict[str, Any]:
    facts = ontology.facts[relation.iri]
    return {
        "iri": relation.iri,
        "curie": relation.curie,
        "label": relation.label,
        "kind": relation.kind,
        "domain": [ontology.curie(iri) for iri in relation.domain],
        "range": [ontology.curie(iri) for iri in relation.range],
        "facts": sum(map(len, facts.values())),
        "inferred": ontology.inferred.get(relation.iri, 0),
        "subjects": len(facts),
        "multi_answer": sum(len(values) > 1 for values in facts.values()),
        "functional": relation.functional,
        "symmetric": relation.symmetric,
        "inverse_folded": [ontology.curie(iri) for iri in relation.folded],
        "direction": relation.direction,
        "slot": slot.index if slot else None,
        "template": relation.template_source,
        "rule": relation.rule,
        "confidence": relation.confidence,
        "refusal": relation.refusal,
        "why": _why_not(ontology, relation),
        "example": example(ontology, relation),
    }


def _why_not(ontology: Ontology, relation: Relation) -> str | None:
    """Why a run would leave the relation out; None if it would not."""
    if relation.excluded:
        return "excluded by kedit:exclude"
    problem = unusable(ontology, relation)
    if problem and ontology.facts[relation.iri] and relation.refusal:
        return f"no template, and its name gives none: {relation.refusal}"
    return problem[0] if problem else None


def example(ontology: Ontology, relation: Relation) -> dict[str, Any] | None:
    """One prompt and its right answers, of a subject with one answer if there is one; None without template or fact."""
    facts = ontology.facts[relation.iri]
    template = next((template for template in relation.templates if template.role == "train"), None)
    if template is None or not facts:
        return None
    # A template may hold a worked example; its own subject would give the answer away.
    shown = [subject for subject in facts if ontology.individuals[subject].label not in template.text] or list(facts)
    subject = next((subject for subject in shown if len(facts[subject]) == 1), shown[0])
    prompt = template.text.removesuffix("{object}").rstrip().replace("{subject}", ontology.individuals[subject].label)
    return {"prompt": prompt, "answers": [ontology.texts(value)[0] for value in facts[subject]]}
