"""The run directory: stages keyed by the hash of their inputs, recorded whole or not at all, resumed, and locked."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import JsonValue

from kedit.errors import InputError, KeditError
from kedit.files import digest, sha256_file, write_json
from kedit.locks import LOCK, DirectoryLock
from kedit.machine import metered
from kedit.manifest import MANIFEST, Manifest, ModelId, OntologyId, StageRecord, read_manifest, stale

__all__ = ["LAYOUT", "Manifest", "ModelId", "OntologyId", "Run", "Stage", "StageRecord"]

LAYOUT = (
    *("ontology.ttl", "slots.json", "prompts.jsonl", "knowledge.json"),
    *("model", "activations", "sae", "evaluation.json", "evaluation.html", "figures", "reports", "strengths", "competitors"),
)
"""What a run directory may hold beside the outputs that its stages recorded; `--overwrite` removes it and nothing else."""


class Stage:
    """A stage in progress: do the work only if `needed`."""

    def __init__(self, root: Path, needed: bool, reason: str, outputs: Sequence[str]) -> None:
        self.needed = needed
        self.reason = reason
        """Why it is needed, to be shown: "never ran", "inputs changed" ...; empty when it is not."""
        self.outputs: list[str] = list(outputs)
        self._root = root

    def output(self, relative: str) -> Path:
        """Path of an output; one that was not declared (its name became known in the stage) is recorded too."""
        path = _inside(self._root, relative)
        if relative not in self.outputs:
            self.outputs.append(relative)
        return path


class Run:
    """A run directory; made with `open_or_create` (locked, writable) or `open` (to read)."""

    def __init__(self, path: Path, manifest: Manifest, lock: DirectoryLock | None = None) -> None:
        self.path = path
        self.manifest = manifest
        self._lock = lock
        self._apart = 0.0
        """Seconds of parts in the stage that is under way."""

    @property
    def name(self) -> str:
        """The directory's own name, however its path was spelled: what documents say of a run."""
        return self.path.resolve().name

    @classmethod
    def open(cls, path: Path | str) -> Run:
        """A run to read. InputError if there is none, or one that this version cannot read."""
        path = Path(path)
        return cls(path, read_manifest(path))

    @classmethod
    def open_or_create(
        cls,
        path: Path | str,
        *,
        ontology: OntologyId,
        model: ModelId,
        config: Mapping[str, JsonValue] | None = None,
        seeds: Mapping[str, int] | None = None,
        versions: Mapping[str, str] | None = None,
        overwrite: bool = False,
    ) -> Run:
        """A locked run to work in: the one that is there, if it has the same ontology and model, or a new one.

        Another configuration or seed goes on in the same run: each stage whose inputs changed runs again. InputError if the
        run was made from another ontology or model (unless `overwrite`), if another process works in it, or if the directory
        holds something that is no run.
        """
        path = Path(path)
        _check_place(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
            lock = DirectoryLock(path)
        except OSError as error:
            raise InputError(
                f"cannot write in {path}: {error.strerror}", advice="Choose another directory with --out."
            ) from error
        try:
            _sweep(path)
            old = _usable(path, ontology, model, overwrite)
            manifest = Manifest(
                schema="kedit.run/1",
                ontology=ontology,
                model=model,
                versions=dict(versions or {}),
                seeds=dict(seeds or {}),
                config=dict(config or {}),
                chosen=old.chosen if old else {},
                stages=old.stages if old else {},
                timing=old.timing if old else {},
                memory=old.memory if old else {},
                gpu_memory=old.gpu_memory if old else {},
            )
            run = cls(path, manifest, lock)
            run._save()
        except BaseException:
            lock.release()
            raise
        return run

    def close(self) -> None:
        """Release the lock."""
        if self._lock:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def file(self, relative: str) -> Path:
        """Path of a file of this run."""
        return _inside(self.path, relative)

    @contextmanager
    def stage(
        self, name: str, inputs: Mapping[str, Any], version: int, outputs: Sequence[str] = (), *, after: Sequence[str] = ()
    ) -> Iterator[Stage]:
        """One stage: `with run.stage(...) as stage: if stage.needed: ...`.

        Not needed when the hash of `inputs`, `version` and the outputs of the stages in `after` is the recorded one and all
        recorded outputs are there with their recorded SHA-256. When the block ends without an exception, the stage is recorded
        with its outputs, atomically; when it is left by one (Ctrl-C too), it is not.
        """
        self._check_writable()
        for earlier in after:
            self.require(earlier)
        earlier_outputs = {earlier: self.manifest.stages[earlier].outputs for earlier in after}
        key = digest({"inputs": dict(inputs), "version": version, "after": earlier_outputs}, default=_plain)
        record = self.manifest.stages.get(name)
        reason = self._why(record, key, version, outputs)
        stage = Stage(self.path, bool(reason), reason, outputs)
        if reason:
            self._set_stages(stale(self.manifest.stages, name))
        self._apart = 0.0
        with metered() as spent:
            yield stage
        if reason:
            now = StageRecord(input_hash=key, version=version, after=tuple(after), outputs=self._hashes(name, stage.outputs))
            spent.seconds -= self._apart
            self._set_stages({**self.manifest.stages, name: now}, self.manifest.spent(name, spent))
            self._remove_orphans(record)
        elif record and record.status != "done":
            self._set_stages({**self.manifest.stages, name: record.model_copy(update={"status": "done"})})

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Work whose time is told apart from that of the stage that needs it first; a run open for reading records none."""
        with metered() as spent:
            yield
        if self._lock is None:
            return
        self._apart += spent.seconds
        self.manifest = self.manifest.model_copy(update=self.manifest.spent(name, spent))
        self._save()

    def _hashes(self, name: str, outputs: Sequence[str]) -> dict[str, str]:
        found = {relative: _hash(_inside(self.path, relative)) for relative in sorted(set(outputs))}
        missing = [relative for relative, value in found.items() if value is None]
        if missing:
            raise KeditError(f"stage {name} ended without writing {', '.join(missing)}")
        return {relative: value for relative, value in found.items() if value}

    def _remove_orphans(self, before: StageRecord | None) -> None:
        """Remove outputs of a stage's last run that are no stage's any more (another layer was chosen)."""
        current = [Path(relative) for record in self.manifest.stages.values() for relative in record.outputs]
        for relative in map(Path, before.outputs if before else ()):
            if not any(relative.is_relative_to(path) or path.is_relative_to(relative) for path in current):
                _remove(self.path, [str(relative)])

    def recorded(self, name: str, choose: Callable[[], JsonValue]) -> JsonValue:
        """A value that was chosen automatically (batch size, threads): the recorded one, or a new one, recorded."""
        if name not in self.manifest.chosen:
            self._check_writable()
            self.manifest = self.manifest.model_copy(update={"chosen": {**self.manifest.chosen, name: choose()}})
            self._save()
        return self.manifest.chosen[name]

    def done(self, name: str) -> bool:
        """Whether a stage has run to its end and no stage before it was begun again since."""
        record = self.manifest.stages.get(name)
        return record is not None and record.status == "done"

    def require(self, *names: str) -> None:
        """InputError unless all these stages are done."""
        for name in names:
            if not self.done(name):
                has = ", ".join(stage for stage in self.manifest.stages if self.done(stage)) or "none"
                advice = f"Run `kedit align` with the same options again: it goes on where it stopped. Stages done: {has}."
                raise InputError(f"the run {self.path} is not finished: stage {name} has not been completed", advice=advice)

    def _why(self, record: StageRecord | None, key: str, version: int, outputs: Sequence[str]) -> str:
        """Why a stage must run; empty if it need not."""
        if record is None:
            return "never ran"
        if record.version != version:
            return f"made by version {record.version} of this stage, now {version}"
        if record.input_hash != key:
            return "inputs changed"
        for relative in dict.fromkeys((*record.outputs, *outputs)):
            found = _hash(_inside(self.path, relative))
            if found is None:
                return f"{relative} is missing"
            if found != record.outputs.get(relative):
                return f"{relative} was changed"
        return ""

    def _check_writable(self) -> None:
        if self._lock is None:
            raise KeditError(f"the run {self.path} is open for reading only")

    def _set_stages(self, stages: Mapping[str, StageRecord], spent: Mapping[str, Any] | None = None) -> None:
        self.manifest = self.manifest.model_copy(update={"stages": dict(stages), **(spent or {})})
        self._save()

    def _save(self) -> None:
        _save(self.path, self.manifest)


def _plain(value: Any) -> Any:
    # A repr may hold an address: only what is the same in every process may key a stage.
    if isinstance(value, Path):
        return value.as_posix()
    raise TypeError(f"a stage cannot be keyed by {type(value).__name__}: give JSON values and paths")


def _inside(root: Path, relative: str) -> Path:
    path = root / relative
    if Path(relative).is_absolute() or ".." in Path(relative).parts:
        raise ValueError(f"{relative} leads out of the run directory")
    return path


def _hash(path: Path) -> str | None:
    """SHA-256 of a file, or over a directory's file names and hashes; None if there is neither."""
    if path.is_file():
        return sha256_file(path)
    if not path.is_dir():
        return None
    inner = sorted(file for file in path.rglob("*") if file.is_file())
    return digest([[file.relative_to(path).as_posix(), sha256_file(file)] for file in inner])


def _check_place(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise InputError(f"{path} is a file, not a run directory", advice="Choose another directory with --out.")
    if path.is_dir() and not (path / MANIFEST).exists() and _strangers(path):
        shown = ", ".join(_strangers(path)[:3])
        raise InputError(f"{path} is not empty and holds no run ({shown})", advice="Choose another directory with --out.")


def _strangers(path: Path) -> list[str]:
    return sorted(child.name for child in path.iterdir() if child.name != LOCK and not _TEMPORARY.fullmatch(child.name))


def _usable(path: Path, ontology: OntologyId, model: ModelId, overwrite: bool) -> Manifest | None:
    """The manifest to go on with; None for a new run, after removing an old one that may be overwritten."""
    if not (path / MANIFEST).exists():
        return None
    try:
        old = read_manifest(path)
    except InputError:
        if not overwrite:
            raise
        _remove(path, LAYOUT)
        return None
    other = []
    if old.ontology.sha256 != ontology.sha256:
        other.append(f"another ontology ({old.ontology.source}, sha256 {old.ontology.sha256[:12]})")
    if old.model.fingerprint != model.fingerprint:
        other.append(f"another model ({old.model.name}, fingerprint {old.model.fingerprint[:12]})")
    if not other:
        return old
    if not overwrite:
        advice = "Choose another directory with --out, or replace this run with --overwrite."
        raise InputError(f"the run {path} was made from {' and '.join(other)}", advice=advice)
    # Killed half-way, the directory is still the old run, without any stage done.
    _save(path, old.model_copy(update={"stages": {}}))
    _remove(path, [*(output for record in old.stages.values() for output in record.outputs), *LAYOUT])
    return None


def _remove(path: Path, names: Sequence[str]) -> None:
    for name in names:
        target = _inside(path, name)
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)


def _sweep(path: Path) -> None:
    """Remove the temporary files of a process that was killed while it wrote (see files.atomic)."""
    for file in path.rglob(".*"):
        if _TEMPORARY.fullmatch(file.name) and file.is_file():
            file.unlink()


_TEMPORARY = re.compile(r"\..+\.[a-z0-9_]{8}")


def _save(path: Path, manifest: Manifest) -> None:
    write_json(path / MANIFEST, manifest.model_dump(mode="json", by_alias=True))
