"""What is measured: items, each a prompt, an edit and the relation whose answer counts; sampled by hash, with the gates counted.

An item of
- swap r -> r': a prompt about r (or a relation below r) for a subject that has a fact of r'; r' counts;
- suppress r: a prompt about r; the answer of its own relation counts, by being gone;
- amplify r: a prompt about r that the unedited model does not answer rightly; the answer of its own relation counts;
- set r: a text that names a subject of r and asks nothing; r counts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kedit.curriculum.prompts import CarrierWords, Prompt
from kedit.curriculum.splits import unit_hash
from kedit.editing.metric_names import QUADRANTS
from kedit.editing.reach import counted_relation as counted_relation
from kedit.editing.resolving import ResolvedEdit
from kedit.verification.applying import in_scope
from kedit.verification.figures import Gate
from kedit.verification.setting import Setting

Limit = Callable[[ResolvedEdit, str], int | None]
Cap = int | None | Mapping[str, int | None] | Limit
"""Most known items per edit and quadrant; a mapping says so by quadrant, a function by both. None is no limit, 0 leaves out."""


@dataclass(frozen=True, slots=True)
class Item:
    """One generation to make: `target` is the relation whose answer counts, `known` whether the model knows that fact."""

    prompt: Prompt
    edit: ResolvedEdit
    target: str
    quadrant: str
    known: bool

    @property
    def source(self) -> str:
        """The relation that the prompt asks for; empty for a text that asks nothing."""
        return self.prompt.relation or ""

    @property
    def subject(self) -> str:
        """IRI of the subject."""
        return str(self.prompt.subject)

    @property
    def key(self) -> tuple[str, str, str]:
        """Prompt and edit."""
        return self.prompt.id, self.edit.id, self.target


@dataclass(frozen=True)
class Sample:
    """Items in order of prompts, and what was left out on the way."""

    items: tuple[Item, ...]
    gates: dict[str, Gate]

    def capped(self, cap: Cap, quadrants: Sequence[str]) -> tuple[Item, ...]:
        """The known items of some quadrants, at most `cap` per edit and quadrant; the first of each in the sample's order."""
        counts: Counter[tuple[str, str]] = Counter()
        chosen, limit = [], limit_of(cap)
        for item in self.items:
            key, most = (item.edit.id, item.quadrant), limit(item.edit, item.quadrant)
            if item.known and item.quadrant in quadrants and (most is None or counts[key] < most):
                counts[key] += 1
                chosen.append(item)
        return tuple(chosen)


def limit_of(cap: Cap) -> Limit:
    """A cap as a function of edit and quadrant."""
    if callable(cap):
        return cap
    if isinstance(cap, Mapping):
        table = cap
        return lambda _, cell: table.get(cell)
    number = cap
    return lambda *_: number


def sample_items(
    setting: Setting, edits: Iterable[ResolvedEdit], *, quadrants: Sequence[str] = QUADRANTS, cap: Cap = None, seed: int = 0
) -> Sample:
    """The items of every edit and quadrant, by hash of prompt and seed until `cap` known ones are found.

    Unknown facts met on the way are taken along, so that figures over all facts are not biased by the cap. Dropped: items
    whose source and target accept a common text, and those whose answer stands in the carrier's own words. What a cap of 0
    leaves out is not looked at, nor counted.
    """
    counts: Counter[str] = Counter()
    chosen: list[Item] = []
    order = {cell: _by_slot(_by_hash(setting.by_cell.get(cell, ()), seed)) for cell in quadrants}
    said, limit = _Carriers(setting), limit_of(cap)
    for edit in edits:
        for cell in quadrants:
            most, known = limit(edit, cell), 0
            if most == 0:
                continue
            for item in _candidates(setting, edit, order[cell].get(None if edit.op == "set" else edit.slot, ()), cell):
                if reason := uninformative(setting, item, said.name):
                    counts[reason] += 1
                elif most is not None and known >= most:
                    counts["over"] += 1
                else:
                    known += item.known
                    chosen.append(item)
    return Sample(tuple(chosen), _gates(chosen, counts))


def _by_hash(prompts: Iterable[Prompt], seed: int) -> list[Prompt]:
    # By prompt alone: the same prompts serve all targets, and each is read once.
    return sorted(prompts, key=lambda prompt: (unit_hash("items", seed, prompt.id), prompt.id))


def _by_slot(prompts: Iterable[Prompt]) -> dict[int | None, list[Prompt]]:
    """Prompts by the slots that they ask for, None for those that ask nothing: of edits on all pairs, each looks at its own."""
    found: dict[int | None, list[Prompt]] = defaultdict(list)
    for prompt in prompts:
        for slot in prompt.slots if prompt.relation is not None else (None,):
            found[slot].append(prompt)
    return found


def _candidates(setting: Setting, edit: ResolvedEdit, prompts: Iterable[Prompt], cell: str) -> Iterator[Item]:
    for prompt in prompts:
        if prompt.subject is None or not in_scope(prompt, edit):
            continue
        if edit.op == "amplify" and setting.hits.get(prompt.id, False):
            continue
        target = counted_relation(prompt, edit)
        if target is None or target not in setting.matchers or not setting.ontology.values(target, prompt.subject):
            continue
        yield Item(prompt, edit, target, cell, setting.known(prompt.subject, target))


class _Carriers:
    """Whether an accepted answer stands in the words of a prompt's carrier (then repeating it would count)."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._said: dict[str, CarrierWords] = {}
        self._found: dict[tuple[str, str], bool] = {}

    def name(self, item: Item) -> bool:
        carrier, ontology = item.prompt.carrier, self._setting.ontology
        if carrier not in self._said:
            self._said[carrier] = CarrierWords(self._setting.prompts.by_carrier[carrier])
        return any(self._value(carrier, value) for value in ontology.values(item.target, item.subject))

    def _value(self, carrier: str, value: str) -> bool:
        key = (carrier, value)
        if key not in self._found:
            self._found[key] = any(self._said[carrier](form) for form in self._setting.ontology.texts(value))
        return self._found[key]


def uninformative(setting: Setting, item: Item, said: Callable[[Item], bool]) -> str | None:
    """Why an answer would tell nothing: the old one is right, too (`shared`), or the prompt says it (`said`); else None."""
    if item.source and item.source != item.target and setting.shares_answer(item.subject, item.source, item.target):
        return "shared"
    if item.source != item.target and said(item):
        return "said"
    return None


def informative_gate(kept: int, counts: Counter[str], where: str = "carrier") -> Gate:
    """What `uninformative` dropped, by its reasons."""
    note = f"old and new answer share a text: {counts['shared']}; answer stands in the {where}: {counts['said']}"
    return Gate(kept=kept, dropped=counts["shared"] + counts["said"], note=note)


def _gates(chosen: Sequence[Item], counts: Counter[str]) -> dict[str, Gate]:
    known, n = sum(item.known for item in chosen), len(chosen)
    gates = {
        "informative": informative_gate(n + counts["over"], counts),
        "sampled": Gate(kept=n, dropped=counts["over"], note="by hash of the prompt, unknown facts along with known ones"),
        "known": Gate(kept=known, dropped=n - known, note="robust; the others count in figures over all facts only"),
    }
    return {name: gate for name, gate in gates.items() if gate.kept or gate.dropped}
