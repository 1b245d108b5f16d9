"""Damage: what else an edit moves, as the gate decides (scoped) and with the edit on everywhere (forced).

- retention: known answers that the unedited model gives on this very prompt and that stay hits: of relations that no edit
  names, and, for scoped edits, of subjects out of scope;
- same_relation: what an amplified relation is asked and already answers rightly must stay right, too;
- drift: KL(base || edited) at the first answer position of those prompts, and at the positions of neutral text;
- leak, miss: edits that fire where nothing asks for them, or do not where something does (`scoping`);
- read-back and moved slots: what the edited state says of itself.

All of it is read at the last token of a prompt: of edits that also fire later (`steps`) it says nothing, and stays empty.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import torch

from kedit.curriculum.prompts import Prompt
from kedit.curriculum.splits import unit_hash
from kedit.editing.metric_names import HEADLINE_QUADRANT
from kedit.verification.applying import Applied, Scopes, asks, edit_states, in_scope
from kedit.verification.figures import Drift, DriftPair, Locality, Retention, Share
from kedit.verification.generating import Batch, batches, edited_texts
from kedit.verification.metrics import drift, drift_estimates, retained
from kedit.verification.neutral import drift_at, neutral_drift
from kedit.verification.readings import evaluation_negatives
from kedit.verification.scoping import LEAK_GROUPS, NEGATIVES, Asked, Parts, leak_on_negatives, scope_parts, where_asked
from kedit.verification.setting import Setting, states_of
from kedit.verification.statistics import EMPTY, Estimate, bootstrap_ci
from kedit.verification.verdict import Measured

LOCALITY_N: Final = 600
NEUTRAL_N: Final = 1000
CORPORA: Final = ("other_relations", "other_subjects", "same_relation")
OUT_OF_SCOPE: Final = ("other_relations", "other_subjects")
DRIFTING: Final = ("neutral", *OUT_OF_SCOPE)


class Case(NamedTuple):
    """A prompt that should not move, and the edits (by number) that are tried on it."""

    prompt: Prompt
    work: int
    corpus: str


@dataclass
class Corpus:
    """Figures over prompts or positions: KL in nats [N], whether edits fired; kept answers [M] of those that were known."""

    clusters: list[str] = field(default_factory=list)
    carriers: list[str] = field(default_factory=list)
    kl: dict[str, list[float]] = field(default_factory=lambda: {"scoped": [], "forced": []})
    fired: list[bool] = field(default_factory=list)
    kept: dict[str, list[bool]] = field(default_factory=lambda: {"scoped": [], "forced": []})
    kept_subjects: list[str] = field(default_factory=list)
    kept_carriers: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Damage:
    """Everything that was measured around some edits.

    expected: the corpora and groups that there are for them. Those of which nothing was measured stay among the numbers, empty,
    so that no expectation passes on what the others show.
    """

    expected: tuple[str, ...] = ()
    corpora: dict[str, Corpus] = field(default_factory=dict)
    leak_on_negatives: Estimate = EMPTY
    asked: Asked = field(default_factory=Asked)
    parts: Parts = field(default_factory=Parts)
    seed: int = 0

    @property
    def leaks(self) -> dict[str, Estimate]:
        """Group of prompts out of scope -> share at which edits fired."""
        found = {name: self._fired(self.corpora.get(name, Corpus())) for name in OUT_OF_SCOPE}
        found[NEGATIVES] = self.leak_on_negatives
        return {name: found[name] for name in LEAK_GROUPS if name in self.expected}

    def numbers(self, edit: str | None = None) -> list[Measured]:
        """What expectations can be held against."""
        found = [
            Measured("scope_miss", self.asked.miss, edit=edit),
            Measured("read_back", self.asked.read_back, edit=edit),
            *(Measured(metric, value, edit=edit) for metric, value in self.parts._asdict().items()),
            *(Measured("scope_leak", value, edit=edit, on=name) for name, value in self.leaks.items()),
        ]
        for name in self.expected:
            corpus = self.corpora.get(name, Corpus())
            for mode in ("scoped", "forced"):
                forced = mode == "forced"
                if name in DRIFTING:
                    mean, p95 = drift_estimates(corpus.kl[mode], corpus.clusters, seed=self.seed)
                    found.append(Measured("drift_kl", mean, edit=edit, on=name, forced=forced))
                    found.append(Measured("drift_kl_p95", p95, edit=edit, on=name, forced=forced))
                if name in CORPORA:
                    found.append(Measured("retention", self._kept(corpus, mode), edit=edit, on=name, forced=forced))
        return found

    def locality(self) -> Locality:
        """The `locality` block of documents."""
        return Locality(
            retention={
                name: Retention(scoped=Share.of(self._kept(c, "scoped")), forced=Share.of(self._kept(c, "forced")))
                for name, c in self.corpora.items()
                if c.kept["scoped"]
            },
            drift_kl={
                name: DriftPair(scoped=self._drift(c, "scoped"), forced=self._drift(c, "forced"))  # type: ignore[misc]
                for name, c in self.corpora.items()
                if c.kl["scoped"]
            },
            scope_leak={name: Share.of(value) for name, value in self.leaks.items() if value.n},  # type: ignore[misc]
            scope_miss=Share.found(self.asked.miss),
            read_back=Share.found(self.asked.read_back),
            moved_slots=dict(self.asked.moved),
            **self.parts.figures().model_dump(),
        )

    def _fired(self, corpus: Corpus) -> Estimate:
        return bootstrap_ci([float(flag) for flag in corpus.fired], corpus.clusters, corpus.carriers, seed=self.seed)

    def _kept(self, corpus: Corpus, mode: str) -> Estimate:
        return retained(corpus.kept[mode], corpus.kept_subjects, corpus.kept_carriers, seed=self.seed)

    def _drift(self, corpus: Corpus, mode: str) -> Drift:
        return drift(corpus.kl[mode], corpus.clusters, seed=self.seed)


def damage(
    setting: Setting,
    works: Sequence[Applied],
    *,
    n: int = LOCALITY_N,
    neutral_n: int = NEUTRAL_N,
    protect: Sequence[str] = (),
    quadrant: str = HEADLINE_QUADRANT,
    seed: int = 0,
) -> Damage:
    """Damage pooled over `works`: every prompt and position is tried under one of them, chosen by hash.

    At most `n` prompts per corpus, of one quadrant, and `neutral_n` positions. `protect`: relations that count as others
    although an edit names them.
    """
    if not works:
        return Damage(seed=seed)
    corpora: dict[str, Corpus] = defaultdict(Corpus)
    expected = tuple(_expected(setting, works, frozenset(protect)))
    prompts, negatives = setting.by_cell.get(quadrant, []), evaluation_negatives(setting)
    asking = sorted((p for p in prompts if p.relation is not None), key=lambda p: (unit_hash("scope", seed, p.id), p.id))[:n]
    edits = tuple(dict.fromkeys(edit for work in works for edit in work.edits))
    if any(edit.steps != "prompt" for edit in edits):
        return Damage(expected, parts=scope_parts(setting, edits, [*asking, *negatives], None, seed), seed=seed)
    x = states_of(setting, negatives, "negatives")
    cases = list(_cases(setting, works, frozenset(protect), quadrant, n, seed))
    _prompts_that_stay(setting, works, cases, corpora)
    drifts = neutral_drift(setting, works, n=neutral_n, seed=seed)
    if drifts.scoped:
        neutral = corpora["neutral"]
        neutral.clusters = drifts.sentences
        neutral.kl = {"scoped": drifts.scoped, "forced": drifts.forced}
        neutral.fired = drifts.fired
    return Damage(
        expected,
        {name: corpora[name] for name in ("neutral", *CORPORA) if name in corpora},
        leak_on_negatives(setting, works, negatives, x, seed),
        where_asked(setting, works, prompts, n, seed),
        scope_parts(setting, edits, [*asking, *negatives], torch.cat([states_of(setting, asking), x]), seed),
        seed,
    )


def _expected(setting: Setting, works: Sequence[Applied], protect: frozenset[str]) -> Iterator[str]:
    """The corpora that there are for some edits, whether or not a prompt of them can be measured.

    One edit always has other relations, or there is too little of an ontology to say what it damages; several may name them all.
    """

    def there(corpus: str, some: Sequence[Applied]) -> bool:
        return any(_corpus(prompt, work, protect) == corpus for work in some for prompt in setting.prompts.asked)

    yield "neutral"
    if any(len(work.edits) == 1 for work in works) or there("other_relations", works):
        yield "other_relations"
    if there("other_subjects", [work for work in works if any(edit.subjects is not None for edit in work.edits)]):
        yield "other_subjects"
    if there("same_relation", [work for work in works if any(edit.op == "amplify" for edit in work.edits)]):
        yield "same_relation"
    if any(all(edit.op != "set" or edit.subjects is not None for edit in work.edits) for work in works):
        yield NEGATIVES


def _cases(
    setting: Setting, works: Sequence[Applied], protect: frozenset[str], quadrant: str, n: int, seed: int
) -> Iterator[Case]:
    prompts = [prompt for prompt in setting.by_cell.get(quadrant, ()) if prompt.relation is not None]
    prompts.sort(key=lambda prompt: (unit_hash("locality", seed, prompt.id), prompt.id))
    alike, found = _alike(works), dict[Hashable, dict[str | None, list[int]]]()
    for corpus in CORPORA:
        count = 0
        for prompt in prompts:
            if count >= n:
                break
            if (key := alike(prompt)) not in found:
                found[key] = defaultdict(list)
                for i, work in enumerate(works):
                    found[key][_corpus(prompt, work, protect)].append(i)
            if fitting := found[key].get(corpus):
                count += 1
                place = unit_hash("locality edit", seed, prompt.id)
                yield Case(prompt, fitting[int(place * len(fitting))], corpus)


def _alike(works: Sequence[Applied]) -> Callable[[Prompt], Hashable]:
    """What of a prompt decides which edits are for it: of many prompts and many edits, few kinds are to be gone through."""
    scopes = {edit.subjects for work in works for edit in work.edits if edit.subjects is not None}
    return lambda prompt: (prompt.relation, prompt.slots, tuple(prompt.subject in subjects for subjects in scopes))


def _corpus(prompt: Prompt, work: Applied, protect: frozenset[str]) -> str | None:
    """Which corpus of damage a prompt belongs to under some edits; None where they are meant to change it."""
    if prompt.relation in protect or not any(slot in prompt.slots for slot in work.named_slots):
        return "other_relations"
    gating = [edit for edit in work.edits if asks(prompt, edit)]
    if gating and not any(in_scope(prompt, edit) for edit in gating):
        return "other_subjects"
    return "same_relation" if gating and all(edit.op == "amplify" for edit in gating) else None


def _prompts_that_stay(setting: Setting, works: Sequence[Applied], cases: Sequence[Case], corpora: dict[str, Corpus]) -> None:
    """First-token drift of every case, and retention of those whose known fact this prompt elicits."""
    scopes = Scopes(setting)
    for batch in batches(setting, [case.prompt for case in cases], "damage on other prompts"):
        mine = [cases[i] for i in batch.places]
        covered = [scopes.covered(works[case.work].edits, [case.prompt.text])[0] for case in mine]
        scoped, forced, fired = drift_at(setting, batch.prefix, works, [case.work for case in mine], covered)
        for i, case in enumerate(mine):
            if case.corpus not in OUT_OF_SCOPE:
                continue
            corpus = corpora[case.corpus]
            corpus.clusters.append(str(case.prompt.subject))
            corpus.carriers.append(case.prompt.carrier)
            corpus.kl["scoped"].append(scoped[i])
            corpus.kl["forced"].append(forced[i])
            corpus.fired.append(fired[i])
        _retention(setting, works, batch, mine, covered, corpora)


def _retention(
    setting: Setting,
    works: Sequence[Applied],
    batch: Batch,
    cases: Sequence[Case],
    covered: Sequence[torch.Tensor],
    corpora: dict[str, Corpus],
) -> None:
    known = [i for i, case in enumerate(cases) if _is_known(setting, case.prompt)]
    if not known:
        return
    states, answers, rows, keys = [], [], [], []
    for i in known:
        work, x = works[cases[i].work], batch.x[i : i + 1]
        scoped = edit_states(setting, work, x, covered[i][None])
        forced = edit_states(setting, work.forced(), x)
        keys.append("same" if torch.equal(scoped.x, forced.x) else "apart" if bool(scoped.any) else "shut")
        for made in (forced, scoped)[: 2 if keys[-1] == "apart" else 1]:
            states.append(made.x)
            answers.append(made.answer)
            rows.append(i)
    reads = [((str(cases[i].prompt.relation), cases[i].prompt.answers),) for i in rows]
    held = None if setting.sae.answer_rows is None else torch.cat([answer for answer in answers if answer is not None])
    texts = iter(edited_texts(setting, batch.prefix, rows, torch.cat(states), reads, held))
    for i, key in zip(known, keys, strict=True):
        prompt, corpus = cases[i].prompt, corpora[cases[i].corpus]
        matcher = setting.matchers[str(prompt.relation)]
        forced_kept = matcher.hit(next(texts), prompt.answers)
        # Where no gate opens nothing changes, and the answer is the unedited one, a hit.
        scoped_kept = True if key == "shut" else forced_kept if key == "same" else matcher.hit(next(texts), prompt.answers)
        corpus.kept["forced"].append(forced_kept)
        corpus.kept["scoped"].append(scoped_kept)
        corpus.kept_subjects.append(str(prompt.subject))
        corpus.kept_carriers.append(prompt.carrier)


def _is_known(setting: Setting, prompt: Prompt) -> bool:
    return setting.hits[prompt.id] and setting.known(str(prompt.subject), str(prompt.relation))
