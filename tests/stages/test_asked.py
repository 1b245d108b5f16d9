"""What is asked is framed as the prompts of a run are."""

from __future__ import annotations

from typing import Any

import pytest

from kedit.errors import InputError
from kedit.stages.asked import answer, as_prompt


@pytest.mark.parametrize(
    ("text", "prompt"),
    [
        ("Who?", "Q: Who?\nA:"),
        ("The capital of Mali is", "The capital of Mali is"),
        ("Q: Who?\\nA:", "Q: Who?\nA:"),
    ],
)
def test_bare_questions_get_the_frame(text: str, prompt: str) -> None:
    assert as_prompt(text) == prompt


def test_an_empty_text_is_refused_before_anything_is_loaded() -> None:
    nothing: Any = None
    with pytest.raises(InputError, match="empty"):
        answer(nothing, "  ")
