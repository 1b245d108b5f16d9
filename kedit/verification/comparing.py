"""Two runs or two reports side by side: what differs in how they were made, and by how much in what came out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from kedit.editing.metric_names import HEADLINE_QUADRANT, QUADRANTS
from kedit.errors import InputError
from kedit.verification.changes import binding_changes, change, damage_changes, knowledge_changes
from kedit.verification.comparison import (
    UNPAIRED,
    Change,
    Comparison,
    Differs,
    ExpectationChange,
    PairChange,
    PartChange,
    QuadrantChange,
    Side,
)
from kedit.verification.documents import Part, Source, parts, read_source
from kedit.verification.figures import Pair, Rate, SwapQuadrant
from kedit.verification.metrics import by_pair, paired_difference, select
from kedit.verification.outcomes import SwapRow
from kedit.verification.report import Evaluation, JudgedExpectation, Report

MATCHED: Final = 0.8
"""Share of either side's items that the other must have, for a difference over the common ones to speak for both."""
_NAMES: Final = {Evaluation: "the evaluation of a run", Report: "the report of a recipe"}


def compare(a: Path | str, b: Path | str) -> Comparison:
    """Compare two run directories, two report directories or two such documents; InputError for one of either kind."""
    left, right = read_source(Path(a)), read_source(Path(b))
    if type(left.document) is not type(right.document):
        raise InputError(
            f"{a} is {_NAMES[type(left.document)]}, {b} is {_NAMES[type(right.document)]}",
            advice="Compare two run directories, or two folders under reports/.",
        )
    return comparison(left, right)


def comparison(a: Source, b: Source) -> Comparison:
    """Two documents of one kind."""
    left, right = parts(a.document), parts(b.document)
    judged = _expectations(a.document, b.document)
    found = tuple(_part(name, left[name], right[name], a, b) for name in left if name in right)
    knowledge = knowledge_changes(a.document, b.document)
    return Comparison(
        schema="kedit.comparison/1",
        kind="evaluation" if isinstance(a.document, Evaluation) else "report",
        a=_side(a),
        b=_side(b),
        identical=a.document == b.document and a.rows == b.rows,
        differs=tuple(_differs(a.document, b.document)),
        pairing=_pairing(a, b, found),
        parts=found,
        only_in_a=tuple(name for name in left if name not in right),
        only_in_b=tuple(name for name in right if name not in left),
        binding=binding_changes(a.document.binding, b.document.binding),
        damage=damage_changes(a.document.locality, b.document.locality),
        expectations=judged,
        knowledge=knowledge,
    )


def _side(source: Source) -> Side:
    document, path, rows = source.document, str(source.path), len(source.rows)
    if isinstance(document, Evaluation):
        return Side(path=path, run=document.run, hook_point=document.hook_point, rows=rows)
    points = ", ".join(dict.fromkeys(edit.hook_point for edit in document.edits))
    return Side(path=path, run=document.run, hook_point=points, recipe=document.recipe, verdict=document.verdict, rows=rows)


def _differs(a: Evaluation | Report, b: Evaluation | Report) -> Iterator[Differs]:
    """How the two were made differently: what must be known before their figures are compared."""
    for block in ("protocol", "run"):
        left, right = (getattr(side, block).model_dump(mode="json") for side in (a, b))
        for key in left:
            if key != "name" and left[key] != right[key]:
                yield Differs(what=f"{block}.{key}", a=_shown(left[key]), b=_shown(right[key]))
    if isinstance(a, Report) and isinstance(b, Report):
        yield from _other_edits(a, b)
    elif isinstance(a, Evaluation) and isinstance(b, Evaluation) and a.hook_point != b.hook_point:
        yield Differs(what="hook_point", a=a.hook_point, b=b.hook_point)


