"""Does edited text go on well? Perplexity under the base model, and repetition, of what the edited model writes on.

Both are taken over the tokens that follow the answer (a swap's answer is *meant* to be unlikely), for a suppression over all of
them, and beside the model's own text on the same prompt.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from kedit.curriculum.prompts import Prompt
from kedit.editing.edited import edited
from kedit.editing.resolving import ResolvedRecipe
from kedit.lm.batching import padded
from kedit.progress import progress
from kedit.verification.applying import Applied
from kedit.verification.figures import Fluency, Gate, Share
from kedit.verification.items import Item
from kedit.verification.scoping import share
from kedit.verification.setting import Setting
from kedit.verification.statistics import EMPTY, Estimate, bootstrap_ci
from kedit.verification.verdict import Measured

PROMPTS: Final = 48
TOKENS: Final = 30
"""After the answer."""
ANSWER: Final = 12
"""Most tokens that an answer takes."""
NGRAM: Final = 4
FLUENCY: Final = ("perplexity_ratio", "repetition")
"""Metrics that are measured here."""
COLLAPSED: Final = 10
"""Percentage points more texts that end at once under the edit, from where on the others are no sample of what it writes."""
ROWS_PER_CALL: Final = 48
_END = re.compile(r"[\n.,;:!?)]")


class Text(NamedTuple):
    """What was written on: token ids, and how many of them are the answer."""

    ids: list[int]
    answer: int

    @property
    def rest(self) -> list[int]:
        """What follows the answer."""
        return self.ids[self.answer :]


class Measure(NamedTuple):
    """The block of documents, the numbers that expectations are held against, what went on, and what is to be said."""

    fluency: Fluency
    numbers: list[Measured]
    gate: Gate
    note: str = ""


def fluency(setting: Setting, work: Applied, items: Sequence[Item], *, seed: int = 0) -> Measure | None:
    """Fluency of one prompt of each of up to PROMPTS items; None if there are none."""
    prompts = list({item.prompt.id: item.prompt for item in items}.values())[:PROMPTS]
    if not prompts:
        return None
    whole = any(edit.op == "suppress" for edit in work.edits)
    recipe = ResolvedRecipe("fluency", work.numbered)
    base, made, losses = [], [], []
    with (
        edited(setting.lm, setting.sae, recipe, setting.ontology, carriers=setting.known_carriers) as model,
        progress(f"fluency of {work.id or 'all edits'}", len(prompts), "prompt") as advance,
    ):
        for start in range(0, len(prompts), ROWS_PER_CALL):
            part = prompts[start : start + ROWS_PER_CALL]
            written = [_written(setting, part, generate, whole) for generate in (setting.lm.model.generate, model.generate)]
            losses += list(zip(*(_losses(setting, part, texts) for texts in written), strict=True))
            base += written[0]
            made += written[1]
            advance(len(part))
    return _summary(prompts, base, made, losses, work, seed)


def _summary(
    prompts: Sequence[Prompt],
    base: Sequence[Text],
    made: Sequence[Text],
    losses: Sequence[tuple[float, float]],
    work: Applied,
    seed: int,
) -> Measure:
    kept = [i for i, (text, other) in enumerate(zip(base, made, strict=True)) if text.rest and other.rest]
    ended = [share(prompts, [not text.rest for text in side], seed) for side in (base, made)]
    before, after = (sum(not text.rest for text in side) for side in (base, made))
    # Of an edit that silences the model only the texts that it did not silence would be left to judge.
    collapsed = 100 * (after - before) >= COLLAPSED * len(prompts)
    ratio, repeated = (EMPTY, EMPTY) if collapsed else _going_on(prompts, made, losses, kept, seed)
    means = [math.exp(sum(losses[i][side] for i in kept) / len(kept)) if kept else None for side in (0, 1)]
    block = Fluency(
        n=len(kept),
        subjects=len({prompts[i].subject for i in kept}),
        ended_base=Share.of(ended[0]),
        ended_edited=Share.of(ended[1]),
        perplexity_base=means[0],
        perplexity_edited=means[1],
        perplexity_ratio=Share.found(ratio),
        repetition_base=sum(repetition(base[i].ids) for i in kept) / len(kept) if kept else None,
        repetition_edited=Share.found(repeated),
    )
    numbers = [Measured("perplexity_ratio", ratio, edit=work.id), Measured("repetition", repeated, edit=work.id)]
    note = f"the edit ends {after} of {len(prompts)} texts at once ({before} without it): fluency of the others says too little"
    gate = Gate(kept=len(kept), dropped=len(prompts) - len(kept), note="texts that go on after the answer, edited or not")
    return Measure(block, numbers, gate, note if collapsed else "")


def _going_on(
    prompts: Sequence[Prompt], made: Sequence[Text], losses: Sequence[tuple[float, float]], kept: Sequence[int], seed: int
) -> tuple[Estimate, Estimate]:
    """Ratio of perplexities, and repetition, over the texts that went on."""
    subjects = [str(prompts[i].subject) for i in kept]
    carriers = [prompts[i].carrier for i in kept]
    change = bootstrap_ci([losses[i][1] - losses[i][0] for i in kept], subjects, carriers, bounds=None, seed=seed)
    value, low, high = (math.exp(end) for end in (change.value, change.low, change.high))
    ratio = Estimate(value, low, high, change.n, change.subjects)
    return ratio, bootstrap_ci([repetition(made[i].ids) for i in kept], subjects, carriers, seed=seed)


def repetition(ids: Sequence[int], n: int = NGRAM) -> float:
    """Share of n-grams that have occurred before in the text; 0 where it is shorter than two of them."""
    grams = [tuple(ids[i : i + n]) for i in range(len(ids) - n + 1)]
    return 1 - len(set(grams)) / len(grams) if len(grams) > 1 else 0.0


def _written(setting: Setting, prompts: Sequence[Prompt], generate: Callable[..., Any], whole: bool) -> list[Text]:
    """Greedy text behind each prompt."""
    lm = setting.lm
    tokens, mask = _padded(setting, lm.encode_batch([prompt.text for prompt in prompts]))
    stop = min(lm.stop_tokens, default=0)
    room = getattr(lm.model.config, "max_position_embeddings", None) or tokens.shape[1] + TOKENS + ANSWER
    limit = min(TOKENS + (0 if whole else ANSWER), room - tokens.shape[1])
    if limit < 1:
        return [Text([], 0) for _ in prompts]
    made = generate(tokens, attention_mask=mask, max_new_tokens=limit, do_sample=False, num_beams=1, pad_token_id=stop)
    texts = []
    for row in made[:, tokens.shape[1] :].tolist():
        ids = row[: next((i for i, token in enumerate(row) if token in lm.stop_tokens), len(row))]
        answer = 0 if whole else _answer_length(setting, ids)
        texts.append(Text(ids[: answer + TOKENS], answer))
    return texts


def _answer_length(setting: Setting, ids: Sequence[int]) -> int:
    """Tokens up to the first that ends a phrase."""
    for count in range(1, min(len(ids), ANSWER) + 1):
        if _END.search(setting.lm.decode(ids[:count]).strip()):
            return count
    return min(len(ids), ANSWER)


@torch.no_grad()
def _losses(setting: Setting, prompts: Sequence[Prompt], texts: Sequence[Text]) -> list[float]:
    """Mean negative log-likelihood, in nats, of each text's rest under the unedited model; NaN where there is none."""
    lm = setting.lm
    rows = [ids + text.ids for ids, text in zip(lm.encode_batch([p.text for p in prompts]), texts, strict=True)]
    tokens, mask = _padded(setting, rows)
    places = (mask.cumsum(1) - 1).clamp_min(0)
    keep = max(len(text.ids) for text in texts) + 1
    logits = lm.model(input_ids=tokens, attention_mask=mask, position_ids=places, logits_to_keep=keep).logits
    found = []
    for row, text in enumerate(texts):
        count = len(text.rest)
        if not count:
            found.append(float("nan"))
            continue
        losses = F.cross_entropy(logits[row, -count - 1 : -1].float(), tokens[row, -count:])
        found.append(losses.item())
    return found


def _padded(setting: Setting, rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Tokens and mask [n, longest], padded in front, where the model is."""
    tokens, mask = padded(rows)
    return tokens.to(setting.lm.device), mask.to(setting.lm.device)
