"""The measured path against the edited model itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kedit.editing.reading import as_recipe
from kedit.editing.resolving import resolve
from kedit.lm.continuation import Continuation
from kedit.verification import setting as module
from kedit.verification.items import sample_items
from kedit.verification.selftest import ITEMS, SelfTest, self_test

NAN = float("nan")


def edit_of(setting, **keys):
    edits = [{"op": "swap", "from": "ex:hasCapital", "to": "ex:hasLanguage", "scope": {"when": "always"}} | keys]
    return resolve(as_recipe({"kedit": 1, "edits": edits}), setting.ontology, setting.slots).edits[0]


def measured(setting, **keys):
    edit = edit_of(setting, **keys)
    return self_test(setting, edit, sample_items(setting, [edit]).items)


def test_both_paths_agree(make_setting, layout):
    found = measured(make_setting(layout))
    assert found.n == ITEMS
    assert found.kl < 1e-6
    assert found.passed
    assert found.judged("one").verdict == "PASS"


def test_answers_that_go_on_from_another_block_are_found_out(make_setting, monkeypatch):
    monkeypatch.setattr(module, "Continuation", lambda lm, layer: Continuation(lm, layer - 1))
    found = measured(replace(make_setting()))
    assert not found.passed
    judged = found.judged("one")
    assert (judged.metric, judged.edit, judged.verdict, judged.severity) == ("self_test", "one", "FAIL", "error")
    assert judged.measured == found.kl


def test_edits_of_generated_tokens_have_one_path_only(make_setting):
    found = measured(make_setting(), scope={"steps": "all"})
    assert found.n == 0
    assert found.passed


@pytest.mark.parametrize(("kl", "n", "passed"), [(0.0, 8, True), (0.02, 8, False), (NAN, 8, False), (NAN, 0, True)])
def test_what_is_not_a_number_does_not_pass(kl, n, passed):
    assert SelfTest(kl, n).passed == passed
