"""Competitors of the slots: trained once per run on the same swaps, kept under competitors/."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from pydantic import ValidationError
from torch import Tensor
from torch.nn import functional as F

from kedit.config import AlignConfig
from kedit.curriculum.splits import unit_hash
from kedit.editing.metric_names import EXTRA_CONTROLS
from kedit.errors import InputError
from kedit.files import digest, load_tensors, require_writable, save_tensors
from kedit.lm.heads import Probe, function_vectors, head_means, indirect_effects, output_projections
from kedit.lm.swaps import Swap, SwapData
from kedit.machine import fast_training
from kedit.ontology.model import Ontology
from kedit.progress import say
from kedit.sae.competitors import (
    KINDS,
    Competitor,
    Das,
    Directions,
    SlotRows,
    best_latents,
    from_tensors,
    probe_directions,
    train_das,
    train_reft,
)
from kedit.sae.control import Rows, train_control
from kedit.sae.manifold import natural_rows
from kedit.stages.asking import reading
from kedit.stages.dictionary import load_bank
from kedit.stages.examples import is_training, swap_examples
from kedit.stages.fitting import mean_differences, natural_states
from kedit.stages.job import Job, ModelSource
from kedit.stages.slots import BATCH, PROMPTS, control_steps

if TYPE_CHECKING:
    from kedit.curriculum.prompts import Prompt
    from kedit.sae.dictionary import AlignedSAE
    from kedit.stages.aligned import AlignedRun

VERSION = 5
FOLDER = "competitors"
HEAD_PROMPTS = 300
"""Training prompts over which heads are averaged."""
EFFECT_PROMPTS = 12
"""Prompts per relation, all of one carrier, on which heads are tried out."""
TOP_HEADS = 10
"""Heads whose outputs make a function vector, as in arXiv 2310.15213 for models of like size."""


@dataclass(frozen=True)
class _Kept:
    """What a `Job` needs to know of a run that is already made."""

    cfg: AlignConfig
    ontology: Ontology
    relations: tuple[str, ...]


def load_competitors(run: AlignedRun, names: Iterable[str]) -> tuple[dict[str, Competitor], dict[str, Tensor]]:
    """The competitors of these names, from the run's directory or trained now, each kept as soon as it is there.

    And donors, if one of them interchanges: relation -> natural decision states [n, d] of training prompts that ask it
    and are answered rightly.
    """
    wanted = [name for name in names if name in EXTRA_CONTROLS]
    if not wanted:
        return {}, {}
    trainer = _Trainer(run)
    require_writable(run.path / FOLDER / f"{wanted[0]}.safetensors")
    if "function_vector" in wanted:  # an architecture without them is known before the others are trained
        output_projections(run.lm, run.layer)
    found = {}
    for name in wanted:
        path = run.path / FOLDER / f"{name}.safetensors"
        key = digest([run.slots_hash, name, trainer.steps, BATCH, VERSION])
        kept = load_tensors(path) if path.is_file() and _key_of(path) == key else None
        if kept is None:
            say(f"[{name}] training a competitor on the run's own swaps")
            made = trainer.make(name)
            save_tensors(path, made.tensors(), {"key": key})
            kept = load_tensors(path)
        found[name] = from_tensors(name, kept)
    return found, trainer.pools if any(isinstance(one, Das) for one in found.values()) else {}


def training_questions(run: AlignedRun) -> tuple[Tensor, Tensor, Tensor]:
    """Of training prompts of known facts: decision states [n, d], relation asked [n], first token of the answer [n]."""
    trainer = _Trainer(run)
    states, asked = trainer.asked
    prompts = [p for p in trainer.job.prompts.asked if is_training(p)]
    answers = [trainer.job.knowledge.right.get((str(p.subject), str(p.relation))) for p in prompts]
    known = [i for i, answer in enumerate(answers) if answer]
    return states[known], asked[known], torch.tensor([answer.ids[0] for answer in answers if answer])


def over_manifold(run: AlignedRun, weights: Iterable[float]) -> Iterator[tuple[float, AlignedSAE]]:
    """The run's dictionary with write rows trained anew, on the same swaps and steps, at each weight of L_man."""
    trainer = _Trainer(run)
    W, b = trainer.reads
    natural = natural_states(trainer.job, trainer.layer)
    for weight in weights:
        label = f"write rows, L_man {weight:g}"
        rows = train_control(trainer.data, W, b, trainer.means, **trainer.same, natural=natural, manifold=weight, label=label)
        yield weight, _rewritten(run, rows)