def _other_edits(a: Report, b: Report) -> Iterator[Differs]:
    if a.recipe != b.recipe:
        yield Differs(what="recipe", a=a.recipe, b=b.recipe)
    others = {edit.id: edit for edit in b.edits}
    for edit in a.edits:
        other = others.get(edit.id, edit)
        for key in ("op", "source", "target", "slot", "hook_point", "strength"):
            if getattr(edit, key) != getattr(other, key):
                yield Differs(what=f"{edit.id}.{key}", a=_shown(getattr(edit, key)), b=_shown(getattr(other, key)))


def _shown(value: Any) -> str:
    return "" if value is None else str(value)


def _pairing(a: Source, b: Source, found: Sequence[PartChange]) -> str:
    """In words, which kind of difference stands where."""
    methods = {change.hit.method for part in found for change in part.quadrants.values()} - {"none"}
    if methods == {"paired"}:
        return "paired: over the prompts that both have, clustered bootstrap by subject and carrier"
    if methods == {"paired", "unpaired"}:
        return f"paired where most prompts are common, else unpaired ({UNPAIRED})"
    why = next((f" for {side.path} {side.why_no_rows}" for side in (a, b) if side.why_no_rows), " few prompts are common")
    return f"unpaired ({UNPAIRED}):{why}"


def _part(name: str, a: Part, b: Part, left: Source, right: Source) -> PartChange:
    rows_a, rows_b = ([row for row in side.rows if row.edit == name] for side in (left, right))
    seed = left.document.protocol.seed
    quadrants: dict[Any, QuadrantChange] = {}
    for quadrant in QUADRANTS:
        if quadrant in a.quadrants and quadrant in b.quadrants:
            mine, others = select(rows_a, quadrant=quadrant), select(rows_b, quadrant=quadrant)
            quadrants[quadrant] = _quadrant(a.quadrants[quadrant], b.quadrants[quadrant], mine, others, seed)
    headline = HEADLINE_QUADRANT
    controls = {
        control: _rate(
            a.controls[control][headline],
            b.controls[control][headline],
            select(rows_a, quadrant=headline, control=control),
            select(rows_b, quadrant=headline, control=control),
            seed,
        )
        for control in a.controls
        if headline in a.controls[control] and headline in b.controls.get(control, {})
    }
    pairs = tuple(_pairs(a.pairs, b.pairs, rows_a, rows_b, seed))
    return PartChange(name=name, quadrants=quadrants, pairs=pairs, controls=controls)


def _quadrant(
    a: SwapQuadrant, b: SwapQuadrant, rows_a: Sequence[SwapRow], rows_b: Sequence[SwapRow], seed: int
) -> QuadrantChange:
    macro = change(a.hit_macro, b.hit_macro, a.ci_macro, b.ci_macro, a.n, b.n)
    shares = {key: change(getattr(a, key), getattr(b, key)) for key in ("exact", "wrong_subject", "stuck", "derailed")}
    if _common(rows_a, rows_b) and macro.method != "none":
        macro = _paired(macro, rows_a, rows_b, "hit_macro", seed)
    return QuadrantChange(hit=_rate(a, b, rows_a, rows_b, seed), hit_macro=macro, shares=shares)


def _rate(a: Rate, b: Rate, rows_a: Sequence[SwapRow], rows_b: Sequence[SwapRow], seed: int) -> Change:
    plain = change(a.hit, b.hit, a.ci, b.ci, a.n, b.n)
    return _paired(plain, rows_a, rows_b, "hit", seed) if _common(rows_a, rows_b) else plain


