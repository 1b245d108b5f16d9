"""How many items of an ordered pair are measured: a share of its source's budget, as pairs are relations squared."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Final

from kedit.curriculum.splits import unit_hash
from kedit.editing.resolving import ResolvedEdit
from kedit.verification.items import Cap, limit_of
from kedit.verification.setting import Setting

FULL: Final = 4
"""Pairs whose caps make up the budget of a source: with five relations all it has."""
LEAST: Final = 24
"""Items that a pair has at least, for it takes 20 of 12 subjects to count (`metrics.counts`)."""


def budget(setting: Setting, cap: Cap, seed: int) -> Cap:
    """A cap of pairs as the cap of FULL pairs, spread over all targets of a source; of a source with no more it is what it was.

    A pair's share is no smaller than LEAST; targets for which that leaves nothing are left out (0). Those that are kept follow
    the source in a circle by hash, so that every relation is a target as often as a source. Where there is no cap, the budget
    is FULL items of every prompt.
    """
    most, asked = limit_of(cap), cache(lambda cell: _asked(setting, cell))
    targets = {source: _circle(source, others, seed) for source, others in linked(setting).items()}

    def share(edit: ResolvedEdit, cell: str) -> int | None:
        own, others = most(edit, cell), targets[edit.slot_iri]
        if len(others) <= FULL:
            return own
        full = asked(cell)[edit.slot] if own is None else own
        each = max(-(-FULL * full // len(others)), min(full, LEAST), 1)
        return each if edit.target_iri in others[: -(-FULL * full // each)] else 0

    return share


def linked(setting: Setting) -> dict[str, list[str]]:
    """Relation -> the others of which a subject that it is asked about has a fact: pairs that items are made of."""
    slots = {slot.index: slot.iri for slot in setting.slots.relations}
    subjects: dict[str, set[str]] = {iri: set() for iri in setting.relations}
    for prompt in setting.prompts.asked:
        for slot in prompt.slots:
            if slot in slots:
                subjects[slots[slot]].add(str(prompt.subject))
    facts = {iri: setting.ontology.facts.get(iri, {}) for iri in setting.relations}
    return {a: [b for b in facts if b != a and not subjects[a].isdisjoint(facts[b])] for a in facts}


def _circle(source: str, others: list[str], seed: int) -> list[str]:
    """The others in order of a hash, beginning behind the source."""
    place = {iri: unit_hash("target", seed, iri) for iri in (source, *others)}
    return sorted(others, key=lambda iri: ((place[iri] - place[source]) % 1, iri))


def _asked(setting: Setting, cell: str) -> Counter[int]:
    """Slot -> prompts of a cell that ask for it."""
    return Counter(slot for prompt in setting.by_cell.get(cell, ()) if prompt.relation is not None for slot in prompt.slots)
