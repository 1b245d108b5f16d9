"""What a relation runs from and to: stated, inherited, or seen in its facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from kedit.ontology.model import LITERAL_MARK, Ontology, Relation

ANYTHING = "owl:Thing"
"""Id of the box for literals of which no domain is known."""
UNION = " | "
"""Between the classes in the id of a box that stands for many of them."""
_MOST_ARROWS = 3
_LOOKED_AT = 2000
_COVERED = 0.9


@dataclass(frozen=True, slots=True)
class Ends:
    """Classes that a relation runs from and to; empty where nothing is known."""

    domain: tuple[str, ...]
    range: tuple[str, ...]
    stated: bool = True

    @property
    def known(self) -> bool:
        """Whether a class is known at either end."""
        return bool(self.domain or self.range)


def find_ends(ontology: Ontology, relation: Relation) -> Ends:
    """Domain and range as stated, else of the nearest super-property that states them, else as the facts show them."""
    line = [relation, *(ontology.relations[iri] for iri in ontology.ancestors(relation.iri) if iri in ontology.relations)]
    domain = next((found for one in line if (found := _classes(ontology, one.domain))), ())
    ranges = next((found for one in line if (found := _classes(ontology, one.range))), ())
    facts = ontology.facts.get(relation.iri, {})
    stated = True
    if facts and not domain:
        domain = _seen(ontology, list(facts)[:_LOOKED_AT])
        stated = not domain
    if facts and not ranges and relation.kind == "object":
        values = [value for found in list(facts.values())[:_LOOKED_AT] for value in found if not value.startswith(LITERAL_MARK)]
        ranges = _seen(ontology, values)
        stated = stated and not ranges
    return Ends(domain, ranges, stated)


def boxes_of(ends: Ends, relation: Relation) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Ids of the boxes at both ends, none where nothing is known; one for a long list of classes. Literals stand in their box."""
    domain, ranges = (found if len(found) <= _MOST_ARROWS else (UNION.join(found),) for found in (ends.domain, ends.range))
    return (domain or (ANYTHING,), ()) if relation.kind == "data" else (domain, ranges)


def _classes(ontology: Ontology, iris: Iterable[str]) -> tuple[str, ...]:
    return tuple(iri for iri in iris if iri in ontology.classes)


def _seen(ontology: Ontology, individuals: list[str]) -> tuple[str, ...]:
    """The most specific class that nearly all of these individuals belong to."""
    covered: Counter[str] = Counter()
    for types, number in Counter(ontology.individuals[iri].types for iri in individuals if iri in ontology.individuals).items():
        kinds = {above for kind in types for above in (kind, *ontology.ancestors(kind))} & ontology.classes.keys()
        covered.update(dict.fromkeys(kinds, number))
    common = [kind for kind, number in covered.items() if number >= _COVERED * len(individuals)]
    best = min(common, key=lambda kind: (covered[kind], -len(ontology.ancestors(kind)), kind), default=None)
    return (best,) if best else ()
