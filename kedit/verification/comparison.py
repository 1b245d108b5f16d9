"""`kedit.comparison/1`: two evaluations, or two reports, figure by figure."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from kedit.verification.figures import Interval, Model, Number, Quadrant
from kedit.verification.report import Document, RunInfo, VerdictName

Method = Literal["paired", "unpaired", "none"]
UNPAIRED: Final = "interval by normal combination of the two intervals' half widths"


class Change(Model):
    """One figure of both sides, and b - a."""

    a: Number = None
    b: Number = None
    ci_a: Interval = (None, None)
    ci_b: Interval = (None, None)
    n_a: int = 0
    n_b: int = 0
    difference: Number = None
    """b - a. Paired: over the `n` items that both have, so that it need not be the difference of the two figures."""
    ci: Interval = (None, None)
    method: Method = "none"
    n: int = 0
    """Items that both have, where paired."""

    @property
    def excludes_zero(self) -> bool:
        """Whether the difference's interval lies on one side of 0."""
        low, high = self.ci
        return low is not None and high is not None and (low > 0 or high < 0)


class Side(Model):
    """What stands on one side."""

    path: str
    run: RunInfo
    hook_point: str
    recipe: str | None = None
    verdict: VerdictName | None = None
    rows: int = 0
    """Rows that were read beside the document."""


class Differs(Model):
    """Something in which the making of the two differs."""

    what: str
    a: str
    b: str


class QuadrantChange(Model):
    hit: Change
    hit_macro: Change
    shares: dict[str, Change] = {}
    """The other outcomes."""


class PairChange(Model):
    source: str = Field(alias="from")
    target: str = Field(alias="to")
    quadrant: Quadrant
    hit: Change
    counts: bool = True
    """Whether it has enough items and subjects on both sides."""


class PartChange(Model):
    """The swaps of a run (`name` is empty), or one edit of a recipe."""

    name: str = ""
    quadrants: dict[Quadrant, QuadrantChange] = {}
    pairs: tuple[PairChange, ...] = ()
    """Those that changed most first, by quadrant."""
    controls: dict[str, Change] = {}
    """On unseen carriers and unseen subjects."""


class ExpectationChange(Model):
    metric: str
    edit: str | None = None
    versus: str | None = None
    at: Literal["own_best", "equal_damage"] = "own_best"
    on: str | None = None
    forced: bool = False
    required_a: str | None = None
    required_b: str | None = None
    measured: Change
    verdict_a: str | None = None
    verdict_b: str | None = None

    @property
    def changed(self) -> bool:
        """Whether the verdict is another."""
        return self.verdict_a != self.verdict_b


class KnowledgeChange(Model):
    asked_a: int | None = None
    asked_b: int | None = None
    known_a: int | None = None
    known_b: int | None = None
    direct_ask: Change


class Comparison(Document):
    """What `kedit compare` finds."""

    schema_: Literal["kedit.comparison/1"] = Field("kedit.comparison/1", alias="schema")
    kind: Literal["evaluation", "report"]
    a: Side
    b: Side
    identical: bool = False
    differs: tuple[Differs, ...] = ()
    pairing: str
    """Which kind of difference the hits have, in words."""
    parts: tuple[PartChange, ...] = ()
    only_in_a: tuple[str, ...] = ()
    only_in_b: tuple[str, ...] = ()
    binding: dict[str, Change] = {}
    damage: dict[str, Change] = {}
    expectations: tuple[ExpectationChange, ...] = ()
    knowledge: dict[str, KnowledgeChange] = {}
