"""Real ontologies: no traceback, in seconds, and counts that an independent query gives too."""

from __future__ import annotations

import os
import time
from pathlib import Path
from xml.sax import SAXParseException

import pytest
import rdflib

from kedit.cli.main import run
from kedit.errors import InputError
from kedit.ontology import load_ontology, require_alignable

FOLDER = Path(os.environ.get("KEDIT_TEST_ONTOLOGIES", Path(__file__).parents[3] / "shared" / "data" / "ontologies"))
PATHS = sorted(FOLDER.rglob("*.*")) if FOLDER.is_dir() else []
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


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
@pytest.mark.parametrize("command", ["inspect", "validate"])
def test_every_file_is_shown_or_is_no_ontology(path: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    needs_package = path.suffix == ".obo" or path.name == "ro-edit.owl" or path.parent.name in ("components", "imports")
    if needs_package:
        pytest.importorskip("pyhornedowl")
    started = time.process_time()
    code = run(["ontology", command, str(path)])
    assert time.process_time() - started < 10
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    if path.suffix in (".csv", ".tsv", ".json", ".xml"):
        assert (code, out) == (2, "")
        assert "is not an ontology" in err
    else:
        assert code in ((0,) if command == "inspect" else (0, 1, 2))
        assert str(path.name) in out


@pytest.mark.filterwarnings("ignore")  # rdflib's, about literals
@pytest.mark.parametrize("path", [path for path in PATHS if path.suffix in (".owl", ".nq")], ids=lambda path: path.name)
def test_counts_are_those_of_an_independent_query(path: Path) -> None:
    data = rdflib.Dataset(default_union=True)
    try:
        data.parse(path, format="nquads" if path.suffix == ".nq" else "xml")
    except SAXParseException:
        pytest.skip("not RDF/XML: rdflib cannot read it")
    ontology = load_ontology(path)
    if ontology.imports:
        pytest.skip("a file with imports holds more than rdflib reads")
    assert ontology.triples == len(set(data.triples((None, None, None))))
    assert sum(ontology.uses.values()) == ontology.triples
    rows = data.query("""
        PREFIX owl: <http://www.w3.org/2002/07/owl#> PREFIX rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#>
        SELECT ?p (COUNT(*) AS ?n) {
            ?p a owl:ObjectProperty . ?s ?p ?o . FILTER(isIRI(?p) && isIRI(?s) && isIRI(?o))
        } GROUP BY ?p
    """)
    stated = {str(row.p): int(row.n) for row in rows if row.p is not None}
    found = {iri: sum(map(len, subjects.values())) for iri, subjects in ontology.facts.items() if subjects}
    assert {iri: count for iri, count in found.items() if iri in stated and not ontology.inferred.get(iri)} == stated
