"""What each construct of an ontology compiles to: thesauri, restrictions, enumerations, disjointness, deprecation, literals."""

from __future__ import annotations

import time
from typing import Any

import pytest

from kedit.curriculum.answers import matchers
from kedit.curriculum.prompts import build_prompts
from kedit.curriculum.slots import build_slots
from kedit.errors import InputError
from kedit.ontology import explain, require_alignable
from kedit.ontology.literals import said
from kedit.ontology.terms import SKOS, XSD

THESAURUS = """
:s a skos:ConceptScheme .
:animals a skos:Concept ; skos:prefLabel "animals"@en , "animaux"@fr ; skos:narrower :mammals .
:mammals a skos:Concept ; skos:prefLabel "mammals"@en ; skos:altLabel "mammalia"@en ; skos:related :zoology .
:dogs a skos:Concept ; skos:prefLabel "dogs"@en ; skos:broader :mammals .
:zoology a skos:Concept ; skos:prefLabel "zoology"@en .
"""


def test_a_thesaurus_asks_for_broader_and_related_concepts(bench: Any) -> None:
    ontology = bench.load(THESAURUS)
    e = bench.E
    assert ontology.facts[SKOS + "broader"] == {e + "dogs": (e + "mammals",), e + "mammals": (e + "animals",)}
    assert ontology.facts[SKOS + "related"] == {e + "mammals": (e + "zoology",), e + "zoology": (e + "mammals",)}
    assert ontology.relations[SKOS + "broader"].folded == (SKOS + "narrower",)
    assert ontology.texts(e + "mammals") == ("mammals", "mammalia")
    assert bench.load(THESAURUS, lang="fr").individuals[e + "animals"].label == "animaux"
    assert [node.iri for node in ontology.classes.values() if node.parents] == [e + "dogs", e + "mammals"]
    assert len(require_alignable(ontology)) == 2


def test_skos_notes_about_other_things_are_no_relations(bench: Any) -> None:
    assert not bench.load(":a a :Thing ; skos:broader :b .").relations


PIZZA = """
:hasTopping a owl:ObjectProperty . :hasSpice a owl:ObjectProperty . :kcal a owl:DatatypeProperty .
:Pizza a owl:Class . :Margherita a owl:Class ; rdfs:subClassOf :Pizza ,
  [ a owl:Restriction ; owl:onProperty :hasTopping ; owl:someValuesFrom :Tomato ] ,
  [ a owl:Restriction ; owl:onProperty :hasTopping ; owl:allValuesFrom [ owl:unionOf ( :Tomato :Cheese ) ] ] ;
  owl:equivalentClass [ owl:intersectionOf ( :Pizza
     [ a owl:Restriction ; owl:onProperty :hasTopping ; owl:someValuesFrom :Cheese ]
     [ a owl:Restriction ; owl:onProperty :kcal ; owl:hasValue 800 ] ) ] .
:Tomato a owl:Class . :Cheese a owl:Class .
"""


def test_restrictions_are_facts_about_classes_only_when_asked_for(bench: Any) -> None:
    plain = bench.load(PIZZA)
    assert not any(plain.facts.values())
    assert {"KE011", "KE038"} <= bench.codes(plain)
    ontology = bench.load(PIZZA, class_facts=True)
    assert bench.facts(ontology, "hasTopping") == {"Margherita": ("Cheese", "Tomato")}
    assert bench.facts(ontology, "kcal") == {"Margherita": ('"800',)}
    assert "KE036" in bench.codes(ontology)
    assert ontology.individuals[bench.E + "Margherita"].label == "Margherita"


def test_enumerations_close_the_answers(bench: Any) -> None:
    ontology = bench.load(
        ":hasSpice a owl:ObjectProperty ; rdfs:range :Spice . :Spice owl:equivalentClass [ owl:oneOf ( :hot :mild ) ] ."
        ' :size a owl:DatatypeProperty ; rdfs:range [ owl:oneOf ( "S" "M" ) ] . :a :hasSpice :hot ; :size "XL" .'
    )
    spice, size = (ontology.relations[bench.E + name] for name in ("hasSpice", "size"))
    assert spice.choices == (bench.E + "hot", bench.E + "mild")
    assert size.choices == ('"M', '"S')
    assert bench.example(ontology, "KE047") is not None
    matcher = matchers(ontology, [spice.iri])[spice.iri]
    assert matcher.parse("mild") == {bench.E + "mild"}


