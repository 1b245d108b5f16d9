"""Blocks are found by structure; where they are not, the error says how to name them."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from torch import nn

from kedit.errors import InputError
from kedit.lm.blocks import find_blocks

PATHS = {
    "gpt2": "transformer.h",
    "llama": "model.layers",
    "gpt_neox": "gpt_neox.layers",
    "opt": "model.decoder.layers",
    "gemma": "model.layers",
    "qwen2": "model.layers",
}


def blocks(count: int) -> nn.ModuleList:
    return nn.ModuleList(nn.Linear(2, 2) for _ in range(count))


def test_every_layout_is_found(lm: Any, layout: str) -> None:
    path, found = find_blocks(lm.model)
    assert path == PATHS[layout]
    assert len(found) == lm.model.config.num_hidden_layers
    assert found is lm.model.get_submodule(path)


def test_lists_inside_a_block_are_not_the_blocks() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.experts = blocks(3)

    model = nn.Module()
    model.layers = nn.ModuleList([Block(), Block()])
    assert find_blocks(model)[0] == "layers"


def test_the_config_decides_between_several_lists() -> None:
    model = nn.Module()
    model.vision, model.text = blocks(2), blocks(3)
    with pytest.raises(InputError, match=r"Several lists[\s\S]*vision \(2 x Linear\), text \(3 x Linear\)"):
        find_blocks(model)
    model.config = SimpleNamespace(num_hidden_layers=3)  # type: ignore[assignment]
    assert find_blocks(model)[0] == "text"
    assert find_blocks(model, "vision")[0] == "vision"


def test_an_override_is_checked(random_lm: Callable[..., Any]) -> None:
    model = random_lm().model
    assert find_blocks(model, "transformer.h")[1] is model.transformer.h
    with pytest.raises(InputError, match=r"no module 'transformer\.blocks'[\s\S]*transformer\.h"):
        find_blocks(model, "transformer.blocks")
    with pytest.raises(InputError, match=r"'transformer\.wte' is a Embedding, not a list[\s\S]*transformer\.h \(4 x GPT2Block\)"):
        find_blocks(model, "transformer.wte")


def test_a_model_without_lists_is_refused_with_advice() -> None:
    with pytest.raises(InputError, match=r"No list of modules[\s\S]*blocks='path\.to\.layers'[\s\S]*no torch\.nn\.ModuleList"):
        find_blocks(nn.Linear(2, 2))
