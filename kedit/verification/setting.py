"""What everything that measures needs: one run's model, dictionary, prompts and knowledge, with look-ups over them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from kedit.curriculum.answers import AnswerMatcher, answer_texts
from kedit.curriculum.carriers import Carrier
from kedit.curriculum.prompts import Prompt, PromptSet
from kedit.curriculum.slots import SlotMap
from kedit.editing.recipe import When
from kedit.editing.resolving import ResolvedEdit
from kedit.lm.capture import capture_decisions
from kedit.lm.continuation import Continuation
from kedit.lm.knowledge import Knowledge
from kedit.lm.model import LanguageModel
from kedit.lm.reading import Decoder
from kedit.ontology.model import Ontology, Role, Split
from kedit.sae.competitors import Competitor
from kedit.sae.dictionary import AlignedSAE


@dataclass(frozen=True, eq=False)
class Setting:
    """A run as it is measured. IRIs everywhere; (subject, relation) keys facts, (from, to) ordered pairs.

    knowledge: of `prompts.asked`. vectors: `diff_means` and `trained_vector` [R, d], one row per relation slot in slot
    order; a control whose vector is missing is left out. competitors: by name; donors: relation -> natural states [n, d] of
    training subjects that some of them interchange with. strength and diff_means_strength were chosen on validation.
    states: prompt id -> decision state [d] after block `sae.layer`, of those prompts that have been read already.
    """

    lm: LanguageModel
    sae: AlignedSAE
    ontology: Ontology
    slots: SlotMap
    prompts: PromptSet
    knowledge: Knowledge
    matchers: Mapping[str, AnswerMatcher]
    trained_pairs: frozenset[tuple[str, str]] = frozenset()
    vectors: Mapping[str, Tensor] = field(default_factory=dict)
    competitors: Mapping[str, Competitor] = field(default_factory=dict)
    donors: Mapping[str, Tensor] = field(default_factory=dict)
    strength: float = 1.0
    diff_means_strength: float = 1.0
    states: Mapping[str, Tensor] = field(default_factory=dict)

    @cached_property
    def continuation(self) -> Continuation:
        """The model above the hook point."""
        return Continuation(self.lm, self.sae.layer)

    @cached_property
    def decoders(self) -> dict[str, Decoder]:
        """Relation -> how long its answers may get."""
        return {iri: Decoder(self.lm, matcher, matcher.surface_forms) for iri, matcher in self.matchers.items()}

    @cached_property
    def relations(self) -> tuple[str, ...]:
        """Relations with a slot, in slot order."""
        return tuple(slot.iri for slot in self.slots.relations)

    @cached_property
    def relation_slots(self) -> Tensor:
        """[R] indices of the relation slots."""
        return torch.tensor([slot.index for slot in self.slots.relations], dtype=torch.long)

    @cached_property
    def known_carriers(self) -> tuple[Carrier, ...]:
        """Carriers whose own words a scope may know here: what is held out must be read as a text never seen."""
        return tuple(carrier for carrier in self.prompts.carriers if carrier.split != "heldout")

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """All ordered pairs of relations."""
        return tuple((a, b) for a in self.relations for b in self.relations if a != b)

    def swap(self, source: str, target: str, when: When = "asked") -> ResolvedEdit:
        """The swap of one ordered pair, at the setting's strength."""
        name = f"{self.ontology.curie(source)} -> {self.ontology.curie(target)}"
        return ResolvedEdit(name, "swap", self.slots.index(source), source, self.slots.index(target), target, when=when)

    def known(self, subject: str, relation: str) -> bool:
        """Whether the model knows a fact (robust gate)."""
        return self.knowledge.known.get((subject, relation), False)

    def shares_answer(self, subject: str, a: str, b: str) -> bool:
        """`answers.shares_answer`, remembered."""
        return not self._texts(a, subject).isdisjoint(self._texts(b, subject))

    def _texts(self, relation: str, subject: str) -> frozenset[str]:
        key = (relation, subject)
        if key not in self._text_cache:
            self._text_cache[key] = answer_texts(self.ontology, relation, subject)
        return self._text_cache[key]

    @cached_property
    def _text_cache(self) -> dict[tuple[str, str], frozenset[str]]:
        return {}

    def answer_seen(self, relation: str, values: Sequence[str]) -> bool:
        """Whether one of these answers is an answer of a training subject."""
        return not self._seen[relation].isdisjoint(values)

    @cached_property
    def _seen(self) -> dict[str, frozenset[str]]:
        seen: dict[str, set[str]] = defaultdict(set)
        for prompt in self.prompts.asked:
            if prompt.subject_split == "train":
                seen[str(prompt.relation)].update(prompt.answers)
        return defaultdict(frozenset, {relation: frozenset(values) for relation, values in seen.items()})

    @cached_property
    def training_prompts(self) -> dict[tuple[str, str], list[Prompt]]:
        """(subject, relation) -> its prompts on training carriers."""
        found: dict[tuple[str, str], list[Prompt]] = defaultdict(list)
        for prompt in self.prompts.select(carrier_split="train"):
            found[str(prompt.subject), str(prompt.relation)].append(prompt)
        return dict(found)

    @cached_property
    def hits(self) -> dict[str, bool]:
        """Prompt id -> whether the unedited model answers it rightly."""
        return {prompt.id: hit for prompt, hit in zip(self.prompts.asked, self.knowledge.hits, strict=True)}

    @cached_property
    def by_cell(self) -> dict[str, list[Prompt]]:
        """Quadrant (or "validation") -> its prompts, negatives included."""
        found: dict[str, list[Prompt]] = defaultdict(list)
        for prompt in self.prompts.prompts:
            if (cell := CELLS.get((prompt.carrier_split, prompt.subject_split))) is not None:
                found[cell].append(prompt)
        return found


CELLS: dict[tuple[Role, Split | None], str] = {
    ("train", "train"): "seen_template_seen_subject",
    ("heldout", "train"): "unseen_template_seen_subject",
    ("train", "test"): "seen_template_unseen_subject",
    ("heldout", "test"): "unseen_template_unseen_subject",
    ("valid", "valid"): "validation",
    ("train", "valid"): "validation_subjects",
}
"""Carrier split and subject split -> quadrant; `validation` is where everything is chosen."""
VALIDATION = "validation"
FALLBACK = "seen_template_seen_subject"
"""Where an ontology is too small to validate on, the training prompts must do."""
VALIDATION_SUBJECTS = "validation_subjects"
"""Training carriers about validation subjects: what fills up a sample that validation carriers leave too small."""


@torch.no_grad()
def states_of(setting: Setting, prompts: Sequence[Prompt], label: str = "reading states") -> Tensor:
    """Decision states [n, d] of prompts after the dictionary's block, float32 on the CPU; reads those that are not there yet."""
    missing = list({prompt.id: prompt for prompt in prompts if prompt.id not in setting.states}.values())
    found: dict[str, Tensor] = {}
    if missing:
        ids = setting.lm.encode_batch([prompt.text for prompt in missing])
        states = capture_decisions(setting.lm, ids, [prompt.carrier for prompt in missing], [setting.sae.layer], label)
        found.update(zip((prompt.id for prompt in missing), states[setting.sae.layer], strict=True))
    rows = [found[prompt.id] if prompt.id in found else setting.states[prompt.id] for prompt in prompts]
    return torch.stack(rows).float() if rows else torch.empty(0, setting.sae.d)
