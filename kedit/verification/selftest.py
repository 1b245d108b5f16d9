"""Is what is measured what the edited model does? Figures come from a cached path; here it is held against `run.edit` itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import torch

from kedit.editing.edited import edited
from kedit.editing.resolving import ResolvedEdit, ResolvedRecipe
from kedit.verification.applying import applied
from kedit.verification.controls import Arm, Context, propose
from kedit.verification.generating import batches
from kedit.verification.items import Item
from kedit.verification.neutral import kl
from kedit.verification.outcomes import EDIT
from kedit.verification.report import JudgedExpectation
from kedit.verification.setting import Setting

ITEMS: Final = 8
TOLERANCE: Final = 0.01
"""Nats between the two paths' next tokens: in half precision rounding makes a thousandth, a hook one block off a tenth."""


class SelfTest(NamedTuple):
    """The largest KL(edited model || measured path) of the first answer token, in nats, over `n` prompts; NaN for none."""

    kl: float
    n: int

    @property
    def passed(self) -> bool:
        """Nothing to test is nothing wrong; a NaN over prompts is."""
        return self.n == 0 or self.kl <= TOLERANCE

    def judged(self, edit: str) -> JudgedExpectation:
        """As an expectation that every recipe has."""
        return JudgedExpectation(
            metric="self_test",
            edit=edit,
            required=f"<= {TOLERANCE:g}",
            measured=self.kl,
            n=self.n,
            bound="point",
            verdict="PASS" if self.passed else "FAIL",
            reason="" if self.passed else "what was measured is not what the edited model answers: do not trust this report",
        )


@torch.no_grad()
def self_test(setting: Setting, edit: ResolvedEdit, items: Sequence[Item]) -> SelfTest:
    """Both paths on a few items' prompts; of edits on generated tokens there is one path only, the edited model's."""
    chosen = list({item.prompt.id: item for item in items}.values())[:ITEMS] if edit.steps == "prompt" else []
    table = {item.prompt.id: item for item in chosen}
    context, worst = Context(setting), []
    recipe = ResolvedRecipe("measured", applied(setting, [edit]).numbered)
    with edited(setting.lm, setting.sae, recipe, setting.ontology, carriers=setting.prompts.carriers) as model:
        for batch in batches(setting, [item.prompt for item in chosen], f"self-test of {edit.id}"):
            picks = [(row, table[prompt.id]) for row, prompt in enumerate(batch.prompts)]
            x = propose(context, Arm(EDIT), batch, picks).x.to(batch.prefix.states[setting.sae.layer])
            measured = setting.continuation.logits(batch.prefix, x)[:, -1]
            # One by one: a batch would have to be padded, which is one more thing that may differ.
            texts = [torch.tensor([setting.lm.encode(prompt.text)], device=setting.lm.device) for prompt in batch.prompts]
            served = torch.cat([model(input_ids=ids).logits[:, -1] for ids in texts])
            worst.append(kl(served, measured).max())
    return SelfTest(float(torch.stack(worst).max()) if worst else float("nan"), len(chosen))
