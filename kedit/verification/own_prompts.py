"""A recipe's own prompts, outside any template: does the edit fire on them where it should, and only there, and does it hit?"""

from __future__ import annotations

from collections.abc import Sequence

from kedit.curriculum.prompts import Prompt
from kedit.editing.metric_names import OWN_PROMPTS
from kedit.editing.resolving import AskedText, ResolvedEdit
from kedit.verification.applying import applied, asks, edit_states, in_scope
from kedit.verification.controls import Arm, Context
from kedit.verification.figures import OwnPrompts, Share
from kedit.verification.items import Item, counted_relation
from kedit.verification.measure import measure
from kedit.verification.metrics import rate
from kedit.verification.outcomes import EDIT, SwapRow
from kedit.verification.setting import Setting, states_of
from kedit.verification.statistics import Estimate, bootstrap_ci
from kedit.verification.verdict import Measured


def own_prompts(
    setting: Setting, edit: ResolvedEdit, texts: Sequence[AskedText], seed: int
) -> tuple[OwnPrompts, list[SwapRow], list[Measured]] | None:
    """Figures of one edit on the recipe's own prompts, their rows, and numbers to judge; None if there are no prompts."""
    prompts = [_prompt(setting, i, text) for i, text in enumerate(texts)]
    if not prompts:
        return None
    work = applied(setting, [edit])
    covered = Context(setting, seed).scopes.covered([edit], [prompt.text for prompt in prompts])
    fired = edit_states(setting, work, states_of(setting, prompts, "own prompts"), covered).any.tolist()
    wanted = [in_scope(prompt, edit) and (edit.op == "set" or asks(prompt, edit)) for prompt in prompts]
    leak = _share([(p, fire) for p, fire, wish in zip(prompts, fired, wanted, strict=True) if not wish], seed)
    miss = _share([(p, not fire) for p, fire, wish in zip(prompts, fired, wanted, strict=True) if wish], seed)
    items = [item for prompt, wish in zip(prompts, wanted, strict=True) if wish and (item := _item(setting, edit, prompt))]
    rows = measure(setting, {Arm(EDIT): items, Arm("noop"): items}, seed=seed, named=True, label=f"own prompts, {edit.id}")
    rows = _for_operator(edit, rows)
    mine = [row for row in rows if row.control == EDIT]
    block = OwnPrompts(
        n=len(prompts),
        scope_leak=Share.of(leak),
        scope_miss=Share.of(miss),
        known=rate([row for row in mine if row.known], seed=seed),
        all_facts=rate(mine, seed=seed),
        unedited=rate([row for row in rows if row.control == "noop" and row.known], seed=seed),
    )
    found = (("scope_leak", leak), ("scope_miss", miss))
    return block, rows, [Measured(metric, value, edit=edit.id, on=OWN_PROMPTS) for metric, value in found]


def _for_operator(edit: ResolvedEdit, rows: list[SwapRow]) -> list[SwapRow]:
    """Rows of prompts that the operator is for: a suppression's are answered rightly without it, an amplification's are not."""
    if edit.op not in ("suppress", "amplify"):
        return rows
    # Of a suppression `stuck` is the right answer, of an amplification `hit`.
    answered = "stuck" if edit.op == "suppress" else "hit"
    right = {row.prompt_id for row in rows if row.control == "noop" and row.outcome == answered}
    return [row for row in rows if (row.prompt_id in right) == (edit.op == "suppress")]


def _prompt(setting: Setting, number: int, text: AskedText) -> Prompt:
    relation = text.relation
    slots = () if relation is None else (relation, *setting.ontology.ancestors(relation))
    answers = setting.ontology.values(relation, text.subject) if relation and text.subject else ()
    on = tuple(sorted(setting.slots.index(iri) for iri in slots if iri in setting.slots.by_iri))
    return Prompt(
        f"{OWN_PROMPTS}-{number}", text.text, relation, text.subject, tuple(answers), OWN_PROMPTS, "heldout", None, on, None
    )


def _item(setting: Setting, edit: ResolvedEdit, prompt: Prompt) -> Item | None:
    """What is measured on a prompt that the edit is for; None where no answer can be judged."""
    target = counted_relation(prompt, edit)
    if target is None or prompt.subject is None or target not in setting.matchers:
        return None
    if not setting.ontology.values(target, prompt.subject):
        return None
    return Item(prompt, edit, target, OWN_PROMPTS, setting.known(prompt.subject, target))


def _share(flags: Sequence[tuple[Prompt, bool]], seed: int) -> Estimate:
    """Share of prompts, clustered by subject."""
    names = [prompt.subject or prompt.id for prompt, _ in flags]
    return bootstrap_ci([float(flag) for _, flag in flags], names, [0] * len(flags), seed=seed)
