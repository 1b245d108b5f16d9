"""What became of an ontology, as one document (schema `kedit.ontology/1`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from kedit.ontology.findings import SEVERITIES
from kedit.ontology.model import Finding, Ontology, Relation

SCHEMA = "kedit.ontology/1"


def inspection(ontology: Ontology, slots: Mapping[str, int] | None = None) -> dict[str, Any]:
    """The document of `kedit ontology inspect --json`; `slots` maps IRIs to the slots that they would get."""
    return {
        "schema": SCHEMA,
        "iri": ontology.iri,
        "source": ontology.source,
        "sha256": ontology.sha256,
        "syntax": ontology.syntax,
        "triples": ontology.triples,
        "imports": list(ontology.imports),
        "classes": len(ontology.classes),
        "individuals": len(ontology.individuals),
        "relations": [_relation(ontology, relation, (slots or {}).get(relation.iri)) for relation in ontology.relations.values()],
        "unused": dict(ontology.unused),
        "findings": [finding_row(finding) for finding in by_severity(ontology.findings)],
    }


def by_severity(findings: tuple[Finding, ...]) -> list[Finding]:
    """Errors first, then by code."""
    return sorted(findings, key=lambda finding: -SEVERITIES.index(finding.severity))


def finding_row(finding: Finding) -> dict[str, Any]:
    """A finding as JSON."""
    return asdict(finding)


def _relation(ontology: Ontology, relation: Relation, slot: int | None) -> dict[str, Any]:
    facts = ontology.facts[relation.iri]
    return {
        "iri": relation.iri,
        "curie": relation.curie,
        "label": relation.label,
        "kind": relation.kind,
        "facts": sum(map(len, facts.values())),
        "subjects": len(facts),
        "multi_answer": sum(len(values) > 1 for values in facts.values()),
        "functional": relation.functional,
        "symmetric": relation.symmetric,
        "inverse_folded": [ontology.curie(iri) for iri in relation.folded],
        "slot": slot,
        "template": relation.template_source,
        "rule": relation.rule,
        "confidence": relation.confidence,
        "refusal": relation.refusal,
        "example": example(ontology, relation),
    }


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
