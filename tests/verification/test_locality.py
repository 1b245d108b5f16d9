"""Damage: exactly nothing where nothing fires, and the same numbers as the edited model gives."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from kedit.curriculum.answers import AnswerMatcher
from kedit.editing.edited import edited
from kedit.editing.reading import as_recipe
from kedit.editing.recipe import Expectation
from kedit.editing.resolving import ResolvedRecipe, resolve
from kedit.verification.applying import Scopes, applied
from kedit.verification.locality import CORPORA, _cases, _corpus, damage
from kedit.verification.neutral import kl, neutral_drift
from kedit.verification.readings import binding_readings, read_back
from kedit.verification.setting import states_of
from kedit.verification.verdict import Measurements, judge

EX = "https://example.org/places#"
PAIR = (EX + "hasCapital", EX + "hasLanguage")
TEXTS = ("The train was late again.", "She closed the window and", "Rain")


def with_threshold(setting, value):
    return replace(setting, sae=replace(setting.sae, threshold=torch.full_like(setting.sae.threshold, value)))


def always_known(setting):
    """A matcher that is content with the unedited answers, and takes them all for known."""

    texts = set(setting.knowledge.texts)

    class Content(AnswerMatcher):
        def hit(self, text, accepted):
            return any(text.startswith(base) or base.startswith(text) for base in texts if base)

        def settled(self, text):
            return len(text) > 30

    knowledge = replace(setting.knowledge, hits=tuple(True for _ in setting.knowledge.hits))
    return replace(setting, knowledge=knowledge, matchers={**dict.fromkeys(setting.matchers, Content({}))})


def test_neutral_drift_is_that_of_the_edited_model_on_every_prefix(make_setting, layout):
    setting = with_threshold(make_setting(layout, strength=1.5), -1e9)
    work = applied(setting, [setting.swap(*PAIR)])
    found = neutral_drift(setting, [work], n=100, sentences=TEXTS)
    expected = []
    recipe = ResolvedRecipe("test", (replace(work.edits[0], strength=1.5),))
    with edited(setting.lm, setting.sae, recipe, setting.ontology) as model, torch.no_grad():
        for text in TEXTS:
            ids = setting.lm.encode(text)
            for end in range(2, len(ids) + 1):
                part = torch.tensor([ids[:end]])
                pair = setting.lm.model(part).logits[:, -1], model(part).logits[:, -1]
                expected.append(kl(*pair).item())
    assert sorted(found.forced) == pytest.approx(sorted(expected), rel=2e-2, abs=1e-5)
    assert max(found.forced) > 1e-3
    assert found.scoped == found.forced
    assert all(found.fired)


def test_nothing_drifts_where_no_gate_opens(make_setting):
    setting = with_threshold(make_setting(), 1e9)
    found = damage(setting, [applied(setting, [setting.swap(*pair)]) for pair in setting.pairs], neutral_n=60)
    for corpus in found.corpora.values():
        assert set(corpus.kl["scoped"]) == {0.0}
        assert max(corpus.kl["forced"]) > 0
    assert {leak.value for leak in found.leaks.values()} == {0}
    assert found.asked.miss.value == 1
    assert found.locality().drift_kl["neutral"].scoped.mean == 0


def test_an_edit_that_writes_nothing_damages_nothing(make_setting):
    setting = always_known(make_setting())
    silent = setting.sae.W_dec.clone()
    silent[setting.sae.n_free :] = 0
    setting = with_threshold(replace(setting, sae=replace(setting.sae, W_dec=silent)), -1e9)
    found = damage(setting, [applied(setting, [setting.swap(*pair)]) for pair in setting.pairs], neutral_n=40)
    others = found.corpora["other_relations"]
    assert others.kept["forced"]
    assert all(others.kept["forced"] + others.kept["scoped"])
    assert max(others.kl["forced"]) == pytest.approx(0, abs=1e-6)
    assert max(found.corpora["neutral"].kl["forced"]) == pytest.approx(0, abs=1e-6)
    assert {leak.value for leak in found.leaks.values()} == {1}
    assert found.asked.read_back.value > 0.1  # nothing is written, so what is read back is not what was asked for


def test_other_relations_are_those_that_no_edit_names(make_setting):
    setting = make_setting()
    found = damage(setting, [applied(setting, [setting.swap(*PAIR)])], neutral_n=5)
    assert set(found.corpora) == {"neutral", "other_relations"}
    assert len(found.corpora["other_relations"].kl["scoped"]) == 4  # hasContinent, one held-out carrier, four test subjects
    protected = damage(setting, [applied(setting, [setting.swap(*PAIR)])], neutral_n=5, protect=[PAIR[1]])
    assert len(protected.corpora["other_relations"].kl["scoped"]) == 8


def test_other_subjects_are_those_out_of_scope(make_setting):
    setting = with_threshold(always_known(make_setting(strength=30.0)), -1e9)
    keys = {"op": "swap", "from": "ex:hasCapital", "to": "ex:hasLanguage", "scope": {"subjects": {"in": ["ex:Norway"]}}}
    edit = resolve(as_recipe({"kedit": 1, "edits": [keys]}), setting.ontology, setting.slots).edits[0]
    found = damage(setting, [applied(setting, [edit], "one")], neutral_n=5)
    others = found.corpora["other_subjects"]
    assert set(others.clusters) == {EX + n for n in ("Egypt", "Japan", "Monaco")}
    assert others.kl["scoped"] == [0.0] * 3
    assert min(others.kl["forced"]) > 0
    assert all(others.kept["scoped"])
    assert not all(others.kept["forced"])
    # The gate is open everywhere, but the scope knows Norway when it reads it, whatever is asked.
    assert found.corpora["other_relations"].fired.count(True) == 1
    numbers = {(n.metric, n.on, n.forced): n.estimate for n in found.numbers("one")}
    assert numbers["retention", "other_subjects", False].value == 1
    assert numbers["retention", "other_subjects", True].value < 1


def test_what_documents_show_is_what_expectations_are_held_against(make_setting):
    setting = with_threshold(always_known(make_setting(strength=30.0)), -1e9)
    keys = {"op": "swap", "from": "ex:hasCapital", "to": "ex:hasLanguage", "scope": {"subjects": {"in": ["ex:Norway"]}}}
    edit = resolve(as_recipe({"kedit": 1, "edits": [keys]}), setting.ontology, setting.slots).edits[0]
    found = damage(setting, [applied(setting, [edit], "one")], neutral_n=30)
    shown, numbers = found.locality(), {(n.metric, n.on, n.forced): n.estimate for n in found.numbers("one")}
    figures = {("scope_leak", group, False): share for group, share in shown.scope_leak.items()}
    for metric in ("scope_miss", "subject_leak", "subject_miss", "gate_leak", "gate_miss", "read_back"):
        figures[metric, None, False] = getattr(shown, metric)
    assert len(figures) == 9
    for key, share in figures.items():
        number = numbers[key]
        assert (share.value, share.ci, share.n) == (number.value, (number.low, number.high), number.n), key
        assert number.n
        assert number.low < number.high or key[0] == "read_back"  # of the one prompt about Norway
    tail = numbers["drift_kl_p95", "neutral", True]
    assert shown.drift_kl["neutral"].forced.p95_ci == (tail.low, tail.high)
    assert tail.low < tail.value


def empty(found, edit="one"):
    """(metric, corpus) of the numbers that stand there without an item."""
    return {(number.metric, number.on) for number in found.numbers(edit) if number.on and not number.estimate.n}


def test_a_corpus_of_which_nothing_was_measured_stays_among_the_numbers(make_setting):
    setting = make_setting(known=False)
    work = applied(setting, [setting.swap(*PAIR)])
    found = damage(setting, [work], neutral_n=5)
    assert not any(setting.hits.values())
    assert empty(found) == {("retention", "other_relations")}
    nowhere = damage(setting, [work], neutral_n=0, quadrant="nowhere")
    assert empty(nowhere) == {
        ("retention", "other_relations"),
        ("scope_leak", "other_relations"),
        *((metric, on) for metric in ("drift_kl", "drift_kl_p95") for on in ("other_relations", "neutral")),
    }


def test_one_edit_s_answers_do_not_vouch_for_another_s(make_setting):
    setting = always_known(make_setting())
    works = [
        applied(setting, [setting.swap(*pair)], name) for pair, name in ((PAIR, "one"), ((PAIR[1], EX + "hasContinent"), "two"))
    ]
    first = damage(setting, works[:1], neutral_n=5).numbers("one")
    unknown = replace(setting, knowledge=replace(setting.knowledge, known=dict.fromkeys(setting.knowledge.known, False)))
    expected = Expectation(metric="retention", at_least=0.0, min_n=1)
    assert judge([expected], Measurements(numbers=first)).verdict == "PASS"
    second = damage(unknown, works[1:], neutral_n=5).numbers("two")
    judged = judge([expected], Measurements(numbers=[*first, *second]))
    assert (judged.verdict, judged.expectations[0].edit) == ("INCONCLUSIVE", "two")


def test_what_cannot_be_is_not_expected(make_setting):
    setting = make_setting()
    everywhere = resolve(
        as_recipe({"kedit": 1, "edits": [{"op": "set", "slot": "ex:hasCapital"}]}), setting.ontology, setting.slots
    ).edits[0]
    assert damage(setting, [applied(setting, [everywhere])], neutral_n=5).expected == ("neutral", "other_relations")
    all_three = [setting.swap(*PAIR), setting.swap(PAIR[1], EX + "hasContinent")]
    assert damage(setting, [applied(setting, all_three)], neutral_n=5).expected == ("neutral", "negatives")
    protected = damage(setting, [applied(setting, all_three)], neutral_n=5, protect=[PAIR[1]])
    assert protected.expected == ("neutral", "other_relations", "negatives")


@pytest.mark.parametrize("steps", ["asked", "all"])
def test_of_an_edit_that_fires_later_nothing_is_said(make_setting, steps):
    setting = make_setting()
    keys = {"op": "swap", "from": "ex:hasCapital", "to": "ex:hasLanguage"}
    scope = {"subjects": {"in": ["ex:Norway"]}, "steps": steps}
    edit = resolve(as_recipe({"kedit": 1, "edits": [keys | {"scope": scope}]}), setting.ontology, setting.slots).edits[0]
    found = damage(setting, [applied(setting, [edit], "one")], neutral_n=5)
    measured = {number.metric for number in found.numbers("one") if number.estimate.n}
    assert measured == {"subject_leak", "subject_miss"}  # the scope reads the prompt, whenever the edit fires
    assert {("drift_kl", "neutral"), ("retention", "other_relations"), ("scope_leak", "negatives")} <= empty(found)


def test_cases_are_those_of_a_search_through_all_edits(make_setting):
    setting = make_setting()
    scope = {"scope": {"subjects": {"in": ["ex:Norway", "ex:Japan"]}}}
    keys = [{"op": "amplify", "slot": "ex:hasCapital"}, {"op": "suppress", "slot": "ex:hasContinent"} | scope]
    edits = resolve(as_recipe({"kedit": 1, "edits": keys}), setting.ontology, setting.slots).edits
    works = [applied(setting, [edit]) for edit in (*edits, *(setting.swap(*pair) for pair in setting.pairs))]
    protect = frozenset({PAIR[1]})
    cases = list(_cases(setting, works, protect, "unseen_template_unseen_subject", 99, 0))
    assert {case.corpus for case in cases} == set(CORPORA)
    assert all(_corpus(case.prompt, works[case.work], protect) == case.corpus for case in cases)
    asked = [prompt for prompt in setting.by_cell["unseen_template_unseen_subject"] if prompt.relation is not None]
    assert {(case.prompt.id, case.corpus) for case in cases} == {
        (prompt.id, corpus) for prompt in asked for work in works if (corpus := _corpus(prompt, work, protect))
    }


def test_samples_are_bounded_and_stable(make_setting):
    setting = make_setting()
    works = [applied(setting, [setting.swap(*pair)]) for pair in setting.pairs]
    first, second = (damage(setting, works, n=3, neutral_n=7) for _ in range(2))
    assert first.corpora == second.corpora
    assert len(first.corpora["other_relations"].kl["scoped"]) == 3
    assert len(first.corpora["neutral"].kl["scoped"]) == 7
    assert first.locality().drift_kl["neutral"].forced.n == 7


def test_read_back_is_exact_by_construction_and_names_what_moves(make_setting):
    setting = make_setting()
    work = applied(setting, [setting.swap(*PAIR)])
    x = states_of(setting, setting.prompts.asked)
    back = read_back(setting, work, x)
    assert back.error.max() < 1e-4
    assert back.moved.max() < 1e-4
    rows = setting.sae.W_dec.clone()
    rows[setting.sae.n_free + setting.slots.index(PAIR[1])] += rows[setting.sae.n_free + setting.slots.index(EX + "hasContinent")]
    back = read_back(replace(setting, sae=replace(setting.sae, W_dec=rows)), work, x)
    assert back.error.mean() > 0.01
    assert back.moved[:, setting.slots.index(EX + "hasContinent")].mean() > 0.01
    assert back.moved[:, setting.slots.index(PAIR[0])].max() == 0


def test_scopes_cover_by_name(make_setting):
    setting = make_setting()
    keys = {"op": "suppress", "slot": "ex:hasCapital", "scope": {"subjects": {"in": ["ex:Norway"]}}}
    edits = resolve(as_recipe({"kedit": 1, "edits": [keys]}), setting.ontology, setting.slots).edits
    assert Scopes(setting).covered(edits, ["The capital of Norway is", "The capital of Peru is"]).tolist() == [[True], [False]]


def test_readings_say_what_slots_read_on_prompts_and_negatives(make_setting):
    setting = make_setting()
    readings = binding_readings(setting)
    asked = setting.prompts.asked
    u = setting.sae.slot_values(states_of(setting, asked))[:, setting.relation_slots]
    assert readings.labels == ("ex:hasCapital", "ex:hasContinent", "ex:hasLanguage")
    assert torch.allclose(torch.tensor(readings.values[: len(asked)]).float(), u)
    assert (readings.asked[len(asked) :] == -1).all()
    assert len(readings.asked) > len(asked)
    assert readings.asked[0] == list(setting.relations).index(asked[0].relation)
    assert set(readings.quadrants[len(asked) :]) == {""}
    assert "unseen_template_unseen_subject" in readings.quadrants
    assert readings.on is None


def test_given_states_are_used_and_missing_ones_read(make_setting):
    setting = make_setting()
    some = setting.prompts.asked[:6]
    read = states_of(replace(setting, states={}), some)
    assert torch.allclose(read, states_of(setting, some), atol=1e-4)
    marked = replace(setting, states={some[0].id: torch.full((setting.sae.d,), 7.0)})
    assert states_of(marked, some)[0].eq(7).all()
    assert torch.allclose(states_of(marked, some)[1:], read[1:], atol=1e-4)
