"""Real ontologies: no traceback, in seconds, and counts that an independent query gives too."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from kedit.errors import InputError
from kedit.ontology import load_ontology, require_alignable

FOLDER = Path(os.environ.get("KEDIT_TEST_ONTOLOGIES", Path(__file__).parents[3] / "shared" / "data" / "ontologies"))
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the public test ontologies are not here")


def test_family_benchmark() -> None:
    ontology = load_ontology(FOLDER / "family-benchmark.owl")
    counts = {node.curie: sum(map(len, ontology.facts[iri].values())) for iri, node in ontology.relations.items()}
    assert counts == {"family:hasChild": 208, "family:hasParent": 208, "family:hasSibling": 136, "family:married": 176}
    assert len(ontology.individuals) == 202
    assert len(ontology.classes) == 18
    assert {node.template_source for node in ontology.relations.values()} == {"generated"}
    assert len(require_alignable(ontology)) == 4
    (unlabelled,) = (finding for finding in ontology.findings if finding.code == "KE040")
    assert unlabelled.count == 202


def test_father() -> None:
    ontology = load_ontology(FOLDER / "father.owl")
    assert {node.curie for node in ontology.relations.values()} == {":hasChild"}
    assert len(ontology.individuals) == 6


def test_foaf_quads() -> None:
    ontology = load_ontology(FOLDER / "foaf.nq")
    assert (ontology.syntax, ontology.triples) == ("N-Quads", 620)
    with pytest.raises(InputError, match="no fact"):
        require_alignable(ontology)


def test_a_slim_without_relations() -> None:
    ontology = load_ontology(FOLDER / "DO_cancer_slim.owl")
    assert not ontology.relations
    assert len(ontology.classes) > 700
    with pytest.raises(InputError, match="nothing to align"):
        require_alignable(ontology)


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.*")) if FOLDER.is_dir() else [], ids=lambda path: path.name)
def test_every_file_reads_or_says_why_not(path: Path) -> None:
    started = time.process_time()
    problem = None
    try:
        assert load_ontology(path).triples > 0
    except InputError as error:
        problem = error
    assert problem is None or (problem.place is not None and problem.advice)
    assert time.process_time() - started < 10
