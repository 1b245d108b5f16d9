"""What follows from the facts: sub-properties and property chains over folded relations, each answer with its derivation.

Inverse, symmetric and equivalent properties and same individuals are one relation and one individual already (see
`properties` and `facts`); what is left is a search from a subject, which ends because recursive chains are no rules.
Transitivity counts only where it was asked for. Full OWL-RL engines do not finish on real files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from kedit.ontology.facts import Facts
from kedit.ontology.model import Relation
from kedit.ontology.union import cycles

DEEPEST = 100
"""How many chains may be nested in one another."""
Rule = Literal["stated", "sub-property", "chain", "transitive"]
Step = tuple[str, bool]
"""A relation, and whether it is walked from its answers to its subjects."""


@dataclass(frozen=True, slots=True)
class Derivation:
    """Why `value` answers `relation` of `subject`: stated, by a narrower relation, by a chain or along a transitive relation."""

    relation: str
    subject: str
    value: str
    rule: Rule
    premises: tuple[Derivation, ...] = ()


@dataclass(frozen=True)
class Rules:
    """What entails what, between relations.

    `narrower` maps a relation to those under it, each with whether it reads in the opposite direction; `chains` maps one to
    its chains; `symmetric` are those that read the same both ways, `transitive` those to be followed along the whole way.
    """

    narrower: Mapping[str, Sequence[tuple[str, bool]]]
    chains: Mapping[str, Sequence[tuple[Step, ...]]]
    symmetric: frozenset[str]
    transitive: frozenset[str] = frozenset()

    @cached_property
    def recursive(self) -> frozenset[tuple[str, tuple[Step, ...]]]:
        """Chains that need what they define, straight or through other relations: data, never a rule."""
        edges = {(above, below) for above, found in self.narrower.items() for below, _ in found}
        edges |= {(iri, step) for iri, chains in self.chains.items() for chain in chains for step, _ in chain}
        group = {iri: number for number, members in enumerate(cycles(edges)) for iri in members}
        return frozenset(
            (iri, chain)
            for iri, chains in self.chains.items()
            for chain in chains
            if any(step == iri or (step in group and group[step] == group.get(iri)) for step, _ in chain)
        )

    @cached_property
    def too_deep(self) -> frozenset[tuple[str, tuple[Step, ...]]]:
        """Chains of chains of chains ... that no search should follow, for it would not come back."""
        rules = [(iri, chain) for iri, chains in self.chains.items() for chain in chains if (iri, chain) not in self.recursive]
        needed = {step: [below for below, _ in self.below(step)] for _, chain in rules for step, _ in chain}
        depth: dict[str, int] = {}
        for _ in range(DEEPEST + 1):
            before = dict(depth)
            for iri, chain in rules:
                below = 1 + max((before.get(other, 0) for step, _ in chain for other in needed[step]), default=0)
                depth[iri] = max(depth.get(iri, 0), below)
            if depth == before:
                break
        return frozenset((iri, chain) for iri, chain in rules if depth.get(iri, 0) > DEEPEST)

    @cached_property
    def usable(self) -> dict[str, list[tuple[Step, ...]]]:
        """Relation -> its chains that are no recursion, those of a symmetric relation also the other way round."""
        idle, found = self.recursive | self.too_deep, dict[str, list[tuple[Step, ...]]]()
        for iri, chains in self.chains.items():
            kept = [chain for chain in chains if (iri, chain) not in idle]
            if iri in self.symmetric:
                kept += [back for chain in kept if (back := reverse(chain)) not in kept]
            if kept:
                found[iri] = kept
        return found

    def below(self, relation: str) -> list[Step]:
        """Every relation whose facts are facts of this one, nearest first, with whether it reads against it; itself first."""
        found: dict[Step, None] = {(relation, False): None}
        queue = [(relation, False)]
        while queue:
            iri, turned = queue.pop(0)
            near = [(below, turned ^ flip) for below, flip in self.narrower.get(iri, ())]
            if iri in self.symmetric:
                near.append((iri, not turned))
            queue += [step for step in sorted(near) if step not in found]
            found.update(dict.fromkeys(sorted(near)))
        # What is symmetric holds each fact both ways: once is enough.
        return [step for step in found if not (step[0] in self.symmetric and step[1] and (step[0], False) in found)]


def rules_of(
    relations: Mapping[str, Relation], narrower: Mapping[str, Sequence[tuple[str, bool]]], transitive: bool = False
) -> Rules:
    """The rules that an ontology's relations state; those of transitive relations only on request."""
    chains = {
        iri: [tuple((step.removeprefix("^"), step.startswith("^")) for step in chain) for chain in relation.chains]
        for iri, relation in relations.items()
        if relation.chains
    }
    symmetric = frozenset(iri for iri, relation in relations.items() if relation.symmetric)
    followed = frozenset(iri for iri, relation in relations.items() if transitive and relation.transitive)
    return Rules(narrower, chains, symmetric, followed)


def reverse(chain: tuple[Step, ...]) -> tuple[Step, ...]:
    """The same chain walked from its end."""
    return tuple((iri, not inverted) for iri, inverted in reversed(chain))


