"""Wilson's interval: golden numbers, and what is foreseen of it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedit.intervals import half_width, needed, wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.2775328),
        (10, 10, 0.7224672, 1.0),
        (5, 10, 0.2365931, 0.7634069),
        (81, 263, 0.2552885, 0.3662096),
        (1, 1, 0.2065493, 1),
    ],
)
def test_wilson_golden(successes, n, low, high):
    # 81 of 263: Newcombe, Statistics in Medicine 17 (1998), method 3: 0.2553 to 0.3662.
    assert wilson(successes, n) == pytest.approx((low, high), abs=1e-6)


def test_wilson_of_nothing_is_nan():
    assert all(map(math.isnan, wilson(0, 0)))


@given(n=st.integers(1, 500), share=st.floats(0, 1))
def test_half_widths(n, share):
    low, high = wilson(share * n, n)
    assert half_width(share, n) == pytest.approx((high - low) / 2, abs=1e-9)


@given(share=st.floats(0, 0.9999))
def test_no_fewer_are_enough(share):
    n = needed(share)
    assert wilson(n, n)[0] >= share
    assert n == 1 or wilson(n - 1, n - 1)[0] < share


def test_of_everything_nothing_is_enough():
    assert needed(1.0) is None
    assert (needed(0.98), needed(0.9), needed(0.0)) == (189, 35, 1)
