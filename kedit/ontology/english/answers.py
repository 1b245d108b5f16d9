"""What an ontology says of a relation's answers, as far as it chooses the words of a question."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kedit.ontology.english.lexicon import words
from kedit.ontology.english.phrasing import Time
from kedit.ontology.terms import SCHEMA, XSD

_TIMES: Mapping[str, Time] = {
    "gYear": "year",
    "time": "time",
    "Time": "time",
    **dict.fromkeys(("date", "dateTime", "dateTimeStamp", "gYearMonth", "Date", "DateTime"), "date"),
}
_COUNTS = frozenset(["integer", "int", "nonNegativeInteger", "positiveInteger", "unsignedInt", "long", "Integer"])


@dataclass(frozen=True, slots=True)
class Answers:
    """What is known of a relation's answers; nothing where the ontology says nothing."""

    person: bool = False
    place: bool = False
    thing: bool = False
    """Of a class that is neither of persons nor of organisations."""
    time: Time | None = None
    number: bool = False
    yes_no: bool = False
    wh: str | None = None
    """A question word that wins over all of these."""


def answers_of(kinds: Iterable[str], range_: Iterable[str], wh: str | None) -> Answers:
    """Hints from the words of the classes that answers belong to and from the range's IRIs, datatypes among them."""
    named = set(kinds) - words("literal kinds")
    types = {iri.removeprefix(space) for iri in range_ for space in (XSD, *SCHEMA) if iri.startswith(space)}
    group = not named.isdisjoint(words("group kinds"))
    persons = words("person kinds") | (words("persons") - words("persons or things") - words("things when modified"))
    person = not named.isdisjoint(persons) or ("agent" in named and not group)
    times = {_TIMES.get(name) for name in types}
    return Answers(
        person=person,
        place=not named.isdisjoint(words("place kinds")),
        thing=bool(named) and not person and not group,
        time=times.pop() if len(times) == 1 else None,
        number=bool(types) and types <= _COUNTS,
        yes_no="boolean" in types or {"Boolean"} <= types <= {"Boolean", "Text", "URL"},
        wh=wh.capitalize() if wh else None,
    )
