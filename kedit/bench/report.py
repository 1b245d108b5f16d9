"""`kedit.bench/1`: what every benchmark reports. Ratios are made of figures of one run on one machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import kedit

Work = Literal["capture", "control", "swap"]
"""Kinds of work of a model that are measured."""


@dataclass(frozen=True, slots=True)
class Result:
    """One measurement: seconds of kedit, of the naive way and of the least that the work takes; None is not measured."""

    name: str
    kedit_s: float
    naive_s: float | None
    floor_s: float | None
    peak_memory: int
    """Bytes that a process which does nothing else held at most."""
    equal: bool
    """Whether the results agree with an independent count."""

    def document(self) -> dict[str, Any]:
        """The result with its ratios: times faster than the naive way, and share of the floor."""
        row = asdict(self)
        floor = row.pop("floor_s")
        return {
            **{key: row[key] for key in ("name", "kedit_s", "naive_s")},
            "ratio": None if self.naive_s is None else self.naive_s / self.kedit_s,
            "of_floor": None if floor is None else floor / self.kedit_s,
            **{key: row[key] for key in ("peak_memory", "equal")},
        }


def document(results: Iterable[Result], workload: Mapping[str, Any], notes: Iterable[str] = ()) -> dict[str, Any]:
    """The document of one benchmark: results, what was worked on, and what a reader should know of the figures."""
    return {
        "schema": "kedit.bench/1",
        "machine": machine(),
        "workload": dict(workload),
        "results": [result.document() for result in results],
        "notes": list(notes),
    }


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "python": platform.python_version(),
        "kedit": kedit.__version__,
    }
