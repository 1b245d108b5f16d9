"""Templates by rule from a relation's name, with a confidence; silence where a name gives no good question.

Rule classes, most certain first: has + noun, noun, is + noun + of, participle + preposition, verb. Bare verbs ("warn"),
adjectives ("is active") and opaque ids ("P131") are refused: a wrong question is worse than a request to write one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kedit.ontology.lexicon import is_adverb, is_participle, is_plural, pairs, third_person
from kedit.ontology.lexicon import words as known
from kedit.ontology.model import Role, Template

LONGEST = 6
"""Names of more words than this are definitions, not names."""

_OPAQUE = re.compile(r"[A-Za-z]{0,12}[_:\- ]?\d{2,}[A-Za-z]?|[A-Za-z]\d+|[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Verbalisation:
    """What the rules make of a name; `templates` is empty and `refusal` says why where they make nothing."""

    templates: tuple[Template, ...] = ()
    phrase: str | None = None
    rule: str = "none"
    confidence: float = 0.0
    refusal: str | None = None


def verbalise(name: str, *, person: bool = False, place: bool = False, wh: str | None = None) -> Verbalisation:
    """Templates for a relation called `name` (words).

    `person` and `place` say that its answers are persons or places, `wh` is a question word that wins over both.
    At least eight templates: six to train on, one to validate, two held out, of different forms and word orders.
    """
    words = name.replace("_", " ").split()
    if not words or _OPAQUE.fullmatch(name.strip()):
        return Verbalisation(refusal="an opaque id")
    if len(words) > LONGEST:
        return Verbalisation(refusal="too long for a name")
    if not all(re.fullmatch(r"[^\W_][\w'’.&-]*", word) for word in words):
        return Verbalisation(refusal="holds signs that are no words")
    lower = [word if word.isupper() and len(word) > 1 else word.lower() for word in words]
    made = _of_verbal_name(lower, person, place, wh)
    return made if made is not None else _of_noun_name(lower, person, wh)


def _of_verbal_name(words: list[str], person: bool, place: bool, wh: str | None) -> Verbalisation | None:
    """Names that begin with a verb form; None if the name begins otherwise."""
    first, rest = words[0], words[1:]
    if first == "has" and rest:
        return _of_has(rest, person, wh)
    if first in ("is", "was", "are", "were"):
        return _of_is(first, rest, person, place, wh)
    if len(words) == 1 and first in pairs("whole"):
        return _participle("was" if first in known("events") else "is", pairs("whole")[first], 0.8, person, place, wh)
    if first in pairs("past verbs") and len(rest) == 1 and rest[0] in known("prepositions"):
        return _verb(" ".join(words), f"did {{subject}} {pairs('past verbs')[first]} {rest[0]}", 0.75, person, place, wh)
    if is_participle(first) and rest and rest[-1] in known("prepositions") and len(words) <= 3:
        return _participle("was" if first in known("events") else "is", " ".join(words), 0.85, person, place, wh)
    if is_participle(first) and not rest:
        return Verbalisation(refusal="a participle without a preposition")
    base = third_person(first)
    if base is not None and all(word in known("prepositions") for word in rest):
        return _verb(" ".join(words), f"does {{subject}} {' '.join((base, *rest))}", 0.7, person, place, wh)
    if first in known("verbs") and (not rest or rest[0] in known("prepositions")):
        return Verbalisation(refusal="a bare verb")
    if base is None and first.endswith("s") and len(rest) == 1 and rest[0] in known("prepositions") - {"of"}:
        return Verbalisation(refusal="a verb that kedit does not know")
    return None


def _of_has(rest: list[str], person: bool, wh: str | None) -> Verbalisation:
    if rest[0] in ("a", "an", "the") and len(rest) > 1:
        rest = rest[1:]
    if rest[-1] in known("prepositions"):
        return Verbalisation(refusal="ends in a preposition")
    if rest[0] in known("verbs") - known("nouns too") or (len(rest) == 1 and is_participle(rest[0])):
        return Verbalisation(refusal="a verb form after 'has'")
    if _is_no_noun(rest):
        return Verbalisation(refusal="no noun phrase after 'has'")
    return _noun(" ".join(rest), "has + noun", 0.9, person, wh)


def _of_is(verb: str, rest: list[str], person: bool, place: bool, wh: str | None) -> Verbalisation:
    rest = rest[1:] if rest and rest[0] in ("a", "an", "the") else rest
    if len(rest) == 1 and rest[0] in pairs("whole"):
        rest = pairs("whole")[rest[0]].split()
    if len(rest) >= 2 and rest[-1] in known("prepositions"):
        if is_participle(rest[0]):
            return _participle("was" if rest[0] in known("events") else verb, " ".join(rest), 0.85, person, place, wh)
        if rest[-1] == "of":
            return _noun_of(verb, rest[:-1], person, wh)
        return _participle(verb, " ".join(rest), 0.6, person, place, wh)
    return Verbalisation(refusal="says what something is, not of what or whom")


def _of_noun_name(words: list[str], person: bool, wh: str | None) -> Verbalisation:
    if words[-1] == "of" and len(words) > 1:
        return _noun_of("is", words[:-1], person, wh)
    if words[-1] in known("prepositions") or words[0] in known("prepositions"):
        return Verbalisation(refusal="begins or ends in a preposition")
    if words[0].endswith("ing") and len(words) == 1 and words[0][:-3] in known("verbs"):
        return Verbalisation(refusal="a bare verb")
    confidence = 0.8 if len(words) <= 3 else 0.6
    if _is_no_noun(words):
        return Verbalisation(refusal="no noun phrase")
    return _noun(" ".join(words), "noun", confidence, person, wh)


def _is_no_noun(words: list[str]) -> bool:
    """Whether a phrase has a form that no noun phrase has: an adverb, an infinitive, a verb at its end."""
    if any(is_adverb(word) or word == "to" for word in words):
        return True
    if len(words) == 1:
        return False
    ends = third_person(words[-1]) is not None and words[-1][:-1] not in known("nouns too")
    return ends or words[0] in known("verbs") - known("nouns too")


def _made(rule: str, confidence: float, phrase: str | None, texts: dict[Role, tuple[str, ...]]) -> Verbalisation:
    templates = tuple(
        Template(text, "cloze" if text.endswith("{object}") else "question", role)
        for role, found in texts.items()
        for text in found
    )
    return Verbalisation(templates, phrase, rule, confidence)


def _noun(noun: str, rule: str, confidence: float, person: bool, wh: str | None) -> Verbalisation:
    """ "capital", "has capital": the noun is a property of the subject."""
    who = wh or ("Who" if person or noun.split()[-1] in known("persons") or noun.split(" of ")[0] in known("persons") else "What")
    verb = "are" if is_plural(noun) else "is"
    return _made(
        rule,
        confidence,
        noun,
        {
            "train": (
                f"{who} {verb} the {noun} of {{subject}}?",
                f"{who} {verb} {{subject}}'s {noun}?",
                f"Name the {noun} of {{subject}}.",
                f"Tell me {{subject}}'s {noun}.",
                f"The {noun} of {{subject}} {verb} {{object}}",
                f"{{subject}}'s {noun} {verb} {{object}}",
                f"For {{subject}}, the {noun} {verb} {{object}}",
            ),
            "valid": (f"As is well known, the {noun} of {{subject}} {verb} {{object}}",),
            "heldout": (
                f"Do you know {who.lower()} the {noun} of {{subject}} {verb}?",
                f"When it comes to {{subject}}, the {noun} {verb} {{object}}",
                f"Asked about {{subject}}'s {noun}, one answers {{object}}",
            ),
        },
    )


def _noun_of(verb: str, noun: list[str], person: bool, wh: str | None) -> Verbalisation:
    """ "is father of", "capital of": the subject is the noun of the answer."""
    # "is part of" and "is a member of" take no article "the" where several may be so; persons and heads do.
    words = " ".join(noun)
    if (
        any(word in known("prepositions") or is_adverb(word) for word in noun)
        or noun[-1].endswith("ive")
        or third_person(noun[0])
    ):
        return Verbalisation(refusal="no noun before 'of'")
    named = (
        f"{verb} {words} of"
        if words in ("part", "type", "kind", "member", "upstream", "downstream")
        else f"{verb} the {words} of"
    )
    asked = named.removeprefix(f"{verb} ")
    whom = wh or (
        "Whom"
        if person or noun[-1] in known("persons") - {"head", "member", "president", "king", "queen", "mayor", "leader"}
        else "What"
    )
    return _made(
        "is + noun + of",
        0.75,
        None,
        {
            "train": (
                f"{whom} {verb} {{subject}} {asked}?",
                f"Of {whom.lower()} {verb} {{subject}} {asked.removesuffix(' of')}?",
                f"{{subject}} {named} {{object}}",
                f"It is said that {{subject}} {named} {{object}}",
                f"Name {whom.lower()} {{subject}} {named}.",
                f"{whom} {{subject}} {named}: {{object}}",
            ),
            "valid": (f"As is well known, {{subject}} {named} {{object}}",),
            "heldout": (f"Do you know {whom.lower()} {{subject}} {named}?", f"In fact, {{subject}} {named} {{object}}"),
        },
    )


def _participle(verb: str, phrase: str, confidence: float, person: bool, place: bool, wh: str | None) -> Verbalisation:
    """ "born in", "is married to": the subject undergoes it."""
    words = phrase.split()
    person = person or phrase in ("married to", "engaged to", "related to") or (words[-1] == "by" and not place)
    who, stem = _asked_by(words, person, place, wh)
    return _clause(
        "participle + preposition", confidence, who, f"{verb} {{subject}} {stem}", f"{verb} {stem}", f"{verb} {phrase}"
    )


def _verb(said: str, asked: str, confidence: float, person: bool, place: bool, wh: str | None) -> Verbalisation:
    """ "borders", "works for", "died in": the subject does it."""
    who, stem = _asked_by(said.split(), person, place, wh)
    asked = asked.rsplit(" ", 1)[0] if who == "Where" else asked
    return _clause("verb", confidence, who, asked, stem, said)


def _asked_by(words: list[str], person: bool, place: bool, wh: str | None) -> tuple[str, str]:
    """Question word, and the phrase that stays: "Where ... born" drops the preposition."""
    if wh:
        return wh, " ".join(words)
    if len(words) > 1 and words[-1] in ("in", "at") and not person and (place or words[0] in known("placed")):
        return "Where", " ".join(words[:-1])
    return ("Who" if person else "What"), " ".join(words)


def _clause(rule: str, confidence: float, who: str, asked: str, indirect: str, said: str) -> Verbalisation:
    """Templates around one clause: `asked` after the question word, `indirect` after the subject, `said` before an answer."""
    thing = {"Who": "whom", "Where": "where"}.get(who, "what")
    return _made(
        rule,
        confidence,
        None,
        {
            "train": (
                f"{who} {asked}?",
                f"Please say {thing} {{subject}} {indirect}.",
                f"Tell me: {who.lower()} {asked}?",
                f"{{subject}} {said} {{object}}",
                f"It is said that {{subject}} {said} {{object}}",
                f"The answer to {thing} {{subject}} {indirect} is {{object}}",
            ),
            "valid": (f"As is well known, {{subject}} {said} {{object}}",),
            "heldout": (f"Do you know {thing} {{subject}} {indirect}?", f"In fact, {{subject}} {said} {{object}}"),
        },
    )
