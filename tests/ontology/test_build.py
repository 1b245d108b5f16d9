"""One test per construct: what of RDF and OWL becomes what."""

from __future__ import annotations

from typing import Any

import pytest

from kedit.errors import InputError
from kedit.ontology import load_ontology


def test_kinds_of_properties(bench: Any) -> None:
    ontology = bench.load("""
        :o a owl:ObjectProperty . :d a owl:DatatypeProperty . :g a rdf:Property . :h a rdf:Property .
        :note a owl:AnnotationProperty .
        :a :o :b ; :d "x" ; :g :b ; :h "y" ; :undeclared :b ; :note "n" ; rdfs:comment "c" ; rdfs:label "A" .
    """)
    assert {iri.removeprefix(bench.E): node.kind for iri, node in ontology.relations.items()} == {
        "o": "object", "d": "data", "g": "object", "h": "data", "undeclared": "object",
    }  # fmt: skip
    assert bench.example(ontology, "KE014") == ":undeclared 'undeclared'"
    assert ontology.unused["annotations"] == 2


def test_what_is_no_fact(bench: Any) -> None:
    ontology = bench.load("""
        :o a owl:ObjectProperty . :d a owl:DatatypeProperty .
        :a :o [ ] , "text" , :b . _:x :o :b . :a :d "x" , :b , "" .
        [] a owl:Axiom ; owl:annotatedSource :a .
    """)
    assert bench.facts(ontology, "o") == {"a": ("b",)}
    assert bench.facts(ontology, "d") == {"a": ('"x',)}
    assert ontology.unused["blank nodes as values"] == 1
    assert ontology.unused["facts about blank nodes"] == 1
    assert ontology.unused["values of the wrong kind"] == 2
    assert ontology.unused["statements about statements"] == 1
    assert {"KE015"} <= bench.codes(ontology)


def test_object_and_datatype_property_at_once(bench: Any) -> None:
    ontology = bench.load(':p a owl:ObjectProperty , owl:DatatypeProperty . :a :p "x" , "y" . :b :p :a .')
    assert ontology.relations[bench.E + "p"].kind == "data"
    assert "KE016" in bench.codes(ontology)


INVERSE = """
:hasFather a owl:ObjectProperty {f} . :isFatherOf a owl:ObjectProperty ; owl:inverseOf :hasFather {g} .
:anna :hasFather :bert . :bert :isFatherOf :carl , :anna .
"""


@pytest.mark.parametrize(
    ("f", "g", "canonical"),
    [
        ("", "", "hasFather"),  # fewer answers each
        (", owl:FunctionalProperty", "", "hasFather"),
        ("", ' ; kedit:questionTemplate "Whose father is {subject}?"', "isFatherOf"),
        (", owl:FunctionalProperty", ' ; kedit:questionTemplate "Whose father is {subject}?"', "hasFather"),
        ("", " ; a owl:FunctionalProperty", "isFatherOf"),
    ],
)
def test_inverses_fold(bench: Any, f: str, g: str, canonical: str) -> None:
    ontology = bench.load(INVERSE.replace("{f}", f).replace("{g}", g))
    (relation,) = ontology.relations.values()
    assert relation.iri == bench.E + canonical
    other = {"hasFather": "isFatherOf", "isFatherOf": "hasFather"}[canonical]
    assert relation.folded == (bench.E + other,)
    expected = {"anna": ("bert",), "carl": ("bert",)} if canonical == "hasFather" else {"bert": ("anna", "carl")}
    assert bench.facts(ontology, canonical) == expected
    for name in (bench.E + other, f"<{bench.E}{other}>", f":{other}", other):
        with pytest.raises(InputError, match=f"asks the opposite of :{canonical}, which stands for both"):
            ontology.resolve(name)
    assert bench.example(ontology, "KE031").startswith(f":{other} '")
    assert f" into :{canonical} '" in bench.example(ontology, "KE031")
    assert ("KE024" in bench.codes(ontology)) == (canonical == "hasFather" and "Template" in g)


def test_inverse_of_a_functional_property_by_inverse_functional(bench: Any) -> None:
    ontology = bench.load("""
        :a owl:inverseOf :b . :b a owl:InverseFunctionalProperty . :x :b :y , :z .
    """)
    (relation,) = ontology.relations.values()
    assert relation.iri == bench.E + "a"
    assert relation.functional


def test_domain_and_range_turn_with_the_fold(bench: Any) -> None:
    ontology = bench.load(
        INVERSE.replace("{f}", "").replace("{g}", " ; rdfs:domain :Man ; rdfs:range [ owl:unionOf ( :Girl :Boy ) ]")
        + ":Man a owl:Class . :Girl a owl:Class . :Boy a owl:Class ."
    )
    relation = ontology.relations[bench.E + "hasFather"]
    assert relation.range == (bench.E + "Man",)
    assert relation.domain == (bench.E + "Boy", bench.E + "Girl")


