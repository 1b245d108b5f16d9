"""Numbers never look better than they are."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedit.reporting import format as fmt
from kedit.verification.figures import Share


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (0.0, "0.00"),
        (1.0, "1.00"),
        (0.876, "0.88"),
        (0.9971, "0.997"),
        (0.99999, "0.999"),
        (0.003, "0.003"),
        (-0.003, "-0.003"),
    ],
)
def test_share(value, shown):
    assert fmt.share(value) == shown


@given(st.floats(0, 1, exclude_max=True))
def test_less_than_one_never_reads_as_one(value):
    assert not fmt.share(value).startswith("1")


def test_intervals():
    assert fmt.with_interval(0.876, (0.841, 0.909)) == "0.88 [0.84, 0.91]"
    assert fmt.with_interval(0.876, (None, None)) == "0.88"
    assert fmt.measured("drift_kl", 0.0123, (0.01, 0.0144)) == "0.012 [0.010, 0.014]"


def test_short_names_only_with_one_prefix():
    assert fmt.short_names(["ex:a", "ex:b"]) == {"ex:a": "a", "ex:b": "b"}
    assert fmt.short_names(["ex:a", "schema:b"]) == {"ex:a": "ex:a", "schema:b": "schema:b"}
    assert fmt.short_names(["<http://x/y>"]) == {"<http://x/y>": "<http://x/y>"}


@given(st.lists(st.integers(0, 50), min_size=4, max_size=4).filter(sum), st.integers(8, 40))
def test_bar_cells_add_up_and_hide_nothing(counts, width):
    hit, wrong, stuck, derailed = (count / sum(counts) for count in counts)
    parts = fmt.outcome_parts(SimpleNamespace(hit=hit, wrong_subject=wrong, stuck=stuck, derailed=derailed), width)
    lengths = fmt.cells(parts)
    assert sum(lengths) == width
    assert all(length > 0 for length, count in zip(lengths, counts, strict=True) if count)


def test_heat_and_sparkline_stay_in_range():
    assert fmt.heat(-1) == fmt.heat(0.0)
    assert fmt.heat(2) == fmt.heat(1.0)
    assert fmt.sparkline([0.0, 1.0, None, 0.5]) == "▁█–▅"


def test_quadrant():
    assert fmt.quadrant("unseen_template_seen_subject") == "unseen × seen"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, "–"), (0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.6, "1 min 0 s"), (605, "10 min"), (3725, "1 h 2 min")],
)
def test_durations(seconds, shown):
    assert fmt.duration(seconds) == shown


@pytest.mark.parametrize(
    ("share", "digits", "text"),
    [
        (Share(value=0.0, ci=(0.0, 0.04), n=99), 2, "0.00 [0.00, 0.04] of 99"),
        (Share(value=0.0134, ci=(0.011, 0.016), n=1240), 3, "0.013 [0.011, 0.016] of 1,240"),
        (Share(value=None, n=0), 2, "– of 0"),
        (None, 2, "–"),
    ],
)
def test_a_figure_stands_with_its_interval_and_number(share, digits, text):
    assert fmt.counted(share, digits) == text


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({}, ""),
        ({"validation": 64}, "64 validation items"),
        ({"validation": 40, "validation_subjects": 24}, "64 validation items, 24 of them on training carriers"),
        ({"validation_subjects": 9}, "9 validation items, all of them on training carriers"),
        ({"seen_template_seen_subject": 64}, "64 training items"),
    ],
)
def test_what_a_strength_was_chosen_on(cells, said):
    assert fmt.chosen_on(cells) == said
    assert fmt.strength_origin("auto", cells) == (f"chosen on {said}" if said else "chosen")
    assert fmt.strength_origin("given", cells) == "as given"


@pytest.mark.parametrize(
    ("count", "shown"), [(None, "–"), (512, "0 KiB"), (2048, "2 KiB"), (480 << 20, "480 MiB"), (3 << 30, "3.0 GiB")]
)
def test_sizes(count, shown):
    assert fmt.size(count) == shown
