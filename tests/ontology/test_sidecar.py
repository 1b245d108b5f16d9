"""The sidecar file: its keys win over the ontology's, its errors have places, and what is written out reads back."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kedit.errors import InputError
from kedit.ontology import Ontology, load_ontology, write_turtle
from kedit.ontology.checks import VOCABULARY
from kedit.ontology.sidecar import ClassNotes, IndividualNotes, RelationNotes, read_sidecar
from kedit.ontology.sidecar_writing import sidecar_yaml

ONTOLOGIES = sorted((Path(__file__).parents[2] / "ontologies").glob("*.ttl"))
HEAD = "schema: kedit.templates/1\n"
TEXT = """
:hasFather a owl:ObjectProperty , owl:FunctionalProperty ; owl:inverseOf :isFatherOf ; rdfs:range :Person .
:isFatherOf a owl:ObjectProperty . :warn a owl:ObjectProperty . :P131 a owl:ObjectProperty . :note a owl:AnnotationProperty .
:city a owl:DatatypeProperty ; rdfs:label "city" ; kedit:phrase "town" ;
    kedit:questionTemplate "Where is {subject}?"@en ;
    kedit:clozeTemplate "{subject} lives in {object}" , "{subject} is {objekt}" .
:Person a owl:Class ; rdfs:label "person" .
:anna a :Person ; rdfs:label "Anna"@en ; :hasFather :bert ; :city "Ulm" ; :note "x" .
:bert rdfs:label "Bert" ; :isFatherOf :carl ; :warn :carl , :anna ; :city "Bonn" .
:carl rdfs:label "Carl" ; :P131 :anna .
"""


def load(bench: Any, sidecar: str, text: str = TEXT, **options: Any) -> Ontology:
    return bench.load(text, templates=bench.file(HEAD + sidecar, "s.yaml"), **options)


def texts(ontology: Ontology, iri: str) -> list[str]:
    return [template.text for template in ontology.relations[iri].templates]


def wording(ontology: Ontology) -> dict[str, Any]:
    """What prompts are made of."""
    return {iri: (relation.templates, relation.phrase, relation.excluded) for iri, relation in ontology.relations.items()}


def test_a_key_takes_the_place_of_the_ontologys(bench: Any) -> None:
    ontology = load(bench, "relations:\n  :city:\n    clozeTemplate: '{subject} is at home in {object}'\n")
    assert texts(ontology, bench.E + "city") == ["{subject} is at home in {object}", "Where is {subject}?"]
    assert ontology.relations[bench.E + "city"].phrase == "town"  # a key that the file does not name
    assert "KE020" not in bench.codes(ontology)  # the malformed cloze is gone with the other
    assert "KE020" in bench.codes(bench.load(TEXT))


@pytest.mark.parametrize("nothing", ["", " []", " null"])
def test_an_empty_value_takes_away(bench: Any, nothing: str) -> None:
    ontology = load(bench, f"relations:\n  :city:\n    clozeTemplate:{nothing}\n    phrase:\n")
    assert texts(ontology, bench.E + "city") == ["Where is {subject}?"]
    assert ontology.relations[bench.E + "city"].phrase is None


def test_every_key_of_a_relation(bench: Any) -> None:
    ontology = load(
        bench,
        """prefixes: {ex: "http://example.org/e#"}
relations:
  ex:warn:
    questionTemplate: ["Whom does {subject} warn?"]
    heldOutTemplate: "{subject} warns {object}"
    phrase: ward
    slot: 7
    exclude: true
    answerPolicy: skip-ambiguous
  <http://example.org/e#hasFather>: {wh: which}
""",
    )
    warn, father = (ontology.relations[bench.E + name] for name in ("warn", "hasFather"))
    assert (warn.template_source, warn.phrase, warn.slot, warn.excluded, warn.answer_policy) == (
        *("written", "ward", 7, True),
        "skip-ambiguous",
    )
    assert [(template.form, template.role) for template in warn.templates] == [("question", "train"), ("cloze", "heldout")]
    assert father.templates[-1].text.startswith("Do you know which")
    assert ontology.prefixes == bench.load(TEXT).prefixes  # those of the sidecar are its own


def test_keys_of_individuals_and_classes(bench: Any) -> None:
    ontology = load(
        bench,
        """individuals:
  :anna: {answerText: Annie, alias: [Nan, Ann], acceptedAnswer: A., split: test}
  :carl: {exclude: true}
