"""Over how many latents a relation is spread, what slots cost in reconstruction, and whether slots keep to the hierarchy.

Everything is of held-out prompts, and the two dictionaries that are compared, the free bank alone (`unsupervised`) and free
latents with slots (`aligned`), have the same mean L0 at their decision positions.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple, get_args

import torch
from pydantic import Field
from torch import Tensor

from kedit.curriculum.prompts import Prompt
from kedit.curriculum.slots import Slot, SlotMap
from kedit.errors import InputError
from kedit.files import write_json
from kedit.intervals import wilson
from kedit.sae.dictionary import AlignedSAE, FreeBank
from kedit.sae.pretrain import CHUNK, dictionary_stats, with_threshold
from kedit.verification.figures import Model, Number, Quadrant, Share
from kedit.verification.setting import Setting, states_of
from kedit.verification.statistics import Floats, bootstrap_statistic

MOST_LOST: Final = 0.01
"""Explained variance that the slots may cost."""
DRAWS: Final = 500
"""Resamples of an interval; each costs a product of all codes."""
NOTE: Final = (
    "Fragmentation is descriptive: no bound is set. A slot counts by its write row, which is trained to move answers and may be"
    " longer than what it stands for."
)


class Spread(Model):
    """How a relation's energy is shared out among the latents of one dictionary."""

    effective: Share
    """Effective number of latents, exp(entropy of the shares); n: prompts about any relation that enter."""
    top_share: Share
    top: int | None
    """The latent with the largest share; slots come after all free ones."""
    top_slot: str | None
    """The term whose slot that is; null for a free latent."""
    own: bool | None
    """Whether it is the relation's own slot."""


class RelationSpread(Model):
    """One relation, from n prompts about it and `others` about other relations."""

    relation: str
    n: int
    others: int
    unsupervised: Spread
    aligned: Spread


class MeanL0(Model):
    """Active latents per decision position."""

    unsupervised: float
    aligned: float
    """Free latents and slots."""
    aligned_slots: float


class Reconstruction(Model):
    """Explained variance at n decision positions, at these L0."""

    n: int
    unsupervised: Number
    aligned: Number
    difference: Number
    """Aligned minus unsupervised."""
    most_lost: float = MOST_LOST
    passed: bool | None
    """Whether the aligned dictionary explains at most `most_lost` less."""


class Consistency(Model):
    """Prompts at which a slot reads on, and the share of them at which its ancestor's slot does, too."""

    child: str
    ancestor: str
    n: int
    share: Number
    ci: tuple[Number, Number]
    elsewhere: Number
    """How often the ancestor is on at all other prompts: an ancestor that is always on is consistent with anything."""


class Fragmentation(Model):
    """`kedit.fragmentation/1`."""

    schema_: Literal["kedit.fragmentation/1"] = Field("kedit.fragmentation/1", alias="schema")
    run: str
    preset: str
    hook_point: str
    seed: int
    quadrant: Quadrant
    note: str = NOTE
    l0: MeanL0
    relations: tuple[RelationSpread, ...]
    reconstruction: Reconstruction
    hierarchy: tuple[Consistency, ...]
    """One for every slot and ancestor with a slot; prompts that ask nothing are among those looked at."""

    def save(self, path: Path) -> None:
        """Write as JSON, atomically."""
        write_json(path, self.model_dump(mode="json"))


def matched(bank: FreeBank, sae: AlignedSAE, x: Tensor) -> FreeBank:
    """All latents of an aligned dictionary in one bank, free latents first, with the mean L0 that `bank` has on states x [n, d].

    The free latents get the one global threshold at which they and the slots together are as many as the bank's; thresholds of
    a published bank that differ between latents give way to it. Slots keep theirs. Labels play no part. Where the slots alone
    are more than the bank's latents, the two differ, and the L0 that are reported say so.
    """
    free = with_threshold(sae.free, x, max(0.0, dictionary_stats(bank, x)["l0"] - _slot_l0(sae, x)))
    return FreeBank(sae.W_enc, sae.b_enc, sae.W_dec, sae.b_dec, torch.cat([free.threshold, sae.slot_threshold]))