class Inference:
    """Answers questions about folded facts by the rules; nothing is materialised."""

    def __init__(self, facts: Mapping[str, Facts], rules: Rules) -> None:
        self._facts = facts
        self._rules = rules
        self._backward: dict[str, dict[str, list[str]]] = {}
        self._below: dict[str, list[Step]] = {}
        self._known: dict[tuple[Step, str, bool], list[Derivation]] = {}
        self._telling = True
        """Whether ways are told; they are long, and nobody asks for those of all answers."""

    def derivations(self, relation: str, subject: str) -> dict[str, Derivation]:
        """Value -> why it answers the question, for all values that follow; stated ones first, then in order of value."""
        self._known.clear()  # what is met again within one question is worked out once
        return {found.value: found for found in self._found((relation, False), subject)}

    def values(self, relation: str, subject: str) -> tuple[str, ...]:
        """All values that follow, sorted."""
        self._telling = False
        try:
            return tuple(sorted(self.derivations(relation, subject)))
        finally:
            self._telling = True

    def ruled(self) -> list[str]:
        """Relations about which rules say something beyond what is stated."""
        return sorted(self._rules.narrower.keys() | self._rules.usable.keys() | self._rules.transitive)

    def _found(self, step: Step, node: str, followed: bool = True) -> list[Derivation]:
        """One derivation for each other end of a step from `node`; the nearest rule wins.

        Unless `followed`, transitive relations lead one step far only.
        """
        key = (step, node, followed)
        if key not in self._known:
            self._known[key] = list(self._search(step, node, followed))
        return self._known[key]

    def _search(self, step: Step, node: str, followed: bool) -> Iterator[Derivation]:
        relation, inverted = step
        seen: set[str] = set()

        def fresh(iri: str, turned: bool, other: str, rule: Rule, premises: tuple[Derivation, ...] = ()) -> Iterator[Derivation]:
            if other not in seen:
                seen.add(other)
                found = Derivation(iri, *((other, node) if turned ^ inverted else (node, other)), rule, premises)
                ends = (other, node) if inverted else (node, other)
                yield found if (iri, turned) == (relation, False) else Derivation(relation, *ends, "sub-property", (found,))

        for iri, turned in self._steps(relation):
            against = turned ^ inverted
            for other in self._inverse(iri).get(node, ()) if against else self._facts.get(iri, {}).get(node, ()):
                yield from fresh(iri, turned, other, "stated")
            for chain in self._rules.usable.get(iri, ()):
                for other, walked in sorted(self._join(chain, against, node).items()):
                    yield from fresh(iri, turned, other, "chain", walked[::-1] if against else walked)
        for iri, turned in self._steps(relation) if followed else ():
            if iri in self._rules.transitive:
                against = turned ^ inverted
                last = self._along((iri, against), node)
                for other in sorted(last):
                    walked = self._way(last, node, other) if self._telling else ()
                    yield from fresh(iri, turned, other, "transitive", walked if against else walked[::-1])

    def _along(self, step: Step, node: str) -> dict[str, tuple[str, Derivation]]:
        """Everything that one step after another leads to, with the last step of a shortest way and where that begins."""
        last: dict[str, tuple[str, Derivation]] = {}
        queue = [node]
        for start in queue:  # grows while it is walked
            for found in self._found(step, start, followed=False):
                other = found.subject if step[1] else found.value
                if other not in last:
                    last[other] = (start, found)
                    queue.append(other)
        return last

    @staticmethod
    def _way(last: Mapping[str, tuple[str, Derivation]], node: str, other: str) -> tuple[Derivation, ...]:
        """The steps from a node to another, from the last to the first."""
        steps = [last[other]]
        while steps[-1][0] != node:
            steps.append(last[steps[-1][0]])
        return tuple(found for _, found in steps)

    def _join(self, chain: tuple[Step, ...], backward: bool, node: str) -> dict[str, tuple[Derivation, ...]]:
        """End -> the steps that lead there, one way for each end."""
        ends: dict[str, tuple[Derivation, ...]] = {node: ()}
        for step in reverse(chain) if backward else chain:
            reached: dict[str, tuple[Derivation, ...]] = {}
            for start, walked in ends.items():
                for found in self._found(step, start):
                    reached.setdefault(found.subject if step[1] else found.value, (*walked, found))
            ends = reached
        return ends

    def _steps(self, relation: str) -> list[Step]:
        if relation not in self._below:
            self._below[relation] = self._rules.below(relation)
        return self._below[relation]

    def _inverse(self, relation: str) -> dict[str, list[str]]:
        if relation not in self._backward:
            found: dict[str, list[str]] = {}
            for subject, values in self._facts.get(relation, {}).items():
                for value in values:
                    found.setdefault(value, []).append(subject)
            self._backward[relation] = found
        return self._backward[relation]


def completed(facts: Mapping[str, Facts], inference: Inference) -> tuple[dict[str, Facts], dict[str, int]]:
    """Facts with every answer that follows, where the relation is asked of the subject; and how many were added to each.

    A fact of a narrower relation is asked there, so it makes no new question of a wider one; it is a right answer to it.
    """
    found: dict[str, Facts] = dict(facts)
    added: dict[str, int] = {}
    for relation in inference.ruled():
        own = facts.get(relation, {})
        full = {subject: inference.values(relation, subject) for subject in own}
        more = sum(map(len, full.values())) - sum(map(len, own.values()))
        if more:
            found[relation], added[relation] = full, more
    return found, added