def test_members_of_disjoint_classes(bench: Any) -> None:
    text = ":Man a owl:Class ; owl:disjointWith :Woman . :Woman a owl:Class . :King rdfs:subClassOf :Man . :a a :Man , :Woman . "
    assert bench.example(bench.load(text), "KE039") == ":a 'a': :Man 'Man' and :Woman 'Woman'"
    every = "[] a owl:AllDisjointClasses ; owl:members ( :Man :Woman :Dog ) . :King rdfs:subClassOf :Man . :b a :King , :Dog ."
    assert bench.example(bench.load(every), "KE039") == ":b 'b': :Dog 'Dog' and :Man 'Man'"
    assert "KE039" not in bench.codes(bench.load(":Man owl:disjointWith :Woman . :a a :Man . :b a :Woman ."))


def test_a_deprecated_term_stands_for_its_replacement(bench: Any) -> None:
    ontology = bench.load(
        ":old a owl:ObjectProperty ; owl:deprecated true ; <http://purl.org/dc/terms/isReplacedBy> :new ; rdfs:label 'older' ."
        " :new a owl:ObjectProperty . :gone a owl:ObjectProperty ; owl:deprecated true . :a :new :b ; :old :c ."
    )
    for name in (":old", bench.E + "old", "older", f"<{bench.E}old>"):
        assert ontology.resolve(name) == bench.E + "new"
    with pytest.raises(InputError, match=r"relation ':gone' is deprecated"):
        ontology.resolve(":gone")
    assert bench.relations(ontology) == {"new"}


def test_the_answer_policy_leaves_subjects_out(bench: Any) -> None:
    text = ":hasChild a owl:ObjectProperty {} . :a :hasChild :x , :y . :b :hasChild :z ."
    asked = {}
    for name, policy in (("any", ""), ("skip", '; kedit:answerPolicy "skip-ambiguous"'), ("odd", '; kedit:answerPolicy "few"')):
        ontology = bench.load(text.replace("{}", policy))
        usable = require_alignable(ontology)
        prompts = build_prompts(ontology, build_slots(ontology, usable), usable)
        asked[name] = {str(prompt.subject).removeprefix(bench.E) for prompt in prompts.asked}
        assert ("KE048" in bench.codes(ontology)) == (name == "odd")
    assert asked == {"any": {"a", "b"}, "skip": {"b"}, "odd": {"a", "b"}}
    assert prompts.dropped.get("subjects: several answers", 0) == 0


@pytest.mark.parametrize(
    ("datatype", "lexical", "texts"),
    [
        ("date", "1912-06-23", ("23 June 1912", "June 23, 1912", "June 23 1912", "1912-06-23")),
        ("date", "1912-06-23Z", ("23 June 1912", "June 23, 1912", "June 23 1912", "1912-06-23", "1912-06-23Z")),
        ("date", "-0044-03-15", ("15 March 44 BC", "March 15, 44 BC", "March 15 44 BC", "-0044-03-15")),
        ("date", "1912-13-01", ("1912-13-01",)),
        (
            "dateTime",
            "1912-06-23T00:00:00Z",
            ("23 June 1912", "June 23, 1912", "June 23 1912", "1912-06-23", "1912-06-23T00:00:00Z"),
        ),
        ("dateTime", "1912-06-23T10:30:00", ("1912-06-23T10:30:00",)),
        ("gYear", "0087", ("87", "0087")),
        ("gYear", "1987", ("1987",)),
        ("gYearMonth", "1912-06", ("June 1912", "1912-06")),
        ("gMonthDay", "--06-23", ("23 June", "June 23", "--06-23")),
        ("integer", "007", ("007", "7")),
        ("integer", "1234567", ("1234567", "1,234,567")),
        ("decimal", "1.50", ("1.50", "1.5")),
        ("double", "1.0E3", ("1.0E3",)),
        ("boolean", "1", ("yes", "true", "1")),
        ("string", "1912-06-23", ("1912-06-23",)),
    ],
)
def test_literals_are_said_by_their_datatype(datatype: str, lexical: str, texts: tuple[str, ...]) -> None:
    assert said(lexical, XSD + datatype, "en") == texts
    assert lexical in said(lexical, XSD + datatype, "de")


