"""Questions over several steps under edits of one step: what its slots read, and the composed answers that come out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from kedit.curriculum.answers import AnswerMatcher, matchers
from kedit.curriculum.hops import HopPrompt, Site, follow
from kedit.curriculum.splits import unit_hash
from kedit.lm.capture import capture_decisions
from kedit.lm.continuation import Continuation, Prefix, greedy_base
from kedit.lm.model import LanguageModel
from kedit.lm.prefixes import read_prefixes
from kedit.lm.reading import Decoder, Reads, stopping
from kedit.ontology.model import Ontology
from kedit.progress import progress
from kedit.sae.control import swap_delta
from kedit.sae.dictionary import AlignedSAE
from kedit.verification.binding import Readings
from kedit.verification.setting import CELLS

Arm = Literal["edit", "interchange", "direct_ask", "no_edit"]
ARMS: Final[tuple[Arm, ...]] = ("edit", "interchange", "direct_ask", "no_edit")
"""interchange: the state of the same question with the other step stands in; direct_ask: that question itself."""
ROWS = 128


class Step(NamedTuple):
    """Slots of one step (counted from 0): where they are bound, and their dictionary, one slot a relation in their order."""

    number: int
    site: Site
    sae: AlignedSAE


class Item(NamedTuple):
    """A question, the relation that takes the step's place, the question that this amounts to, and what it accepts."""

    prompt: HopPrompt
    target: str
    asked: HopPrompt
    accepted: tuple[str, ...]


class Row(NamedTuple):
    """What came out: hit, or stuck with the old answer; neither where the slot of the step was not on."""

    subject: str
    carrier: str
    source: str
    target: str
    text: str
    hit: bool
    stuck: bool