def _pairs(
    a: Sequence[Pair], b: Sequence[Pair], rows_a: Sequence[SwapRow], rows_b: Sequence[SwapRow], seed: int
) -> Iterator[PairChange]:
    """Every ordered pair that both have, those that changed most first."""
    named_a, named_b = _rows_of_pairs(a, rows_a), _rows_of_pairs(b, rows_b)
    others = {(pair.quadrant, pair.source, pair.target): pair for pair in b}
    found = []
    for pair in a:
        key = (pair.quadrant, pair.source, pair.target)
        if other := others.get(key):
            made = change(pair.hit, other.hit, pair.ci, other.ci, pair.n, other.n)
            mine, theirs = named_a.get(key, []), named_b.get(key, [])
            if _common(mine, theirs):
                made = _paired(made, mine, theirs, "hit", seed)
            fields = {"from": pair.source, "to": pair.target, "quadrant": pair.quadrant, "hit": made}
            found.append(PairChange.model_validate(fields | {"counts": pair.counts and other.counts}))
    order = {name: place for place, name in enumerate(reversed(QUADRANTS))}
    yield from sorted(found, key=lambda p: (order[p.quadrant], -abs(p.hit.difference or 0.0), p.source, p.target))


def _rows_of_pairs(pairs: Sequence[Pair], rows: Sequence[SwapRow]) -> dict[tuple[str, str, str], list[SwapRow]]:
    """(quadrant, from, to) in CURIEs -> rows: rows know IRIs only, but both are in the order of those."""
    found: dict[tuple[str, str, str], list[SwapRow]] = {}
    for quadrant in QUADRANTS:
        named = [pair for pair in pairs if pair.quadrant == quadrant]
        groups = by_pair(select(rows, quadrant=quadrant)).values()
        if [pair.n for pair in named] == [len(group) for group in groups]:
            found |= {(quadrant, pair.source, pair.target): group for pair, group in zip(named, groups, strict=True)}
    return found


def _key(row: SwapRow) -> tuple[str, str, str]:
    return row.prompt_id, row.source, row.target


def _common(a: Sequence[SwapRow], b: Sequence[SwapRow]) -> bool:
    """Whether most items of either side are the other's, too."""
    keys_a, keys_b = {_key(row) for row in a}, {_key(row) for row in b}
    return bool(keys_a) and len(keys_a & keys_b) >= MATCHED * max(len(keys_a), len(keys_b))


def _paired(plain: Change, a: Sequence[SwapRow], b: Sequence[SwapRow], metric: str, seed: int) -> Change:
    # What only one side has decides nothing, neither on which pairs have items enough for a macro-average.
    common = {_key(row) for row in a} & {_key(row) for row in b}
    left, right = ([row for row in side if _key(row) in common] for side in (a, b))
    found = paired_difference(right, left, metric, seed=seed)
    if not found.n:
        return plain
    update = {"difference": found.value, "ci": (found.low, found.high), "method": "paired", "n": found.n}
    return Change.model_validate(plain.model_dump() | update)


def _expectations(a: Evaluation | Report, b: Evaluation | Report) -> tuple[ExpectationChange, ...]:
    """Every expectation of either side, told apart by what it is about; bounds may differ."""
    if not isinstance(a, Report) or not isinstance(b, Report):
        return ()
    left, right = _numbered(a.expectations), _numbered(b.expectations)
    made = []
    for key in dict.fromkeys((*left, *right)):
        one, other = left.get(key), right.get(key)
        about = one or other
        assert about is not None
        made.append(
            ExpectationChange(
                metric=about.metric,
                edit=about.edit,
                versus=about.versus,
                at=about.at,
                on=about.on,
                forced=about.forced,
                required_a=one.required if one else None,
                required_b=other.required if other else None,
                measured=change(
                    one.measured if one else None,
                    other.measured if other else None,
                    one.ci if one else (None, None),
                    other.ci if other else (None, None),
                    bounds=None,
                ),
                verdict_a=one.verdict if one else None,
                verdict_b=other.verdict if other else None,
            )
        )
    return tuple(made)


def _numbered(judged: Sequence[JudgedExpectation]) -> dict[tuple[Any, ...], JudgedExpectation]:
    """Key -> expectation; equal ones are told apart by their order."""
    found: dict[tuple[Any, ...], JudgedExpectation] = {}
    for item in judged:
        key: tuple[Any, ...] = (item.metric, item.edit, item.versus, item.at, item.on, item.forced)
        found[(*key, sum(other[:-1] == key for other in found))] = item
    return found