def test_dates_are_answers_in_every_usual_form(bench: Any) -> None:
    ontology = bench.load(':born a owl:DatatypeProperty . :ada :born "1815-12-10"^^xsd:date .')
    (value,) = ontology.values(bench.E + "born", bench.E + "ada")
    assert value == '"1815-12-10^^xsd:date'
    matcher = matchers(ontology, [bench.E + "born"])[bench.E + "born"]
    for text in ("10 December 1815", "December 10, 1815.", "1815-12-10", "on 10"):
        assert (matcher.parse(text) == {value}) == (text != "on 10")


def test_domains_and_ranges_of_schema_org(bench: Any) -> None:
    ontology = bench.load(
        "@prefix schema: <https://schema.org/> . schema:isPartOf a rdf:Property . schema:domainIncludes a rdf:Property ;"
        " schema:domainIncludes schema:Property . :Person a rdfs:Class . :City a rdfs:Class . :a :born :b ."
        " :born a rdf:Property ; schema:domainIncludes :Person ; schema:rangeIncludes :City ; schema:isPartOf :core ."
    )
    relation = ontology.relations[bench.E + "born"]
    assert (relation.domain, relation.range) == ((bench.E + "Person",), (bench.E + "City",))
    assert [iri for iri, facts in ontology.facts.items() if facts] == [relation.iri]


def test_inverses_without_a_name(bench: Any) -> None:
    ontology = bench.load("""
        :hasChild a owl:ObjectProperty . :hasParent owl:equivalentProperty [ owl:inverseOf :hasChild ] .
        :hasFather a owl:ObjectProperty ; rdfs:subPropertyOf [ owl:inverseOf :hasChild ] .
        :bert :hasChild :anna . :carl :hasParent :dora . :anna :hasFather :bert . :emil :hasFather :dora .
    """)
    assert ontology.relations[bench.E + "hasChild"].inverse == (bench.E + "hasParent",)
    assert bench.facts(ontology, "hasChild") == {"bert": ("anna",), "dora": ("carl", "emil")}
    mirrored = bench.load(":p a owl:ObjectProperty ; rdfs:subPropertyOf [ owl:inverseOf :p ] . :a :p :b .")
    assert mirrored.relations[bench.E + "p"].symmetric
    twice = bench.load(
        "[ owl:inverseOf :p ] owl:equivalentProperty [ owl:inverseOf :q ] . :p a owl:ObjectProperty . :a :p :b ; :q :c ."
    )
    assert bench.facts(twice, "p") == {"a": ("b", "c")}


def test_literals_of_one_form_and_two_datatypes_are_two_values(bench: Any) -> None:
    ontology = bench.load("""
        :children a owl:DatatypeProperty . :retired a owl:DatatypeProperty . :born a owl:DatatypeProperty .
        :anna :children 1 ; :retired "1"^^xsd:boolean ; :born "1950"^^xsd:gYear . :bert :children 1950 ; :retired "1950-05-12" ;
            :born "1950-05-12"^^xsd:date .
    """)

    def texts(subject: str, relation: str) -> tuple[str, ...]:
        (value,) = ontology.values(bench.E + relation, bench.E + subject)
        return ontology.texts(value)

    assert texts("anna", "children") == ("1",)
    assert texts("anna", "retired") == ("yes", "true", "1")
    assert texts("anna", "born") == ("1950",)
    assert texts("bert", "children") == ("1950", "1,950")
    assert texts("bert", "retired") == ("1950-05-12",)
    assert texts("bert", "born")[0] == "12 May 1950"


