"""`kedit bench ontology`: the made-up ontology is what it says, and the document has what a benchmark must report."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
import rdflib
from rdflib.namespace import OWL, RDF

from kedit.bench.ontology import measure
from kedit.bench.report import Result, document
from kedit.bench.synthetic import LEAST, NAMESPACE, Syntax, write
from kedit.cli.main import run
from kedit.errors import InputError
from kedit.ontology import load_ontology
from kedit.reporting.bench import render_bench
from kedit.reporting.terminal import to_text

ROW = {"name", "kedit_s", "naive_s", "ratio", "of_floor", "peak_memory", "equal"}


@pytest.mark.parametrize("size", [LEAST, 3_001])
def test_both_syntaxes_hold_the_same_triples_exactly_so_many(tmp_path: Path, size: int) -> None:
    facts = write(tmp_path / "a.ttl", size, "Turtle")
    assert write(tmp_path / "a.nt", size, "N-Triples") == facts
    turtle, lines = rdflib.Graph().parse(tmp_path / "a.ttl"), rdflib.Graph().parse(tmp_path / "a.nt")
    assert len(turtle) == len((tmp_path / "a.nt").read_text().splitlines()) == size
    assert set(turtle) == set(lines)


def test_the_same_bytes_every_time_and_a_part_is_the_beginning_of_the_whole(tmp_path: Path) -> None:
    for name, size, scale in (("whole", 4_000, None), ("again", 4_000, None), ("part", 1_500, 4_000)):
        write(tmp_path / name, size, "N-Triples", scale=scale)
    whole, again, part = ((tmp_path / name).read_text().splitlines() for name in ("whole", "again", "part"))
    assert whole == again
    assert part == whole[:1_500]


@pytest.mark.parametrize("syntax", ["Turtle", "N-Triples"])
def test_what_it_says_it_states_is_what_a_query_counts_and_what_kedit_reads(tmp_path: Path, syntax: Syntax) -> None:
    path = tmp_path / "o"
    stated = write(path, 4_000, syntax)
    graph = rdflib.Graph().parse(path, format={"Turtle": "turtle", "N-Triples": "nt"}[syntax])
    counted: Counter[str] = Counter()
    relations = [*graph.subjects(RDF.type, OWL.ObjectProperty), *graph.subjects(RDF.type, OWL.DatatypeProperty)]
    for relation in relations:
        pairs = set(graph.subject_objects(relation))
        inverse = graph.value(None, OWL.inverseOf, relation)
        if graph.value(relation, OWL.inverseOf):
            continue
        if inverse:
            pairs |= {(child, parent) for parent, child in graph.subject_objects(inverse)}
        if (relation, RDF.type, OWL.SymmetricProperty) in graph:
            pairs |= {(other, one) for one, other in pairs}
        counted[str(relation).removeprefix(NAMESPACE)] = len(pairs)
    assert counted == stated
    ontology = load_ontology(path)
    assert {iri.removeprefix(NAMESPACE): sum(map(len, found.values())) for iri, found in ontology.facts.items()} == stated
    assert not any(finding.severity == "error" for finding in ontology.findings)
    assert any(finding.code == "KE042" for finding in ontology.findings)  # namesakes
    assert any(len(values) > 1 for values in ontology.facts[NAMESPACE + "memberOf"].values())
    assert {relation.template_source for relation in ontology.relations.values()} == {"written", "generated"}


def test_the_document_of_a_small_run() -> None:
    made = measure(LEAST, syntaxes=["Turtle"])
    assert made["schema"] == "kedit.bench/1"
    assert {"system", "cores", "python", "kedit"} == set(made["machine"])
    assert [row["name"] for row in made["results"]] == ["load, Turtle", "load, slots and prompts, Turtle"]
    for row in made["results"]:
        assert set(row) == ROW
        assert row["equal"]
        assert row["ratio"] == row["naive_s"] / row["kedit_s"]
        assert 0 < row["of_floor"] < 1
        assert 20 * 2**20 < row["peak_memory"] < 500 * 2**20


def test_a_lost_fact_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def one_more(path: Path, triples: int, syntax: Syntax, *, scale: int | None = None) -> Counter[str]:
        return write(path, triples, syntax, scale=scale) + Counter({"father": 1})

    monkeypatch.setattr("kedit.bench.ontology.write", one_more)
    assert [row["equal"] for row in measure(LEAST, syntaxes=["N-Triples"])["results"]] == [False, False]


def test_too_few_triples_are_refused() -> None:
    with pytest.raises(InputError, match="too few"):
        measure(LEAST - 1)


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "ontology", "--triples", str(LEAST), "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert len(made["results"]) == 4
    assert made["workload"] == {"triples": LEAST, "max_subjects": 300, "repeat": 1}
    text = to_text(render_bench(made))
    assert all(row["name"] in text for row in made["results"])
    assert max(map(len, text.splitlines())) <= 100
    assert run(["bench", "ontology", "--triples", "5"]) == 2
    assert "too few" in capsys.readouterr().err


def test_the_table_says_no_and_leaves_gaps() -> None:
    rows = [Result("work", 2.0, None, None, 3 * 2**20, False)]
    made = document(rows, {"things": 1_234}, ["a note"])
    assert made["results"][0] == {
        "name": "work",
        "kedit_s": 2.0,
        "naive_s": None,
        "ratio": None,
        "of_floor": None,
        "peak_memory": 3 * 2**20,
        "equal": False,
    }
    text = to_text(render_bench(made))
    assert "NO" in text
    assert "–" in text
    assert "things 1,234" in text
    assert "a note" in text