class Groups(NamedTuple):
    """Rows of prompts about a relation, and about others; of each, a tensor of row numbers for every carrier."""

    about: Sequence[Tensor]
    others: Sequence[Tensor]


def energy_shares(written: Tensor, groups: Groups, weights: Tensor) -> Tensor:
    """p [b, m]: each latent's share of the energy that tells a relation's prompts from others, under b weightings of n prompts.

    written [n, m]: activations times the norms of their decoder rows, so that a unit of each is a unit of the residual stream;
    weights [b, n]. energy_j = (mean over carriers of the mean about the relation - the same of others)^2, p = energy / sum.
    A carrier without weight is left out; NaN where one of the two kinds has none, or no latent differs.
    """
    energy = (_carrier_mean(written, groups.about, weights) - _carrier_mean(written, groups.others, weights)).square()
    return energy / energy.sum(1, keepdim=True)


def _carrier_mean(written: Tensor, carriers: Sequence[Tensor], weights: Tensor) -> Tensor:
    total = written.new_zeros(len(weights), written.shape[1])
    counted = written.new_zeros(len(weights), 1)
    for rows in carriers:
        mine = weights[:, rows]
        mass = mine.sum(1, keepdim=True)
        total += mine @ written[rows] / mass.clamp_min(1.0)
        counted += mass > 0
    return total / counted


def effective_number(p: Tensor) -> Tensor:
    """exp(entropy) [b] of shares p [b, m]: 1 if one latent has everything, k if k have the same (Hill 1973, order 1)."""
    return torch.special.entr(p).sum(1).exp()


def consistency(slots: SlotMap, active: Tensor) -> tuple[Consistency, ...]:
    """How every pair of a slot and an ancestor with a slot is read at n prompts, whose slots are on or not (bool [n, K])."""
    found = []
    for child in slots.slots:
        on = active[:, child.index]
        for parent in (slots.by_iri[iri] for iri in child.parents):
            above = active[:, parent.index]
            n, both, others = int(on.sum()), int((on & above).sum()), int((~on).sum())
            found.append(
                Consistency(
                    child=child.curie,
                    ancestor=parent.curie,
                    n=n,
                    share=both / n if n else None,
                    ci=wilson(both, n),
                    elsewhere=int((~on & above).sum()) / others if others else None,
                )
            )
    return tuple(found)


def fragmentation(setting: Setting, bank: FreeBank, *, run: str, preset: str, seed: int = 0) -> Fragmentation:
    """Measure a run against `bank`, its dictionary as it was before it had slots.

    On unseen carriers x unseen subjects; where that quadrant asks nothing, on the next one that does. InputError if none does.
    """
    sae = setting.sae
    quadrant, prompts = _held_out(setting)
    states = states_of(setting, prompts)
    asked = [prompt for prompt in prompts if prompt.relation is not None]
    x = states[torch.tensor([prompt.relation is not None for prompt in prompts])]
    aligned = matched(bank, sae, x)
    before, after = dictionary_stats(bank, x), dictionary_stats(aligned, x)
    terms = {sae.n_free + slot.index: slot.curie for slot in setting.slots.slots}
    unsupervised, with_slots = _Dictionary(bank, x, {}, seed), _Dictionary(aligned, x, terms, seed)
    return Fragmentation(
        schema="kedit.fragmentation/1",
        run=run,
        preset=preset,
        hook_point=sae.hook_point,
        seed=seed,
        quadrant=quadrant,
        l0=MeanL0(unsupervised=before["l0"], aligned=after["l0"], aligned_slots=_slot_l0(sae, x)),
        relations=tuple(
            RelationSpread(
                relation=slot.curie,
                n=sum(prompt.relation == slot.iri for prompt in asked),
                others=sum(slot.index not in prompt.slots for prompt in asked),
                unsupervised=unsupervised.spread(asked, slot),
                aligned=with_slots.spread(asked, slot),
            )
            for slot in setting.slots.relations
        ),
        reconstruction=_reconstruction(len(x), before["explained_variance"], after["explained_variance"]),
        hierarchy=consistency(setting.slots, sae.slot_active(states)),
    )


