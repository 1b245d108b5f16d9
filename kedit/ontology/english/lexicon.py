"""The few English words that the verbaliser must know (english.txt), and what a word's form tells."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path


@cache
def _sections() -> dict[str, str]:
    found: dict[str, str] = {}
    name = ""
    for line in Path(__file__).with_name("english.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            name = line.strip("[]")
        elif not line.startswith("#"):
            found[name] = f"{found.get(name, '')} {line}"
    return found


@cache
def words(section: str) -> frozenset[str]:
    """The words of a section."""
    return frozenset(_sections()[section].split())


@cache
def pairs(section: str) -> dict[str, str]:
    """The `word: other` pairs of a section."""
    entries = (entry.partition(":") for entry in _sections()[section].split(","))
    return {word.strip(): other.strip() for word, _, other in entries}


def third_person(word: str, section: str = "verbs") -> str | None:
    """Base form of a verb in the third person ("borders" is "border"); None if it is no verb of the section."""
    for ending, base in (("ies", "y"), ("es", ""), ("s", "")):
        if word.endswith(ending) and (stem := word[: -len(ending)] + base) in words(section):
            return stem
    return None


def is_preposition(word: str) -> bool:
    """Whether a word is a preposition."""
    return word in words("prepositions")


def is_participle(word: str) -> bool:
    """Whether a word is a past participle."""
    if word in words("irregular participles"):
        return True
    return len(word) > 4 and word.endswith("ed") and word not in words("not participles")


def is_adverb(word: str) -> bool:
    """Whether a word is an adverb."""
    if word in words("adverbs"):
        return True
    return word.endswith("ly") and len(word) > 3 and word not in words("not adverbs")


def is_adjective(word: str) -> bool:
    """Whether a word is an adjective that is no noun as well."""
    if word in words("adjectives"):
        return True
    return len(word) > 5 and word.endswith(("able", "ible", "less", "ous")) and word not in words("not adjectives")


def head(phrase: Sequence[str]) -> int:
    """Position of the noun that a noun phrase is about: the last before its first preposition."""
    return next((at for at, word in enumerate(phrase) if at and is_preposition(word)), len(phrase)) - 1


def is_plural(noun: str) -> bool:
    """Whether a noun phrase reads as a plural: by its head."""
    parts = noun.split()
    word = parts[head(parts)]
    if word.isupper():
        return False
    word = word.lower()
    if word in words("plurals"):
        return True
    return word.endswith("s") and not word.endswith(("ss", "us", "is", "ics", "series")) and word not in words("singulars")


def indefinite(noun: str) -> str:
    """The noun with "a" or "an" before it; a plural and what cannot be counted as it is."""
    parts = noun.split()
    if is_plural(noun) or parts[head(parts)] in words("uncountable"):
        return noun
    first = parts[0]
    if first.isupper() and len(first) > 1:
        vowel = first[0] in "AEFHILMNORSX"
    else:
        vowel = first[0].lower() in "aeiou" and not first.lower().startswith(("uni", "use", "usa", "eu", "one", "ub"))
        vowel = vowel or first.lower().startswith(("hour", "honor", "honour", "heir"))
    return f"{'an' if vowel else 'a'} {noun}"
