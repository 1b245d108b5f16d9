"""Residual states of texts: no logits, nothing above the deepest wanted block, what a carrier's texts share read once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from kedit.lm.model import LanguageModel
from kedit.lm.prefixes import passes, read_prefix, read_prefixes
from kedit.progress import progress

FIRST_TOKENS = 128
"""Most of them whose states are taken."""


def capture_decisions(
    lm: LanguageModel,
    texts: Sequence[Sequence[int]],
    carriers: Sequence[str],
    layers: Sequence[int],
    label: str = "capturing states",
) -> dict[int, Tensor]:
    """States after each of `layers` at the last token of every text (token ids): layer -> [n, d], float32, on the CPU."""
    found = {layer: torch.empty(len(texts), lm.d_model) for layer in layers}
    for index, states in decision_states(lm, texts, carriers, layers, label):
        for layer, state in states.items():
            found[layer][index] = state
    return found


def decision_states(
    lm: LanguageModel,
    texts: Sequence[Sequence[int]],
    carriers: Sequence[str],
    layers: Sequence[int],
    label: str = "capturing states",
) -> Iterator[tuple[list[int], dict[int, Tensor]]]:
    """Batch by batch: places in `texts`, and layer -> states [b, d] at their last tokens; nothing is kept."""
    with progress(label, len(texts), "text") as advance:
        for index, prefix in read_prefixes(lm, texts, carriers, layers, upto=max(layers)):
            yield index, {layer: state.float().cpu() for layer, state in prefix.states.items()}
            advance(len(index))


@torch.no_grad()
def capture_positions(
    lm: LanguageModel, texts: Sequence[Sequence[int]], carriers: Sequence[str], layer: int, label: str = "capturing states"
) -> Tensor:
    """States after block `layer` at every position but the first of every text (token ids) -> [n, d], float32, on the CPU.

    A first token's state is the same in every text and a hundred times as long. What the texts of one carrier begin with in
    common is read, and counted, once (if it is worth it). In no order.
    """
    found: list[Tensor] = [torch.empty(0, lm.d_model)]
    with progress(label, len(texts), "text") as advance:
        for one in passes(lm, texts, carriers, [layer], upto=layer):
            states = one.hidden[layer]
            new = slice(-states.shape[1], None)
            later = one.mask[:, new].bool() & (one.mask.cumsum(1)[:, new] > 1)
            found.append(states[later].float().cpu())
            advance(len(one.places))
    return torch.cat(found)


@torch.no_grad()
def first_states(lm: LanguageModel, tokens: Iterable[int], layer: int) -> Tensor:
    """States [n, d] after block `layer` of tokens that begin a text: in most models attention sinks, of enormous norm."""
    texts = [[token] for token in sorted(set(tokens))[:FIRST_TOKENS]]
    return read_prefix(lm, texts, [layer], upto=layer).states[layer].float().cpu()
