"""Rows: the cached path says what the edited model says; controls do what their names say."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from kedit.editing.edited import edited
from kedit.editing.metric_names import QUADRANTS
from kedit.editing.reading import as_recipe
from kedit.editing.resolving import ResolvedRecipe, resolve
from kedit.lm.knowledge import Modal
from kedit.verification.controls import Arm, Context, donor_states, propose, wrong_edit
from kedit.verification.generating import batches
from kedit.verification.items import sample_items
from kedit.verification.measure import ALL_CONTROLS, CONTROLS_PER_PAIR, PER_PAIR, control_arms, latent_p_value, measure
from kedit.verification.metrics import paired_difference, select
from kedit.verification.outcomes import EDIT
from kedit.verification.setting import VALIDATION

EX = "https://example.org/places#"
HEADLINE = "unseen_template_unseen_subject"
PAIRS = [(EX + "hasCapital", EX + "hasLanguage"), (EX + "hasContinent", EX + "hasCapital")]


def swap_rows(setting, pairs, quadrants=QUADRANTS, *, controls=(), strengths=(None,)):
    """Rows of the swaps of ordered pairs at each strength, and of controls on the headline's prompts."""
    sample = sample_items(setting, [setting.swap(*pair) for pair in pairs], quadrants=quadrants, cap=PER_PAIR)
    arms = {Arm(EDIT, strength): sample.items for strength in strengths}
    return measure(setting, arms | control_arms(sample, controls, (HEADLINE,), CONTROLS_PER_PAIR))


def generate(setting, edit, text, length=8):
    """The slow way: one prompt, the whole model, transformers' own generate under the hook."""
    ids = torch.tensor([setting.lm.encode(text)])
    recipe = ResolvedRecipe("test", (edit,) if edit else ())
    with edited(setting.lm, setting.sae, recipe, setting.ontology, carriers=setting.prompts.carriers) as model:
        made = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=length, do_sample=False, pad_token_id=0)
        fired = any(any(row) for row in model.fired.values())
    new = made[0, ids.shape[1] :].tolist()
    end = next((i for i, token in enumerate(new) if token in setting.lm.stop_tokens), len(new))
    return setting.lm.decode(new[:end]), fired


def test_rows_are_what_the_edited_model_generates(make_setting, layout):
    setting = make_setting(layout, strength=2.0)
    edits = [replace(setting.swap(*pair), strength=2.0) for pair in PAIRS]
    items = sample_items(setting, edits, quadrants=[HEADLINE]).items
    rows = measure(setting, {Arm(EDIT): items}, named=True)
    texts = {prompt.id: prompt.text for prompt in setting.prompts.asked}
    by_id = {edit.id: edit for edit in edits}
    assert len(rows) == len(items) == 8
    for row in rows:
        text, fired = generate(setting, by_id[row.edit], texts[row.prompt_id])
        assert row.gate == fired
        assert row.text
        assert text.startswith(row.text) or row.text.startswith(text)


def test_all_steps_go_through_the_edited_model_itself(make_setting):
    setting = make_setting(strength=2.0)
    edit = replace(setting.swap(*PAIRS[0], when="always"), strength=2.0, steps="all")
    items = sample_items(setting, [edit], quadrants=[HEADLINE]).items
    rows = measure(setting, {Arm(EDIT): items, Arm("noop"): items}, named=True)
    texts = {prompt.id: prompt.text for prompt in setting.prompts.asked}
    for row in select(rows, quadrant=HEADLINE):
        text, _ = generate(setting, edit, texts[row.prompt_id], 12)
        assert text.startswith(row.text) or row.text.startswith(text)
    assert len(rows) == 2 * len(items)


def test_where_the_gate_stays_shut_the_row_is_the_base_model_s_and_a_miss(make_setting):
    setting = make_setting()
    shut = replace(setting.sae, threshold=torch.full_like(setting.sae.threshold, 1e9))
    setting = replace(setting, sae=shut)
    rows = swap_rows(setting, PAIRS, [HEADLINE], controls=("noop", "wrong_slot"))
    base = {(row.prompt_id, row.target): row.text for row in rows if row.control == "noop"}
    for row in rows:
        assert row.text == base[row.prompt_id, row.target]
        assert row.gate == (row.control == "noop")
        assert row.control == "noop" or not row.hit


