"""Every method on the swaps of one run: all quadrants at each method's best strength, the headline one over strengths."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Final, NamedTuple

import torch

from kedit.curriculum.neutral import eval_sentences
from kedit.editing.metric_names import HEADLINE_QUADRANT, QUADRANTS
from kedit.lm.continuation import Continuation
from kedit.lm.reading import stopping
from kedit.sae.linear import EPOCHS, LinearDictionary, train_linear
from kedit.stages.aligned import AlignedRun
from kedit.stages.competitors import load_competitors, training_questions
from kedit.verification.competing import costs_of
from kedit.verification.controls import Arm
from kedit.verification.generating import batches
from kedit.verification.items import Item, Sample, sample_items
from kedit.verification.measure import by_prompt, measure
from kedit.verification.metrics import by_pair, paired_difference
from kedit.verification.neutral import NeutralText
from kedit.verification.outcomes import EDIT, SwapRow
from kedit.verification.rows import make_row, reads_of
from kedit.verification.setting import VALIDATION, Setting
from kedit.verification.statistics import bootstrap_ci
from kedit.verification.strengths import forced_kl

METHODS: Final[Mapping[str, tuple[str, ...]]] = {
    "random": ("random_direction",),
    "diff_means": ("diff_means",),
    "unsupervised_latent": ("best_latent",),
    "published": ("published",),
    "published_delta": ("published_delta",),
    "trained_vector": ("trained_vector",),
    "reft_r1": ("reft_r1",),
    "das": ("das_r1", "das_r8"),
    "kedit": (EDIT,),
    "interchange": ("interchange",),
    "direct_ask": ("direct_ask",),
}
"""Method -> the controls that it may be, of which validation chooses; from the bottom of the ladder to its top."""
WITHOUT_STRENGTH: Final = frozenset({"interchange", "direct_ask"})
WITHOUT_COST: Final = frozenset({"published", "interchange", "direct_ask", "random"})
"""What has no state to move on neutral text, or moves it by chance."""
FREE_PER_WIDTH: Final = 8
STRENGTHS: Final = (0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
VALIDATED: Final = 300
CURVE_PER_PAIR: Final = 6
PER_PAIR: Final[Mapping[str, int]] = {quadrant: 20 if quadrant == HEADLINE_QUADRANT else 10 for quadrant in QUADRANTS}
POSITIONS: Final = 100
MATCHES: Final = ("exact", "whole", "lenient")
ANSWERS: Final = ("factual", "behavioural")
Key = tuple[str, float | None]
"""A control and its strength."""


class Best(NamedTuple):
    """What validation chose for a method: its control, its strength and the hit there (mean over pairs)."""

    control: str
    strength: float
    hit: float


class Ladder:
    """The methods on one aligned run. Everything is chosen on validation people x validation carriers."""

    def __init__(self, run: AlignedRun, seed: int) -> None:
        self.run, self.seed = run, seed
        setting = run.setting
        competitors, donors = load_competitors(run, ["best_latent", "reft_r1", "das_r1", "das_r8"])
        states, asked, tokens = training_questions(run)
        count, n_free = len(setting.relations), FREE_PER_WIDTH * setting.sae.d
        device = setting.lm.device
        self.linear = train_linear(states, asked, tokens, count, n_free=n_free, epochs=EPOCHS, seed=seed, device=device)
        competitors["published_delta"] = self.linear
        self.setting = replace(setting, competitors=competitors, donors=donors)
        self.edits = [self.setting.swap(*pair) for pair in self.setting.pairs]
        self._costs: dict[Key, float | None] = {}

    def rows(self) -> list[dict[str, Any]]:
        """Lines of `kedit.ladder/1`: every quadrant at the chosen strengths, and the headline quadrant over strengths."""
        found: list[dict[str, Any]] = []
        chosen: dict[Key, str] = {(best.control, best.strength): method for method, best in self.chosen.items()}
        for quadrant in QUADRANTS:
            items = self._sample.capped(None, (quadrant,))
            measured = self._measured(dict.fromkeys(chosen, items))
            for key, method in chosen.items():
                found += self._lines(method, quadrant, key, measured[key])
        few = self._sample.capped(CURVE_PER_PAIR, (HEADLINE_QUADRANT,))
        curve: dict[Key, Sequence[Item]] = {
            (best.control, strength): few
            for method, best in self.chosen.items()
            if method not in WITHOUT_STRENGTH
            for strength in STRENGTHS
            if (best.control, strength) not in chosen
        }
        methods = {best.control: method for method, best in self.chosen.items()}
        for key, some in self._measured(curve).items():
            found += self._lines(methods[key[0]], HEADLINE_QUADRANT, key, some)
        return found

    @cached_property
    def chosen(self) -> dict[str, Best]:
        """Method -> the strength with the best hit on validation, of equal ones the nearest to 1."""
        hits, found = self._validated, {}
        for method, controls in METHODS.items():
            own = [key for key in hits if key[0] in controls]
            control, strength = max(own, key=lambda key: (round(hits[key], 3), -abs(float(key[1] or 1.0) - 1.0)))
            found[method] = Best(control, float(strength or 1.0), hits[control, strength])
        return found

    @cached_property
    def equal_cost(self) -> dict[str, Best]:
        """Method -> its best strength on validation among those that cost no more forced KL than kedit's chosen one."""
        budget = self._cost((EDIT, self.chosen["kedit"].strength))
        found = {}
        for method in ("published_delta", "diff_means", "trained_vector", "reft_r1", "das"):
            control = self.chosen[method].control
            within = [s for s in STRENGTHS if (cost := self._cost((control, s))) is not None and cost <= float(budget or 0.0)]
            if within:
                hits = self._validated
                strength = max(within, key=lambda s: (round(hits[control, s], 3), -s))
                found[method] = Best(control, strength, hits[control, strength])
        return found

    def about(self) -> dict[str, Any]:
        """What stands beside the lines: how slots read, every pair of kedit's, what was chosen, and hits at equal cost."""
        evaluation = self.run.evaluation
        known = self._sample.capped(None, (HEADLINE_QUADRANT,))
        best = self.chosen["kedit"]
        rows = self._measured({(EDIT, best.strength): known})[EDIT, best.strength]
        name = self.setting.ontology.curie
        pairs = [
            {
                "from": name(a),
                "to": name(b),
                "n": len(some),
                "hit": _mean(row.hit for row in some),
                "trained": some[0].pair_trained,
            }
            for (a, b), some in by_pair(rows).items()
        ]
        equal = {}
        for method, other in self.equal_cost.items():
            theirs = self._measured({(other.control, other.strength): known})[other.control, other.strength]
            difference = paired_difference(rows, theirs, "hit", seed=self.seed)
            equal[method] = {
                "strength": other.strength,
                "hit": _mean(row.hit for row in theirs),
                "forced_kl": self._cost((other.control, other.strength)),
                "kedit_minus": {"value": difference.value, "ci": [difference.low, difference.high], "n": difference.n},
            }
        return {
            "binding": {cell: found.accuracy for cell, found in evaluation.binding.quadrants.items()},
            "chosen": {method: found._asdict() for method, found in self.chosen.items()},
            "pairs": pairs,
            "equal_cost": equal,
        }

    @cached_property
    def _sample(self) -> Sample:
        return sample_items(self.setting, self.edits, cap=PER_PAIR, seed=self.seed)

    @cached_property
    def _validated(self) -> dict[Key, float]:
        """Every control at every strength -> its hit on validation, as the mean over pairs."""
        cells, cap = (VALIDATION,), -(-VALIDATED // len(self.edits))
        items = sample_items(self.setting, self.edits, quadrants=cells, cap=cap, seed=self.seed).capped(None, cells)
        keys: dict[Key, Sequence[Item]] = {}
        for method, controls in METHODS.items():
            strengths = (1.0,) if method in WITHOUT_STRENGTH else STRENGTHS
            keys |= {(control, strength): items for control in controls for strength in strengths}
        return {key: _macro(rows) for key, rows in self._measured(keys).items()}

    def _measured(self, wanted: Mapping[Key, Sequence[Item]]) -> dict[Key, list[SwapRow]]:
        """Rows of controls at strengths."""
        arms = {Arm(name, strength): items for (name, strength), items in wanted.items() if name != "published"}
        by_key: dict[Key, list[SwapRow]] = {key: [] for key in wanted}
        single = {name: strength for name, strength in wanted if name in WITHOUT_STRENGTH}
        for row in measure(self.setting, arms, seed=self.seed):
            by_key[row.control, single.get(row.control, row.strength)].append(row)
        for (name, strength), items in wanted.items():
            if name == "published":
                by_key[name, strength] = overwritten(self.setting, self.linear, items, float(strength or 1.0))
        return by_key

    def _lines(self, method: str, quadrant: str, key: Key, rows: Sequence[SwapRow]) -> Iterator[dict[str, Any]]:
        cost = None if method in WITHOUT_COST else self._cost(key)
        for answers in ANSWERS:
            for match in MATCHES:
                judged = [(row, right) for row in rows if (right := self._right(row, match, answers)) is not None]
                subjects, carriers = [row.subject for row, _ in judged], [row.carrier for row, _ in judged]
                hit = bootstrap_ci([right for _, right in judged], subjects, carriers, seed=self.seed)
                yield {
                    "method": method,
                    "quadrant": quadrant,
                    "match": match,
                    "answers": answers,
                    "strength": key[1],
                    "hook_point": self.setting.sae.hook_point,
                    "seed": self.seed,
                    "n": hit.n,
                    "subjects": hit.subjects,
                    "hit": _number(hit.value),
                    "ci": [_number(hit.low), _number(hit.high)],
                    "forced_kl": cost,
                }

    def _right(self, row: SwapRow, match: str, answers: str) -> bool | None:
        """Whether an answer counts; None where the model has no answer of its own to compare it with."""
        accepted: Sequence[str] = self.setting.ontology.values(row.target, row.subject)
        if answers == "behavioural":
            modal = self.setting.knowledge.modal.get((row.subject, row.target))
            if modal is None:
                return None
            accepted = modal.values
        matcher = self.setting.matchers[row.target]
        judge = {"exact": matcher.exact, "whole": matcher.hit, "lenient": matcher.lenient}[match]
        return row.gate and judge(row.text, accepted)

    def _cost(self, key: Key) -> float | None:
        """Mean forced KL on neutral text, over one swap of each relation."""
        if key not in self._costs:
            name, strength = key[0], [float(key[1] or 1.0)]
            relations = self.setting.relations
            edits = [self.setting.swap(a, b) for a, b in zip(relations, (*relations[1:], relations[0]), strict=True)]
            if name == EDIT:
                found = [forced_kl(self.setting, edit, strength, self._text)[0] for edit in edits]
            else:
                found = [costs_of(self.setting, edit, name, strength, self._text, self.seed)[0] for edit in edits]
            known = [cost for cost in found if cost is not None]
            self._costs[key] = sum(known) / len(known) if known else None
        return self._costs[key]

    @cached_property
    def _text(self) -> NeutralText:
        return NeutralText(self.setting, n=POSITIONS, seed=self.seed, sentences=eval_sentences())


@torch.no_grad()
def overwritten(setting: Setting, linear: LinearDictionary, items: Sequence[Item], strength: float) -> list[SwapRow]:
    """Rows of the published edit: the last token's input embedding becomes the state that the swapped codes decode to."""
    rows = []
    whole = Continuation(setting.lm, -1)
    place = {slot: number for number, slot in enumerate(setting.relation_slots.tolist())}
    table = by_prompt(items)
    prompts = list({item.prompt.id: item.prompt for item in items}.values())
    for batch in batches(setting, prompts, "published edit"):
        picks = [(row, item) for row, prompt in enumerate(batch.prompts) for item in table[prompt.id]]
        source = torch.tensor([place[item.edit.slot] for _, item in picks])
        target = torch.tensor([place[item.edit.target] for _, item in picks if item.edit.target is not None])
        x = batch.x[[row for row, _ in picks]]
        embedding = linear.decoded(x, source, target, torch.full((len(x),), strength))
        part = batch.prefix.rows(torch.tensor([row for row, _ in picks], device=batch.prefix.mask.device))
        done, limit = stopping([reads_of(setting, item) for _, item in picks], setting.decoders)
        answers = whole.greedy(part, embedding.to(part.states[setting.sae.layer]), done, limit)
        for (_, item), ids in zip(picks, answers, strict=True):
            rows.append(make_row(setting, item, Arm("published", strength), setting.lm.decode(ids), True, strength, False))
    return rows


def _macro(rows: Sequence[SwapRow]) -> float:
    """Hit, as the mean over pairs."""
    return _mean(_mean(row.hit for row in some) for some in by_pair(rows).values())


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else 0.0


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
