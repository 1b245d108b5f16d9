"""What the stages share: the configuration, the run directory, and the model, loaded when the first stage needs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from kedit.config import AlignConfig
from kedit.curriculum.answers import AnswerMatcher, matchers
from kedit.curriculum.prompts import PromptSet
from kedit.curriculum.slots import SlotMap
from kedit.errors import InputError, KeditError
from kedit.files import read_json
from kedit.lm.cache import TINY, TINY_BLOCKS, was_taught
from kedit.machine import return_freed_memory, sensible_threads
from kedit.ontology import Ontology, load_ontology, require_alignable
from kedit.progress import say
from kedit.runs import ModelId, OntologyId, Run, Stage
from kedit.stages.identity import known_fingerprint, remember_fingerprint

if TYPE_CHECKING:
    from kedit.lm.knowledge import Knowledge
    from kedit.lm.model import LanguageModel
    from kedit.lm.reading import Reading
    from kedit.lm.swaps import SwapData
    from kedit.stages.dictionary import BackgroundStates

ONTOLOGY, SLOTS, PROMPTS, KNOWLEDGE, MODEL = "ontology.ttl", "slots.json", "prompts.jsonl", "knowledge.json", "model"
SETTLED = "training/model.json"
LAYERS, BANK, VECTORS = "training/layers.json", "training/dictionary.safetensors", "training/vectors.safetensors"
BANK_STATS = "training/dictionary.json"
EVALUATION, EVALUATION_PAGE, FIGURES, ROWS = "evaluation.json", "evaluation.html", "figures", "rows.jsonl"


class Inputs:
    """An ontology that can be aligned, read as a configuration says; InputError for anything in it that is wrong."""

    def __init__(self, cfg: AlignConfig) -> None:
        self.cfg = cfg
        self.ontology = load_ontology(cfg.ontology, **self.reading)
        self.relations = tuple(require_alignable(self.ontology, cfg.relations, cfg.exclude))

    @property
    def reading(self) -> dict[str, Any]:
        """How the file is read: keyword arguments of `load_ontology`."""
        cfg = self.cfg
        copied = {"catalog": cfg.catalog, "imports": cfg.imports, "graph": cfg.graph, "templates": cfg.templates}
        return {**copied, **cfg.wording}


def not_aligned(ontology: Ontology, relations: Sequence[str]) -> list[str]:
    """CURIEs of the ontology's other relations."""
    return [relation.curie for iri, relation in ontology.relations.items() if iri not in set(relations)]


class Material(Protocol):
    """What a job is about; `Inputs`, or what a run that is already made keeps of them."""

    @property
    def cfg(self) -> AlignConfig: ...
    @property
    def ontology(self) -> Ontology: ...
    @property
    def relations(self) -> tuple[str, ...]: ...


class Job:
    """One `kedit align` at work in its locked run directory; `lm`: the model that is edited, where it is loaded already."""

    def __init__(self, inputs: Material, source: ModelSource, run: Run, lm: LanguageModel | None = None) -> None:
        self.cfg = inputs.cfg
        self.ontology, self.relations = inputs.ontology, inputs.relations
        self.source = source
        self.run = run
        self._lm = lm
        self.ran: list[str] = []
        """Stages that had something to do, and parts that were timed apart."""
        self.readings: dict[str, Reading] = {}
        """Weight fingerprint -> what that model made of the prompts."""
        self.swaps: dict[int, SwapData] = {}
        """Block -> training swaps."""
        self.background: dict[int, BackgroundStates] = {}
        """Block -> states of background text."""

    @property
    def wording(self) -> dict[str, Any]:
        """How the kept ontology.ttl is to be read: in which words, and with which facts."""
        return self.cfg.wording

    @contextmanager
    def stage(
        self, name: str, inputs: Mapping[str, Any], version: int, outputs: Sequence[str] = (), *, after: Sequence[str] = ()
    ) -> Iterator[Stage]:
        """`Run.stage`, said aloud where there is something to do."""
        return_freed_memory()
        with self.run.stage(name, inputs, version, outputs, after=after) as stage:
            if stage.needed:
                self.ran.append(name)
                say(f"[{name}] {stage.reason}")
            yield stage

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """`Run.part`: work of whichever stage needs it first."""
        with self.run.part(name):
            yield
        self.ran.append(name)

    def file(self, relative: str) -> Path:
        """Path of a file of the run."""
        return self.run.file(relative)

    @cached_property
    def slots(self) -> SlotMap:
        """`slots.json`, once its stage is done."""
        return SlotMap.load(self.file(SLOTS))

    @cached_property
    def prompts(self) -> PromptSet:
        """`prompts.jsonl`, once its stage is done."""
        return PromptSet.load(self.file(PROMPTS))

    @cached_property
    def matchers(self) -> dict[str, AnswerMatcher]:
        """One matcher per relation."""
        return matchers(self.ontology, self.relations)

    @property
    def objective(self) -> dict[str, Any]:
        """What write rows depend on beside sizes: whether edits hold through the answer, L_man's weight, how rows are made."""
        settings = {"hold": False, "manifold": 0.0, "write": "trained"}
        return {name: value for name, usual in settings.items() if (value := getattr(self.cfg, name)) != usual}

    @cached_property
    def lm(self) -> LanguageModel:
        """The model that is edited: the given one, or the copy that was taught."""
        if self._lm is not None:
            return self._lm
        from kedit.stages.models import settled_model

        return settled_model(self)

    @cached_property
    def settled(self) -> dict[str, Any]:
        """`training/model.json`: which model is edited, once that is settled."""
        data: dict[str, Any] = read_json(self.file(SETTLED))
        return data

    @property
    def taught(self) -> bool:
        """Whether the model learnt facts of an ontology from kedit, in this run or before it."""
        return self.settled["taught"] or self.source.taught

    @property
    def fingerprint(self) -> str:
        """Weight fingerprint of the model that is edited."""
        return str(self.settled["fingerprint"])

    @cached_property
    def knowledge(self) -> Knowledge:
        """`knowledge.json`, once its stage is done."""
        from kedit.lm.knowledge import Knowledge

        return Knowledge.load(self.file(KNOWLEDGE))


