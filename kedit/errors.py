"""Errors that a user may meet: what is wrong, where, and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: a file with a 1-based line and column, and the key inside it."""

    file: str | Path
    line: int | None = None
    column: int | None = None
    key: str | None = None
    text: str | None = None

    def __str__(self) -> str:
        position = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        return f"{position} ({self.key})" if self.key else position


class KeditError(Exception):
    """A failure that ends a command with `exit_code`, one message and, where there is any, advice.

    `code` is stable where there is one: errors about an ontology file have one each (docs/errors.md).
    """

    exit_code = 3

    def __init__(self, message: str, *, place: Place | None = None, advice: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.advice = advice
        self.code = code

    def __str__(self) -> str:
        lines = [f"{self.place}: {self.message}" if self.place else self.message]
        if self.place and self.place.text:
            lines.append(f"    {self.place.text}")
        if self.advice:
            lines.append(self.advice)
        return "\n".join(lines)


class InputError(KeditError):
    """The user's file, option or term cannot be used as it stands."""

    exit_code = 2


def nearest(term: str, known: Iterable[str], count: int = 3) -> list[str]:
    """The valid terms that look most like `term`, best first."""
    candidates = {candidate.casefold(): candidate for candidate in known}
    return [candidates[match] for match in difflib.get_close_matches(term.casefold(), candidates, n=count, cutoff=0.5)]


def did_you_mean(term: str, known: Iterable[str]) -> str:
    """A sentence of advice that names the nearest valid terms, or lists what there is."""
    known = list(known)
    matches = nearest(term, known)
    if matches:
        return f"Did you mean {' or '.join(repr(match) for match in matches)}?"
    shown = ", ".join(known[:12]) + (" and others" if len(known) > 12 else "")
    return f"Known: {shown}." if known else "There is none to choose from."
