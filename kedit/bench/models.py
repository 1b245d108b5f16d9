"""Work on a language model: reading states, steps of the control loss, swaps; each beside the naive way and its own floor.

The naive way takes one prompt at a time through the whole model: it is measured on a part and scaled, and what both make of
that part must be the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from kedit.bench.floors import Costs, Peak, Timed, costs_of, keys_seen, median, timed
from kedit.bench.report import Result
from kedit.bench.workload import Workload
from kedit.lm.batching import by_carrier, padded, shared_tokens
from kedit.lm.capture import capture_decisions
from kedit.lm.hooks import residual_hook
from kedit.lm.knowledge import Knowledge
from kedit.lm.model import LanguageModel
from kedit.lm.reading import Reads, answer_limit
from kedit.lm.swaps import Swap, SwapData
from kedit.machine import peak_memory
from kedit.sae.control import Rows, answer_loss, swap_delta, train_control, write_rows
from kedit.sae.dictionary import AlignedSAE
from kedit.verification.generating import batches, edited_answers
from kedit.verification.setting import Setting

NAIVE = 24
"""Prompts, or swaps, that the naive way is measured on."""
STEPS, BATCH = 12, 64
STRENGTHS = (1.0, 2.0)
"""Times the mean difference of two relations, that swaps are evaluated at."""
TOLERANCE = {torch.float32: 1e-3}
"""Relative to the largest entry, by dtype; across batch sizes sums differ in their last bits."""
HALF_TOLERANCE = 3e-2


class Measured(NamedTuple):
    """A result, and lengths that it depends on: tokens, means."""

    result: Result
    lengths: dict[str, float]


def capture(work: Workload, repeat: int) -> Measured:
    """Decision states of all prompts at all hook points."""
    lm, costs = work.lm, costs_of(work.lm)
    flop = _reading_flop(work, costs, max(work.layers))

    def ours(some: Workload = work) -> dict[int, Tensor]:
        return capture_decisions(lm, some.ids, some.carriers, some.layers)

    peak, runs = _interleaved(ours, repeat, lm)
    memory, part = peak_memory(), work.each(NAIVE)
    naive = timed(lambda: [_all_hidden(lm.model, row, part.layers) for row in part.ids], lm.device)
    found = ours(part)
    equal = all(_near(found[layer], torch.stack([row[layer] for row in naive.result]), lm.dtype) for layer in work.layers)
    seconds = naive.seconds * len(work.ids) / len(part.ids)
    result = Result("capture", median(runs), seconds, flop / peak.rate, memory, equal)
    return Measured(result, _lengths(work))


def control(work: Workload, repeat: int) -> Measured:
    """A step of the control loss on 64 swaps, its answers' tokens and gradients; prompts are cached beforehand."""
    lm, layer, costs = work.lm, work.layers[-1], costs_of(work.lm)
    swaps = work.swaps()
    data = SwapData(lm, layer, work.prompts, swaps)
    W, b, start = _slots(work)
    tokens = BATCH * sum(len(swap.answer) for swap in swaps) / len(swaps)
    keys = sum(map(len, work.ids)) / len(work.ids)
    above = lm.n_layers - layer - 1
    # Backwards the same products again, by what goes in: weights are frozen.
    flop = 2 * tokens * (costs.above(layer) + costs.head + above * costs.attention * keys)

    def ours() -> Rows:
        return train_control(data, W, b, start, steps=STEPS, batch=BATCH, label="control steps")

    peak, runs = _interleaved(ours, repeat, lm)
    memory = peak_memory()
    some = swaps[:: max(1, len(swaps) // NAIVE)][:NAIVE]
    D = write_rows(W, start).D
    naive = timed(lambda: _naive_loss(work, some, W, b, D), lm.device)
    batch = SwapData(lm, layer, work.prompts, some).batch(torch.arange(len(some)))
    ours_once = _gradient(lambda rows: _cached_loss(batch, W, b, rows), D)
    equal = all(_near(a, b, lm.dtype) for a, b in zip(ours_once, naive.result, strict=True))
    seconds = naive.seconds * BATCH / len(some)
    result = Result(f"control-loss step, {BATCH} swaps", median(runs) / STEPS, seconds, flop / peak.rate, memory, equal)
    return Measured(result, {"tokens_per_prompt": keys, "tokens_per_answer": tokens / BATCH})


def swap(work: Workload, repeat: int) -> Measured:
    """Answers of all prompts to all swaps at all strengths, prompts read anew."""
    lm, costs, layer = work.lm, costs_of(work.lm), work.layers[-1]
    setting, vectors = _setting(work), _slots(work)[2]
    by_prompt: dict[str, list[Swap]] = {}
    swaps = work.swaps()
    for one in swaps:
        by_prompt.setdefault(work.prompts[one.prompt].id, []).append(one)

    def reads(one: Swap) -> Reads:
        prompt, target = work.prompts[one.prompt], setting.relations[one.target]
        values = work.ontology.values(target, str(prompt.subject))
        return ((target, values), (str(prompt.relation), prompt.answers))

    def delta(one: Swap, strength: float) -> Tensor:
        return strength * (vectors[one.target] - vectors[one.source])

    def ours() -> dict[tuple[Swap, float], list[int]]:
        found: dict[tuple[Swap, float], list[int]] = {}
        for batch in batches(setting, work.prompts, "swaps"):
            cells = [
                (row, one, strength)
                for row, prompt in enumerate(batch.prompts)
                for one in by_prompt.get(prompt.id, ())
                for strength in STRENGTHS
            ]
            x = torch.stack([batch.x[row] + delta(one, strength) for row, one, strength in cells])
            answers = edited_answers(setting, batch.prefix, [row for row, *_ in cells], x, [reads(one) for _, one, _ in cells])
            found.update(zip(((one, strength) for _, one, strength in cells), answers, strict=True))
        return found

    peak, runs = _interleaved(ours, repeat, lm)
    memory, found = peak_memory(), runs[-1].result
    generated = [max(1, len(ids)) for ids in found.values()]
    each = costs.above(layer) + costs.head
    flop = _reading_flop(work, costs, lm.n_layers - 1) + len(work.ids) * costs.head
    flop += sum(each + (n - 1) * (costs.whole + costs.head) for n in generated)
    cells = list(found)[:: max(1, len(found) // NAIVE)][:NAIVE]
    naive = timed(
        lambda: [_generated(work, one, delta(one, s), answer_limit(reads(one), setting.decoders)) for one, s in cells], lm.device
    )
    equal = all(_begins(ids, found[cell]) for cell, ids in zip(cells, naive.result, strict=True))
    seconds = naive.seconds * len(found) / len(cells)
    result = Result(f"swap evaluation, {len(found):,} swaps", median(runs), seconds, flop / peak.rate, memory, equal)
    lengths = _lengths(work) | {"tokens_per_answer": sum(generated) / len(generated)}
    return Measured(result, lengths)


def _interleaved(work: Callable[[], Any], repeat: int, lm: LanguageModel) -> tuple[Peak, list[Timed]]:
    """The work, once to warm up and then `repeat` times, and the peak before and after each."""
    peak = Peak(lm.device, lm.dtype)
    work()
    peak.sample()
    runs = []
    for _ in range(repeat):
        runs.append(timed(work, lm.device))
        peak.sample()
    return peak, runs


def _reading_flop(work: Workload, costs: Costs, layer: int) -> float:
    """Reading prompts once through blocks 0 to `layer`: what a carrier's prompts begin with in common counts once."""
    tokens = keys = 0
    for shared, rest in _parts(work):
        tokens += shared + sum(rest)
        keys += keys_seen(0, shared) + sum(keys_seen(shared, length) for length in rest)
    return tokens * costs.upto(layer) + (layer + 1) * costs.attention * keys


def _parts(work: Workload) -> Iterator[tuple[int, list[int]]]:
    """Of every carrier: tokens that all its prompts begin with, and how many each has behind them."""
    for members in by_carrier(work.carriers):
        rows = [work.ids[i] for i in members]
        shared = shared_tokens(rows)
        yield shared, [len(row) - shared for row in rows]


def _lengths(work: Workload) -> dict[str, float]:
    """Mean tokens of a prompt, and of these those that all prompts of its carrier begin with."""
    shared = sum(shared * len(rest) for shared, rest in _parts(work))
    return {"tokens_per_prompt": sum(map(len, work.ids)) / len(work.ids), "shared_tokens_per_prompt": shared / len(work.ids)}


def _slots(work: Workload) -> tuple[Tensor, Tensor, Tensor]:
    """Reads W [d, R], b [R] and rows [R, d] that stand in for trained ones: mean states of relations, less the mean of all."""
    layer = work.layers[-1]
    part = work.each(256)
    x = capture_decisions(work.lm, part.ids, part.carriers, (layer,))[layer]
    means = []
    for slot in work.slots.relations:
        own = torch.tensor([prompt.relation == slot.iri for prompt in part.prompts])
        means.append(x[own].mean(0) if own.any() else x.mean(0))
    rows = torch.stack(means) - x.mean(0)
    rows = rows + 1e-3 * rows.norm() * torch.randn(rows.shape, generator=torch.Generator().manual_seed(0)) / rows.shape[1] ** 0.5
    W = torch.linalg.pinv(rows)
    return W, -(x.mean(0) @ W), rows


def _setting(work: Workload) -> Setting:
    """What evaluating swaps needs of a run."""
    W, b, rows = _slots(work)
    d, slots = W.shape
    sae = AlignedSAE(work.layers[-1], W, b, rows, torch.zeros(d), torch.full((slots,), 0.5), slots)
    nothing = Knowledge((), (), (), {}, {}, {}, {}, {}, {})
    prompts: Any = None
    return Setting(work.lm, sae, work.ontology, work.slots, prompts, nothing, work.matchers)


@torch.no_grad()
def _all_hidden(model: Any, row: Sequence[int], layers: Sequence[int]) -> dict[int, Tensor]:
    output = model(input_ids=torch.tensor([list(row)], device=model.device), output_hidden_states=True)
    return {layer: output.hidden_states[layer + 1][0, -1].float().cpu() for layer in layers}


def _gradient(loss_of: Callable[[Tensor], Tensor], D: Tensor) -> tuple[Tensor, Tensor]:
    """Loss and its gradient by the write rows."""
    leaf = D.clone().requires_grad_(True)
    loss = loss_of(leaf)
    return loss.detach(), torch.autograd.grad(loss, leaf)[0]


def _cached_loss(batch: Any, W: Tensor, b: Tensor, D: Tensor) -> Tensor:
    x = batch.x + swap_delta(batch.x @ W + b, D, batch.source, batch.target, 1.0)
    return answer_loss(batch.logits(x), batch.answers).sum()


def _naive_loss(work: Workload, swaps: Sequence[Swap], W: Tensor, b: Tensor, D: Tensor) -> tuple[Tensor, Tensor]:
    """Loss and gradient of every swap's prompt and answer through the whole model, one by one, summed."""
    found = [_gradient(partial(_whole_loss, work, swap, W, b), D) for swap in swaps]
    return torch.stack([loss for loss, _ in found]).sum(), torch.stack([grad for _, grad in found]).sum(0)


def _whole_loss(work: Workload, swap: Swap, W: Tensor, b: Tensor, D: Tensor) -> Tensor:
    lm, ids = work.lm, work.ids[swap.prompt]
    place = len(ids) - 1

    def edit(hidden: Tensor) -> Tensor:
        x = hidden[:, place].float().cpu()
        moved = torch.zeros_like(hidden)
        delta = swap_delta(x @ W + b, D, torch.tensor([swap.source]), torch.tensor([swap.target]), 1.0)
        moved[:, place] = delta.to(hidden)
        return hidden + moved

    with residual_hook(lm.blocks[work.layers[-1]], edit):
        logits = lm.model(input_ids=torch.tensor([[*ids, *swap.answer]], device=lm.device)).logits
    return answer_loss(logits[:, place:-1].contiguous(), torch.tensor([swap.answer])).sum()


@torch.no_grad()
def _generated(work: Workload, one: Swap, delta: Tensor, limit: int) -> list[int]:
    """A swap's answer by `generate` of the whole model, the edit in a hook, at the prompt's last token alone."""
    lm = work.lm
    ids, mask = padded([work.ids[one.prompt]])
    seen: list[int] = []

    def edit(hidden: Tensor) -> Tensor | None:
        seen.append(1)
        if len(seen) > 1:
            return None
        moved = torch.zeros_like(hidden)
        moved[:, -1] = delta.to(hidden)
        return hidden + moved

    with residual_hook(lm.blocks[work.layers[-1]], edit):
        stop = min(lm.stop_tokens, default=0)
        made = lm.model.generate(
            ids.to(lm.device),
            attention_mask=mask.to(lm.device),
            max_new_tokens=limit,
            do_sample=False,
            num_beams=1,
            pad_token_id=stop,
        )
    return list(_until(made[0, ids.shape[1] :].tolist(), lm.stop_tokens))


def _until(ids: Sequence[int], stops: frozenset[int]) -> Iterator[int]:
    for token in ids:
        if token in stops:
            return
        yield token


def _begins(whole: Sequence[int], part: Sequence[int]) -> bool:
    """Whether an answer that ended as soon as it was settled is how the other one begins."""
    return list(whole[: len(part)]) == list(part)


def _near(a: Tensor, b: Tensor, dtype: torch.dtype) -> bool:
    return bool((a.cpu() - b.cpu()).abs().max() <= TOLERANCE.get(dtype, HALF_TOLERANCE) * b.abs().max().cpu())
