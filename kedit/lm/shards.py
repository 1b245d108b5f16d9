"""A folder of captured states (docs/activations.md): its plan, its parts, and putting parts of several folders together.

Needs no torch.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kedit.errors import InputError, KeditError, Place
from kedit.files import atomic, digest, sha256_file, write_json

PLAN, SCHEMA = "plan.json", "kedit.activations/1"
PROMPTS = "prompts.jsonl"
WINDOW = 8192
Dtype = Literal["float32", "bfloat16", "float16"]
_DTYPES: Final[dict[Dtype, tuple[str, int]]] = {"float32": ("F32", 4), "bfloat16": ("BF16", 2), "float16": ("F16", 2)}
_REMAKE = "Choose another folder with --out, or remove this one."
Shard = tuple[int, int]
"""(i, n): the i-th of n, from 1."""


class Plan(BaseModel):
    """What a folder holds. Equal plans, equal bytes, in however many processes."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, strict=True)

    schema_: Literal["kedit.activations/1"] = Field("kedit.activations/1", alias="schema")
    fingerprint: str
    """Of the model's weights."""
    hook_points: list[str] = Field(min_length=1)
    dtype: Dtype
    d: int = Field(gt=0)
    n: int = Field(gt=0)
    """Prompts, and so rows of every hook point."""
    prompts: str
    """SHA-256 over texts and carriers."""
    window: int = Field(gt=0)
    """Prompts of a part."""
    threads: int = Field(gt=0)
    device: str

    @property
    def parts(self) -> int:
        """Number of parts."""
        return -(-self.n // self.window)

    def rows(self, part: int) -> int:
        """Rows of a part: a window, but for the last."""
        return min(self.window, self.n - part * self.window)

    @property
    def row_bytes(self) -> int:
        """Bytes of a row."""
        return self.d * _DTYPES[self.dtype][1]

    def header(self, part: int) -> bytes:
        """What a part begins with, as safetensors has it."""
        rows, size = self.rows(part), self.rows(part) * self.row_bytes
        header: dict[str, object] = {"__metadata__": {"format": "pt", "schema": SCHEMA, "plan": self.key, "part": str(part)}}
        for place, name in enumerate(self.hook_points):
            offsets = [place * size, (place + 1) * size]
            header[name] = {"dtype": _DTYPES[self.dtype][0], "shape": [rows, self.d], "data_offsets": offsets}
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        return len(text).to_bytes(8, "little") + text

    def size(self, part: int) -> int:
        """Bytes of a part's file."""
        return len(self.header(part)) + len(self.hook_points) * self.rows(part) * self.row_bytes

    def mine(self, shard: Shard) -> list[int]:
        """The parts that one shard makes."""
        return [part for part in range(self.parts) if part % shard[1] == shard[0] - 1]

    @property
    def key(self) -> str:
        """What parts of this plan are known by."""
        return digest(self.document())

    def document(self) -> dict[str, object]:
        """`plan.json`."""
        return self.model_dump(mode="json", by_alias=True)

    def unlike(self, other: Plan) -> list[str]:
        """In what `other` differs: `threads 4, not 2`."""
        pairs = zip(self.document().items(), other.document().values(), strict=True)
        return [f"{name} {_short(value)}, not {_short(wanted)}" for (name, wanted), value in pairs if wanted != value]


def _short(value: object) -> str:
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"{text[:12]}…" if re.fullmatch("[0-9a-f]{64}", text) else text


def part_file(folder: Path, part: int) -> Path:
    """Where a part lies."""
    return folder / f"part-{part:05d}.safetensors"


def read_plan(folder: Path) -> Plan:
    """The plan of a folder; InputError with file and key if there is none that can be read."""
    file = folder / PLAN
    advice = "Make one with `kedit capture --ontology FILE --out DIR`."
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            raise InputError(f"unknown schema, expected {SCHEMA!r}", place=Place(file, key="schema"), advice=_REMAKE)
        return Plan.model_validate(data)
    except OSError as error:
        raise InputError(f"{folder} holds no captured states: there is no {PLAN}", advice=advice) from error
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(first["msg"], place=Place(file, key=".".join(map(str, first["loc"]))), advice=_REMAKE) from error
    except ValueError as error:
        raise InputError("not JSON", place=Place(file), advice=_REMAKE) from error


def claim(folder: Path, plan: Plan) -> None:
    """Make a folder for a plan, or go on in it; InputError if it is of another plan, or holds something else."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file", advice=_REMAKE)
    if not (folder / PLAN).exists():
        strangers = sorted(child.name for child in folder.iterdir() if child.name[0] != ".") if folder.is_dir() else []
        if strangers:
            raise InputError(f"{folder} is not empty and holds no captured states ({', '.join(strangers[:3])})", advice=_REMAKE)
        write_json(folder / PLAN, plan.document())
    if found := plan.unlike(read_plan(folder)):
        raise InputError(f"{folder} is of another plan: {'; '.join(found)}", advice=_REMAKE)


def is_whole(folder: Path, plan: Plan, part: int) -> bool:
    """Whether a part is there; InputError if something else has its name. Parts are renamed to it when they are finished."""
    file, header = part_file(folder, part), plan.header(part)
    try:
        with file.open("rb") as stream:
            same = stream.read(len(header)) == header
            size = os.fstat(stream.fileno()).st_size
    except (FileNotFoundError, NotADirectoryError):
        return False
    if not same or size != plan.size(part):
        raise InputError("is no part of this plan, or was cut off", place=Place(file), advice="Remove it and capture again.")
    return True


def missing(folder: Path, plan: Plan) -> list[int]:
    """The parts that are not there yet."""
    return [part for part in range(plan.parts) if not is_whole(folder, plan, part)]


def sweep(folder: Path, parts: Sequence[int]) -> None:
    """Remove what a process that was killed left of these parts."""
    for part in parts:
        for file in folder.glob(f".{part_file(folder, part).name}.*"):
            file.unlink(missing_ok=True)


class PartWriter:
    """A part in the making: rows go to their places in the file as they come. A map would count as memory of the process."""

    def __init__(self, stream: FileIO, plan: Plan, part: int) -> None:
        header = plan.header(part)
        stream.write(header)
        stream.truncate(plan.size(part))
        self._stream, self._plan, self._rows = stream, plan, plan.rows(part)
        self._starts = {name: len(header) + i * self._rows * plan.row_bytes for i, name in enumerate(plan.hook_points)}
        self._written = dict.fromkeys(plan.hook_points, 0)

    def write(self, hook_point: str, row: int, data: memoryview) -> None:
        """The bytes of one row."""
        self._stream.seek(self._starts[hook_point] + row * self._plan.row_bytes)
        if self._stream.write(data) != self._plan.row_bytes:
            raise KeditError("a row was not written whole", advice="Is the disk full?")
        self._written[hook_point] += 1

    def finish(self) -> None:
        """Nothing is left in the system's buffers; KeditError unless every row was written."""
        if set(self._written.values()) != {self._rows}:
            raise KeditError(f"of {self._rows} rows {self._written} were written")
        os.fsync(self._stream.fileno())


@contextmanager
def new_part(folder: Path, plan: Plan, part: int) -> Iterator[PartWriter]:
    """Write a part, whole or not at all; KeditError if the disk will not have it."""
    file = part_file(folder, part)
    try:
        with atomic(file) as temporary, temporary.open("r+b", buffering=0) as stream:
            writer = PartWriter(stream, plan, part)
            yield writer
            writer.finish()
    except OSError as error:
        raise KeditError(f"{file} cannot be written: {error.strerror}") from error


def merge(folders: Sequence[Path], out: Path) -> tuple[Plan, list[int]]:
    """Put the parts that shards made into one folder (`out` may be one of them): the plan, and the parts that were copied.

    InputError, before anything is copied, if folders are of several plans or prompts, a part is missing or is none of this plan.
    """
    plan = read_plan(folders[0])
    for folder in (*folders[1:], *([out] if (out / PLAN).is_file() else [])):
        if found := plan.unlike(read_plan(folder)):
            advice = "All shards must be made alike; where machines differ, capture with --threads N and --device cpu."
            raise InputError(f"{folder} is of another plan than {folders[0]}: {'; '.join(found)}", advice=advice)
    sources = {
        part: next((folder for folder in (out, *folders) if is_whole(folder, plan, part)), None) for part in range(plan.parts)
    }
    require_all([part for part, folder in sources.items() if folder is None], plan)
    prompts = _one_prompts_file((out, *folders))
    claim(out, plan)
    copied = [(part, folder) for part, folder in sources.items() if folder is not None and folder != out]
    for part, folder in copied:
        _copy(part_file(folder, part), part_file(out, part))
    if prompts is not None and not (out / PROMPTS).exists():
        _copy(prompts, out / PROMPTS)
    return plan, [part for part, _ in copied]


def _one_prompts_file(folders: Sequence[Path]) -> Path | None:
    """The prompts of all folders, which may differ in their splits although the texts, and so the states, are the same."""
    files = [folder / PROMPTS for folder in folders if (folder / PROMPTS).is_file()]
    if other := next((file for file in files if sha256_file(file) != sha256_file(files[0])), None):
        raise InputError(f"{other} is another than {files[0]}", advice="Capture all shards with the same --seed and options.")
    return files[0] if files else None


def require_all(lacking: Sequence[int], plan: Plan) -> None:
    """InputError that names the parts that are lacking, if any."""
    if lacking:
        shown = ", ".join(str(part) for part in lacking[:10]) + (f" and {len(lacking) - 10} more" if len(lacking) > 10 else "")
        raise InputError(
            f"of {plan.parts} parts {len(lacking)} are missing: {shown}",
            advice="Run the shards that make them (`--shard i/n` makes every n-th part, from part i - 1), then merge.",
        )


def _copy(source: Path, target: Path) -> None:
    with atomic(target) as temporary:
        shutil.copyfile(source, temporary)