def test_a_retired_individual_is_the_one_that_it_is_the_same_as(bench: Any) -> None:
    ontology = bench.load("""
        :hasFather a owl:ObjectProperty . :old owl:deprecated true ; owl:sameAs :anna ; rdfs:label "x" ; :note "y" .
        :anna :hasFather :bert . :carl :hasFather :old .
        :gone owl:deprecated true ; owl:sameAs :lost . :lost owl:deprecated true .
        :lost :hasFather :bert .
    """)
    assert bench.facts(ontology, "hasFather") == {"anna": ("bert",), "carl": ("anna",)}
    assert {iri.removeprefix(bench.E) for iri in ontology.individuals} == {"anna", "bert", "carl"}


def test_deprecated_members_are_no_choices(bench: Any) -> None:
    ontology = bench.load("""
        :hasColour a owl:ObjectProperty ; rdfs:range [ owl:oneOf (:red :green :old) ] . :old owl:deprecated true .
        :a :hasColour :red .
    """)
    assert ontology.relations[bench.E + "hasColour"].choices == (bench.E + "green", bench.E + "red")


def test_everything_is_a_resource(bench: Any) -> None:
    ontology = bench.load("""
        :hasFather a owl:ObjectProperty .
        :anna a rdfs:Resource , :Person ; owl:sameAs :anne ; :hasFather :bert ; :hasMother :cora .
        :anne a rdfs:Resource ; rdfs:label "Anne" .
    """)
    assert bench.facts(ontology, "hasMother") == {"anna": ("cora",)}
    assert ontology.individuals[bench.E + "anna"].label == "Anne"


def test_merged_terms_keep_their_names(bench: Any) -> None:
    ontology = bench.load("""
        :spouse a owl:ObjectProperty ; owl:equivalentProperty :partner . :anna :spouse :bert . :anne owl:sameAs :anna .
        :anna rdfs:label "A" .
    """)
    for name in (":partner", "partner", bench.E + "partner"):
        assert ontology.resolve(name) == bench.E + "spouse"
    for name in (":anne", "anne", f"<{bench.E}anne>"):
        assert ontology.resolve(name, "individual") == bench.E + "anna"


def test_replacements_of_replacements(bench: Any) -> None:
    ontology = bench.load("""
        @prefix dct: <http://purl.org/dc/terms/> . :hasFather a owl:ObjectProperty ; owl:inverseOf :fathers . :a :hasFather :b .
        :hasFather a owl:FunctionalProperty . :hasDad owl:deprecated true ; dct:isReplacedBy :hasPapa .
        :hasPapa owl:deprecated true ; dct:isReplacedBy :hasFather . :begets owl:deprecated true ; dct:isReplacedBy :fathers .
        :one owl:deprecated true ; dct:isReplacedBy :other . :other owl:deprecated true ; dct:isReplacedBy :one .
    """)
    assert ontology.resolve(":hasDad") == bench.E + "hasFather"
    with pytest.raises(InputError, match="asks the opposite of :hasFather"):
        ontology.resolve(":begets")
    with pytest.raises(InputError, match="is deprecated"):
        ontology.resolve(":one")


def test_an_equal_property_lends_its_name_and_its_annotations(bench: Any) -> None:
    ontology = bench.load("""
        :P22 owl:equivalentProperty :father . :father rdfs:label "father" ; kedit:phrase "dad" ; kedit:wh "who" .
        :anna :P22 :bert . :bert :P22 :carl . :carl :father :dan .
    """)
    (relation,) = ontology.relations.values()
    assert (relation.iri, relation.label, relation.phrase) == (bench.E + "P22", "father", "dad")
    assert "Who is the dad of {subject}?" in [template.text for template in relation.templates]


def test_to_exclude_an_inverse_excludes_one_direction(bench: Any) -> None:
    ontology = bench.load("""
        :hasFather a owl:ObjectProperty , owl:FunctionalProperty ; owl:inverseOf :isFatherOf . :isFatherOf kedit:exclude true .
        :anna :hasFather :bert .
    """)
    assert not ontology.relations[bench.E + "hasFather"].excluded
    assert ontology.excluded == (bench.E + "isFatherOf",)


