"""Wilson's interval of a proportion (JASA 22, 1927), 95 %: of what is measured, and of what is foreseen."""

from __future__ import annotations

import math
from typing import Final

Z: Final = 1.959963984540054
"""97.5 % quantile of the normal distribution."""


def wilson(successes: float, n: int) -> tuple[float, float]:
    """The interval of `successes` of n; (NaN, NaN) for n = 0."""
    if n <= 0:
        return math.nan, math.nan
    p = successes / n
    centre = p + Z * Z / (2 * n)
    half = Z * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    scale = 1 + Z * Z / n
    # At 0 and n the closed form is exact only up to rounding.
    low = 0.0 if successes <= 0 else (centre - half) / scale
    high = 1.0 if successes >= n else (centre + half) / scale
    return max(low, 0.0), min(high, 1.0)


def half_width(share: float, n: int) -> float:
    """Half of the interval of a share of n."""
    low, high = wilson(share * n, n)
    return (high - low) / 2


def needed(share: float) -> int | None:
    """The least n whose interval at n of n stays at or above a share; None where none is enough."""
    if share >= 1:
        return None
    n = max(math.ceil(share * Z * Z / (1 - share)), 1)
    return n if wilson(n, n)[0] >= share else n + 1
