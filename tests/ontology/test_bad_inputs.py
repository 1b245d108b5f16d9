"""Bad inputs by the commands that meet them: each has its code and exit code, one message with place and advice, in no time."""

from __future__ import annotations

import gzip
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kedit.cli.main import run
from kedit.ontology.findings import KINDS

P = (
    "@prefix : <http://e.org/#> . @prefix owl: <http://www.w3.org/2002/07/owl#> .\n"
    "@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . @prefix kedit: <https://w3id.org/kedit/ns#> .\n"
)
"""Two lines."""
GOOD = P + ":hasFather a owl:ObjectProperty . :anna rdfs:label 'Anna' ; :hasFather :bert . :bert rdfs:label 'Bert' .\n"
RDF = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="http://e.org/#">'
ENTITIES = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9))
DEEP = "".join(f'<!ENTITY e{n + 1} "&e{n};">' for n in range(200))
OFN = "Prefix(:=<http://e.org/#>)\nOntology(<http://e.org/>\n"
CATALOG = '<catalog xmlns="urn:oasis:names:tc:entity:xmlns:xml:catalog">'
SLOTS = {"schema": "kedit.slots/1", "slots": []}
LOCK = {"index": 0, "iri": "http://e.org/#gone", "curie": ":gone", "label": "gone", "kind": "relation"}

INSPECT, SLOTS_OF, PROMPTS = ("inspect", "o.ttl"), ("slots", "o.ttl"), ("prompts", "o.ttl")


def row(
    name: str,
    content: str | bytes | None,
    code: str,
    said: str,
    line: int | None = None,
    command: tuple[str, ...] = INSPECT,
    **others: str | bytes,
) -> Any:
    """`content` is that of o.ttl; `others` are further files, with `_` for the dot of their names."""
    files = {"o.ttl": content, **{key.replace("_", "."): value for key, value in others.items()}}
    return pytest.param(files, command, code, said, line, id=name)


