"""Templates by rule from a relation's name, with a confidence; silence where a name gives no good question.

Rule classes, most certain first: has + noun; participle + preposition; noun; is + noun + of; verb; then those whose names say
of what class the answer is ("made from grape", "produces wine", "member of team"), and noun + participle ("award received").
Dates are asked by "when", counts by "how many". Bare verbs ("warn"), adjectives ("is active"), what may be a verb or a plural
("causes") and opaque ids ("P131") are refused: a wrong question is worse than a request to write one.
"""

from __future__ import annotations

from collections.abc import Iterable

from kedit.ontology.english.answers import Answers
from kedit.ontology.english.lexicon import (
    head,
    indefinite,
    is_adjective,
    is_adverb,
    is_participle,
    is_plural,
    is_preposition,
    pairs,
    third_person,
)
from kedit.ontology.english.lexicon import words as known
from kedit.ontology.english.naming import naming
from kedit.ontology.english.nouns import fault, has_preposition, noun_phrase, without_article
from kedit.ontology.english.phrasing import Rule, Verbalisation, of_answer, of_clause, of_done, of_time, of_which

_HAS = Rule("has + noun", 0.9)
_UNDERGOES = Rule("participle + preposition", 0.85)
_NOUN = Rule("noun", 0.8)
_WHEN = Rule("when", 0.8)
_OF = Rule("is + noun + of", 0.75)
_VERB = Rule("verb", 0.7)
_ADJECTIVE = Rule("adjective + preposition", 0.7)
_UNDERGOES_WHICH = Rule("participle + preposition + noun", 0.7)
_IS_NOUN = Rule("is + noun + preposition", 0.65)
_VERB_WHICH = Rule("verb + noun", 0.65)
_IS_WHICH = Rule("noun + of + noun", 0.6)
_DONE = Rule("noun + participle", 0.6)
_LONG_NOUN = Rule("noun", 0.6)
_BE = ("is", "was", "are", "were")
_NOWHERE = "begins or ends in a preposition"


def first_usable(names: Iterable[str], answers: Answers) -> Verbalisation:
    """Templates from the first name that gives any; else the refusal of the first."""
    first: Verbalisation | None = None
    # A local name in small letters is no better than a label that is the same in capitals ("BYSETPOS").
    once: dict[str, str] = {}
    for name in names:
        once.setdefault(name.casefold(), name)
    for name in once.values():
        made = verbalise(name, answers)
        if made.templates:
            return made
        first = first or made
    return first or _refused("no name")


def verbalise(name: str, answers: Answers | None = None) -> Verbalisation:
    """Templates for a relation called `name`, words or one word in camel case.

    At least eight templates: six to train on, one to validate, two held out, of different forms and word orders.
    """
    answers = answers or Answers()
    words, reason = naming(name)
    if reason is None and answers.yes_no:
        reason = "answers yes or no"
    if reason is not None:
        return _refused(reason)
    return _of_verbal_name(words, answers) or _of_noun_name(words, answers)


def _refused(reason: str) -> Verbalisation:
    return Verbalisation(refusal=reason)


def _of_verbal_name(words: list[str], answers: Answers) -> Verbalisation | None:
    """Names that begin with a verb form; None if the name begins otherwise."""
    first, rest = words[0], words[1:]
    if first in ("has", "had") and rest:
        return _of_has(rest, answers, past=first == "had")
    if first in _BE:
        return _of_is(first, rest, answers)
    if first in pairs("past verbs"):
        did = pairs("past verbs")[first]
        if not rest and answers.time:
            return of_time(_WHEN, f"did {{subject}} {did}", f"{{subject}} {first}", time=answers.time)
        if len(rest) == 1 and is_preposition(rest[0]) and rest[0] != "by":
            return _clause(_VERB, words, f"did {{subject}} {did}", answers)
    if first in known("bare past"):
        return _refused("a bare verb")
    if is_participle(words[1] if is_adverb(first) and rest else first):
        return _of_participle("is", words, answers)
    base = third_person(first)
    either = third_person(first, "verb or plural")
    if base is not None or (either is not None and len(rest) == 1 and is_preposition(rest[0]) and rest[0] != "of"):
        return _of_verb(first, base or either or "", rest, answers)
    if first in known("verbs") and (not rest or is_preposition(rest[0])):
        return _refused("a bare verb")
    if either and (not rest or not is_preposition(rest[-1])):
        return _refused("a verb or a plural")
    if first.endswith("s") and len(rest) == 1 and is_preposition(rest[0]) and rest[0] != "of":
        return _refused("a verb that kedit does not know")
    return None