classes:
  :Person: {slot: 3}
""",
    )
    anna = ontology.individuals[bench.E + "anna"]
    assert (anna.label, anna.aliases, anna.split) == ("Annie", ("A.", "Ann", "Anna", "Nan"), "test")
    assert bench.E + "carl" not in ontology.individuals
    assert ontology.classes[bench.E + "Person"].slot == 3


def test_exclude_can_be_taken_back(bench: Any) -> None:
    text = TEXT + ":city kedit:exclude true ."
    assert bench.load(text).relations[bench.E + "city"].excluded
    assert not load(bench, "relations:\n  :city: {exclude: false}\n", text).relations[bench.E + "city"].excluded


def test_the_vocabulary_is_the_ontologys(bench: Any) -> None:
    keys = {info.alias for model in (RelationNotes, ClassNotes, IndividualNotes) for info in model.model_fields.values()}
    assert keys == set(VOCABULARY)


def test_terms_of_an_ontology_without_prefixes(bench: Any) -> None:
    path = bench.file("<http://x.org/a> <http://x.org/warn> <http://x.org/b> .", "o.nt")
    sidecar = bench.file(HEAD + "relations:\n  :warn: {questionTemplate: 'Whom does {subject} warn?'}\n", "s.yaml")
    ontology = load_ontology(path, templates=sidecar)
    assert texts(ontology, "http://x.org/warn") == ["Whom does {subject} warn?"]


def test_templates_against_the_direction_that_is_kept(bench: Any) -> None:
    ontology = load(bench, "relations:\n  :isFatherOf:\n    questionTemplate: Whose father is {subject}?\n")
    assert bench.example(ontology, "KE024") == ":isFatherOf 'is father of': 'Whose father is {subject}?'"
    assert ontology.relations[bench.E + "hasFather"].template_source == "generated"


def test_templates_choose_the_direction(bench: Any) -> None:
    text = ":ownerOf a owl:ObjectProperty ; owl:inverseOf :ownedBy . :a :ownerOf :b , :c . :d :ownerOf :e ."
    one, other = "ownerOf: {questionTemplate: 'What is {subject:poss}?'}", "ownedBy: {questionTemplate: 'Who owns {subject}?'}"
    assert bench.relations(load(bench, f"relations:\n  :{one}\n", text)) == {"ownerOf"}
    assert bench.relations(load(bench, f"relations:\n  :{other}\n", text)) == {"ownedBy"}


def test_class_names_stand_in(bench: Any) -> None:
    ontology = load(bench, "relations:\n  :hasFather:\n    questionTemplate: Which {range} is the father of {subject}?\n")
    assert texts(ontology, bench.E + "hasFather") == ["Which person is the father of {subject}?"]


def test_the_hash_knows_the_sidecar(bench: Any) -> None:
    plain = bench.load(TEXT)
    assert plain.sha256 == hashlib.sha256(Path(plain.source).read_bytes()).hexdigest()
    one, other = (load(bench, f"relations:\n  :warn: {{phrase: {word}}}\n").sha256 for word in ("one", "two"))
    assert len({plain.sha256, one, other}) == 3
    assert load(bench, "relations:\n  :warn: {phrase: one}\n").sha256 == one


def test_a_malformed_template_of_an_import_is_found_there(bench: Any) -> None:
    base = bench.turtle(':p kedit:clozeTemplate "{subject} is" .', "base.ttl")
    main = bench.turtle("<http://m> a owl:Ontology ; owl:imports <http://base> . :a :p :b .")
    (finding,) = (f for f in load_ontology(main, imports=[f"http://base={base}"]).findings if f.code == "KE020")
    assert finding.place is not None
    assert str(finding.place).endswith("base.ttl:8:25")


BAD = [
    ("relation: {}\n", 2, "unknown key 'relation'", "'relations'"),
    ("relations: [a]\n", 2, "should be a mapping", ""),
    ("relations:\n  :warn: text\n", 3, "should be a mapping", ""),
    ("relations:\n  :warn: {questionTemplte: a}\n", 3, "unknown key", "'questionTemplate'"),
    ("relations:\n  :warn:\n    alias: a\n", 4, "unknown key", "answerPolicy"),
    ("relations:\n  :warn:\n    questionTemplate: 5\n", 4, "a text or a list of texts", ""),
    ("relations:\n  :warn:\n    questionTemplate: [a, 5]\n", 4, "valid string (got 5)", ""),
    ("relations:\n  :warn:\n    questionTemplate: ['']\n", 4, "at least 1 character", ""),
    ("relations:\n  :warn:\n    slot: -1\n", 4, "greater than or equal to 0", ""),
    ("relations:\n  :warn:\n    slot: true\n", 4, "valid integer", ""),
    ("relations:\n  :warn:\n    exclude: 'yes'\n", 4, "valid boolean", ""),
    ("relations:\n  :warn:\n    answerPolicy: all\n", 4, "'any' or 'skip-ambiguous'", ""),
    ("relations:\n  :warn:\n    wh: whom\n", 4, "'who', 'what'", ""),
    ("individuals:\n  :anna:\n    split: dev\n", 4, "'train', 'valid' or 'test'", ""),
    ("prefixes: {ex: 5}\n", 2, "valid string", ""),
    ("relations:\n  :warn: {}\n  :warn: {}\n", 4, "duplicate key", ""),
    ("relations:\n  :warn: {}\n  <http://example.org/e#warn>: {}\n", 4, "stands here already", "one place"),
    ("relations:\n  :warm:\n    phrase: a\n", 3, "unknown relation ':warm'", "':warn'"),
    ("relations:\n  <http://example.org/e#warm>:\n", 3, "unknown relation", "':warn'"),
    ("relations:\n  ex:warn:\n", 3, "unknown prefix 'ex:'", "`prefixes:`"),
    ("relations:\n  warn:\n", 3, "no CURIE", "angle brackets"),
    ("relations:\n  :anna:\n", 3, "no relation", ""),
    ("relations:\n  :note: {phrase: a}\n", 3, "no relation", "annotation"),
    ("individuals:\n  :ana:\n", 3, "unknown individual", "':anna'"),
    ("individuals:\n  :warn:\n", 3, "no individual", "`relations:`"),
    ("classes:\n  :Persn:\n", 3, "unknown class", "':Person'"),
    ("classes:\n  :anna:\n", 3, "no class", "`individuals:`"),
    (
        "relations:\n  :warn:\n    questionTemplate:\n      - Who of {subject}?\n      - Who is it?\n",
        6,
        "{subject} must stand",
        "once",
    ),
    ("relations:\n  :warn:\n    questionTemplate: '{subject} {object}'\n", 4, "a question has no {object}", ""),
    ("relations:\n  :warn:\n    clozeTemplate:\n      - '{subject} is'\n", 5, "a cloze ends in {object}", ""),
    ("relations:\n  :warn:\n    heldOutTemplate: '{...} {subject}'\n", 4, "{...} is no placeholder", ""),
    ("relations:\n  :warn:\n    questionTemplate: Which {range} of {subject}?\n", 4, "no named class", "{range}"),
]


@pytest.mark.parametrize(("sidecar", "line", "said", "advised"), BAD, ids=[said for _, _, said, _ in BAD])
def test_errors_have_places(bench: Any, sidecar: str, line: int, said: str, advised: str) -> None:
    with pytest.raises(InputError) as caught:
        load(bench, sidecar)
    assert caught.value.place is not None
    assert Path(caught.value.place.file).name == "s.yaml"
    assert caught.value.place.line == line
    assert said in caught.value.message
    assert advised in (caught.value.advice or "")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "must hold a mapping"),
        ("- a\n", "must hold a mapping"),
        ("relations: {}\n", "'schema' is missing"),
        ("schema: kedit.templates/2\n", "unknown schema 'kedit.templates/2'"),
        ("schema: [\n", "is not YAML"),
    ],
)
def test_files_that_are_no_sidecar(bench: Any, content: str, said: str) -> None:
    with pytest.raises(InputError, match=r"s\.yaml") as caught:
        read_sidecar(bench.file(content, "s.yaml"))
    assert said in caught.value.message
    assert "is not YAML" in said or "schema: kedit.templates/1" in (caught.value.advice or "")


def round_trip(bench: Any, ontology: Ontology, **options: Any) -> Ontology:
    path = bench.file(sidecar_yaml(ontology, list(ontology.relations)), "written.yaml")
    return load_ontology(ontology.source, templates=path, **options)


@pytest.mark.parametrize("path", ONTOLOGIES, ids=lambda path: path.name)
def test_what_is_written_reads_back(bench: Any, path: Path) -> None:
    ontology = load_ontology(path)
    again = round_trip(bench, ontology)
    asked = {  # what was generated has become written, and is otherwise the same
        iri: dataclasses.replace(relation, template_source="written", rule=None, confidence=None)
        for iri, relation in ontology.relations.items()
    }
    same = {"sha256": "", "triples": 0, "uses": {}}
    assert dataclasses.replace(again, **same) == dataclasses.replace(ontology, relations=asked, **same)
    first, second = (sidecar_yaml(these, list(these.relations)).splitlines() for these in (ontology, again))
    assert [line for line in first if "#" not in line] == [line for line in second if "#" not in line]


def test_what_is_generated_reads_back_as_written(bench: Any) -> None:
    ontology = bench.load(TEXT)
    again = round_trip(bench, ontology)
    father = bench.E + "hasFather"
    assert wording(again) == wording(ontology)
    assert (ontology.relations[father].rule, ontology.relations[father].confidence) == ("has + noun", 0.9)
    assert (again.relations[father].template_source, again.relations[father].rule) == ("written", None)
    assert (ontology.relations[bench.E + "warn"].refusal, again.relations[bench.E + "warn"].template_source) == (
        "a bare verb",
        "missing",
    )


texts_of_any_kind = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="{}\0"), max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(texts_of_any_kind, texts_of_any_kind), min_size=1, max_size=4))
def test_any_text_reads_back(bench: Any, parts: list[tuple[str, str]]) -> None:
    from rdflib import Literal

    written = " , ".join(Literal(f"{before}{{subject}}{after}").n3() for before, after in parts)
    ontology = bench.load(f":p kedit:questionTemplate {written} . :a :p :b .")
    assert wording(round_trip(bench, ontology)) == wording(ontology)


def test_the_text_is_meant_to_be_read(bench: Any) -> None:
    text = sidecar_yaml(ontology := bench.load(TEXT), list(ontology.relations))
    assert '  # has father · 2 facts · made by the rule "has + noun", confidence 0.90\n' in text
    assert "  # For Anna, the father is -> Bert\n  :hasFather:\n    phrase: father\n" in text
    assert "  # city · 2 facts · written\n" in text
    assert "  # warn · 2 facts · refused: a bare verb\n  # Bert -> Anna, Carl\n  # write a question such as" in text
    assert "\n  # :warn:\n  #   questionTemplate:\n" in text
    assert "prefixes:\n  '': http://example.org/e#\n" in text


def test_a_stub_without_its_marks_is_an_entry(bench: Any) -> None:
    text = sidecar_yaml(ontology := bench.load(TEXT), [bench.E + "warn"])
    stub = [line.replace("# ", "", 1) for line in text.split("# :warn:")[1].splitlines()[1:]]
    entry = "\n".join(["relations:", "  :warn:", *stub])
    with pytest.raises(InputError, match="is no placeholder"):  # nobody has filled it in
        load(bench, entry)
    filled = entry.replace("{...} {subject} {...}?", "Whom does {subject} warn?").replace(
        "{...} {subject} {...}", "{subject} warns"
    )
    assert texts(load(bench, filled), bench.E + "warn") == ["{subject} warns {object}", "Whom does {subject} warn?"]
    assert ontology.relations[bench.E + "warn"].templates == ()


def test_what_a_sidecar_says_of_other_terms_is_kept(bench: Any) -> None:
    said = """prefixes: {ex: "http://example.org/e#"}
