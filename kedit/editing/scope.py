"""Lexical scope: whose question a text is, told by the last mention of a subject's name.

It reads text, not the model: it can be wrong where a name is missing, misspelt or shared, and verification measures how
often (leak, miss).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from kedit.curriculum.answers import fold
from kedit.curriculum.carriers import SUBJECT, Carrier
from kedit.editing.resolving import ResolvedEdit
from kedit.ontology.model import Ontology

_WORD = re.compile(r"\w+")


class LexicalScope:
    """Finds the subject of a text among an ontology's individuals.

    `relations` are those whose subjects can be asked about (and `also` more of them): mentions of other individuals
    (answers in a worked example) decide nothing. Where a text was made by one of `carriers`, the carrier's own words are
    masked: only what stands in the subject's place counts.
    """

    def __init__(
        self, ontology: Ontology, relations: Iterable[str], *, also: Iterable[str] = (), carriers: Iterable[Carrier] = ()
    ) -> None:
        asked = {subject for relation in relations for subject in ontology.facts.get(relation, {})} | set(also)
        self._names: dict[str, set[str]] = {}
        for iri, individual in ontology.individuals.items():
            for name in (individual.label, *individual.aliases):
                if key := fold(name).strip():
                    self._names.setdefault(key, set()).update((iri,) if iri in asked else ())
        # Names by their first word, longest first, so that a text is read once whatever the number of names.
        self._by_word: dict[str, list[str]] = {}
        for name in sorted(self._names, key=lambda name: (-len(name), name)):
            if word := _WORD.search(name):
                self._by_word.setdefault(word[0], []).append(name)
        self._carriers = [pattern for pattern, _ in sorted(_patterns(carriers), key=lambda item: -item[1])]

    def subjects(self, text: str, span: tuple[int, int] | None = None) -> frozenset[str]:
        """IRIs of the individuals that the text may be about (several only if they share a name); empty if none is named.

        `span`: characters of `text` where the subject stands, if that is known.
        """
        if span is not None:
            return frozenset(self._names.get(fold(text[slice(*span)]).strip(), ()))
        for pattern in self._carriers:
            if (match := pattern.fullmatch(text)) and (found := self._names.get(fold(match["subject"]).strip())):
                return frozenset(found)
        last: frozenset[str] = frozenset()
        for name in self._mentions(fold(text)):
            last = frozenset(self._names[name]) or last
        return last

    def covers(self, text: str, subjects: Collection[str] | None, span: tuple[int, int] | None = None) -> bool:
        """Whether the text's subject is one of `subjects` (None: everyone, even nobody)."""
        return subjects is None or not self.subjects(text, span).isdisjoint(subjects)

    def _mentions(self, text: str) -> Iterator[str]:
        """Names in order of appearance: the longest at each place, whole words, none inside another."""
        end = 0
        for word in _WORD.finditer(text):
            for name in self._by_word.get(word[0], ()):
                start = word.start() - _lead(name)
                if start >= end and text.startswith(name, start) and _is_whole(text, start, start + len(name)):
                    end = start + len(name)
                    yield name
                    break


def scope_of(edit: ResolvedEdit, ontology: Ontology, carriers: Iterable[Carrier] = ()) -> LexicalScope | None:
    """What tells whether a text is in an edit's scope; None if everything is."""
    if edit.subjects is None:
        return None
    touched = {edit.slot_iri, edit.target_iri}
    relations = [iri for iri in ontology.facts if iri in touched or touched.intersection(ontology.ancestors(iri))]
    # Class slots have no facts of their own; then every subject of the ontology can be asked about.
    return LexicalScope(ontology, relations or ontology.facts, also=edit.subjects, carriers=carriers)


def _lead(name: str) -> int:
    """How much of a name stands before its first word ("'s-hertogenbosch")."""
    word = _WORD.search(name)
    return word.start() if word else 0


def _is_whole(text: str, start: int, end: int) -> bool:
    """Whether no word runs across either end; a hyphen binds ("Guinea" is not in "Guinea-Bissau")."""
    before, after = text[max(start - 2, 0) : start], text[end : end + 2]
    if before and (_is_word(before[-1]) or (before[-1] == "-" and _is_word(before[0]) and len(before) == 2)):
        return False
    return not (after and (_is_word(after[0]) or (after[0] == "-" and _is_word(after[-1]) and len(after) == 2)))


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _patterns(carriers: Iterable[Carrier]) -> Iterator[tuple[re.Pattern[str], int]]:
    """Each carrier as an expression with a group `subject`, and the length of its own text."""
    for carrier in carriers:
        parts: Sequence[str] = [*carrier.before.split(SUBJECT), carrier.after]
        if not any(part.strip() for part in parts):
            continue
        first, second, *others = (re.escape(part) for part in parts)
        expression = f"{first}(?P<subject>.+?){second}" + "".join(f"(?P=subject){part}" for part in others)
        yield re.compile(rf"\s*{expression}\s*", re.DOTALL), sum(map(len, parts))
