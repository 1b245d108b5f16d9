"""What benchmarks of a model work on: an ontology's own prompts, whole carriers of them, and the swaps between its relations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from kedit.curriculum.answers import AnswerMatcher, matchers
from kedit.curriculum.prompts import Prompt, build_prompts
from kedit.curriculum.slots import SlotMap, build_slots
from kedit.curriculum.splits import unit_hash
from kedit.errors import InputError
from kedit.lm.model import LanguageModel
from kedit.lm.swaps import Swap
from kedit.ontology import require_alignable
from kedit.ontology.model import Ontology


class Workload(NamedTuple):
    """A model and prompts of an ontology for it, with their token ids; `layers`: hook points, the last one that of edits."""

    lm: LanguageModel
    ontology: Ontology
    slots: SlotMap
    matchers: dict[str, AnswerMatcher]
    prompts: tuple[Prompt, ...]
    ids: list[list[int]]
    layers: tuple[int, ...]

    @property
    def carriers(self) -> list[str]:
        """Each prompt's carrier."""
        return [prompt.carrier for prompt in self.prompts]

    def part(self, prompts: int) -> Workload:
        """The first carriers, with at least so many prompts in all."""
        return self._only(_of_carriers(self.prompts, prompts))

    def each(self, count: int) -> Workload:
        """So many prompts, evenly from all of them."""
        return self._only(range(0, len(self.prompts), max(1, len(self.prompts) // count))[:count])

    def _only(self, chosen: Iterable[int]) -> Workload:
        index = list(chosen)
        return self._replace(prompts=tuple(self.prompts[i] for i in index), ids=[self.ids[i] for i in index])

    def swaps(self) -> list[Swap]:
        """Of every prompt, the swaps to all relations of its subject: the ontology's first answer, then a full stop."""
        position = {slot.iri: index for index, slot in enumerate(self.slots.relations)}
        wanted = [
            (number, position[str(prompt.relation)], position[target], self.ontology.texts(values[0])[0])
            for number, prompt in enumerate(self.prompts)
            for target in position
            if target != prompt.relation and (values := self.ontology.values(target, str(prompt.subject)))
        ]
        texts = [self.prompts[number].text for number, *_ in wanted]
        pairs = self.lm.encode_continuations(texts, [f" {answer}." for *_, answer in wanted])
        return [
            Swap(number, source, target, tuple(answer))
            for (number, source, target, _), (_, answer) in zip(wanted, pairs, strict=True)
        ]


def load_workload(lm: LanguageModel, ontology: Ontology, prompts: int, layers: tuple[int, ...]) -> Workload:
    """At least so many prompts of an ontology, as `kedit align` would make them; InputError if nothing can be swapped."""
    relations = require_alignable(ontology)
    slots = build_slots(ontology, relations)
    made = build_prompts(ontology, slots, relations)
    if len(relations) < 2:
        raise InputError("has one relation that can be used: there is nothing to swap", advice="Take another ontology.")
    ids = lm.encode_batch([prompt.text for prompt in made.asked])
    return Workload(lm, ontology, slots, matchers(ontology, relations), made.asked, ids, layers).part(prompts)


def _of_carriers(prompts: Sequence[Prompt], least: int) -> list[int]:
    """Places of the first carriers' prompts, in an order of carriers by hash, until there are so many."""
    groups: dict[str, list[int]] = defaultdict(list)
    for number, prompt in enumerate(prompts):
        groups[prompt.carrier].append(number)
    chosen: list[int] = []
    for carrier in sorted(groups, key=lambda carrier: (unit_hash("bench", carrier), carrier)):
        if len(chosen) >= least:
            break
        chosen += groups[carrier]
    return chosen
