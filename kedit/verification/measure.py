"""Edits and their controls on the same prompts: one generated answer, one row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import torch

from kedit.editing.metric_names import HEADLINE_QUADRANT, QUADRANTS
from kedit.lm.reading import Reads
from kedit.verification.applying import Applied
from kedit.verification.controls import STATE_CONTROLS, Arm, Context, Proposed, live_latents, propose
from kedit.verification.generating import Batch, base_texts, batches, edited_texts, merged
from kedit.verification.items import Cap, Item, Sample
from kedit.verification.outcomes import EDIT, SwapRow
from kedit.verification.rows import make_row, reads_of
from kedit.verification.setting import Setting
from kedit.verification.statistics import permutation_p_value
from kedit.verification.stepwise import split_by_steps, stepwise_rows

KNOWLEDGE_CONTROLS: Final = ("majority", "direct_ask")
"""Controls that need no generation."""
ALL_CONTROLS: Final = (*STATE_CONTROLS, *KNOWLEDGE_CONTROLS)
PER_PAIR: Final[Mapping[str, int | None]] = {HEADLINE_QUADRANT: None, **{q: 30 for q in QUADRANTS if q != HEADLINE_QUADRANT}}
CONTROLS_PER_PAIR: Final = 30
NULL_LATENTS: Final = 99


def control_arms(sample: Sample, controls: Sequence[str], quadrants: Sequence[str], cap: Cap) -> dict[Arm, tuple[Item, ...]]:
    """Controls on (a part of) a sample's known items."""
    return {Arm(name): sample.capped(cap, quadrants) for name in controls}


def measure(
    setting: Setting,
    arms: Mapping[Arm, Sequence[Item]],
    *,
    seed: int = 0,
    all_edits: Applied | None = None,
    named: bool = False,
    label: str = "measuring swaps",
) -> list[SwapRow]:
    """Rows of every arm on its items. Prompts are read once; answers from unchanged states are generated once per prompt.

    `all_edits` are those of the arm `together`; `named`: rows carry their edit's id.
    """
    rows: list[SwapRow] = []
    generated: dict[Arm, Sequence[Item]] = {}
    for arm, items in arms.items():
        if arm.control not in KNOWLEDGE_CONTROLS:
            cached, stepwise = split_by_steps(arm, items, all_edits)
            rows += stepwise_rows(setting, arm, stepwise, all_edits, named)
            generated |= {arm: cached} if cached else {}
    context = Context.prepare(setting, generated, seed, all_edits)
    prompts = list({item.prompt.id: item.prompt for items in generated.values() for item in items}.values())
    tables = {arm: by_prompt(items) for arm, items in generated.items()}
    for batch in batches(setting, prompts, label):
        proposals = []
        for arm, table in tables.items():
            picks = [(row, item) for row, prompt in enumerate(batch.prompts) for item in table.get(prompt.id, ())]
            if picks:
                proposals.append((arm, propose(context, arm, batch, picks)))
        for want, text in _answers(setting, batch, proposals):
            rows.append(make_row(setting, want.item, want.arm, text, want.fired, want.strength, named))
    for arm, items in arms.items():
        if arm.control in KNOWLEDGE_CONTROLS:
            rows += knowledge_rows(setting, arm.control, items, named)
    return rows


def by_prompt(items: Iterable[Item]) -> dict[str, list[Item]]:
    """Prompt id -> its items."""
    table: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        table[item.prompt.id].append(item)
    return table


class _Wanted(NamedTuple):
    arm: Arm
    item: Item
    row: int
    fired: bool
    strength: float


