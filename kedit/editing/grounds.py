"""What an expectation will be held against, before anything is measured: items, at most, and of how many subjects they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from kedit.curriculum.prompts import Prompt, PromptSet, cell
from kedit.editing.metric_names import EDIT_METRICS, HEADLINE_QUADRANT, OWN_PROMPTS
from kedit.editing.reach import counted_relation
from kedit.editing.recipe import Expectation
from kedit.editing.resolving import AskedText, ResolvedEdit, ResolvedRecipe
from kedit.ontology.model import Ontology


class Sample(NamedTuple):
    """Prompts to take a sample from: subject -> number of them."""

    subjects: Counter[str]

    def items(self, cap: int) -> int:
        """How many will be taken."""
        return min(self.subjects.total(), cap)

    def distinct(self, cap: int) -> int:
        """Of how many subjects they will be: the expectation under a random choice."""
        total = self.subjects.total()
        if total <= cap:
            return len(self.subjects)
        return round(sum(1 - (1 - cap / total) ** count for count in self.subjects.values()))


class Ground(NamedTuple):
    """Items of an edit (None: of all together) on a quadrant or corpus, and of how many subjects."""

    edit: str | None
    on: str
    items: int
    subjects: int


def by_quadrant(prompts: Iterable[Prompt], names: Iterable[str]) -> dict[str, Sample]:
    """Quadrant -> the prompts of it, texts that ask nothing too."""
    cells = {name: Sample(Counter()) for name in names}
    for prompt in prompts:
        name = cell(prompt)
        if name in cells and prompt.subject is not None:
            cells[name].subjects[prompt.subject] += 1
    return cells


class Grounds:
    """What every expectation of a recipe on a run's prompts will be held against."""

    def __init__(
        self, resolved: ResolvedRecipe, ontology: Ontology, prompts: PromptSet, samples: Mapping[str, Mapping[str, Sample]]
    ) -> None:
        """`samples`: edit -> quadrant -> prompts that can show its effect."""
        self._resolved, self._ontology, self._samples = resolved, ontology, samples
        unseen = [prompt for prompt in prompts.prompts if cell(prompt) == HEADLINE_QUADRANT]
        self._asked = [prompt for prompt in unseen if prompt.relation is not None]
        # What is neither about a seen subject nor on a seen carrier, as verification has it.
        self._silent = [p for p in prompts.negatives if p.carrier_split == "heldout" and p.subject_split in (None, "test")]

    def of(self, expectation: Expectation) -> Iterator[Ground]:
        """One for each edit, quadrant and corpus that it is about; none for metrics that are no shares of items."""
        edits = [edit for edit in self._resolved.edits if expectation.edit in (None, edit.id)]
        if expectation.on == OWN_PROMPTS:
            for edit in edits:
                yield self._own(edit, expectation)
        elif expectation.metric in EDIT_METRICS:
            on = expectation.on or HEADLINE_QUADRANT
            for edit in edits:
                yield _ground(edit.id, on, self._samples[edit.id].get(on, Sample(Counter())), self._resolved.verify.per_edit)
        elif expectation.metric in ("retention", "scope_leak", "scope_miss"):
            for edit in edits:
                yield from self._around(edit, expectation)

    def _own(self, edit: ResolvedEdit, expectation: Expectation) -> Ground:
        """The recipe's own prompts: those that the edit is for, of `scope_leak` the others."""
        leak = expectation.metric == "scope_leak"
        named = [(text, self._wanted(edit, text)) for text in self._resolved.prompts]
        chosen = [text for text, wanted in named if wanted != leak]
        if expectation.metric in EDIT_METRICS:
            chosen = [text for text in chosen if self._is_judged(edit, text)]
        return _ground(edit.id, OWN_PROMPTS, Sample(Counter(text.subject or text.text for text in chosen)), len(chosen))

    def _wanted(self, edit: ResolvedEdit, text: AskedText) -> bool:
        in_scope = edit.subjects is None or text.subject in edit.subjects
        return in_scope and (edit.op == "set" or edit.slot_iri in self._terms(text.relation))

    def _terms(self, relation: str | None) -> tuple[str, ...]:
        return () if relation is None else (relation, *self._ontology.ancestors(relation))

    def _is_judged(self, edit: ResolvedEdit, text: AskedText) -> bool:
        """Whether an answer to it can be right or wrong."""
        slots = (edit.slot,) if edit.slot_iri in self._terms(text.relation) else ()
        prompt = Prompt("", text.text, text.relation, text.subject, (), "", "heldout", None, slots, None)
        counted = counted_relation(prompt, edit)
        return counted is not None and text.subject is not None and bool(self._ontology.values(counted, text.subject))

    def _around(self, edit: ResolvedEdit, expectation: Expectation) -> Iterator[Ground]:
        n = self._resolved.verify.locality_n
        if expectation.metric == "scope_miss":
            asked = [p for p in self._asked if edit.slot in p.slots and _in_scope(edit, p)]
            yield _ground(edit.id, HEADLINE_QUADRANT, _sample(asked), n)
            return
        corpora = self._corpora(edit)
        if expectation.metric == "retention":
            for name, prompts in corpora.items():
                if expectation.on == name or (prompts and expectation.on is None):
                    yield _ground(edit.id, name, _sample(prompts), n)
            return
        out = {name: _sample(prompts) for name, prompts in corpora.items() if name != "same_relation"}
        silent = [p for p in self._silent if not (edit.op == "set" and _in_scope(edit, p))]
        subjects = {*out["other_relations"].subjects, *out["other_subjects"].subjects, *(p.subject or p.carrier for p in silent)}
        yield Ground(edit.id, "out of scope", sum(s.items(n) for s in out.values()) + len(silent), len(subjects))

    def _corpora(self, edit: ResolvedEdit) -> dict[str, Sequence[Prompt]]:
        """What should stay as it is."""
        named, protect = {edit.slot, edit.target}, self._resolved.protect
        others = [p for p in self._asked if p.relation in protect or named.isdisjoint(p.slots)]
        asking = [p for p in self._asked if edit.slot in p.slots and p.relation not in protect]
        return {
            "other_relations": others,
            "other_subjects": [p for p in asking if not _in_scope(edit, p)],
            "same_relation": [p for p in asking if _in_scope(edit, p)] if edit.op == "amplify" else [],
        }


def _in_scope(edit: ResolvedEdit, prompt: Prompt) -> bool:
    return edit.subjects is None or prompt.subject in edit.subjects


def _sample(prompts: Iterable[Prompt]) -> Sample:
    return Sample(Counter(str(prompt.subject) for prompt in prompts))


def _ground(edit: str | None, on: str, sample: Sample, cap: int) -> Ground:
    return Ground(edit, on, sample.items(cap), sample.distinct(cap))