def toward_nature(run: AlignedRun, shares: Iterable[float]) -> Iterator[tuple[float, AlignedSAE]]:
    """The run's dictionary, its write rows brought towards those that go by nature with the reads: 0 as they are, 1 natural."""
    trainer = _Trainer(run)
    natural = natural_rows(trainer.reads[0], trainer.asked[0])
    trained = run.sae.write_rows[[slot.index for slot in run.slots.relations]]
    for share in shares:
        yield share, _rewritten(run, Rows((1 - share) * trained + share * natural))


def _rewritten(run: AlignedRun, rows: Rows) -> AlignedSAE:
    """The run's dictionary with other write rows [R, d] of the relations, and other rows for answers if there are any."""
    sae, index = run.sae, [slot.index for slot in run.slots.relations]
    written = sae.W_dec.index_copy(0, torch.tensor([sae.n_free + i for i in index]), rows.D)
    told = sae.answer_rows
    if told is not None and rows.A is not None:
        told = told.index_copy(0, torch.tensor(index), rows.A)
    return replace(sae, W_dec=written, answer_rows=told)


def _key_of(path: Any) -> str | None:
    """The key that a kept competitor was saved under; None for a file that is damaged."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), "pt") as file:
            return (file.metadata() or {}).get("key")
    except SafetensorError:
        return None


class _Trainer:
    """Makes competitors from what the run's slots were made from."""

    def __init__(self, run: AlignedRun) -> None:
        self.run = run
        try:
            cfg = AlignConfig.model_validate(run.manifest.config)
        except ValidationError as error:
            raise InputError(
                f"the configuration of {run.path} is that of another version of kedit: {error.errors()[0]['msg']}",
                advice="Align again, or leave out --competitors.",
            ) from None
        relations = tuple(slot.iri for slot in run.slots.relations)
        self.job = Job(_Kept(cfg, run.ontology, relations), ModelSource(cfg, run.lm), run.directory, run.lm)
        self.layer = run.layer
        self.steps = control_steps(self.job)

    def make(self, name: str) -> Any:
        """Train one."""
        same = self.same
        makers: dict[str, Callable[[], Competitor]] = {
            "reft_r1": lambda: train_reft(self.data, self.means, **same),
            "das_r1": lambda: train_das(self.data, self.draw, self.means, rank=1, **same),
            "das_r8": lambda: train_das(self.data, self.draw, self.means, rank=8, **same),
            "linear_probe": lambda: probe_directions(*self.asked, self.means.norm(dim=1)),
            "function_vector": self.function_vectors,
            "best_latent": lambda: best_latents(load_bank(self.job), *self.asked, len(self.means)),
            "permuted_answers": self.permuted,
        }
        assert makers.keys() == KINDS.keys()
        return makers[name]()

    @property
    def same(self) -> dict[str, Any]:
        """How the edit's write rows are trained, and so everything beside them."""
        cfg = self.job.cfg
        return {"steps": self.steps, "batch": min(BATCH, len(self.swaps[1])), "hold": cfg.hold, "seed": cfg.seed}

    @property
    def reads(self) -> tuple[Tensor, Tensor]:
        """The relation slots' own reads of raw states: W [d, R], b [R]."""
        sae, index = self.run.sae, [slot.index for slot in self.run.slots.relations]
        return sae.read_columns[:, index], sae.slot_values(torch.zeros(1, sae.d))[0, index]

    @cached_property
    def means(self) -> Tensor:
        """[R, d] mean differences, where all training of directions begins."""
        return mean_differences(self.job, self.layer)

    @cached_property
    def swaps(self) -> tuple[list[Prompt], list[Swap]]:
        """The very examples that the write rows were trained on."""
        return swap_examples(self.job, PROMPTS)

    @cached_property
    def data(self) -> SwapData:
        """The same, read."""
        return self._both.part(range(len(self.swaps[1])))

    @cached_property
    def _both(self) -> SwapData:
        """The swaps, and behind them those with wrong answers: prompts are read once for both."""
        prompts, swaps = self.swaps
        wrong = _permuted(prompts, swaps, self.job.relations, self.run.ontology, self.job.cfg.seed)
        with fast_training():
            return SwapData(self.job.lm, self.layer, prompts, [*swaps, *wrong])

    @cached_property
    def asked(self) -> tuple[Tensor, Tensor]:
        """Decision states [n, d] of the training prompts, and the position [n] of the relation that each asks."""
        index = [i for i, p in enumerate(self.job.prompts.prompts) if p.relation is not None and is_training(p)]
        place = {iri: row for row, iri in enumerate(self.job.relations)}
        asked = torch.tensor([place[str(self.job.prompts.prompts[i].relation)] for i in index])
        return self._states[index].float(), asked

    @cached_property
    def _states(self) -> Tensor:
        return reading(self.job, self.job.lm).states[self.layer]

    @cached_property
    def pools(self) -> dict[str, Tensor]:
        """The donors of `load_competitors`."""
        hits = {p.id: hit for p, hit in zip(self.job.prompts.asked, self.job.knowledge.hits, strict=True)}
        rows: dict[str, list[int]] = defaultdict(list)
        others: dict[str, list[int]] = defaultdict(list)
        for i, prompt in enumerate(self.job.prompts.prompts):
            if prompt.relation is not None and is_training(prompt):
                (rows if hits[prompt.id] else others)[prompt.relation].append(i)
        return {iri: self._states[rows[iri] or others[iri]].float() for iri in self.job.relations}

    def draw(self, target: Tensor, generator: torch.Generator) -> Tensor:
        """A donor for each of `target` [b]."""
        pools = [self.pools[iri] for iri in self.job.relations]
        picks = torch.rand(len(target), generator=generator)
        return torch.stack([pools[t][int(p * len(pools[t]))] for t, p in zip(target.tolist(), picks.tolist(), strict=True)])

    def permuted(self) -> SlotRows:
        """Write rows trained from random directions on wrong answers: what the objective reaches where there is nothing to learn.

        Nothing but the kind of answer, that is: a model made to name some language may well name the right one.
        """
        count = len(self.swaps[1])
        W, b = self.reads
        noise = torch.randn(self.means.shape, generator=torch.Generator().manual_seed(self.job.cfg.seed))
        start = F.normalize(noise, dim=1) * self.means.norm(dim=1, keepdim=True)
        made = train_control(self._both.part(range(count, 2 * count)), W, b, start, label="permuted answers", **self.same)
        return SlotRows(W, b, made.D, made.A)

    def function_vectors(self) -> Competitor:
        """Function vectors of all relations from the heads up to the hook point."""
        lm, place = self.job.lm, {iri: row for row, iri in enumerate(self.job.relations)}
        prompts = [p for p in self.job.prompts.asked if is_training(p)]
        prompts.sort(key=lambda p: (unit_hash("heads", self.job.cfg.seed, p.id), p.id))
        chosen = list(_evenly(prompts, HEAD_PROMPTS // max(len(place), 1)))
        ids = lm.encode_batch([prompt.text for prompt in chosen])
        groups = torch.tensor([place[str(prompt.relation)] for prompt in chosen])
        means = head_means(lm, self.layer, ids, [prompt.carrier for prompt in chosen], groups)
        effects = indirect_effects(lm, self.layer, means, list(self._probes()))
        return Directions(function_vectors(lm, self.layer, means, effects, TOP_HEADS))

    def _probes(self) -> Iterator[Probe]:
        """Swaps of one carrier of each relation."""
        prompts, swaps = self.swaps
        by_carrier: dict[str, list[Swap]] = defaultdict(list)
        for swap in swaps:
            by_carrier[prompts[swap.prompt].carrier].append(swap)
        largest: dict[str, str] = {}
        for carrier, members in sorted(by_carrier.items(), key=lambda item: (-len(item[1]), item[0])):
            largest.setdefault(str(prompts[members[0].prompt].relation), carrier)
        for carrier in largest.values():
            members = sorted(by_carrier[carrier], key=lambda swap: unit_hash("probe", prompts[swap.prompt].id, swap.target))
            for swap in members[:EFFECT_PROMPTS]:
                yield Probe(self.job.lm.encode(prompts[swap.prompt].text), carrier, swap.target, swap.answer[0])


def _evenly(prompts: Iterable[Prompt], most: int) -> Iterator[Prompt]:
    """At most `most` of each relation."""
    counts: dict[str, int] = defaultdict(int)
    for prompt in prompts:
        counts[str(prompt.relation)] += 1
        if counts[str(prompt.relation)] <= most:
            yield prompt


def _permuted(
    prompts: Sequence[Prompt], swaps: Sequence[Swap], relations: Sequence[str], ontology: Ontology, seed: int
) -> Iterator[Swap]:
    """Every swap with the answer of another subject to the same relation, and of one with another value.

    Subjects are ordered by value and moved on by as many as share the most frequent one; where that is more than half of
    them, some keep a right answer.
    """
    answers: dict[int, dict[str, tuple[int, ...]]] = defaultdict(dict)
    for swap in swaps:
        answers[swap.target][str(prompts[swap.prompt].subject)] = swap.answer
    others: dict[int, dict[str, tuple[int, ...]]] = {}
    for target, table in answers.items():
        value = {subject: ontology.values(relations[target], subject) for subject in table}
        order = sorted(table, key=lambda s: (unit_hash("value", seed, *value[s]), unit_hash("permuted", seed, target, s)))
        most = max(Counter(value.values()).values())
        others[target] = {subject: table[order[(i + most) % len(order)]] for i, subject in enumerate(order)}
    for swap in swaps:
        yield swap._replace(answer=others[swap.target][str(prompts[swap.prompt].subject)])
