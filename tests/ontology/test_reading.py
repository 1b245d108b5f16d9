"""Every syntax gives the same ontology; every broken file gives its place, its line and advice."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kedit.errors import InputError
from kedit.ontology import Ontology, load_ontology

TEXT = """
<http://example.org/e> a owl:Ontology .
:Person a owl:Class ; rdfs:label "person"@en .
:hasFather a owl:ObjectProperty , owl:FunctionalProperty ; rdfs:domain :Person ; rdfs:range :Person .
:age a owl:DatatypeProperty .
:anna a :Person ; rdfs:label "Anna"@en , "Anne"@fr ; :hasFather :bert ; :age 007 .
:bert a :Person ; rdfs:label "Bert" .
"""
JSONLD = "https://json-ld.org/contexts/person.jsonld"


def same(one: Ontology, other: Ontology) -> bool:
    blank = {"source": "", "sha256": "", "syntax": "", "prefixes": {}}
    return replace(_plain(one), **blank) == replace(_plain(other), **blank)


def _plain(ontology: Ontology) -> Ontology:
    """Without short forms, which depend on the prefixes of a syntax."""
    relations = {iri: replace(node, curie="") for iri, node in ontology.relations.items()}
    classes = {iri: replace(node, curie="") for iri, node in ontology.classes.items()}
    individuals = {iri: replace(node, curie="") for iri, node in ontology.individuals.items()}
    return replace(ontology, relations=relations, classes=classes, individuals=individuals, findings=())


@pytest.mark.parametrize(
    ("name", "syntax"),
    [("NT", "N-Triples"), ("XML", "RDF/XML"), ("JSON_LD", "JSON-LD"), ("TRIG", "Turtle"), ("N_QUADS", "N-Triples")],
)
@pytest.mark.parametrize("packed", [False, True])
def test_all_syntaxes_read_the_same(bench: Any, name: str, syntax: str, packed: bool) -> None:
    from pyoxigraph import RdfFormat, parse, serialize

    source = bench.turtle(TEXT)
    formats = {"NT": RdfFormat.N_TRIPLES, "XML": RdfFormat.RDF_XML}
    quads = list(parse(path=str(source), format=RdfFormat.TURTLE))
    triples = [quad.triple for quad in quads] if name in formats else quads
    data = serialize(triples, format=formats.get(name) or getattr(RdfFormat, name))
    assert data
    # The extension says nothing: everything is called .owl in the wild.
    other = load_ontology(bench.file(gzip.compress(data) if packed else data, "o.owl.gz" if packed else "other.owl"))
    assert other.syntax == syntax
    assert same(load_ontology(source), other)


def test_named_graphs_are_read(bench: Any) -> None:
    inner = bench.turtle("GRAPH :g { :a :knows :b . } :h { :a :knows :c . }", "o.trig")
    ontology = load_ontology(inner)
    assert ontology.syntax == "TriG"
    assert bench.facts(ontology, "knows") == {"a": ("b", "c")}
    quads = bench.file("<http://example.org/e#a> <http://example.org/e#knows> <http://example.org/e#b> <http://g> .\n", "q.txt")
    assert load_ontology(quads).syntax == "N-Quads"
    assert bench.facts(load_ontology(quads), "knows") == {"a": ("b",)}


def test_errors_in_trig_are_called_so(bench: Any) -> None:
    with pytest.raises(InputError, match="not valid TriG") as caught:
        load_ontology(bench.file("@prefix : <http://e/> .\n:g {\n :a :b :c .\n :d :e }\n", "o.trig"))
    assert caught.value.place is not None
    assert caught.value.place.line == 4


def test_texts_around_a_comment_are_one(bench: Any) -> None:
    body = (
        '<rdf:Description rdf:about="http://example.org/e#a"><e:says>one <!-- \n -->two <![CDATA[<3]]></e:says></rdf:Description>'
    )
    assert bench.facts(load_ontology(bench.file(XML.format(doctype="", body=body))), "says") == {"a": ('"one two <3',)}


@pytest.mark.parametrize("more", ["", "<e:says>one <!-- cut --> two</e:says>"])
def test_ids_that_are_no_names_are_read_as_references(bench: Any, more: str) -> None:
    body = (
        f'<e:P rdf:ID="1+a"><e:knows rdf:resource="#b"/>{more}</e:P> <e:P rdf:ID="b"/>'
        ' <e:P rdf:ID="twice"><e:knows rdf:resource="#b"/></e:P> <e:P rdf:ID="twice"><e:knows rdf:resource="#1+a"/></e:P>'
    )
    ontology = load_ontology(bench.file(XML.format(doctype="", body=body)))
    (finding,) = (finding for finding in ontology.findings if finding.code == "KE005")
    assert (finding.count, finding.example) == (2, "'1+a'")
    base = "https://w3id.org/kedit/local/o.ttl#"
    assert bench.facts(ontology, "knows") == {f"{base}1+a": (f"{base}b",), f"{base}twice": (f"{base}1+a", f"{base}b")}


def test_lexical_forms_stay(bench: Any) -> None:
    ontology = bench.load(':year a owl:DatatypeProperty . :a :year "0087"^^xsd:gYear , 1.50 , "  two\\n words " .')
    assert bench.facts(ontology, "year") == {"a": ('"0087^^xsd:gYear', '"1.50^^xsd:decimal', '"two words')}


def test_relative_iris_do_not_depend_on_the_machine(bench: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    text = "<#a> <#knows> <#b> ."
    one = load_ontology(bench.file(text))
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "o.ttl"
    elsewhere.write_text(text)
    assert "KE002" in bench.codes(one)
    assert list(load_ontology(elsewhere).facts) == list(one.facts) == ["https://w3id.org/kedit/local/o.ttl#knows"]


def test_utf16_bom_and_declared_latin1(bench: Any) -> None:
    text = '@prefix : <http://example.org/e#> .\n:a :name2 "Zoë" .\n'
    wanted = {"a": ('"Zoë',)}
    for data in (text.encode("utf-16"), b"\xef\xbb\xbf" + text.encode()):
        assert bench.facts(load_ontology(bench.file(data)), "name2") == wanted
    xml = XML.format(
        doctype="", body='<rdf:Description rdf:about="http://example.org/e#a"><e:name2>Zoë</e:name2></rdf:Description>'
    )
    data = xml.replace("<?xml version='1.0'?>", "<?xml version='1.0' encoding='ISO-8859-1'?>").encode("latin-1")
    assert bench.facts(load_ontology(bench.file(data)), "name2") == wanted


XML = """<?xml version='1.0'?>
{doctype}<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="http://example.org/e#">
{body}
</rdf:RDF>
"""
NESTED = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9))


def broken(
    content: str | bytes, said: str, line: int | None = None, column: int | None = None, text: str = "", advice: str = ""
) -> Any:
    return pytest.param(content, said, line, column, text, advice, id=said)


BAD = [
    broken("", "is empty", advice="Turtle"),
    broken("   \n\n", "is empty"),
    broken("# only a comment\n", "holds no triples"),
    broken("@prefix : <http://e/> .\n:a :b\n  :c d .\n", "is not valid Turtle: d is not a valid", 3, 6, ":c d ."),
    broken("@prefix : <http://e/> .\n:a :b x:c .\n", "prefix x: has not been declared", 2, 7, ":a :b x:c .", "@prefix"),
    broken('@prefix : <http://e/> .\n:a :b "open .\n:c :d :e .\n', "Unexpected end", 2, 7, advice="never closed"),
    broken("@prefix : <http://e/> .\n:a :b :c\n:d :e :f .\n", "dot is expected", 3, 1, ":d :e :f ."),
    broken("@prefix : <http://e/> .\n:a :b <x y> .\n", "Invalid IRI", 2, 7, advice="%20"),
    broken("@prefix : <http://e/> .\n:a :b 'é\xe9' .\n".encode("latin-1"), "is not UTF-8 text", 2, 8, advice="as UTF-8"),
    broken("Dear reader, this is a letter.\n", "not RDF in any syntax", 1, text="Dear reader", advice="Turtle"),
    broken("name,capital\nFrance,Paris\n", "not RDF in any syntax", 1),
    broken("\x89PNG\r\n\x00\x00", "is a binary file"),
    broken(b"PK\x03\x04rest", "is a binary file"),
    broken(gzip.compress(b"<a> <b> <c> .")[:-9], "is a broken gzip file"),
    broken("<html><head></head><body xmlns=''></body></html>", "an HTML page", 1),
    broken("<?xml version='1.0'?>\n<note><to>you</to></note>", "XML without RDF", 1),
    broken(XML.format(doctype="", body="<e:a>\n</e:b>"), "not well-formed XML: mismatched tag", 4, 3, "</e:b>"),
    broken(XML.format(doctype="", body="<f:a/>"), "not well-formed XML: unbound prefix", 3, 1, "<f:a/>", "Declare the prefix"),
    broken(XML.format(doctype="", body='<rdf:Description rdf:about="a b"/>'), "not valid RDF/XML", 3),
    broken(XML.format(doctype="", body="<e:a>&who;</e:a>"), "undefined entity", 3),
    broken(XML.format(doctype='<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n', body="<e:a><e:p>&x;</e:p></e:a>"),
           "entity &x; is external", 4),
    broken(XML.format(doctype='<!DOCTYPE r [<!ENTITY x "&y;"><!ENTITY y "&x;">]>\n', body="<e:a><e:p>&x;</e:p></e:a>"),
           "contains itself", 2),
    broken(XML.format(doctype=f'<!DOCTYPE r [<!ENTITY e0 "0123456789">{NESTED}]>\n', body="<e:a><e:p>&e9;</e:p></e:a>"),
           "expands beyond"),
    broken(
        XML.format(
            doctype="<!DOCTYPE r [" + '<!ENTITY e0 "x">' + "".join(f'<!ENTITY e{n + 1} "&e{n};">' for n in range(2000)) + "]>\n",
            body="<e:a><e:p>&e2000;</e:p></e:a>",
        ),
        "nested more than",
    ),
    broken('{"@context": {"@vocab": "http://e/"},\n "@id": "http://e/a", "p": "x",}', "not valid JSON-LD", 2),
    broken(f'{{\n "@context": "{JSONLD}",\n "name": "x"}}', "remote JSON-LD context", 2, 14, JSONLD, "Write the context"),
    broken('{"name": "x"}', "JSON without linked data", 1),
    broken("<http://e/a> <http://e/b> <http://e/c> .\n<http://e/a> <http://e/b> .\n", "not valid", 2),
]  # fmt: skip


@pytest.mark.parametrize(("content", "said", "line", "column", "text", "advice"), BAD)
def test_bad_files(
    bench: Any, content: str | bytes, said: str, line: int | None, column: int | None, text: str, advice: str
) -> None:
    path = bench.file(content, "bad.owl")
    with pytest.raises(InputError) as caught:
        load_ontology(path)
    error = caught.value
    assert error.exit_code == 2
    assert said in error.message
    assert error.place is not None
    assert str(error.place.file) == str(path)
    if line:
        assert error.place.line == line
        assert error.place.text
    if column:
        assert error.place.column == column
    assert text in (error.place.text or "")
    assert error.advice
    assert advice in error.advice


def test_missing_file_and_directory(bench: Any) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_ontology(bench.folder / "nothing.ttl")
    bench.turtle(TEXT)
    with pytest.raises(InputError, match="is a directory") as caught:
        load_ontology(bench.folder)
    assert "o.ttl" in str(caught.value)


def test_internal_entities_are_normal(bench: Any) -> None:
    doctype = '<!DOCTYPE rdf:RDF [\n  <!ENTITY e "http://example.org/e#" >\n  <!ENTITY ab "&e;a" >\n]>\n'
    body = (
        "<!-- &nothing; --><rdf:Description rdf:about='&ab;'><e:knows rdf:resource=\"&e;b\"/>"
        "<e:says><![CDATA[&e;]]> &amp; &quot;&e;&quot;</e:says></rdf:Description>"
    )
    path = bench.file(XML.format(doctype=doctype, body=body), "o.rdf")
    ontology = load_ontology(path)
    assert bench.facts(ontology, "knows") == {"a": ("b",)}
    assert bench.facts(ontology, "says") == {"a": ('"&e; & "http://example.org/e#"',)}
    # Lines keep their numbers after the DOCTYPE is gone.
    with pytest.raises(InputError) as caught:
        load_ontology(bench.file(XML.format(doctype=doctype, body="<e:a>\n</e:b>"), "bad.rdf"))
    assert caught.value.place is not None
    assert caught.value.place.line == 8


def test_a_large_file_may_use_entities_a_lot(bench: Any) -> None:
    doctype = '<!DOCTYPE rdf:RDF [<!ENTITY e "http://example.org/e#">]>\n'
    rows = "\n".join(
        f'<rdf:Description rdf:about="&e;s{n}"><e:knows rdf:resource="&e;o{n}"/></rdf:Description>' for n in range(26_000)
    )
    assert 52_000 * len("http://example.org/e#") > 1 << 20
    assert len(load_ontology(bench.file(XML.format(doctype=doctype, body=rows))).facts[bench.E + "knows"]) == 26_000


def test_nothing_is_ever_fetched(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(*_: object) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    load_ontology(bench.turtle("<http://e> a owl:Ontology ; owl:imports <http://example.org/other> . :a :knows :b ."))
    with pytest.raises(InputError):
        load_ontology(bench.file(json.dumps({"@context": JSONLD, "name": "x"})))


def test_the_hash_is_that_of_the_file(bench: Any) -> None:
    import hashlib

    path: Path = bench.turtle(TEXT)
    assert load_ontology(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
