"""English templates around what the verbaliser found a name to be: a noun of the subject, a clause about it, a time, a number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kedit.ontology.english.lexicon import indefinite, is_plural, words
from kedit.ontology.model import Role, Template

Time = Literal["date", "year", "time"]
"""What a datatype measures: a day, a year, an hour of the day."""


@dataclass(frozen=True, slots=True)
class Verbalisation:
    """What the rules make of a name; `templates` is empty and `refusal` says why where they make nothing."""

    templates: tuple[Template, ...] = ()
    phrase: str | None = None
    rule: str = "none"
    confidence: float = 0.0
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A class of names, with how sure its templates are."""

    name: str
    confidence: float

    def made(
        self, train: tuple[str, ...], valid: tuple[str, ...], heldout: tuple[str, ...], phrase: str | None = None
    ) -> Verbalisation:
        """The templates of each role; a text that ends in the answer is a cloze."""
        texts: dict[Role, tuple[str, ...]] = {"train": train, "valid": valid, "heldout": heldout}
        templates = tuple(
            Template(text, "cloze" if text.endswith("{object}") else "question", role)
            for role, found in texts.items()
            for text in found
        )
        return Verbalisation(templates, phrase, self.name, self.confidence)


def of_noun(rule: Rule, who: str, noun: str, *, past: bool = False, several: bool = False) -> Verbalisation:
    """ "capital", "has capital": the noun is a property of the subject. `several`: one of its kind, "a child of"."""
    verb = {(False, False): "is", (False, True): "are", (True, False): "was", (True, True): "were"}[past, is_plural(noun)]
    the, article = (indefinite(noun), "one") if several else (f"the {noun}", "the")
    of = f"{the} of {{subject}}"
    return rule.made(
        (
            f"{who} {verb} {of}?",
            f"{who} {verb} {{subject}}'s {noun}?",
            f"Name {of}.",
            f"Tell me {{subject}}'s {noun}.",
            f"{_capital(of)} {verb} {{object}}",
            f"{{subject}}'s {noun} {verb} {{object}}",
            f"For {{subject}}, {article} {noun} {verb} {{object}}",
        ),
        (f"As is well known, {of} {verb} {{object}}",),
        (
            f"Do you know {who.lower()} {of} {verb}?",
            f"When it comes to {{subject}}, {article} {noun} {verb} {{object}}",
            f"Asked about {{subject}}'s {noun}, one answers {{object}}",
        ),
        phrase=noun,
    )


def of_answer(rule: Rule, whom: str, verb: str, noun: str) -> Verbalisation:
    """ "is father of", "capital of": the subject is the noun of the answer."""
    parts = noun.split()
    unique = parts[-1] in words("unique") or parts[0].endswith("est") or parts[0] in ("first", "last", "only", "main")
    bare = noun in ("part", "upstream", "downstream")
    named = noun if bare else f"the {noun}" if unique else indefinite(noun)
    said = f"{{subject}} {verb} {named} of"
    whom_ = whom.lower()
    thing = "The person whom" if whom == "Whom" else "What"
    return rule.made(
        (
            f"{whom} {verb} {{subject}} {named} of?",
            f"Of {whom_} {verb} {{subject}} {named}?",
            f"Please say {whom_} {said}.",
            f"{said} {{object}}",
            f"It is said that {said} {{object}}",
            f"{thing} {said} is {{object}}",
        ),
        (f"As is well known, {said} {{object}}",),
        (f"Do you know {whom_} {said}?", f"In fact, {said} {{object}}"),
    )


def of_clause(rule: Rule, who: str, asked: str, indirect: str, said: str) -> Verbalisation:
    """A clause: `asked` after the question word, `indirect` after the subject, `said` between subject and answer."""
    thing, answer = {"Who": ("whom", "The person whom"), "Where": ("where", "The place where")}.get(who, (who.lower(), "What"))
    return rule.made(
        (
            f"{who} {asked}?",
            f"Please say {thing} {{subject}} {indirect}.",
            f"Tell me: {who.lower()} {asked}?",
            f"{{subject}} {said} {{object}}",
            f"It is said that {{subject}} {said} {{object}}",
            f"{answer} {{subject}} {indirect} is {{object}}",
        ),
        (f"As is well known, {{subject}} {said} {{object}}",),
        (f"Do you know {thing} {{subject}} {indirect}?", f"In fact, {{subject}} {said} {{object}}"),
    )


def of_which(rule: Rule, noun: str, asked: str, said: str) -> Verbalisation:
    """A clause whose answer is a `noun`: "which grape is {subject} made from", "{subject} is made from the grape"."""
    verb = "are" if is_plural(noun) else "is"
    return rule.made(
        (
            f"Which {noun} {asked}?",
            f"Please say which {noun} {{subject}} {said}.",
            f"Tell me: which {noun} {asked}?",
            f"The {noun} that {{subject}} {said} {verb} {{object}}",
            f"It is said that {{subject}} {said} the {noun} {{object}}",
            f"The name of the {noun} that {{subject}} {said} is {{object}}",
        ),
        (f"As is well known, the {noun} that {{subject}} {said} {verb} {{object}}",),
        (f"Do you know which {noun} {{subject}} {said}?", f"In fact, {{subject}} {said} the {noun} {{object}}"),
    )


def of_done(rule: Rule, noun: str, participle: str) -> Verbalisation:
    """ "award received": what the subject does it to."""
    verb = "are" if is_plural(noun) else "is"
    by = f"{noun} {participle} by {{subject}}"
    return rule.made(
        (
            f"What {verb} the {by}?",
            f"Which {noun} {verb} {participle} by {{subject}}?",
            f"Name the {by}.",
            f"Tell me which {noun} {verb} {participle} by {{subject}}.",
            f"The {by} {verb} {{object}}",
            f"It is said that the {by} {verb} {{object}}",
        ),
        (f"As is well known, the {by} {verb} {{object}}",),
        (f"Do you know what the {by} {verb}?", f"In fact, the {by} {verb} {{object}}"),
    )


def of_time(rule: Rule, asked: str, said: str, *, time: Time) -> Verbalisation:
    """A date, year or hour: `asked` is "was {subject} born", `said` is "{subject} was born"."""
    when = "In which year" if time == "year" else "When"
    on = {"year": "in which", "date": "on which", "time": "at which"}[time]
    return rule.made(
        (
            f"{when} {asked}?",
            f"Please say {when.lower()} {said}.",
            f"Tell me: {when.lower()} {asked}?",
            f"Name the {time} {on} {said}.",
            f"The {time} {on} {said} is {{object}}",
            f"It is said that the {time} {on} {said} is {{object}}",
        ),
        (f"As is well known, the {time} {on} {said} is {{object}}",),
        (f"Do you know {when.lower()} {said}?", f"In fact, the {time} {on} {said} is {{object}}"),
    )


def of_number(rule: Rule, nouns: str) -> Verbalisation:
    """Plural nouns that are counted."""
    number = f"number of {nouns}"
    return rule.made(
        (
            f"How many {nouns} does {{subject}} have?",
            f"What is {{subject}}'s {number}?",
            f"Please say how many {nouns} {{subject}} has.",
            f"The {number} of {{subject}} is {{object}}",
            f"{{subject}}'s {number} is {{object}}",
            f"For {{subject}}, the {number} is {{object}}",
        ),
        (f"As is well known, the {number} of {{subject}} is {{object}}",),
        (f"Do you know how many {nouns} {{subject}} has?", f"When it comes to {{subject}}, the {number} is {{object}}"),
    )


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
