"""The passport of a slot: which claims its tests allow (method.md, "The passport of a slot").

Every figure is of one relation slot, on unseen carriers x unseen subjects unless it says otherwise:

- reads: balanced accuracy of slot > threshold; share of background tokens at which any relation slot is on;
- controls: hit of swaps into the slot, never-trained pairs against trained ones; read-back error; free latents that a swap
  switches although they do not tell the two relations apart by nature, as a share of those that are on;
- carries: share of edited states inside the region of 99 % of natural ones (Mahalanobis, shrunk covariance); hit with the part
  of the edit inside, and outside, the leading components of natural differences; hit when only the part in the slots' span is
  interchanged with a natural donor's, as a share of the swap's; how often the slot's own part helps the reconstruction;
- necessary: known answers left by suppressing the slot; other relations kept;
- isolated: what a linear reader of the relation still finds, above chance, once all slots' parts are subtracted.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import Field

from kedit.files import write_json
from kedit.verification.figures import Model, Number

ClaimName = Literal["reads", "controls", "carries", "necessary", "isolated"]
BOUNDS: Final[Mapping[ClaimName, Mapping[str, tuple[Literal["at_least", "at_most"], float]]]] = {
    "reads": {"balanced accuracy": ("at_least", 0.97), "on at background tokens": ("at_most", 1e-3)},
    "controls": {
        "hit lost on never-trained pairs": ("at_most", 0.03),
        "read-back error": ("at_most", 0.05),
        "latents switched for no natural reason": ("at_most", 0.10),
    },
    "carries": {
        "edited states among natural ones": ("at_least", 0.9),
        "hit kept inside natural differences": ("at_least", 0.8),
        "hit kept outside natural differences": ("at_most", 0.2),
        "hit of interchanging the slots' span": ("at_least", 0.5),
        "reconstruction helped": ("at_least", 0.95),
    },
    "necessary": {"known answers left": ("at_most", 0.1), "other relations kept": ("at_least", 0.98)},
    "isolated": {"read without the slots": ("at_most", 0.25)},
}
"""Claim -> test -> what it takes to pass."""


class TestResult(Model):
    """One figure, what it takes to pass, and whether it does; null where it was not measured."""

    name: str
    value: Number
    n: int
    needs: Literal["at_least", "at_most"]
    bound: float
    passed: bool | None


class Claim(Model):
    """Holds if all its tests passed; null if none failed and some could not be measured."""

    name: ClaimName
    holds: bool | None
    tests: tuple[TestResult, ...]


class Passport(Model):
    """What may be said of one slot."""

    slot: str
    claims: tuple[Claim, ...]

    @property
    def allowed(self) -> tuple[ClaimName, ...]:
        """Claims that all tests allow."""
        return tuple(claim.name for claim in self.claims if claim.holds)


class Passports(Model):
    """`kedit.passport/1`: one for every relation slot of a run."""

    schema_: Literal["kedit.passport/1"] = Field("kedit.passport/1", alias="schema")
    run: str
    preset: str
    hook_point: str
    strength: float
    seed: int
    passports: tuple[Passport, ...]

    def save(self, path: Path) -> None:
        """Write as JSON, atomically."""
        write_json(path, self.model_dump(mode="json"))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        return cls.model_validate_json(path.read_text(encoding="utf-8"))


Found = Mapping[str, tuple[float | None, int]]
"""Test -> value and n."""


def passport(name: str, found: Found) -> Passport:
    """The passport of a slot by what its tests found."""
    claims = []
    for claim, bounds in BOUNDS.items():
        tests = tuple(_judged(test, *found.get(test, (None, 0)), *bound) for test, bound in bounds.items())
        passed = [test.passed for test in tests]
        claims.append(Claim(name=claim, holds=False if False in passed else None if None in passed else True, tests=tests))
    return Passport(slot=name, claims=tuple(claims))


def _judged(name: str, value: float | None, n: int, needs: Literal["at_least", "at_most"], bound: float) -> TestResult:
    passed = None if value is None or value != value else value >= bound if needs == "at_least" else value <= bound
    return TestResult(name=name, value=value, n=n, needs=needs, bound=bound, passed=passed)
