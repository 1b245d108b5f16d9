"""Answers before and after an edit: which words changed, and what the slots read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final

from kedit.reporting import format as fmt
from kedit.verification.report import Transcript

SLOTS: Final = 6
"""Slots shown at most: those that read the most, before or after."""
_FAINT: Final = 0.1
_FULL: Final = 1.25
"""Calibrated units at the end of a bar."""
Words = list[tuple[str, bool]]
"""Stretches of text, each with whether it changed."""


@dataclass(frozen=True, slots=True)
class Example:
    """One prompt before and after."""

    prompt: str
    before: Words
    after: Words
    outcome: str
    colour: str
    accepted: str
    fired: bool
    slots: list[dict[str, Any]]
    left_out: str
    """In words, how many slots are not shown."""


def example(item: Transcript) -> Example:
    """A transcript as the page shows it."""
    colours = {name: colour for name, colour, _ in fmt.OUTCOMES}
    before, after = changed_words(item.before.strip(), item.after.strip())
    terms = list(dict.fromkeys((*item.slots_before, *item.slots_after)))
    names = fmt.short_names(terms)
    reads = [(term, item.slots_before.get(term), item.slots_after.get(term)) for term in terms]
    loud = [read for read in reads if max(abs(read[1] or 0.0), abs(read[2] or 0.0)) >= _FAINT]
    loud.sort(key=lambda read: -max(abs(read[1] or 0.0), abs(read[2] or 0.0)))
    slots = [
        {"term": term, "name": names[term], "was": _bar(was), "now": _bar(now), "said": f"{fmt.share(was)} → {fmt.share(now)}"}
        for term, was, now in (loud or reads)[:SLOTS]
    ]
    return Example(
        prompt=item.prompt,
        before=before,
        after=after,
        outcome=fmt.words(item.outcome),
        colour=colours.get(item.outcome, fmt.OUTCOMES[-1][1]),
        accepted=", ".join(item.accepted),
        fired=item.fired,
        slots=slots,
        left_out=_left_out(max(len(loud) - len(slots), 0), len(reads) - max(len(loud), len(slots))),
    )


def _left_out(loud: int, quiet: int) -> str:
    """`2 more at 0.1 or above, 9 below`."""
    said = [f"{loud} more at {_FAINT:g} or above"] if loud else []
    said += [f"{quiet} {'' if loud else 'more '}below{'' if loud else f' {_FAINT:g}'}"] if quiet else []
    return ", ".join(said)


def changed_words(before: str, after: str) -> tuple[Words, Words]:
    """Both texts in stretches; those that the other does not have, word by word, are marked."""
    old, new = (re.findall(r"\s+|[^\s\W]+|[^\w\s]+", text) for text in (before, after))
    gone: Words = []
    come: Words = []
    for tag, a, b, c, d in SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if b > a:
            gone.append(("".join(old[a:b]), tag != "equal"))
        if d > c:
            come.append(("".join(new[c:d]), tag != "equal"))
    return gone, come


def _bar(value: float | None) -> float:
    return round(100 * min(max(value or 0.0, 0.0), _FULL) / _FULL, 1)
