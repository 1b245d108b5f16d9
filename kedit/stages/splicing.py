"""What is lost when a dictionary's reconstruction takes the place of the residual stream: KL(base || spliced) in nats."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from kedit.curriculum.prompts import Prompt
from kedit.lm.continuation import Continuation
from kedit.lm.hooks import residual_hook
from kedit.lm.model import LanguageModel
from kedit.lm.prefixes import read_prefixes
from kedit.sae.dictionary import FreeBank
from kedit.verification.neutral import kl

ROWS = 64
TEXTS = 8


@torch.no_grad()
def kl_at_decisions(lm: LanguageModel, layer: int, bank: FreeBank, prompts: Sequence[Prompt]) -> float | None:
    """Mean over prompts, with the reconstruction at the decision position alone."""
    continuation, found = Continuation(lm, layer), []
    ids = lm.encode_batch([prompt.text for prompt in prompts])
    for _, prefix in read_prefixes(lm, ids, [prompt.carrier for prompt in prompts], [layer], rows=ROWS):
        x = prefix.states[layer]
        x_hat = bank.decode(bank.encode(x.float().cpu())).to(x)
        found.append(kl(prefix.logits, continuation.logits(prefix, x_hat)[:, 0]).cpu())
    return torch.cat(found).mean().item() if found else None


@torch.no_grad()
def kl_on_text(lm: LanguageModel, layer: int, bank: FreeBank, text: Tensor) -> float | None:
    """Mean over all positions but the first of texts [n, t], with the reconstruction at all of them."""

    def splice(hidden: Tensor) -> Tensor:
        rebuilt = bank.decode(bank.encode(hidden[:, 1:].float().cpu())).to(hidden)
        return torch.cat([hidden[:, :1], rebuilt], dim=1)

    found = []
    for rows in text.split(TEXTS):
        ids = rows.to(lm.device)
        base = lm.model(input_ids=ids, use_cache=False).logits[:, 1:]
        with residual_hook(lm.blocks[layer], splice):
            spliced = lm.model(input_ids=ids, use_cache=False).logits[:, 1:]
        found.append(kl(base, spliced).flatten().cpu())
    return torch.cat(found).mean().item() if found else None
