"""The page of `kedit ask`: side by side where there is room, changed words in colour, bars with their thresholds."""

from __future__ import annotations

import pytest

from kedit.reporting import terminal
from kedit.reporting.answer import bar, changed_words, render_answer
from kedit.verification.answer import Answer, AnswerEdit, AnswerSlot


def slot(name: str, before: float, after: float | None = None, threshold: float | None = 0.5) -> AnswerSlot:
    limit = float("inf") if threshold is None else threshold
    active = None if after is None else after > limit
    return AnswerSlot(
        slot=f"ex:{name}", label=name, kind="relation", threshold=threshold, before=before, active=before > limit,
        after=after, active_after=active,
    )  # fmt: skip


@pytest.fixture
def asked() -> Answer:
    edit = AnswerEdit(id="[b]one", op="swap", slot="ex:capital", target="ex:language", strength=1.25, fired=True)
    other = AnswerEdit(id="two", op="suppress", slot="ex:x", strength=0, fired=False, blocked_by="gate", reason="ex:x is off")
    return Answer(
        hook_point="blocks.17.hook_resid_post", recipe="r", prompt="[x] Q: What is the capital of Mali?\nA:", max_new_tokens=24,
        before="The capital is Bamako.", after="The language is Bambara.", edits=(edit, other),
        slots=(slot("language", 0.02, 1.25), slot("capital", 0.98, 0.0), *(slot(f"s{i}", -0.1, -0.1, None) for i in range(9))),
    )  # fmt: skip


@pytest.mark.parametrize(("width", "beside"), [(100, True), (70, True), (69, False), (40, False)])
def test_before_and_after(asked: Answer, width: int, beside: bool) -> None:
    lines = terminal.to_text(render_answer(asked), width=width).splitlines()
    assert max(map(len, lines)) <= width
    assert any("before" in line and "after" in line and "─" in line for line in lines) == beside
    assert any("Bamako" in line for line in lines)


def test_everything_is_on_the_page(asked: Answer) -> None:
    text = terminal.to_text(render_answer(asked))
    for expected in (
        "[x] Q: What", "at most 24 new tokens", "✓ [b]one  swap ex:capital → ex:language at 1.25  fired",
        "✗ two  suppress ex:x at 0  did not fire (gate): ex:x is off", "1.25", "0.98", "and 3 more",
    ):  # fmt: skip
        assert expected in text
    assert "and 10 more" in terminal.to_text(render_answer(asked, top=1))
    assert "more" not in terminal.to_text(render_answer(asked, top=11))


def test_without_a_recipe(asked: Answer) -> None:
    text = terminal.to_text(render_answer(asked.model_copy(update={"after": None, "edits": (), "recipe": None})))
    assert "answer" in text
    assert "after" not in text


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ("a b c", "a x c", (["b"], ["x"])),
        ("a b", "a b", ([], [])),
        ("a", "a b", ([], ["b"])),
        ("", "new", ([], ["new"])),
    ],
)
def test_changed_words(before: str, after: str, changed: tuple[list[str], list[str]]) -> None:
    texts = changed_words(before, after)
    assert tuple(text.plain for text in texts) == (before, after)
    assert tuple([text.plain[span.start : span.end] for span in text.spans] for text in texts) == changed


@pytest.mark.parametrize(
    ("value", "threshold", "shown"),
    [(0.0, None, "    "), (1.0, None, "████"), (0.5, 1.0, "██ ┃"), (9.0, 0.0, "┃███"), (-3.0, None, "    "), (None, 0.5, "  ┃ ")],
)
def test_bars(value: float | None, threshold: float | None, shown: str) -> None:
    assert bar(value, threshold, 1.0, active=True, width=4).plain == shown


def test_active_slots_are_bold(asked: Answer) -> None:
    colour = terminal.to_text(render_answer(asked), color=True)
    assert "\x1b[1mlanguage" in colour
    assert "\x1b[2ms0" in colour