def _of_verb(first: str, base: str, rest: list[str], answers: Answers) -> Verbalisation:
    """Names that begin with a verb in the third person."""
    particles = rest[:1] if rest and is_preposition(rest[0]) else []
    if not rest and answers.time:
        return of_time(_WHEN, f"does {{subject}} {base}", f"{{subject}} {first}", time=answers.time)
    if base in known("no object") and not particles:
        return _refused("a verb without an object")
    if rest == particles:
        return _clause(_VERB, [first, *rest], f"does {{subject}} {base}", answers)
    noun = without_article(rest[len(particles) :])
    if is_preposition(rest[-1]):
        return _refused(_NOWHERE)
    # "follows in time" says how, "lives in city" what the answer is.
    adverbial = particles and particles[0] not in ("to", "for", "on", "with", "from") and base not in known("no object")
    if adverbial or _is_no_class(noun):
        return _refused("no noun phrase after the verb")
    return of_which(_VERB_WHICH, " ".join(noun), " ".join(["does {subject}", base, *particles]), " ".join([first, *particles]))


def _of_participle(verb: str, words: list[str], answers: Answers) -> Verbalisation | None:
    """Names that begin with a participle, perhaps after an adverb; None if it stands before a noun ("deployed system")."""
    if words[0] in pairs("whole") and len(words) == 1 and not answers.time:
        words = pairs("whole")[words[0]].split()
    at = 1 if is_adverb(words[0]) else 0
    rest = words[at + 1 :]
    particle = next((word for word in (*rest[-1:], *rest[:1]) if is_preposition(word)), "")
    # What happened once is past; what something is made of is not.
    verb = "was" if words[at] in known("events") and particle not in ("of", "from", "with", "into") else verb
    said = " ".join([verb, *words])
    asked = said.replace(verb, f"{verb} {{subject}}", 1)
    if not rest:
        if not answers.time:
            return _refused("a participle without a preposition")
        return of_time(_WHEN, f"was {{subject}} {' '.join(words)}", f"{{subject}} was {' '.join(words)}", time=answers.time)
    if is_preposition(rest[-1]):
        if not all(is_preposition(word) or is_adverb(word) or is_adjective(word) for word in rest):
            return None
        if answers.time:
            if rest[-1] not in ("on", "in", "at"):
                return _refused("a date after a preposition")
            stem = " ".join(words[:-1])
            return of_time(_WHEN, f"{verb} {{subject}} {stem}", f"{{subject}} {verb} {stem}", time=answers.time)
        return _clause(_UNDERGOES, said.split(), asked.rsplit(" ", 1)[0], _by_whom(words[at:], answers))
    if is_preposition(rest[0]):
        noun = without_article(rest[1:])
        if noun in (["date"], ["time"], ["year"]) and rest[0] in ("at", "in", "on"):
            time = "year" if noun == ["year"] else answers.time or "date"
            stem = " ".join(words[: at + 1])
            return of_time(_WHEN, f"was {{subject}} {stem}", f"{{subject}} was {stem}", time=time)
        if _is_no_class(noun):
            return _refused("no noun phrase after the preposition")
        stem = " ".join(words[: at + 2])
        return of_which(_UNDERGOES_WHICH, " ".join(noun), f"{verb} {{subject}} {stem}", f"{verb} {stem}")
    return None


