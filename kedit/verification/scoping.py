"""Where edits fire and where they should: as they act, and lexical scope and gate told apart.

- scope_leak: fired on prompts that they are not for, by group: other relations, other subjects, texts that ask nothing;
- scope_miss: did not fire on a prompt that they are for;
- subject_leak, subject_miss: whom the lexical scope covers, against whom prompts are really about, whatever they ask;
- gate_leak, gate_miss: where the slot is on, against what prompts ask, whoever they are about.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor

from kedit.curriculum.prompts import Prompt
from kedit.curriculum.splits import unit_hash
from kedit.editing.resolving import ResolvedEdit
from kedit.verification.applying import Applied, Scopes, asks, edit_states, gates_open, in_scope, is_for, is_not_for
from kedit.verification.figures import ScopeParts, Share
from kedit.verification.readings import read_back
from kedit.verification.setting import Setting, states_of
from kedit.verification.statistics import EMPTY, Estimate, bootstrap_ci

NEGATIVES: Final = "negatives"
LEAK_GROUPS: Final = ("other_relations", "other_subjects", NEGATIVES)
"""What `scope_leak` is told by: pooled, the many prompts of one group would water the leak of another down."""


class Parts(NamedTuple):
    """Scope by subject and gate, each against the truth; empty where no edit has the one or the other."""

    subject_leak: Estimate = EMPTY
    subject_miss: Estimate = EMPTY
    gate_leak: Estimate = EMPTY
    gate_miss: Estimate = EMPTY

    def figures(self) -> ScopeParts:
        """As documents show them."""
        return ScopeParts.model_validate({name: Share.found(value) for name, value in self._asdict().items()})


class Asked(NamedTuple):
    """On prompts that edits are for: misses, read-back error, mean change of slots that no edit names."""

    miss: Estimate = EMPTY
    read_back: Estimate = EMPTY
    moved: dict[str, float] = {}


def share(prompts: Sequence[Prompt], flags: Sequence[bool], seed: int) -> Estimate:
    """Share of prompts with the flag; one about nobody is a cluster of its own."""
    names = [prompt.subject or prompt.id for prompt in prompts]
    return bootstrap_ci([float(flag) for flag in flags], names, [prompt.carrier for prompt in prompts], seed=seed)


def scope_parts(setting: Setting, edits: Sequence[ResolvedEdit], prompts: Sequence[Prompt], x: Tensor | None, seed: int) -> Parts:
    """Lexical scopes on the prompts' texts, gates on their states `x` [n, d] (None: gates are not looked at).

    A prompt counts once, however many edits there are: any of them that errs on it is an error.
    """
    scoped, gated = ([i for i, edit in enumerate(edits) if flag(edit)] for flag in (_has_scope, _has_gate))
    found = Parts()
    if scoped:
        mine = [edits[i] for i in scoped]
        covered = Scopes(setting).covered(mine, [prompt.text for prompt in prompts])
        inside = _table(prompts, mine, in_scope)
        about = torch.tensor([prompt.subject is not None for prompt in prompts], dtype=torch.bool)[:, None]
        leak, miss = (_errors(prompts, of & about, wrong, seed) for of, wrong in ((~inside, covered), (inside, ~covered)))
        found = found._replace(subject_leak=leak, subject_miss=miss)
    if gated and x is not None:
        mine = [edits[i] for i in gated]
        open_, asking = gates_open(setting, mine, x), _table(prompts, mine, asks)
        leak, miss = (_errors(prompts, of, wrong, seed) for of, wrong in ((~asking, open_), (asking, ~open_)))
        found = found._replace(gate_leak=leak, gate_miss=miss)
    return found


def _has_scope(edit: ResolvedEdit) -> bool:
    return edit.subjects is not None


def _has_gate(edit: ResolvedEdit) -> bool:
    return edit.when == "asked"


def _table(prompts: Sequence[Prompt], edits: Sequence[ResolvedEdit], says: Callable[[Prompt, ResolvedEdit], bool]) -> Tensor:
    """[n, E]"""
    return torch.tensor([[says(prompt, edit) for edit in edits] for prompt in prompts], dtype=torch.bool).view(-1, len(edits))


def _errors(prompts: Sequence[Prompt], of: Tensor, wrong: Tensor, seed: int) -> Estimate:
    """Share of prompts that are wrong [n, E] for one of the edits for which they count [n, E]."""
    counted = of.any(1).tolist()
    flags = (of & wrong).any(1).tolist()
    mine = [(prompt, flag) for prompt, flag, counts in zip(prompts, flags, counted, strict=True) if counts]
    return share([prompt for prompt, _ in mine], [flag for _, flag in mine], seed)


def leak_on_negatives(setting: Setting, works: Sequence[Applied], negatives: Sequence[Prompt], x: Tensor, seed: int) -> Estimate:
    """Share of texts that ask nothing, with states `x` [n, d], at which edits fired; each is tried under one of `works`."""
    groups: dict[int, list[int]] = defaultdict(list)
    for i, prompt in enumerate(negatives):
        work = int(unit_hash("leak", seed, prompt.id) * len(works))
        if all(is_not_for(prompt, edit) for edit in works[work].edits):
            groups[work].append(i)
    fired: list[bool] = []
    scopes = Scopes(setting)
    for work, rows in groups.items():
        covered = scopes.covered(works[work].edits, [negatives[i].text for i in rows])
        fired += edit_states(setting, works[work], x[rows], covered).any.tolist()
    return share([negatives[i] for rows in groups.values() for i in rows], fired, seed)


def where_asked(setting: Setting, works: Sequence[Applied], prompts: Sequence[Prompt], n: int, seed: int) -> Asked:
    """The first `n` by hash of the prompts that edits are for, each under one of `works`."""
    groups: dict[int, list[Prompt]] = defaultdict(list)
    count = 0
    for prompt in sorted(prompts, key=lambda prompt: (unit_hash("asked", seed, prompt.id), prompt.id)):
        fitting = [i for i, work in enumerate(works) if any(is_for(prompt, edit) for edit in work.edits)]
        if fitting and count < n:
            groups[fitting[int(unit_hash("asked edit", seed, prompt.id) * len(fitting))]].append(prompt)
            count += 1
    if not groups:
        return Asked()
    missed: list[bool] = []
    errors: list[float] = []
    moved: list[Tensor] = []
    scopes = Scopes(setting)
    for number, members in groups.items():
        work, x = works[number], states_of(setting, members)
        made = edit_states(setting, work, x, scopes.covered(work.edits, [prompt.text for prompt in members]))
        missed += (_table(members, work.edits, is_for) & ~made.fired).any(1).tolist()
        back = read_back(setting, work, x)
        errors += back.error.tolist()
        moved.append(back.moved)
    tried = [prompt for members in groups.values() for prompt in members]
    subjects, carriers = [str(prompt.subject) for prompt in tried], [prompt.carrier for prompt in tried]
    mean = torch.cat(moved).mean(0).tolist()
    named = {slot for work in works for slot in work.named_slots} if len(works) == 1 else set()
    table = {slot.curie: mean[slot.index] for slot in setting.slots.slots if slot.index not in named}
    return Asked(share(tried, missed, seed), bootstrap_ci(errors, subjects, carriers, bounds=None, seed=seed), table)
