"""How numbers, names and shares look, on the terminal and on pages alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

MISSING: Final = "–"
OUTCOMES: Final[tuple[tuple[str, str, str], ...]] = (
    ("hit", "#1fa37c", "█"),
    ("wrong_subject", "#e69f00", "▓"),
    ("stuck", "#5aaee6", "▒"),
    ("derailed", "#98a1a8", "░"),
)
"""Outcome, its colour (told apart by the colour-blind too), its glyph where there are no colours."""
_ILLEGAL: Final = re.compile(r"[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u202a-\u202e\u2066-\u2069]")
"""What no XML file may hold, and what turns the text around it: control characters, lone surrogates, overrides of direction."""
_SPARKS: Final = "▁▂▃▄▅▆▇█"


class Shares(Protocol):
    """Anything with the four outcome shares."""

    @property
    def hit(self) -> float | None: ...
    @property
    def wrong_subject(self) -> float | None: ...
    @property
    def stuck(self) -> float | None: ...
    @property
    def derailed(self) -> float | None: ...


class Counted(Protocol):
    """Anything with a value, its interval and the items that it is over."""

    @property
    def value(self) -> float | None: ...
    @property
    def ci(self) -> tuple[float | None, float | None]: ...
    @property
    def n(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Part:
    """One outcome's stretch of a bar: from `start`, `width` long, both in the bar's units."""

    outcome: str
    colour: str
    glyph: str
    start: float
    width: float


def share(value: float | None) -> str:
    """A share with two decimals; a third where two would round a failure away (0.997, 0.003)."""
    if value is None:
        return MISSING
    if 0 < abs(value) < 0.005 or 0.995 <= value < 1:
        # Never 1.000 for something less than 1.
        return f"{min(value, 0.999):.3f}" if value > 0.5 else f"{value:.3f}"
    return f"{value:.2f}"


def plain(value: float | None) -> str:
    """A number as short as it goes: `0.5`, `12`."""
    return MISSING if value is None else f"{value:g}"


def nats(value: float | None) -> str:
    """A KL with three decimals."""
    return MISSING if value is None else f"{value:.3f}"


def interval(ci: Sequence[float | None], digits: int = 2) -> str:
    """`[0.84, 0.91]`; empty if there is none."""
    low, high = ci
    return "" if low is None or high is None else f"[{low:.{digits}f}, {high:.{digits}f}]"


def with_interval(value: float | None, ci: Sequence[float | None]) -> str:
    """`0.88 [0.84, 0.91]`."""
    return f"{share(value)} {interval(ci)}".rstrip()


def counted(found: Counted | None, digits: int = 2) -> str:
    """`0.00 [0.00, 0.04] of 99`; with three digits for what is no share."""
    if found is None:
        return MISSING
    value = share(found.value) if digits == 2 else nats(found.value)
    return f"{value} {interval(found.ci, digits)}".rstrip() + f" of {found.n:,}"


def measured(metric: str, value: float | None, ci: Sequence[float | None] = (None, None)) -> str:
    """A metric's value and interval, with the digits that its unit asks for (nats and slot units: three)."""
    if metric.startswith("drift_kl") or metric == "read_back":
        return f"{nats(value)} {interval(ci, 3)}".rstrip()
    return with_interval(value, ci)


def signed(value: float | None) -> str:
    """A difference with its sign."""
    return MISSING if value is None else f"{value:+.2f}"


def quadrant(name: str) -> str:
    """`unseen × unseen`: carrier, then subject."""
    template, _, subject = name.partition("_template_")
    return f"{template} × {subject.removesuffix('_subject')}"


def quadrant_words(name: str) -> str:
    """`unseen carriers × unseen subjects`."""
    template, _, subject = name.partition("_template_")
    return f"{template} carriers × {subject.removesuffix('_subject')} subjects"


def versus(control: str | None, at: str = "own_best") -> str | None:
    """`versus reft_r1 at equal damage`; None for no control."""
    return None if control is None else f"versus {control}" + (" at equal damage" if at == "equal_damage" else "")


