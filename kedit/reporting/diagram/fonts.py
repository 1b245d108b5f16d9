"""One typeface for measuring, SVG and PNG: Source Sans Pro (SIL Open Font License), from a package, not from the system."""

from __future__ import annotations

import base64
import io
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Literal

Weight = Literal["Regular", "Semibold"]
FAMILY = "Source Sans Pro"
STACK = f"'{FAMILY}', 'Source Sans 3', 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"
ELLIPSIS = "…"
_WEIGHTS: dict[Weight, int] = {"Regular": 400, "Semibold": 600}


@cache
def path(weight: Weight) -> Path:
    """The font file."""
    import font_source_sans_pro

    return Path(font_source_sans_pro.__file__).parent / "files" / f"SourceSansPro-{weight}.ttf"


@cache
def _metrics(weight: Weight) -> tuple[dict[int, int], int]:
    """Advance width of every character, in units of which so many make an em."""
    from fontTools.ttLib import TTFont

    with TTFont(path(weight), lazy=True) as font:
        advances = font["hmtx"].metrics
        return {code: advances[name][0] for code, name in font.getBestCmap().items()}, font["head"].unitsPerEm


def width(text: str, size: float, weight: Weight = "Regular") -> float:
    """Width of a line in pixels. What the font lacks is taken as wide as other fonts have it at most."""
    advances, em = _metrics(weight)
    return size * sum(advances[ord(c)] / em if ord(c) in advances else _foreign(c) for c in text)


def _foreign(character: str) -> float:
    if unicodedata.combining(character):
        return 0.0
    return 1.0 if unicodedata.east_asian_width(character) in "WF" else 0.8


def fit(text: str, room: float, size: float, weight: Weight = "Regular") -> str:
    """The text, or as much of its beginning as has room before an ellipsis."""
    if width(text, size, weight) <= room:
        return text
    while text and width(text + ELLIPSIS, size, weight) > room:
        text = text[:-1]
    return text.rstrip() + ELLIPSIS


def wrap(text: str, room: float, size: float, weight: Weight = "Regular", lines: int = 2) -> tuple[str, ...]:
    """The text in at most so many lines, broken at spaces; the last one ends in an ellipsis if there is more."""
    words = text.split()
    found: list[str] = []
    while words and len(found) < lines - 1:
        line = words.pop(0)
        while words and width(f"{line} {words[0]}", size, weight) <= room:
            line += " " + words.pop(0)
        found.append(fit(line, room, size, weight))
    return (*found, fit(" ".join(words), room, size, weight)) if words else tuple(found)


def embedded(texts: Iterable[tuple[Weight, str]]) -> str:
    """CSS that carries the letters of these texts along, so that the picture looks the same on every machine."""
    letters: dict[Weight, set[str]] = {}
    for weight, text in texts:
        letters.setdefault(weight, set()).update(text)
    return "".join(
        f"@font-face{{font-family:'{FAMILY}';font-weight:{_WEIGHTS[weight]};"
        f"src:url(data:font/ttf;base64,{_subset(weight, ''.join(sorted(letters[weight])))})}}"
        for weight in _WEIGHTS
        if weight in letters
    )


@cache
def _subset(weight: Weight, letters: str) -> str:
    from fontTools import subset

    options = subset.Options(
        hinting=False, layout_features=[], name_IDs=[1, 2, 13, 14], recalc_timestamp=False, drop_tables=_UNUSED
    )  # fmt: skip
    font: Any = subset.load_font(str(path(weight)), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(text=letters)
    subsetter.subset(font)
    stream = io.BytesIO()
    font.save(stream)
    return base64.b64encode(stream.getvalue()).decode("ascii")


_UNUSED = ["DSIG", "GSUB", "GPOS", "GDEF", "BASE", "gasp", "meta", "FFTM"]
