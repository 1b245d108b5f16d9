"""A made-up but complete evaluation and report, from simulated rows through the real aggregation."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from kedit.verification.binding import Readings, binding_summary
from kedit.verification.figures import CurvePoint, DictionaryStats, Gate, Knowledge, Layer, Locality, Retention, Share
from kedit.verification.metrics import control_summary, drift, retained, swap_summary
from kedit.verification.outcomes import SwapRow
from kedit.verification.report import EditResult, Evaluation, JudgedExpectation, Protocol, Report, RunInfo, Transcript

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
            "scope_leak": 0.002,
            "scope_miss": 0.0,
            "read_back": 0.013,
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
        run=RunInfo(ontology="countries", model="SmolLM2-135M-Instruct, Q4_1 (wheel)", path="runs/countries-smollm2-135m"),
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
            "hook_point": evaluation.hook_point, "strength": 1.0, "quadrants": evaluation.swap.quadrants,
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
        protocol=evaluation.protocol,
        run=evaluation.run,
        edits=(edit,),
        locality=evaluation.locality,
        gates=evaluation.gates,
        expectations=(
            expectation,
            expectation.model_copy(update={"versus": "diff_means", "required": ">= 0.2", "measured": 0.63, "ci": (0.58, 0.68)}),
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
