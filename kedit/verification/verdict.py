"""Expectations against measurements. Verdict and exit code come from one object; what is not a number never passes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from kedit.editing.metric_names import EDIT_METRICS, HEADLINE_QUADRANT, LOWER_IS_BETTER, METRICS, OWN_PROMPTS, QUADRANTS
from kedit.editing.recipe import Expectation
from kedit.verification.metrics import estimate, paired_difference, select
from kedit.verification.outcomes import EQUAL_DAMAGE, SwapRow
from kedit.verification.report import JudgedExpectation, VerdictName, exit_code
from kedit.verification.statistics import EMPTY, Estimate

ItemVerdict = Literal["PASS", "FAIL", "INCONCLUSIVE"]
_WORST: Final[dict[ItemVerdict, int]] = {"PASS": 0, "INCONCLUSIVE": 1, "FAIL": 2}


@dataclass(frozen=True, slots=True)
class Measured:
    """One number that was measured, and of what."""

    metric: str
    estimate: Estimate
    edit: str | None = None
    on: str | None = None
    forced: bool = False


@dataclass(frozen=True)
class Measurements:
    """Everything a recipe's expectations can be held against."""

    rows: Mapping[str, Sequence[SwapRow]] = field(default_factory=dict)
    """Edit id -> its rows and those of its controls."""
    numbers: Sequence[Measured] = ()
    """Locality and run metrics; `edit=None` is about all edits together."""
    seed: int = 0

    def find(self, expectation: Expectation) -> list[Measured]:
        """The numbers an expectation is about: every edit and corpus that was measured, where it names none.

        Without `on`, a metric that is measured per quadrant means unseen carriers x unseen subjects.
        """
        if expectation.metric in EDIT_METRICS or expectation.metric == "direct_ask":
            return self._of_rows(expectation)
        if expectation.versus is not None:
            return []
        others = {*QUADRANTS, OWN_PROMPTS} - {expectation.on or HEADLINE_QUADRANT}
        return [
            number
            for number in self.numbers
            if number.metric == expectation.metric
            and number.forced == expectation.forced
            and number.on not in others
            and expectation.edit in (None, number.edit)
            and expectation.on in (None, number.on)
        ]

    def _of_rows(self, expectation: Expectation) -> list[Measured]:
        quadrant = expectation.on or HEADLINE_QUADRANT
        found = []
        for edit, rows in self.rows.items():
            if expectation.edit not in (None, edit):
                continue
            mine = select(rows, quadrant=quadrant)
            if expectation.metric == "direct_ask":
                value = estimate(select(rows, quadrant=quadrant, control="direct_ask"), seed=self.seed)
            elif expectation.versus is None:
                value = estimate(mine, expectation.metric, seed=self.seed)
            elif expectation.metric == "hit_worst_pair":
                value = EMPTY
            else:
                suffix = EQUAL_DAMAGE if expectation.at == "equal_damage" else ""
                control = select(rows, quadrant=quadrant, control=expectation.versus + suffix)
                value = paired_difference(mine, control, expectation.metric, seed=self.seed)
            found.append(Measured(expectation.metric, value, edit=edit, on=expectation.on))
        return found


@dataclass(frozen=True)
class Verdict:
    """The outcome of a verification."""

    expectations: tuple[JudgedExpectation, ...]
    allow_unverified: bool = False

    @property
    def verdict(self) -> VerdictName:
        """FAIL if any binding expectation fails, else INCONCLUSIVE if any is; UNVERIFIED if none binds (a warning does not)."""
        binding = [item.verdict for item in self.expectations if item.severity == "error"]
        if not binding:
            return "UNVERIFIED"
        return max(binding, key=lambda verdict: _WORST[verdict])

    @property
    def exit_code(self) -> int:
        """What the process ends with."""
        return exit_code(self.verdict, self.allow_unverified)


def judge(expectations: Iterable[Expectation], measurements: Measurements, *, allow_unverified: bool = False) -> Verdict:
    """Hold every expectation against the measurements; the least favourable of several matching numbers decides."""
    judged = []
    for expectation in expectations:
        candidates = [judge_one(expectation, number) for number in measurements.find(expectation)]
        if not candidates:
            candidates = [judge_one(expectation, None)]
        judged.append(max(candidates, key=lambda item: (_WORST[item.verdict], _badness(item))))
    return Verdict(tuple(judged), allow_unverified)


def _badness(item: JudgedExpectation) -> float:
    if item.measured is None:
        return 0.0
    return item.measured if item.metric in LOWER_IS_BETTER else -item.measured


def judge_one(expectation: Expectation, number: Measured | None) -> JudgedExpectation:
    """One expectation against one number, or against none."""
    value = number.estimate if number else EMPTY
    verdict, reason = _decide(expectation, value, measured=number is not None)
    return JudgedExpectation(
        metric=expectation.metric,
        edit=expectation.edit or (number.edit if number else None),
        versus=expectation.versus,
        at=expectation.at,
        on=expectation.on or (number.on if number else None),
        forced=expectation.forced,
        bound=expectation.bound,
        severity=expectation.severity,
        required=bounds(expectation),
        measured=value.value,
        ci=(value.low, value.high),
        n=value.n,
        subjects=value.subjects,
        verdict=verdict,
        reason=reason,
    )


def bounds(expectation: Expectation) -> str:
    """The bounds of an expectation, e.g. `>= 0.7`."""
    parts = []
    if expectation.at_least is not None:
        parts.append(f">= {expectation.at_least:g}")
    if expectation.at_most is not None:
        parts.append(f"<= {expectation.at_most:g}")
    return " and ".join(parts) or "(no bound)"


def _decide(expectation: Expectation, value: Estimate, *, measured: bool) -> tuple[ItemVerdict, str]:
    if expectation.metric not in METRICS:
        return "INCONCLUSIVE", "unknown metric"
    if not measured:
        return "INCONCLUSIVE", "not measured"
    if value.n == 0 and expectation.at == "equal_damage":
        return "INCONCLUSIVE", f"{expectation.versus} was not measured at equal damage"
    if value.n == 0:
        return "INCONCLUSIVE", "no items"
    if not value.usable:
        return "INCONCLUSIVE", "not a number"
    if value.n < expectation.min_n:
        return "INCONCLUSIVE", f"{value.n} items, needs {expectation.min_n}"
    if expectation.at_least is None and expectation.at_most is None:
        return "INCONCLUSIVE", "no bound to meet"
    if _meets(expectation, *((value.value, value.value) if expectation.bound == "point" else (value.low, value.high))):
        return "PASS", ""
    if expectation.bound == "interval" and _meets(expectation, value.value, value.value):
        return "FAIL", "the value meets the bound, the end of its interval does not"
    return "FAIL", "does not meet the bound"


def _meets(expectation: Expectation, low: float, high: float) -> bool:
    """Written so that a NaN on either side fails."""
    above = expectation.at_least is None or low >= expectation.at_least
    below = expectation.at_most is None or high <= expectation.at_most
    return bool(above and below)
