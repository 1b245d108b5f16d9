"""Match: the one function that decides whether a text answers a question (method.md, "Answers and facts")."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache

from kedit.ontology.model import Ontology

_ARTICLE = re.compile(r"(?:the|an|a) ")
_ARTICLE_STARTS = frozenset({"", "t", "th", "the", "a", "an"})
_LINE_END = re.compile(r"[\n\r]")
# Every apostrophe and hyphen that people and models write becomes ASCII.
_APOSTROPHES, _HYPHENS = "\u2018\u2019\u201b\u02bc\u02bb\u02b9\u2032\u00b4`", "\u2010\u2011\u2012\u2013\u2212"
# Letters with a stroke, and ligatures, do not decompose by themselves.
_STROKES = str.maketrans("øØłŁđĐħĦı", "oOlLdDhHi")
_SAME = (
    str.maketrans(_APOSTROPHES + _HYPHENS, "'" * len(_APOSTROPHES) + "-" * len(_HYPHENS))
    | _STROKES
    | str.maketrans({"æ": "ae", "Æ": "ae", "œ": "oe", "Œ": "oe"})
)
_MEANINGFUL = frozenset("#%&@/\\§")
"""Punctuation that belongs to an answer: C# is not C, 5% is not 5."""
_JOINS_DIGITS = frozenset(".,:/")


def _diacritic(char: str) -> bool:
    # Marks above, below and through letters, Hebrew and Arabic points; kana voicing, nukta and virama make other letters.
    order = unicodedata.combining(char)
    return order == 1 or 10 <= order <= 36 or order >= 200


def _decompose(text: str) -> str:
    marks = unicodedata.normalize("NFKD", text.translate(_SAME))
    return "".join(char for char in marks if not _diacritic(char) and unicodedata.category(char) != "Cf")


def fold(text: str) -> str:
    """Compatibility form, caseless, without diacritics, each run of spaces one space; a prefix of `text` folds to a prefix."""
    if text.isascii():
        text = text.lower().replace("`", "'")
    else:
        text = _decompose(_decompose(text).casefold())
    parts = text.split()
    if not parts:
        return " " if text else ""
    return (" " if text[0].isspace() else "") + " ".join(parts) + (" " if text[-1].isspace() else "")


@lru_cache(maxsize=4096)
def _outer(char: str) -> bool:
    return char == " " or (unicodedata.category(char)[0] == "P" and char not in _MEANINGFUL)


def _start(text: str, start: int = 0) -> int:
    """Where the answer begins: after outer punctuation, but before the sign or point of a number."""
    for index in range(start, len(text)):
        if not _outer(text[index]) or (text[index] in "-." and text[index + 1 : index + 2].isdigit()):
            return index
    return len(text)


def _starts(text: str) -> tuple[int, ...]:
    """The one or two places where an answer may begin: as written and, where there is one, after the article."""
    first = _start(text)
    article = _ARTICLE.match(text, first)
    return (first, _start(text, article.end())) if article else (first,)


def normalise(text: str) -> str:
    """The first line of `text` folded, without leading article, outer punctuation, quotes and spaces."""
    line = fold(_LINE_END.split(text, maxsplit=1)[0])
    start = _starts(line)[-1]
    if start == len(line):  # nothing but an article: it is the answer
        start = _start(line)
    end = len(line)
    while end > start and _outer(line[end - 1]):
        end -= 1
    return line[start:end]


def answer_texts(ontology: Ontology, relation: str, subject: str) -> frozenset[str]:
    """Everything, normalised, that is accepted as a relation's answer about a subject."""
    return frozenset(normalise(text) for value in ontology.values(relation, subject) for text in ontology.texts(value))


def shares_answer(ontology: Ontology, subject: str, a: str, b: str) -> bool:
    """Whether two relations accept a common text for a subject (Thai, Thai): then an answer does not tell them apart."""
    return not answer_texts(ontology, a, subject).isdisjoint(answer_texts(ontology, b, subject))


def _bounded(line: str, start: int, end: int) -> bool:
    """Whether the form line[start:end] ends where a word does: no letter, digit, hyphen or possessive follows."""
    rest = line[end : end + 1]
    if not rest:
        return True
    following = line[end + 1 : end + 2]
    if rest == "-":
        return following == "-"  # two hyphens are a dash
    if rest == "'":
        return not (following.isalnum() or _plural_possessive(line, start, end))
    if rest in _JOINS_DIGITS and line[end - 1].isdigit():
        return not following.isdigit()  # 1 is not 1.5, nor 12 the date 12/05/1950
    # A kept mark (kana voicing, virama) belongs to the letter before it: the word goes on.
    return not (rest.isalnum() or unicodedata.category(rest)[0] == "M")


