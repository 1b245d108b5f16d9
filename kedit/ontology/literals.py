"""How a literal is said: texts by its datatype, made from the lexical form as it stands in the file."""

from __future__ import annotations

import re
from collections.abc import Callable

from kedit.ontology.model import LITERAL_MARK
from kedit.ontology.terms import XSD, text_of

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_ZONE = r"(?:Z|[+-]\d\d:\d\d)?"
_DATE = re.compile(rf"(-?\d{{4,}})-(\d\d)-(\d\d){_ZONE}")
_MIDNIGHT = re.compile(rf"(-?\d{{4,}}-\d\d-\d\d)T00:00:00(?:\.0+)?{_ZONE}")
_YEAR = re.compile(rf"(-?\d{{4,}}){_ZONE}")
_YEAR_MONTH = re.compile(rf"(-?\d{{4,}})-(\d\d){_ZONE}")
_MONTH_DAY = re.compile(rf"--(\d\d)-(\d\d){_ZONE}")
_TYPED = re.compile(r"\^\^xsd:\w+\Z")
_NUMBER = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?")

Texts = tuple[str, ...]


def _year(text: str) -> str:
    number = int(text)
    return f"{-number} BC" if number < 0 else str(number)


def _month(number: str) -> str | None:
    return _MONTHS[int(number) - 1] if 1 <= int(number) <= 12 else None


def _date(lexical: str) -> Texts:
    match = _DATE.fullmatch(lexical)
    month = _month(match[2]) if match else None
    if match is None or month is None:
        return ()
    year, day = _year(match[1]), int(match[3])
    return (f"{day} {month} {year}", f"{month} {day}, {year}", f"{month} {day} {year}", f"{match[1]}-{match[2]}-{match[3]}")


def _date_time(lexical: str) -> Texts:
    match = _MIDNIGHT.fullmatch(lexical)
    return _date(match[1]) if match else ()


def _g_year(lexical: str) -> Texts:
    match = _YEAR.fullmatch(lexical)
    return (_year(match[1]),) if match else ()


def _year_month(lexical: str) -> Texts:
    match = _YEAR_MONTH.fullmatch(lexical)
    month = _month(match[2]) if match else None
    return (f"{month} {_year(match[1])}",) if match and month else ()


def _month_day(lexical: str) -> Texts:
    match = _MONTH_DAY.fullmatch(lexical)
    month = _month(match[1]) if match else None
    return (f"{int(match[2])} {month}", f"{month} {int(match[2])}") if match and month else ()


def _number(lexical: str) -> Texts:
    match = _NUMBER.fullmatch(lexical)
    if match is None or not (match[2] or match[3]):
        return ()
    sign, whole, part = "-" if match[1] == "-" else "", match[2].lstrip("0") or "0", (match[3] or "").rstrip("0")
    tail = f".{part}" if part else ""
    return (lexical, f"{sign}{whole}{tail}", f"{sign}{int(whole):,}{tail}" if len(whole) <= 18 else lexical)


def _boolean(lexical: str) -> Texts:
    return {"true": ("yes", "true"), "1": ("yes", "true"), "false": ("no", "false"), "0": ("no", "false")}.get(lexical, ())


_NUMBERS = (
    *("integer", "int", "long", "short", "byte", "unsignedInt", "unsignedLong", "unsignedShort", "unsignedByte"),
    *("nonNegativeInteger", "positiveInteger", "negativeInteger", "nonPositiveInteger", "decimal", "double", "float"),
)
_SAID: dict[str, Callable[[str], Texts]] = {
    XSD + "date": _date,
    XSD + "dateTime": _date_time,
    XSD + "gYear": _g_year,
    XSD + "gYearMonth": _year_month,
    XSD + "gMonthDay": _month_day,
    XSD + "boolean": _boolean,
    **{XSD + name: _number for name in _NUMBERS},
}
FORMATTED = frozenset(_SAID)
"""Datatypes with a form of their own; all others are said as they are written."""


def said(lexical: str, datatype: str, language: str) -> Texts:
    """Texts of a literal, the preferred one first: dates as English says them, numbers as written and in plain form.

    The lexical form is always among them. Other languages than English keep dates and booleans as they are written.
    """
    english = language.lower().startswith("en")
    make = _SAID.get(datatype) if english or datatype == XSD + "gYear" or _SAID.get(datatype) is _number else None
    return tuple(dict.fromkeys((*(make(lexical) if make else ()), lexical)))


def literal_value(term: str, language: str) -> tuple[str, Texts]:
    """A literal of the index as the value of a fact, and its texts.

    A value is the mark and the lexical form; with `^^xsd:name` behind it where the datatype gives it texts of its own, so
    that a `1` that is a number and a `1` that is true are two values.
    """
    text = text_of(term)
    datatype = term[term.rindex("\0") + 1 :]
    texts = said(text, datatype, language) if datatype in FORMATTED else (text,)
    return LITERAL_MARK + text + (f"^^xsd:{datatype.removeprefix(XSD)}" if len(texts) > 1 else ""), texts


def lexical_form_of(value: str) -> str:
    """The lexical form of a literal value."""
    return _TYPED.sub("", value[1:])
