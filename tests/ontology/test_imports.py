"""owl:imports resolve to local files only: by option, by catalog, beside the file."""

from __future__ import annotations

from typing import Any

import pytest

from kedit.errors import InputError
from kedit.ontology import load_ontology, write_turtle
from kedit.ontology.imports import parse_import, read_catalog

MAIN = "<http://example.org/main> a owl:Ontology ; owl:imports <http://example.org/base> . :a :knows :b ."
BASE = "<http://example.org/base> a owl:Ontology ; owl:imports <http://example.org/main> . :c :knows :d . _:x :knows :e ."
CATALOG = """<?xml version="1.0"?>
<catalog xmlns="urn:oasis:names:tc:entity:xmlns:xml:catalog" prefer="public">
  <group xml:base=""><uri name="http://example.org/base" uri="sub/base.ttl"/></group>
</catalog>"""


@pytest.mark.parametrize("way", ["option", "catalog", "beside"])
def test_ways_to_an_import(bench: Any, way: str) -> None:
    (bench.folder / "sub").mkdir()
    bench.turtle(BASE, "sub/base.ttl")
    main = bench.turtle(MAIN, "main.ttl")
    options: dict[str, Any] = {}
    if way == "option":
        options["imports"] = [f"http://example.org/base={bench.folder / 'sub' / 'base.ttl'}"]
    elif way == "catalog":
        options["catalog"] = bench.file(CATALOG, "other.xml")
    else:
        bench.file(CATALOG, "catalog-v001.xml")
    ontology = load_ontology(main, **options)
    assert ontology.imports == ("http://example.org/base",)
    assert ontology.iri == "http://example.org/main"
    assert bench.facts(ontology, "knows") == {"a": ("b",), "c": ("d",)}
    # The base imports the main file back: no warning but for what no file stands for.
    unresolved = [finding for finding in ontology.findings if finding.code == "KE001"]
    assert [finding.example for finding in unresolved] == ["http://example.org/main"]


def test_a_cycle_ends(bench: Any) -> None:
    main, base = bench.turtle(MAIN, "main.ttl"), bench.turtle(BASE, "base.ttl")
    options = [f"http://example.org/base={base}", f"http://example.org/main={main}"]
    ontology = load_ontology(main, imports=options)
    assert "KE001" not in bench.codes(ontology)
    assert ontology.triples == 7


def test_each_unresolved_import_is_one_warning(bench: Any) -> None:
    ontology = bench.load("<http://m> a owl:Ontology ; owl:imports <http://one> , <http://two> . :a :knows :b .")
    assert [(f.severity, f.example) for f in ontology.findings if f.code == "KE001"] == [
        ("warning", "http://one"),
        ("warning", "http://two"),
    ]


def test_a_relative_import_is_the_file_beside(bench: Any) -> None:
    bench.turtle(BASE, "base.ttl")
    ontology = load_ontology(bench.turtle("<> a owl:Ontology ; owl:imports <base.ttl> . :a :knows :b .", "main.ttl"))
    assert bench.facts(ontology, "knows") == {"a": ("b",), "c": ("d",)}


def test_blank_nodes_of_two_files_stay_apart(bench: Any) -> None:
    chain = """:{p} owl:propertyChainAxiom _:l . _:l rdf:first :{a} ; rdf:rest _:m . _:m rdf:first :{b} ; rdf:rest rdf:nil .
        :s :{p} :o ; :{a} :o ; :{b} :o ."""
    bench.turtle(chain.format(p="r", a="t", b="u"), "base.ttl")
    main = bench.turtle("<> a owl:Ontology ; owl:imports <base.ttl> . " + chain.format(p="p", a="q", b="q"), "main.ttl")
    ontology = load_ontology(main)
    assert ontology.relations[bench.E + "p"].chains == ((bench.E + "q", bench.E + "q"),)
    assert ontology.relations[bench.E + "r"].chains == ((bench.E + "t", bench.E + "u"),)


def test_a_broken_import_names_its_own_file(bench: Any) -> None:
    bench.file("@prefix : <http://e/> .\n:a :b", "base.ttl")
    main = bench.turtle("<> a owl:Ontology ; owl:imports <base.ttl> .", "main.ttl")
    with pytest.raises(InputError) as caught:
        load_ontology(main)
    assert caught.value.place is not None
    assert str(caught.value.place.file).endswith("base.ttl")
    assert caught.value.place.line == 2