@dataclass(frozen=True, eq=False)
class HopSetting:
    """Chains of one length as they are asked of a model. relations: IRIs of the slots, in slot order."""

    lm: LanguageModel
    ontology: Ontology
    relations: tuple[str, ...]
    prompts: tuple[HopPrompt, ...]
    seed: int = 0

    @cached_property
    def place(self) -> dict[str, int]:
        """Relation -> position of its slot."""
        return {iri: number for number, iri in enumerate(self.relations)}

    @cached_property
    def matchers(self) -> dict[str, AnswerMatcher]:
        """One matcher a relation."""
        return matchers(self.ontology, self.relations)

    @cached_property
    def decoders(self) -> dict[str, Decoder]:
        """Relation -> how long its answers may get."""
        return {iri: Decoder(self.lm, matcher, matcher.surface_forms) for iri, matcher in self.matchers.items()}

    @cached_property
    def by_cell(self) -> dict[str, list[HopPrompt]]:
        """Quadrant (or "validation") -> its questions, in an order that is random and always the same."""
        found: dict[str, list[HopPrompt]] = defaultdict(list)
        for prompt in sorted(self.prompts, key=lambda prompt: (unit_hash("hop", self.seed, prompt.id), prompt.id)):
            if (cell := CELLS.get((prompt.carrier_split, prompt.subject_split))) is not None:
                found[cell].append(prompt)
        return found

    def other(self, prompt: HopPrompt, step: int, relation: str) -> HopPrompt | None:
        """The same question with another relation as its step, in the same words; None if nobody can ask it."""
        steps = (*prompt.path.steps[:step], relation, *prompt.path.steps[step + 1 :])
        alike = self._alike.get((prompt.subject, steps, prompt.carrier_split))
        own = self._alike[prompt.subject, prompt.path.steps, prompt.carrier_split]
        return None if alike is None else alike[own.index(prompt) % len(alike)]

    @cached_property
    def _alike(self) -> dict[tuple[str, tuple[str, ...], str], list[HopPrompt]]:
        found: dict[tuple[str, tuple[str, ...], str], list[HopPrompt]] = defaultdict(list)
        for prompt in self.prompts:
            found[prompt.subject, prompt.path.steps, prompt.carrier_split].append(prompt)
        return dict(found)

    def targets(self, prompt: HopPrompt, step: int) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Relations that may take the place of a step, in random order, with the other answers that they lead to."""
        source = prompt.path.steps[step]
        for relation in sorted(self.relations, key=lambda iri: unit_hash("hop target", self.seed, prompt.id, iri)):
            steps = (*prompt.path.steps[:step], relation, *prompt.path.steps[step + 1 :])
            led = follow(self.ontology, prompt.subject, steps) if relation != source else None
            if led is not None and not set(led[1]) & set(prompt.answers):
                yield relation, led[1]

    def items(self, step: int, cell: str, most: int) -> list[Item]:
        """At most so many swaps of a step, of different questions of a cell."""
        found: list[Item] = []
        for prompt in self.by_cell.get(cell, ()):
            if len(found) == most:
                break
            for target, accepted in self.targets(prompt, step):
                if (asked := self.other(prompt, step, target)) is not None:
                    found.append(Item(prompt, target, asked, accepted))
                    break
        return found

    def sited(self, prompts: Sequence[HopPrompt], step: int, site: Site) -> list[tuple[list[int], list[int]]]:
        """Token ids of every question up to a site of a step, and of what follows it."""
        heads = [prompt.upto(site, step) for prompt in prompts]
        if site == "decision":
            return [(ids, []) for ids in self.lm.encode_batch(heads)]
        tails = [prompt.text[len(head) :] for prompt, head in zip(prompts, heads, strict=True)]
        return self.lm.encode_continuations(heads, tails)

    def states(self, prompts: Sequence[HopPrompt], step: int, site: Site, layers: Sequence[int]) -> dict[int, Tensor]:
        """Block -> states [n, d] at a site of a step."""
        heads = [head for head, _ in self.sited(prompts, step, site)]
        return capture_decisions(self.lm, heads, [prompt.carrier for prompt in prompts], layers)


def readings(setting: HopSetting, step: Step, prompts: Sequence[HopPrompt], x: Tensor | None = None) -> Readings:
    """What a step's slots read in questions, at their site; `x` [n, d]: the states there, if they have been read already."""
    if x is None:
        x = setting.states(prompts, step.number, step.site, [step.sae.layer])[step.sae.layer]
    return Readings(
        labels=tuple(map(setting.ontology.curie, setting.relations)),
        asked=np.array([setting.place[prompt.path.steps[step.number]] for prompt in prompts], dtype=np.int64),
        values=step.sae.slot_values(x).double().numpy(),
        active=step.sae.slot_active(x).numpy(),
        quadrants=[str(CELLS.get((prompt.carrier_split, prompt.subject_split))) for prompt in prompts],
        subjects=[prompt.subject for prompt in prompts],
        carriers=[prompt.carrier for prompt in prompts],
    )


@torch.no_grad()
def answered(setting: HopSetting, prompts: Sequence[HopPrompt]) -> list[str]:
    """Greedy answers of the unedited model."""
    texts = [""] * len(prompts)
    ids, carriers = setting.lm.encode_batch([prompt.text for prompt in prompts]), [prompt.carrier for prompt in prompts]
    with progress("asking", len(prompts), "question") as advance:
        for index, prefix in read_prefixes(setting.lm, ids, carriers, []):
            done, limit = stopping([_reads(prompts[i], prompts[i].answers) for i in index], setting.decoders)
            for i, tokens in zip(index, greedy_base(setting.lm, prefix, done, limit), strict=True):
                texts[i] = setting.lm.decode(tokens)
            advance(len(index))
    return texts


def right(setting: HopSetting, prompts: Sequence[HopPrompt]) -> list[bool]:
    """Whether the unedited model answers rightly."""
    told = zip(prompts, answered(setting, prompts), strict=True)
    return [setting.matchers[prompt.path.steps[-1]].hit(text, prompt.answers) for prompt, text in told]


