"""Attention heads at the decision position: their mean outputs per relation, and which of them carry it (function vectors)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from kedit.errors import InputError
from kedit.lm.continuation import Prefix, call, replay
from kedit.lm.hooks import input_hook
from kedit.lm.model import LanguageModel
from kedit.lm.prefixes import passes, read_prefixes
from kedit.progress import progress

ROWS = 256
"""Prompts times heads in one pass."""
_OUTPUT = re.compile(r"(^|\.)(o_proj|out_proj|c_proj|dense|wo)$")
_ATTENTION = re.compile(r"att", re.IGNORECASE)


class Probe(NamedTuple):
    """A prompt (token ids) about one relation, and the first token of the right answer about another of the same subject."""

    ids: list[int]
    carrier: str
    target: int
    token: int


def output_projections(lm: LanguageModel, layer: int) -> list[nn.Module]:
    """The module of blocks 0..`layer` that maps the heads' outputs, side by side, to the residual stream.

    InputError for an architecture in which it is not found.
    """
    found = []
    for block in lm.blocks[: layer + 1]:
        fitting = [module for name, module in block.named_modules() if _OUTPUT.search(name) and _ATTENTION.search(name)]
        if len(fitting) != 1:
            raise InputError(
                f"the attention output of a {type(block).__name__} is not found",
                advice="Function vectors need it: leave `function_vector` out of the controls.",
            )
        found.append(fitting[0])
    return found


@torch.no_grad()
def head_means(lm: LanguageModel, layer: int, prompts: Sequence[list[int]], carriers: Sequence[str], groups: Tensor) -> Tensor:
    """[groups, blocks, width]: mean of the heads' outputs at the decision position over the prompts of each group."""
    modules = output_projections(lm, layer)
    sums: Tensor | None = None
    counts = torch.bincount(groups)
    with progress("reading attention heads", len(prompts), "prompt") as advance, ExitStack() as stack:
        kept: dict[int, Tensor] = {}
        for block, module in enumerate(modules):
            stack.enter_context(input_hook(module, _keeper(kept, block)))
        for one in passes(lm, prompts, carriers, [], upto=layer):
            heads = torch.stack([kept[block] for block in range(len(modules))], dim=1).float().cpu()
            sums = heads.new_zeros(len(counts), *heads.shape[1:]) if sums is None else sums
            if one.places:
                sums.index_add_(0, groups[one.places], heads)
            advance(len(one.places))
    assert sums is not None, "no prompts"
    return sums / counts.clamp_min(1)[:, None, None]


@torch.no_grad()
def indirect_effects(lm: LanguageModel, layer: int, means: Tensor, probes: Sequence[Probe]) -> Tensor:
    """[blocks, heads]: mean gain in log-probability of the other relation's answer when a head says its mean for that relation.

    The average indirect effect of Todd et al. (arXiv 2310.15213), on prompts that ask something else.
    """
    modules, heads = output_projections(lm, layer), _heads(lm)
    size = means.shape[2] // heads
    effects = torch.zeros(len(modules), heads)
    with progress("effects of attention heads", len(probes), "prompt") as advance:
        ids, carriers = [probe.ids for probe in probes], [probe.carrier for probe in probes]
        for index, prefix in read_prefixes(lm, ids, carriers, [], rows=max(1, ROWS // heads)):
            part = [probes[i] for i in index]
            last = torch.tensor([[probe.ids[-1]] for probe in part], device=lm.device)
            tokens = torch.tensor([probe.token for probe in part], device=lm.device)
            wanted = means[[probe.target for probe in part]].to(lm.device, lm.dtype)
            base = _gain(prefix.logits, tokens)
            # All heads of a block in one forward pass: a single token's costs what reading the weights costs.
            several = prefix.rows(torch.arange(len(part), device=lm.device).repeat(heads))
            for block, module in enumerate(modules):
                with input_hook(module, _patch(wanted[:, block], heads, size)):
                    logits = _last_token(lm, several, last.repeat(heads, 1))
                gains = _gain(logits, tokens.repeat(heads)).view(heads, len(part)) - base
                effects[block] += gains.sum(1).cpu()
            advance(len(part))
    return effects / max(len(probes), 1)


@torch.no_grad()
def function_vectors(lm: LanguageModel, layer: int, means: Tensor, effects: Tensor, top: int) -> Tensor:
    """[groups, d]: what the `top` heads with the largest effects write, on average, where each relation is asked."""
    modules, heads = output_projections(lm, layer), effects.shape[1]
    size = means.shape[2] // heads
    chosen = effects.flatten().topk(min(top, effects.numel())).indices
    result = torch.zeros(len(means), lm.d_model)
    for place in chosen.tolist():
        block, head = divmod(place, heads)
        alone = torch.zeros(len(means), means.shape[2])
        columns = slice(head * size, (head + 1) * size)
        alone[:, columns] = means[:, block, columns]
        module = modules[block]
        written = module(alone.to(lm.device, lm.dtype)) - module(torch.zeros_like(alone).to(lm.device, lm.dtype))
        result += written.float().cpu()
    return result


def _last_token(lm: LanguageModel, prefix: Prefix, last: Tensor) -> Tensor:
    """Next-token logits [b, vocab] with only the decision token computed anew."""
    return call(lm.model, replay(prefix, lm), prefix.mask, input_ids=last)[:, -1]


def _gain(logits: Tensor, tokens: Tensor) -> Tensor:
    return logits.float().log_softmax(-1).gather(1, tokens[:, None])[:, 0]


def _heads(lm: LanguageModel) -> int:
    config: Any = lm.model.config
    return int(config.num_attention_heads)


def _keeper(kept: dict[int, Tensor], block: int) -> Callable[[Tensor], None]:
    def keep(heads: Tensor) -> None:
        kept[block] = heads[:, -1]

    return keep


def _patch(wanted: Tensor, heads: int, size: int) -> Callable[[Tensor], Tensor]:
    """Rows come as heads x prompts; in each of them one head says what is wanted of it."""

    def patch(inputs: Tensor) -> Tensor:
        changed = inputs.clone()
        for head, rows in enumerate(changed.split(len(wanted))):
            columns = slice(head * size, (head + 1) * size)
            rows[:, -1, columns] = wanted[:, columns]
        return changed

    return patch
