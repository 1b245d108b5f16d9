"""Which model a name stands for, without loading it: weight fingerprints are remembered by the files they were computed from."""

from __future__ import annotations

import json
from pathlib import Path

from kedit.config import DEFAULT_MODEL
from kedit.errors import InputError
from kedit.files import digest, write_json
from kedit.runs import ModelId

WEIGHTS = ("*.safetensors", "*.bin", "config.json", "tokenizer.json")


def known_fingerprint(name: str, device: str) -> ModelId | None:
    """The model's identity if its files are those that it was last computed from; None if it must be loaded to know."""
    key = _key(name, device)
    found = _memory().get(key) if key else None
    return ModelId.model_validate(found) if found else None


def remember_fingerprint(name: str, device: str, model: ModelId) -> None:
    """Keep a model's identity for `known_fingerprint`."""
    key = _key(name, device)
    if key:
        write_json(_path(), {**_memory(), key: model.model_dump(mode="json")})


def _key(name: str, device: str) -> str | None:
    """A hash of where the model's files lie, how large and how old they are; None where that cannot be told."""
    folder = _folder(name)
    if folder is None or not folder.is_dir():
        return None
    files = sorted({path for pattern in WEIGHTS for path in folder.glob(pattern)})
    stats = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    # The dtype that a checkpoint is loaded in depends on the device.
    return digest([str(folder.resolve()), stats, device]) if stats else None


def _folder(name: str) -> Path | None:
    from kedit.lm import cache

    path = Path(name).expanduser()
    if name == DEFAULT_MODEL:
        return cache.folder_of(name)
    if path.suffix == ".gguf":
        if not path.is_file():
            return None
        from kedit.lm.gguf import fetch_gguf

        return fetch_gguf(path)
    if cache.is_model_folder(path):
        return path
    if cache.is_model_folder(cache.folder_of(name)):
        return cache.folder_of(name)
    return _snapshot(name)


def _snapshot(name: str) -> Path | None:
    """The folder of a hub model in the hub's own cache."""
    from huggingface_hub import try_to_load_from_cache

    from kedit.lm.hub import cached_commit

    try:
        if not cached_commit(name):
            return None
    except InputError:
        return None
    config = try_to_load_from_cache(name, "config.json")
    return Path(config).parent if isinstance(config, str) else None


def _path() -> Path:
    from kedit.lm.cache import cache_dir

    return cache_dir() / "fingerprints.json"


def _memory() -> dict[str, dict[str, str | None]]:
    try:
        data = json.loads(_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
