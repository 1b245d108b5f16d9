"""Teach a copy of a model facts: fine-tuning on (prompt, answer) pairs, with the loss on the answers alone."""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from kedit.errors import InputError
from kedit.lm.model import LanguageModel
from kedit.lm.store import save_model
from kedit.machine import fast_training
from kedit.progress import Advance, progress, say

# Below this a model is made from scratch (tiny), above it is a pre-trained one that must not be spoilt.
SMALL = 20_000_000
WARMUP_STEPS = 30
DECAY_SHARE = 0.2
DECAY_BEGINS = 0.03
DECAY_EPOCHS = 4
GRADED = 1000
BEGINNERS = 0.125
BEGINNERS_KNOW = 0.9
FEWEST_BEGINNERS = 200
LEARNT_LOSS = 0.1
REVISIT = 0.25
POOL_BATCHES = 16
FEWEST_IN_TEXTS = 1000
EXAMPLES_PER_TEXT = 5
"""For models made from scratch with at least `FEWEST_IN_TEXTS` examples: only a text of several questions teaches that the last
one counts, and to gather it early where it ends. Swaps of `tiny` hit 0.84 with one example a text, 0.97 with five (family.ttl,
validation, seed 101)."""


class Pupil(NamedTuple):
    """What a lesson works on: the copy, its examples as (prompt ids, answer ids), and how it learns."""

    model: Any
    pairs: list[tuple[list[int], list[int]]]
    optimizer: torch.optim.Optimizer
    lr: float
    batch_size: int
    per_text: int


def teach(
    lm: LanguageModel,
    examples: Sequence[tuple[str, str]],
    *,
    epochs: int | None = None,
    lr: float | None = None,
    batch_size: int | None = None,
    per_text: int | None = None,
    target_accuracy: float | None = 0.995,
    trainable_from: int = 0,
    from_scratch: bool | None = None,
    seed: int = 0,
    checkpoints: Path | None = None,
) -> LanguageModel:
    """A fine-tuned copy of `lm`; the caller's model is never touched.

    `examples` are (prompt, answer) texts; the answer is read with a leading space and a line end after it, and only these
    tokens are trained; `per_text` of them follow one another in one text, as in the documents of pre-training. AdamW with
    warm-up, a level stretch and a decay to nothing that begins when nearly `target_accuracy` of the examples were answered
    without an error (greedily, whole answers; None: never) or when the last fifth of `epochs` has come. An example that is known
    well is visited in a quarter of the epochs only; models `from_scratch` (unset: small ones) begin with a few subjects.
    `trainable_from`: blocks below it, and the embeddings, keep their weights. Unset `epochs`, `lr`, `batch_size` (in examples)
    and `per_text` follow from whether the model was made from scratch.
    `checkpoints`: a folder that gets the model untaught, once it knows the few subjects, after the epochs 1, 2, 3, 4, 6, 8, 12,
    16, ... on everything and after the last one, each as a model's folder named by its updates (`step-000150`); a dozen of them
    in thirty epochs.
    Raises InputError without examples.
    """
    if not examples:
        raise InputError("There is nothing to teach: no example was given.")
    if from_scratch is None:
        from_scratch = sum(parameter.numel() for parameter in lm.model.parameters()) < SMALL
    epochs = epochs if epochs is not None else 40 if from_scratch else 8
    lr = lr if lr is not None else 2e-3 if from_scratch else 1e-4
    model = copy.deepcopy(lm.model).eval()
    taught = replace(lm, model=model, blocks=model.get_submodule(lm.blocks_path))
    parameters = _trainable(taught, trainable_from)
    answers = [f" {answer.strip()}\n" for _, answer in examples]
    pairs = lm.encode_continuations([prompt for prompt, _ in examples], answers)
    if per_text is None:
        per_text = EXAMPLES_PER_TEXT if from_scratch and len(examples) >= FEWEST_IN_TEXTS else 1
    if batch_size is None:
        batch_size = 16 * per_text if per_text > 1 else 32
    pupil = Pupil(
        model=model,
        pairs=pairs,
        optimizer=torch.optim.AdamW(parameters, lr=lr, betas=(0.9, 0.98), weight_decay=0.01 if from_scratch else 0.0, fused=True),
        lr=lr,
        batch_size=batch_size,
        per_text=min(per_text, _fitting(model, pairs)),
    )
    generator = torch.Generator().manual_seed(seed)

    def keep(step: int) -> None:
        if checkpoints is not None:
            # A copy of its own: the fingerprint of weights that go on changing must not be remembered.
            about = f"{lm.description}, taught for {step} steps"
            save_model(replace(taught, description=about, taught=step > 0), checkpoints / f"step-{step:06}")

    lesson = _Lesson(pupil, generator, keep)
    with fast_training():
        if from_scratch:
            lesson.begin(epochs)
        lesson.run(epochs, target_accuracy)
    accuracy = _grade(pupil._replace(per_text=1), generator)
    model.zero_grad(set_to_none=True)
    model.requires_grad_(False)
    say(f"Taught {len(examples):,} examples; {accuracy:.1%} are answered without an error.")
    return replace(taught, description=f"{lm.description}, taught {len(examples)} examples", taught=True)