def test_inverses_of_equivalents_are_one(bench: Any) -> None:
    ontology = bench.load("""
        :p owl:inverseOf :q . :q owl:equivalentProperty :r . :r owl:inverseOf :s . :p a owl:FunctionalProperty .
        :1 :p :2 . :3 :q :4 . :5 :r :6 . :7 :s :8 .
    """)
    assert bench.relations(ontology) == {"p"}
    assert bench.facts(ontology, "p") == {"1": ("2",), "4": ("3",), "6": ("5",), "7": ("8",)}


def test_functional_with_two_answers(bench: Any) -> None:
    ontology = bench.load(":p a owl:ObjectProperty , owl:FunctionalProperty . :a :p :b , :c . :d :p :e .")
    assert ontology.relations[bench.E + "p"].functional
    assert bench.example(ontology, "KE030") == ":p 'p' of :a 'a'"


@pytest.mark.parametrize(
    "how", [":p a owl:SymmetricProperty .", ":p owl:inverseOf :p .", ":p owl:inverseOf :q . :q owl:equivalentProperty :p ."]
)
def test_symmetric_goes_both_ways(bench: Any, how: str) -> None:
    ontology = bench.load(f":p a owl:ObjectProperty . {how} :a :p :b , :a . :c :p :a .")
    assert ontology.relations[bench.E + "p"].symmetric
    assert bench.facts(ontology, "p") == {"a": ("a", "b", "c"), "b": ("a",), "c": ("a",)}


def test_transitive_is_not_materialised(bench: Any) -> None:
    ontology = bench.load(":p a owl:TransitiveProperty . :a :p :b . :b :p :c .")
    assert ontology.relations[bench.E + "p"].transitive
    assert bench.facts(ontology, "p") == {"a": ("b",), "b": ("c",)}


def test_subproperties(bench: Any) -> None:
    ontology = bench.load("""
        :father rdfs:subPropertyOf :parent . :parent rdfs:subPropertyOf :relative . :mother rdfs:subPropertyOf :parent .
        :childOf owl:inverseOf :kid . :kid rdfs:subPropertyOf :relative . :father a owl:FunctionalProperty .
        :a :father :f ; :mother :m ; :parent :g . :b :father :f . :c :childOf :d . :c :relative :e .
        :parent a owl:ObjectProperty .
    """)
    parents = {
        iri.removeprefix(bench.E): [p.removeprefix(bench.E) for p in node.parents] for iri, node in ontology.relations.items()
    }
    assert parents["father"] == ["parent"]
    assert parents["parent"] == ["relative"]
    # A subject that is asked the wider question has the narrower answers too; others are left to the narrower relation.
    assert bench.facts(ontology, "parent") == {"a": ("f", "g", "m")}
    assert bench.facts(ontology, "father") == {"a": ("f",), "b": ("f",)}


def test_subproperty_of_an_inverse_is_no_parent(bench: Any) -> None:
    ontology = bench.load("""
        :hasFather a owl:FunctionalProperty ; owl:inverseOf :fatherOf . :fatherOf rdfs:subPropertyOf :parentOf .
        :hasParent owl:inverseOf :parentOf ; a owl:FunctionalProperty . :fatherOf rdfs:subPropertyOf :kin .
        :a :hasFather :b . :a :hasParent :b . :a :kin :b .
    """)
    assert ontology.relations[bench.E + "hasFather"].parents == (bench.E + "hasParent",)


def test_cycles_are_one(bench: Any) -> None:
    ontology = bench.load("""
        :p rdfs:subPropertyOf :q . :q rdfs:subPropertyOf :r . :r rdfs:subPropertyOf :p , :r . :a :p :b . :c :r :d .
        :A rdfs:subClassOf :B . :B rdfs:subClassOf :A , :C . :D rdfs:subClassOf :A , :D . :a a :B .
    """)
    assert len(ontology.relations) == 1
    (facts,) = ontology.facts.values()
    assert len(facts) == 2
    parents = {
        iri.removeprefix(bench.E): [p.removeprefix(bench.E) for p in node.parents] for iri, node in ontology.classes.items()
    }
    assert parents == {
        "A": ["C"], "C": [], "D": ["A"],
    }  # fmt: skip
    assert ontology.ancestors(bench.E + "D") == (bench.E + "A", bench.E + "C")
    assert ontology.individuals[bench.E + "a"].types == (bench.E + "A",)
    assert next(f for f in ontology.findings if f.code == "KE032").count == 2


