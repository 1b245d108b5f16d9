"""Every kind of finding: raised by a small file, told as docs/findings.md shows it, with a place where there is one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from kedit.errors import Place
from kedit.ontology import load_ontology
from kedit.ontology.findings import GUESSED, IGNORED, KINDS, Findings, Term
from kedit.ontology.inspection import sentence

PAGE = Path(__file__).parents[2] / "docs" / "findings.md"
_ANNA = ':anna a :Person ; rdfs:label "Anna" . :bert a :Person ; rdfs:label "Bert" . :Person a owl:Class .\n'
_FATHER = ':hasFather a owl:ObjectProperty ; rdfs:label "has father" . :anna :hasFather :bert .\n'
_XML = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:bp="http://example.org/e#">
<bp:Protein rdf:ID="a+b"/></rdf:RDF>"""
CASES: dict[str, tuple[str, int | None]] = {
    "KE001": ("<http://example.org/e> a owl:Ontology ; owl:imports <http://example.org/base> .", 8),
    "KE002": (_FATHER + "<#carl> :hasFather :bert .", 9),
    "KE003": (":hasUncle a owl:ObjectProperty ; owl:propertyChainAxiom _:l . _:l rdf:first :hasFather .", 8),
    "KE004": (':hasFather kedit:questionTemplte "Who?" .', 8),
    "KE005": (_XML, None),
    "KE010": (":Person a owl:Class .", None),
    "KE011": (":hasFather a owl:ObjectProperty .", None),
    "KE012": (":hasFather a owl:ObjectProperty ; rdfs:label 'has father' .", 8),
    "KE013": (_ANNA + _FATHER + ":hasGrandfather a owl:ObjectProperty ;\n owl:propertyChainAxiom (:hasFather :hasFather) .", 10),
    "KE014": (":anna :hasFather :bert .", 8),
    "KE015": (_FATHER + ':anna :hasFather "Bert" .', 8),
    "KE016": (":age a owl:ObjectProperty , owl:DatatypeProperty .", 8),
    "KE020": (_FATHER + ':hasFather\n kedit:questionTemplate "Who is it?" .', 10),
    "KE021": (_ANNA + _FATHER, 9),
    "KE022": (_ANNA + ":warn a owl:ObjectProperty . :anna :warn :bert .", 9),
    "KE023": (_ANNA + _FATHER + ':hasFather kedit:questionTemplate "Who is the father of {subject}?" .', 9),
    "KE024": (
        _FATHER + ':isFatherOf owl:inverseOf :hasFather ; a owl:ObjectProperty ; kedit:questionTemplate "Whose is {subject}?" .'
        " :hasFather a owl:FunctionalProperty .", 9,
    ),
    "KE030": (_ANNA + _FATHER + ":hasFather a owl:FunctionalProperty . :anna :hasFather :carl .", 8),
    "KE031": (_FATHER + ":hasFather a owl:FunctionalProperty .\n:isFatherOf a owl:ObjectProperty ; owl:inverseOf :hasFather .",
              10),
    "KE032": (":Man rdfs:subClassOf :Person . :Person rdfs:subClassOf :Man .", 8),
    "KE033": (":Old a owl:Class ; owl:deprecated true .", 8),
    "KE034": (":hasFather a owl:ObjectProperty ; kedit:exclude true .", 8),
    "KE035": (_FATHER + ":hasFather owl:propertyChainAxiom (:hasFather :hasFather) .", 8),
    "KE036": (":hasTop a owl:ObjectProperty . :Pizza a owl:Class ; rdfs:subClassOf\n"
              " [ a owl:Restriction ; owl:onProperty :hasTop ; owl:someValuesFrom :Cheese ] .", 8),
    "KE037": (":Human a owl:Class .\n:Person a owl:Class ; owl:equivalentClass :Human .", 9),
    "KE038": (":hasTop a owl:ObjectProperty . :Pizza a owl:Class ; rdfs:subClassOf\n"
              " [ a owl:Restriction ; owl:onProperty :hasTop ; owl:someValuesFrom :Cheese ] .", 8),
    "KE039": (":Man a owl:Class ; owl:disjointWith :Woman . :Woman a owl:Class .\n:anna a :Man , :Woman .", 9),
    "KE040": (_FATHER, 8),
    "KE041": (_FATHER + ':anna rdfs:label "Anne"@fr .', 8),
    "KE042": (_ANNA + _FATHER + ':anna2 rdfs:label "Anna" ; :hasFather :carl .', 8),
    "KE043": (':anna :motto "yes"@en , "oui"@fr . :motto a owl:DatatypeProperty .', None),
    "KE044": (_ANNA + _FATHER + ":hasFather rdfs:domain :Dog . :Dog a owl:Class .", 8),
    "KE045": (':anna a :Person ; kedit:split "dev" .', 8),
    "KE046": (':Person a owl:Class ; kedit:slot "first" .', 8),
    "KE047": (_FATHER + ":hasFather rdfs:range [ owl:oneOf (:carl) ] .", 8),
    "KE048": (_FATHER + ':hasFather kedit:answerPolicy "all" .', 8),
    "KE049": (":Person a owl:Class .", 8),
    "KE050": (":hasFather a rdf:Property . :anna :hasFather :bert .", 8),
}  # fmt: skip
_ROW = re.compile(r"^\| (KE\d{3}) \| (\w+) \| (.*) \|$", re.MULTILINE)


@pytest.mark.parametrize("code", sorted(KINDS))
def test_every_kind_is_raised_placed_and_documented(bench: Any, code: str) -> None:
    text, line = CASES[code]
    file = bench.file(text) if text is _XML else bench.turtle(text)
    ontology = load_ontology(file, class_facts=code == "KE036")
    (finding,) = (finding for finding in ontology.findings if finding.code == code)
    assert finding.severity == KINDS[code].severity
    assert (finding.place.line if finding.place else None) == line
    assert finding.advice
    row = next(rest for found, _, rest in _ROW.findall(PAGE.read_text()) if found == code)
    assert f"`{sentence(finding)}`" in row


def test_the_page_and_the_code_agree() -> None:
    rows = _ROW.findall(PAGE.read_text())
    assert [code for code, _, _ in rows] == sorted(code for code, _, _ in rows)
    assert {code: severity for code, severity, _ in rows} == {code: kind.severity for code, kind in KINDS.items()}
    assert len(rows) == len(KINDS)


def test_guessed_and_ignored_are_kinds_and_differ() -> None:
    assert KINDS.keys() >= GUESSED | IGNORED
    assert not GUESSED & IGNORED


def test_cases_fold_whatever_their_order() -> None:
    def collect(iris: list[str]) -> Any:
        findings = Findings()
        findings.add_all("KE012", iris)
        return findings.collected(lambda iri: f"<{iri}>", lambda iri: Place("o.ttl", len(iri)))

    (finding,) = collect(["http://e/bb", "http://e/a", "http://e/c"])
    assert finding.message == "3 relations have no facts and are skipped"
    assert finding.example == "<http://e/a>"
    assert str(finding.place) == "o.ttl:10"
    assert collect(["http://e/c", "http://e/bb", "http://e/a"]) == (finding,)


def test_counts_add_up_and_repetitions_count_once() -> None:
    findings = Findings()
    findings.add_counted("KE015", 2, Term("http://e/q"))
    findings.add_counted("KE015", 3, Term("http://e/p"))
    for _ in range(2):
        findings.add("KE003", "owl:oneOf", once="_:b0")
    broken, values = findings.collected(str, lambda iri: None)
    assert (values.count, values.example, values.message[:8]) == (5, "http://e/p", "5 values")
    assert broken.count == 1
