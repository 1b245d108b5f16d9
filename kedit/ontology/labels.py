"""The name of a term in prompts, and the other names that count as right answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kedit.ontology.index import TripleIndex
from kedit.ontology.terms import (
    ALIAS_PROPERTIES,
    KEDIT,
    LABEL_PROPERTIES,
    is_literal,
    language_of,
    language_rank,
    name_words,
    text_of,
)


@dataclass(frozen=True, slots=True)
class Name:
    """A chosen label with the other accepted texts, and how it was found."""

    text: str
    aliases: tuple[str, ...]
    found: str
    """`label`, `other-language`, or `iri` if the local name had to do."""


class Names:
    """Chooses labels: kedit:answerText, then `--label-property`, then the usual properties, then the local name.

    Inside a property: the wanted language, its base language, untagged. Only when no property has any of these does a
    label in another language serve.
    """

    def __init__(self, index: TripleIndex, label_property: Sequence[str], language: str) -> None:
        self._language = language
        self._usable: dict[str, bool] = {}
        """Whether a label with this end (its tag or datatype) is in a language that one wants."""
        labels = (KEDIT + "answerText", *label_property, *LABEL_PROPERTIES)
        self._labels = [pairs for prop in dict.fromkeys(labels) if (pairs := index.pairs(prop))]
        self._aliases = [pairs for prop in ALIAS_PROPERTIES if (pairs := index.pairs(prop))]

    def label(self, iri: str) -> str | None:
        """The label of a term without its local name; None if it has none."""
        name = self.name((iri,))
        return None if name.found == "iri" else name.text

    def name(self, iris: Iterable[str]) -> Name:
        """Label and aliases of an individual, given all IRIs that are the same; the first is the canonical one."""
        iris = tuple(iris)
        if len(iris) == 1 and (only := self._only(iris[0])) is not None:
            return only
        ranked = [
            (self._rank(term), order, text)
            for iri in iris
            for order, pairs in enumerate(self._labels)
            for term in pairs.get(iri, ())
            if is_literal(term) and (text := text_of(term))
        ]
        usable = [(order, rank, text) for rank, order, text in ranked if rank < 3]
        aliases = {text for _, _, text in usable}
        for iri in iris:
            for pairs in self._aliases:
                aliases.update(text_of(term) for term in pairs.get(iri, ()) if is_literal(term) and self._rank(term) < 3)
        if usable:
            text, found = min(usable)[2], "label"
        elif ranked:
            text, found = min(ranked, key=lambda item: item[1:])[2], "other-language"
        else:
            text, found = name_words(iris[0]), "iri"
        return Name(text, tuple(sorted(aliases - {text, ""})) if aliases else (), found)

    def _only(self, iri: str) -> Name | None:
        """The name of a term with one label or none and no alias, as most terms of large files are; None for other terms."""
        for pairs in self._aliases:
            if iri in pairs:
                return None
        found = None
        for pairs in self._labels:
            terms = pairs.get(iri)
            if terms is not None:
                if found is not None or len(terms) > 1:
                    return None
                found = terms[0]
        if found is None:
            return Name(name_words(iri), (), "iri")
        if not is_literal(found) or not (text := text_of(found)):
            return None
        tag = found[found.rindex("\0") :]
        if tag not in self._usable:
            self._usable[tag] = self._rank(found) < 3
        return Name(text, (), "label" if self._usable[tag] else "other-language")

    def _rank(self, term: str) -> int:
        return language_rank(language_of(term), self._language)