def test_noop_is_the_unedited_model(make_setting):
    setting = make_setting()
    texts = {prompt.id: prompt.text for prompt in setting.prompts.asked}
    for row in select(swap_rows(setting, PAIRS[:1], [HEADLINE], controls=("noop",)), control="noop"):
        text, _ = generate(setting, None, texts[row.prompt_id])
        assert text.startswith(row.text) or row.text.startswith(text)


def test_every_control_has_rows_on_the_prompts_of_the_edit(make_setting):
    setting = make_setting()
    rows = swap_rows(setting, PAIRS, controls=ALL_CONTROLS)
    keys = {(r.prompt_id, r.source, r.target) for r in select(rows, quadrant=HEADLINE)}
    for control in set(ALL_CONTROLS) - {"direct_ask"}:
        mine = [r for r in rows if r.control == control]
        assert {(r.prompt_id, r.source, r.target) for r in mine} == keys, control
        assert {r.quadrant for r in mine} == {HEADLINE}
        assert paired_difference(select(rows, quadrant=HEADLINE), mine).n == len(keys)
    direct = [r for r in rows if r.control == "direct_ask"]
    assert len(direct) == 2 * len(keys)
    assert paired_difference(select(rows, quadrant=HEADLINE), direct).n == len(keys)


def test_direct_ask_is_what_the_model_answered_on_training_carriers(make_setting):
    setting = make_setting(known=False)
    everything = dict.fromkeys(setting.knowledge.known, True)
    hits = dict(zip((p.id for p in setting.prompts.asked), setting.knowledge.texts, strict=True))
    setting = replace(setting, knowledge=replace(setting.knowledge, known=everything))
    rows = [r for r in swap_rows(setting, PAIRS, [HEADLINE], controls=("direct_ask",)) if r.control == "direct_ask"]
    for row in rows:
        assert row.text == hits[row.prompt_id]
        assert row.hit == setting.hits[row.prompt_id]


def test_majority_is_the_most_frequent_value(make_setting):
    setting = make_setting()
    rows = [r for r in swap_rows(setting, [PAIRS[0]], [HEADLINE], controls=("majority",)) if r.control == "majority"]
    assert {r.text for r in rows} == {"French"}
    assert {r.subject: r.hit for r in rows} == {EX + n: n == "Monaco" for n in ("Norway", "Egypt", "Japan", "Monaco")}


def test_behavioural_hit_and_seen_answers(make_setting):
    setting = make_setting()
    rows = [r for r in swap_rows(setting, [PAIRS[0]], [HEADLINE], controls=("majority",)) if r.control == "majority"]
    assert {r.subject: r.answer_seen for r in rows}[EX + "Monaco"] is True
    assert {r.subject: r.answer_seen for r in rows}[EX + "Japan"] is False
    modal = {key: Modal((EX + "French",), (1,), " French") for key in setting.knowledge.modal}
    setting = replace(setting, knowledge=replace(setting.knowledge, modal=modal))
    rows = [r for r in swap_rows(setting, [PAIRS[0]], [HEADLINE], controls=("majority",)) if r.control == "majority"]
    assert all(r.behavioural for r in rows)


def _proposed(setting, control, **arm):
    items = sample_items(setting, [setting.swap(*PAIRS[0])], quadrants=[HEADLINE]).items
    context = Context.prepare(setting, {Arm(control): items}, 0)
    batch = next(batches(setting, [item.prompt for item in items], "test"))
    picks = [(row, item) for row, prompt in enumerate(batch.prompts) for item in items if item.prompt == prompt]
    return batch, propose(context, Arm(control, **arm), batch, picks)


