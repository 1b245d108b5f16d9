"""The closed lists of names that a recipe's expectations may use: metrics, corpora, controls, quadrants.

They live here, below `verification`, because recipes are checked when they are loaded, long before anything is measured.
"""

from __future__ import annotations

from typing import Final

# Metrics of one edit: shares of edited generations, on unseen carriers x unseen subjects unless `on` says otherwise.
EDIT_METRICS: Final[dict[str, str]] = {
    "hit": "share of edited answers that are accepted for the target (whole-answer match), over all items of the edit",
    "hit_macro": "the same share averaged over ordered pairs with at least 20 items from 12 subjects",
    "hit_worst_pair": "hit of the worst ordered pair that has enough items",
    "exact": "share of edited answers whose whole line equals an accepted answer",
    "lenient": "share in which answer and accepted answer contain one another (for comparison with published figures only)",
    "wrong_subject": "share of edited answers that are another subject's value of the target's range",
    "stuck": "share of edited answers that are still the old answer",
    "derailed": "share of edited answers that are anything else",
    "no_gate": "share of items in scope at which the edit did not fire (each counts as a miss)",
}

# Metrics of the edits' surroundings: what else moved. `forced: true` takes the edit switched on everywhere, else as scoped.
LOCALITY_METRICS: Final[dict[str, str]] = {
    "retention": "share of known answers to other relations and about other subjects that stay as they were",
    "drift_kl": "mean KL(base || edited) of next-token distributions on a corpus, in nats",
    "drift_kl_p95": "95th percentile of the same KL, in nats",
    "scope_leak": "share of prompts out of scope at which the edit fired; without `on`, of the worst group of them",
    "scope_miss": "share of prompts in scope at which the edit did not fire",
    "subject_leak": "share of prompts about subjects out of scope, whatever they ask, that the scope by subject covers",
    "subject_miss": "share of prompts about subjects in scope, whatever they ask, that the scope by subject does not cover",
    "gate_leak": "share of prompts that do not ask for the edit, whoever they are about, at which its gate is open",
    "gate_miss": "share of prompts that ask for the edit, whoever they are about, at which its gate is shut",
    "perplexity_ratio": "perplexity, under the base model, of edited text going on, divided by that of the model's own text",
    "repetition": "share of 4-grams of tokens in edited text that have occurred before in it",
    "interference": "hit of an edit alone minus its hit with all edits of the recipe at work, on the same prompts",
    "read_back": "mean absolute error between the slot values an edit asks for and those read back from the edited state",
}

# Metrics of the run that the recipe uses, not of an edit.
RUN_METRICS: Final[dict[str, str]] = {
    "binding_accuracy": "share of held-out prompts whose strongest relation slot is the relation asked for",
    "auroc": "worst relation's area under the ROC curve of its slot, asked prompts against all others",
    "false_positive_rate": "share of negative prompts (no relation asked) on which any relation slot fires",
    "direct_ask": "hit when the unedited model is asked the target relation directly, mean over training carriers",
}

METRICS: Final[dict[str, str]] = EDIT_METRICS | LOCALITY_METRICS | RUN_METRICS

# `on:` of an expectation. Corpora belong to locality metrics, quadrants to metrics of an edit and of binding.
CORPORA: Final[dict[str, str]] = {
    "neutral": "our own neutral text, every position",
    "other_relations": "the same subjects asked about relations that the edit does not touch",
    "other_subjects": "subjects outside the edit's scope",
    "negatives": "texts that ask for no relation",
    "same_relation": "what an amplified relation is asked and already answers rightly",
}
QUADRANTS: Final[tuple[str, ...]] = (
    "seen_template_seen_subject",
    "unseen_template_seen_subject",
    "seen_template_unseen_subject",
    "unseen_template_unseen_subject",
)
OWN_PROMPTS: Final = "own_prompts"
"""`on:` of an expectation about the recipe's own `prompts:`."""
HEADLINE_QUADRANT: Final = "unseen_template_unseen_subject"

# `versus:` of an expectation and `verify.controls`. The first group is measured beside every edit, the second on demand.
FIXED_CONTROLS: Final[dict[str, str]] = {
    "noop": "no edit at all",
    "wrong_slot": "the same edit through a relation slot other than from and to",
    "random_latent": "a live free latent, its write vector rescaled to the norm of the real delta",
    "random_direction": "a random direction of the norm of the real delta",
    "diff_means": "within-carrier difference of means, at its best validated strength",
    "trained_vector": "a vector trained with the same loss, data and steps, without a dictionary or a gate",
    "interchange": "the natural state of the same subject's prompt about the target: the ceiling of the site",
    "majority": "always answering the target relation's most frequent value",
    "direct_ask": "asking the target relation directly, no edit, mean over training carriers",
}
_ANYWHERE: Final = ("noop", "wrong_slot", "random_latent", "random_direction")
OPERATOR_CONTROLS: Final[dict[str, tuple[str, ...]]] = {
    "swap": tuple(FIXED_CONTROLS),
    "suppress": _ANYWHERE,
    "amplify": _ANYWHERE,
    "set": (*_ANYWHERE, "interchange", "majority", "direct_ask"),
}
"""The fixed controls that mean something for an operator."""
EXTRA_CONTROLS: Final[dict[str, str]] = {
    "reft_r1": "rank-1 ReFT",
    "das_r1": "distributed alignment search, rank 1",
    "das_r8": "distributed alignment search, rank 8",
    "linear_probe": "the directions of a logistic probe that tells the relations apart",
    "function_vector": "function vectors: mean outputs of the attention heads that carry the relation",
    "best_latent": "the best single latent of the unsupervised dictionary for source and target",
    "permuted_answers": "write rows trained like the edit's, on the answers of other subjects",
}
CONTROLS: Final[dict[str, str]] = FIXED_CONTROLS | EXTRA_CONTROLS
VECTORS: Final[tuple[str, ...]] = ("diff_means", "trained_vector")
"""Fixed controls that have a strength: they always compete."""
COMPETITORS: Final[tuple[str, ...]] = (*VECTORS, *EXTRA_CONTROLS)
"""Controls that are shown at their own best strength and at equal damage."""
# `at:` of an expectation with `versus:`.
STANDPOINTS: Final[dict[str, str]] = {
    "own_best": "the control at its own best validated strength",
    "equal_damage": "a competitor at its best validated strength that costs no more forced KL than the edit",
}

# Larger is worse for these; every other metric is better when larger.
LOWER_IS_BETTER: Final[frozenset[str]] = frozenset(
    {
        "wrong_subject",
        "stuck",
        "derailed",
        "no_gate",
        "drift_kl",
        "drift_kl_p95",
        "scope_leak",
        "scope_miss",
        "subject_leak",
        "subject_miss",
        "gate_leak",
        "gate_miss",
        "perplexity_ratio",
        "repetition",
        "interference",
        "read_back",
        "false_positive_rate",
    }
)
