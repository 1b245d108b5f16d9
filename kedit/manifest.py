"""`run.json`: what a run was made from and which stages it has completed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from kedit.config import wording
from kedit.errors import InputError, Place, did_you_mean
from kedit.machine import Spent

MANIFEST = "run.json"
SCHEMA = "kedit.run/1"
_REMAKE = "The manifest is written by kedit alone; make the run again with `kedit align ... --overwrite`."


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class OntologyId(_Frozen):
    """Which ontology a run was made from."""

    source: str
    sha256: str


class ModelId(_Frozen):
    """Which model a run was made from."""

    name: str
    fingerprint: str
    """SHA-256 over the weights."""
    revision: str | None = None
    description: str | None = None


class StageRecord(_Frozen):
    """A stage that ran to its end."""

    input_hash: str
    version: int
    status: Literal["done", "stale"] = "done"
    """`stale`: an earlier stage was begun again and this one has not been looked at since."""
    after: tuple[str, ...] = ()
    """Stages whose outputs are inputs of this one."""
    outputs: dict[str, str] = {}
    """Relative path -> SHA-256 (of a directory: over the names and hashes of its files)."""


class Manifest(_Frozen):
    """`run.json`. All but `timing`, `memory` and `gpu_memory` is the same for the same inputs, machine and versions."""

    schema_: Literal["kedit.run/1"] = Field("kedit.run/1", alias="schema")
    ontology: OntologyId
    model: ModelId
    versions: dict[str, str] = {}
    seeds: dict[str, int] = {}
    config: dict[str, JsonValue] = {}
    chosen: dict[str, JsonValue] = {}
    """Batch sizes, threads and the like that were chosen automatically, to be used again."""
    stages: dict[str, StageRecord] = {}
    timing: dict[str, float] = {}
    """Stage, or part of one (`Run.part`) that is not counted in it -> seconds of its last run."""
    memory: dict[str, int] = {}
    """The same -> the most bytes that the process held meanwhile, where the system tells."""
    gpu_memory: dict[str, int] = {}
    """The same -> the most bytes of tensors on GPUs, where any were used."""

    @property
    def wording(self) -> dict[str, Any]:
        """How the run's ontology.ttl is read: keyword arguments of `load_ontology`."""
        return wording(self.config)

    def spent(self, name: str, spent: Spent) -> dict[str, Any]:
        """The blocks on time and memory with those of one more stage."""
        known = {"timing": round(spent.seconds, 3), "memory": spent.memory, "gpu_memory": spent.gpu_memory}
        found: dict[str, Any] = {}
        for block, value in known.items():
            others = {other: kept for other, kept in getattr(self, block).items() if other != name}
            found[block] = others if value is None else {**others, name: value}
        return found


def stale(stages: Mapping[str, StageRecord], begun: str) -> dict[str, StageRecord]:
    """The records while `begun` runs again: it and all that come after it are stale."""
    stale = {begun}
    while more := {name for name, record in stages.items() if name not in stale and stale.intersection(record.after)}:
        stale |= more
    return {name: record.model_copy(update={"status": "stale"}) if name in stale else record for name, record in stages.items()}


def read_manifest(path: Path) -> Manifest:
    """The manifest of the run directory `path`; InputError with file and key if there is none that can be read."""
    file = path / MANIFEST
    if not path.exists():
        siblings = [str(child) for child in path.parent.iterdir() if (child / MANIFEST).is_file()] if path.parent.is_dir() else []
        advice = f"{did_you_mean(str(path), sorted(siblings))} Or make" if siblings else "Make"
        raise InputError(f"there is no run {path}", advice=f"{advice} one with `kedit align --ontology FILE`.")
    if not file.is_file():
        raise InputError(f"{path} is no run: it holds no {MANIFEST}", advice="Make one with `kedit align --ontology FILE`.")
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        schema = data.get("schema") if isinstance(data, dict) else None
        if schema != SCHEMA:
            advice = "It was written by another version of kedit; use that one, or make the run again."
            raise InputError(f"unknown schema {schema!r}, expected {SCHEMA!r}", place=Place(file, key="schema"), advice=advice)
        return Manifest.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(first["msg"], place=Place(file, key=key), advice=_REMAKE) from error
    except UnicodeDecodeError as error:
        raise InputError("not UTF-8 text", place=Place(file), advice=_REMAKE) from error
    except json.JSONDecodeError as error:
        raise InputError(f"not JSON: {error.msg}", place=Place(file, error.lineno, error.colno), advice=_REMAKE) from error
