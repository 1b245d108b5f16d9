"""Base models of benchmarks: taught once, kept with the digest of what they were made from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kedit.errors import InputError
from kedit.files import read_json, write_json
from kedit.lm.model import LanguageModel
from kedit.lm.store import load_model, save_model


def is_kept(folder: Path, key: str) -> bool:
    """Whether the model that `key` stands for is in its folder; InputError if another one is."""
    note = folder.with_suffix(".json")
    if folder.is_dir() and note.is_file() and read_json(note).get("key") == key:
        return True
    if folder.exists():
        raise InputError(
            f"{folder} holds a model of another world, or one that was taught otherwise",
            advice="Name another --out, or remove it.",
        )
    return False


def base_model(folder: Path, key: str, make: Callable[[], LanguageModel], device: str) -> LanguageModel:
    """The model from its folder, made and saved there first if it is not; `key` as in `is_kept`."""
    if not is_kept(folder, key):
        save_model(make(), folder)
        write_json(folder.with_suffix(".json"), {"key": key})
    return load_model(str(folder), device=device)
