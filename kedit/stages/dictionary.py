"""The free bank: a dictionary of unlabelled latents, trained at the chosen hook point on prompts and background text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from kedit.curriculum.splits import unit_hash
from kedit.files import load_tensors, save_tensors, write_json
from kedit.stages.job import BANK, BANK_STATS, Job
from kedit.stages.layers import chosen_layer

if TYPE_CHECKING:
    from torch import Tensor

    from kedit.curriculum.prompts import Prompt
    from kedit.sae.dictionary import AlignedSAE, FreeBank

STAGE_VERSION = 5
PROMPTS = 400
"""Most training prompts whose positions the dictionary is trained on, besides all decision states."""
SEQUENCES, TOKENS = 256, 96
HELD_SEQUENCES = 32
"""Background texts that the dictionary is measured on and not trained on."""
SPLICED = 256
"""Most held-out prompts on which the reconstruction is spliced into the model."""
WIDTH, K, STEPS, BATCH = 8, 32, 500, 2048
REFIT_STEPS = 1000
DECISION_WEIGHT = 4
"""How often a decision state counts: slots work there, and it is one position of a prompt's many."""


class BackgroundStates(NamedTuple):
    """States [n, d] of background text: those to train on, and those of the texts that nothing is trained on."""

    training: Tensor
    held: Tensor


def pretrain_dictionary(job: Job) -> None:
    """Train the free bank: training/dictionary.safetensors and what it is worth, training/dictionary.json."""
    size = {"width": WIDTH, "k": K, "steps": STEPS, "batch": BATCH, "prompts": PROMPTS, "background": [SEQUENCES, TOKENS]}
    inputs = {**size, "layer": chosen_layer(job), "model": job.fingerprint, "seed": job.cfg.seed}
    with job.stage("dictionary", inputs, STAGE_VERSION, [BANK, BANK_STATS], after=["prompts", "model", "layers"]) as stage:
        if stage.needed:
            from kedit.sae.pretrain import pretrain

            layer = chosen_layer(job)
            x = _training_positions(job, layer)
            d = x.shape[1]
            x = x.to(job.lm.device)
            bank = pretrain(x, n_free=WIDTH * d, k=min(K, WIDTH * d), steps=STEPS, batch=BATCH, seed=job.cfg.seed)
            save_tensors(job.file(BANK), bank._asdict())
            write_json(job.file(BANK_STATS), measured(job, layer, load_bank(job)))


def refitted(job: Job, layer: int, slots: AlignedSAE) -> FreeBank:
    """The free bank trained on with slots, a dictionary of them alone, in place."""
    from kedit.sae.dictionary import FreeBank
    from kedit.sae.pretrain import refit

    def written(states: Tensor) -> Tensor:
        return slots.decode(slots.encode(states.cpu())).to(states)

    x = _training_positions(job, layer).to(job.lm.device)
    k = min(K, WIDTH * x.shape[1])
    bank = refit(load_bank(job), x, written, k=k, steps=REFIT_STEPS, batch=BATCH, seed=job.cfg.seed)
    return FreeBank(*(tensor.cpu() for tensor in bank))


def load_bank(job: Job) -> FreeBank:
    """The trained free bank."""
    from kedit.sae.dictionary import FreeBank

    return FreeBank(**load_tensors(job.file(BANK)))


def background(job: Job) -> Tensor:
    """Background text of the model [sequences, 1 + tokens], the same for all runs on it."""
    from kedit.lm.background import background_text

    return background_text(job.lm, sequences=SEQUENCES, tokens=TOKENS)


def background_states(job: Job, layer: int) -> BackgroundStates:
    """States of that text at a block, read once in a process."""
    from kedit.lm.capture import capture_positions

    if layer not in job.background:
        job.background.clear()
        text = background(job)
        training, held = (
            capture_positions(job.lm, part.tolist(), ["background"] * len(part), layer, "capturing background")
            for part in (text[HELD_SEQUENCES:], text[:HELD_SEQUENCES])
        )
        job.background[layer] = BackgroundStates(training, held)
    return job.background[layer]


def _training_positions(job: Job, layer: int) -> Tensor:
    """All positions but the first of training prompts (a sample by hash), their decision states again, and background text."""
    import torch

    from kedit.lm.capture import capture_positions
    from kedit.stages.asking import reading
    from kedit.stages.examples import is_training

    index = [i for i, prompt in enumerate(job.prompts.prompts) if is_training(prompt)]
    decisions = reading(job, job.lm).states[layer][index]
    prompts = [job.prompts.prompts[i] for i in index]
    prompts = sorted(prompts, key=lambda prompt: (unit_hash("dictionary", job.cfg.seed, prompt.id), prompt.id))[:PROMPTS]
    ids = job.lm.encode_batch([prompt.text for prompt in prompts])
    positions = capture_positions(job.lm, ids, [prompt.carrier for prompt in prompts], layer, "capturing prompts")
    return torch.cat([positions, decisions.repeat(DECISION_WEIGHT, 1), background_states(job, layer).training])


def measured(job: Job, layer: int, bank: FreeBank) -> dict[str, Any]:
    """Figures on held-out decision positions and, apart, on background positions that were not trained on."""
    import torch

    from kedit.sae.pretrain import dictionary_stats
    from kedit.stages.asking import reading
    from kedit.stages.splicing import kl_at_decisions, kl_on_text

    held = [i for i, p in enumerate(job.prompts.prompts) if p.carrier_split == "heldout" and p.subject_split in (None, "test")]
    held = held or list(range(len(job.prompts.prompts)))
    states = reading(job, job.lm).states[layer][held]
    free = background_states(job, layer).held
    chosen = _sample([job.prompts.prompts[i] for i in held], job.cfg.seed)
    spliced = {"kl_spliced": kl_at_decisions(job.lm, layer, bank, chosen)}
    beside = {"kl_spliced": kl_on_text(job.lm, layer, bank, background(job)[:HELD_SEQUENCES])}
    # Decision states alone are too few to tell a rare latent from a dead one.
    dead = {"dead": dictionary_stats(bank, torch.cat([states, free]))["dead"]}
    return {
        **dictionary_stats(bank, states),
        **dead,
        **spliced,
        "n_free": len(bank.threshold),
        "background": {**dictionary_stats(bank, free), **dead, **beside},
    }


def measured_together(job: Job, sae: AlignedSAE, slots: Iterable[int]) -> dict[str, Any]:
    """The same figures of the free latents and these slots, by number, as one bank."""
    from kedit.sae.dictionary import FreeBank

    keep = [*range(sae.n_free), *(sae.n_free + slot for slot in slots)]
    bank = FreeBank(sae.W_enc[:, keep], sae.b_enc[keep], sae.W_dec[keep], sae.b_dec, sae.threshold[keep])
    return {**measured(job, sae.layer, bank), "n_free": sae.n_free}


def _sample(prompts: list[Prompt], seed: int) -> list[Prompt]:
    asked = [prompt for prompt in prompts if prompt.relation is not None] or prompts
    return sorted(asked, key=lambda prompt: (unit_hash("spliced", seed, prompt.id), prompt.id))[:SPLICED]
