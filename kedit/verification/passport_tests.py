"""The tests of a slot's passport, on a run: what they measure stands in `kedit.verification.passport`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, NamedTuple

import torch
from torch import Tensor

from kedit.curriculum.prompts import Prompt
from kedit.editing.metric_names import HEADLINE_QUADRANT
from kedit.editing.resolving import ResolvedEdit
from kedit.sae.binding import train_reader
from kedit.sae.competitors import Competitor, Das
from kedit.sae.control import swap_delta
from kedit.sae.manifold import Natural
from kedit.verification.applying import applied, edit_states
from kedit.verification.controls import Arm
from kedit.verification.items import Item, sample_items
from kedit.verification.locality import damage
from kedit.verification.measure import measure
from kedit.verification.nature import natural_sample, nature_of
from kedit.verification.outcomes import EDIT, SwapRow
from kedit.verification.passport import Found, Passports, passport
from kedit.verification.setting import Setting, states_of
from kedit.verification.strengths import settle_edit

RETAINED: Final = 300
"""Prompts about other relations on which a suppression is tried."""
PER_PAIR: Final = 8
"""Known items of a pair."""
RATE_APART: Final = 0.1
"""Two relations differ by nature in a free latent if it is on this much more often in one of them."""


def passports(setting: Setting, *, run: str, preset: str, seed: int = 0) -> Passports:
    """A passport for every relation slot."""
    office = _Office(setting, seed)
    return Passports(
        schema="kedit.passport/1",
        run=run,
        preset=preset,
        hook_point=setting.sae.hook_point,
        strength=setting.strength,
        seed=seed,
        passports=tuple(passport(setting.ontology.curie(iri), office.tests(iri)) for iri in setting.relations),
    )


def carried(setting: Setting, *, seed: int = 0) -> dict[str, float | None]:
    """The tests of *carries* and *isolated* as `BOUNDS` names them, each the mean over relation slots."""
    office = _Office(setting, seed)
    found = [{**office._carries(iri), **office._isolated(iri)} for iri in setting.relations]
    return {name: _mean([one[name][0] for one in found if name in one]) for name in found[0]}


@dataclass(frozen=True, eq=False)
class Part:
    """A competitor: the part of a swap inside, or outside, the natural differences of its two relations.

    At the answer's own tokens it does what the swap does, where that holds: it is the decision state that is in question.
    """

    setting: Setting
    natural: Natural
    outside: bool

    @property
    def answers(self) -> Tensor | None:
        """Rows of the relation slots for answers [R, T, d]."""
        return _answers(self.setting)

    def apply(self, x: Tensor, source: Tensor, target: Tensor, strength: Tensor, donor: Tensor | None) -> Tensor:
        """See `kedit.sae.competitors.Competitor`."""
        sae, slots = self.setting.sae, self.setting.relation_slots
        change = swap_delta(sae.slot_values(x)[:, slots], sae.write_rows[slots], source, target, strength)
        kept = self.natural.inside(change, source, target)
        return x + (change - kept if self.outside else kept)


def _answers(setting: Setting) -> Tensor | None:
    rows = setting.sae.answer_rows
    return None if rows is None else rows[setting.relation_slots]


class _Edited(NamedTuple):
    """After a forced swap: the state [1, d], its read-back error, and the free latents that it switches for no natural reason."""

    x: Tensor
    error: float
    strange: float


class _Office:
    """What the tests of all slots share, measured once."""

    def __init__(self, setting: Setting, seed: int) -> None:
        self.setting, self.seed = setting, seed
        self.slots = setting.relation_slots
        self.place = {iri: row for row, iri in enumerate(setting.relations)}
        prompts = [*self.test_prompts, *(prompt for some in self.training.values() for prompt in some)]
        states = zip((prompt.id for prompt in prompts), states_of(setting, prompts, "natural states"), strict=True)
        self.setting = replace(setting, states={**setting.states, **dict(states)})

    def tests(self, iri: str) -> Found:
        return {**self._reads(iri), **self._controls(iri), **self._carries(iri), **self._necessary(iri), **self._isolated(iri)}

    def _reads(self, iri: str) -> Found:
        row = self.place[iri]
        slot = int(self.slots[row])
        on = torch.tensor([slot in prompt.slots for prompt in self.test_prompts])
        active = self.setting.sae.slot_active(self.test_states)[:, slot]
        balanced = _mean([_share(active[on]), _share(~active[~on])])
        background = self.setting.sae.metadata.get("background_rate")
        return {"balanced accuracy": (balanced, len(on)), "on at background tokens": (background, 0 if background is None else 1)}

    def _controls(self, iri: str) -> Found:
        mine = [row for row in self.rows[EDIT] if row.target == iri]
        trained, never = ([row.hit for row in mine if row.pair_trained is flag] for flag in (True, False))
        kept = [_share_of(trained), _share_of(never)]
        lost = None if None in kept else float(kept[0] or 0) - float(kept[1] or 0)
        edited = self.edited[iri]
        errors, strange = [one.error for one in edited], [one.strange for one in edited]
        return {
            "hit lost on never-trained pairs": (lost, len(never)),
            "read-back error": (_mean(errors), len(errors)),
            "latents switched for no natural reason": (_mean(strange), len(strange)),
        }

    @cached_property
    def edited(self) -> dict[str, list[_Edited]]:
        """Target relation -> every item's edited state."""
        found: dict[str, list[_Edited]] = {iri: [] for iri in self.setting.relations}
        for item in self.items:
            found[item.target].append(self._edited(item))
        return found

    def _edited(self, item: Item) -> _Edited:
        sae = self.setting.sae
        x = states_of(self.setting, [item.prompt])
        work = applied(self.setting, [item.edit]).forced()
        made = edit_states(self.setting, work, x).x
        u, read = sae.slot_values(x)[0, self.slots], sae.slot_values(made)[0, self.slots]
        source, target = self.place[item.source], self.place[item.target]
        wanted = u.clone()
        wanted[source], wanted[target] = 0.0, work.strengths[0]
        before, after = sae.free.encode(x)[0] > 0, sae.free.encode(made)[0] > 0
        natural = (self.rates[source] - self.rates[target]).abs() >= RATE_APART
        strange = ((before != after) & ~natural).sum() / before.sum().clamp_min(1)
        return _Edited(made, (read - wanted).abs().mean().item(), strange.item())

    def _carries(self, iri: str) -> Found:
        row, sae = self.place[iri], self.setting.sae
        made = torch.cat([torch.empty(0, sae.d), *(one.x for one in self.edited[iri])])
        inside = self._nature.away(made, torch.full((len(made),), row)) <= 1
        hits = {name: [r.hit for r in some if r.target == iri] for name, some in self.rows.items()}
        swap = _share_of(hits[EDIT])
        ratios = {name: float(_share_of(hits[name]) or 0) / swap if swap else None for name in ("inside", "outside", "span")}
        x = self.natural[iri]
        z = sae.encode(x)
        slot = sae.n_free + int(self.slots[row])
        whole = (x - sae.decode(z)).norm(dim=1)
        z[:, slot] = 0.0
        helped = (x - sae.decode(z)).norm(dim=1) > whole
        n = len(hits[EDIT])
        return {
            "edited states among natural ones": (_share(inside), len(inside)),
            "hit kept inside natural differences": (ratios["inside"], n),
            "hit kept outside natural differences": (ratios["outside"], n),
            "hit of interchanging the slots' span": (ratios["span"], n),
            "reconstruction helped": (_share(helped), len(helped)),
        }

    def _necessary(self, iri: str) -> Found:
        """A suppression, at the strength that validation chooses, on facts that the unedited model gives on the very prompt."""
        slot = self.setting.slots.index(iri)
        edit = ResolvedEdit(f"suppress {self.setting.ontology.curie(iri)}", "suppress", slot, iri)
        edit = replace(edit, strength=settle_edit(self.setting, edit, seed=self.seed).strength)
        known = sample_items(self.setting, [edit], quadrants=(HEADLINE_QUADRANT,), seed=self.seed).items
        given = [item for item in known if item.known and self.setting.hits[item.prompt.id]]
        rows = measure(self.setting, {Arm(EDIT): given}, seed=self.seed, label=edit.id)
        left = [row.outcome == "stuck" for row in rows]
        around = damage(self.setting, [applied(self.setting, [edit])], n=RETAINED, neutral_n=0, seed=self.seed)
        kept = around.corpora["other_relations"].kept["scoped"] if "other_relations" in around.corpora else []
        return {"known answers left": (_share_of(left), len(left)), "other relations kept": (_share_of(kept), len(kept))}

    def _isolated(self, iri: str) -> Found:
        """Recall of a linear reader on the relation's prompts, less chance, without the slots' parts as a share of with them."""
        row, chance = self.place[iri], 1 / len(self.slots)
        mine = self.test_asked == row
        with_slots, without = (_share((read == row)[mine]) for read in self._linear_reads)
        if with_slots is None or without is None or with_slots <= chance:
            return {}
        return {"read without the slots": (max(without - chance, 0.0) / (with_slots - chance), int(mine.sum()))}

    @cached_property
    def _linear_reads(self) -> tuple[Tensor, Tensor]:
        """What linear readers, trained anew, take the test prompts to ask [n]: with the slots' parts, and without them."""
        asked = torch.cat([torch.full((len(x),), row) for row, x in enumerate(self.natural.values())])
        x = torch.cat(list(self.natural.values()))
        labels = torch.nn.functional.one_hot(asked, len(self.slots)).float()
        found = []
        for change in (lambda states: states, self._without_slots):
            reader = train_reader(change(x), labels, len(self.slots))
            found.append((change(self.test_states) @ reader.W + reader.b).argmax(1))
        return found[0], found[1]

    def _without_slots(self, x: Tensor) -> Tensor:
        sae = self.setting.sae
        return x - sae.slot_values(x)[:, self.slots] @ sae.write_rows[self.slots]

    @cached_property
    def test_prompts(self) -> list[Prompt]:
        """Prompts of unseen carriers about unseen subjects, those that ask nothing among them."""
        return self.setting.by_cell[HEADLINE_QUADRANT]

    @cached_property
    def test_states(self) -> Tensor:
        return states_of(self.setting, self.test_prompts)

    @cached_property
    def test_asked(self) -> Tensor:
        """[n]: the relation that each asks, -1 for none."""
        return torch.tensor([self.place.get(str(prompt.relation), -1) for prompt in self.test_prompts])

    @cached_property
    def natural(self) -> dict[str, Tensor]:
        """Relation -> states [n, d] of its training prompts, of training subjects."""
        return {iri: states_of(self.setting, prompts) for iri, prompts in self.training.items()}

    @cached_property
    def training(self) -> dict[str, list[Prompt]]:
        """Relation -> a sample of its training prompts, by hash."""
        return natural_sample(self.setting.prompts, self.setting.relations, self.seed)

    @cached_property
    def rates(self) -> Tensor:
        """[R, F]: how often each free latent is on where a relation is asked."""
        return torch.stack([(self.setting.sae.free.encode(x) > 0).float().mean(0) for x in self.natural.values()])

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """Known items of every pair, on unseen carriers x unseen subjects."""
        edits = [self.setting.swap(*pair) for pair in self.setting.pairs]
        sample = sample_items(self.setting, edits, quadrants=(HEADLINE_QUADRANT,), cap=PER_PAIR, seed=self.seed)
        return sample.capped(None, (HEADLINE_QUADRANT,))

    @cached_property
    def rows(self) -> dict[str, list[SwapRow]]:
        """Rows of the swap, of its parts inside and outside natural differences, and of interchanging the slots' span."""
        rows_of_slots = self.setting.sae.write_rows[self.slots]
        basis = torch.linalg.qr(rows_of_slots.T).Q.T
        parts: dict[str, Competitor] = {
            "inside": Part(self.setting, self._nature, outside=False),
            "outside": Part(self.setting, self._nature, outside=True),
            "span": Das(basis, _answers(self.setting)),
        }
        setting = replace(self.setting, competitors=parts, donors=self.natural)
        strengths = {EDIT: None, "inside": self.setting.strength, "outside": self.setting.strength, "span": 1.0}
        arms = {Arm(name, strength): self.items for name, strength in strengths.items()}
        found: dict[str, list[SwapRow]] = {name: [] for name in (EDIT, *parts)}
        for row in measure(setting, arms, seed=self.seed, label="parts of swaps"):
            found[row.control].append(row)
        return found

    @cached_property
    def _nature(self) -> Natural:
        return nature_of(self.setting.prompts, self.training, self.natural)


def _share(flags: Tensor) -> float | None:
    return flags.double().mean().item() if len(flags) else None


def _share_of(flags: Sequence[bool]) -> float | None:
    return sum(flags) / len(flags) if flags else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None
