"""Noun phrases: what cannot be one, and the templates for one that is a property of the subject."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from kedit.ontology.english.answers import Answers
from kedit.ontology.english.lexicon import head, is_adjective, is_adverb, is_plural, is_preposition, third_person, words
from kedit.ontology.english.phrasing import Rule, Verbalisation, of_noun, of_number, of_time

_JOINED = frozenset(["and", "or"])
_HOW_MANY = Rule("how many", 0.8)


def is_time(word: str) -> bool:
    """Whether a noun is a time itself: "year", "airdate"."""
    return word.removesuffix("s") in words("times") or word.endswith(("date", "time"))


def without_article(phrase: list[str]) -> list[str]:
    """A phrase without the article that it begins with."""
    return phrase[1:] if len(phrase) > 1 and phrase[0] in ("a", "an", "the") else phrase


def has_preposition(phrase: Sequence[str]) -> bool:
    """Whether a preposition stands in a phrase."""
    return any(is_preposition(word) for word in phrase)


def fault(phrase: Sequence[str]) -> str | None:
    """A reason if a phrase has what no noun phrase has: an adverb, an infinitive, a verb, an adjective at its end."""
    verbs = any(third_person(word) for word in phrase[1:-1]) or any(
        third_person(word, "verb or plural") and not is_preposition(after) and after not in _JOINED
        for word, after in pairwise(phrase[1:])
    )
    last = third_person(phrase[-1])
    ends = (last is not None and last not in words("nouns too")) or phrase[-1] in words("ends of clauses")
    begins = phrase[0] in words("verbs") - words("nouns too") or phrase[0] in words("never before a noun")
    if (
        any(is_adverb(word) or word in ("to", "until") for word in phrase)
        or verbs
        or (len(phrase) > 1 and (ends or begins))
        or is_adjective(phrase[head(phrase)])
        or (phrase[-2:-1] == ["of"] and phrase[-1] in ("type", "kind"))
        or is_adjective(phrase[-1])
        or any(is_preposition(word) and is_preposition(after) for word, after in pairwise(phrase))
        or not _JOINED.isdisjoint((phrase[0], phrase[-1]))
    ):
        return "no noun phrase"
    return None


def noun_phrase(rule: Rule, phrase: list[str], answers: Answers, *, past: bool = False) -> Verbalisation:
    """Templates for a noun phrase: `who` or `what`, `when` for dates, `how many` for counts."""
    at, noun = head(phrase), " ".join(phrase)
    main = phrase[at].removesuffix("-in-law")
    if answers.time and not answers.wh and not is_plural(noun) and not any(is_time(word) for word in phrase):
        when = Rule("when", rule.confidence - 0.1)
        return of_time(when, f"was the {noun} of {{subject}}", f"the {noun} of {{subject}} took place", time=answers.time)
    if answers.number and is_plural(noun) and phrase[0] not in words("measured"):
        return of_number(_HOW_MANY, noun)
    single = any(word.endswith("est") or word in ("first", "last", "only", "main") for word in phrase[:at])
    who = answers.wh or ("Who" if _is_person(main, at > 0, answers) else "What")
    several = main in words("several") and not single and not is_plural(noun) and at + 1 == len(phrase)
    return of_noun(rule, who, noun, past=past, several=several)


def _is_person(main: str, modified: bool, answers: Answers) -> bool:
    """Whether `who` asks for a noun."""
    if main in words("groups"):
        return False
    if (answers.thing and main in words("persons or things")) or (modified and main in words("things when modified")):
        return answers.person
    single = main.removesuffix("s") if is_plural(main) else main
    undergoes = single.endswith("ee") and single not in words("things in -ee")
    return answers.person or undergoes or not words("persons").isdisjoint((main, single))
