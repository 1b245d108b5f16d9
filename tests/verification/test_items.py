"""What is measured: which items there are, how they are sampled, and what the gates say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kedit.curriculum.slots import SlotMap
from kedit.editing.plan import plan_recipe
from kedit.editing.reading import as_recipe
from kedit.editing.resolving import resolve
from kedit.verification.applying import in_scope
from kedit.verification.items import Item, counted_relation, sample_items
from kedit.verification.setting import VALIDATION

EX = "https://example.org/places#"
HEADLINE = "unseen_template_unseen_subject"
PAIR = (EX + "hasCapital", EX + "hasLanguage")


def edit_of(setting, **keys):
    return resolve(as_recipe({"kedit": 1, "edits": [keys]}), setting.ontology, setting.slots).edits[0]


def test_items_of_a_swap_are_prompts_about_its_source_in_the_right_cell(make_setting):
    setting = make_setting()
    sample = sample_items(setting, [setting.swap(*PAIR)], quadrants=[HEADLINE, VALIDATION])
    assert {item.subject for item in sample.items if item.quadrant == HEADLINE} == {
        EX + n for n in ("Norway", "Egypt", "Japan", "Monaco")
    }
    assert {item.subject for item in sample.items if item.quadrant == VALIDATION} == {EX + "Spain"}
    assert all(item.source == PAIR[0] and item.target == PAIR[1] and item.known for item in sample.items)


def test_items_whose_answers_do_not_differ_are_dropped_and_counted(make_setting, places):
    facts = {**places.facts, PAIR[1]: {**places.facts[PAIR[1]], EX + "Egypt": (EX + "Cairo",)}}
    setting = make_setting(ontology=replace(places, facts=facts))
    sample = sample_items(setting, [setting.swap(*PAIR)], quadrants=[HEADLINE])
    assert EX + "Egypt" not in {item.subject for item in sample.items}
    assert sample.gates["informative"].dropped == 1
    assert sample.gates["informative"].kept == len(sample.items)


def test_answers_that_stand_in_the_carrier_are_dropped(make_setting):
    setting = make_setting()
    carriers = tuple(replace(c, before="Oslo! " + c.before) if c.split == "heldout" else c for c in setting.prompts.carriers)
    setting = replace(setting, prompts=replace(setting.prompts, carriers=carriers))
    sample = sample_items(setting, [setting.swap(PAIR[1], PAIR[0])], quadrants=[HEADLINE])
    assert EX + "Norway" not in {item.subject for item in sample.items}
    assert sample.gates["informative"].dropped == 1


def test_the_cap_counts_known_items_and_takes_unknown_ones_along(make_setting):
    setting = make_setting()
    known = {key: key[0] != EX + "Norway" for key in setting.knowledge.known}
    setting = replace(setting, knowledge=replace(setting.knowledge, known=known))
    edits = [setting.swap(*pair) for pair in setting.pairs]
    everything = sample_items(setting, edits)
    sample = sample_items(setting, edits, cap={HEADLINE: 2})
    mine = [item for item in sample.items if item.quadrant == HEADLINE]
    per_edit = {edit.id: [item for item in mine if item.edit == edit] for edit in edits}
    assert all(sum(item.known for item in items) == 2 for items in per_edit.values())
    assert [item for item in sample.items if item.quadrant != HEADLINE] == [i for i in everything.items if i.quadrant != HEADLINE]
    assert set(sample.items) <= set(everything.items)
    assert sample == sample_items(setting, edits, cap={HEADLINE: 2})
    assert sample_items(setting, edits, cap=1, seed=1) != sample_items(setting, edits, cap=1, seed=2)
    assert sample.gates["sampled"].dropped == len(everything.items) - len(sample.items)
    assert sample.gates["known"].dropped == sum(not item.known for item in sample.items)


def test_items_are_those_of_a_search_through_all_prompts(make_setting):
    setting = make_setting()
    one = {"op": "suppress", "slot": "ex:Continent"}, {"op": "amplify", "slot": "ex:hasCapital"}, {"op": "set", "slot": PAIR[1]}
    edits = [*(setting.swap(*pair) for pair in setting.pairs), *(edit_of(setting, **keys) for keys in one)]

    def found(edit):
        for prompt in setting.prompts.prompts:
            if prompt in setting.by_cell[HEADLINE] and prompt.subject is not None and in_scope(prompt, edit):
                target = counted_relation(prompt, edit)
                hit = edit.op == "amplify" and setting.hits.get(prompt.id, False)
                if target in setting.matchers and setting.ontology.values(target, prompt.subject) and not hit:
                    yield Item(prompt, edit, target, HEADLINE, setting.known(prompt.subject, target))

    sample = sample_items(setting, edits, quadrants=[HEADLINE])
    everything = {item.key for edit in edits for item in found(edit)}
    assert {item.key for item in sample.items} <= everything
    assert len(everything) == len(sample.items) + sample.gates["informative"].dropped


def test_a_cap_may_depend_on_the_edit_and_leave_it_out(make_setting):
    setting = make_setting()
    edits = [setting.swap(*pair) for pair in setting.pairs]
    sample = sample_items(setting, edits, cap=lambda edit, cell: 2 if edit == edits[0] and cell == HEADLINE else 0)
    assert {(item.edit, item.quadrant) for item in sample.items} == {(edits[0], HEADLINE)}
    assert sample.gates["sampled"].kept == 2
    alone = sample_items(setting, edits[:1], quadrants=[HEADLINE], cap=2)
    assert sample == alone
    assert len(sample.capped(lambda *_: 1, [HEADLINE])) == 1


def test_controls_run_on_the_first_known_items_of_each_edit(make_setting):
    setting = make_setting()
    sample = sample_items(setting, [setting.swap(*pair) for pair in setting.pairs])
    capped = sample.capped(1, [HEADLINE])
    assert len(capped) == len(setting.pairs)
    assert set(capped) < set(sample.items)


@pytest.mark.parametrize("op", ["suppress", "amplify"])
def test_operators_on_one_slot_are_measured_by_its_own_answer(make_setting, op):
    setting = make_setting()
    items = sample_items(setting, [edit_of(setting, op=op, slot="ex:hasCapital")], quadrants=[HEADLINE]).items
    assert {(item.source, item.target) for item in items} == {(PAIR[0], PAIR[0])}
    assert len(items) == 4


def test_set_is_measured_on_texts_that_name_a_subject_and_ask_nothing(make_setting):
    setting = make_setting()
    items = sample_items(setting, [edit_of(setting, op="set", slot="ex:hasCapital")], quadrants=[HEADLINE]).items
    assert items
    assert all(item.prompt.relation is None and item.source == "" and item.target == PAIR[0] for item in items)


def test_a_scope_leaves_other_subjects_out(make_setting):
    setting = make_setting()
    edit = edit_of(
        setting, **{"op": "swap", "from": "ex:hasCapital", "to": "ex:hasLanguage", "scope": {"subjects": {"in": ["ex:Norway"]}}}
    )
    assert {item.subject for item in sample_items(setting, [edit]).items} == {EX + "Norway"}


def test_a_class_slot_is_asked_for_by_the_relations_that_answer_with_it(make_setting):
    setting = make_setting()
    assert isinstance(setting.slots, SlotMap)
    items = sample_items(setting, [edit_of(setting, op="suppress", slot="ex:Continent")], quadrants=[HEADLINE]).items
    assert {item.source for item in items} == {EX + "hasContinent"}


@pytest.mark.parametrize("op", ["swap", "suppress", "set", "amplify"])
def test_a_plan_foresees_the_items_that_there_are(make_setting, op):
    """All of them, but for those that the answers' own texts, or the model, drop."""
    setting = make_setting()
    terms = {"from": "ex:hasCapital", "to": "ex:hasLanguage"} if op == "swap" else {"slot": "ex:hasCapital"}
    recipe = as_recipe({"kedit": 1, "edits": [{"op": op, **terms}], "verify": {"per_edit": 10**6}})
    resolved = resolve(recipe, setting.ontology, setting.slots)
    planned = plan_recipe(resolved, setting.ontology, setting.prompts).edits[0].prompts
    assert sum(planned.values()) > 0
    for quadrant, count in planned.items():
        gate = sample_items(setting, list(resolved.edits), quadrants=[quadrant]).gates.get("informative")
        asked = [p for p in setting.by_cell[quadrant] if p.relation == PAIR[0]]
        right = sum(setting.hits[p.id] for p in asked) if op == "amplify" else 0
        assert (gate.kept + gate.dropped if gate else 0) == count - right
