"""Background text: what the model writes when nobody asks it anything, sampled from itself. No download, no licence."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from transformers import StaticCache

from kedit.files import digest, load_tensors, save_tensors
from kedit.lm.cache import cache_dir
from kedit.lm.continuation import call
from kedit.lm.model import LanguageModel
from kedit.machine import fast_training
from kedit.progress import progress

VERSION = 3
SEQUENCES, TOKENS, BATCH = 256, 96, 128
TEMPERATURE = 0.8
"""At 1 a small model's text falls apart after a line or two."""


def background_text(lm: LanguageModel, *, sequences: int = SEQUENCES, tokens: int = TOKENS, seed: int = 0) -> Tensor:
    """Token ids [sequences, 1 + tokens] that begin with the model's first token; same weights and seed, same text.

    Kept in kedit's cache by weight fingerprint, so that every run on a model shares it.
    """
    key = digest([lm.fingerprint, sequences, tokens, seed, VERSION])
    path = cache_dir() / "background" / f"{key}.safetensors"
    if (found := _cached(path, sequences)) is not None:
        return found
    ids = sample(lm, sequences=sequences, tokens=tokens, seed=seed)
    save_tensors(path, {"ids": ids})
    return ids


def _cached(path: Path, sequences: int) -> Tensor | None:
    """What another run left, if it is whole."""
    if not path.is_file():
        return None
    try:
        ids: Tensor = load_tensors(path)["ids"]
    except (OSError, KeyError, ValueError, RuntimeError):
        return None
    return ids if len(ids) == sequences else None


@torch.no_grad()
def sample(lm: LanguageModel, *, sequences: int, tokens: int, seed: int = 0) -> Tensor:
    """Ids [sequences, 1 + tokens], drawn at `TEMPERATURE` from the model's first token on; no token that ends a text."""
    generator = torch.Generator().manual_seed(seed)
    first = _first_token(lm)
    rows = []
    with fast_training(), progress("sampling background text", sequences * tokens, "token") as advance:
        for start in range(0, sequences, BATCH):
            ids = torch.full((min(BATCH, sequences - start), 1), first, device=lm.device)
            # One piece of memory for all steps: tensors that grow by a token leave gaps of three times their size behind.
            parts, cache = [ids], StaticCache(config=lm.model.config, max_cache_len=tokens)
            for length in range(1, tokens + 1):
                mask = torch.ones(len(ids), length, dtype=torch.long, device=lm.device)
                logits = call(lm.model, cache, mask, input_ids=parts[-1])[:, -1].float().cpu() / TEMPERATURE
                logits[:, sorted(lm.stop_tokens | {first})] = -torch.inf
                parts.append(_draw(logits.softmax(-1), generator).to(lm.device))
                advance(len(ids))
            rows.append(torch.cat(parts, 1).cpu())
    return torch.cat(rows)


def _draw(shares: Tensor, generator: torch.Generator) -> Tensor:
    """One token [b, 1] of each distribution [b, V], by its cumulative sum: `torch.multinomial` draws V numbers for each."""
    summed = shares.double().cumsum(-1)
    point = torch.rand(len(shares), 1, generator=generator, dtype=summed.dtype) * summed[:, -1:]
    return torch.searchsorted(summed, point, right=True).clamp_max(shares.shape[1] - 1)


def _first_token(lm: LanguageModel) -> int:
    """What a text begins with: the tokenizer's own first token, or one that ends texts."""
    for name in ("bos_token_id", "eos_token_id"):
        token = getattr(lm.tokenizer, name, None)
        if token is not None:
            return int(token)
    return min(lm.stop_tokens, default=0)