ERRORS = [
    row("missing", None, "KE101", "no such file"),
    row("directory", "", "KE102", "is a directory", command=("inspect", ".")),
    row("a folder of files", GOOD, "KE102", "is a directory", command=("validate", ".")),
    row("empty", "", "KE104", "is empty"),
    row("blank", " \n\t\n", "KE104", "is empty"),
    row("byte order mark alone", b"\xef\xbb\xbf", "KE104", "is empty"),
    row("comments only", "# nothing\n", "KE113", "holds no triples"),
    row("gzip cut off", gzip.compress(GOOD.encode())[:-9], "KE105", "broken gzip"),
    row("gzip of nonsense", b"\x1f\x8bnonsense", "KE105", "broken gzip"),
    row("gzip of nothing", gzip.compress(b""), "KE104", "is empty"),
    row("gzip of a letter", gzip.compress(b"Dear reader, hello.\n"), "KE109", "not an ontology", 1),
    row("picture", b"\x89PNG\r\n\x1a\n\0\0", "KE107", "binary file"),
    row("zip", b"PK\x03\x04\x14\x00", "KE107", "binary file"),
    row("pdf", b"%PDF-1.7\n%\xe2\xe3", "KE107", "binary file"),
    row("NUL bytes", b":a :b :c .\0\0", "KE107", "binary file"),
    row("latin-1", (P + ":zoë :name :x .").encode("latin-1"), "KE108", "not UTF-8", 3),
    row("windows-1252", (P + ":a rdfs:label 'caf\xe9' .").encode("cp1252"), "KE108", "not UTF-8", 3),
    row("utf-16 without a mark", GOOD.encode("utf-16-le"), "KE107", "binary file"),
    row(
        "wrong declared encoding", b"<?xml version='1.0' encoding='klingon'?><a/>", "KE108", "declares the encoding 'klingon'", 1
    ),
    row("letter", "Dear reader,\nthis is a letter.\n", "KE109", "not an ontology", 1),
    row("csv", "name,capital\nFrance,Paris\n", "KE109", "not an ontology", 1),
    row("tsv", "ID [IRI]\tLABEL\nx\ty\n", "KE109", "not an ontology", 1),
    row("tsv of curies", None, "KE109", "not an ontology", 1, ("inspect", "o.tsv"), o_tsv="GO:0005634\t5.5\n"),
    row("html", "<!DOCTYPE html>\n<html><body xmlns=''>404</body></html>", "KE110", "not an ontology: an HTML page", 1),
    row(
        "xml of another kind", "<?xml version='1.0'?>\n<note><to>you</to></note>", "KE111", "not an ontology: XML without RDF", 1
    ),
    row("svg", "<svg xmlns='http://www.w3.org/2000/svg'></svg>", "KE111", "not an ontology", 1),
    row("plain json", '{"name": "x"}', "KE112", "not an ontology: JSON without linked data", 1),
    row("obo graph", '{\n "graphs" : [ { "id" : "x", "nodes" : [ ] } ]\n}', "KE112", "not an ontology", 1),
    row("json list", '[{"a": 1}, {"a": 2}]', "KE112", "not an ontology", 1),
    row("xml cut off", RDF + "\n<e:a>", "KE120", "not well-formed XML: no element found", 2),
    row("mismatched tags", RDF + "\n<e:a></e:b></rdf:RDF>", "KE120", "mismatched tag", 2),
    row("unbound xml prefix", RDF + "\n<f:a/></rdf:RDF>", "KE120", "unbound prefix", 2),
    row("two attributes alike", RDF + '\n<e:a e:p="1" e:p="2"/></rdf:RDF>', "KE120", "duplicate attribute", 2),
    row("bare ampersand", RDF + "\n<e:a><e:p>a & b</e:p></e:a></rdf:RDF>", "KE120", "not well-formed", 2),
    row("undeclared entity", f"<!DOCTYPE r []>\n{RDF}<e:a><e:p>&who;</e:p></e:a></rdf:RDF>", "KE121", "&who; is not declared", 2),
    row(
        "undeclared entity in an attribute",
        f"<!DOCTYPE r []>\n{RDF}\n<e:a rdf:about='&who;x'/></rdf:RDF>",
        "KE121",
        "not declared",
        3,
    ),
    row(
        "external entity",
        f"<!DOCTYPE r [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>\n{RDF}\n<e:a><e:p>&x;</e:p></e:a></rdf:RDF>",
        "KE122",
        "external",
        3,
    ),
    row(
        "entity of the network",
        f"<!DOCTYPE r [<!ENTITY x SYSTEM 'http://e.org/x'>]>\n{RDF}\n<e:a><e:p>&x;</e:p></e:a></rdf:RDF>",
        "KE122",
        "never reads",
        3,
    ),
    row(
        "entity in itself",
        f"<!DOCTYPE r [<!ENTITY x '&y;'><!ENTITY y '&x;'>]>\n{RDF}<e:a><e:p>&x;</e:p></e:a></rdf:RDF>",
        "KE123",
        "contains itself",
        1,
    ),
    row(
        "a billion laughs",
        f"<!DOCTYPE r [<!ENTITY e0 'ha ha ha!!'>{ENTITIES}]>\n{RDF}<e:a><e:p>&e9;</e:p></e:a></rdf:RDF>",
        "KE123",
        "expands beyond",
        1,
    ),
    row(
        "many laughs",
        f"<!DOCTYPE r [<!ENTITY e '{'x' * 50_000}'>]>\n{RDF}<e:a><e:p>{'&e;' * 200}</e:p></e:a></rdf:RDF>",
        "KE123",
        "expand beyond",
    ),
    row(
        "deep entities",
        f"<!DOCTYPE r [<!ENTITY e0 'x'>{DEEP}]>\n{RDF}<e:a><e:p>&e200;</e:p></e:a></rdf:RDF>",
        "KE123",
        "nested more than",
    ),
    row("iri with a space in rdf:about", RDF + '\n<e:a rdf:about="a b"/></rdf:RDF>', "KE124", "not valid RDF/XML", 2),
    row("text between elements", RDF + "\n<e:a>text<e:p/></e:a></rdf:RDF>", "KE124", "not valid RDF/XML", 2),
    row("undeclared prefix", "\n:a x:b :c .\n", "KE130", "prefix : has not been declared", 2),
    row("undeclared prefix further down", P + ":a :b x:c .\n", "KE130", "prefix x: has not been declared", 3),
    row("unterminated string", P + ":a :b 'open .\n:c :d :e .\n", "KE131", "", 3),
    row("unterminated long string", P + ':a :b """open .\n:c :d :e .\n', "KE131", "Unexpected end", 3),
    row("unclosed bracket", P + ":a :b [ :c :d .\n", "KE131", "", 3),
    row("missing full stop", P + ":a :b :c\n:d :e :f .\n", "KE132", "dot is expected", 4),
    row("missing last full stop", P + ":a :b :c", "KE131", "Unexpected end", 3),
    row("iri with a space", P + ":a :b <http://e.org/x y> .\n", "KE133", "Invalid IRI", 3),
    row("iri with a brace", P + ":a :b <http://e.org/{x}> .\n", "KE133", "Invalid IRI", 3),
    row("bad escape", P + ":a :b '\\q' .\n", "KE135", "escape", 3),
    row("literal as subject", P + "'a' :b :c .\n", "KE136", "not a valid subject", 3),
    row("blank node as predicate", P + ":a _:b :c .\n", "KE136", "not a valid predicate", 3),
    row("word without quotes", P + ":a :b hello .\n", "KE136", "not a valid RDF object", 3),
    row("bad language tag", P + ":a :b 'x'@-en .\n", "KE137", "language code", 3),
    row(
        "n-triples cut off",
        "<http://e.org/a> <http://e.org/b> <http://e.org/c> .\n<http://e.org/a> <http://e.org/b> .\n",
        "KE136",
        "",
        2,
    ),
    row("trig brace", P + ":g { :a :b :c .\n :d :e }\n", "KE136", "not a valid predicate", 3),
    row(
        "json-ld with a comma too many",
        '{"@context": {"@vocab": "http://e.org/"},\n "@id": "http://e.org/a", "p": "x",}',
        "KE140",
        "",
        2,
    ),
    row("json-ld cut off", '{"@context": {"@vocab": "http://e.org/"},\n "@id": ', "KE140", ""),
    row("remote context", '{\n "@context": "https://e.org/c.jsonld", "name": "x"}', "KE141", "remote JSON-LD context", 2),
    row(
        "remote context in a list",
        '{"@context": [ "https://e.org/c.jsonld"],\n "@id": "http://e.org/a"}',
        "KE141",
        "never fetches",
        1,
    ),
    row("functional syntax", OFN + "Declaration(Klass(:x))\n)", "KE146", "not valid OWL functional syntax", 3),
    row(
        "manchester syntax", "Prefix: : <http://e.org/#>\nOntology: <http://e.org/>\nKlass: :A\n", "KE146", "not valid Manchester"
    ),
    row(
        "owl/xml",
        '<?xml version="1.0"?>\n<Ontology xmlns="http://www.w3.org/2002/07/owl#"><Foo></Ontology>',
        "KE146",
        "not valid OWL/XML",
    ),
    row("obo", "format-version: 1.2\n\n[Term]\nname animal\n", "KE146", "not valid OBO"),
    row("catalog missing", GOOD, "KE150", "catalog cannot be read", command=("inspect", "o.ttl", "--catalog", "c.xml")),
    row("catalog no xml", GOOD, "KE151", "not an XML catalog", command=("inspect", "o.ttl", "--catalog", "c.xml"), c_xml="x"),
    row("catalog of another kind", GOOD, "KE151", "", command=("inspect", "o.ttl", "--catalog", "c.xml"), c_xml="<a/>"),
    row(
        "catalog with entities",
        GOOD,
        "KE151",
        "declares entities",
        command=("inspect", "o.ttl", "--catalog", "c.xml"),
        c_xml=f"<!DOCTYPE c [<!ENTITY a 'b'>]>{CATALOG}</catalog>",
    ),
    row("--import without a file", GOOD, "KE152", "IRI=FILE", command=("inspect", "o.ttl", "--import", "http://e.org/x")),
    row(
        "--import of nothing", GOOD, "KE153", "no such file", command=("inspect", "o.ttl", "--import", "http://e.org/x=none.ttl")
    ),
    row(
        "broken import",
        P + "<> a owl:Ontology ; owl:imports <b.ttl> .",
        "KE132",
        "dot is expected",
        2,
        b_ttl="<a:a> <a:b> <a:c>\n<a:d> <a:e> <a:f> .",
    ),
    row("unknown graph", GOOD, "KE154", "no graph", command=("inspect", "o.ttl", "--graph", "http://e.org/g")),
    row(
        "unknown graph of quads",
        "<http://e.org/a> <http://e.org/b> <http://e.org/c> <http://e.org/graph> .\n",
        "KE154",
        "no graph",
        command=("inspect", "o.ttl", "--graph", "http://e.org/grph"),
    ),
    row("no relation", P + ":a a :B .", "KE160", "no relation", command=("validate", "o.ttl")),
    row("no fact", P + ":p a owl:ObjectProperty .", "KE161", "no fact", command=SLOTS_OF),
    row("unknown --relations", GOOD, "KE162", "hasFathr", command=(*SLOTS_OF, "--relations", "hasFathr")),
    row("unknown --exclude", GOOD, "KE162", "--exclude", command=(*SLOTS_OF, "--exclude", "x")),
    row(
        "relation that cannot be used",
        P + ":warn a owl:ObjectProperty . :a :warn :b .",
        "KE163",
        "",
        command=(*SLOTS_OF, "--relations", "warn"),
    ),
    row("everything excluded", GOOD, "KE164", "excluded", command=(*SLOTS_OF, "--exclude", "hasFather")),
    row(
        "no usable name",
        P + ":P131 a owl:ObjectProperty . :a :P131 :b .",
        "KE164",
        "no usable relation",
        command=("validate", "o.ttl"),
    ),
    row("unknown subject", GOOD, "KE166", "unknown individual 'Ana'", command=("explain", "o.ttl", "Ana", "hasFather")),
    row("unknown relation", GOOD, "KE166", "unknown relation", command=("explain", "o.ttl", "Anna", "hasMother")),
    row(
        "deprecated relation",
        GOOD + ":x a owl:ObjectProperty ; owl:deprecated true .",
        "KE167",
        "deprecated",
        command=("explain", "o.ttl", "Anna", ":x"),
    ),
    row("templates missing", GOOD, "KE170", "cannot be read", command=("inspect", "o.ttl", "--templates", "t.yaml")),
    row("templates no yaml", GOOD, "KE170", "", 2, command=("inspect", "o.ttl", "--templates", "t.yaml"), t_yaml="a: [\nb: {"),
    row(
        "templates without a schema",
        GOOD,
        "KE170",
        "schema",
        command=("inspect", "o.ttl", "--templates", "t.yaml"),
        t_yaml="relations: {}",
    ),
    row(
        "unknown key of templates",
        GOOD,
        "KE170",
        "unknown key",
        4,
        command=("inspect", "o.ttl", "--templates", "t.yaml"),
        t_yaml="schema: kedit.templates/1\nrelations:\n  :hasFather:\n    questionTemplat: x\n",
    ),
    row(
        "malformed template in a file",
        GOOD,
        "KE171",
        "malformed template",
        4,
        command=("inspect", "o.ttl", "--templates", "t.yaml"),
        t_yaml="schema: kedit.templates/1\nrelations:\n  :hasFather:\n    questionTemplate: Who?\n",
    ),
    row(
        "unknown term of templates",
        GOOD,
        "KE172",
        "hasFathr",
        3,
        command=("inspect", "o.ttl", "--templates", "t.yaml"),
        t_yaml="schema: kedit.templates/1\nrelations:\n  :hasFathr:\n    phrase: father\n",
    ),
    row(
        "template trained on and held out",
        GOOD + ":hasFather kedit:questionTemplate 'Father of {subject}?' ; kedit:heldOutTemplate 'Father of {subject}?' .",
        "KE173",
        "held",
        command=PROMPTS,
    ),
    row("templates that exist", GOOD, "KE174", "exists already", command=("templates", "o.ttl", "-o", "t.yaml"), t_yaml="x"),
    row("lock missing", GOOD, "KE180", "cannot be read", command=(*SLOTS_OF, "--check", "s.json")),
    row("lock damaged", GOOD, "KE180", "damaged JSON", 1, command=(*SLOTS_OF, "--check", "s.json"), s_json='{"schema": '),
    row("lock of another kind", GOOD, "KE181", "schema", command=(*SLOTS_OF, "--check", "s.json"), s_json="{}"),
    row(
        "lock with a wrong slot",
        GOOD,
        "KE181",
        "",
        command=(*SLOTS_OF, "--check", "s.json"),
        s_json=json.dumps({**SLOTS, "slots": [{**LOCK, "index": 3}]}),
    ),
    row("slot that is too large", GOOD + ":hasFather kedit:slot 7 .", "KE183", "asks for slot 7", command=SLOTS_OF),
    row(
        "two terms for one slot",
        GOOD + ":hasFather kedit:slot 0 . :hasMother a owl:ObjectProperty ; kedit:slot 0 . :anna :hasMother :mia .",
        "KE183",
        "asks for slot 0",
        command=SLOTS_OF,
    ),
    row("unknown focus", GOOD, "KE166", "unknown", command=("draw", "o.ttl", "--what", "facts", "--focus", "Ana")),
    row("unknown picture", GOOD, "KE191", "", command=("draw", "o.ttl", "-o", "o.gif")),
    row("nothing to draw", P + ":a owl:sameAs :b .", "KE190", "to draw", command=("draw", "o.ttl", "--what", "classes")),
]

