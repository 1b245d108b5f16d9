"""A recipe's own prompts, outside any template: does the edit fire on them where it should, and only there, and does it hit?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from kedit.curriculum.carriers import Carrier
from kedit.curriculum.prompts import CarrierWords, Prompt
from kedit.editing.metric_names import OWN_PROMPTS
from kedit.editing.resolving import AskedText, ResolvedEdit
from kedit.verification.applying import Scopes, applied, edit_states, is_for, is_not_for
from kedit.verification.controls import Arm
from kedit.verification.figures import OwnPrompts, Share
from kedit.verification.items import Item, counted_relation, informative_gate, uninformative
from kedit.verification.measure import measure
from kedit.verification.metrics import rate
from kedit.verification.outcomes import EDIT, SwapRow
from kedit.verification.scoping import Parts, scope_parts, share
from kedit.verification.setting import Setting, states_of
from kedit.verification.statistics import EMPTY, Estimate
from kedit.verification.verdict import Measured


def own_prompts(
    setting: Setting, edit: ResolvedEdit, texts: Sequence[AskedText], seed: int
) -> tuple[OwnPrompts, list[SwapRow], list[Measured]] | None:
    """Figures of one edit on the recipe's own prompts, their rows, and numbers to judge; None if there are no prompts."""
    prompts = [_prompt(setting, i, text) for i, text in enumerate(texts)]
    if not prompts:
        return None
    leak, miss, parts = _firing(setting, edit, prompts, seed)
    wanted = [item for prompt in prompts if is_for(prompt, edit) and (item := _item(setting, edit, prompt))]
    reasons = [uninformative(setting, item, lambda item: _stands_in(setting, item)) for item in wanted]
    items = [item for item, reason in zip(wanted, reasons, strict=True) if reason is None]
    rows = measure(setting, {Arm(EDIT): items, Arm("noop"): items}, seed=seed, named=True, label=f"own prompts, {edit.id}")
    rows = _for_operator(edit, rows)
    mine = [row for row in rows if row.control == EDIT]
    block = OwnPrompts(
        n=len(prompts),
        scope_leak=Share.found(leak),
        scope_miss=Share.found(miss),
        informative=informative_gate(len(items), Counter(reason for reason in reasons if reason), "prompt"),
        known=rate([row for row in mine if row.known], seed=seed),
        all_facts=rate(mine, seed=seed),
        unedited=rate([row for row in rows if row.control == "noop" and row.known], seed=seed),
        **parts.figures().model_dump(),
    )
    found = {"scope_leak": leak, "scope_miss": miss, **parts._asdict()}
    return block, rows, [Measured(metric, value, edit=edit.id, on=OWN_PROMPTS) for metric, value in found.items()]


def _firing(setting: Setting, edit: ResolvedEdit, prompts: Sequence[Prompt], seed: int) -> tuple[Estimate, Estimate, Parts]:
    """Leak and miss, and scope and gate apart; of an edit that also fires after the prompt the scope alone."""
    if edit.steps != "prompt":
        return EMPTY, EMPTY, scope_parts(setting, [edit], prompts, None, seed)
    x = states_of(setting, prompts, "own prompts")
    covered = Scopes(setting).covered([edit], [prompt.text for prompt in prompts])
    fired = edit_states(setting, applied(setting, [edit]), x, covered).any.tolist()
    leaks = [(p, fire) for p, fire in zip(prompts, fired, strict=True) if is_not_for(p, edit)]
    misses = [(p, not fire) for p, fire in zip(prompts, fired, strict=True) if is_for(p, edit)]
    leak, miss = (share([p for p, _ in some], [flag for _, flag in some], seed) for some in (leaks, misses))
    return leak, miss, scope_parts(setting, [edit], prompts, x, seed)


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


def _stands_in(setting: Setting, item: Item) -> bool:
    """Whether an accepted answer stands anywhere in the prompt (then repeating it would count)."""
    says = CarrierWords(Carrier(item.prompt.id, None, item.prompt.text, "", "negative", "heldout"))
    values = setting.ontology.values(item.target, item.subject)
    return any(says(form) for value in values for form in setting.ontology.texts(value))