relations:
  ex:warn: {wh: who, exclude: true}
  ex:isFatherOf: {slot: 2}
  ex:city: {clozeTemplate: []}
individuals:
  ex:anna: {alias: [Nan], split: test}
"""
    before = load(bench, said)
    kept = read_sidecar(bench.file(HEAD + said, "s.yaml"))
    path = bench.file(sidecar_yaml(before, list(before.relations), kept), "written.yaml")
    after = load_ontology(before.source, templates=path)
    assert wording(after) == wording(before)
    assert after.individuals == before.individuals
    assert after.relations[bench.E + "hasFather"].slot == 2
    assert "\n  :warn:\n    exclude: true\n    wh: who\n" in path.read_text()


def test_a_copy_holds_the_annotations(bench: Any) -> None:
    sidecar = bench.file(
        HEAD + "relations:\n  :warn: {questionTemplate: 'Whom does {subject} warn?', slot: 4}\n  :city: {clozeTemplate: []}\n"
        "individuals:\n  :anna: {answerText: Annie}\n",
        "s.yaml",
    )
    source, copy = bench.turtle(TEXT), bench.folder / "copy.ttl"
    write_turtle(source, copy, templates=sidecar)
    one, other = load_ontology(source, templates=sidecar), load_ontology(copy)
    same = {"sha256": "", "source": "", "prefixes": {}, "findings": ()}
    assert dataclasses.replace(one, **same) == dataclasses.replace(other, **same)
    assert "kedit:slot 4" in copy.read_text()
    assert "{objekt}" not in copy.read_text()


def test_the_copy_of_a_file_without_prefixes_has_the_same_short_forms(bench: Any) -> None:
    source = bench.file(
        '<http://x.org/a> <http://x.org/warn> <http://x.org/b> .\n<http://y.org/a> <http://y.org/p> "1" .', "o.nt"
    )
    sidecar = bench.file(HEAD + "relations:\n  :warn: {questionTemplate: 'Whom does {subject} warn?'}\n", "s.yaml")
    copy = bench.folder / "copy.ttl"
    write_turtle(source, copy, templates=sidecar)
    assert load_ontology(copy).relations == load_ontology(source, templates=sidecar).relations


def test_a_long_list_is_searched_in_time(bench: Any) -> None:
    rows = "".join(f"<http://x.org/i{n:06}> <http://x.org/p> <http://x.org/j{n:06}> .\n" for n in range(30_000))
    path = bench.file(rows, "o.nt")
    sidecar = bench.file(HEAD + "individuals:\n  :i00o012: {split: test}\n  :j000001: {split: test}\n", "s.yaml")
    with pytest.raises(InputError, match="unknown individual") as caught:
        load_ontology(path, templates=sidecar)
    assert ":i0" in (caught.value.advice or "")


def test_the_example_of_the_page(bench: Any) -> None:
    page = (Path(__file__).parents[2] / "docs" / "templates.md").read_text(encoding="utf-8")
    text = """@prefix z: <http://example.org/zoo#> .
        z:Keeper a owl:Class . z:warn a owl:ObjectProperty . z:P131 a owl:ObjectProperty .
        z:leo a z:Lion ; z:warn z:tom ; z:P131 z:cage . z:tom a z:Keeper .
    """
    sidecar = bench.file(page.split("```yaml\n")[1].split("```")[0], "s.yaml")
    ontology = bench.load(text, templates=sidecar)
    zoo = "http://example.org/zoo#"
    assert ontology.individuals[zoo + "leo"].aliases == ("Leo the lion",)
    assert len(ontology.relations[zoo + "warn"].templates) == 4
    assert all(f"| `{key}` |" in page for key in VOCABULARY)