def _is_no_class(noun: list[str]) -> bool:
    """Whether words cannot follow "which"."""
    verbal = len(noun) == 1 and (noun[0] in known("verbs") - known("nouns too") or noun[0].endswith("ing"))
    return not noun or verbal or fault(noun) is not None or has_preposition(noun)


def _by_whom(words: list[str], answers: Answers) -> Answers:
    """Persons, where nothing is known of the answers and the participle's `by` (or `to`) takes them."""
    if answers.wh or answers.person or answers.thing or answers.place:
        return answers
    by = words[-1] == "by" and words[0] in known("by persons")
    return Answers(person=True) if by or words in (["married", "to"], ["engaged", "to"]) else answers


def _of_has(rest: list[str], answers: Answers, *, past: bool) -> Verbalisation:
    rest = without_article(rest)
    if is_preposition(rest[-1]):
        return _refused("ends in a preposition")
    if rest[0] in known("verbs") - known("nouns too") or (len(rest) == 1 and is_participle(rest[0])):
        return _refused("a verb form after 'has'")
    if fault(rest):
        return _refused("no noun phrase after 'has'")
    return noun_phrase(_HAS, rest, answers, past=past)


def _of_is(verb: str, rest: list[str], answers: Answers) -> Verbalisation:
    rest = without_article(rest)
    verbal = rest[1:2] if rest and is_adverb(rest[0]) else rest[:1]
    if verbal and is_participle(verbal[0]) and (len(rest) > 1 or answers.time or rest[0] in pairs("whole")):
        made = _of_participle(verb, rest, answers)
        if made is not None:
            return made
    at = next((at for at, word in enumerate(rest) if is_preposition(word)), None)
    if at is None or len(rest) < 2:
        return _refused("says what something is, not of what or whom")
    before, particle, noun = rest[:at], rest[at], without_article(rest[at + 1 :])
    if not noun:
        return _of_preposition(verb, before, particle, answers)
    if _is_no_class(noun) or (before and not is_adjective(before[-1]) and _is_no_predicate(before)):
        return _refused("no noun phrase after the preposition")
    return _which(verb, before, particle, noun)


def _which(verb: str, before: list[str], particle: str, noun: list[str]) -> Verbalisation:
    """ "(is) member of team", "is in country": which team, which country."""
    if not before or is_adjective(before[-1]) or f"{before[0]}:{particle}" in known("predicates"):
        said = " ".join([*before, particle])
    else:
        said = f"{indefinite(' '.join(before))} {particle}"
    return of_which(_IS_WHICH, " ".join(noun), f"{verb} {{subject}} {said}", f"{verb} {said}")


def _is_no_predicate(before: list[str]) -> bool:
    """Whether words cannot be a noun after "is": a plural, a verb, or a participle behind its noun."""
    verb = third_person(before[0]) or (len(before) > 1 and third_person(before[0], "verb or plural"))
    behind = any(is_participle(word) for word in before[1:]) or (len(before) == 1 and is_participle(before[0]))
    return bool(fault(before) or verb or behind or is_plural(" ".join(before)) or before[-1].endswith("ive"))


def _of_preposition(verb: str, before: list[str], particle: str, answers: Answers) -> Verbalisation:
    """ "(is) father of", "(is) adjacent to", "(is) participant in"."""
    bare = f"{' '.join(before)}:{particle}" in known("predicates") and before != ["part"]
    if is_adjective(before[-1]) or bare:
        if particle == "as" or answers.time or not all(is_adverb(word) for word in before[:-1]):
            return _refused(_NOWHERE)
        return _clause(_ADJECTIVE, [verb, *before, particle], f"{verb} {{subject}} {' '.join(before)}", answers)
    if _is_no_predicate(before):
        return _refused(f"no noun before {particle!r}")
    if particle != "of":
        named = indefinite(" ".join(before))
        return _clause(_IS_NOUN, [verb, *named.split(), particle], f"{verb} {{subject}} {named}", answers)
    inward = before[-1].removesuffix("-in-law") in known("persons of persons")
    whom = "Whom" if answers.person or (inward and not answers.thing) else "What"
    return of_answer(_OF, answers.wh or whom, verb, " ".join(before))


