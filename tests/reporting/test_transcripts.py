"""What a transcript leaves out is told by how much it reads."""

from __future__ import annotations

import pytest

from kedit.reporting.transcripts import example
from kedit.verification.report import Transcript


def transcript(loud: int, quiet: int) -> Transcript:
    reads = dict.fromkeys((f"ex:loud{i}" for i in range(loud)), 0.4) | dict.fromkeys((f"ex:quiet{i}" for i in range(quiet)), 0.02)
    return Transcript(prompt="p", subject="s", before="b", after="a", outcome="hit", slots_before=reads, slots_after={})


@pytest.mark.parametrize(
    ("loud", "quiet", "shown", "said"),
    [
        (2, 0, 2, ""),
        (2, 9, 2, "9 more below 0.1"),
        (6, 1, 6, "1 more below 0.1"),
        (8, 0, 6, "2 more at 0.1 or above"),
        (8, 3, 6, "2 more at 0.1 or above, 3 below"),
        (0, 4, 4, ""),
        (0, 9, 6, "3 more below 0.1"),
    ],
)
def test_slots_left_out_are_counted_apart(loud: int, quiet: int, shown: int, said: str) -> None:
    made = example(transcript(loud, quiet))
    assert (len(made.slots), made.left_out) == (shown, said)
    assert sum(slot["term"].startswith("ex:loud") for slot in made.slots) == min(loud, shown)


def test_of_loud_slots_the_loudest_are_shown() -> None:
    reads: dict[str, float | None] = {f"ex:r{i}": 0.1 + i / 10 for i in range(8)}
    item = transcript(0, 0).model_copy(update={"slots_before": reads})
    assert [slot["term"] for slot in example(item).slots] == [f"ex:r{i}" for i in range(7, 1, -1)]
