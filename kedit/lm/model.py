"""A causal language model with what kedit needs to know of it: blocks, tokens, fingerprint."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from kedit.errors import InputError, KeditError
from kedit.lm.blocks import find_blocks
from kedit.lm.hooks import Edit, residual_hook


def hook_point(layer: int) -> str:
    """The field's name for the residual stream after block `layer` (0-based)."""
    return f"blocks.{layer}.hook_resid_post"


def parse_hook_point(name: str) -> int:
    """The block of a hook point's name, the inverse of `hook_point`; InputError for any other name."""
    match = re.fullmatch(r"blocks\.(\d+)\.hook_resid_post", name)
    if match is None:
        raise InputError(f"{name!r} is no hook point.", advice="Hook points are written blocks.12.hook_resid_post.")
    return int(match[1])


def weight_fingerprint(model: nn.Module) -> str:
    """SHA-256 (hex) over name, dtype, shape and bytes of all weights in the order of their names; tied ones count once."""
    digest = hashlib.sha256()
    seen: set[tuple[int, tuple[int, ...], tuple[int, ...]]] = set()
    for name, tensor in sorted(model.state_dict().items()):
        tensor = tensor.detach()
        place = (tensor.data_ptr(), tuple(tensor.shape), tuple(tensor.stride()))
        if tensor.numel() and place in seen:
            continue
        seen.add(place)
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """A causal model of transformers, its tokenizer and its blocks. Compare two by `fingerprint`.

    `blocks[L]` is the block whose output is `hook_point(L)`; `d_model` is the width of the residual stream;
    `revision` is the hub's commit where the weights came from there; `taught`: kedit fine-tuned it on an ontology's facts.
    """

    name: str
    description: str
    model: Any
    tokenizer: Any
    blocks: nn.ModuleList
    blocks_path: str
    d_model: int
    revision: str | None = None
    taught: bool = False

    @classmethod
    def from_transformers(
        cls,
        model: Any,
        tokenizer: Any,
        *,
        name: str | None = None,
        blocks: str | None = None,
        description: str | None = None,
    ) -> LanguageModel:
        """Wrap a model that is already loaded; nothing in it is changed, neither mode nor `requires_grad`.

        `blocks` is the path of the block list where it cannot be found. Raises InputError if the model is in training
        mode: dropout would make every figure a different one, and switching it off behind the owner's back is no better.
        """
        if model.training:
            raise InputError("The model is in training mode.", advice="Call model.eval() first; kedit does not do so silently.")
        path, block_list = find_blocks(model, blocks)
        name = name or getattr(model.config, "_name_or_path", "") or type(model).__name__
        return cls(
            name=name,
            description=description or name,
            model=model,
            tokenizer=tokenizer,
            blocks=block_list,
            blocks_path=path,
            d_model=model.config.get_text_config(decoder=True).hidden_size,
            revision=getattr(model.config, "_commit_hash", None),
        )

    @property
    def n_layers(self) -> int:
        """Number of blocks."""
        return len(self.blocks)

    @property
    def device(self) -> torch.device:
        """Where token ids belong: the device of the input embedding."""
        return self.model.get_input_embeddings().weight.device

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of the weights and so of the residual stream."""
        return self.model.get_input_embeddings().weight.dtype

    @cached_property
    def fingerprint(self) -> str:
        """`weight_fingerprint` of the model, computed at the first use."""
        return weight_fingerprint(self.model)

    @cached_property
    def stop_tokens(self) -> frozenset[int]:
        """Ids that end a text, from tokenizer, config and generation config."""
        sources = (self.tokenizer, self.model.config, getattr(self.model, "generation_config", None))
        found: set[int] = set()
        for source in sources:
            ids = getattr(source, "eos_token_id", None)
            found.update(ids if isinstance(ids, list | tuple) else [] if ids is None else [ids])
        return frozenset(found)

    def check_length(self, text: str, more: int = 0) -> None:
        """InputError for a text that, with `more` new tokens behind it, is longer than the model can read."""
        most, length = getattr(self.model.config, "max_position_embeddings", None), len(self.encode(text))
        if most is not None and length + more > most:
            shown = text if len(text) <= 40 else f"{text[:40]}…"
            raise InputError(
                f"{shown!r} has {length:,} tokens, with {more} for an answer more than the {most:,} that {self.name} reads",
                advice="Shorten the text.",
            )

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, with special tokens only where the tokenizer adds them of its own accord."""
        return list(self.tokenizer(text)["input_ids"])

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """`encode` of every text, much faster than one by one."""
        return [list(ids) for ids in self.tokenizer(list(texts))["input_ids"]] if texts else []

    def encode_continuations(self, prompts: Sequence[str], continuations: Sequence[str]) -> list[tuple[list[int], list[int]]]:
        """Per pair, token ids of the prompt and of what follows it (which brings its own leading space).

        Taken from the tokens of the joined text, as a model meets them; where the joint falls inside a token, the
        two parts are encoded apart, for at the joint a prompt has been read already.
        """
        joined = self.encode_batch([prompt + tail for prompt, tail in zip(prompts, continuations, strict=True)])
        pairs: list[tuple[list[int], list[int]]] = []
        for head, ids, tail in zip(self.encode_batch(prompts), joined, continuations, strict=True):
            if ids[: len(head)] == head and len(ids) > len(head):
                pairs.append((head, ids[len(head) :]))
            else:
                pairs.append((head, self.encode_answer(tail)))
        return pairs

    def encode_answer(self, text: str) -> list[int]:
        """Token ids of what follows a prompt (it brings its own leading space): no special tokens."""
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def decode(self, ids: Sequence[int]) -> str:
        """Text of token ids, without special tokens and with its spaces as they are."""
        return self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def self_test(self) -> None:
        """Prove that hooks work here: an identity edit leaves the logits bit for bit, a shift after any block moves them.

        One row of the batch per block, so three short forward passes for all of them. Raises KeditError otherwise.
        """
        generator = torch.Generator().manual_seed(0)
        vocabulary = self.model.get_input_embeddings().weight.shape[0]
        ids = torch.randint(min(vocabulary, 1000), (1, 2), generator=generator).expand(self.n_layers, 2).to(self.device)
        direction = torch.randn(self.d_model, generator=generator)
        base = self._logits_under(ids, {})
        same = self._logits_under(ids, dict.fromkeys(range(self.n_layers), Tensor.clone))
        moved = self._logits_under(ids, {layer: _shift_row(layer, direction) for layer in range(self.n_layers)})
        if not base.isfinite().all():
            raise KeditError(f"{self.name} gives logits that are not finite numbers.", advice="Load it in float32.")
        if not torch.equal(base, same):
            raise KeditError(f"An identity hook changes the logits of {self.name}.", advice=self._override())
        deaf = [layer for layer in range(self.n_layers) if torch.equal(base[layer], moved[layer])]
        if deaf:
            raise KeditError(f"A shift after block {deaf[0]} does not reach the logits of {self.name}.", advice=self._override())

    @torch.no_grad()
    def _logits_under(self, ids: Tensor, edits: dict[int, Edit]) -> Tensor:
        with ExitStack() as stack:
            for layer, edit in edits.items():
                stack.enter_context(residual_hook(self.blocks[layer], edit))
            return self.model(input_ids=ids, use_cache=False).logits

    def _override(self) -> str:
        return f"The blocks were taken from {self.blocks_path!r}; name the right list by hand: blocks='path.to.layers'."


def _shift_row(row: int, direction: Tensor) -> Edit:
    def shift(hidden: Tensor) -> Tensor:
        shifted = hidden.clone()
        # As large as the state itself, so that it shows through the norms that follow.
        shifted[row] += direction.to(hidden) * (hidden[row].std() + 1.0)
        return shifted

    return shift
