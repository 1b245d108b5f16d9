"""The edit and its fixed controls (method.md, "Verification"): each says which decision state an item is answered from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

import torch
from torch import Tensor

from kedit.curriculum.prompts import Prompt
from kedit.curriculum.splits import unit_hash
from kedit.editing.operators import fired_delta
from kedit.editing.resolving import ResolvedEdit
from kedit.verification.applying import Applied, Scopes, applied, edit_states, held_at_answers
from kedit.verification.generating import Batch
from kedit.verification.items import Item
from kedit.verification.moving import moved, moved_answers
from kedit.verification.outcomes import EDIT
from kedit.verification.setting import Setting, states_of

TOGETHER: Final = "together"
"""All edits of a recipe at once, on the items of each of them."""
GATED: Final = frozenset({EDIT, TOGETHER, "wrong_slot"})
"""An item at which these do not fire is a failed one."""
STATE_CONTROLS: Final = (
    "noop",
    "wrong_slot",
    "random_latent",
    "random_direction",
    "diff_means",
    "trained_vector",
    "interchange",
)
LIVE_SAMPLE: Final = 64


class Arm(NamedTuple):
    """The edit or a control; `strength` None is the one that recipe or validation chose; `latent` fixes `random_latent`'s."""

    control: str
    strength: float | None = None
    latent: int | None = None


class Proposed(NamedTuple):
    """For picks (row of the batch, item): states x [n, d], where they differ from the natural one, the strength that was used.

    A pick that the control says nothing about (no donor, no other slot) is left out. `fired`: where the pick's own edit did,
    which is where states differ unless other edits are at work too. `answer` [n, T, d]: what holds at the answer's own tokens.
    """

    picks: list[tuple[int, Item]]
    x: Tensor
    changed: Tensor
    strengths: list[float]
    fired: Tensor | None = None
    answer: Tensor | None = None


Picks = Sequence[tuple[int, Item]]


@dataclass
class Context:
    """What controls need beside the batch: made once per measurement."""

    setting: Setting
    seed: int = 0
    all_edits: Applied | None = None
    """For `together`."""
    live: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.long))
    donors: Mapping[tuple[str, str], Tensor] = field(default_factory=dict)
    """(subject, relation) -> natural decision state [d] of a prompt that asks for it."""

    def __post_init__(self) -> None:
        self.scopes = Scopes(self.setting)

    @classmethod
    def prepare(
        cls, setting: Setting, arms: Mapping[Arm, Sequence[Item]], seed: int, all_edits: Applied | None = None
    ) -> Context:
        """Read what the controls of `arms` need."""
        context = cls(setting, seed, all_edits)
        for arm, items in arms.items():
            if arm.control == "random_latent":
                context.live = live_latents(setting, items)
            elif arm.control == "interchange":
                context.donors = donor_states(setting, items, seed)
        return context


def live_latents(setting: Setting, items: Sequence[Item]) -> Tensor:
    """Free latents that fire on some of these items' natural states (a sample of their prompts)."""
    prompts = list({item.prompt.id: item.prompt for item in items}.values())[:LIVE_SAMPLE]
    if not prompts or not setting.sae.n_free:
        return torch.empty(0, dtype=torch.long)
    active = setting.sae.free.encode(states_of(setting, prompts, "states for random latents")) > 0
    return active.any(0).nonzero()[:, 0]


def donor_states(setting: Setting, items: Sequence[Item], seed: int) -> dict[tuple[str, str], Tensor]:
    """Natural states of the same subjects asked for the target relation, each on a training carrier chosen by hash.

    Carriers on which the model answers rightly come first: the interchange is a ceiling.
    """
    chosen: dict[tuple[str, str], Prompt] = {}
    for key in dict.fromkeys((item.subject, item.target) for item in items):
        if prompts := setting.training_prompts.get(key):
            chosen[key] = min(prompts, key=lambda prompt: (not setting.hits[prompt.id], unit_hash("donor", seed, prompt.id)))
    states = states_of(setting, list(chosen.values()), "states for interchange")
    return dict(zip(chosen, states, strict=True))


@torch.no_grad()
def propose(context: Context, arm: Arm, batch: Batch, picks: Picks) -> Proposed:
    """The states that an arm makes of a batch's items."""
    makers: dict[str, Callable[[Context, Arm, Batch, Picks], Proposed]] = {
        EDIT: _edit,
        TOGETHER: _together,
        "noop": _noop,
        "wrong_slot": _wrong_slot,
        "random_latent": _random_latent,
        "random_direction": _random_direction,
        "diff_means": _vector,
        "trained_vector": _vector,
        "interchange": _interchange,
    }
    return makers.get(arm.control, _competitor)(context, arm, batch, picks)