def _answers(setting: Setting, batch: Batch, proposals: Sequence[tuple[Arm, Proposed]]) -> list[tuple[_Wanted, str]]:
    """Every proposal's answers, generated together; where the state is the natural one, once per prompt."""
    changed: list[_Wanted] = []
    unchanged: list[_Wanted] = []
    states, answers, rows = [], [], setting.sae.answer_rows
    for arm, made in proposals:
        own = made.changed if made.fired is None else made.fired
        for i, (row, item) in enumerate(made.picks):
            wanted = _Wanted(arm, item, row, bool(own[i]), made.strengths[i])
            (changed if made.changed[i] else unchanged).append(wanted)
        states.append(made.x[made.changed])
        if rows is not None:
            none = torch.zeros(len(made.x), *rows.shape[1:])
            answers.append((none if made.answer is None else made.answer)[made.changed])
    texts: list[str] = []
    if changed:
        reads = [reads_of(setting, want.item) for want in changed]
        held = torch.cat(answers) if answers else None
        texts = edited_texts(setting, batch.prefix, [want.row for want in changed], torch.cat(states), reads, held)
    plain: dict[int, list[Reads]] = defaultdict(list)
    for want in unchanged:
        plain[want.row].append(reads_of(setting, want.item))
    base: dict[int, str] = {}
    if plain:
        found = base_texts(setting, batch.prefix, list(plain), [merged(some) for some in plain.values()])
        base = dict(zip(plain, found, strict=True))
    return [*zip(changed, texts, strict=True), *((want, base[want.row]) for want in unchanged)]


def knowledge_rows(setting: Setting, control: str, items: Sequence[Item], named: bool = False) -> list[SwapRow]:
    """Rows that need no generation. `majority`: the target's most frequent value, item by item.

    `direct_ask`: for every subject, source and target among the items, one row per training carrier that asks the target
    directly, as the model answered it when its knowledge was read; not for `suppress`, which has nothing to ask.
    """
    rows = []
    items = [item for item in items if item.edit.op != "suppress"]
    if control == "majority":
        for item in items:
            if value := setting.knowledge.majority.get(item.target):
                text = setting.ontology.texts(value)[0]
                rows.append(make_row(setting, item, Arm(control), text, True, 0.0, named))
        return rows
    answers = {prompt.id: text for prompt, text in zip(setting.prompts.asked, setting.knowledge.texts, strict=True)}
    for item in {(i.subject, i.source, i.target, i.quadrant, i.edit.id): i for i in items}.values():
        for prompt in setting.training_prompts.get((item.subject, item.target), ()):
            row = make_row(setting, item, Arm(control), answers[prompt.id], True, 0.0, named)
            rows.append(_asked_by(row, prompt.id, prompt.carrier))
    return rows


def _asked_by(row: SwapRow, prompt_id: str, carrier: str) -> SwapRow:
    return SwapRow.from_json(row.to_json() | {"prompt_id": prompt_id, "carrier": carrier})


def latent_p_value(
    setting: Setting, items: Sequence[Item], *, latents: int = NULL_LATENTS, sample: int = 12, seed: int = 0
) -> float:
    """One-sided p-value of the edit's hit among those of random live latents, each fixed over a small common sample of items."""
    chosen = list(items)[:: max(1, len(items) // sample)][:sample]
    live = live_latents(setting, items)
    if not chosen or not len(live):
        return float("nan")
    order = torch.randperm(len(live), generator=torch.Generator().manual_seed(seed))[:latents]
    arms = [Arm(EDIT), *(Arm("random_latent", latent=int(latent)) for latent in live[order])]
    hits: dict[Arm, list[bool]] = defaultdict(list)
    context = Context(setting, seed, live=live)
    table = by_prompt(chosen)
    for batch in batches(setting, [item.prompt for item in {i.prompt.id: i for i in chosen}.values()], "random latents"):
        picks = [(row, item) for row, prompt in enumerate(batch.prompts) for item in table[prompt.id]]
        proposals = [(arm, propose(context, arm, batch, picks)) for arm in arms]
        for want, text in _answers(setting, batch, proposals):
            hits[want.arm].append(make_row(setting, want.item, want.arm, text, want.fired, want.strength, False).hit)
    rates = {arm: sum(some) / len(some) for arm, some in hits.items()}
    return permutation_p_value(rates.pop(Arm(EDIT)), list(rates.values()))
