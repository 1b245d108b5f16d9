"""Fixtures for every room: tiny random models of the supported layouts, and shapes checked at run time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

# Before anything of these rooms is imported: shapes in their signatures are checked in every call.
install_import_hook(["kedit.lm", "kedit.sae", "kedit.editing"], "beartype.beartype")
# No test may talk to the hub, whatever the machine allows; tests of the network path take this back.
os.environ["HF_HUB_OFFLINE"] = "1"
# Of several processes with a core each, none has a second thread to spare.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
# A busy machine is no failure.
settings.register_profile("kedit", deadline=None)
settings.load_profile("kedit")

CORPUS = (
    "The capital of France is Paris.\n",
    "What is the language of Peru? Spanish\n",
    "Q: On which continent lies Chad?\nA: Africa\n",
    "Speaking of Peru, its currency is the sol; the people are called Peruvian.\n",
    "Who lives in Norway? Norwegians, north of Denmark.\n",
)
WIDTH, LAYERS, VOCABULARY = 32, 4, 400
LAYOUTS = ("gpt2", "llama", "gpt_neox", "opt", "gemma", "qwen2")


def _config(layout: str, vocabulary: int, end: int) -> Any:
    import transformers

    ends = {"vocab_size": vocabulary, "bos_token_id": end, "eos_token_id": end, "pad_token_id": end}
    common = {**ends, "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": 4}
    rotary = {**common, "intermediate_size": 64, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 128}
    match layout:
        case "gpt2":
            return transformers.GPT2Config(**ends, n_embd=WIDTH, n_layer=LAYERS, n_head=4, n_positions=128)
        case "llama":
            return transformers.LlamaConfig(**rotary)
        case "gpt_neox":
            return transformers.GPTNeoXConfig(**common, intermediate_size=64, max_position_embeddings=128)
        case "opt":
            return transformers.OPTConfig(**common, ffn_dim=64, word_embed_proj_dim=WIDTH, max_position_embeddings=128)
        case "gemma":
            return transformers.GemmaConfig(**rotary)
        case "qwen2":
            return transformers.Qwen2Config(**rotary)
    raise ValueError(layout)


@cache
def _tokenizer() -> Any:
    from kedit.lm.tiny import byte_level_bpe

    return byte_level_bpe(CORPUS, VOCABULARY)


@pytest.fixture(scope="session")
def random_transformer() -> Callable[..., tuple[Any, Any]]:
    """Make a new tiny random model of a layout with a byte-level BPE tokenizer: (model, tokenizer), both of transformers."""

    def make(layout: str = "gpt2", seed: int = 0) -> tuple[Any, Any]:
        import torch
        from transformers import AutoModelForCausalLM

        tokenizer = _tokenizer()
        config = _config(layout, len(tokenizer), tokenizer.eos_token_id)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = AutoModelForCausalLM.from_config(config)
            # At the usual initial scale every block does next to nothing, and tests could not tell one from another.
            with torch.no_grad():
                for parameter in model.parameters():
                    if parameter.dim() > 1:
                        parameter.normal_(std=0.15)
        return model.eval().requires_grad_(False), tokenizer

    return make


@pytest.fixture(scope="session")
def random_lm(random_transformer: Callable[..., tuple[Any, Any]]) -> Callable[..., Any]:
    """The LanguageModel of a layout, made once per session: tests must not change its weights."""

    @cache
    def make(layout: str = "gpt2", seed: int = 0) -> Any:
        from kedit.lm.model import LanguageModel

        model, tokenizer = random_transformer(layout, seed)
        return LanguageModel.from_transformers(model, tokenizer, name=f"random-{layout}")

    return make


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> str:
    """Every supported block layout in turn."""
    return str(request.param)


@pytest.fixture
def lm(layout: str, random_lm: Callable[..., Any]) -> Any:
    """A tiny random LanguageModel, for every layout in turn."""
    return random_lm(layout)


@pytest.fixture(autouse=True)
def news() -> Iterator[None]:
    """`-q` in one test does not silence the next."""
    from kedit.progress import set_quiet

    yield
    set_quiet(False)


@pytest.fixture
def kedit_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of kedit's own for one test."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("KEDIT_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A small world, aligned: takes half a minute."""
    from world import small, world

    from kedit.config import AlignConfig
    from kedit.pipeline import align

    folder = tmp_path_factory.mktemp("small")
    (folder / "world.ttl").write_text(world(), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch, small(patch):
        return align(AlignConfig(ontology=folder / "world.ttl", model="tiny", out=folder / "run"))