def measure(setting: HopSetting, step: Step, items: Sequence[Item], arm: Arm = "edit", strength: float = 1.0) -> list[Row]:
    """What becomes of swaps of a step under an arm, by the composed answer."""
    match arm:
        case "no_edit":
            texts = answered(setting, [item.prompt for item in items])
        case "direct_ask":
            texts = answered(setting, [item.asked for item in items])
        case "interchange":
            layer = step.sae.layer
            given = setting.states([item.asked for item in items], step.number, step.site, [layer])[layer]
            texts = _texts(setting, step, items, given, strength)
        case "edit":
            texts = _texts(setting, step, items, None, strength)
    return [_row(setting, step, item, text) for item, text in zip(items, texts, strict=True)]


@torch.no_grad()
def _texts(setting: HopSetting, step: Step, items: Sequence[Item], given: Tensor | None, strength: float) -> list[str]:
    """Greedy answers with `given` [n, d] as states, or else the edited ones; of edits that did not fire, nothing."""
    sae, texts = step.sae, [""] * len(items)
    continuation = Continuation(setting.lm, sae.layer)
    sited = setting.sited([item.prompt for item in items], step.number, step.site)
    carriers = [item.prompt.carrier for item in items]
    with progress("swapping steps", len(items), "swap") as advance:
        for index, prefix in read_prefixes(setting.lm, [head for head, _ in sited], carriers, [sae.layer], rows=ROWS):
            x = prefix.states[sae.layer].float().cpu()
            source = torch.tensor([setting.place[items[i].prompt.path.steps[step.number]] for i in index])
            target = torch.tensor([setting.place[items[i].target] for i in index])
            fired = torch.ones(len(index), dtype=torch.bool)
            if given is None:
                fired = sae.slot_active(x)[torch.arange(len(x)), source]
                x = x + swap_delta(sae.slot_values(x), sae.write_rows, source, target, strength)
            else:
                x = given[index]
            rests = [sited[i][1] for i in index]
            for rows in _of_one_length(rests, fired):
                part = prefix.rows(torch.tensor(rows, device=prefix.mask.device))
                reads = [_reads(items[index[row]].prompt, items[index[row]].accepted) for row in rows]
                for row, text in zip(rows, _greedy(setting, continuation, part, x[rows], [rests[row] for row in rows], reads)):
                    texts[index[row]] = text
            advance(len(index))
    return texts


def _greedy(
    setting: HopSetting,
    continuation: Continuation,
    prefix: Prefix,
    x: Tensor,
    rests: Sequence[Sequence[int]],
    reads: Sequence[Reads],
) -> list[str]:
    done, limit = stopping(reads, setting.decoders)
    state = prefix.states[continuation.layer]
    rest = torch.tensor(rests, dtype=torch.long, device=state.device).view(len(rests), -1)
    return [setting.lm.decode(ids) for ids in continuation.greedy(prefix, x.to(state), done, limit, rest=rest)]


def _of_one_length(rests: Sequence[Sequence[int]], fired: Tensor) -> Iterator[list[int]]:
    """Places of edits that fired, those together behind which equally many tokens stand."""
    by_length: dict[int, list[int]] = defaultdict(list)
    for row, rest in enumerate(rests):
        if fired[row]:
            by_length[len(rest)].append(row)
    yield from by_length.values()


def _reads(prompt: HopPrompt, accepted: tuple[str, ...]) -> Reads:
    return ((prompt.path.steps[-1], accepted),)


def _row(setting: HopSetting, step: Step, item: Item, text: str) -> Row:
    prompt, matcher = item.prompt, setting.matchers[item.asked.path.steps[-1]]
    hit, stuck = matcher.hit(text, item.accepted), matcher.hit(text, prompt.answers)
    return Row(prompt.subject, prompt.carrier, prompt.path.steps[step.number], item.target, text, hit, stuck)
