"""The verbaliser: a golden table of names, the shape of what it makes, and what it refuses."""

from __future__ import annotations

import pytest

from kedit.ontology.terms import name_words, relation_words
from kedit.ontology.verbalise import verbalise

GOLDEN = {
    "hasFather": ("has + noun", "Who is the father of {subject}?"),
    "hasCapital": ("has + noun", "What is the capital of {subject}?"),
    "has_part": ("has + noun", "What is the part of {subject}?"),
    "hasISBNCode": ("has + noun", "What is the ISBN code of {subject}?"),
    "children": ("noun", "Who are the children of {subject}?"),
    "officialLanguages": ("noun", "What are the official languages of {subject}?"),
    "date_of_birth": ("noun", "What is the date of birth of {subject}?"),
    "species": ("noun", "What is the species of {subject}?"),
    "capitalOf": ("is + noun + of", "What is {subject} the capital of?"),
    "isFatherOf": ("is + noun + of", "Whom is {subject} the father of?"),
    "part of": ("is + noun + of", "What is {subject} part of?"),
    "married": ("participle + preposition", "Who is {subject} married to?"),
    "bornIn": ("participle + preposition", "Where was {subject} born?"),
    "isLocatedIn": ("participle + preposition", "Where is {subject} located?"),
    "employedBy": ("participle + preposition", "Who is {subject} employed by?"),
    "directedBy": ("participle + preposition", "Who was {subject} directed by?"),
    "borders": ("verb", "What does {subject} border?"),
    "carries": ("verb", "What does {subject} carry?"),
    "teaches": ("verb", "What does {subject} teach?"),
    "worksFor": ("verb", "What does {subject} work for?"),
    "livesIn": ("verb", "Where does {subject} live?"),
    "diedIn": ("verb", "Where did {subject} die?"),
}
REFUSED = {
    "warn": "bare verb",
    "knowing": "bare verb",
    "contain": "bare verb",
    "P131": "opaque",
    "RO_0002131": "opaque",
    "x": "opaque",
    "isActive": "says what something is",
    "visited": "participle",
    "hasLived": "verb form",
    "has relation with": "preposition",
    "causally upstream of": "no noun",
    "indirectly regulates": "no noun",
    "has potential to induce": "no noun",
    "fasciculates with": "does not know",
    "in reply": "preposition",
    "a very long name of some odd relation": "too long",
    "a/b": "signs",
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(name: str) -> None:
    made = verbalise(relation_words("http://e/" + name) if " " not in name else name)
    assert (made.rule, made.templates[0].text) == GOLDEN[name]


@pytest.mark.parametrize("name", GOLDEN)
def test_shape(name: str) -> None:
    made = verbalise(relation_words("http://e/" + name))
    roles = [template.role for template in made.templates]
    assert len(set(made.templates)) == len(made.templates) >= 6
    assert roles.count("heldout") >= 2
    assert roles.count("valid") >= 1
    assert {template.form for template in made.templates if template.role == "train"} == {"question", "cloze"}
    assert 0.5 <= made.confidence <= 0.9
    for template in made.templates:
        assert template.text.count("{subject}") == 1
        assert template.text.endswith("{object}") == (template.form == "cloze")
        assert "  " not in template.text


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str) -> None:
    made = verbalise(name if " " in name or "/" in name else relation_words("http://e/" + name))
    assert made.templates == ()
    assert REFUSED[name] in (made.refusal or "")


def test_phrase_is_given_where_the_name_is_a_noun() -> None:
    assert verbalise("has father").phrase == "father"
    assert verbalise("lives in").phrase is None


@pytest.mark.parametrize(
    ("local", "words"),
    [
        ("NewYork", "New York"), ("new_york", "new york"), ("F2M13", "F2M13"), ("iPhone", "iPhone"), ("HTMLPage", "HTML Page"),
        ("Saint-Denis", "Saint-Denis"), ("a%20b", "a b"), ("Q142", "Q142"), ("Part0", "Part 0"),
    ],
)  # fmt: skip
def test_local_names_as_words(local: str, words: str) -> None:
    assert name_words("http://example.org/x/" + local) == words