def _plural_possessive(line: str, start: int, end: int) -> bool:
    """`Athens' port`: an apostrophe after s, no quotation opened before, and a word after it."""
    quoted = "'" in line[:start]
    after = line[end + 1 :].lstrip(" ")[:1]
    return line[end - 1] == "s" and not quoted and after.isalnum()


class AnswerMatcher:
    """Reads greedy text as values of one relation's range.

    `forms` maps a value's id to its surface forms (label and aliases). All methods look at the first line only. The
    start of the line is parsed to the longest form of *any* value; the values of that form count if a word ends there.
    """

    def __init__(self, forms: Mapping[str, Sequence[str]]) -> None:
        table: dict[str, set[str]] = {}
        for value, texts in forms.items():
            for text in texts:
                if form := normalise(text):
                    table.setdefault(form, set()).add(value)
        self._values = {form: frozenset(values) for form, values in table.items()}
        self._sorted = sorted(table)
        self._lengths = sorted({len(form) for form in table}, reverse=True)
        self.surface_forms: dict[str, tuple[str, ...]] = {value: tuple(texts) for value, texts in forms.items()}
        self.max_form_chars: int = max((len(text) for texts in forms.values() for text in texts), default=0)
        """Characters of the longest answer as written: a decoder may stop four tokens past it."""

    @property
    def values(self) -> tuple[str, ...]:
        """Ids of all values this matcher can return."""
        return tuple(self.surface_forms)

    def parse(self, text: str) -> frozenset[str]:
        """Values whose longest surface form starts the text; empty if there is none or its word goes on."""
        return self._read(text)[0]

    def hit(self, text: str, accepted: Collection[str]) -> bool:
        """Whether the text starts with an accepted value, as a whole answer."""
        return not self.parse(text).isdisjoint(accepted)

    def exact(self, text: str, accepted: Collection[str]) -> bool:
        """Whether the whole line is an accepted value, outer punctuation and article apart."""
        values, rest = self._read(text)
        return not values.isdisjoint(accepted) and all(map(_outer, rest))

    def lenient(self, text: str, accepted: Collection[str]) -> bool:
        """The published, lenient count, for comparison only: gold in generated or generated in gold."""
        line = normalise(text)
        golds = [normalise(form) for value in accepted for form in self.surface_forms.get(value, ())]
        return bool(line) and any(gold and (gold in line or line in gold) for gold in golds)

    def settled(self, text: str) -> bool:
        """True only if no continuation of `text` can change parse, hit or exact (lenient may still change)."""
        if _LINE_END.search(text):
            return True
        # The last marks may be reordered by what follows, and U+FFFD stands for bytes that are still to come.
        while text and (text[-1] == "\ufffd" or unicodedata.combining(unicodedata.normalize("NFKD", text[-1])[-1])):
            text = text[:-1]
        line = fold(text)
        starts = _starts(line)
        if line[starts[0] :] in _ARTICLE_STARTS or any(self._begins_form(line[start:]) for start in starts):
            return False
        _, end = self._longest(line)
        rest = line[end:]
        if not end:
            return True
        return len(rest) > 1 and not all(map(_outer, rest))

    def _read(self, text: str) -> tuple[frozenset[str], str]:
        """Values of the longest form, and what follows it on the line."""
        found = _LINE_END.search(text)
        line = fold(text[: found.start()] if found else text)
        start, end = self._longest(line)
        if not end or not _bounded(line, start, end):
            return frozenset(), line
        return self._values[line[start:end]], line[end:]

    def _longest(self, line: str) -> tuple[int, int]:
        """Start and end of the form that reaches furthest; (0, 0) if the line starts with none."""
        best = (0, 0)
        for start in _starts(line):
            left = len(line) - start
            for length in self._lengths:
                if length <= left and line[start : start + length] in self._values:
                    best = max(best, (start, start + length), key=lambda span: span[1])
                    break
        return best

    def _begins_form(self, text: str) -> bool:
        """Whether some form starts with `text` (or is it)."""
        index = bisect_left(self._sorted, text)
        return index < len(self._sorted) and self._sorted[index].startswith(text)


def matchers(ontology: Ontology, relations: Iterable[str]) -> dict[str, AnswerMatcher]:
    """One matcher per relation, over the values of its facts and the individuals of its range classes."""
    members: dict[str, list[str]] = {}
    for iri, individual in ontology.individuals.items():
        for kind in {ancestor for own in individual.types for ancestor in (own, *ontology.ancestors(own))}:
            members.setdefault(kind, []).append(iri)
    result = {}
    for relation in relations:
        values = {value for listed in ontology.facts.get(relation, {}).values() for value in listed}
        values.update(ontology.relations[relation].choices)
        values.update(iri for kind in ontology.relations[relation].range for iri in members.get(kind, ()))
        result[relation] = AnswerMatcher({value: ontology.texts(value) for value in sorted(values)})
    return result
