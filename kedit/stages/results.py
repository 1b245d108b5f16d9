"""What the slots read and control: evaluation.json, its page and its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kedit import __version__
from kedit.files import read_json
from kedit.stages.job import BANK_STATS, EVALUATION, EVALUATION_PAGE, FIGURES, ROWS, Job
from kedit.stages.layers import chosen_layer, layers

if TYPE_CHECKING:
    from kedit.verification.evaluating import Evaluated
    from kedit.verification.report import Evaluation, RunInfo

STAGE_VERSION = 3


def evaluate(job: Job) -> None:
    """Measure the run: evaluation.json, evaluation.html with its figures, rows.jsonl."""
    inputs = {"model": job.fingerprint, "seed": job.cfg.seed, "layer": chosen_layer(job)}
    after = ["knowledge", "layers", "dictionary", "slot training", "vectors"]
    with job.stage("evaluation", inputs, STAGE_VERSION, [EVALUATION, EVALUATION_PAGE, FIGURES, ROWS], after=after) as stage:
        if stage.needed:
            from kedit.reporting.html import save_page
            from kedit.stages.slots import full_setting
            from kedit.verification.evaluating import evaluate_run
            from kedit.verification.outcomes import save_rows

            measured = evaluate_run(full_setting(job), seed=job.cfg.seed)
            evaluation = _document(job, measured)
            save_rows(job.file(ROWS), measured.rows)
            evaluation.save(job.file(EVALUATION))
            job.file(FIGURES).mkdir(exist_ok=True)
            save_page(evaluation, job.file(EVALUATION_PAGE))


def _document(job: Job, measured: Evaluated) -> Evaluation:
    """The measured blocks, and what earlier stages found. Its `timing` stays empty: the file is the same in every run."""
    from kedit.lm.knowledge import summary
    from kedit.stages.slots import load_aligned
    from kedit.verification.figures import DictionaryStats, Knowledge, Layer
    from kedit.verification.report import CHOSEN_ON, Evaluation, Protocol

    sae, found = load_aligned(job), layers(job)
    known = summary(job.knowledge, job.prompts, job.ontology)
    # The preset `paper` and `--refit` train the bank on, and measure it again with slots.
    bank = sae.metadata.get("dictionary") or read_json(job.file(BANK_STATS))
    stats = {**bank, "n_slots": len(job.slots)}
    rows = [{key: value for key, value in row.items() if key in Layer.model_fields} for row in found["rows"]]
    return Evaluation.model_validate(
        {
            "protocol": Protocol(
                seed=job.cfg.seed,
                strength=sae.metadata["strength"],
                split=CHOSEN_ON[sae.metadata["chosen_on"]],
                prompt_style=job.prompts.style,
            ),
            "run": run_info(job),
            "hook_point": sae.hook_point,
            "knowledge": {term: Knowledge.model_validate(row) for term, row in known.items()},
            "binding": measured.binding.model_copy(update={"background_rate": sae.metadata["background_rate"]}),
            "swap": measured.swap,
            "controls": measured.controls,
            "locality": measured.locality,
            "dictionary": DictionaryStats.model_validate(stats),
            "layers": [Layer.model_validate(row | {"chosen": row["hook_point"] == sae.hook_point}) for row in rows],
            "activations": measured.activations,
            "gates": measured.gates,
        }
    )


def run_info(job: Job) -> RunInfo:
    """Which run a document speaks of."""
    from kedit.verification.report import RunInfo

    return RunInfo(
        name=job.run.name,
        ontology=job.cfg.ontology.name,
        ontology_sha256=job.ontology.sha256,
        model=job.settled["description"],
        fingerprint=job.fingerprint,
        taught=job.taught,
        preset=job.cfg.preset,
        kedit=__version__,
    )