def _fitting(model: Any, pairs: Sequence[tuple[list[int], list[int]]]) -> int:
    """How many of the longest examples one text can hold."""
    longest = max(len(prompt) + len(answer) for prompt, answer in pairs)
    return max(1, getattr(model.config, "max_position_embeddings", longest) // longest)


def _trainable(lm: LanguageModel, start: int) -> list[Tensor]:
    """Switch gradients on from block `start` upwards, final norm included; with 0, for everything."""
    if not 0 <= start < lm.n_layers:
        raise InputError(f"trainable_from={start}: the model has blocks 0 to {lm.n_layers - 1}.")
    lm.model.requires_grad_(True)
    if start:
        for embedding in (lm.model.get_input_embeddings(), lm.model.get_output_embeddings()):
            embedding.requires_grad_(False)
        prefix = lm.blocks_path.rpartition(".")[0]
        stem = lm.model.get_submodule(prefix)
        for child in stem.children():
            if isinstance(child, torch.nn.Embedding):
                child.requires_grad_(False)
        for block in lm.blocks[:start]:
            block.requires_grad_(False)
    return [parameter for parameter in lm.model.parameters() if parameter.requires_grad]


class _Lesson:
    """The course of teaching: what was right at its last visit, and how many updates there were."""

    def __init__(self, pupil: Pupil, generator: torch.Generator, keep: Callable[[int], None]) -> None:
        self.pupil = pupil
        self.generator = generator
        self.keep = keep
        self.right = torch.zeros(len(pupil.pairs), dtype=torch.bool)
        self.loss = torch.full((len(pupil.pairs),), torch.inf)
        self.step = 0

    def begin(self, most: int) -> None:
        """Up to `most` epochs on a few subjects alone, until they are nearly known.

        A model from scratch has to find out first that the subject decides, and that takes the longer the more
        subjects there are (Zucchet et al. 2025, "How do language models learn facts?"); once it knows, facts come fast.
        """
        self.keep(self.step)
        few = _beginners(self.pupil.pairs, self.generator)
        if few.sum() < FEWEST_BEGINNERS:
            return
        with progress("teaching a few subjects", most * int(few.sum()), "example") as advance:
            for _ in range(most):
                if self.epoch(few, lambda _: 1.0, advance) >= BEGINNERS_KNOW:
                    break

    def run(self, epochs: int, target: float | None) -> None:
        """Epochs at a level rate until nearly enough answers are right, then a few in which the rate falls to nothing."""
        everything = torch.ones_like(self.right)
        # The level rate itself keeps some answers wrong: the decay mends them, so it begins a little below the target.
        enough = math.inf if target is None else target - DECAY_BEGINS
        falling = max(1, round(epochs * DECAY_SHARE))
        decay = falling if epochs <= falling else 0
        left, done = epochs, 0
        self.keep(self.step)
        with progress("teaching facts", epochs * len(everything), "example") as advance:
            while left:
                accuracy = self.epoch(everything, _fall(left, decay), advance)
                left -= 1
                if not decay and (accuracy >= enough or left <= falling):
                    decay = left = min(left, falling if accuracy < enough else DECAY_EPOCHS)
                done += 1
                if not left or _is_kept(done):
                    self.keep(self.step)

    def epoch(self, rows: Tensor, rate: Callable[[float], float], advance: Advance) -> float:
        """Visit those of `rows` that are due, at the learning rate's share `rate(part done)`; the accuracy at last visits."""
        due = self._due(rows)
        batches = list(_batches(self.pupil, due, self.generator))
        for number, batch in enumerate(batches):
            share = min(1.0, (self.step + 1) / WARMUP_STEPS, rate(number / len(batches)))
            self.right[batch], self.loss[batch] = _step(self.pupil, batch, self.pupil.lr * share)
            self.step += 1
            advance(len(batch), f"{self.right[rows].float().mean().item():.1%} right")
        advance(int(rows.sum()) - len(due))
        return self.right[rows].float().mean().item()

    def _due(self, rows: Tensor) -> Tensor:
        """Indices to visit in this epoch: all of `rows` that are not known well, and a quarter of the others, shuffled."""
        again = torch.rand(len(rows), generator=self.generator) < REVISIT
        due = (rows & (~self.right | (self.loss > LEARNT_LOSS) | again)).nonzero()[:, 0]
        return due[torch.randperm(len(due), generator=self.generator)]


def _fall(left: int, decay: int) -> Callable[[float], float]:
    return lambda done: (left - done) / decay if decay else 1.0


def _is_kept(epoch: int) -> bool:
    """True for 1, 2, 3, 4, 6, 8, 12, 16, 24, ...: what is learnt first is learnt fast, and a checkpoint costs a model's disk."""
    return epoch // (epoch & -epoch) in (1, 3)


def _beginners(pairs: Sequence[tuple[list[int], list[int]]], generator: torch.Generator) -> Tensor:
    """True for the examples of an eighth of the subjects; the rarest token of a prompt stands for its subject."""
    often = Counter(token for prompt, _ in pairs for token in set(prompt))
    rarest = [min(prompt, key=lambda token: (often[token], token), default=-1) for prompt, _ in pairs]
    subjects = sorted(set(rarest))
    order = torch.randperm(len(subjects), generator=generator).tolist()
    chosen = {subjects[index] for index in order[: round(len(subjects) * BEGINNERS)]}
    return torch.tensor([token in chosen for token in rarest])


def _batches(pupil: Pupil, visited: Tensor, generator: torch.Generator) -> Iterator[Tensor]:
    """Batches of like length, in random order: sorted within pools of some batches, so that padding is next to nothing."""
    lengths = torch.tensor([len(prompt) + len(answer) for prompt, answer in pupil.pairs])
    batches: list[Tensor] = []
    for pool in visited.split(pupil.batch_size * POOL_BATCHES):
        ordered = pool[lengths[pool].argsort(stable=True)]
        batches += ordered.split(pupil.batch_size)
    for index in torch.randperm(len(batches), generator=generator).tolist():
        batch = batches[index]
        # Examples of one length are often of one carrier; a text should mix them.
        yield batch[torch.randperm(len(batch), generator=generator)] if pupil.per_text > 1 else batch


def _step(pupil: Pupil, batch: Tensor, lr: float) -> tuple[Tensor, Tensor]:
    """One update; returns per example whether all answer tokens were right (before it) and their mean loss."""
    losses, asked, right = _read(pupil, batch)
    for group in pupil.optimizer.param_groups:
        group["lr"] = lr
    pupil.optimizer.zero_grad(set_to_none=True)
    (losses.sum() / asked.sum()).backward()
    torch.nn.utils.clip_grad_norm_([p for group in pupil.optimizer.param_groups for p in group["params"]], 1.0)
    pupil.optimizer.step()
    return right.cpu(), (losses.detach().sum(-1) / asked.sum(-1)).cpu()


@torch.no_grad()
def _grade(pupil: Pupil, generator: torch.Generator) -> float:
    """Share of (at most `GRADED`) examples whose answer is right in every token, with the weights as they are now."""
    sample = torch.randperm(len(pupil.pairs), generator=generator)[:GRADED]
    return torch.cat([_read(pupil, batch)[2] for batch in _batches(pupil, sample, generator)]).float().mean().item()


def _read(pupil: Pupil, batch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Losses [b, a] of the answers' tokens, which of the a are asked for [b, a], and which answers are right in all [b]."""
    examples = [pupil.pairs[index] for index in batch.tolist()]
    texts = [examples[start : start + pupil.per_text] for start in range(0, len(examples), pupil.per_text)]
    longest = max(sum(len(prompt) + len(answer) for prompt, answer in text) for text in texts)
    ids = torch.empty((len(texts), longest), dtype=torch.long)
    targets = torch.full((len(examples), max(len(answer) for _, answer in examples)), -100)
    rows, columns = torch.zeros_like(targets), torch.zeros_like(targets)
    number = 0
    for row, text in enumerate(texts):
        tokens: list[int] = []
        for prompt, answer in text:
            tokens += prompt + answer
            rows[number] = row
            columns[number, : len(answer)] = torch.arange(len(answer)) + len(tokens) - len(answer) - 1
            targets[number, : len(answer)] = torch.tensor(answer)
            number += 1
        # Any token will do as padding but the pad token itself, at which transformers warns about a missing mask.
        ids[row] = torch.tensor(tokens + tokens[-1:] * (longest - len(tokens)))
    logits = _logits_at(pupil.model, ids, rows, columns)
    targets = targets.to(logits.device)
    flat = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none", ignore_index=-100)
    losses, asked = flat.view(targets.shape), targets != -100
    return losses, asked, ((logits.argmax(-1) == targets) | ~asked).all(-1)


def _logits_at(model: Any, ids: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Logits [b, a, vocabulary] at the positions `columns` [b, a] of the texts `rows` [b, a]; no others are computed.

    No attention mask: padding stands on the right, where causal attention never looks from an answer.
    """
    head = model.get_output_embeddings()
    chosen = head.register_forward_pre_hook(lambda _, inputs: (inputs[0][rows, columns],))
    try:
        device = model.get_input_embeddings().weight.device
        logits: Tensor = model(input_ids=ids.to(device), use_cache=False).logits.float()
    finally:
        chosen.remove()
    return logits