TEMPLATE = GOOD + ":hasFather kedit:questionTemplate "
FINDINGS = [
    row(
        "import that is not here",
        P + "<http://e.org/> a owl:Ontology ; owl:imports <http://e.org/x> . :a :hasFather :c .",
        "KE001",
        "not available",
    ),
    row("relative iris", "<#a> <#knows> <#b> .", "KE002", "relative IRI"),
    row(
        "cyclic list",
        P + ":hasFather rdfs:range [ owl:unionOf _:l ] . _:l <http://www.w3.org/1999/02/22-rdf-syntax-ns#first> :A ; "
        "<http://www.w3.org/1999/02/22-rdf-syntax-ns#rest> _:l . :a :hasFather :b .",
        "KE003",
        "list is broken",
    ),
    row("misspelt vocabulary", GOOD + ":hasFather kedit:questionTemplat 'x' .", "KE004", "did you mean kedit:questionTemplate"),
    row(
        "chain only", GOOD + ":g a owl:ObjectProperty ; owl:propertyChainAxiom ( :hasFather :hasFather ) .", "KE013", "chain only"
    ),
    row("blank-node and literal answers", GOOD + ":carl :hasFather [] , 'Bob' .", "KE015", "do not fit|does not fit"),
    row("both kinds of property", GOOD + ":hasFather a owl:DatatypeProperty .", "KE016", "both object and datatype"),
    row("template without a subject", TEMPLATE + "'Who?' .", "KE020", "malformed"),
    row("template with two subjects", TEMPLATE + "'Is {subject} {subject}?' .", "KE020", "exactly once"),
    row("unknown placeholder", TEMPLATE + "'Who is {subjet}?' .", "KE020", "no placeholder"),
    row("unclosed brace", TEMPLATE + "'Who is {subject?' .", "KE020", "brace"),
    row(
        "object in the middle",
        GOOD + ":hasFather kedit:clozeTemplate '{subject} has {object} as father' .",
        "KE020",
        "at the end",
    ),
    row("no class for {range}", TEMPLATE + "'Which {range} is {subject} of?' .", "KE020", "no named class"),
    row("a name that gives no question", GOOD + ":warn a owl:ObjectProperty . :anna :warn :bert .", "KE022", "no template"),
    row(
        "two answers of a functional relation",
        GOOD + ":hasFather a owl:FunctionalProperty . :anna :hasFather :carl .",
        "KE030",
        "several answers",
    ),
    row("cyclic classes", GOOD + ":A rdfs:subClassOf :B . :B rdfs:subClassOf :A .", "KE032", "cyclic"),
    row("cyclic relations", GOOD + ":p rdfs:subPropertyOf :q . :q rdfs:subPropertyOf :p .", "KE032", "cyclic"),
    row(
        "recursive chain",
        GOOD + ":hasFather owl:propertyChainAxiom ( :hasFather :hasFather ) .",
        "KE035",
        "is circular",
    ),
    row(
        "disjoint classes",
        GOOD + ":A owl:disjointWith :B . :A a owl:Class . :B a owl:Class . :anna a :A , :B .",
        "KE039",
        "disjoint",
    ),
    row("no label", P + ":hasFather a owl:ObjectProperty . :anna :hasFather :bert .", "KE040", "no label"),
    row("label in another language", GOOD + ":carl rdfs:label 'Karl'@de ; :hasFather :bert .", "KE041", "other languages"),
    row("one name, two answers", GOOD + ":ann rdfs:label 'Anna' ; :hasFather :carl .", "KE042", "ambiguous"),
    row(
        "outside of the range",
        GOOD + ":hasFather rdfs:range :Man . :Man a owl:Class . :Dog a owl:Class . :bert a :Dog .",
        "KE044",
        "outside",
    ),
    row("misspelt split", GOOD + ":anna kedit:split 'tests' .", "KE045", "not train, valid or test"),
    row("slot that is no number", GOOD + ":hasFather kedit:slot 'first' .", "KE046", ""),
    row("answer outside of an enumeration", GOOD + ":hasFather rdfs:range [ owl:oneOf ( :carl ) ] .", "KE047", "none of those"),
    row("misspelt policy", GOOD + ":hasFather kedit:answerPolicy 'some' .", "KE048", "neither any nor"),
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def state(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def put(here: Path, files: Mapping[str, str | bytes | None]) -> dict[str, bytes]:
    for name, content in files.items():
        if content is not None:
            (here / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return state(here)


@pytest.mark.parametrize(("files", "command", "code", "said", "line"), ERRORS)
def test_errors(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    files: Mapping[str, str | bytes | None],
    command: tuple[str, ...],
    code: str,
    said: str,
    line: int | None,
) -> None:
    if code == "KE146":
        pytest.importorskip("pyhornedowl")
    before = put(here, files)
    started = time.process_time()
    exit_code = run(["ontology", *command])
    assert time.process_time() - started < 2
    told = capsys.readouterr().err
    assert exit_code == 2
    assert told.startswith(f"error[{code}]: ")
    assert told.count("error[") == 1
    assert said in told
    assert "Traceback" not in told
    lines = told.strip().split("\n")
    assert len(lines) >= 2  # the last line is advice
    if line is not None:
        assert f":{line}" in lines[0]
    assert state(here) == before


@pytest.mark.parametrize(("files", "command", "code", "said", "line"), FINDINGS)
def test_findings(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    files: Mapping[str, str | bytes | None],
    command: tuple[str, ...],
    code: str,
    said: str,
    line: int | None,
) -> None:
    before = put(here, files)
    started = time.process_time()
    assert run(["ontology", "validate", "o.ttl", "--json", "--fail-on", KINDS[code].severity]) == 1
    assert time.process_time() - started < 2
    captured = capsys.readouterr()
    assert captured.err == ""
    found = [finding for finding in json.loads(captured.out)["findings"] if finding["code"] == code]
    assert len(found) == 1
    text = f"{found[0]['message']} {found[0]['example']}"
    assert any(part in text for part in said.split("|"))
    assert found[0]["advice"]
    assert state(here) == before


def test_without_the_optional_package(here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyhornedowl", None)
    put(here, {"o.ttl": OFN + ")"})
    assert run(["ontology", "inspect", "o.ttl"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error[KE145]: o.ttl:1: is written in OWL functional syntax")
    assert 'pip install "kedit[owl]"' in told


def test_what_is_there_is_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(here, {"LICENSE": "free", "family.ttl": GOOD})
    assert run(["ontology", "inspect", "famly.ttl"]) == 2
    assert "Did you mean family.ttl?" in capsys.readouterr().err
    assert run(["ontology", "inspect", "."]) == 2
    assert "for example family.ttl." in capsys.readouterr().err
    assert run(["ontology", "inspect", "nowhere/family.ttl"]) == 2
    assert "Check its path." in capsys.readouterr().err


@pytest.mark.parametrize("extension", ["owl", "rdf", "xml", "json", "txt", "csv", "nq", "obo", "ofn"])
def test_extensions_say_nothing(here: Path, capsys: pytest.CaptureFixture[str], extension: str) -> None:
    put(here, {f"o.{extension}": GOOD})
    assert run(["ontology", "validate", f"o.{extension}"]) == 0
    assert "Turtle" in capsys.readouterr().out


def test_the_table_is_large() -> None:
    assert len(ERRORS) + len(FINDINGS) > 120
    assert len({case.values[2] for case in (*ERRORS, *FINDINGS)}) >= 60
