"""RDF/OWL files read into a typed, frozen `Ontology` with located diagnostics."""

from __future__ import annotations

from kedit.ontology.alignable import require_alignable
from kedit.ontology.build import load_ontology
from kedit.ontology.explain import Explanation, explain
from kedit.ontology.model import Finding, Individual, Ontology, OntologyClass, Relation, Template
from kedit.ontology.writing import to_graph, write_turtle

__all__ = [
    "Explanation",
    "Finding",
    "Individual",
    "Ontology",
    "OntologyClass",
    "Relation",
    "Template",
    "explain",
    "load_ontology",
    "require_alignable",
    "to_graph",
    "write_turtle",
]