def test_random_controls_move_as_far_as_the_edit(make_setting):
    setting = make_setting()
    setting = replace(setting, sae=replace(setting.sae, threshold=torch.full_like(setting.sae.threshold, -1e9)))
    batch, edit = _proposed(setting, EDIT)
    for control in ("random_latent", "random_direction"):
        _, made = _proposed(setting, control)
        assert torch.allclose((made.x - batch.x).norm(dim=1), (edit.x - batch.x).norm(dim=1), rtol=1e-4)
        assert not torch.allclose(made.x, edit.x)


def test_a_latent_that_is_fixed_is_the_one_that_is_written(make_setting):
    batch, made = _proposed(make_setting(), "random_latent", latent=5)
    cosine = torch.cosine_similarity(made.x - batch.x, make_setting().sae.W_dec[5][None])
    assert torch.allclose(cosine, torch.ones(len(cosine)), atol=1e-4)


def test_vectors_are_added_without_a_gate(make_setting):
    setting = make_setting(diff_means_strength=3.0)
    batch, made = _proposed(setting, "diff_means")
    rows = [list(setting.relations).index(iri) for iri in PAIRS[0]]
    vectors = setting.vectors["diff_means"]
    assert torch.allclose(made.x - batch.x, 3.0 * (vectors[rows[1]] - vectors[rows[0]]).expand_as(made.x), atol=1e-5)
    assert made.strengths == [3.0] * len(made.picks)
    assert not _proposed(make_setting(vectors={}), "trained_vector")[1].picks


def test_a_trained_vector_takes_the_source_away_once_as_the_edit_does(make_setting):
    setting = make_setting(strength=2.0)
    batch, made = _proposed(setting, "trained_vector")
    rows = [list(setting.relations).index(iri) for iri in PAIRS[0]]
    vectors = setting.vectors["trained_vector"]
    assert torch.allclose(made.x - batch.x, (2.0 * vectors[rows[1]] - vectors[rows[0]]).expand_as(made.x), atol=1e-5)


def test_interchange_takes_the_state_of_the_same_subject_asked_for_the_target(make_setting):
    setting = make_setting()
    items = sample_items(setting, [setting.swap(*PAIRS[0])], quadrants=[HEADLINE]).items
    donors = donor_states(setting, items, 0)
    assert set(donors) == {(item.subject, item.target) for item in items}
    natural = [setting.states[p.id] for p in setting.training_prompts[items[0].subject, PAIRS[0][1]]]
    assert any(torch.equal(donors[items[0].subject, PAIRS[0][1]], state) for state in natural)


def test_a_wrong_slot_is_neither_from_nor_to(make_setting):
    setting = make_setting()
    for item in sample_items(setting, [setting.swap(*pair) for pair in setting.pairs]).items:
        wrong = wrong_edit(setting, item, 0)
        assert wrong is not None
        assert wrong.slot == item.edit.slot
        assert wrong.target_iri not in (item.edit.slot_iri, item.edit.target_iri)


def test_validation_and_strengths(make_setting):
    rows = swap_rows(make_setting(), PAIRS, [VALIDATION], strengths=(0.5, 2.0))
    assert {row.quadrant for row in rows} == {VALIDATION}
    assert {row.strength for row in rows} == {0.5, 2.0}
    assert {row.subject for row in rows} == {EX + "Spain"}


def test_suppress_succeeds_where_the_known_answer_is_gone(make_setting):
    setting = make_setting()
    edit = resolve(
        as_recipe({"kedit": 1, "edits": [{"op": "suppress", "slot": "ex:hasCapital"}]}), setting.ontology, setting.slots
    ).edits[0]
    items = sample_items(setting, [edit], quadrants=[HEADLINE]).items
    rows = measure(setting, {Arm("noop"): items})
    # A random model answers nothing rightly, so nothing is there to be taken away.
    assert {row.outcome for row in rows} == {"hit"}
    assert {row.source for row in rows} == {row.target for row in rows}


def test_the_p_value_of_an_edit_that_does_nothing_is_one(make_setting):
    setting = make_setting()
    items = sample_items(setting, [setting.swap(*PAIRS[0])], quadrants=[HEADLINE]).items
    assert latent_p_value(setting, items, latents=5) == pytest.approx(1.0)
