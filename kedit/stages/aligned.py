"""A finished run to work with: its slots, prompts and figures at once, its model and dictionary when they are needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedit.curriculum.answers import matchers
from kedit.curriculum.prompts import PromptSet
from kedit.curriculum.slots import SlotMap
from kedit.editing import Recipe, ResolvedRecipe, as_recipe, resolve
from kedit.editing.resolving import with_controls
from kedit.errors import InputError
from kedit.files import digest, load_tensors, read_json, require_writable
from kedit.manifest import Manifest
from kedit.ontology import Ontology, load_ontology
from kedit.runs import Run
from kedit.stages.job import BANK, EVALUATION, KNOWLEDGE, LAYERS, MODEL, ONTOLOGY, PROMPTS, SETTLED, SLOTS, VECTORS
from kedit.stages.reports import KeptStrengths, measured_report, report_file, save_report
from kedit.stages.slots import load_vectors, sae_folder

if TYPE_CHECKING:
    from kedit.editing.edited import EditedModel
    from kedit.lm.knowledge import Knowledge
    from kedit.lm.model import LanguageModel
    from kedit.sae.dictionary import AlignedSAE
    from kedit.verification.fragmentation import Fragmentation
    from kedit.verification.inspection import Costs
    from kedit.verification.passport import Passports
    from kedit.verification.report import Evaluation, Report, RunInfo
    from kedit.verification.setting import Setting

AnyRecipe = Recipe | Mapping[str, Any] | str | Path
NEEDED = ("prompts", "model", "knowledge", "layers", "slot training", "vectors")


class AlignedRun:
    """What `kedit align` made; nothing is loaded before it is used. InputError if the run is not finished."""

    def __init__(self, path: Path | str, *, model: LanguageModel | None = None, device: str = "auto") -> None:
        self._run = Run.open(path)
        self._run.require(*NEEDED)
        self._given = model
        self._device = device
        self.costs: Costs | None = None
        """What the `align` that gave this took: time and peak memory, by stage."""
        if model is not None:
            self._check(model)

    @property
    def path(self) -> Path:
        """The run directory."""
        return self._run.path

    @property
    def manifest(self) -> Manifest:
        """What the run was made from."""
        return self._run.manifest

    @cached_property
    def ontology(self) -> Ontology:
        """The run's own copy of the ontology."""
        return load_ontology(self._run.file(ONTOLOGY), **self.manifest.wording)

    @cached_property
    def slots(self) -> SlotMap:
        """Which latent belongs to which term."""
        return SlotMap.load(self._run.file(SLOTS))

    @cached_property
    def prompts(self) -> PromptSet:
        """The labelled prompts."""
        return PromptSet.load(self._run.file(PROMPTS))

    @cached_property
    def evaluation(self) -> Evaluation:
        """`evaluation.json`."""
        from kedit.verification.report import Evaluation

        self._run.require("evaluation")
        return Evaluation.load(self._run.file(EVALUATION))

    @cached_property
    def knowledge(self) -> Knowledge:
        """What the model answers without an edit."""
        from kedit.lm.knowledge import Knowledge

        return Knowledge.load(self._run.file(KNOWLEDGE))

    @cached_property
    def settled(self) -> dict[str, Any]:
        """Which model is edited."""
        data: dict[str, Any] = read_json(self._run.file(SETTLED))
        return data

    @cached_property
    def layer(self) -> int:
        """The block whose output is edited."""
        return int(read_json(self._run.file(LAYERS))["chosen"])

    @property
    def tried(self) -> list[dict[str, Any]]:
        """The blocks that were tried in short: binding, hit and interchange of each, on validation."""
        rows: list[dict[str, Any]] = read_json(self._run.file(LAYERS))["rows"]
        return rows

    @cached_property
    def sae(self) -> AlignedSAE:
        """The dictionary with its slots."""
        from kedit.sae.saelens import load_sae

        return load_sae(self._run.file(sae_folder(self.layer)))

    @cached_property
    def lm(self) -> LanguageModel:
        """The model that the run was made with; InputError if it has changed since."""
        if self._given is not None:
            return self._given
        from kedit.lm.store import load_model

        config = self.manifest.config
        blocks = str(config["blocks"]) if config.get("blocks") else None
        wheel = str(config["wheel"]) if config.get("wheel") and not self.settled["taught"] else None
        name = self._run.file(MODEL) if self.settled["taught"] else config.get("model") or self.manifest.model.name
        lm = load_model(str(name), device=self._device, blocks=blocks, wheel=wheel)
        self._check(lm)
        return lm

    @property
    def directory(self) -> Run:
        """The run directory, open for reading."""
        return self._run

    @property
    def slots_hash(self) -> str:
        """What the slots and the vectors beside them are told by."""
        return digest([self.manifest.stages[name].outputs for name in ("slot training", "vectors")])

    @cached_property
    def setting(self) -> Setting:
        """The run as it is measured."""
        return self._setting(self.lm)

    def _setting(self, lm: LanguageModel) -> Setting:
        from kedit.verification.setting import Setting

        vectors, strength = load_vectors(self._run.file(VECTORS))
        terms = [slot.iri for slot in self.slots.slots]
        relations = [slot.iri for slot in self.slots.relations]
        return Setting(
            lm=lm,
            sae=self.sae,
            ontology=self.ontology,
            slots=self.slots,
            prompts=self.prompts,
            knowledge=self.knowledge,
            matchers=matchers(self.ontology, relations),
            trained_pairs=frozenset((terms[a], terms[b]) for a, b in self.sae.metadata["trained_pairs"]),
            vectors=vectors,
            strength=float(self.sae.metadata["strength"]),
            diff_means_strength=strength,
        )

    @property
    def info(self) -> RunInfo:
        """What documents say of the run."""
        from kedit.verification.report import RunInfo

        return RunInfo(
            name=self._run.name,
            ontology=Path(self.manifest.ontology.source).name,
            ontology_sha256=self.manifest.ontology.sha256,
            model=self.settled["description"],
            fingerprint=self.settled["fingerprint"],
            taught=self.sae.metadata["taught"],
            preset=str(self.manifest.config.get("preset")),
            kedit=self.manifest.versions.get("kedit"),
        )

    def resolve(self, recipe: AnyRecipe) -> ResolvedRecipe:
        """A recipe (file, plain data or `Recipe`) bound to this run; InputError with its place for what does not fit."""
        return resolve(as_recipe(recipe), self.ontology, self.slots, graph=self._run.file(ONTOLOGY))

    @contextmanager
    def edit(self, recipe: AnyRecipe, model: LanguageModel | None = None) -> Iterator[EditedModel]:
        """The model under a recipe, for the length of the `with` block; its `generate` works as usual.

        `model`: your own copy of the run's model. InputError if its weights are others.
        """
        from kedit.editing.edited import edited

        resolved = self.resolve(recipe)
        if model is not None:
            self._check(model)
        lm = model or self.lm
        resolved = self._settled(resolved, lm)
        with edited(lm, self.sae, resolved, self.ontology, carriers=self.prompts.carriers) as handle:
            yield handle

    def _settled(self, resolved: ResolvedRecipe, lm: LanguageModel) -> ResolvedRecipe:
        """The recipe at the very strengths at which it is verified: what validation has to choose is chosen, once."""
        from kedit.verification.strengths import settle

        if all(edit.strength is not None for edit in resolved.edits):
            return resolved
        setting = self.setting if lm is self.lm else self._setting(lm)
        return settle(setting, resolved, KeptStrengths(self.path), self.slots_hash)[0]

    def verify(self, recipe: AnyRecipe, *, competitors: Sequence[str] = (), allow_unverified: bool = False) -> Report:
        """Measure what a recipe does, and hold it against what it expects; the report is kept under reports/.

        `competitors`: names of controls on demand (`all` for every one) beside those that the recipe names; each is trained
        once per run. InputError for an unknown name.
        """
        resolved = with_controls(self.resolve(recipe), competitors)
        require_writable(report_file(self.path, resolved.name))  # not after half an hour of measuring
        report, rows = measured_report(self, resolved, allow_unverified=allow_unverified)
        save_report(self.path, resolved.name, report, rows)
        return report

    def passports(self, *, seed: int = 0) -> Passports:
        """What may be said of every relation slot, each claim by its tests; kept as passports.json."""
        from kedit.verification.passport_tests import passports

        path = self._run.file("passports.json")
        require_writable(path)
        document = passports(self.setting, run=self._run.name, preset=str(self.info.preset), seed=seed)
        document.save(path)
        return document

    def fragmentation(self, *, seed: int = 0) -> Fragmentation:
        """Over how many latents every relation is spread, without slots and with them; kept as fragmentation.json."""
        from kedit.sae.dictionary import FreeBank
        from kedit.verification.fragmentation import fragmentation

        path = self._run.file("fragmentation.json")
        require_writable(path)
        bank = FreeBank(**load_tensors(self._run.file(BANK)))
        document = fragmentation(self.setting, bank, run=self._run.name, preset=str(self.info.preset), seed=seed)
        document.save(path)
        return document

    def _check(self, lm: LanguageModel) -> None:
        wanted = self.settled["fingerprint"]
        if lm.fingerprint != wanted:
            raise InputError(
                f"{lm.name} (fingerprint {lm.fingerprint[:12]}) is not the model of the run {self.path} "
                f"({self.settled['name']}, fingerprint {wanted[:12]})",
                advice="Slots belong to one model's weights: use that model, in the same precision, or align again.",
            )