class ModelSource:
    """The model that was asked for, loaded at the first use; `tiny` is made from the run's prompts instead."""

    def __init__(self, cfg: AlignConfig, given: LanguageModel | None = None) -> None:
        self.cfg = cfg
        self.given = given

    @property
    def tiny(self) -> bool:
        """Whether the model is made from the ontology."""
        return self.given is None and self.cfg.model == TINY

    @cached_property
    def lm(self) -> LanguageModel:
        """The model as it was asked for."""
        if self.given is not None:
            return self.given
        from kedit.lm.store import load_model

        return load_model(self.cfg.model, device=self.cfg.device, wheel=self.cfg.wheel, blocks=self.cfg.blocks)

    @property
    def taught(self) -> bool:
        """Whether it was taught before; told without loading it."""
        return self.given.taught if self.given is not None else was_taught(Path(self.cfg.model))

    @cached_property
    def id(self) -> ModelId:
        """Name and fingerprint; weights are read only if their files are new to this machine's cache."""
        if self.tiny:
            return ModelId(name=TINY, fingerprint="made from the ontology", description="tiny GPT-2 made from the ontology")
        if self.given is not None:
            return _id_of(self.given)
        known = known_fingerprint(self.cfg.model, self.cfg.device)
        if known is not None:
            return known
        remember_fingerprint(self.cfg.model, self.cfg.device, _id_of(self.lm))
        return _id_of(self.lm)

    def check(self) -> None:
        """InputError if the configuration names a block, or a list of blocks, that the model has not."""
        if self.cfg.blocks is not None and not self.tiny:
            _ = self.lm
        layer = self.cfg.layer
        if layer == "auto":
            return
        count = TINY_BLOCKS if self.tiny else self.lm.n_layers
        if layer >= count:
            raise InputError(
                f"--layer {layer}: {self.id.name} has blocks 0 to {count - 1}",
                advice=f"Choose --layer auto, or a block from 0 to {count - 1}.",
            )


def _id_of(lm: LanguageModel) -> ModelId:
    return ModelId(name=lm.name, fingerprint=lm.fingerprint, revision=lm.revision, description=lm.description)


@contextmanager
def open_job(inputs: Inputs, source: ModelSource) -> Iterator[Job]:
    """A locked run directory to work in, with torch's thread count as the run recorded it."""
    cfg = inputs.cfg
    run = Run.open_or_create(
        cfg.run_directory(),
        ontology=OntologyId(source=str(cfg.ontology), sha256=inputs.ontology.sha256),
        model=source.id,
        config=cfg.model_dump(mode="json", exclude={"overwrite"}),
        seeds={"seed": cfg.seed},
        versions=versions(),
        overwrite=cfg.overwrite,
    )
    with run:
        yield Job(inputs, source, run)


def versions() -> dict[str, str]:
    """Versions of what a run's numbers depend on."""
    found = {}
    for package in ("kedit", "torch", "transformers", "numpy"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "unknown"
    return found


def pin_threads(run: Run) -> None:
    """Compute with the number of threads that this run was begun with: sums depend on it in their last bits."""
    import torch

    # torch's own number is what the user set (OMP_NUM_THREADS too), or a count that knows nothing of a container's share.
    threads = run.recorded("threads", lambda: min(torch.get_num_threads(), sensible_threads()))
    if not isinstance(threads, int):
        raise KeditError(f"the run records {threads!r} threads")
    torch.set_num_threads(threads)
