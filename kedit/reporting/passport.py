"""Passports of slots (`kedit.passport/1`) as a table: which claims may be made, and by which figures."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from kedit.reporting import format as fmt
from kedit.reporting import tables
from kedit.reporting.terminal import show
from kedit.verification.passport import Claim, Passports, TestResult

_MARK = {True: ("✓", "green"), False: ("✗", "red"), None: ("?", "yellow")}
_SIGN = {"at_least": "≥", "at_most": "≤"}


def render_passports(found: Passports) -> RenderableType:
    """A column a slot, a line a test; the first line of a claim says for which slots it holds."""
    names = fmt.short_names([passport.slot for passport in found.passports])
    table = tables.table("Passports", ("claim, and its tests", *(names[passport.slot] for passport in found.passports)))
    for number, claim in enumerate(found.passports[0].claims if found.passports else ()):
        claims = [passport.claims[number] for passport in found.passports]
        table.add_row(Text(claim.name, style="bold"), *map(_verdict, claims))
        for place, test in enumerate(claim.tests):
            figures = [_figure(one.tests[place]) for one in claims]
            table.add_row(Text(f"  {test.name} {_SIGN[test.needs]} {test.bound:g}", style="dim"), *figures)
    where = f"{found.run}: preset {found.preset}, {found.hook_point}, strength {found.strength:g}"
    note = f"{where}; unseen carriers × unseen subjects. Only claims marked ✓ may be made."
    return Group(table, Text(note, style="dim"))


def _verdict(claim: Claim) -> Text:
    mark, style = _MARK[claim.holds]
    return Text(mark, style=f"bold {style}")


def _figure(test: TestResult) -> Text:
    return Text(fmt.MISSING if test.value is None else f"{test.value:.3f}", style=_MARK[test.passed][1])


def print_passports(found: Passports) -> None:
    """Print passports."""
    show(render_passports(found))