def test_classes(bench: Any) -> None:
    ontology = bench.load("""
        :Person a owl:Class . :Man rdfs:subClassOf :Person , [ a owl:Restriction ] . :Human owl:equivalentClass :Person .
        :King owl:equivalentClass [ owl:intersectionOf ( :Man [ a owl:Restriction ] ) ] .
        :Pet owl:equivalentClass [ owl:unionOf ( :Cat :Dog ) ] . :Cat a owl:Class . :Dog a owl:Class .
        :c a skos:Concept ; skos:broader :d . :d a skos:Concept ; skos:narrower :e .
        :e a skos:Concept ; skos:prefLabel "eagle"@en .
        :tom a :Human , owl:NamedIndividual .
    """)
    parents = {
        iri.removeprefix(bench.E): [p.removeprefix(bench.E) for p in node.parents] for iri, node in ontology.classes.items()
    }
    assert parents == {
        "Person": [], "Man": ["Person"], "King": ["Man"],
        "Pet": [], "Cat": ["Pet"], "Dog": ["Pet"], "c": ["d"], "d": [], "e": ["d"],
    }  # fmt: skip
    assert ontology.classes[bench.E + "e"].label == "eagle"
    assert ontology.individuals[bench.E + "tom"].types == (bench.E + "Person",)
    assert ontology.unused["restrictions"] == 2


def test_same_individuals_are_one(bench: Any) -> None:
    ontology = bench.load("""
        :rome a :City ; rdfs:label "Rome"@en ; :in :italy . :x owl:sameAs :rome .
        :roma owl:sameAs :x ; rdfs:label "Roma" ; :in :lazio .
        :pope :livesIn :x .
    """)
    assert bench.facts(ontology, "in") == {"rome": ("italy", "lazio")}
    assert bench.facts(ontology, "livesIn") == {"pope": ("rome",)}
    rome = ontology.individuals[bench.E + "rome"]
    assert (rome.label, rome.aliases) == ("Rome", ("Roma",))
    assert bench.E + "x" not in ontology.individuals


def test_equivalent_properties_are_one(bench: Any) -> None:
    ontology = bench.load(
        ':p owl:equivalentProperty :q . :q kedit:clozeTemplate "{subject} has {object}" . :a :p :b . :a :q :c .'
    )
    assert bench.relations(ontology) == {"q"}
    assert ontology.relations[bench.E + "q"].folded == (bench.E + "p",)
    assert bench.facts(ontology, "q") == {"a": ("b", "c")}


def test_chains_are_data(bench: Any) -> None:
    ontology = bench.load("""
        :father a owl:FunctionalProperty ; owl:inverseOf :fatherOf .
        :grandfather owl:propertyChainAxiom ( :father :father ) , ( [ owl:inverseOf :kid ] :father ) , ( :fatherOf :missing ) .
        :uncle owl:propertyChainAxiom ( :father [ owl:inverseOf :father ] ) .
        :anc owl:propertyChainAxiom ( :anc :father ) . :bad owl:propertyChainAxiom _:l . _:l rdf:first :father ; rdf:rest _:l .
        :a :father :b . :b :father :c . :b :kid :a . :grandfather a owl:ObjectProperty . :anc a owl:ObjectProperty .
        :bad a owl:ObjectProperty . :uncle a owl:ObjectProperty .
    """)
    E = bench.E
    assert ontology.relations[E + "grandfather"].chains == (("^" + E + "kid", E + "father"), (E + "father", E + "father"))
    assert ontology.relations[E + "uncle"].chains == ((E + "father", "^" + E + "father"),)
    assert ontology.facts[E + "grandfather"] == {}
    assert bench.example(ontology, "KE013") == ":anc 'anc'"
    assert bench.example(ontology, "KE035") == ":anc 'anc'"
    assert bench.example(ontology, "KE003") == "owl:propertyChainAxiom of :bad 'bad'"


def test_chain_of_a_folded_relation_turns(bench: Any) -> None:
    ontology = bench.load("""
        :grandfather a owl:FunctionalProperty ; owl:inverseOf :grandfatherOf .
        :father a owl:FunctionalProperty ; owl:inverseOf :fatherOf .
        :grandfatherOf owl:propertyChainAxiom ( :fatherOf :parentOf ) . :a :father :b ; :grandfather :c . :b :parentOf :a .
    """)
    E = bench.E
    assert ontology.relations[E + "grandfather"].chains == (("^" + E + "parentOf", E + "father"),)


def test_deprecated_and_excluded(bench: Any) -> None:
    ontology = bench.load("""
        :old a owl:ObjectProperty ; owl:deprecated true . :older a owl:ObjectProperty , owl:DeprecatedProperty .
        :hidden a owl:ObjectProperty ; kedit:exclude true . :p a owl:ObjectProperty . :gone owl:deprecated "true"^^xsd:boolean .
        :kept owl:deprecated false .
        :a :old :b ; :older :b ; :hidden :b ; :p :b , :gone . :gone :p :a . :kept :p :a .
    """)
    assert bench.relations(ontology) == {"p", "hidden"}
    assert [relation.label for relation in ontology.relations.values() if relation.excluded] == ["hidden"]
    assert bench.facts(ontology, "p") == {"a": ("b",), "kept": ("a",)}
    counts = {finding.code: finding.count for finding in ontology.findings}
    assert (counts["KE033"], counts["KE034"]) == (3, 1)


