"""The tiny model: a small GPT-2 from scratch with a tokenizer of its own, for trying things in a closed world."""

from __future__ import annotations

import re
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from kedit.errors import InputError
from kedit.lm.cache import TINY, TINY_BLOCKS
from kedit.lm.model import LanguageModel

END = "<|endoftext|>"
# Wide enough for some dozens of slots; at width 256 a step costs four times as much and teaches no more.
WIDTH, HEADS, POSITIONS, VOCABULARY = 128, 4, 512, 4096


WORDS = r"'(?:[sdmt]|ll|ve|re)| ?[\p{L}\p{N}_]+| ?[^\s\p{L}\p{N}_]+|\s+(?!\S)|\s+"
"""GPT-2's words, but for code names: `F10M173` is one word, not four. Cut up, its first token is that of everybody's name,
and who is meant is decided behind the position that an edit reaches."""


def byte_level_bpe(texts: Sequence[str], vocabulary: int = VOCABULARY) -> Any:
    """A byte-level BPE tokenizer (any text can be encoded) trained on `texts`, with at most `vocabulary` tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(  # type: ignore[assignment]
        [pre_tokenizers.Split(Regex(WORDS), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()  # type: ignore[assignment]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=END, eos_token=END, pad_token=END)


def make_tiny(
    texts: Sequence[str], seed: int = 0, *, width: int = WIDTH, layers: int = TINY_BLOCKS, device: torch.device | str = "cpu"
) -> LanguageModel:
    """An untaught GPT-2 whose tokenizer is made from `texts` (all prompts with their answers); `teach` gives it its facts.

    Same texts and seed, same weights, whatever the device. Global random state is left alone. InputError if there is no text.
    """
    if not any(text.strip() for text in texts):
        raise InputError("There is no text to make the tiny model from.", advice="The ontology gave no prompt.")
    tokenizer = byte_level_bpe(texts)
    end = tokenizer.convert_tokens_to_ids(END)
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=POSITIONS,
        n_embd=width,
        n_layer=layers,
        n_head=HEADS,
        # GPT-2's own 0.02 suits its width; at this one every block would begin next to nothing, and learn as slowly.
        initializer_range=width**-0.5,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = GPT2LMHeadModel(config)
    model.to(device).eval().requires_grad_(False)
    description = f"tiny GPT-2 from scratch ({layers} blocks, width {width}, seed {seed})"
    return LanguageModel.from_transformers(model, tokenizer, name=TINY, description=description)


def stacked(lm: LanguageModel) -> LanguageModel:
    """The same GPT-2 twice as deep, its blocks on top of themselves (progressive stacking, Gong et al. 2019).

    What the lower blocks read out of names and relations, the upper ones begin by reading once more: two look-ups in a row.
    """
    half = lm.n_layers
    config = deepcopy(lm.model.config)
    config.n_layer = 2 * half
    with torch.random.fork_rng(devices=[]):
        model = GPT2LMHeadModel(config)
    weights = lm.model.state_dict()
    block = re.compile(r"(?<=\.h\.)\d+(?=\.)")
    model.load_state_dict({name: weights[block.sub(lambda at: str(int(at[0]) % half), name)] for name in model.state_dict()})
    model.to(lm.device).eval().requires_grad_(False)
    return LanguageModel.from_transformers(
        model, lm.tokenizer, name=lm.name, description=f"{lm.description}, stacked to {2 * half} blocks"
    )