def chosen_on(cells: Mapping[Any, int]) -> str:
    """`64 validation items, 24 of them on training carriers`: what a curve over strengths was measured on; empty for nothing."""
    n = sum(cells.values())
    filled, seen = cells.get("validation_subjects", 0), cells.get("seen_template_seen_subject", 0)
    if seen or not n:
        return f"{n} training items" if n else ""
    where = f", {'all' if filled == n else filled} of them on training carriers" if filled else ""
    return f"{n} validation items{where}"


def strength_origin(how: str, cells: Mapping[Any, int]) -> str:
    """Where an edit's strength comes from, in few words."""
    chosen = f"chosen on {on}" if (on := chosen_on(cells)) else "chosen"
    return {"given": "as given", "auto": chosen, "budget": "by its KL budget", "none": "as calibrated"}.get(how, how)


def legal(text: str) -> str:
    """The text without what a page or picture cannot hold; a mark stands where something was."""
    return _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text)


def printable(text: str) -> str:
    """The text on one line, its line ends shown."""
    return legal(text).replace("\r\n", "⏎").replace("\n", "⏎").replace("\r", "⏎").replace("\t", " ")


def words(name: str) -> str:
    """`wrong_slot` as `wrong slot`."""
    return name.replace("_", " ")


def short_names(curies: Iterable[str]) -> dict[str, str]:
    """CURIE -> the part after the prefix, where all terms have the same prefix; else the CURIE."""
    terms = list(dict.fromkeys(curies))
    prefixes = {term.partition(":")[0] for term in terms if ":" in term and not term.startswith("<")}
    same = len(prefixes) == 1 and all(":" in term and not term.startswith("<") for term in terms)
    return {term: term.partition(":")[2] if same else term for term in terms}


def outcome_parts(shares: Shares, width: float) -> list[Part]:
    """The bar of the four outcomes over `width`; nothing where hit is not a number."""
    parts, start = [], 0.0
    if shares.hit is None:
        return []
    for outcome, colour, glyph in OUTCOMES:
        length = (getattr(shares, outcome) or 0.0) * width
        parts.append(Part(outcome, colour, glyph, start, length))
        start += length
    return parts


def cells(parts: Sequence[Part]) -> list[int]:
    """Whole character cells for each part: ends are rounded, so that the sum is right, and what exists is never invisible."""
    lengths = [round(part.start + part.width) - round(part.start) for part in parts]
    for index, part in enumerate(parts):
        if part.width > 0 and lengths[index] == 0 and max(lengths) > 1:
            lengths[lengths.index(max(lengths))] -= 1
            lengths[index] = 1
    return lengths


def duration(seconds: float | None) -> str:
    """`0.3 s`, `42 s`, `3 min 5 s`, `25 min`, `1 h 2 min`."""
    if seconds is None:
        return MISSING
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 3600:
        return f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size(count: int | None) -> str:
    """Bytes as `512 KiB`, `480 MiB`, `3.1 GiB`."""
    if count is None:
        return MISSING
    if count >= 1 << 30:
        return f"{count / (1 << 30):.1f} GiB"
    return f"{count / (1 << 20):.0f} MiB" if count >= 1 << 20 else f"{count / (1 << 10):.0f} KiB"


def sparkline(values: Sequence[float | None]) -> str:
    """Values in [0, 1] as a line of blocks."""
    return "".join(MISSING if v is None else _SPARKS[min(int(max(v, 0.0) * len(_SPARKS)), len(_SPARKS) - 1)] for v in values)


def heat(value: float) -> tuple[int, int, int]:
    """RGB of a share: from red over amber to green, light enough for black text."""
    stops = ((232, 104, 104), (242, 201, 110), (120, 200, 140))
    position = min(max(value, 0.0), 1.0) * (len(stops) - 1)
    index = min(int(position), len(stops) - 2)
    part = position - index
    low, high = stops[index], stops[index + 1]
    mixed = [round(a + part * (b - a)) for a, b in zip(low, high, strict=True)]
    return mixed[0], mixed[1], mixed[2]