def test_individuals_need_no_declaration(bench: Any) -> None:
    ontology = bench.load(":City a owl:Class . :a a :City . :b :p :c . :d a owl:NamedIndividual . :p a owl:ObjectProperty .")
    assert {iri.removeprefix(bench.E) for iri in ontology.individuals} == {"a", "b", "c"}


def test_punned_terms_keep_their_facts(bench: Any) -> None:
    ontology = bench.load(":p a owl:ObjectProperty . :Cat a owl:Class . :Cat :p :b . :Cat :undeclared :b .")
    assert bench.facts(ontology, "p") == {"Cat": ("b",)}
    assert bench.relations(ontology) == {"p"}


def test_splits(bench: Any) -> None:
    ontology = bench.load(':a :p :b ; kedit:split "test" . :b kedit:split "tset" .')
    assert ontology.individuals[bench.E + "a"].split == "test"
    assert ontology.individuals[bench.E + "b"].split is None
    assert "KE045" in bench.codes(ontology)


def test_values_in_the_best_language(bench: Any) -> None:
    text = ':motto a owl:DatatypeProperty . :a :motto "Liberty"@en , "Freiheit"@de , "X" . :b :motto "Tierra"@es , "Pax"@la .'
    ontology = bench.load(text)
    assert bench.facts(ontology, "motto") == {"a": ('"Liberty', '"X'), "b": ('"Tierra',)}
    assert ontology.unused["values in other languages"] == 2
    assert bench.facts(bench.load(text, lang="de"), "motto")["a"] == ('"Freiheit', '"X')


def test_ambiguous_questions_and_odd_types(bench: Any) -> None:
    ontology = bench.load("""
        :in a owl:ObjectProperty ; rdfs:domain :City ; rdfs:range :Country . :City a owl:Class .
        :Country a owl:Class . :Town rdfs:subClassOf :City .
        :p1 a :Town ; rdfs:label "Paris" ; :in :fr . :p2 a :City ; rdfs:label "Paris" ; :in :us . :fr a :Country . :us a :City .
        :x a :Country ; :in :fr . :untyped :in :fr .
    """)
    assert bench.example(ontology, "KE042") == ":in 'in' of :p1 'Paris' or :p2 'Paris'"
    (odd,) = (finding for finding in ontology.findings if finding.code == "KE044")
    assert odd.count == 2


def test_unknown_terms_of_our_vocabulary(bench: Any) -> None:
    ontology = bench.load(':p kedit:questionTemplte "Who?" . :a :p :b .')
    assert bench.example(ontology, "KE004") == "kedit:questionTemplte (did you mean kedit:questionTemplate?)"


@pytest.mark.parametrize("space", ["https://w3id.org/kedit#", "http://w3id.org/kedit/ns#", "https://w3id.org/kedit/"])
def test_a_namespace_much_like_ours_is_named(bench: Any, space: str) -> None:
    ontology = bench.load(f':hasFather a owl:ObjectProperty ; <{space}questionTemplate> "Who?" . :a :hasFather :b .')
    expected = f"<{space}questionTemplate> (did you mean <https://w3id.org/kedit/ns#questionTemplate>?)"
    assert bench.example(ontology, "KE004") == expected
    assert "KE004" not in bench.codes(bench.load(':hasFather kedit:clozeTemplate "{subject} {object}" . <http://e/slot> :p 1 .'))


def test_iri_and_prefixes(bench: Any) -> None:
    ontology = bench.load("<http://example.org/e> a owl:Ontology . :a :p :b .")
    assert ontology.iri == "http://example.org/e"
    assert ontology.relations[bench.E + "p"].curie == ":p"
    assert ontology.curie(bench.E + "p") == ":p"
    bare = load_ontology(bench.file("<http://x.org/a> <http://x.org/p> <http://x.org/b> .", "o.nt"))
    assert [node.curie for node in bare.relations.values()] == [":p"]
    assert bare.resolve(":p") == "http://x.org/p"


def test_million_triples_shape_on_a_small_scale(bench: Any) -> None:
    """What the fast paths do is what the slow ones do."""
    plain = ":o a owl:ObjectProperty . " + " ".join(f":s{n} :o :t{n % 7} ." for n in range(50))
    merged = plain + " :s1 owl:sameAs :s1b . "  # sameAs switches the fast path off
    assert bench.facts(bench.load(plain), "o") == bench.facts(bench.load(merged), "o")
