"""Places of terms: the subject first, in every syntax; none rather than a wrong one."""

from __future__ import annotations

import time
from typing import Any

import pytest

from kedit.ontology.places import Places
from kedit.ontology.reading import read_document

E = "http://example.org/e#"
TURTLE = [
    "# :anna a :Person .",
    "@prefix : <http://example.org/e#> . @prefix x: <http://example.org/> .",
    ':bert :says "", "x .  :anna a :Person" ; :knows :anna .  # ; see :carl .',
    ':dora :says """',
    ":anna a :Person .",
    '""" .',
    "x:e\\#carl a :Person .   <http://example.org/e#emma> a :Person .",
    "",
    ":annabel a :Person . :anna.smith a :Person . # as in: it ends.",
    "  # it ends.",
    "  :anna # the first",
    "    a :Person ; :dot :fred.",
    ":gus a :Person ; :p :q ; # it ends.",
    "  :hal :ida .",
]


def place(bench: Any, text: str, name: str, iri: str) -> tuple[int | None, int | None] | None:
    document = read_document(bench.file(text, name))
    found = Places([document]).find(iri)
    return found and (found.line, found.column)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("anna", (11, 3)),  # not in comments, strings, as object or as part of a name
        ("bert", (3, 1)),
        ("dora", (4, 1)),
        ("carl", (7, 1)),
        ("emma", (7, 25)),
        ("annabel", (9, 1)),
        ("anna.smith", (9, 22)),
        ("fred", (12, 22)),  # never a subject: where it is named
        ("hal", (14, 3)),  # a predicate after a comment that ends in a full stop
        ("Person", (7, 13)),
        ("nobody", None),
    ],
)
def test_turtle(bench: Any, name: str, expected: tuple[int, int] | None) -> None:
    assert place(bench, "\n".join(TURTLE) + "\n", "o.ttl", E + name) == expected


def test_relative_and_directives(bench: Any) -> None:
    text = "BASE <http://example.org/e>\nPREFIX : <#>\n<#anna> a <http://example.org/e#P> .\n:bert a :P .\n"
    assert place(bench, text, "o.ttl", E + "anna") == (3, 1)
    assert place(bench, "@prefix : <http://example.org/e#> .\n:b :knows :a .\n", "o.ttl", E + "b") == (2, 1)


def test_lines_and_quads(bench: Any) -> None:
    rows = [f"<{E}b> <{E}p> <{E}a> <{E}g> .", f'<{E}b> <{E}p> "<{E}c> <{E}p>" <{E}g> .', f"<{E}a> <{E}p> <{E}b> <{E}g> ."]
    text = "\n".join(rows) + "\n"
    assert place(bench, text, "o.nq", E + "a") == (3, 1)
    assert place(bench, text, "o.nq", E + "p") == (1, len(E) + 5)
    assert place(bench, text, "o.nq", E + "c") is None


XML = """<?xml version="1.0"?>
<!DOCTYPE rdf:RDF [ <!ENTITY e "http://example.org/e#" > ]>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://example.org/e#" xml:base="http://example.org/e">
  <!-- <Person rdf:about="#anna"/> -->
  <Person rdf:about="&e;bert"><knows rdf:resource="#anna"/><likes rdf:resource="#ida"/></Person>
  <Person rdf:about="#anna"/>
  <Person rdf:ID="carl"/>
  <Person rdf:about="http://example.org/e#dora"/>
</rdf:RDF>
"""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("anna", (6, 22)),
        ("bert", (5, 22)),
        ("carl", (7, 19)),
        ("dora", (8, 22)),
        ("knows", (5, 32)),
        ("ida", (5, 81)),
        ("x", None),
    ],
)
def test_rdf_xml(bench: Any, name: str, expected: tuple[int, int] | None) -> None:
    assert place(bench, XML, "o.owl", E + name) == expected


def test_json_ld(bench: Any) -> None:
    text = """{"@context": {"e": "http://example.org/e#"}, "@graph": [
      {"@id": "e:anna", "e:knows": {"@id": "e:bert"}},
      {"e:says": "x", "@id": "e:bert"}, {"@id": "e:carl", "e:knows": {"@id": "e:dora"}}]}"""
    assert place(bench, text, "o.jsonld", E + "anna") == (2, 16)
    assert place(bench, text, "o.jsonld", E + "bert") == (3, 31)
    assert place(bench, text, "o.jsonld", E + "dora") == (3, 79)


def test_obo(bench: Any) -> None:
    pytest.importorskip("pyhornedowl")
    rows = ["format-version: 1.2", "", "[Term]", "id: X:2", "is_a: X:1 ! id: X:1", "", "[Term]", "id: X:11", "", "[Term]"]
    text = "\n".join([*rows, "id: X:1 ! thing", "relationship: part_of X:3"]) + "\n"
    obo = "http://purl.obolibrary.org/obo/"
    assert place(bench, text, "o.obo", obo + "X_1") == (11, 5)
    assert place(bench, text, "o.obo", obo + "X_2") == (4, 5)
    assert place(bench, text, "o.obo", obo + "X_3") == (12, 23)


def test_imported_files_are_searched(bench: Any) -> None:
    bench.turtle("<http://e/base> a owl:Ontology .\n:hasFather a owl:ObjectProperty .", "base.ttl")
    main = bench.turtle("<http://e/m> a owl:Ontology ; owl:imports <http://e/base> . :anna :hasFather :bert .")
    from kedit.ontology import load_ontology

    ontology = load_ontology(main, imports=[f"http://e/base={bench.folder / 'base.ttl'}"])
    found = next(finding.place for finding in ontology.findings if finding.code == "KE021")
    assert str(found) == f"{bench.folder / 'base.ttl'}:9:1"  # its declaration, not its use in the file itself


def test_a_large_file_is_searched_quickly(bench: Any) -> None:
    rows = "".join(f':i{n} :knows :last , :i{n + 1} ; :says "a :last . :last a :P" .\n' for n in range(100_000))
    document = read_document(bench.turtle(rows + ":last a :P .\n"))
    started = time.process_time()
    found = Places([document]).find(E + "last")
    assert time.process_time() - started < 2
    assert found is not None
    assert found.line == 100_008
