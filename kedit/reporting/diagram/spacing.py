"""Even room between layers: lines that share a gap spread over it, and a gap is as wide as its lines need."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from itertools import pairwise

Segment = tuple[tuple[float, float], tuple[float, float]]
LANE = 13.0
_LEAST = 44.0
_STEP = 3.0
_CORNER = 6.0
_SAME = 0.5
"""Bends that are nearer than this belong to one straight line."""


def respaced(boxes: Iterable[tuple[float, float]], bends: Iterable[float]) -> Callable[[float], float]:
    """A map of coordinates along one axis, given where boxes begin and end and where lines bend.

    It keeps every order and every box's size. Between two layers, bends come to lie at even distances of at least `LANE`.
    """
    layers = _joined(boxes, 0.0)
    lanes = _joined(((bend, bend) for bend in bends), _SAME)
    old = [layers[0][0]]
    new = [layers[0][0]]
    for (_, low), (high, _) in pairwise(layers):
        inside = [lane for lane in lanes if low + _SAME < lane[0] and lane[1] < high - _SAME]
        step = max(LANE, _LEAST / (len(inside) + 1))
        start = new[-1] + low - old[-1]
        old += [low, *(side for lane in inside for side in lane), high]
        lanes_at = [start + step * place for place in range(1, len(inside) + 1)]
        new += [start, *(at for at in lanes_at for _ in "lr"), start + step * (len(inside) + 1)]

    def mapped(value: float) -> float:
        after = bisect_right(old, value)
        if after == 0 or after == len(old):
            edge = 0 if after == 0 else -1
            return value - old[edge] + new[edge]
        part = (value - old[after - 1]) / (old[after] - old[after - 1])
        return new[after - 1] + part * (new[after] - new[after - 1])

    return mapped


def _joined(spans: Iterable[tuple[float, float]], apart: float) -> list[tuple[float, float]]:
    """Spans that overlap, or are less than `apart` from each other, as one."""
    found: list[tuple[float, float]] = []
    for low, high in sorted(spans):
        if found and low <= found[-1][1] + apart:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return found


def rows(sizes: Iterable[tuple[float, float]], width: float, gap: float = 16.0) -> list[tuple[float, float]]:
    """Upper left corners of boxes of these sizes, in rows of at most this width."""
    corners: list[tuple[float, float]] = []
    x = y = tallest = 0.0
    for wide, high in sizes:
        if x and x + wide > width:
            x, y, tallest = 0.0, y + tallest + gap, 0.0
        corners.append((x, y))
        x, tallest = x + wide + gap, max(tallest, high)
    return corners


def straightened(points: list[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """A polyline without the steps of a pixel or two that shifting leaves in it."""
    found = points[:1]
    for x, y in points[1:]:
        before = found[-1]
        if abs(y - before[1]) < _STEP < abs(x - before[0]):
            y = before[1]
        elif abs(x - before[0]) < _STEP < abs(y - before[1]):
            x = before[0]
        found.append((x, y))
    return tuple(found)


def along_each_other(one: Segment, other: Segment, near: float) -> bool:
    """Whether two segments run side by side, nearer than `near`, for more than a corner."""
    return any(
        abs(one[0][across] - one[1][across]) < near
        and abs(other[0][across] - other[1][across]) < near
        and abs(one[0][across] - other[0][across]) < near
        and min(max(one[0][way], one[1][way]), max(other[0][way], other[1][way]))
        - max(min(one[0][way], one[1][way]), min(other[0][way], other[1][way]))
        > _CORNER
        for across, way in ((0, 1), (1, 0))
    )