def _noop(context: Context, arm: Arm, batch: Batch, picks: Picks) -> Proposed:
    return Proposed(list(picks), _states(batch, picks), torch.zeros(len(picks), dtype=torch.bool), [0.0] * len(picks))


def _edit(context: Context, arm: Arm, batch: Batch, picks: Picks) -> Proposed:
    return _edited(context, arm, batch, picks)


def _edited(context: Context, arm: Arm, batch: Batch, picks: Picks, force: bool = False) -> Proposed:
    """States after each pick's own edit."""
    x = _states(batch, picks).clone()
    table = context.setting.sae.answer_rows
    answer = None if table is None else torch.zeros(len(x), *table.shape[1:])
    fired = torch.zeros(len(picks), dtype=torch.bool)
    strengths = [0.0] * len(picks)
    for edit, rows in _by_edit(picks).items():
        work = applied(context.setting, [edit], strength=arm.strength)
        texts = [picks[i][1].prompt.text for i in rows]
        done = edit_states(context.setting, work.forced() if force else work, x[rows], context.scopes.covered([edit], texts))
        x[rows], fired[rows] = done.x, done.any
        if answer is not None and done.answer is not None:
            answer[rows] = done.answer
        for i in rows:
            strengths[i] = work.strengths[0]
    return Proposed(list(picks), x, fired, strengths, answer=answer)


def _together(context: Context, arm: Arm, batch: Batch, picks: Picks) -> Proposed:
    assert context.all_edits is not None
    covered = context.scopes.covered(context.all_edits.edits, [item.prompt.text for _, item in picks])
    done = edit_states(context.setting, context.all_edits, _states(batch, picks), covered)
    column = {edit.id: i for i, edit in enumerate(context.all_edits.edits)}
    own = done.fired[torch.arange(len(picks)), [column[item.edit.id] for _, item in picks]]
    return Proposed(list(picks), done.x, done.any, _own_strengths(context, arm, picks), own, done.answer)


def _wrong_slot(context: Context, arm: Arm, batch: Batch, picks: Picks) -> Proposed:
    """The same edit, where it fires, through a relation slot other than from and to."""
    setting, sae = context.setting, context.setting.sae
    wrong = {item.key: wrong_edit(setting, item, context.seed) for _, item in picks}
    picks = [(row, item) for row, item in picks if wrong[item.key] is not None]
    real = _edited(context, arm, batch, picks)
    x, fired, strengths = _states(batch, picks).clone(), real.changed, real.strengths
    answer = None if real.answer is None else torch.zeros_like(real.answer)
    groups: dict[ResolvedEdit, list[int]] = defaultdict(list)
    for i, (_, item) in enumerate(picks):
        if (edit := wrong[item.key]) is not None:
            groups[edit].append(i)
    for edit, rows in groups.items():
        u = sae.slot_values(x[rows])
        change = fired_delta([edit], [strengths[rows[0]]], u, sae.write_rows, fired[rows][:, None])
        x[rows] = torch.where(fired[rows][:, None], x[rows] + change.delta, x[rows])
        if answer is not None and (held := held_at_answers(setting, change.change)) is not None:
            answer[rows] = held
    return Proposed(picks, x, fired, strengths, answer=answer)


def wrong_edit(setting: Setting, item: Item, seed: int) -> ResolvedEdit | None:
    """The item's edit through another relation's slot, chosen by hash; None if there is no other.

    Relations above or below the named ones are no others, nor are, where that leaves any, those with the target's answer.
    """
    named = {item.edit.slot_iri, item.edit.target_iri, item.source, item.target} - {None, ""}
    near = named | {ancestor for iri in named for ancestor in setting.ontology.ancestors(str(iri))}
    others = [iri for iri in setting.relations if iri not in near and named.isdisjoint(setting.ontology.ancestors(iri))]
    clear = [iri for iri in others if not setting.shares_answer(item.subject, iri, item.target)]
    if not others:
        return None
    wrong = min(clear or others, key=lambda iri: unit_hash("wrong", seed, item.prompt.id, item.target, iri))
    slot = setting.slots.index(wrong)
    if item.edit.op == "swap":
        return replace(item.edit, target=slot, target_iri=wrong)
    return replace(item.edit, slot=slot, slot_iri=wrong)


def _random_latent(context: Context, arm: Arm, batch: Batch, picks: Picks) -> Proposed:
    """A live free latent, its write row rescaled to the norm of the real delta (as if the edit fired everywhere)."""
    if not len(context.live):
        return _nothing(context, batch)
    latents = []
    for _, item in picks:
        place = unit_hash("latent", context.seed, item.prompt.id, item.target)
        latents.append(int(context.live[int(place * len(context.live))]) if arm.latent is None else arm.latent)
    rows = context.setting.sae.W_dec[latents].float()
    return _rescaled(context, arm, batch, picks, rows)