def test_bad_options(bench: Any) -> None:
    with pytest.raises(InputError, match="IRI=FILE"):
        parse_import("http://example.org/base")
    with pytest.raises(InputError, match="no such file"):
        parse_import("http://example.org/base=nowhere.ttl")
    with pytest.raises(InputError, match="catalog cannot be read"):
        read_catalog(bench.folder / "none.xml")
    with pytest.raises(InputError, match="not an XML catalog") as caught:
        read_catalog(bench.file("<catalog>\n<uri>", "c.xml"))
    assert caught.value.place is not None
    assert caught.value.place.line == 2


def test_catalog_forms(bench: Any) -> None:
    bench.file('<catalog><uri name="http://n" uri="n.ttl"/><nextCatalog catalog="one.xml"/></catalog>', "two.xml")
    path = bench.file(
        '<catalog><rewriteURI uriStartString="http://r/" rewritePrefix="r"/><uri name="http://web" uri="http://elsewhere/x"/>'
        '<nextCatalog catalog="two.xml"/></catalog>',
        "one.xml",
    )
    catalog = read_catalog(path)
    assert catalog.find("http://n") == bench.folder / "n.ttl"
    assert catalog.find("http://r/deep/x.owl") == bench.folder / "r" / "deep" / "x.owl"
    assert catalog.find("http://web") is None


def test_the_kedit_vocabulary_comes_with_kedit(bench: Any) -> None:
    ontology = bench.load("<> a owl:Ontology ; owl:imports <https://w3id.org/kedit/ns> . :a :knows :b .")
    assert ontology.imports == ("https://w3id.org/kedit/ns",)
    assert "KE001" not in bench.codes(ontology)
    assert bench.relations(ontology) == {"knows"}


def test_a_rewritten_prefix_is_a_string(bench: Any) -> None:
    folder = bench.folder / "local"
    folder.mkdir()
    (folder / "onto-base.ttl").write_text("")
    rewrite = '<rewriteURI uriStartString="http://e/onto-" rewritePrefix="local/onto-"/>'
    catalog = read_catalog(
        bench.file(f'<catalog xmlns="urn:oasis:names:tc:entity:xmlns:xml:catalog">{rewrite}</catalog>', "c.xml")
    )
    assert catalog.find("http://e/onto-base.ttl") == folder / "onto-base.ttl"


def test_both_prefixes_of_a_namespace_name_its_terms(bench: Any) -> None:
    ontology = bench.load("@prefix fam: <http://example.org/e#> . :hasFather a owl:ObjectProperty . :a :hasFather :b .")
    assert ontology.resolve("fam:hasFather") == ontology.resolve(":hasFather") == bench.E + "hasFather"
    assert ontology.curie(bench.E + "hasFather") == ":hasFather"


def test_a_copy_goes_by_the_name_of_its_original(bench: Any) -> None:
    bench.turtle("<http://e/abase> a owl:Ontology . :hasFather a owl:ObjectProperty .", "base.ttl")
    main = bench.turtle("<http://e/zmain> a owl:Ontology ; owl:imports <http://e/base.owl> . :anna :hasFather :bert .")
    imports = [f"http://e/base.owl={bench.folder / 'base.ttl'}"]
    copy = bench.folder / "copy.ttl"
    write_turtle(main, copy, imports=imports)
    assert load_ontology(main, imports=imports).iri == load_ontology(copy).iri == "http://e/zmain"


def test_a_copy_of_a_file_with_prefixes_that_turtle_has_not(bench: Any) -> None:
    file = bench.file("""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:_1="http://e/" xmlns:a.="http://f/">
        <rdf:Description rdf:about="http://e/anna"><_1:hasFather rdf:resource="http://e/bert"/></rdf:Description></rdf:RDF>""")
    copy = bench.folder / "copy.ttl"
    write_turtle(file, copy)
    one, other = load_ontology(file), load_ontology(copy)
    assert one.facts == other.facts != {}
    assert [relation.curie for relation in one.relations.values()] == [relation.curie for relation in other.relations.values()]
