"""The few English words that the verbaliser must know (english.txt), and what a word's form tells."""

from __future__ import annotations

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


def third_person(word: str) -> str | None:
    """Base form of a verb in the third person ("borders" is "border"); None if it is no verb known here."""
    for ending, base in (("ies", "y"), ("es", ""), ("s", "")):
        if word.endswith(ending) and (stem := word[: -len(ending)] + base) in words("verbs"):
            return stem
    return "have" if word == "has" else None


def is_participle(word: str) -> bool:
    """Whether a word is a past participle."""
    if word in words("irregular participles"):
        return True
    return len(word) > 4 and word.endswith("ed") and word not in words("not participles")


def is_adverb(word: str) -> bool:
    """Whether a word is an adverb in -ly."""
    return word.endswith("ly") and len(word) > 3 and word not in words("not adverbs")


def is_plural(noun: str) -> bool:
    """Whether a noun phrase reads as a plural: by the word before its first preposition."""
    parts = noun.lower().split()
    cut = next((number for number, word in enumerate(parts) if number and word in words("prepositions")), len(parts))
    head = parts[cut - 1]
    if head in words("plurals"):
        return True
    return head.endswith("s") and not head.endswith(("ss", "us", "is", "ics")) and head not in ("series", "species", "news")