def _random_direction(context: Context, arm: Arm, batch: Batch, picks: Picks) -> Proposed:
    """A random direction of the norm of the real delta, another one for every item."""
    rows = []
    for _, item in picks:
        number = int(unit_hash("direction", context.seed, item.prompt.id, item.target) * (1 << 48))
        rows.append(torch.randn(context.setting.sae.d, generator=torch.Generator().manual_seed(number)))
    return _rescaled(context, arm, batch, picks, torch.stack(rows))


def _rescaled(context: Context, arm: Arm, batch: Batch, picks: Picks, directions: Tensor) -> Proposed:
    x = _states(batch, picks)
    real = _edited(context, arm, batch, picks, force=True)
    unit = directions / directions.norm(dim=1, keepdim=True).clamp_min(1e-12)
    delta = (real.x - x).norm(dim=1, keepdim=True) * unit
    answer = None if real.answer is None else real.answer.norm(dim=2, keepdim=True) * unit[:, None]
    return Proposed(list(picks), x + delta, torch.ones(len(picks), dtype=torch.bool), real.strengths, answer=answer)


def _vector(context: Context, arm: Arm, batch: Batch, picks: Picks) -> Proposed:
    """A vector added, without a gate; swaps only: strength * (v_to - v_from), or what `train_vectors` trained.

    That is strength * v_to - v_from: like the edit, it takes the source away once, whatever the strength.
    """
    setting = context.setting
    picks = _swaps(setting, picks)
    if arm.control not in setting.vectors or not picks:
        return _nothing(context, batch)
    strength = arm.strength
    if strength is None and arm.control == "diff_means":
        strength = setting.diff_means_strength
    strengths = [strength] * len(picks) if strength is not None else _own_strengths(context, arm, picks)
    return _moved(context, arm, batch, picks, strengths)


def _competitor(context: Context, arm: Arm, batch: Batch, picks: Picks) -> Proposed:
    """A trained competitor, without a gate; swaps only."""
    picks = _swaps(context.setting, picks)
    if arm.control not in context.setting.competitors or not picks:
        return _nothing(context, batch)
    return _moved(context, arm, batch, picks, [1.0 if arm.strength is None else arm.strength] * len(picks))


def _swaps(setting: Setting, picks: Picks) -> Picks:
    """Those whose edit swaps two relations: vectors and competitors have nothing for classes."""
    relations = set(setting.relations)
    return [
        (row, item) for row, item in picks if item.edit.op == "swap" and {item.edit.slot_iri, item.edit.target_iri} <= relations
    ]


def _moved(context: Context, arm: Arm, batch: Batch, picks: Picks, strengths: list[float]) -> Proposed:
    source = torch.tensor([item.edit.slot for _, item in picks])
    target = torch.tensor([item.edit.target for _, item in picks])
    names = [item.prompt.id for _, item in picks]
    by, scale = (context.setting, arm.control), torch.tensor(strengths)
    x = moved(*by, _states(batch, picks), source, target, scale, context.seed, names)
    answer = moved_answers(*by, source, target, scale)
    return Proposed(list(picks), x, torch.ones(len(picks), dtype=torch.bool), strengths, answer=answer)


def _interchange(context: Context, arm: Arm, batch: Batch, picks: Picks) -> Proposed:
    """The natural state of the same subject's prompt about the target in place of this one's."""
    picks = [(row, item) for row, item in picks if (item.subject, item.target) in context.donors]
    if not picks:
        return _nothing(context, batch)
    x = torch.stack([context.donors[item.subject, item.target] for _, item in picks])
    return Proposed(picks, x, torch.ones(len(picks), dtype=torch.bool), [1.0] * len(picks))


def _nothing(context: Context, batch: Batch) -> Proposed:
    return Proposed([], batch.x[:0], torch.zeros(0, dtype=torch.bool), [])


def _states(batch: Batch, picks: Picks) -> Tensor:
    return batch.x[[row for row, _ in picks]]


def _own_strengths(context: Context, arm: Arm, picks: Picks) -> list[float]:
    return [applied(context.setting, [item.edit], strength=arm.strength).strengths[0] for _, item in picks]


def _by_edit(picks: Picks) -> dict[ResolvedEdit, list[int]]:
    groups: dict[ResolvedEdit, list[int]] = defaultdict(list)
    for i, (_, item) in enumerate(picks):
        groups[item.edit].append(i)
    return groups
