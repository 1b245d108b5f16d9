"""Errors are part of the interface: the place first, then what is wrong, then what to do."""

from __future__ import annotations

import pytest

from kedit.errors import InputError, KeditError, Place, did_you_mean, nearest


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (Place("r.yaml"), "r.yaml"),
        (Place("r.yaml", 3), "r.yaml:3"),
        (Place("r.yaml", 3, 5), "r.yaml:3:5"),
        (Place("r.yaml", 3, 5, "edits[0].op"), "r.yaml:3:5 (edits[0].op)"),
        (Place("r.yaml", key="name"), "r.yaml (name)"),
    ],
)
def test_places_read_as_editors_want_them(place: Place, text: str) -> None:
    assert str(place) == text


def test_a_message_holds_place_line_and_advice() -> None:
    error = InputError("unknown key 'opp'", place=Place("r.yaml", 3, 5, text="opp: swap"), advice="Did you mean 'op'?")
    assert str(error) == "r.yaml:3:5: unknown key 'opp'\n    opp: swap\nDid you mean 'op'?"
    assert str(KeditError("no place")) == "no place"
    assert error.message == "unknown key 'opp'"


def test_exit_codes() -> None:
    assert InputError("x").exit_code == 2
    assert KeditError("x").exit_code == 3
    assert issubclass(InputError, KeditError)


def test_the_nearest_terms_keep_their_own_spelling() -> None:
    assert nearest("CAPITOL", ["ex:Capital", "Capital", "language"])[0] == "Capital"
    assert nearest("zzz", ["capital"]) == []
    assert len(nearest("a1", [f"a{i}" for i in range(9)])) == 3


def test_advice() -> None:
    assert did_you_mean("capitol", ["capital", "language"]) == "Did you mean 'capital'?"
    assert did_you_mean("aab", iter(["aaa", "aac"])) in ("Did you mean 'aaa' or 'aac'?", "Did you mean 'aac' or 'aaa'?")
    assert did_you_mean("zzz", ["capital", "language"]) == "Known: capital, language."
    assert did_you_mean("zzz", []) == "There is none to choose from."
    assert did_you_mean("zzz", [f"name{i}" for i in range(20)]).endswith("name11 and others.")
