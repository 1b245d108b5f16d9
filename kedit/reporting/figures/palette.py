"""The colours of figures: on light paper, and the page's variable that each stands for. Told apart by the colour-blind too."""

from __future__ import annotations

from typing import Final

INK: Final = "#1d2226"
SOFT: Final = "#5c666e"
LINE: Final = "#dfe2e4"
PAPER: Final = "#ffffff"
ACCENT: Final = "#0072b2"
ON_ACCENT: Final = "#fefefe"
QUIET: Final = "#98a1a8"
ORANGE: Final = "#b86a00"
ON_BAR: Final = "#14181b"
"""On the colours of outcomes, which are the same in the dark."""
SERIES: Final = (ORANGE, "#7a5bab", "#16805f", "#b0437a", "#6f6a3d")
"""Lines beside the edit's own, which is the accent; their marks differ too."""
MARKS: Final = ("s", "^", "D", "v", "P", "X", "p")
"""As many as are coprime to the number of colours: every line has a pair of its own."""

VARIABLES: Final = {
    INK: "--ink",
    SOFT: "--soft",
    LINE: "--line",
    PAPER: "--card",
    ACCENT: "--accent",
    ON_ACCENT: "--on-accent",
    QUIET: "--quiet",
    **{colour: f"--series-{index}" for index, colour in enumerate(SERIES)},
}