def _of_noun_name(words: list[str], answers: Answers) -> Verbalisation:
    """Names that begin with a noun, an adjective or a preposition."""
    if is_preposition(words[0]):
        return _refused(_NOWHERE)
    if is_preposition(words[-1]):
        before = words[:-1]
        role = before[-1] in known("persons") and words[-1] in ("in", "at", "to", "for", "with", "on")
        if has_preposition(before) or not (words[-1] == "of" or is_adjective(before[-1]) or role):
            return _refused(_NOWHERE)
        if is_participle(words[0]):
            return _refused("a participle before a noun")
        return _of_preposition("is", before, words[-1], answers)
    if len(words) == 1 and words[0].endswith("ing") and {words[0][:-3], words[0][:-3] + "e"} & known("verbs"):
        return _refused("a bare verb")
    if len(words) == 1 and is_adjective(words[0]):
        return _refused("an adjective")
    done = is_participle(words[-1]) and words[-1] not in known("participles or nouns")
    if len(words) > 1 and done and not has_preposition(words):
        return _of_noun_and_participle(words, answers)
    if reason := fault(words):
        return _refused(reason)
    if len(words) == 2 and words[0] in known("events") and words[1] in ("place", "location", "date", "year"):
        return _of_noun_and_participle(words[::-1], answers)
    at = head(words)
    if at + 1 < len(words) and words[at] in known("belonging") and words[at + 1] in ("of", "in") and not answers.person:
        return _which("is", words[: at + 1], words[at + 1], without_article(words[at + 2 :]))
    if "the" in words:
        return _refused("no noun phrase")
    return noun_phrase(_NOUN if len(words) <= 3 else _LONG_NOUN, words, answers)


def _of_noun_and_participle(words: list[str], answers: Answers) -> Verbalisation:
    """ "date created", "award received"."""
    before = enumerate(reversed(words[:-1]))
    adverbs = next((number for number, word in before if not is_adverb(word) and word not in ("first", "last")), 0)
    cut = len(words) - 1 - adverbs
    noun, verbal = words[:cut], " ".join(words[cut:])
    timed = answers.time is not None or noun[-1] in ("date", "year")
    odd = any(is_participle(word) or word in ("and", "or", "number") for word in noun)
    if fault(noun) or odd or (timed and len(noun) > 1):
        return _refused("no noun phrase")
    if timed:
        time = "year" if noun[-1] == "year" else answers.time or "date"
        return of_time(_WHEN, f"was {{subject}} {verbal}", f"{{subject}} was {verbal}", time=time)
    if noun[-1] in known("places"):
        return of_clause(_DONE, "Where", f"was {{subject}} {verbal}", f"was {verbal}", f"was {verbal} in")
    return of_done(_DONE, " ".join(noun), verbal)


def _clause(rule: Rule, said: list[str], asked: str, answers: Answers) -> Verbalisation:
    """A clause that the answer ends: "borders", "works for", "is adjacent to"; `asked` is without the preposition."""
    who = answers.wh or ("Who" if answers.person else "What")
    where = who == "Where" or (who == "What" and (answers.place or known("placed").intersection(said)))
    if said[-1] in ("in", "at") and where:
        return of_clause(rule, "Where", asked, " ".join(said[:-1]), " ".join(said))
    particle = f" {said[-1]}" if is_preposition(said[-1]) else ""
    return of_clause(rule, who, asked + particle, " ".join(said), " ".join(said))
