"""A made-up but complete evaluation and report, from simulated rows through the real aggregation."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from kedit.verification.binding import Readings, binding_summary
from kedit.verification.figures import (
    Confusion,
    CurvePoint,
    DictionaryStats,
    Difference,
    Fluency,
    Gate,
    Histogram,
    Interference,
    Knowledge,
    Layer,
    Locality,
    Retention,
    Share,
    WorstPair,
)
from kedit.verification.metrics import control_summary, drift, retained, swap_summary
from kedit.verification.outcomes import SwapRow
from kedit.verification.report import (
    EditResult,
    Evaluation,
    JudgedExpectation,
    Plateau,
    Protocol,
    Report,
    ReportProtocol,
    RunInfo,
    Transcript,
)

TERMS = ("ex:hasCapital", "ex:hasLanguage", "ex:inContinent", "ex:hasDemonym", "ex:borders", "ex:hasReligion")
LEVELS = {
    "edit": 0.93, "wrong_slot": 0.02, "random_latent": 0.01, "random_direction": 0.02, "diff_means": 0.3,
    "trained_vector": 0.92, "interchange": 0.33, "majority": 0.2, "direct_ask": 0.9,
}  # fmt: skip


HOSTILE = "<b>[red]Q: What is the capital of Chad?\nA:"
TRANSCRIPTS = (
    Transcript(
        prompt="The capital of France is",
        subject="ex:France",
        before=" Paris.",
        after=" French.",
        outcome="hit",
        accepted=("French",),
    ),
    Transcript(prompt=HOSTILE, subject="ex:Chad", before=" [b]N'Djamena", after=" <script>alert(1)</script>", outcome="derailed"),
)


def simulate(terms=TERMS, subjects=16, carriers=3, seed=0):
    """Rows of every control in two quadrants."""
    rng = np.random.default_rng(seed)
    rows = []
    for control, level in LEVELS.items():
        for quadrant in ("unseen_template_unseen_subject", "seen_template_seen_subject"):
            for index, (source, target) in enumerate(permutations(terms, 2)):
                for subject in range(subjects):
                    for carrier in range(carriers):
                        hit = rng.random() < level - 0.2 * (index == 3)
                        outcome = "hit" if hit else str(rng.choice(["wrong_subject", "stuck", "derailed"]))
                        rows.append(
                            SwapRow(
                                prompt_id=f"{source} {subject} {carrier}", subject=f"s{subject}", carrier=f"{source} {carrier}",
                                source=source, target=target, quadrant=quadrant, strength=1.0, control=control, text=" x",
                                outcome=outcome, exact=bool(hit), pair_trained=index % 4 != 0, known=subject != 0,
                            )
                        )  # fmt: skip
    return rows


@pytest.fixture(scope="session")
def rows():
    return simulate()


def flags(count, n):
    """The share of n prompts that have a flag."""
    return Share.of(retained([1] * count + [0] * (n - count), [f"s{i % 30}" for i in range(n)], ["c"] * n))


@pytest.fixture(scope="session")
def locality():
    rng = np.random.default_rng(0)
    kl, forced = drift(rng.gamma(1.0, 0.004, size=500)), drift(rng.gamma(1.0, 0.4, size=500))
    kept = Share.of(retained([1] * 59 + [0], [f"s{i}" for i in range(60)], ["c"] * 60))
    return Locality.model_validate(
        {
            "retention": {"other_relations": Retention(scoped=kept, forced=kept), "other_subjects": Retention(scoped=kept)},
            "drift_kl": {
                "neutral": {"scoped": kl, "forced": forced},
                "other_relations": {"scoped": kl},
            },
            "scope_leak": {"other_relations": flags(1, 400), "other_subjects": flags(2, 99), "negatives": flags(0, 150)},
            "scope_miss": flags(0, 240),
            "subject_leak": flags(3, 99),
            "subject_miss": flags(0, 240),
            "gate_leak": flags(1, 550),
            "gate_miss": flags(0, 339),
            "read_back": Share(value=0.013, ci=(0.011, 0.016), n=240, subjects=30),
            "moved_slots": {"ex:hasDemonym": 0.021, "ex:borders": 0.01},
        }
    )


@pytest.fixture(scope="session")
def evaluation(rows, locality):
    asked = np.tile(np.arange(-1, len(TERMS)), 30)
    values = (asked[:, None] == np.arange(len(TERMS))).astype(float)
    quadrants = ["" if a < 0 else "unseen_template_unseen_subject" for a in asked]
    subjects, carriers = [f"s{i % 20}" for i in range(len(asked))], [f"c{i % 9}" for i in range(len(asked))]
    binding = binding_summary(Readings(TERMS, asked, values, values > 0.5, quadrants, subjects, carriers))
    return Evaluation(
        protocol=Protocol(seed=0, strength=1.0),
        run=RunInfo(ontology="countries", model="SmolLM2-135M-Instruct, Q4_1 (wheel)", name="countries-smollm2-135m"),
        hook_point="blocks.17.hook_resid_post",
        knowledge={
            term: Knowledge(asked=150, known=113 - 9 * i, any=130, majority=0.2, direct_ask=0.91) for i, term in enumerate(TERMS)
        },
        binding=binding,
        swap=swap_summary(rows),
        controls=control_summary(rows),
        locality=locality,
        dictionary=DictionaryStats(
            explained_variance=0.84, l0=31.7, dead=0.042, kl_spliced=0.21,
            background=DictionaryStats(explained_variance=0.79, l0=33.1, dead=0.06, kl_spliced=0.44),
        ),
        layers=tuple(
            Layer(hook_point=f"blocks.{n}.hook_resid_post", binding=0.98, hit=0.8 + n / 200, chosen=n == 17, interchange=n / 60)
            for n in (8, 11, 14, 17, 20)
        ),
        gates={"known": Gate(kept=663, dropped=237), "pair size": Gate(kept=28, dropped=2, note="20 items of 12 subjects")},
        timing={"align": 812.0},
    )  # fmt: skip


@pytest.fixture(scope="session")
def report(evaluation):
    edit = EditResult.model_validate(
        {
            "id": "capital-to-language", "op": "swap", "from": "ex:hasCapital", "to": "ex:hasLanguage",
            "hook_point": evaluation.hook_point, "strength": 1.0, "strength_how": "auto",
            "curve_on": {"validation": 40, "validation_subjects": 24}, "quadrants": evaluation.swap.quadrants,
            "controls": evaluation.controls,
            "curve": [CurvePoint(strength=s / 4, hit=max(0.0, 1 - abs(s / 4 - 1)), drift_kl=0.01 * s) for s in range(1, 9)],
            "transcripts": TRANSCRIPTS,
        }
    )  # fmt: skip
    expectation = JudgedExpectation(
        metric="hit", edit="capital-to-language", required=">= 0.7", measured=0.93, ci=(0.9, 0.95), n=900, verdict="PASS"
    )
    return Report(
        recipe="capital-to-language",
        verdict="FAIL",
        protocol=ReportProtocol(seed=0, calibrated_strength=1.0),
        run=evaluation.run,
        edits=(edit,),
        locality=evaluation.locality,
        gates=evaluation.gates,
        expectations=(
            expectation,
            expectation.model_copy(update={"versus": "diff_means", "required": ">= 0.2", "measured": 0.63, "ci": (0.58, 0.68)}),
            expectation.model_copy(update={"versus": "trained_vector", "at": "equal_damage", "measured": 0.31}),
            JudgedExpectation(
                metric="drift_kl", on="neutral", required="<= 0.02", measured=0.031, ci=(0.02, 0.04), n=500, verdict="FAIL",
                reason="does not meet the bound",
            ),
            JudgedExpectation(
                metric="retention", required=">= 0.98", measured=None, severity="warn", verdict="INCONCLUSIVE",
                reason="not measured",
            ),
        ),
    )  # fmt: skip


HEADLINE = "unseen_template_unseen_subject"
EVIL = '<script>alert("1")</script> & ]]> \x00\x08\x1b[31m \ud800 \u202eabc $x^2$ {{ 7*7 }}'
"""Markup, quotes, control characters, a lone surrogate, an override of direction, mathematics, a template."""


def competitor(control, hits, equal=None):
    """A control with a curve over three strengths."""
    points = [
        CurvePoint(strength=2.0**i, hit=h, ci=(h / 2, h), n=72, drift_kl=0.1 * 3**i, chosen=i == 2) for i, h in enumerate(hits)
    ]
    update = {"curve": tuple(points), "strength": 4.0, "forced_kl": 0.9, "p_value": 0.01}
    if equal is not None:
        update["equal_damage"] = control.model_copy(update={"hit": equal, "strength": 2.0})
    return control.model_copy(update=update)


def histogram(threshold=0.5):
    edges = tuple(i / 10 for i in range(-2, 13))
    return Histogram(edges=edges, on=(0,) * 8 + (1, 4, 9, 12, 5, 2), off=(70, 20, 5, 1) + (0,) * 10, threshold=threshold)


@pytest.fixture(scope="session")
def rich(report, evaluation):
    """A report with every block that there is, and two edits."""
    edit = report.edits[0]
    controls = dict(edit.controls)
    controls["diff_means"] = {HEADLINE: competitor(controls["diff_means"][HEADLINE], (0.1, 0.2, 0.31), 0.21)}
    controls["trained_vector"] = {HEADLINE: competitor(controls["trained_vector"][HEADLINE], (0.3, 0.6, 0.92), 0.62)}
    headline = edit.quadrants[HEADLINE]
    together = Interference(
        n=90, subjects=15, hit=0.71, ci=(0.6, 0.8), difference=Difference(value=0.123, ci=(0.05, 0.2), n=90), interferes=True
    )
    fluency = Fluency(
        n=60, subjects=30, perplexity_base=6.25, perplexity_edited=7.5, perplexity_ratio=Share(value=1.234, ci=(1.1, 1.35)),
        repetition_base=0.021, repetition_edited=Share(value=0.034, ci=(0.01, 0.05)),
    )  # fmt: skip
    curve = tuple(
        CurvePoint(strength=s / 4, hit=max(0.0, 1 - abs(s / 4 - 1)), ci=(0.1, 0.9), n=72, drift_kl=0.01 * s, chosen=s == 4)
        for s in range(1, 9)
    )
    transcripts = tuple(
        item.model_copy(update={"slots_before": dict.fromkeys(TERMS, 0.01) | {TERMS[0]: 1.02}, "slots_after": {TERMS[1]: 0.98}})
        for item in edit.transcripts
    )
    full = edit.model_copy(
        update={
            "controls": controls, "curve": curve, "plateau": Plateau(low=0.75, high=1.25), "fluency": fluency,
            "transcripts": transcripts, "locality": evaluation.locality,
            "pairs": evaluation.swap.pairs, "quadrants": {HEADLINE: headline},
        }
    )  # fmt: skip
    return report.model_copy(
        update={
            "edits": (full, full.model_copy(update={"id": "second edit", "together": together})),
            "binding": evaluation.binding,
            "layers": evaluation.layers,
            "activations": {term: histogram() for term in TERMS},
        }
    )


@pytest.fixture(scope="session")
def wide(rich, evaluation):
    """Thirty relations with long names, five edits."""
    terms = tuple(f"ex:hasAVeryLongRelationNameThatGoesOn{i:02}" for i in range(30))
    counts = tuple(tuple(9 if i == j else (i + j) % 7 == 0 for j in range(31)) for i in range(31))
    binding = evaluation.binding.model_copy(update={"confusion": Confusion(labels=(*terms, "(none)"), counts=counts)})
    pair = next(pair for pair in evaluation.swap.pairs if pair.quadrant == HEADLINE)
    pairs = tuple(pair.model_copy(update={"source": a, "target": b}) for a, b in permutations(terms, 2))
    edits = [rich.edits[0].model_copy(update={"id": f"edit number {i}", "pairs": ()}) for i in range(4)]
    edits.append(rich.edits[0].model_copy(update={"id": "all of them", "pairs": pairs}))
    activations = {term: histogram() for term in terms}
    return rich.model_copy(update={"edits": tuple(edits), "binding": binding, "activations": activations})


@pytest.fixture(scope="session")
def evil(rich):
    """A report whose every name and text is hostile."""
    edit = rich.edits[0]
    transcripts = tuple(
        Transcript(
            prompt=text, subject=text, before=text, after=text[::-1], outcome="<i>odd</i>", accepted=(text, ""), fired=False,
            slots_before={text: 1.0, "": None}, slots_after={text: None},
        )
        for text in (EVIL, "", "مرحبا بالعالم", "x" * 5000)
    )  # fmt: skip
    headline = edit.quadrants[HEADLINE]
    worst = WorstPair.model_validate({"from": EVIL, "to": "", "hit": 0.1})
    bad = edit.model_copy(
        update={
            "id": EVIL, "source": EVIL, "target": "", "hook_point": EVIL, "transcripts": transcripts,
            "quadrants": {HEADLINE: headline.model_copy(update={"worst": worst})},
            "controls": {EVIL: edit.controls["diff_means"], "": edit.controls["trained_vector"]},
            "pairs": tuple(pair.model_copy(update={"source": EVIL + pair.source}) for pair in edit.pairs),
        }
    )  # fmt: skip
    assert rich.binding is not None
    labels = (EVIL, "", "مرحبا", "x" * 300, "a\nb\tc", "$\\frac{1}$", "(none)")
    return rich.model_copy(
        update={
            "recipe": EVIL, "run": RunInfo(name=EVIL, ontology=EVIL, model=EVIL, fingerprint=EVIL, kedit=EVIL, preset=EVIL),
            "edits": (bad, bad, bad.model_copy(update={"op": "suppress", "slot": None, "source": None, "target": None})),
            "binding": rich.binding.model_copy(
                update={"auroc": {EVIL: None}, "confusion": rich.binding.confusion.model_copy(update={"labels": labels})}
            ),
            "layers": tuple(layer.model_copy(update={"hook_point": EVIL}) for layer in rich.layers),
            "activations": {EVIL: histogram(), "": histogram(None)},
            "gates": {EVIL: Gate(kept=1, dropped=0, note=EVIL)},
            "expectations": tuple(
                item.model_copy(update={"edit": EVIL, "versus": EVIL, "on": EVIL, "required": EVIL, "reason": EVIL})
                for item in rich.expectations
            ),
            "locality": rich.locality.model_copy(update={"moved_slots": {EVIL: 1.0}}),
        }
    )  # fmt: skip
