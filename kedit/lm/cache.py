"""Models that kedit knows by name and those that lie on this machine. Needs no torch."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from kedit.config import DEFAULT_MODEL
from kedit.errors import InputError, did_you_mean

TINY = "tiny"
TINY_BLOCKS = 6
NOTE = "kedit.json"
NOTE_SCHEMA = "kedit.model/1"


class ModelEntry(NamedTuple):
    """One line of `kedit models list`; status is "cached", "not fetched" or "made on demand"; bytes on disk."""

    name: str
    description: str
    status: str
    bytes: int
    path: str | None


def cache_dir() -> Path:
    """Where kedit keeps what it can make again: KEDIT_CACHE, or the user's cache directory."""
    if chosen := os.environ.get("KEDIT_CACHE"):
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("kedit", appauthor=False))


def models_dir() -> Path:
    """The part of the cache that holds converted models, one folder each."""
    return cache_dir() / "models"


def folder_of(name: str) -> Path:
    """The folder that holds, or would hold, the converted model `name`."""
    return models_dir() / re.sub(r"[^\w.-]", "_", name)


def is_model_folder(folder: Path) -> bool:
    """Whether a folder holds a model that transformers can read."""
    return (folder / "config.json").is_file()


def write_note(folder: Path, **note: str | None) -> None:
    """Say in a model's folder what it is; the note is part of the folder before that takes its place."""
    text = json.dumps({"schema": NOTE_SCHEMA, **note}, indent=1, ensure_ascii=False)
    (folder / NOTE).write_text(text + "\n", encoding="utf-8")


def read_note(folder: Path) -> dict[str, str | None]:
    """What `write_note` said, or nothing for folders that kedit did not make."""
    try:
        note = json.loads((folder / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) and note.get("schema") == NOTE_SCHEMA else {}


def was_taught(folder: Path) -> bool:
    """Whether a model's folder holds a copy that kedit taught."""
    return read_note(folder).get("taught") == "yes"


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside `target` that takes its place, whole, when the block ends without an exception.

    If another process was faster its folder stays, for both are the same; no half-written folder is ever seen.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    incoming = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield incoming
        incoming.chmod(0o755)
        try:
            incoming.rename(target)
        except OSError:
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(incoming, ignore_errors=True)


def list_models() -> list[ModelEntry]:
    """The models that have a name of their own, then all that are converted or in the hub's cache."""
    default = folder_of(DEFAULT_MODEL)
    cached = is_model_folder(default)
    entries = [
        ModelEntry(
            DEFAULT_MODEL,
            "SmolLM2-135M-Instruct, Q4_1 (wheel); the default",
            "cached" if cached else "not fetched",
            _size(default),
            str(default) if cached else None,
        ),
        ModelEntry(TINY, "small GPT-2 made from scratch and taught the ontology", "made on demand", 0, None),
    ]
    folders = sorted(models_dir().iterdir()) if models_dir().is_dir() else []
    for folder in folders:
        if folder != default and is_model_folder(folder) and not folder.name.startswith("."):
            note = read_note(folder)
            name, description = note.get("name") or folder.name, note.get("description") or folder.name
            entries.append(ModelEntry(name, description, "cached", _size(folder), str(folder)))
    return entries + _hub_entries()


def remove_model(name: str) -> ModelEntry:
    """Delete a converted model from kedit's cache; the hub's cache and the user's own files are not touched.

    Raises InputError for a name that is not there.
    """
    entries = list_models()
    entry = next((entry for entry in entries if entry.name == name), None)
    if entry is None:
        raise InputError(
            f"There is no model {name!r} in the cache.", advice=did_you_mean(name, [entry.name for entry in entries])
        )
    if entry.path is None:
        raise InputError(f"{name} is {entry.status}: there is nothing to remove.")
    if models_dir() not in Path(entry.path).parents:
        raise InputError(f"{name} lies in the hub's own cache, {entry.path}.", advice=f"Remove it with: hf cache rm model/{name}")
    # Renamed first: a removal that is interrupted leaves nothing that looks like a model.
    doomed = Path(tempfile.mkdtemp(prefix=".removed.", dir=models_dir()))
    Path(entry.path).rename(doomed / "model")
    shutil.rmtree(doomed)
    return entry


def _hub_entries() -> list[ModelEntry]:
    from huggingface_hub import constants, scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repositories = scan_cache_dir(constants.HF_HUB_CACHE).repos
    except (CacheNotFound, OSError):
        return []
    return [
        ModelEntry(repository.repo_id, "in the Hugging Face cache", "cached", repository.size_on_disk, str(repository.repo_path))
        for repository in sorted(repositories, key=lambda repository: repository.repo_id)
        if repository.repo_type == "model"
    ]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0
