"""A bench to write small ontologies on and to read them from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kedit.ontology import Ontology, load_ontology

E = "http://example.org/e#"
PREFIXES = """@prefix : <http://example.org/e#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix kedit: <https://w3id.org/kedit/ns#> .
"""


class Bench:
    """Writes files into a folder of its own and looks at what was read; terms are local names of one namespace."""

    E = E

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, content: str | bytes, name: str = "o.ttl") -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def turtle(self, text: str, name: str = "o.ttl") -> Path:
        return self.file(PREFIXES + text, name)

    def load(self, text: str, **options: Any) -> Ontology:
        return load_ontology(self.turtle(text), **options)

    @staticmethod
    def codes(ontology: Ontology) -> set[str]:
        return {finding.code for finding in ontology.findings}

    @staticmethod
    def example(ontology: Ontology, code: str) -> str | None:
        return next(finding.example for finding in ontology.findings if finding.code == code)

    @staticmethod
    def facts(ontology: Ontology, relation: str) -> dict[str, tuple[str, ...]]:
        found = ontology.facts[E + relation]
        return {subject.removeprefix(E): tuple(value.removeprefix(E) for value in values) for subject, values in found.items()}

    @staticmethod
    def relations(ontology: Ontology) -> set[str]:
        return {iri.removeprefix(E) for iri in ontology.relations}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)
