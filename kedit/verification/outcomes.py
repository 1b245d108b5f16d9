"""What became of one edited generation: hit, stuck, wrong subject or derailed; and the row that records it."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from kedit.files import read_jsonl, write_jsonl

if TYPE_CHECKING:
    from kedit.curriculum.answers import AnswerMatcher

Outcome = Literal["hit", "wrong_subject", "stuck", "derailed"]
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)
EDIT: Final = "edit"
EQUAL_DAMAGE: Final = "@equal_damage"
"""Stands behind the name of a competitor that was measured at no more forced KL than the edit's."""


def classify(
    text: str,
    *,
    target: AnswerMatcher,
    accepted: Collection[str],
    source: AnswerMatcher | None = None,
    old: Collection[str] = (),
    fired: bool = True,
) -> Outcome:
    """Outcome of one generated answer; the first that holds of hit > stuck > wrong_subject > derailed (method.md).

    `accepted` and `old` are value ids: what the target relation and the source relation list for the subject. An answer that
    is right although the edit did not fire (`fired=False`) is not the edit's doing and counts as derailed.
    """
    if target.hit(text, accepted):
        return "hit" if fired else "derailed"
    if source is not None and source.hit(text, old):
        return "stuck"
    return "wrong_subject" if target.parse(text) else "derailed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapRow:
    """One generated answer under an edit or one of its controls (a line of `rows.jsonl`)."""

    prompt_id: str
    subject: str
    carrier: str
    source: str
    """IRI of the relation that the prompt asks for."""
    target: str
    """IRI of the relation whose answer counts."""
    quadrant: str
    strength: float
    control: str = EDIT
    """`edit`, or the name of the control that was applied instead."""
    text: str
    outcome: Outcome
    exact: bool
    gate: bool = True
    """Whether the edit fired (always true for controls without a gate)."""
    pair_trained: bool = False
    answer_seen: bool = False
    """Whether an accepted answer was an accepted answer of a training subject."""
    known: bool = True
    """Whether the model knows the target's fact (robust gate); only such rows enter headlines."""
    lenient: bool = False
    behavioural: bool | None = None
    """Whether the answer is the model's own modal direct answer, right or wrong."""
    edit: str = ""
    """Id of the recipe's edit; empty in the evaluation of a run."""

    def __post_init__(self) -> None:
        if self.outcome not in OUTCOMES:
            raise ValueError(f"unknown outcome {self.outcome!r}")

    @property
    def hit(self) -> bool:
        """A right answer of an edit that fired."""
        return self.gate and self.outcome == "hit"

    def to_json(self) -> dict[str, Any]:
        """The row as a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> SwapRow:
        """Inverse of `to_json`; unknown keys raise TypeError."""
        return cls(**value)


def save_rows(path: Path, rows: Iterable[SwapRow]) -> None:
    """Write rows as JSON lines, atomically."""
    write_jsonl(path, (row.to_json() for row in rows))


def load_rows(path: Path) -> list[SwapRow]:
    """Read rows that `save_rows` wrote."""
    return [SwapRow.from_json(value) for value in read_jsonl(path)]
