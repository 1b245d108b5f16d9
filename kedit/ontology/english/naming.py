"""A relation's name as words, and what tells at once that it is no name one can ask with."""

from __future__ import annotations

import re

from kedit.ontology.english.lexicon import is_preposition, words

LONGEST = 6
"""Names of more words than this are definitions, not names."""

_OPAQUE = re.compile(r"[A-Za-z]{0,12}[_:\- ]?\d{2,}[A-Za-z]?|[A-Za-z]\d+|[A-Za-z]{1,2}|[A-Z]{6,}|[b-df-hj-np-tv-xz]+")
_CODE = re.compile(r"[A-Za-z]+\d{2,}\w*|\d+[A-Za-z]+")
_ORDINAL = re.compile(r"\d*(1st|2nd|3rd|\dth)|\d[dD]")
_WORD = re.compile(r"[^\W_][\w'’.&-]*")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])|(?<=[a-z]{2})(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
_HUMP_IN_WORDS = re.compile(r"(?<=[a-z]{2})(?=[A-Z][a-z]{2})")


def naming(name: str) -> tuple[list[str], str | None]:
    """The words of a name, which may be one word in camel case; with the reason if it cannot be asked with."""
    name = " ".join(name.replace("_", " ").split())
    if not name or _OPAQUE.fullmatch(name):
        return [], "an opaque id"
    found = _cased(name)
    return found, _fault(found)


def _fault(found: list[str]) -> str | None:
    if len(found) > LONGEST:
        return "too long for a name"
    if not all(_WORD.fullmatch(word) for word in found):
        return "holds signs that are no words"
    if _is_code(found):
        return "an opaque id"
    if words("finite verbs").intersection(found[1:]) or words("clause words").intersection(found[2:]):
        return "a clause, not a name"
    if words("determiners").intersection(found):
        return "says how many or which"
    return None


def _is_code(found: list[str]) -> bool:
    if len(found) == 1 and len(found[0]) == 3:
        return found[0].islower() and found[0] not in words("three letters")
    codes = [word for word in found if _CODE.fullmatch(word) and not _ORDINAL.fullmatch(word)]
    return bool(codes) or re.fullmatch(r"[A-Za-z]\d+[a-z]?", found[0]) is not None


def _cased(name: str) -> list[str]:
    """Words in lower case but for acronyms and, in a name that is mostly in lower case, proper nouns."""
    found = (_HUMP_IN_WORDS if " " in name else _HUMP).sub(" ", name).split()
    proper = 2 * sum(word[0].isupper() for word in found) < len(found)
    cased = []
    for at, word in enumerate(found):
        if word.lower() in words("acronyms"):
            cased.append(word.upper())
        elif is_preposition(word.lower()):
            cased.append(word.lower())
        elif (word.isupper() and len(found) > 1 and (len(word) > 1 or at)) or re.search("[a-z][A-Z]", word) or (at and proper):
            cased.append(word)
        else:
            cased.append(word if word.isupper() and len(word) > 1 else word.lower())
    # "brother in law" is one word, "num items" is short for a phrase.
    return re.sub(r"(?<=\w) in law\b", "-in-law", re.sub(r"^num(?= \w)", "number of", " ".join(cased))).split()