def test_a_relation_with_held_out_templates_alone_is_told_of(bench: Any) -> None:
    ontology = bench.load(':hasX a owl:ObjectProperty ; kedit:heldOutTemplate "Whose {subject}?" . :a :hasX :b .')
    assert bench.example(ontology, "KE022") == ":hasX 'has x': none of those that are written may be trained on"


def test_a_symmetric_relation_is_functional_either_way(bench: Any) -> None:
    ontology = bench.load("""
        :marriedTo a owl:SymmetricProperty , owl:InverseFunctionalProperty . :a :marriedTo :b , :c .
    """)
    assert ontology.relations[bench.E + "marriedTo"].functional
    assert "KE030" in bench.codes(ontology)


def test_many_disjoint_classes_cost_little(bench: Any) -> None:
    classes = " ".join(f":C{number}" for number in range(2000))
    typed = " ".join(f":i{number} a :C{number} , :C{number + 7} ." for number in range(500))
    started = time.process_time()
    ontology = bench.load(f"[] a owl:AllDisjointClasses ; owl:members ({classes}) . {typed} :i1 :hasX :i2 .")
    assert time.process_time() - started < 3
    (finding,) = (finding for finding in ontology.findings if finding.code == "KE039")
    assert (finding.count, finding.example) == (500, ":i0 'i0': :C0 'C0' and :C7 'C7'")


def test_the_best_language_is_that_of_all_names_of_a_subject(bench: Any) -> None:
    ontology = bench.load("""
        :motto a owl:DatatypeProperty ; owl:equivalentProperty :wahlspruch . :b owl:sameAs :c .
        :a :motto "freedom"@en ; :wahlspruch "Freiheit"@de . :b :motto "peace"@en . :c :motto "Frieden"@de .
    """)
    assert bench.facts(ontology, "motto") == {"a": ('"freedom',), "b": ('"peace',)}
    assert next(finding.count for finding in ontology.findings if finding.code == "KE043") == 2


def test_what_holds_of_a_class_is_not_turned_round(bench: Any) -> None:
    text = """
        :isCapitalOf a owl:ObjectProperty , owl:FunctionalProperty . :hasCapital owl:inverseOf :isCapitalOf .
        :pairsWith a owl:ObjectProperty , owl:SymmetricProperty . :hasBase a owl:ObjectProperty .
        :Country a owl:Class ; rdfs:subClassOf [ owl:onProperty :hasCapital ; owl:someValuesFrom :City ] .
        :Pizza a owl:Class ; rdfs:subClassOf [ owl:onProperty :pairsWith ; owl:someValuesFrom :Wine ] ,
            [ owl:onProperty :hasBase ; owl:someValuesFrom :Base ] . :City a owl:Class . :Wine a owl:Class . :Base a owl:Class .
        :hasOdd a owl:AnnotationProperty . :Pizza rdfs:subClassOf [ owl:onProperty :hasOdd ; owl:someValuesFrom :Base ] .
    """
    plain, ontology = bench.load(text), bench.load(text, class_facts=True, provenance=True)
    assert bench.facts(ontology, "isCapitalOf") == {}  # that every country has a city as capital says nothing of cities
    assert bench.facts(ontology, "pairsWith") == {"Pizza": ("Wine",)}
    assert ontology.unused["restrictions that read the other way"] == 1
    assert ontology.triples == plain.triples == sum(ontology.uses.values())
    assert next(finding.count for finding in ontology.findings if finding.code == "KE036") == 2
    (answer,) = explain(ontology, ":Pizza", ":hasBase").answers
    assert answer.because[0].how == "restriction on :Pizza"


def test_an_open_range_beside_an_enumeration_leaves_the_answers_open(bench: Any) -> None:
    ontology = bench.load("""
        @prefix schema: <https://schema.org/> . :hasKind a owl:ObjectProperty ; schema:rangeIncludes :Basic , :Other .
        :Basic owl:oneOf (:red) . :Other a owl:Class . :a :hasKind :blue .
    """)
    assert ontology.relations[bench.E + "hasKind"].choices == ()
    assert "KE047" not in bench.codes(ontology)