def _held_out(setting: Setting) -> tuple[Quadrant, list[Prompt]]:
    """The headline quadrant's prompts, or, in a small ontology, those of the next that asks something."""
    for quadrant in reversed(get_args(Quadrant)):  # from unseen x unseen to seen x seen
        prompts = setting.by_cell.get(quadrant, [])
        if any(prompt.relation is not None for prompt in prompts):
            return quadrant, prompts
    raise InputError("the run has no prompt that asks for a relation", advice="Align an ontology with more facts.")


def _slot_l0(sae: AlignedSAE, x: Tensor) -> float:
    return sae.slot_active(x).double().sum(1).mean().item()


def _reconstruction(n: int, unsupervised: float, aligned: float) -> Reconstruction:
    gained = aligned - unsupervised
    passed = None if math.isnan(gained) else gained >= -MOST_LOST
    return Reconstruction(n=n, unsupervised=unsupervised, aligned=aligned, difference=gained, passed=passed)


class _Dictionary:
    """What the codes of decision states x say of relations. `terms`: latent -> the term whose slot it is."""

    def __init__(self, bank: FreeBank, x: Tensor, terms: Mapping[int, str], seed: int) -> None:
        z = torch.cat([bank.encode(part) for part in x.split(CHUNK)])
        fired = (z > 0).any(0)
        # Latents that never fire have no energy, and cost as much as others. Where none fires no share is a number.
        self.live = (fired if fired.any() else ~fired).nonzero()[:, 0]
        self.written = z[:, self.live].double() * bank.W_dec[self.live].double().norm(dim=1)
        self.terms, self.seed = terms, seed

    def spread(self, asked: Sequence[Prompt], slot: Slot) -> Spread:
        """One relation's figures over prompts that all ask something, with percentile intervals over subjects.

        Resampling adds noise to every latent's mean, so that the intervals lean towards more latents.
        """
        # A sub-property's prompts rightly switch its ancestors' slots on: to these they are no other relation's.
        rows = [row for row, prompt in enumerate(asked) if prompt.relation == slot.iri or slot.index not in prompt.slots]
        prompts, written = [asked[row] for row in rows], self.written[rows]
        groups = _groups(prompts, slot.iri)

        def effective(weights: Floats) -> Floats:
            return effective_number(energy_shares(written, groups, torch.from_numpy(weights))).numpy()

        def largest(weights: Floats) -> Floats:
            return energy_shares(written, groups, torch.from_numpy(weights)).amax(1).numpy()

        subjects = [str(prompt.subject) for prompt in prompts]
        number, share = (bootstrap_statistic(figure, subjects, n=DRAWS, seed=self.seed) for figure in (effective, largest))
        p = energy_shares(written, groups, written.new_ones(1, len(rows)))[0]
        top = None if p.isnan().any() else int(self.live[p.argmax()])
        term = None if top is None else self.terms.get(top)
        return Spread(
            effective=Share.of(number),
            top_share=Share.of(share),
            top=top,
            top_slot=term,
            own=None if top is None else term == slot.curie,
        )


def _groups(prompts: Sequence[Prompt], relation: str) -> Groups:
    rows: dict[bool, dict[str, list[int]]] = {True: defaultdict(list), False: defaultdict(list)}
    for row, prompt in enumerate(prompts):
        rows[prompt.relation == relation][prompt.carrier].append(row)
    about, others = ([torch.tensor(some) for some in rows[flag].values()] for flag in (True, False))
    return Groups(about, others)
